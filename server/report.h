/*
 * Everything /metrics says: counters, latencies, and the gauges of whoever has them.
 *
 * Threads: a front's own.
 */
#pragma once

struct buf;
struct front;

/* Appends Prometheus text, exposition format 0.0.4. */
void report_write(struct front *front, struct buf *out);
