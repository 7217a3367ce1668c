# What people type; CMake does the work. `make help` lists it.
SHELL = /bin/sh
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
# Variables of `make run`, described in deploy/run.sh.
export SPEECH TARGET SOURCE JSON ONCE LAN LISTEN JOBS STAGES
# Variables of `make bench`, described in deploy/bench.sh.
export QUICK SESSIONS SPEAKING RUNS WITHOUT TEACHERS TLS OUT

.DEFAULT_GOAL = build
.PHONY: help deps build run serve check soak bench chaos quality fuzz install clean

help:
	@echo 'make deps     installs the Debian packages that are missing'
	@echo 'make build    build/bin/sotto, sotto-local, sotto-say'
	@echo 'make run      starts both servers, speaks the sample sentence, keeps serving'
	@echo '              SPEECH=file.wav TARGET=es SOURCE=en-US JSON=1 ONCE=1'
	@echo 'make serve    the same without speaking'
	@echo '              LAN=1: HTTPS for the network, with a made certificate and printed tokens'
	@echo 'make check    all tests: release, address and undefined, thread sanitizer'
	@echo '              STAGES="release asan tsan" picks some'
	@echo 'make soak     the tests that take long'
	@echo 'make bench    latency, CPU and memory from 1 to 2,000 sessions, with plots: half an hour'
	@echo '              QUICK=1: under 3 minutes; SESSIONS="1 100" SECONDS=30 RUNS=1 TEACHERS=50 TLS=1 OUT=dir'
	@echo 'make chaos    200 sessions, sockets cut, the server killed every 30 s: what each got in the end'
	@echo '              QUICK=1: half a minute; ten minutes otherwise'
	@echo 'make quality  what is heard, translated and corrected of 173 spoken sentences'
	@echo 'make fuzz     every fuzz target for SECONDS=600 of CPU, two at a time (needs clang)'
	@echo '              TARGETS="pool_sse server_message" picks some; KEEP=1 keeps what is new'
	@echo 'make install  into PREFIX=/usr/local (DESTDIR works)'
	@echo 'make clean    removes build/'

deps:
	@deploy/deps.sh build run test official browser

build:
	@deploy/build.sh release

run:
	@deploy/run.sh speak

serve:
	@deploy/run.sh serve

check:
	@deploy/check.sh

soak:
	@deploy/check.sh soak

bench:
	@BENCH_SECONDS='$(SECONDS)' deploy/bench.sh

chaos:
	@deploy/build.sh release >&2
	@python3 -B bench/chaos.py $(if $(QUICK),--sessions 50 --seconds 24 --every 7 --cut 4 --side-by-side)

quality:
	@deploy/build.sh release >&2
	@python3 -W ignore tests/quality/run.py

fuzz:
	@FUZZ_SECONDS='$(SECONDS)' TARGETS='$(TARGETS)' KEEP='$(KEEP)' deploy/fuzz.sh

install:
	@deploy/build.sh release >&2
	cmake --install build --prefix '$(PREFIX)'

clean:
	rm -rf build
