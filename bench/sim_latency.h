/*
 * Distributions of waiting times: "120" (fixed), "uniform:80:160", "lognormal:120:0.4" (median,
 * sigma), "trace:FILE" (a number a line, taken in turn), all in milliseconds.
 *
 * Threads: any may draw; the caller brings the random generator.
 */
#pragma once

#include <stdint.h>

struct rng;
struct sim_latency;

#define SIM_LATENCY_MS_MAX    3600000 /* a longer wait is an error in the text, and never drawn */
#define SIM_LATENCY_TRACE_MAX 1000000 /* numbers of a file */

/* STATUS_INVALID (or STATUS_NOMEM) with a sentence in error (size bytes) that says what is wrong.
 */
int sim_latency_parse(const char *text, struct sim_latency **out, char *error, unsigned size);
void sim_latency_destroy(struct sim_latency *latency);
/* Microseconds, never negative. */
int64_t sim_latency_draw_us(const struct sim_latency *latency, struct rng *rng);
