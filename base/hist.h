/*
 * Log-linear latency histogram: fixed memory, relative error at most 1/32, values 0 … 2^40
 * (microseconds: 12 days).
 *
 * Threads: one writer; hist_merge() and readers need the writer's quiet or a copy.
 */
#pragma once

#include <stdint.h>

#define HIST_SUB_BITS 5
#define HIST_BUCKETS  ((40 - HIST_SUB_BITS + 1) * (1 << HIST_SUB_BITS))

struct hist {
    uint64_t count;
    uint64_t sum;
    uint64_t max;
    uint64_t min; /* meaningless while count is 0 */
    uint32_t buckets[HIST_BUCKETS];
};

void hist_reset(struct hist *hist);
/* Negative values count as 0, values past the range as its end (max keeps the true value). */
void hist_add(struct hist *hist, int64_t value);
void hist_merge(struct hist *into, const struct hist *from);
/* q in [0,1]; the upper end of the bucket that holds it, never past max; 0 when empty. */
uint64_t hist_quantile(const struct hist *hist, double q);
double hist_mean(const struct hist *hist);
/* How many values were at most `value` (to the bucket's precision): for Prometheus buckets. */
uint64_t hist_count_le(const struct hist *hist, uint64_t value);
