#!/bin/sh
# Configures and builds presets of CMakePresets.json; installs missing packages before. Warnings are errors, except
# for the fuzz targets, which another compiler builds.
#   build.sh PRESET…
set -eu
cd "$(dirname "$0")/.."

groups="build run test"
for preset in "$@"; do
    [ "$preset" != fuzz ] || groups="$groups fuzz"
done
deploy/deps.sh --check $groups >/dev/null || deploy/deps.sh $groups

for preset in "$@"; do
    werror=ON
    target=all
    if [ "$preset" = fuzz ]; then
        werror=OFF
        target=fuzzers
    fi
    log=$(mktemp)
    # Configuring says much that nobody reads; it is shown when it fails.
    if ! cmake --preset "$preset" -DSOTTO_WERROR=$werror >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
    cmake --build --preset "$preset" --target "$target" -j "${JOBS:-$(nproc)}"
done
