#include "server/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/session_internal.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define MS 1000LL /* microseconds */
/* Before a socket is closed because the server stops: what was said by then is to become final. */
#define GOAWAY_FLUSH_MS 1500

void session__emit(struct session *session, struct event *event)
{
    session->lost = session->lost || event == NULL || event->incomplete;
    if (event == NULL || event->incomplete || session->over ||
        (session->lost && event->close_code == 0)) {
        event_free(event);
        return;
    }
    bool durable =
        event->final && (event->kind == EVENT_TRANSCRIPT || event->kind == EVENT_TRANSLATION ||
                         event->kind == EVENT_GRAMMAR || event->kind == EVENT_NOTE);
    if (durable)
        event->seq = ++session->seq;
    if (durable && event->kind == EVENT_GRAMMAR)
        session->mistakes += (uint32_t)event->edits_len;
    event->mistakes = session->mistakes;
    if (event->has_lat)
        lat_mark(&event->lat, LAT_SERVER, session->now_us);
    session->over = event->close_code != 0;
    session->ops->emit(session->ctx, event);
}

void session__emit_shown(struct session *session, struct event *event, bool final)
{
    if (final || (event != NULL && !event->incomplete))
        session__emit(session, event);
    else
        event_free(event);
}

void session__error(struct session *session, const char *code, const char *message,
                    uint32_t retry_after_ms)
{
    session__emit(session, event_error(code, message, retry_after_ms));
}

void session__health(struct session *session, bool degraded, const char *what, const char *reason,
                     uint32_t retry_after_ms)
{
    struct event *event = event_create(degraded ? EVENT_DEGRADED : EVENT_RESTORED);
    if (event != NULL) {
        event->what[0] = what;
        event->what_len = 1;
        event->reason = event_str(event, reason);
        event->retry_after_ms = retry_after_ms;
    }
    session__emit(session, event);
}

int session_attach(struct session *session, const struct session_attach *attach, int64_t now_us)
{
    session->now_us = now_us;
    if (session->over && attach->first)
        return STATUS_OK; /* it could not even begin, and has said so */
    session->held = false;
    session->has_odd = false; /* of a socket that was replaced before it was known to be gone */
    session->idle_due_us = now_us + session->config->limits.idle_ms * MS;
    struct event *event = event_create(EVENT_STARTED);
    if (event != NULL) {
        char at[CLOCK_RFC3339_BYTES];
        clock_rfc3339(session->wall_us, at);
        event->session = event_str(event, session->name);
        event->started_at = event_str(event, at);
        event->resume_token = event_str(event, attach->resume_token);
        event->subject = event_str(event, session_subject(session));
        event->wall_us = session->wall_us;
        event->attach = attach->attach;
        event->first = attach->first;
        event->durable = attach->durable;
        event->epoch = session->epoch;
        event->open_segment = stt_stream_segment(session->speech);
        event->audio_samples = stt_stream_received(session->speech);
        event->limits = session->config->limits;
        event_copy_settings(event, &session->settings);
    }
    /* One that is over already is resumed for what its client has not heard yet. */
    bool over = session->over;
    session->over = false;
    session__emit(session, event);
    session->over = session->over || over;
    return session->lost ? STATUS_NOMEM : STATUS_OK;
}

void session_hold(struct session *session, int64_t now_us)
{
    session->now_us = now_us;
    session->held = true;
    session->has_odd = false;
    session->waiting_since_us = 0;
}

void session_storage(struct session *session, bool works, const char *why, int64_t now_us)
{
    session->now_us = now_us;
    if (session->storage_failing == !works)
        return;
    session->storage_failing = !works;
    session__health(session, !works, "storage", works ? "what is said is stored again" : why, 0);
    if (!works)
        session__error(session, "storage",
                       "what is final is shown but not stored for now: it may be missing after a "
                       "restart",
                       0);
}

void session_handover(struct session *session, struct durations *handover)
{
    stt_stream_handover(session->speech, handover);
}

