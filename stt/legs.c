#include "stt/stream_internal.h"

#include "base/durations.h"
#include "base/mem.h"
#include "base/status.h"
#include "stt/client.h"
#include "stt/failure.h"
#include "stt/limits.h"
#include "stt/wire.h"
#include <assert.h>
#include <limits.h>
#include <string.h>

static void leg_set_state(struct stt_leg *leg, enum stt_leg_state state)
{
    static const bool edges[4][4] = {
        [STT_LEG_WAITING] = {[STT_LEG_OPEN] = true, [STT_LEG_DONE] = true},
        [STT_LEG_OPEN] = {[STT_LEG_WAITING] = true, [STT_LEG_FINISHING] = true},
        [STT_LEG_FINISHING] = {[STT_LEG_WAITING] = true, [STT_LEG_DONE] = true},
        [STT_LEG_DONE] = {[STT_LEG_WAITING] = true},
    };
    assert(edges[leg->state][state]);
    leg->state = state;
}

struct stt_leg *stt__legs_find(struct stt_stream *stream, uint32_t call)
{
    for (size_t i = 0; i < stream->legs_len; i++)
        if (stream->legs[i].call == call && call != 0)
            return &stream->legs[i];
    return NULL;
}

/* The client may be full: then it is asked again later. */
static void call_cancel(struct stt_stream *stream, uint32_t call)
{
    if (stream->ops.cancel(stream->ctx, call) != STATUS_FULL)
        return;
    if (stream->cancels_len < STT_CANCELS_MAX)
        stream->cancels[stream->cancels_len++] = call;
    stream->again = true;
}

static void cancels_retry(struct stt_stream *stream)
{
    size_t len = stream->cancels_len;
    uint32_t calls[STT_CANCELS_MAX];
    memcpy(calls, stream->cancels, sizeof(calls));
    stream->cancels_len = 0;
    for (size_t i = 0; i < len; i++)
        call_cancel(stream, calls[i]);
}

struct stt_leg *stt__legs_add(struct stt_stream *stream, uint64_t base)
{
    assert(stream->legs_len < STT_LEGS_MAX);
    struct stt_leg *leg = &stream->legs[stream->legs_len++];
    *leg = (struct stt_leg){
        .base = base, .end = STT_OPEN_END, .resume = STT_OPEN_END, .next = base, .sent = base};
    return leg;
}

void stt__leg_rewind(struct stt_stream *stream, struct stt_leg *leg)
{
    stt__leg_cancel(stream, leg);
    stt__held_forget(leg);
    if (leg == &stream->legs[0] && leg->base < stream->settled)
        leg->base = stream->settled;
    assert(leg->base <= leg->end);
    leg->next = leg->sent = leg->base;
    leg->unsent = 0;
    leg->finish_due = false;
    stt_ring_unsend(&stream->ring, leg->base, leg->end);
    leg_set_state(leg, STT_LEG_WAITING);
}

void stt__leg_cancel(struct stt_stream *stream, struct stt_leg *leg)
{
    if (leg->call != 0)
        call_cancel(stream, leg->call);
    leg->call = 0;
}

void stt__legs_drop(struct stt_stream *stream)
{
    for (size_t i = 0; i < stream->legs_len; i++) {
        struct stt_leg *leg = &stream->legs[i];
        stt__leg_cancel(stream, leg);
        stt__held_forget(leg);
    }
    stream->legs_len = 0;
}

/* Retrying cannot help: what is shown becomes final, and nothing more is owed. */
static void stream_refuse(struct stt_stream *stream, const struct stt_failure *failure,
                          int64_t now_us)
{
    stream->refused = true;
    stt__legs_drop(stream);
    stt__results_promote(stream, now_us, now_us);
    stt__settle(stream, stream->received);
    stream->ops.health(stream->ctx, STT_HEALTH_REFUSED, failure->status, failure->details, 0);
}

static int next_provider(struct stt_stream *stream, int64_t now_us)
{
    unsigned healthy = stream->choice.len > 1 && stream->ops.healthy != NULL
                           ? stream->ops.healthy(stream->ctx)
                           : UINT_MAX;
    return stt_choice_next(&stream->choice, healthy, now_us);
}

/* Nothing is opened before the pause has passed; there is none when another provider takes over.
 * The first failure of an outage is told. */
