/*
 * How long something took, counted in the fixed buckets of a Prometheus histogram: small, without a
 * lock, readable while it is written.
 *
 * Threads: any. A reader may see an addition in part; the count it gets is that of its buckets.
 * Memory: embedded in its owner; zeroed is empty.
 */
#pragma once

#include <stdint.h>

/* X(upper bound in microseconds, the same in seconds as Prometheus writes it) */
#define DURATIONS_MAP(X)                                                                           \
    X(50, "0.00005")                                                                               \
    X(100, "0.0001")                                                                               \
    X(200, "0.0002")                                                                               \
    X(300, "0.0003")                                                                               \
    X(500, "0.0005")                                                                               \
    X(750, "0.00075")                                                                              \
    X(1000, "0.001")                                                                               \
    X(1500, "0.0015")                                                                              \
    X(2000, "0.002")                                                                               \
    X(3000, "0.003")                                                                               \
    X(5000, "0.005")                                                                               \
    X(7500, "0.0075")                                                                              \
    X(10000, "0.01")                                                                               \
    X(15000, "0.015")                                                                              \
    X(20000, "0.02")                                                                               \
    X(30000, "0.03")                                                                               \
    X(50000, "0.05")                                                                               \
    X(75000, "0.075")                                                                              \
    X(100000, "0.1")                                                                               \
    X(200000, "0.2")                                                                               \
    X(300000, "0.3")                                                                               \
    X(500000, "0.5")                                                                               \
    X(1000000, "1")                                                                                \
    X(2000000, "2")                                                                                \
    X(5000000, "5")                                                                                \
    X(10000000, "10")

enum {
#define X(us, seconds) DURATIONS_BUCKET_##us,
    DURATIONS_MAP(X)
#undef X
        DURATIONS_REST, /* longer than the last bound */
    DURATIONS_LEN
};

struct durations {
    /* Relaxed: sums that order nothing. */
    _Atomic uint64_t counts[DURATIONS_LEN];
    _Atomic uint64_t sum_us;
};

struct durations_sum {
    uint64_t counts[DURATIONS_LEN]; /* of each bucket, not cumulative */
    uint64_t count, sum_us;
};

/* Negative values count as 0. */
void durations_add(struct durations *durations, int64_t us);
/* Adds what was counted to `sum`, which the caller has zeroed. */
void durations_read(const struct durations *durations, struct durations_sum *sum);
/* Upper bound of a bucket in seconds as text; of DURATIONS_REST "+Inf". */
const char *durations_bound(int bucket);
