/*
 * Between a speech stream and stream_provider.h: the calls it opens, what it is told, what is
 * spoken. The simulations of the stream and of the whole session share it.
 */
#pragma once

#include "stt/limits.h"
#include "tests/sim/stream_provider.h"

#define WIRE_AUDIO_MAX 65536 /* bytes */

/* A rule between stream and provider. */
#define WIRE_HOLD(p, expr)                                                                         \
    do {                                                                                           \
        if (!(expr))                                                                               \
            (p)->fail((p)->ctx, #expr, __FILE__, __LINE__);                                        \
    } while (0)

#define WIRE_TRACE(p, format, ...)                                                                 \
    do {                                                                                           \
        if ((p)->trace)                                                                            \
            fprintf(stderr, "%s %.3f " format "\n", (p)->tag,                                      \
                    (double)((p)->now_us - (p)->began_us) / 1e6, __VA_ARGS__);                     \
    } while (0)

/* Bytes [first, first + len) of what is spoken; an odd one begins within a sample. */
static inline const void *wire_audio(const struct sim_provider *p, uint64_t first, size_t len)
{
    static int16_t audio[WIRE_AUDIO_MAX / 2 + 2];
    const struct script_sound sound = {p->words, p->words_len, p->rate, p->room};
    assert(len <= WIRE_AUDIO_MAX);
    script_audio(&sound, first / 2, (first + len + 1) / 2 - first / 2, audio);
    return (const uint8_t *)audio + first % 2;
}

static inline void wire_fate(struct sim_provider *p, uint32_t id)
{
    static const int refusals[] = {3, 5, 7, 9, 12};
    struct sim_event fault = {.kind = SIM_FAULT, .call = id, .at_us = p->now_us};
    if (p->manner.refuses && p->now_us > p->began_us + 60 * 1000000 && sim_chance(p, 20)) {
        fault.status = refusals[rng_below(p->rng, 5)];
    } else if (p->now_us < p->down_until_us || sim_chance(p, p->manner.open_fail)) {
        fault.status = p->now_us < p->down_until_us ? p->down_status : sim_status(p);
        fault.at_us += sim_us(p, 0, 500);
    } else if (p->manner.cut_high_ms > 0) {
        fault.status = sim_cut_status(p);
        fault.at_us += sim_us(p, p->manner.cut_low_ms, p->manner.cut_high_ms);
    } else if (p->manner.life_ms > 0) {
        fault.status = sim_status(p);
        fault.at_us += (int64_t)(rng_lognormal(p->rng, p->manner.life_ms, 1.0) * 1000);
    } else {
        return;
    }
    sim_push(p, fault);
}

static inline int wire_open(struct sim_provider *p, uint32_t id)
{
    if (!p->calm && sim_chance(p, 2))
        return STATUS_FULL;
    struct sim_call *call = sim_find(p, 0);
    WIRE_HOLD(p, call != NULL && sim_find(p, id) == NULL);
    *call = (struct sim_call){.id = id, .opened_us = p->now_us};
    call->transport_us = call->out_us = call->audio_us = call->final_us = p->now_us;
    call->plain = sim_chance(p, p->manner.plain);
    WIRE_TRACE(p, "open call %u", id);
    if (p->manner.idle_ms > 0)
        sim_push(p, (struct sim_event){.at_us = p->now_us + (int64_t)p->manner.idle_ms * 1000,
                                       .kind = SIM_IDLE,
                                       .call = id});
    wire_fate(p, id);
    return STATUS_OK;
}

static inline void wire_begin(struct sim_provider *p, struct sim_call *call, uint64_t first)
{
    call->begun = true;
    call->base = call->given = call->heard_to = call->final_to = first;
    WIRE_TRACE(p, "call %u begins at %.3f", call->id, (double)first / p->rate);
    call->final_words = script_find(p->words, p->words_len, first);
    /* Of the word it begins in there must be enough to notice it. */
    const struct sim_word *word = &p->words[call->final_words];
    if (call->final_words < p->words_len &&
        (p->manner.whole ? word->end - (word->end - word->start) / 4 <= first
                         : word->middle < first))
        call->final_words++;
    call->heard_words = call->final_words;
}

static inline int wire_send(struct sim_provider *p, uint32_t id, const struct stt_block *block)
{
    struct sim_call *call = sim_find(p, id);
    WIRE_HOLD(p, call != NULL && !call->finishing);
    if (!p->calm && sim_chance(p, p->manner.full))
        return STATUS_FULL;
    WIRE_HOLD(p, ++call->unsent <= STT_CALL_BLOCKS_MAX);
    WIRE_HOLD(p, block->bytes > 0 && block->bytes <= STT_BLOCK_BYTES_MAX);
    uint64_t n = block->bytes / 2, first = block->first_sample;
    /* Every byte is where the client put it, odd frames or not. */
    WIRE_HOLD(p, memcmp(block->pcm, wire_audio(p, first * 2, block->bytes), block->bytes) == 0);
    if (!call->begun)
        wire_begin(p, call, first);
    WIRE_HOLD(p, first == call->given);
    call->given += n;
    call->audio += n;
    int64_t delay = sim_us(p, 0, 20);
    if (!p->calm && sim_chance(p, p->manner.slow_sent))
        delay = sim_chance(p, 3) ? sim_us(p, 9000, 12000) : sim_us(p, 100, 1500);
    call->transport_us = (call->transport_us > p->now_us ? call->transport_us : p->now_us) + delay;
    sim_push(p, (struct sim_event){.at_us = call->transport_us,
                                   .kind = SIM_BLOCK,
                                   .call = id,
                                   .first = first,
                                   .end = first + n});
    return STATUS_OK;
}

static inline int wire_finish(struct sim_provider *p, uint32_t id)
{
    struct sim_call *call = sim_find(p, id);
    WIRE_HOLD(p, call != NULL && !call->finishing);
    if (!p->calm && sim_chance(p, p->manner.full))
        return STATUS_FULL;
    WIRE_TRACE(p, "finish call %u", id);
    call->finishing = true;
    int64_t at = call->transport_us > p->now_us ? call->transport_us : p->now_us;
    sim_push(p, (struct sim_event){.at_us = at, .kind = SIM_FINISH, .call = id});
    return STATUS_OK;
}

static inline int wire_cancel(struct sim_provider *p, uint32_t id)
{
    struct sim_call *call = sim_find(p, id);
    if (!p->calm && sim_chance(p, p->manner.full))
        return STATUS_FULL;
    WIRE_TRACE(p, "cancel call %u", id);
    if (call != NULL && !call->dead)
        sim_close(p, call, 1, sim_us(p, 0, 5));
    return STATUS_OK;
}

static inline void wire_give(struct sim_provider *p, uint32_t call, struct stt_event event)
{
    event.call = call;
    event.at_us = p->now_us;
    p->give(p->ctx, &event);
}

static inline void wire_on_close(struct sim_provider *p, struct sim_call *call, int status)
{
    char details[] = "sim";
    if ((status == 1 && p->failures > 0) ||
        (status == 16 && (p->failures > 0 || !p->ever_answered)))
        status = 14;
    /* An OK nobody asked for that crosses our half-close would look like nothing to say. */
    if (status == 0 && call->broken && call->finishing)
        status = 14;
    p->failures += status == 1 || status == 16;
    p->faults[status]++;
    WIRE_TRACE(p, "closed call %u status %d", call->id, status);
    uint32_t id = call->id;
    call->id = 0;
    wire_give(
        p, id,
        (struct stt_event){.kind = STT_EVENT_CLOSED, .grpc_status = status, .details = details});
}

static inline void wire_on_deliver(struct sim_provider *p, const struct sim_call *call,
                                   struct sim_reply *reply)
{
    struct stt_response *response = &reply->response;
    response->results = reply->results;
    p->told++;
    if (reply->last != NULL && reply->last->told == 0 && p->shown == call->id)
        reply->last->told = p->told;
    for (size_t i = 0; i < response->results_len; i++)
        WIRE_TRACE(p, "call %u %s to %.3f \"%s\"", call->id,
                   reply->results[i].is_final ? "final" : "hypothesis",
                   (double)call->base / p->rate + (double)reply->results[i].result_end_us / 1e6,
                   reply->results[i].transcript);
    for (size_t i = 0; !p->manner.truthful && i < response->results_len; i++)
        sim_twist(p, &reply->results[i]);
    if ((response->error_code == 1 || response->error_code == 16) &&
        (p->failures > 0 || !p->ever_answered))
        response->error_code = 14;
    if (response->error_code != 0) {
        p->faults[response->error_code]++;
        p->failures += response->error_code == 1 || response->error_code == 16;
    } else {
        p->failures = 0;
        p->ever_answered = true;
    }
    wire_give(p, call->id, (struct stt_event){.kind = STT_EVENT_RESPONSE, .response = response});
}

/* The provider's next event. */
static inline void wire_step(struct sim_provider *p)
{
    struct sim_event event = sim_pop(p);
    struct sim_call *call = event.call != 0 ? sim_find(p, event.call) : NULL;
    if (event.kind == SIM_HOLE)
        sim_on_hole(p);
    if (event.kind == SIM_RESET)
        sim_on_reset(p);
    if (call != NULL) {
        switch (event.kind) {
        case SIM_BLOCK:
            if (call->dead)
                break;
            WIRE_HOLD(p, !call->finished && call->unsent > 0);
            call->unsent--;
            call->audio_us = p->now_us;
            if (!p->hole)
                sim_hear(p, call, event.end);
            wire_give(p, call->id,
                      (struct stt_event){.kind = STT_EVENT_SENT, .end_sample = event.end});
            break;
        case SIM_FINISH: sim_on_finish(p, call); break;
        case SIM_IDLE: sim_on_idle(p, call); break;
        case SIM_DECODE: sim_on_decode(p, call); break;
        case SIM_FAULT: sim_on_fault(p, call, event.status); break;
        case SIM_DELIVER: wire_on_deliver(p, call, event.reply); break;
        case SIM_CLOSE: wire_on_close(p, call, event.status); break;
        case SIM_HOLE:
        case SIM_RESET: break;
        }
    }
    sim_reply_free(event.reply);
}

static inline void wire_manner(struct sim_provider *p)
{
    struct rng *r = p->rng;
    struct sim_manner *m = &p->manner;
    static const int lives[] = {0, 0, 90000, 20000, 4000};
    m->truthful = rng_below(r, 4) != 0;
    m->life_ms = lives[rng_below(r, 5)];
    m->open_fail = rng_below(r, 3) == 0 ? (int)rng_below(r, 50) : 0;
    m->revise = (int)rng_below(r, 60);
    m->shrink = (int)rng_below(r, 30);
    m->split = rng_below(r, 2) ? (int)rng_below(r, 10) : 0;
    m->slow_sent = rng_below(r, 3) == 0 ? (int)rng_below(r, 10) : 0;
    m->lose_close = rng_below(r, 4) == 0 ? 30 : 0;
    m->lose_final = rng_below(r, 3) == 0 ? 30 : 0;
    m->late_final = (int)rng_below(r, 50);
    m->late_most_ms = 4000;
    m->full = rng_below(r, 3) == 0 ? (int)rng_below(r, 20) : 0;
    m->refuses = rng_below(r, 20) == 0;
    m->pause = (int)rng_range(r, 300, 1500);
    m->stable = (int)rng_below(r, 50);
}

/* Now and then the provider goes down for a while. */
static inline void wire_outage(struct sim_provider *p)
{
    static const int statuses[] = {14, 8, 13, 4};
    if (p->calm || p->manner.open_fail == 0 || rng_below(p->rng, 3000) != 0)
        return;
    p->down_until_us = p->now_us + rng_range(p->rng, 1000, 40000) * 1000;
    p->down_status = statuses[rng_below(p->rng, 4)];
}

/* What is spoken: words with pauses, some long. */
static inline void wire_script(struct sim_provider *p, uint64_t samples)
{
    struct rng *r = p->rng;
    uint64_t ms = p->rate, at = (uint64_t)rng_range(r, 0, 3000) * ms / 1000;
    int talk = (int)rng_range(r, 0, 3); /* 0: without a pause */
    size_t n = 0;
    p->words = mem_calloc(SIM_WORDS_MAX, sizeof *p->words);
    assert(p->words != NULL);
    while (n < SIM_WORDS_MAX) {
        uint64_t len = (uint64_t)rng_range(r, 120, 600) * ms / 1000;
        if (at + len >= samples)
            break;
        p->words[n++] = (struct sim_word){.start = at, .middle = at + len / 2, .end = at + len};
        at += len + (uint64_t)rng_range(r, 0, 120) * ms / 1000;
        if (talk > 0 && rng_below(r, 8) == 0)
            at += (uint64_t)rng_range(r, 300, 2500) * ms / 1000;
        if (talk > 1 && rng_below(r, 60) == 0)
            at += (uint64_t)rng_range(r, 5000, 60000) * ms / 1000;
    }
    p->words_len = n;
}