static void stream_back_off(struct stt_stream *stream, const struct stt_leg *leg,
                            const struct stt_failure *failure, enum stt_remedy remedy,
                            int64_t now_us)
{
    int64_t ms = 0;
    if (next_provider(stream, now_us) != (int)leg->provider) {
        stream->failures = 0;
        stream->retry_us = now_us;
    } else {
        ms =
            stt_failure_backoff_ms(remedy, stream->failures, failure->retry_after_ms, &stream->rng);
        stream->failures++;
    }
    if (stream->retry_us < now_us + ms * 1000)
        stream->retry_us = now_us + ms * 1000;
    if (stream->degraded)
        return;
    stream->degraded = true;
    stream->ops.health(stream->ctx, STT_HEALTH_DEGRADED, failure->status, failure->details,
                       (uint32_t)ms);
}

static enum stt_remedy leg_remedy(struct stt_stream *stream, const struct stt_leg *leg,
                                  const struct stt_failure *failure, int64_t now_us)
{
    const struct stt_failure_past past = {
        .fed = leg->next > leg->base,
        .lived = leg->answered ||
                 (leg->first_sent_us != 0 && now_us - leg->opened_us >= STT_HEALTHY_MS * 1000),
        .failures = stream->failures,
    };
    return stt_choice_failed(&stream->choice, leg->provider, failure, past, now_us);
}

static void leg_failed(struct stt_stream *stream, struct stt_leg *leg,
                       const struct stt_failure *failure, int64_t now_us)
{
    /* Also what fails beside a call that works says something of its provider. */
    enum stt_remedy remedy = leg_remedy(stream, leg, failure, now_us);
    if (stt__hand_open(stream)) {
        if (leg == &stream->legs[1])
            stt__hand_drop(stream);
        else
            stt__hand_take(stream, now_us);
        stt__due(stream, now_us + 1);
        return;
    }
    stt__leg_rewind(stream, leg);
    if (next_provider(stream, now_us) < 0) {
        stream_refuse(stream, failure, now_us);
        return;
    }
    stt__due(stream, now_us + 1);
    bool owed = stt_ring_end(&stream->ring, leg->base) > leg->base && leg->base < leg->end;
    if (owed && remedy != STT_REMEDY_REPLACE && remedy != STT_REMEDY_REOPEN)
        stream_back_off(stream, leg, failure, remedy, now_us);
}

void stt__leg_fail(struct stt_stream *stream, struct stt_leg *leg, int grpc_status,
                   const char *details, int64_t now_us)
{
    leg_failed(stream, leg, &(struct stt_failure){.status = grpc_status, .details = details},
               now_us);
}

static void stream_healthy(struct stt_stream *stream)
{
    stream->failures = 0;
    if (!stream->degraded)
        return;
    stream->degraded = false;
    stream->ops.health(stream->ctx, STT_HEALTH_OK, STT_CODE_OK, "", 0);
}

void stt__leg_on_answer(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us)
{
    leg->answered = true;
    leg->event_us = now_us;
    stt_choice_answered(&stream->choice, leg->provider);
    stream_healthy(stream);
}

void stt__leg_on_sent(struct stt_stream *stream, struct stt_leg *leg, const struct stt_event *event,
                      int64_t now_us)
{
    if (leg->unsent == 0)
        return;
    leg->unsent--;
    leg->event_us = leg->moved_us = now_us;
    if (leg->first_sent_us == 0)
        leg->first_sent_us = now_us;
    if (event->end_sample <= leg->sent || event->end_sample > leg->next)
        return;
    leg->sent = event->end_sample;
    int64_t took_us = stt_marks_sent(&stream->marks, event->end_sample, event->at_us);
    /* What was complete before the call was opened has waited for somebody to speak. */
    bool held = event->at_us - took_us < leg->opened_us;
    if (took_us >= 0 && !held && stream->config.handover != NULL)
        durations_add(stream->config.handover, took_us);
    struct stt_ring_entry *entry = stt_ring_find(&stream->ring, event->end_sample - 1);
    if (entry != NULL)
        entry->sent_us = event->at_us;
}

void stt__leg_on_closed(struct stt_stream *stream, struct stt_leg *leg,
                        const struct stt_event *event, int64_t now_us)
{
    bool whole = leg->state == STT_LEG_FINISHING && !leg->finish_due && leg->unsent == 0;
    leg->call = 0;
    leg->event_us = now_us;
    if (event->grpc_status == STT_CODE_OK && whole) {
        leg_set_state(leg, STT_LEG_DONE);
        return;
    }
    const struct stt_failure failure = {.status = event->grpc_status,
                                        .details = event->details != NULL ? event->details : "",
                                        .retry_after_ms = event->retry_after_ms};
    leg_failed(stream, leg, &failure, now_us);
}

