#!/bin/sh
# `make check`: builds and tests release, then the sanitizer builds, and stops at the first stage that fails.
#   STAGES="release asan tsan" picks stages; `check.sh soak` runs the long tests of the release build.
set -eu
cd "$(dirname "$0")/.."

jobs=${JOBS:-$(nproc)}
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

# build directory, then ctest's selection
run_tests() {
    dir=$1
    shift
    still ctest --test-dir "$dir" -j "$jobs" --no-tests=error "$@"
}

if [ "${1:-}" = soak ]; then
    stage "release: build"
    deploy/build.sh release
    stage "release: soak"
    run_tests build -L soak -V
    exit
fi

for name in ${STAGES:-release asan tsan}; do
    stage "$name: build"
    deploy/build.sh "$name"
    # Without these two packages one test fails, and says so; all others need not wait for them.
    [ "$name" != release ] || deploy/deps.sh --check official >/dev/null || deploy/deps.sh official || true
    stage "$name: tests"
    case $name in
    release) run_tests build -LE soak ;;
    *) run_tests "build/$name" -L 'unit|sim|fuzz|smoke' ;;
    esac
done
