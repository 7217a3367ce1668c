#include "base/log.h"
#include "base/status.h"
#include "server/metrics.h"
#include "server/session_internal.h"
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { GRPC_INVALID_ARGUMENT = 3, GRPC_RESOURCE_EXHAUSTED = 8 };

static int on_open(void *ctx, uint32_t call, char *config, size_t len)
{
    struct session *session = ctx;
    return session->ops->stt_open(session->ctx, call, config, len);
}

static unsigned on_healthy(void *ctx)
{
    struct session *session = ctx;
    return session->ops->stt_healthy != NULL ? session->ops->stt_healthy(session->ctx) : UINT_MAX;
}

static int on_send(void *ctx, uint32_t call, struct stt_block *block)
{
    struct session *session = ctx;
    return session->ops->stt_send(session->ctx, call, block);
}

static int on_finish(void *ctx, uint32_t call)
{
    struct session *session = ctx;
    return session->ops->stt_finish(session->ctx, call);
}

static int on_cancel(void *ctx, uint32_t call)
{
    struct session *session = ctx;
    return session->ops->stt_cancel(session->ctx, call);
}

static void emit_transcript(struct session *session, const struct stt_transcript *transcript)
{
    struct event *event = event_create(EVENT_TRANSCRIPT);
    if (event != NULL) {
        event->segment = transcript->segment;
        event->rev = transcript->rev;
        event->final = transcript->final;
        event->spliced = transcript->spliced;
        event->committed = event_str(event, transcript->committed);
        event->tentative = event_str(event, transcript->tentative);
        event->language = event_str(event, transcript->language);
        event->start_ms = transcript->start_ms;
        event->end_ms = transcript->end_ms;
        event_copy_words(event, transcript->words, transcript->words_len);
        event->settled_samples = transcript->settled;
        event->settled_exact = transcript->settled_exact;
        if (transcript->final)
            event->usage = *session_usage(session);
        event->has_lat = true;
        event->lat = transcript->lat;
        if (!transcript->final)
            event->replace_key = (uint64_t)(EVENT_TRANSCRIPT + 1) << 56 | transcript->segment;
    }
    session__emit_shown(session, event, transcript->final);
}

static void on_transcript(void *ctx, const struct stt_transcript *transcript)
{
    struct session *session = ctx;
    if (session->restating) {
        emit_transcript(session, transcript);
        return;
    }
    session->heard = true;
    session__settings_segment(session, transcript->segment);
    session->begun = transcript->segment;
    if (transcript->final)
        session->segment = transcript->segment;
    session->starts[transcript->segment % SESSION_STARTS].segment = transcript->segment;
    session->starts[transcript->segment % SESSION_STARTS].ms = (uint32_t)transcript->start_ms;
    if (transcript->final || session->settings.partials)
        emit_transcript(session, transcript);
    session__lanes_source(session, transcript);
}

/* Acknowledgements go out by the clock, in session_tick(). */
static void on_settled(void *ctx, uint64_t samples)
{
    (void)ctx;
    (void)samples;
}

/* The first stream of a session was refused for want of capacity: that is admission, not a fault on
 * the way. */
static void refuse_capacity(struct session *session, const char *details, uint32_t retry_after_ms)
{
    char text[240];
    snprintf(text, sizeof text, "the speech service takes no more speakers: %.180s", details);
    session__error(session, "over_capacity", text, retry_after_ms > 1000 ? retry_after_ms : 1000);
}

static void on_health(void *ctx, enum stt_health health, int grpc_status, const char *details,
                      uint32_t retry_after_ms)
{
    struct session *session = ctx;
    if (health == STT_HEALTH_OK) {
        session->heard = true;
        if (session->speech_degraded)
            session__health(session, false, "speech", "speech is recognised again", 0);
        session->speech_degraded = false;
        return;
    }
    LOG_WARN(LOG_STT, session->id, "speech stream failed", "grpc_status=%d details=%s retry_ms=%u",
             grpc_status, LOG_Q(details), retry_after_ms);
    if (grpc_status == GRPC_RESOURCE_EXHAUSTED && !session->heard && retry_after_ms > 0) {
        refuse_capacity(session, details, retry_after_ms);
        return;
    }
    char text[240];
    if (health == STT_HEALTH_REFUSED) {
        session->speech_refused = true;
        snprintf(text, sizeof text, "the speech service refuses this session: %.180s", details);
        session__error(session, "upstream_refused", text, 0);
        return;
    }
    session->speech_degraded = true;
    snprintf(text, sizeof text,
             "the speech service failed (status %d), trying again; nothing said is lost",
             grpc_status);
    session__health(session, true, "speech", text, retry_after_ms);
}