static void leg_open(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us)
{
    assert(leg->call == 0 && leg->next == leg->base && leg->unsent == 0);
    size_t len = 0;
    leg->provider = stream->provider = (unsigned)next_provider(stream, now_us);
    char *config = stt__config_write(stream, &stream->config.provider[leg->provider], &len);
    leg_set_state(leg, STT_LEG_OPEN);
    leg->answered = leg->at_final = false;
    leg->opened_us = leg->event_us = leg->passed_us = leg->moved_us = leg->pace_us = now_us;
    leg->first_sent_us = 0;
    stt__hand_limits(stream, leg);
    leg->final_to = leg->heard_to = 0;
    leg->pace = (int64_t)stt__samples(stream, STT_PACE_BURST_MS);
    leg->catch_up = stt_ring_end(&stream->ring, leg->base);
    leg->replay_to = leg == &stream->legs[0] && stream->started ? stream->end : 0;
    leg->call = 0;
    if (leg == &stream->legs[0])
        stt__results_rebase(stream, leg);
    uint32_t call = ++stream->next_call;
    int status = config != NULL ? STATUS_OK : STATUS_NOMEM;
    if (status == STATUS_OK)
        status = stream->ops.open(stream->ctx, call, config, len);
    if (status != STATUS_OK) {
        stt__leg_fail(stream, leg, STT_CODE_UNAVAILABLE, "the call could not be opened", now_us);
        return;
    }
    leg->call = call;
}

static unsigned calls_open(const struct stt_stream *stream)
{
    unsigned n = 0;
    for (size_t i = 0; i < stream->legs_len; i++)
        n += stream->legs[i].call != 0;
    return n;
}

static const struct stt_failure no_provider = {
    .status = STT_CODE_FAILED_PRECONDITION,
    .details = "every speech service has refused this session",
};

static void leg_try_open(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us)
{
    bool first = leg == &stream->legs[0];
    if (leg->base == leg->end) {
        leg_set_state(leg, STT_LEG_DONE);
        return;
    }
    if (stt_ring_end(&stream->ring, leg->base) <= leg->base ||
        (!first && leg[-1].state < STT_LEG_FINISHING && !leg[-1].hands_over) ||
        calls_open(stream) >= STT_CALLS_MAX)
        return;
    if (stt__rest_holds(stream, leg, now_us))
        return;
    if (now_us < stream->retry_us) {
        stt__due(stream, stream->retry_us);
        return;
    }
    /* The last one may have refused a call beside one that went on to its end. */
    if (next_provider(stream, now_us) < 0)
        stream_refuse(stream, &no_provider, now_us);
    else
        leg_open(stream, leg, now_us);
}

/* True when `samples` may go out now; else says when. */
static bool leg_pace(struct stt_stream *stream, struct stt_leg *leg, int64_t samples,
                     int64_t now_us)
{
    int64_t speed = (int64_t)stream->config.rate * STT_PACE_SPEED; /* samples a second */
    int64_t burst = (int64_t)stt__samples(stream, STT_PACE_BURST_MS);
    int64_t passed = now_us - leg->pace_us;
    if (passed > 0) {
        passed = passed < STT_PACE_BURST_MS * 1000 ? passed : STT_PACE_BURST_MS * 1000;
        leg->pace += speed * passed / 1000000;
        leg->pace = leg->pace < burst ? leg->pace : burst;
        leg->pace_us = now_us;
    }
    if (leg->pace >= samples)
        return true;
    stt__due(stream, now_us + (samples - leg->pace) * 1000000 / speed + 1);
    return false;
}

/* The part of the ring's block that the call still needs; one reference, the caller's. */
static struct stt_block *leg_block(const struct stt_leg *leg, const struct stt_ring_entry *entry)
{
    struct stt_block *block = entry->block;
    assert(entry->end <= leg->end);
    if (block->first_sample == leg->next)
        return stt_block_ref(block);
    uint32_t skip = (uint32_t)(leg->next - block->first_sample) * 2;
    return stt_block_create(block->pcm + skip, block->bytes - skip, leg->next);
}

