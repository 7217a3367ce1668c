/*
 * Clocks. Loop code uses loop_now_us(); only hand-over stamps and threads without a loop call
 * these.
 *
 * Threads: any.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* CLOCK_MONOTONIC, microseconds. */
int64_t clock_mono_us(void);
/* CLOCK_REALTIME, microseconds since 1970. */
int64_t clock_wall_us(void);
/* RFC 3339 with milliseconds, "2026-01-31T12:00:00.123Z"; `out` holds at least 25 bytes. */
#define CLOCK_RFC3339_BYTES 25
void clock_rfc3339(int64_t wall_us, char out[CLOCK_RFC3339_BYTES]);
