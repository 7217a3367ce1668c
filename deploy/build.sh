#!/bin/sh
# Configures and builds presets of CMakePresets.json, warnings being errors; installs missing packages before.
#   build.sh PRESET…
set -eu
cd "$(dirname "$0")/.."

groups="build run test"
for preset in "$@"; do
    [ "$preset" != fuzz ] || groups="$groups fuzz"
done
deploy/deps.sh --check $groups >/dev/null || deploy/deps.sh $groups

for preset in "$@"; do
    log=$(mktemp)
    # Configuring says much that nobody reads; it is shown when it fails.
    if ! cmake --preset "$preset" -G Ninja -DSOTTO_WERROR=ON >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
    cmake --build --preset "$preset" -j "${JOBS:-$(nproc)}"
done
