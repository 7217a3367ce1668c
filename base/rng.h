/*
 * Seeded random numbers (xoshiro256**) for jitter, simulation and benches; rng_secure() for ids and
 * tokens.
 *
 * Threads: one owner a struct rng; rng_secure() any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

/* Any seed is good, 0 too. */
void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/* Uniform in [0, n), without modulo bias; n > 0. */
uint64_t rng_below(struct rng *rng, uint64_t n);
/* Uniform in [lo, hi]. */
int64_t rng_range(struct rng *rng, int64_t lo, int64_t hi);
/* Uniform in [0, 1). */
double rng_unit(struct rng *rng);
/* Lognormal with the given median and sigma of the underlying normal. */
double rng_lognormal(struct rng *rng, double median, double sigma);
/* Kernel randomness (getrandom(2)); never fails after start-up. */
void rng_secure(void *out, size_t len);
/* A seed for when none was given: kernel randomness. */
uint64_t rng_seed(void);