int session_create(struct session **out, const struct session_start *start,
                   const struct session_config *config, const struct session_ops *ops, void *ctx,
                   int64_t now_us)
{
    assert(start->message->kind == CLIENT_START);
    struct session *session = mem_calloc(1, sizeof *session);
    if (session == NULL)
        return STATUS_NOMEM;
    session->id = start->id;
    snprintf(session->name, sizeof session->name, "%s", start->name);
    session->epoch = start->restore != NULL ? start->restore->epoch : 1;
    session->config = config;
    session->ops = ops;
    session->ctx = ctx;
    session->now_us = session->started_us = session->speed_since_us = now_us;
    session->wall_us = start->wall_us;
    if (start->restore != NULL)
        session->started_us -= start->restore->age_us;
    session->idle_due_us = now_us + config->limits.idle_ms * MS;
    session->allowed_until_us = INT64_MAX;
    int status =
        session__settings_start(session, &start->message->settings, start->restore != NULL);
    bool named = start->subject != NULL && start->subject[0] != '\0';
    if (named && (session->subject = mem_strdup(start->subject)) == NULL)
        status = STATUS_NOMEM;
    if (status == STATUS_OK)
        status = session__speech_open(session, start);
    if (status != STATUS_OK) {
        session__settings_free(session);
        mem_free(session->subject);
        mem_free(session);
        return status;
    }
    session__lanes_apply(session);
    if (start->restore != NULL)
        status = session__restore(session, start->restore);
    if (status != STATUS_OK) {
        session_destroy(session);
        return status;
    }
    *out = session;
    return STATUS_OK;
}

void session_destroy(struct session *session)
{
    session->over = true;
    session__lanes_destroy(session);
    session__speech_close(session);
    session__settings_free(session);
    mem_free(session->subject);
    mem_free(session);
}

/* Samples that audio_speed_max still allows: a burst of AUDIO_BURST_MS, refilled at AUDIO_SPEED_MAX
 * times real time. The clock is moved on while the allowance is full, so that a pause saves up one
 * burst and no more. */
static uint64_t speed_room(struct session *session)
{
    uint64_t rate = session->settings.rate;
    uint64_t burst = rate * AUDIO_BURST_MS / 1000;
    uint64_t elapsed_us = (uint64_t)(session->now_us - session->speed_since_us);
    uint64_t refilled = elapsed_us * rate / 1000000 * AUDIO_SPEED_MAX;
    if (refilled >= session->speed_samples) {
        session->speed_since_us = session->now_us;
        session->speed_samples = 0;
        return burst;
    }
    uint64_t used = session->speed_samples - refilled;
    return used >= burst ? 0 : burst - used;
}

size_t session_room(struct session *session, int64_t now_us)
{
    session->now_us = now_us;
    /* After the end, and once the API has refused for good, audio is taken and forgotten: the
     * client may have sent it before it knew. */
    if (session->over || session->ending || session->speech_refused)
        return SIZE_MAX;
    size_t stream = stt_stream_room(session->speech);
    uint64_t speed = speed_room(session) * 2;
    return speed < stream ? (size_t)speed : stream;
}

/* Joins the odd byte kept from before with the first new one. */
static size_t take_odd(struct session *session, const uint8_t *bytes, size_t len, int *status)
{
    if (!session->has_odd || len == 0)
        return 0;
    uint8_t sample[2] = {session->odd, bytes[0]};
    session->has_odd = false;
    *status = stt_stream_audio(session->speech, sample, sizeof sample, session->now_us);
    return 1;
}

void session_audio(struct session *session, const void *pcm, size_t bytes, int64_t now_us)
{
    session->now_us = now_us;
    session->idle_due_us = now_us + session->config->limits.idle_ms * MS;
    if (session->over || session->ending || session->speech_refused)
        return;
    const uint8_t *data = pcm;
    uint64_t before = stt_stream_received(session->speech);
    int status = STATUS_OK;
    size_t used = take_odd(session, data, bytes, &status);
    size_t even = (bytes - used) & ~(size_t)1;
    if (even > 0 && status == STATUS_OK)
        status = stt_stream_audio(session->speech, data + used, even, now_us);
    if (status != STATUS_OK)
        session__error(session, "internal", "out of memory", 0);
    if (used + even < bytes) {
        session->odd = data[bytes - 1];
        session->has_odd = true;
    }
    session->speed_samples += stt_stream_received(session->speech) - before;
}

