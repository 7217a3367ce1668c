#include "pool/hedge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE 100 /* hundredths of a hedge */

void pool_hedge_init(struct pool_hedge *hedge, unsigned percent)
{
    assert(percent <= WHOLE);
    *hedge = (struct pool_hedge){.percent = percent, .credit = percent > 0 ? WHOLE : 0};
    hedge->whole.after_us = hedge->stream.after_us = INT64_MAX;
}

void pool_hedge_sent(struct pool_hedge *hedge)
{
    hedge->credit += hedge->percent;
    if (hedge->credit > POOL_HEDGE_SAVED_MAX * WHOLE)
        hedge->credit = POOL_HEDGE_SAVED_MAX * WHOLE;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The quantile, and a quarter of it more: where all take about as long, nothing is late yet. */
static int64_t times_after_us(const struct pool_hedge_times *times)
{
    uint32_t sorted[POOL_HEDGE_SAMPLES];
    size_t len = times->count < POOL_HEDGE_SAMPLES ? (size_t)times->count : POOL_HEDGE_SAMPLES;
    memcpy(sorted, times->took_us, len * sizeof sorted[0]);
    qsort(sorted, len, sizeof sorted[0], by_size);
    int64_t p95_us = sorted[len * 95 / 100];
    return p95_us + p95_us / 4 + POOL_HEDGE_MIN_MS * 1000;
}

void pool_hedge_learn(struct pool_hedge *hedge, bool stream, int64_t took_us)
{
    struct pool_hedge_times *times = stream ? &hedge->stream : &hedge->whole;
    if (hedge->percent == 0)
        return;
    times->took_us[times->count++ % POOL_HEDGE_SAMPLES] = took_us < 0 ? 0
                                                          : took_us > UINT32_MAX
                                                              ? UINT32_MAX
                                                              : (uint32_t)took_us;
    if (times->count >= POOL_HEDGE_SAMPLES_MIN && times->count % POOL_HEDGE_EVERY == 0)
        times->after_us = times_after_us(times);
}

int64_t pool_hedge_after_us(const struct pool_hedge *hedge, bool stream)
{
    return stream ? hedge->stream.after_us : hedge->whole.after_us;
}

bool pool_hedge_allows(const struct pool_hedge *hedge)
{
    return hedge->credit >= WHOLE;
}

void pool_hedge_take(struct pool_hedge *hedge)
{
    assert(hedge->credit >= WHOLE);
    hedge->credit -= WHOLE;
}