/* Sends one block. STATUS_AGAIN: nothing can go now. */
static int leg_send_one(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us)
{
    assert(leg->state == STT_LEG_OPEN && leg->call != 0);
    struct stt_ring_entry *entry = stt_ring_find(&stream->ring, leg->next);
    if (entry == NULL || leg->next >= leg->end || leg->unsent >= STT_CALL_BLOCKS_MAX)
        return STATUS_AGAIN;
    int64_t samples = (int64_t)(entry->end - leg->next);
    if (!leg_pace(stream, leg, samples, now_us))
        return STATUS_AGAIN;
    struct stt_block *block = leg_block(leg, entry);
    int status = block != NULL ? stream->ops.send(stream->ctx, leg->call, block) : STATUS_FULL;
    if (block != NULL)
        stt_block_unref(block);
    if (status == STATUS_FULL) {
        stream->again = true;
        return STATUS_AGAIN;
    }
    if (status != STATUS_OK)
        return status;
    leg->pace -= samples;
    leg->next = entry->end;
    leg->passed_us = now_us;
    if (leg->unsent++ == 0)
        leg->moved_us = now_us;
    stream->billed += (uint64_t)samples;
    stt_marks_passed(&stream->marks, entry->end, now_us);
    return STATUS_OK;
}

static void leg_finish(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us)
{
    assert(leg->next == leg->end && leg->call != 0);
    if (leg->state == STT_LEG_OPEN)
        leg_set_state(leg, STT_LEG_FINISHING);
    leg->finished_us = now_us;
    int status = stream->ops.finish(stream->ctx, leg->call);
    leg->finish_due = status == STATUS_FULL;
    stream->again = stream->again || leg->finish_due;
}

/* A call that accepts nothing is dead: it fails. */
static bool leg_stalled(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us)
{
    int64_t until = leg->moved_us + STT_STALL_MS * 1000;
    if (leg->unsent == 0)
        return false;
    if (now_us >= until)
        stt__leg_fail(stream, leg, STT_CODE_DEADLINE_EXCEEDED, "the call takes no audio", now_us);
    else
        stt__due(stream, until);
    return now_us >= until;
}

static void leg_rotate(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us)
{
    switch (stt__hand_way(stream)) {
    case STT_HAND_ANEW:
        stt__leg_rewind(stream, leg);
        leg_try_open(stream, leg, now_us);
        break;
    case STT_HAND_BESIDE: stt__hand_begin(stream, now_us); break;
    case STT_HAND_CUT: stt__legs_cut(stream, leg->next); break;
    }
}

/* Limits of a call that takes audio. */
static void leg_limits(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us)
{
    bool head = leg == &stream->legs[0], hand = stt__hand_open(stream);
    bool silent = head && !leg->hands_over && stt__rest_settle(stream, leg, now_us);
    bool rests = leg->at_final || silent;
    leg->at_final = false;
    if (leg_stalled(stream, leg, now_us) || leg->end != STT_OPEN_END || hand)
        return;
    if (head)
        stt__results_settle_long(stream, leg);
    int64_t idle_us = leg->passed_us + (int64_t)stream->config.idle_close_ms * 1000;
    bool idle = stream->pending_len == 0 && leg->next == stt_ring_end(&stream->ring, leg->next) &&
                now_us >= idle_us;
    if (idle && stt__rest_hold(stream, leg, now_us))
        return;
    if (idle)
        stt__rest_close(stream, leg);
    else if (head && stt__hand_overdue(stream, leg))
        stt__legs_cut(stream, leg->next);
    else if (head && stt__hand_wanted(stream, rests, now_us))
        leg_rotate(stream, leg, now_us);
    stt__due(stream, idle_us > now_us ? idle_us : INT64_MAX);
    int64_t hard_us = leg->opened_us + leg->hard_us;
    stt__due(stream, hard_us > now_us ? hard_us : INT64_MAX);
}

/* Somebody spoke after the last word the call has said. */
static bool leg_owes_words(const struct stt_stream *stream, const struct stt_leg *leg)
{
    uint64_t heard = leg->held_last != NULL ? leg->held_last->end : leg->base;
    uint64_t spoken = stream->silence.spoken < leg->end ? stream->silence.spoken : leg->end;
    if (leg == &stream->legs[0])
        heard = stream->heard_end > stream->final_end ? stream->heard_end : stream->final_end;
    return !leg->retried && spoken > heard + stt__samples(stream, STT_DRAIN_OWED_MS);
}

static void leg_drain(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us)
{
    if (leg->finish_due)
        leg_finish(stream, leg, now_us);
    if (leg_stalled(stream, leg, now_us) || leg->unsent > 0)
        return;
    /* The provider's time begins when it has all the audio. */
    int64_t heard = leg->moved_us > leg->finished_us ? leg->moved_us : leg->finished_us;
    int64_t last = leg->event_us > heard ? leg->event_us : heard;
    int64_t until = last + STT_DRAIN_MS * 1000;
    int64_t total = heard + STT_DRAIN_TOTAL_MS * 1000;
    until = until < total ? until : total;
    if (now_us < until) {
        stt__due(stream, until);
        return;
    }
    if (leg_owes_words(stream, leg)) {
        leg->retried = true;
        stt__leg_fail(stream, leg, STT_CODE_DEADLINE_EXCEEDED, "the last words did not come",
                      now_us);
        return;
    }
    call_cancel(stream, leg->call);
    leg->call = 0;
    leg_set_state(leg, STT_LEG_DONE);
}

