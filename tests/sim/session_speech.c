#include "stt/limits.h"
#include "stt/stream_limits.h"
#include "tests/sim/session_sim.h"

uint16_t speech_audio[2 * 65536];

static void open_fate(struct sim *s, uint32_t id)
{
    struct sim_provider *p = &s->provider;
    struct sim_event fault = {.kind = SIM_FAULT, .call = id, .at_us = s->now_us};
    if (p->manner.refuses && s->now_us > s->began_us + 60000 * MS && sim_chance(p, 20)) {
        static const int refusals[] = {3, 5, 7, 9, 12};
        fault.status = refusals[rng_below(&s->rng, 5)];
    } else if (s->now_us < p->down_until_us || sim_chance(p, p->manner.open_fail)) {
        fault.status = s->now_us < p->down_until_us ? p->down_status : sim_status(p);
        fault.at_us += sim_us(p, 0, 500);
    } else if (p->manner.life_ms > 0) {
        fault.status = sim_status(p);
        fault.at_us += (int64_t)(rng_lognormal(&s->rng, p->manner.life_ms, 1.0) * 1000);
    } else {
        return;
    }
    sim_push(p, fault);
}

int speech_op_open(void *ctx, uint32_t id, char *config, size_t len)
{
    struct sim *s = ctx;
    struct sim_provider *p = &s->provider;
    mem_free(config);
    HOLD(s, len > 0 && !s->rules.refused);
    if (!p->calm && sim_chance(p, 2))
        return STATUS_FULL;
    struct sim_call *call = sim_find(p, 0);
    HOLD(s, call != NULL && sim_find(p, id) == NULL);
    *call = (struct sim_call){.id = id, .opened_us = s->now_us};
    call->transport_us = call->out_us = s->now_us;
    TRACE(s, "open call %u", id);
    s->totals->calls++;
    open_fate(s, id);
    return STATUS_OK;
}

static void call_begin(struct sim_provider *p, struct sim_call *call, uint64_t first)
{
    call->begun = true;
    call->base = call->given = call->heard_to = call->final_to = first;
    while (call->final_words < p->words_len && p->words[call->final_words].middle < first)
        call->final_words++;
    call->heard_words = call->final_words;
}

int speech_op_send(void *ctx, uint32_t id, struct stt_block *block)
{
    struct sim *s = ctx;
    struct sim_provider *p = &s->provider;
    struct sim_call *call = sim_find(p, id);
    HOLD(s, call != NULL && !call->finishing);
    if (!p->calm && sim_chance(p, p->manner.full))
        return STATUS_FULL;
    HOLD(s, ++call->unsent <= STT_CALL_BLOCKS_MAX);
    HOLD(s, block->bytes > 0 && block->bytes <= STT_BLOCK_BYTES_MAX);
    uint64_t n = block->bytes / 2, first = block->first_sample;
    /* Every byte is where the client put it, odd frames or not. */
    HOLD(s, memcmp(block->pcm, &speech_audio[first & 0xffff], block->bytes) == 0);
    if (!call->begun)
        call_begin(p, call, first);
    HOLD(s, first == call->given);
    call->given += n;
    call->audio += n;
    int64_t delay = sim_us(p, 0, 20);
    if (!p->calm && sim_chance(p, p->manner.slow_sent))
        delay = sim_chance(p, 3) ? sim_us(p, 9000, 12000) : sim_us(p, 100, 1500);
    call->transport_us = (call->transport_us > s->now_us ? call->transport_us : s->now_us) + delay;
    sim_push(p, (struct sim_event){.at_us = call->transport_us,
                                   .kind = SIM_BLOCK,
                                   .call = id,
                                   .first = first,
                                   .end = first + n});
    return STATUS_OK;
}

int speech_op_finish(void *ctx, uint32_t id)
{
    struct sim *s = ctx;
    struct sim_call *call = sim_find(&s->provider, id);
    HOLD(s, call != NULL && !call->finishing);
    if (!s->provider.calm && sim_chance(&s->provider, s->provider.manner.full))
        return STATUS_FULL;
    TRACE(s, "finish call %u", id);
    call->finishing = true;
    int64_t at = call->transport_us > s->now_us ? call->transport_us : s->now_us;
    sim_push(&s->provider, (struct sim_event){.at_us = at, .kind = SIM_FINISH, .call = id});
    return STATUS_OK;
}

int speech_op_cancel(void *ctx, uint32_t id)
{
    struct sim *s = ctx;
    struct sim_call *call = sim_find(&s->provider, id);
    if (!s->provider.calm && sim_chance(&s->provider, s->provider.manner.full))
        return STATUS_FULL;
    TRACE(s, "cancel call %u", id);
    if (call != NULL && !call->dead)
        sim_close(&s->provider, call, 1, sim_us(&s->provider, 0, 5));
    return STATUS_OK;
}

static void give(struct sim *s, uint32_t call, struct stt_event event)
{
    event.call = call;
    event.at_us = s->now_us;
    session_stt(s->session, &event, s->now_us);
}

