/*
 * Distributions of waiting times: "120" (fixed), "uniform:80:160", "lognormal:120:0.4" (median,
 * sigma), "trace:FILE" (a number a line, taken in turn), all in milliseconds.
 *
 * Threads: read-only after parse; the caller brings the random generator.
 */
#pragma once

#include <stdint.h>

struct rng;
struct sim_latency;

/* STATUS_INVALID with a sentence in error (size bytes) that says what is wrong. */
int sim_latency_parse(const char *text, struct sim_latency **out, char *error, unsigned size);
void sim_latency_destroy(struct sim_latency *latency);
/* Microseconds, never negative. */
int64_t sim_latency_draw_us(const struct sim_latency *latency, struct rng *rng);
