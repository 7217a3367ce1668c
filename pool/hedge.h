/*
 * When a final is asked for a second time, elsewhere: it has taken longer than 95 of 100 have
 * lately, and no more than a few per cent are. Whole answers and first bytes of streamed ones are
 * measured apart. Pure.
 *
 * Threads: one owner.
 */
#pragma once

#include "pool/limits.h"
#include <stdbool.h>
#include <stdint.h>

struct pool_hedge_times {
    uint32_t took_us[POOL_HEDGE_SAMPLES]; /* the newest, in a ring */
    uint64_t count;
    int64_t after_us; /* INT64_MAX: too little is known */
};

struct pool_hedge {
    struct pool_hedge_times whole, stream;
    unsigned percent;
    unsigned credit; /* hundredths of a hedge */
};

/* At most `percent` of the finals; 0: none. */
void pool_hedge_init(struct pool_hedge *hedge, unsigned percent);
/* A final is being sent: its part of a hedge is added. */
void pool_hedge_sent(struct pool_hedge *hedge);
/* A final was answered, or its first byte has come, after so long. */
void pool_hedge_learn(struct pool_hedge *hedge, bool stream, int64_t took_us);
/* How long a final may take before it is hedged; INT64_MAX: for ever. */
int64_t pool_hedge_after_us(const struct pool_hedge *hedge, bool stream);
bool pool_hedge_allows(const struct pool_hedge *hedge);
/* After allows() has said yes. */
void pool_hedge_take(struct pool_hedge *hedge);
