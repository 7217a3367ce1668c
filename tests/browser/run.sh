#!/bin/sh
# Runs tests in a browser, or of the pages' modules: run.sh FILE…
# Chromium is Debian's; what drives it comes from npm, exactly as package-lock.json names it, and lies beside the
# programs under test ($SOTTO_BIN, build/bin by default). Without a way to npm's registry, and with nothing installed by
# an earlier run, the status is 77: skipped.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
SOTTO_BIN=${SOTTO_BIN:-$here/../../build/bin}
folder=$(dirname "$SOTTO_BIN")/browser
unreachable='ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED'

for program in node npm chromium flite; do
    command -v "$program" >/dev/null || {
        echo "FAILED: the pages are not tested, $program is missing. Run make deps, which installs it." >&2
        exit 1
    }
done

# Two tests may want it at a time.
install() (
    flock 9
    ! cat "$here/package.json" "$here/package-lock.json" "$here/.npmrc" | cmp -s - "$folder/installed" || exit 0
    rm -f "$folder/installed"
    cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$folder/"
    if ! (cd "$folder" && timeout 240 npm ci >npm.log 2>&1); then
        cat "$folder/npm.log" >&2
        ! grep -qE "$unreachable" "$folder/npm.log" || {
            echo "SKIPPED: the pages are not tested, npm cannot reach its registry." >&2
            exit 77
        }
        exit 1
    fi
    cat "$here/package.json" "$here/package-lock.json" "$here/.npmrc" >"$folder/installed"
) 9>"$folder/lock"

mkdir -p "$folder"
install
export SOTTO_BIN
exec node --test --test-reporter=spec "$@"
