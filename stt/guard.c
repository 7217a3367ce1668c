#include "stt/guard.h"

#include "base/clock.h"
#include "base/log.h"
#include "stt/channel.h"
#include "stt/failure.h"
#include "stt/limits.h"
#include <stdatomic.h>

/* Relaxed: whoever reads it takes it as a hint. */
static void guard_publish(struct stt_channels *provider)
{
    const struct stt_breaker *breaker = &provider->breaker;
    bool lets = breaker->state == STT_BREAKER_CLOSED ||
                (breaker->state == STT_BREAKER_PROBING && breaker->probes_sent < breaker->probes);
    atomic_store_explicit(&provider->counters->healthy_us, lets ? 0 : breaker->until_us,
                          memory_order_relaxed);
    atomic_store_explicit(&provider->counters->breaker, breaker->state, memory_order_relaxed);
}

uint32_t stt_guard_ask(struct stt_channels *provider, struct rng *rng)
{
    if (provider->breaker.state == STT_BREAKER_CLOSED)
        return 0;
    uint32_t wait_ms = stt_breaker_ask(&provider->breaker, rng, clock_mono_us());
    if (wait_ms > 0)
        atomic_fetch_add_explicit(&provider->counters->held_off, 1, memory_order_relaxed);
    guard_publish(provider);
    return wait_ms;
}

void stt_guard_answer(struct stt_channels *provider)
{
    bool closed = provider->breaker.state == STT_BREAKER_CLOSED;
    stt_breaker_answer(&provider->breaker, clock_mono_us());
    if (closed)
        return;
    guard_publish(provider);
    LOG_INFO(LOG_STT, 0, "the speech API answers again", "target=%s", provider->target);
}

static void log_trip(const struct stt_channels *provider, enum stt_trouble trouble,
                     const struct stt_event *closed)
{
    long long ms = (provider->breaker.until_us - clock_mono_us()) / 1000;
    if (trouble == STT_TROUBLE_CONFIG)
        LOG_ERROR(LOG_STT, 0, "the speech API refuses what is configured",
                  "target=%s status=%d details=%s pause_ms=%lld hint=%s", provider->target,
                  closed->grpc_status, LOG_Q(closed->details), ms,
                  LOG_Q("check credentials, project, recognizer and model of this provider"));
    else
        LOG_WARN(LOG_STT, 0, "the speech API fails for too many: it is not asked for a while",
                 "target=%s status=%d details=%s pause_ms=%lld", provider->target,
                 closed->grpc_status, LOG_Q(closed->details), ms);
}

void stt_guard_end(struct stt_channels *provider, const struct stt_event *closed, bool answered,
                   int64_t age_us)
{
    enum stt_trouble trouble;
    if (!stt_failure_trouble(closed->grpc_status, &trouble))
        return;
    /* What has worked and ends, or was open for long, says nothing of the next call; a quota does.
     */
    bool old = answered || age_us >= STT_BREAKER_YOUNG_MS * INT64_C(1000);
    if ((old && trouble != STT_TROUBLE_QUOTA) ||
        !stt_breaker_trouble(&provider->breaker, trouble, closed->grpc_status,
                             closed->retry_after_ms, clock_mono_us()))
        return;
    atomic_fetch_add_explicit(&provider->counters->trips, 1, memory_order_relaxed);
    guard_publish(provider);
    log_trip(provider, trouble, closed);
}