static const struct stt_stream_ops stream_ops = {on_open,       on_send,    on_finish, on_cancel,
                                                 on_transcript, on_settled, on_health, on_healthy};

void session_restate(struct session *session, int64_t now_us)
{
    session->now_us = now_us;
    if (session->over || !session->settings.partials)
        return;
    session->restating = true;
    bool told = stt_stream_restate(session->speech);
    session->restating = false;
    /* A translation of words that were taken back would be one of nothing. */
    if (told)
        session__lanes_restate(session);
}

/* How often a word must be heard again before it stays: half of the configured number for low
 * stability, half more for high. */
static unsigned agreement_of(const struct session *session, enum stability stability)
{
    unsigned medium = session->config->agreement, half = (medium + 1) / 2;
    assert(medium >= 1);
    switch (stability) {
    case STABILITY_LOW: return half;
    case STABILITY_MEDIUM: return medium;
    case STABILITY_HIGH: return medium + half;
    }
    return medium;
}

int session__speech_open(struct session *session, const struct session_start *start)
{
    const struct session_config *config = session->config;
    struct stt_stream_config stream = {
        .rate = session->settings.rate,
        .language = session->settings.source,
        .provider = config->stt_provider,
        .providers_len = config->stt_providers_len,
        .punctuation = config->punctuation,
        .partials = true,
        .agreement = agreement_of(session, session->settings.stability),
        .block_ms = config->block_ms,
        .idle_close_ms = config->idle_close_ms,
        .silence_close_ms = config->silence_close_ms,
        .ring_ms = config->ring_ms,
        .stream_soft_ms = config->stream_soft_ms,
        .stream_hard_ms = config->stream_hard_ms,
        .seed = start->seed,
        .handover = start->handover,
        .vocabulary = session->settings.vocabulary,
        .vocabulary_len = session->settings.vocabulary_len,
    };
    if (start->restore != NULL && start->restore->finals_len > 0) {
        const struct session_restore *restore = start->restore;
        stream.first_segment = restore->finals[restore->finals_len - 1].segment + 1;
    }
    if (start->restore != NULL)
        stream.first_sample = start->restore->settled_samples;
    return stt_stream_create(&session->speech, &stream, &stream_ops, session);
}

unsigned session_provider(const struct session *session)
{
    return stt_stream_provider(session->speech);
}

void session__speech_update(struct session *session, const struct client_settings *update)
{
    if (update->has & HAS_STABILITY)
        stt_stream_agreement(session->speech, agreement_of(session, update->stability));
    if ((update->has & HAS_VOCABULARY) &&
        stt_stream_vocabulary(session->speech, update->vocabulary, update->vocabulary_len) !=
            STATUS_OK)
        LOG_WARN(LOG_STT, session->id, "vocabulary not taken: out of memory", "words=%u",
                 update->vocabulary_len);
}

void session__speech_activity(struct session *session, const struct client_message *message)
{
    stt_stream_hint(session->speech, message->speaking, message->audio_samples);
}

static void count_asleep(struct session *session, bool asleep)
{
    if (asleep != session->speech_asleep)
        metrics_add(asleep ? METRIC_STT_SLEEPS : METRIC_STT_WAKES, 1);
    session->speech_asleep = asleep;
}

void session__speech_count(struct session *session)
{
    count_asleep(session, stt_stream_asleep(session->speech));
    uint64_t skipped_ms = stt_stream_skipped_ms(session->speech);
    /* By the second: it is a shared counter. */
    if (skipped_ms >= session->skipped_ms + 1000) {
        metrics_add(METRIC_STT_SKIPPED_MS, skipped_ms - session->skipped_ms);
        session->skipped_ms = skipped_ms;
    }
}

void session__speech_close(struct session *session)
{
    metrics_add(METRIC_STT_SKIPPED_MS,
                stt_stream_skipped_ms(session->speech) - session->skipped_ms);
    count_asleep(session, false);
    stt_stream_destroy(session->speech);
}

void session_stt(struct session *session, struct stt_event *event, int64_t now_us)
{
    session->now_us = now_us;
    if (session->over)
        return;
    stt_stream_event(session->speech, event, now_us);
}