static void on_close(struct sim *s, struct sim_call *call, int status)
{
    struct sim_provider *p = &s->provider;
    char details[] = "sim";
    if ((status == 1 && p->failures > 0) ||
        (status == 16 && (p->failures > 0 || !p->ever_answered)))
        status = 14;
    /* An OK nobody asked for that crosses our half-close would look like nothing to say. */
    if (status == 0 && call->broken && call->finishing)
        status = 14;
    p->failures += status == 1 || status == 16;
    p->faults[status]++;
    TRACE(s, "closed call %u status %d", call->id, status);
    uint32_t id = call->id;
    call->id = 0;
    give(s, id,
         (struct stt_event){.kind = STT_EVENT_CLOSED, .grpc_status = status, .details = details});
}

static void on_deliver(struct sim *s, const struct sim_call *call, struct sim_reply *reply)
{
    struct sim_provider *p = &s->provider;
    struct stt_response *response = &reply->response;
    response->results = reply->results;
    for (size_t i = 0; i < response->results_len; i++)
        TRACE(s, "call %u %s to %.3f \"%s\"", call->id,
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
    give(s, call->id, (struct stt_event){.kind = STT_EVENT_RESPONSE, .response = response});
}

void speech_step(struct sim *s)
{
    struct sim_provider *p = &s->provider;
    struct sim_event event = sim_pop(p);
    struct sim_call *call = sim_find(p, event.call);
    if (call != NULL) {
        switch (event.kind) {
        case SIM_BLOCK:
            if (call->dead)
                break;
            HOLD(s, !call->finished && call->unsent > 0);
            call->unsent--;
            sim_hear(p, call, event.end);
            give(s, call->id, (struct stt_event){.kind = STT_EVENT_SENT, .end_sample = event.end});
            break;
        case SIM_FINISH: sim_on_finish(p, call); break;
        case SIM_DECODE: sim_on_decode(p, call); break;
        case SIM_FAULT: sim_on_fault(p, call, event.status); break;
        case SIM_DELIVER: on_deliver(s, call, event.reply); break;
        case SIM_CLOSE: on_close(s, call, event.status); break;
        }
    }
    mem_free(event.reply);
}

static void manner_init(struct sim *s)
{
    struct rng *r = &s->rng;
    struct sim_manner *m = &s->provider.manner;
    static const int lives[] = {0, 0, 0, 90000, 20000, 4000};
    m->truthful = rng_below(r, 4) != 0;
    m->life_ms = lives[rng_below(r, 6)];
    m->open_fail = rng_below(r, 4) == 0 ? (int)rng_below(r, 50) : 0;
    /* Where one hearing commits, a wrong word stays. */
    m->revise = s->client.low && m->truthful ? 0 : (int)rng_below(r, 60);
    m->shrink = (int)rng_below(r, 30);
    m->split = rng_below(r, 2) ? (int)rng_below(r, 10) : 0;
    m->slow_sent = rng_below(r, 3) == 0 ? (int)rng_below(r, 10) : 0;
    m->lose_close = rng_below(r, 4) == 0 ? 30 : 0;
    m->lose_final = rng_below(r, 3) == 0 ? 30 : 0;
    m->late_final = (int)rng_below(r, 50);
    m->full = rng_below(r, 3) == 0 ? (int)rng_below(r, 20) : 0;
    m->refuses = rng_below(r, 15) == 0;
    m->pause = (int)rng_range(r, 300, 1500);
    m->stable = (int)rng_below(r, 50);
    if (rng_below(r, 15) == 0) { /* no room for another speaker */
        s->provider.down_until_us = s->now_us + 60000 * MS;
        s->provider.down_status = 8;
    }
}

/* What is spoken: words with pauses, some long. */
void speech_init(struct sim *s)
{
    struct sim_provider *p = &s->provider;
    uint64_t samples = s->client.length / 2, at = sim_samples(s, rng_range(&s->rng, 0, 3000));
    int talk = (int)rng_range(&s->rng, 0, 3); /* 0: without a pause */
    size_t n = 0;
    s->words = mem_calloc(SIM_WORDS_MAX, sizeof *s->words);
    while (n < SIM_WORDS_MAX) {
        uint64_t len = sim_samples(s, rng_range(&s->rng, 120, 600));
        if (at + len >= samples)
            break;
        s->words[n++] = (struct sim_word){.start = at, .middle = at + len / 2, .end = at + len};
        at += len + sim_samples(s, rng_range(&s->rng, 0, 120));
        if (talk > 0 && rng_below(&s->rng, 8) == 0)
            at += sim_samples(s, rng_range(&s->rng, 300, 2500));
        if (talk > 1 && rng_below(&s->rng, 60) == 0)
            at += sim_samples(s, rng_range(&s->rng, 5000, 60000));
    }
    p->words = s->words;
    p->words_len = n;
    p->rng = &s->rng;
    p->tag = s->tag;
    manner_init(s);
}