/* More audio has been taken than time has passed: it is the client that is fast, not the speech API
 * that is slow. */
static bool ahead_of_time(const struct session *session)
{
    int64_t elapsed_ms = (session->now_us - session->started_us) / MS;
    uint64_t audio_ms = stt_stream_received(session->speech) * 1000 / session->settings.rate;
    return (int64_t)audio_ms > elapsed_ms + 1000;
}

void session_waiting(struct session *session, bool waiting, int64_t now_us)
{
    session->now_us = now_us;
    if (!waiting) {
        /* Reading goes on in small steps while room trickles in: the stop has only ended once a
         * second of it has gathered. */
        if (session_room(session, now_us) >= session->settings.rate * 2)
            session->waiting_since_us = 0;
        return;
    }
    /* It is we who do not read: the client is not idle. */
    session->idle_due_us = now_us + session->config->limits.idle_ms * MS;
    if (session->waiting_since_us == 0)
        session->waiting_since_us = now_us;
    if (session->too_fast_said || now_us - session->waiting_since_us < AUDIO_FAST_MS * MS ||
        !ahead_of_time(session))
        return;
    session->too_fast_said = true;
    session__error(
        session, "audio_too_fast",
        "audio comes faster than twice real time; it is read more slowly, nothing is dropped", 0);
}

static void emit_flushed(struct session *session, const struct session_flush *flush, bool timeout)
{
    struct event *event = event_create(EVENT_FLUSHED);
    if (event != NULL) {
        event->id = event_str(event, flush->id);
        event->audio_samples = flush->samples;
        event->timeout = timeout;
    }
    session__emit(session, event);
}

static void start_flush(struct session *session, const char *id, uint64_t samples)
{
    if (session->flushes_len == FLUSHES_MAX) {
        session__error(session, "rate_limited", "at most 4 audio.flush may be outstanding", 1000);
        return;
    }
    struct session_flush *flush = &session->flushes[session->flushes_len++];
    *flush = (struct session_flush){
        .samples = samples,
        .deadline_us = session->now_us + session->config->limits.flush_ms * MS,
        .segment = UINT32_MAX,
    };
    snprintf(flush->id, sizeof flush->id, "%s", id);
    stt_stream_flush(session->speech, session->now_us);
}

/* What the audio before the point became is known once it is settled: from then on only lanes can
 * owe. */
static bool flush_done(struct session *session, struct session_flush *flush)
{
    bool settled = session->speech_refused || stt_stream_settled(session->speech) >= flush->samples;
    if (flush->segment == UINT32_MAX && settled)
        flush->segment = session->segment;
    return flush->segment != UINT32_MAX && session__lanes_settled(session, flush->segment);
}

static int64_t run_flushes(struct session *session)
{
    while (session->flushes_len > 0) {
        struct session_flush *flush = &session->flushes[0];
        bool done = flush_done(session, flush);
        if (!done && session->now_us < flush->deadline_us)
            return flush->deadline_us;
        emit_flushed(session, flush, !done);
        session->flushes_len--;
        memmove(flush, flush + 1, session->flushes_len * sizeof *flush);
    }
    return INT64_MAX;
}

static void bad_message(struct session *session, const struct client_message *message)
{
    session__error(session, message->code, message->problem, 0);
    if (++session->bad_in_row < BAD_MESSAGES_MAX)
        return;
    struct event *event = event_error("bad_message", "ten messages in a row made no sense", 0);
    if (event != NULL) {
        event->fatal = true;
        event->close_code = 1008;
    }
    session__emit(session, event);
}

