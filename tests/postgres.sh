#!/usr/bin/env bash
# A throw-away PostgreSQL: a Unix socket in a temporary folder, no port, no durability, gone at the end. Where there is
# room, the folder is in memory.
#
#   tests/postgres.sh COMMAND…   run COMMAND with TEST_POSTGRES_URL set
#   tests/postgres.sh            start one, print its URL, keep it until Ctrl-C
#   source tests/postgres.sh     then postgres_start, $TEST_POSTGRES_URL, postgres_stop
#
# SOUK_PG_FSYNC=on for runs that kill the database and expect it to remember.

PG_BIN='' PG_DIR='' PG_JOB=''

postgres_find() {
  local initdb candidate
  initdb=$(command -v initdb || true)
  if [[ -n $initdb ]]; then
    PG_BIN=$(dirname "$(readlink -f "$initdb")")
    [[ -x $PG_BIN/postgres ]] && return 0
  fi
  for candidate in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV); do
    if [[ -x $candidate/initdb && -x $candidate/postgres ]]; then
      PG_BIN=$candidate
      return 0
    fi
  done
  PG_BIN=''
  return 1
}

postgres_install() {
  if [[ $EUID -eq 0 && ${CI:-} == true ]] && command -v apt-get >/dev/null; then
    echo "PostgreSQL isn't here: installing it (root, CI=true)" >&2
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >&2
  else
    cat >&2 <<'SAY'
PostgreSQL isn't installed (no initdb in PATH or /usr/lib/postgresql). Either
  install it:            apt-get install postgresql   (or your system's package)
  or use one you have:   TEST_POSTGRES_URL=postgres://user:password@host/postgres ./test
  (its user must be allowed to create databases)
  or leave it out:       ./test fmt lint unit sqlite
SAY
    return 1
  fi
}

# PostgreSQL refuses to run as root, so root lends it the `postgres` user, or `nobody`.
postgres_as() {
  if [[ $EUID -ne 0 ]]; then
    "$@"
    return
  fi
  local user=postgres
  id -u "$user" >/dev/null 2>&1 || user=nobody
  if command -v setpriv >/dev/null; then
    setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups "$@"
  else
    local quoted
    printf -v quoted '%q ' "$@"
    su -s /bin/bash "$user" -c "exec $quoted"
  fi
}

postgres_pid() {
  if [[ -n $PG_DIR && -r $PG_DIR/data/postmaster.pid ]]; then
    head -n 1 "$PG_DIR/data/postmaster.pid" 2>/dev/null
  fi
}

# The folder that the server's own is made in. Each test has a database, and in memory their files cost half of what they
# cost on a disk. What must be durable is on the disk, and so is all where little memory is set aside, as in a container.
postgres_place() {
  local free
  free=$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)
  if [[ ${SOUK_PG_FSYNC:-off} == off && -w /dev/shm && ${free:-0} -gt 4000000 ]]; then
    echo /dev/shm
  else
    echo /tmp
  fi
}

postgres_start() {
  postgres_find || { postgres_install && postgres_find; } || return 1
  PG_DIR=$(mktemp -d "$(postgres_place)/souk-pg.XXXXXX") || return 1
  if [[ $EUID -eq 0 ]]; then
    local user=postgres
    id -u "$user" >/dev/null 2>&1 || user=nobody
    chown "$user:$(id -g "$user")" "$PG_DIR"
  fi
  # From /, since the server's user may not be able to stand where we stand.
  if ! (cd / && postgres_as env -u PGDATA LC_ALL=C.UTF-8 "$PG_BIN/initdb" -D "$PG_DIR/data" -U postgres \
    --auth=trust --encoding=UTF8 --no-sync) >"$PG_DIR.initdb.log" 2>&1; then
    cat "$PG_DIR.initdb.log" >&2
    echo "initdb failed" >&2
    postgres_stop
    return 1
  fi
  local fsync=${SOUK_PG_FSYNC:-off}
  (cd / && postgres_as env LC_ALL=C.UTF-8 "$PG_BIN/postgres" -D "$PG_DIR/data" \
    -c listen_addresses= -c unix_socket_directories="$PG_DIR" -c unix_socket_permissions=0777 \
    -c fsync="$fsync" -c full_page_writes="$fsync" -c max_connections=300 -c shared_buffers=256MB \
    -c max_wal_size=4GB -c deadlock_timeout=200ms) </dev/null >"$PG_DIR.log" 2>&1 &
  PG_JOB=$!
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    # The eighth line of the pid file says `ready` once connections are taken.
    if [[ $(sed -n 8p "$PG_DIR/data/postmaster.pid" 2>/dev/null) == ready* ]]; then
      export TEST_POSTGRES_URL="postgres:///postgres?host=$PG_DIR&user=postgres"
      return 0
    fi
    kill -0 "$PG_JOB" 2>/dev/null || break
    sleep 0.1
  done
  cat "$PG_DIR.log" >&2
  echo "PostgreSQL did not start" >&2
  postgres_stop
  return 1
}

# Ends the server that postgres_start started, by its pid, and nothing else. Safe to call twice.
postgres_stop() {
  [[ -n $PG_DIR ]] || return 0
  local pid tries
  pid=$(postgres_pid)
  if [[ -n $pid ]] && kill -INT "$pid" 2>/dev/null; then
    for ((tries = 0; tries < 100; tries++)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -QUIT "$pid" 2>/dev/null || true
  elif [[ -n $PG_JOB ]]; then
    kill "$PG_JOB" 2>/dev/null || true
  fi
  [[ -z $PG_JOB ]] || wait "$PG_JOB" 2>/dev/null || true
  rm -rf "$PG_DIR" "$PG_DIR.log" "$PG_DIR.initdb.log"
  PG_DIR='' PG_JOB=''
}

# A new database beside the one TEST_POSTGRES_URL names; prints its URL.
postgres_fresh_database() {
  local name=$1 psql
  postgres_find || true
  psql=${PG_BIN:+$PG_BIN/psql}
  [[ -x $psql ]] || psql=$(command -v psql) || {
    echo "psql isn't in PATH, and a fresh database on TEST_POSTGRES_URL needs it: install postgresql-client" >&2
    return 1
  }
  # A database that a killed run left under this name would not be fresh.
  "$psql" -X -q -v ON_ERROR_STOP=1 -d "$TEST_POSTGRES_URL" \
    -c "SET client_min_messages = warning" \
    -c "DROP DATABASE IF EXISTS $name" -c "CREATE DATABASE $name" >&2 || return 1
  local rest=${TEST_POSTGRES_URL#*://} query=''
  [[ $rest == *\?* ]] && query="?${rest#*\?}"
  rest=${rest%%\?*}
  echo "postgres://${rest%%/*}/$name$query"
}

postgres_drop_database() {
  local psql=${PG_BIN:+$PG_BIN/psql}
  [[ -x $psql ]] || psql=$(command -v psql) || return 0
  "$psql" -X -q -d "$TEST_POSTGRES_URL" -c "DROP DATABASE IF EXISTS $1 WITH (FORCE)" >/dev/null 2>&1 || true
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -uo pipefail
  trap postgres_stop EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  postgres_start || exit 1
  if (($#)); then
    "$@"
    exit
  fi
  echo "$TEST_POSTGRES_URL"
  wait "$PG_JOB"
fi
