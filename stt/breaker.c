#include "stt/breaker.h"

#include "stt/limits.h"
#include <assert.h>

static int64_t pause_ms(const struct stt_breaker *breaker, enum stt_trouble trouble,
                        uint32_t retry_after_ms)
{
    if (trouble == STT_TROUBLE_CONFIG)
        return STT_BREAKER_CONFIG_MS;
    int64_t ms = trouble == STT_TROUBLE_QUOTA ? STT_BREAKER_QUOTA_MS : STT_BREAKER_OUTAGE_MS;
    for (unsigned i = 0; i < breaker->trips && ms < STT_BREAKER_MAX_MS; i++)
        ms *= 2;
    ms = ms < STT_BREAKER_MAX_MS ? ms : STT_BREAKER_MAX_MS;
    int64_t asked = retry_after_ms;
    asked = asked < STT_BREAKER_ASKED_MAX_MS ? asked : STT_BREAKER_ASKED_MAX_MS;
    return ms > asked ? ms : asked;
}

static void breaker_open(struct stt_breaker *breaker, int64_t ms, int64_t now_us)
{
    breaker->state = STT_BREAKER_OPEN;
    breaker->trips++;
    breaker->until_us = now_us + ms * 1000;
    breaker->troubles = breaker->answers = breaker->refusals = 0;
}

static void window_turn(struct stt_breaker *breaker, int64_t now_us)
{
    if (now_us - breaker->window_us < STT_BREAKER_WINDOW_MS * INT64_C(1000))
        return;
    breaker->window_us = now_us;
    breaker->troubles = breaker->answers = 0;
}

uint32_t stt_breaker_ask(struct stt_breaker *breaker, struct rng *rng, int64_t now_us)
{
    if (breaker->state == STT_BREAKER_CLOSED)
        return 0;
    if (now_us >= breaker->until_us) {
        /* Probes of which nothing was heard may come from silent speakers: more follow. */
        bool quiet = breaker->state == STT_BREAKER_PROBING;
        breaker->probes = quiet && breaker->probes_sent == breaker->probes ? breaker->probes * 2
                          : quiet                                          ? breaker->probes
                                                                           : STT_BREAKER_PROBES;
        breaker->state = STT_BREAKER_PROBING;
        breaker->probes_sent = 0;
        breaker->until_us = now_us + STT_BREAKER_PROBE_MS * INT64_C(1000);
    }
    if (breaker->state == STT_BREAKER_PROBING && breaker->probes_sent < breaker->probes) {
        breaker->probes_sent++;
        return 0;
    }
    int64_t left_ms = (breaker->until_us - now_us + 999) / 1000;
    return (uint32_t)(left_ms + rng_range(rng, 0, left_ms / 2 + STT_BREAKER_SPREAD_MS));
}

void stt_breaker_answer(struct stt_breaker *breaker, int64_t now_us)
{
    breaker->refusals = 0;
    if (breaker->state == STT_BREAKER_CLOSED) {
        window_turn(breaker, now_us);
        breaker->answers++;
        return;
    }
    *breaker = (struct stt_breaker){.window_us = now_us};
}

bool stt_breaker_trouble(struct stt_breaker *breaker, enum stt_trouble trouble, int status,
                         uint32_t retry_after_ms, int64_t now_us)
{
    /* Calls opened before it: they tell nothing new. */
    if (breaker->state == STT_BREAKER_OPEN)
        return false;
    breaker->status = status;
    if (breaker->state == STT_BREAKER_CLOSED) {
        window_turn(breaker, now_us);
        breaker->troubles++;
        breaker->refusals = trouble == STT_TROUBLE_CONFIG ? breaker->refusals + 1 : 0;
        bool many =
            breaker->troubles >= STT_BREAKER_TROUBLES && breaker->troubles > breaker->answers;
        if (!many && breaker->refusals < STT_BREAKER_REFUSALS)
            return false;
    }
    breaker_open(breaker, pause_ms(breaker, trouble, retry_after_ms), now_us);
    return true;
}

const char *stt_breaker_state_name(enum stt_breaker_state state)
{
    switch (state) {
    case STT_BREAKER_CLOSED: return "closed";
    case STT_BREAKER_OPEN: return "open";
    case STT_BREAKER_PROBING: return "probing";
    }
    return "unknown";
}