void session_message(struct session *session, const struct client_message *message,
                     uint64_t samples, int64_t now_us)
{
    session->now_us = now_us;
    session->idle_due_us = now_us + session->config->limits.idle_ms * MS;
    if (session->over)
        return;
    if (message->kind != CLIENT_BAD && message->kind != CLIENT_UNKNOWN)
        session->bad_in_row = 0;
    switch (message->kind) {
    case CLIENT_BAD:
    case CLIENT_UNKNOWN: bad_message(session, message); break;
    case CLIENT_START:
        session__error(session, "bad_message", "the session has started already", 0);
        break;
    case CLIENT_UPDATE: session__settings_update(session, &message->settings); break;
    case CLIENT_ACTIVITY: session__speech_activity(session, message); break;
    case CLIENT_FLUSH:
        if (!session->ending)
            start_flush(session, message->flush_id, samples);
        break;
    case CLIENT_END: session_end(session, "client", 1000, now_us); break;
    }
}

void session_end(struct session *session, const char *reason, int close_code, int64_t now_us)
{
    session->now_us = now_us;
    if (session->ending || session->over)
        return;
    session->ending = true;
    snprintf(session->end_reason, sizeof session->end_reason, "%s", reason);
    session->end_code = close_code;
    session->end_deadline_us = now_us + session->config->limits.drain_ms * MS;
    stt_stream_end(session->speech, now_us);
}

void session_goaway(struct session *session, uint32_t within_ms, int64_t now_us)
{
    session->now_us = now_us;
    if (session->over)
        return;
    struct event *event = event_create(EVENT_GOAWAY);
    if (event != NULL) {
        event->reason = "shutdown";
        event->within_ms = within_ms;
    }
    session__emit(session, event);
    int64_t ahead_us = (int64_t)within_ms * MS / 2;
    ahead_us = ahead_us < GOAWAY_FLUSH_MS * MS ? ahead_us : GOAWAY_FLUSH_MS * MS;
    session->goaway_flush_us = now_us + within_ms * MS - ahead_us;
}

void session_shutdown(struct session *session, uint32_t within_ms, int64_t now_us)
{
    if (session->over)
        return;
    session_goaway(session, within_ms, now_us);
    session->goaway_flush_us = 0;
    session_end(session, "shutdown", 1001, now_us);
    int64_t deadline = now_us + within_ms * MS;
    if (deadline < session->end_deadline_us)
        session->end_deadline_us = deadline;
}

static int64_t run_goaway(struct session *session)
{
    if (session->goaway_flush_us == 0)
        return INT64_MAX;
    if (session->now_us < session->goaway_flush_us)
        return session->goaway_flush_us;
    session->goaway_flush_us = 0;
    if (!session->ending && !session->speech_refused)
        stt_stream_flush(session->speech, session->now_us);
    return INT64_MAX;
}

static void emit_ack(struct session *session, uint64_t samples)
{
    session->acked = samples;
    session->ack_due_us = session->now_us + session->config->ack_ms * MS;
    struct event *event = event_create(EVENT_ACK);
    if (event != NULL) {
        event->audio_samples = samples;
        event->replace_key = (uint64_t)(EVENT_ACK + 1) << 56 | 1;
    }
    session__emit(session, event);
}

/* Nothing more is owed for the audio before it: what is settled, but nothing of a segment whose
 * translation or correction is still to come. */
static uint64_t ack_point(const struct session *session)
{
    uint64_t settled = stt_stream_settled(session->speech);
    uint32_t owed = settled > session->acked ? session__lanes_owed(session) : 0;
    if (owed == 0)
        return settled;
    if (session->starts[owed % SESSION_STARTS].segment != owed)
        return session->acked;
    uint64_t start_ms = session->starts[owed % SESSION_STARTS].ms;
    uint64_t start = start_ms * session->settings.rate / 1000;
    uint64_t point = start < settled ? start : settled;
    return point > session->acked ? point : session->acked;
}

static int64_t run_ack(struct session *session)
{
    uint64_t point = ack_point(session);
    if (point == session->acked)
        return INT64_MAX;
    if (session->now_us < session->ack_due_us)
        return session->ack_due_us;
    emit_ack(session, point);
    return INT64_MAX;
}

