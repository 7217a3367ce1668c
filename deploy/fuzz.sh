#!/bin/sh
# `make fuzz`: every fuzz target for FUZZ_SECONDS (60) over a copy of its corpus. What it finds stays in build/fuzz/found.
set -eu
cd "$(dirname "$0")/.."

deploy/build.sh fuzz
found=build/fuzz/found
mkdir -p "$found"
for target in build/fuzz/bin/fuzz_*; do
    [ -x "$target" ] || continue
    name=$(basename "$target")
    corpus=build/fuzz/corpus/${name#fuzz_}
    mkdir -p "$corpus"
    echo "== $name"
    "$target" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$found/$name-" "$corpus" "tests/fuzz/corpus/${name#fuzz_}"
done
