#!/bin/sh
# `make bench`: builds release and measures it; docs/benchmark.md tells how. Variables, all optional:
#   QUICK=1  SESSIONS="1 100 1000"  SPEAKING="1.0 0.6"  SECONDS=30 (BENCH_SECONDS here)  RUNS=1  WITHOUT="workers uring"|none
#   TEACHERS=50: watch all sessions  TLS=1: wss  OUT=DIR
set -eu
cd "$(dirname "$0")/.."

deploy/deps.sh --check bench >/dev/null || deploy/deps.sh bench
deploy/build.sh release >&2

set --
[ -z "${QUICK:-}" ] || [ "$QUICK" = 0 ] || set -- "$@" --quick
[ -z "${SESSIONS:-}" ] || set -- "$@" --sessions "$SESSIONS"
[ -z "${SPEAKING:-}" ] || set -- "$@" --speaking "$SPEAKING"
# Not SECONDS: some shells count in it.
[ -z "${BENCH_SECONDS:-}" ] || set -- "$@" --seconds "$BENCH_SECONDS"
[ -z "${RUNS:-}" ] || set -- "$@" --runs "$RUNS"
[ -z "${WITHOUT:-}" ] || set -- "$@" --without "$WITHOUT"
[ -z "${TEACHERS:-}" ] || set -- "$@" --teachers "$TEACHERS"
[ -z "${TLS:-}" ] || [ "$TLS" = 0 ] || set -- "$@" --tls
[ -z "${OUT:-}" ] || set -- "$@" --out "$OUT"
exec python3 -B bench/run.py "$@"