const struct event_usage *session_usage(struct session *session)
{
    uint64_t samples = stt_stream_received(session->speech);
    session->usage.audio_ms = samples * 1000 / session->settings.rate;
    session->usage.stt_ms = session->billed_before_ms + stt_stream_billed_ms(session->speech);
    session->usage.currency = session->config->currency;
    return &session->usage;
}

static void emit_ended(struct session *session)
{
    uint64_t settled = stt_stream_settled(session->speech);
    if (settled != session->acked)
        emit_ack(session, settled);
    if (session->expired) {
        session__error(session, "unauthorized", "the token has expired: start anew with another",
                       0);
        return;
    }
    struct event *event = event_create(EVENT_ENDED);
    if (event != NULL) {
        event->reason = event_str(event, session->end_reason);
        event->usage = *session_usage(session);
        event->close_code = session->end_code;
    }
    session__emit(session, event);
}

static int64_t run_end(struct session *session)
{
    bool done = session->speech_refused ||
                stt_stream_settled(session->speech) >= stt_stream_received(session->speech);
    done = done && session__lanes_settled(session, UINT32_MAX);
    if (!done && session->now_us < session->end_deadline_us)
        return session->end_deadline_us;
    while (session->flushes_len > 0) {
        emit_flushed(session, &session->flushes[0], !done);
        session->flushes_len--;
        memmove(&session->flushes[0], &session->flushes[1],
                session->flushes_len * sizeof session->flushes[0]);
    }
    emit_ended(session);
    return INT64_MAX;
}

/* Nobody is there to be kept out of a held session; who comes back has another token. */
static int64_t run_expiry(struct session *session)
{
    if (session->held || session->now_us < session->allowed_until_us)
        return session->held ? INT64_MAX : session->allowed_until_us;
    session->expired = true;
    session_end(session, "unauthorized", 1008, session->now_us);
    return INT64_MAX;
}

/* The longest a session may last and the longest it may be silent, idle clients being told apart
 * from quiet ones: silence that is sent as audio is not idle. */
static int64_t run_limits(struct session *session)
{
    int64_t longest = session->started_us + session->config->limits.session_ms * MS;
    if (session->held)
        session->idle_due_us = session->now_us + session->config->limits.idle_ms * MS;
    if (session->now_us >= session->idle_due_us)
        session__error(session, "idle", "nothing was received for limits.idle_ms", 0);
    else if (session->now_us >= longest)
        session__error(session, "session_too_long", "limits.session_ms is reached: start another",
                       0);
    return session->idle_due_us < longest ? session->idle_due_us : longest;
}

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t session_tick(struct session *session, int64_t now_us)
{
    session->now_us = now_us;
    if (session->lost && !session->over) {
        LOG_ERROR(LOG_SESSION, session->id, "an event was lost: out of memory", "seq=%llu",
                  (unsigned long long)session->seq);
        session__error(session, "internal", "out of memory", 0);
    }
    if (session->over)
        return INT64_MAX;
    if (session->lost) /* no memory even to say so */
        return now_us + 100 * MS;
    int64_t due = session->ending ? INT64_MAX : run_expiry(session);
    due = earliest(due, stt_stream_tick(session->speech, now_us));
    session__speech_count(session);
    due = earliest(due, session__lanes_tick(session));
    due = earliest(due, session__shed_tick(session));
    due = earliest(due, run_flushes(session));
    due = earliest(due, run_ack(session));
    due = earliest(due, run_goaway(session));
    due = earliest(due, session->ending ? run_end(session) : run_limits(session));
    if (session->over)
        return INT64_MAX;
    return session->lost ? now_us + MS : due; /* the next turn says so */
}

void session_allow(struct session *session, int64_t until_us)
{
    session->allowed_until_us = until_us;
}

const char *session_subject(const struct session *session)
{
    return session->subject != NULL ? session->subject : "";
}

uint64_t session_seq(const struct session *session)
{
    return session->seq;
}

uint64_t session_received(const struct session *session)
{
    return stt_stream_received(session->speech);
}

int64_t session_t_ms(const struct session *session, int64_t now_us)
{
    return (now_us - session->started_us) / MS;
}

bool session_over(const struct session *session)
{
    return session->over;
}
