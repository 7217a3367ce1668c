#!/bin/sh
# `make check`: builds and tests release, then the sanitizer builds, and stops at the first stage that fails. At the end
# it tells how long each stage took and which tests took longest: all of it is to stay within 15 minutes on two cores.
#   STAGES="release asan tsan" picks stages; `check.sh soak` runs the long tests of the release build.
set -eu
cd "$(dirname "$0")/.."

jobs=${JOBS:-$(nproc)}
slots=$((jobs * 8)) # of tests/CMakeLists.txt
budget_s=900
begin_s=$(date +%s)
times=$(mktemp -d)
trap 'rm -rf "$times"' EXIT
export CTEST_OUTPUT_ON_FAILURE=1

stage() {
    echo "== $* ($(date +%H:%M:%S))"
}

# The sanitizers of Debian 12's compilers cannot map their shadow on kernels that randomise more bits.
still() {
    if setarch -R true 2>/dev/null; then
        setarch -R "$@"
    else
        "$@"
    fi
}

# build directory, tests at once, then ctest's selection
run_tests() {
    dir=$1
    at_once=$2
    shift 2
    still ctest --test-dir "$dir" -j "$at_once" --no-tests=error "$@"
}

# What waits for other programs may wait too long on a machine that does something else as well: at most four tests that
# failed in a crowd run once more, each alone, and the report names those that then passed. Nothing else is forgiven.
alone() {
    list=$1/Testing/Temporary/LastTestsFailed.log
    [ -s "$list" ] && [ "$(wc -l <"$list")" -le 4 ] && ! grep -qv ':\(integration\|browser\)/' "$list" || return 1
    sed 's/^[0-9]*:/  /' "$list" >"$times/alone"
    stage "again, alone: $(tr -d "\n" <"$times/alone")"
    run_tests "$1" 1 --rerun-failed && return
    rm "$times/alone"
    return 1
}

took() {
    echo "$1 $(($(date +%s) - $2)) s" >>"$times/stages"
}

# The slowest tests of a stage, from ctest's own record.
slowest() {
    [ ! -f "$2/Testing/Temporary/CTestCostData.txt" ] || sed '/^---/,$d' "$2/Testing/Temporary/CTestCostData.txt" |
        awk -v stage="$1" '{ printf "%8.1f s  %s  %s\n", $3, stage, $1 }' >>"$times/tests"
}

report() {
    total_s=$(($(date +%s) - begin_s))
    stage "$((total_s / 60)) min $((total_s % 60)) s"
    [ ! -f "$times/stages" ] || sed 's/^/  /' "$times/stages"
    [ ! -f "$times/tests" ] || { echo "The slowest tests:" && sort -rn "$times/tests" | head -10; }
    [ ! -f "$times/alone" ] || { echo "Failed beside the others, passed alone:" && cat "$times/alone"; }
    [ "$total_s" -le "$budget_s" ] ||
        echo "This took longer than the $((budget_s / 60)) minutes that make check may take on two idle cores." >&2
}

if [ "${1:-}" = soak ]; then
    stage "release: build"
    deploy/build.sh release
    stage "release: soak"
    run_tests build "$slots" -L soak -V
    exit
fi

for name in ${STAGES:-release asan tsan}; do
    stage "$name: build"
    at_s=$(date +%s)
    deploy/build.sh "$name"
    # Without these packages some tests fail, and say so; all others need not wait for them.
    [ "$name" != release ] || deploy/deps.sh --check official browser >/dev/null || deploy/deps.sh official browser || true
    took "$name: build" "$at_s"
    stage "$name: tests"
    at_s=$(date +%s)
    failed=0
    case $name in
    release) dir=build && run_tests $dir "$slots" -LE soak || alone "$dir" || failed=$? ;;
    *) dir=build/$name && run_tests "$dir" "$slots" -L 'unit|sim|fuzz|smoke' || failed=$? ;;
    esac
    took "$name: tests" "$at_s"
    slowest "$name" "$dir"
    [ "$failed" = 0 ] || { report && exit "$failed"; }
done
report
