#include "pool/breaker.h"

#include "base/rng.h"
#include "pool/limits.h"
#include <assert.h>

/* Some less than the full time, so that servers that share an upstream do not probe together. */
static int64_t pause_us(const struct pool_breaker *breaker, bool alone, struct rng *rng)
{
    bool owner = breaker->trouble != POOL_TROUBLE_OUTAGE;
    int64_t ms = owner ? POOL_BREAKER_OWNER_MS : POOL_BREAKER_OUTAGE_MS;
    int64_t most_ms = owner ? POOL_BREAKER_OWNER_MAX_MS : POOL_BREAKER_OUTAGE_MAX_MS;
    if (alone && !owner)
        most_ms = ms;
    for (unsigned i = 0; i < breaker->trips && ms < most_ms; i++)
        ms *= 2;
    ms = ms < most_ms ? ms : most_ms;
    return (ms - rng_range(rng, 0, ms / 4)) * 1000;
}

static void window_turn(struct pool_breaker *breaker, int64_t now_us)
{
    if (now_us - breaker->window_us < POOL_BREAKER_WINDOW_MS * INT64_C(1000))
        return;
    breaker->window_us = now_us;
    breaker->troubles = breaker->answers = 0;
}

bool pool_breaker_allows(const struct pool_breaker *breaker, int64_t now_us)
{
    return breaker->state == POOL_BREAKER_CLOSED || now_us >= breaker->until_us;
}

bool pool_breaker_sent(struct pool_breaker *breaker, int64_t now_us)
{
    assert(pool_breaker_allows(breaker, now_us));
    if (breaker->state == POOL_BREAKER_CLOSED)
        return false;
    breaker->state = POOL_BREAKER_PROBING;
    breaker->until_us = now_us + POOL_BREAKER_PROBE_MS * INT64_C(1000);
    return true;
}

void pool_breaker_answer(struct pool_breaker *breaker, int64_t now_us)
{
    /* One sent before it opened: the probe will tell more. */
    if (breaker->state == POOL_BREAKER_OPEN)
        return;
    if (breaker->state == POOL_BREAKER_PROBING)
        *breaker = (struct pool_breaker){.window_us = now_us};
    window_turn(breaker, now_us);
    breaker->answers++;
}

bool pool_breaker_trouble(struct pool_breaker *breaker, enum pool_trouble trouble, bool alone,
                          struct rng *rng, int64_t now_us)
{
    if (breaker->state == POOL_BREAKER_OPEN)
        return false;
    if (breaker->state == POOL_BREAKER_CLOSED) {
        window_turn(breaker, now_us);
        breaker->troubles++;
        bool many =
            breaker->troubles >= POOL_BREAKER_TROUBLES && breaker->troubles > breaker->answers;
        if (!many && trouble != POOL_TROUBLE_QUOTA)
            return false;
    }
    breaker->trouble = trouble;
    breaker->until_us = now_us + pause_us(breaker, alone, rng);
    breaker->state = POOL_BREAKER_OPEN;
    breaker->troubles = breaker->answers = 0;
    breaker->trips++;
    return true;
}

void pool_breaker_unsaid(struct pool_breaker *breaker)
{
    if (breaker->state == POOL_BREAKER_PROBING)
        breaker->until_us = 0;
}
