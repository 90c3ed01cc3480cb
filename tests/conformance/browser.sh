#!/usr/bin/env bash
# The simulator's pages in headless Chromium: what they say, what the API says afterwards, and whether
# everybody can use them (labels, headings, 360 px, axe-core).
#
# usage: tests/conformance/browser.sh [STEP…]    onboard pay decline challenge promotion debit modes portal plan invoice control
#
# BROWSER_PICTURES=FOLDER keeps a picture of each page, wide and narrow. CHROMIUM names the browser.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 2
cd "$here/../.." || exit 2
target=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd) || exit 2
folder=$target/conformance/browser

for each in node npm; do
  command -v "$each" >/dev/null || {
    echo "The browser tests need $each. On Debian: apt-get install nodejs npm" >&2
    exit 1
  }
done
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v google-chrome)} || {
  echo "The browser tests need Chromium. On Debian: apt-get install chromium" >&2
  exit 1
}
export CHROMIUM

if ! cmp -s "$here/browser/package.json" "$folder/installed.json"; then
  echo "-- installing playwright-core and axe-core"
  mkdir -p "$folder" && cp "$here/browser/package.json" "$folder/" || exit 1
  (cd "$folder" && npm install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel error) || exit 1
  cp "$here/browser/package.json" "$folder/installed.json"
fi
cargo build --quiet --workspace --bins --examples || exit 1
PACKAGES=$folder/package.json SIMULATOR=$target/debug/souk-simulator exec node "$here/browser/pages.mjs" "$@"
