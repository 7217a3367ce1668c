#!/bin/sh
# Installs the Debian packages of packages.txt that are missing.
#   deps.sh [GROUP…]           installs; groups are build, run, test (the default), official, browser, fuzz, bench
#   deps.sh --check [GROUP…]   names what is missing; exit status 1 when something is
set -eu

list=$(dirname "$0")/packages.txt
mode=install
if [ "${1:-}" = --check ]; then
    mode=check
    shift
fi
groups=${*:-build run test}

packages() {
    for group in $groups; do
        sed 's/#.*//' "$list" | while read -r of name; do
            [ "$of" != "$group" ] || echo "$name"
        done
    done
}

# A program that is there counts, wherever it came from: some packages of Node.js bring npm and refuse Debian's.
missing() {
    for name in $(packages); do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
        [ "$state" = installed ] || command -v "$name" >/dev/null || echo "$name"
    done
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    if [ "$mode" = check ]; then
        # Nothing can be asked here; what is missing will show when cmake looks for it.
        exit 0
    fi
    echo "This is not a Debian system: install what these Debian 12 packages hold, then run make build:" >&2
    packages | sed 's/^/  /' >&2
    exit 1
fi

wanted=$(missing)
if [ "$mode" = check ]; then
    [ -n "$wanted" ] || exit 0
    echo $wanted
    exit 1
fi
if [ -z "$wanted" ]; then
    echo "All packages are installed." >&2
    exit 0
fi

root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "Not root, and there is no sudo. As root: apt-get install --no-install-recommends" $wanted >&2
        exit 1
    }
    root=sudo
fi
echo "Installing:" $wanted >&2
$root apt-get update -q >&2
$root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $wanted \
    </dev/null >&2
