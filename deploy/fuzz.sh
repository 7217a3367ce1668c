#!/bin/sh
# `make fuzz`: every fuzz target for SECONDS (600) of CPU, two at a time, each going on with the corpus it had in
# build/fuzz/corpus. What breaks one stays in build/fuzz/found. TARGETS="pool_sse …" picks some; KEEP=1 adds to
# tests/fuzz/corpus the inputs that reach what none there does.
set -eu
cd "$(dirname "$0")/.."

deploy/build.sh fuzz
keep=
[ -z "${KEEP:-}" ] || keep=--keep
# shellcheck disable=SC2086 # words are meant
exec python3 tests/fuzz/run.py --seconds "${FUZZ_SECONDS:-600}" --jobs "${FUZZ_JOBS:-2}" $keep build/fuzz ${TARGETS:-}