static void leg_run_open(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us)
{
    uint32_t call;
    do {
        int status = STATUS_OK;
        while (status == STATUS_OK)
            status = leg_send_one(stream, leg, now_us);
        if (status != STATUS_AGAIN) {
            stt__leg_fail(stream, leg, STT_CODE_UNAVAILABLE, "audio could not be handed over",
                          now_us);
            return;
        }
        call = leg->call;
        leg_limits(stream, leg, now_us);
    } while (leg->state == STT_LEG_OPEN && leg->call != call);
    if (!stream->refused && leg->state == STT_LEG_OPEN && leg->next == leg->end)
        leg_finish(stream, leg, now_us);
}

static void leg_run(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us)
{
    if (leg->state == STT_LEG_WAITING)
        leg_try_open(stream, leg, now_us);
    if (!stream->refused && leg->state == STT_LEG_OPEN)
        leg_run_open(stream, leg, now_us);
    if (!stream->refused && leg->state == STT_LEG_FINISHING)
        leg_drain(stream, leg, now_us);
}

/* The head was heard to its end: what it left open becomes final, and the next one's results are
 * shown. */
static void legs_pop(struct stt_stream *stream, int64_t now_us)
{
    struct stt_leg *head = &stream->legs[0];
    uint64_t resume = head->resume;
    assert(head->state == STT_LEG_DONE && head->call == 0);
    stt__results_promote(stream, head->event_us, now_us);
    stt__held_forget(head);
    memmove(head, head + 1, --stream->legs_len * sizeof(*head));
    /* What lies between two legs is silence that no call is to hear. */
    stt__settle(stream, stream->legs_len > 0 ? head->base : resume);
    if (stream->legs_len > 0)
        stt__results_head(stream, head, now_us);
}

/* Audio behind the last leg gets a leg of its own. */
static void legs_extend(struct stt_stream *stream)
{
    uint64_t base = stream->settled;
    if (stream->legs_len > 0)
        base = stream->legs[stream->legs_len - 1].resume;
    base = base > stream->wanted ? base : stream->wanted;
    if (base == STT_OPEN_END || stream->legs_len == STT_LEGS_MAX ||
        stt_ring_end(&stream->ring, base) <= base)
        return;
    struct stt_leg *leg = stt__legs_add(stream, base);
    leg->broken = base < stream->rested ? stream->rested : 0;
}

void stt__legs_cut(struct stt_stream *stream, uint64_t position)
{
    assert(position <= stream->received);
    if (stt__hand_open(stream))
        stt__hand_drop(stream);
    legs_extend(stream);
    if (stream->legs_len == 0)
        return;
    struct stt_leg *tail = &stream->legs[stream->legs_len - 1];
    /* With no leg free the last one, which waits, grows instead. */
    if (tail->end == STT_OPEN_END || (tail->end < position && tail->state == STT_LEG_WAITING))
        tail->end = tail->resume = position;
}

static void health_run(struct stt_stream *stream, int64_t now_us)
{
    for (size_t i = 0; stream->degraded && i < stream->legs_len; i++) {
        const struct stt_leg *leg = &stream->legs[i];
        if (leg->call == 0 || leg->first_sent_us == 0)
            continue;
        int64_t due = leg->first_sent_us + STT_HEALTHY_MS * 1000;
        if (now_us >= due)
            stream_healthy(stream);
        else
            stt__due(stream, due);
    }
}

void stt__legs_run(struct stt_stream *stream, int64_t now_us)
{
    stream->again = false;
    cancels_retry(stream);
    /* Every round but the last ends a leg. */
    for (bool more = true; more && !stream->refused;) {
        legs_extend(stream);
        for (size_t i = 0; i < stream->legs_len; i++)
            leg_run(stream, &stream->legs[i], now_us);
        more = stt__hand_run(stream, now_us);
        if (!stream->refused && stream->legs_len > 0 && stream->legs[0].state == STT_LEG_DONE) {
            legs_pop(stream, now_us);
            more = true;
        }
    }
    health_run(stream, now_us);
    if (stream->again)
        stt__due(stream, now_us + STT_AGAIN_MS * 1000);
}
