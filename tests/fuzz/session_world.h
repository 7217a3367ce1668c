/*
 * What is around the session of fuzz_session.c: its client, the calls it opens, what it asks, what
 * its store has. All of it takes what the session gives, and checks it.
 */
#pragma once

#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "grammar/grammar.h"
#include "server/codec.h"
#include "server/session_internal.h"
#include "stt/client.h"
#include "tests/fuzz/session_tape.h"
#include "tests/sim/promise.h"
#include "translate/translate.h"
#include <assert.h>

#define MS         1000LL
#define CALLS_MAX  16
#define ASKS_MAX   64
#define HELD_MAX   256
#define FINALS_MAX 8
#define LANGS_MAX  16
#define WORDS_MAX  24
#define STEPS_MAX  400

struct fuzz_call {
    uint32_t id; /* 0: free */
    uint64_t base, given, sent;
    bool begun, finished, cancelled;
};

struct fuzz_ask {
    bool used, grammar, final;
    uint32_t lane, ask;
    char *text, target[PROMISE_LANG_BYTES];
    struct lat lat;
};

/* Newest final of a language; of the corrections with "". */
struct fuzz_newest {
    char lang[PROMISE_LANG_BYTES];
    uint32_t segment;
};

struct fuzz {
    struct tape tape;
    struct session *session;
    struct session_config config;
    struct promise promise;
    int64_t now_us, due_us, began_us;
    uint64_t speech; /* half seconds in which somebody speaks */
    uint64_t given;  /* bytes of audio */
    struct fuzz_call calls[CALLS_MAX];
    struct fuzz_ask asks[ASKS_MAX];
    unsigned asks_next, attaches, flush_serial;
    uint8_t refuse; /* bits: open, send, finish, cancel of calls are refused; asks are */
    unsigned healthy;
    bool held, ending;
    int64_t end_by_us;
    struct event *missed[HELD_MAX]; /* durable ones, and the last, of a held session */
    unsigned missed_len;
    /* What the store has, for a session that is restored. */
    char *settings; /* JSON */
    struct session_final kept[FINALS_MAX];
    uint32_t finals; /* newest segment that is final */
    uint64_t seq, settled;
    bool settled_exact;
    struct fuzz_newest newest[LANGS_MAX];
    unsigned newest_len;
};

static int16_t sample_at(const struct fuzz *f, uint64_t at)
{
    return tape_sample(f->speech, f->promise.rate, at);
}

/* --- what the session asks for --- */

static struct fuzz_newest *newest_of(struct fuzz *f, const char *lang)
{
    for (unsigned i = 0; i < f->newest_len; i++)
        if (strcmp(f->newest[i].lang, lang) == 0)
            return &f->newest[i];
    assert(f->newest_len < LANGS_MAX);
    struct fuzz_newest *newest = &f->newest[f->newest_len++];
    snprintf(newest->lang, sizeof newest->lang, "%s", lang);
    return newest;
}

static void keep_transcript(struct fuzz *f, const struct event *event)
{
    struct session_final *kept = &f->kept[event->segment % FINALS_MAX];
    free((char *)kept->text);
    *kept = (struct session_final){.segment = event->segment,
                                   .rev = event->rev,
                                   .text = strdup(event->committed),
                                   .language = "en-US",
                                   .start_ms = event->start_ms,
                                   .end_ms = event->end_ms};
    f->finals = event->segment;
    f->settled = event->settled_samples;
    f->settled_exact = event->settled_exact;
}

/* As the worker that serialises an event gives it to the store; that has memory of its own. */
static void keep(struct fuzz *f, const struct event *event)
{
    if (event->seq > 0)
        f->seq = event->seq;
    if (event->seq > 0 && event->kind == EVENT_TRANSCRIPT)
        keep_transcript(f, event);
    else if (event->seq > 0)
        newest_of(f, event->kind == EVENT_GRAMMAR ? "" : event->language)->segment = event->segment;
    if (event->kind != EVENT_STARTED && event->kind != EVENT_UPDATED)
        return;
    struct buf out;
    buf_init(&out, 65536);
    if (codec_settings_write(&event->settings, &out) == STATUS_OK) {
        free(f->settings);
        f->settings = strdup(out.data);
    } else {
        f->promise.poor = true; /* a host would break the session here */
    }
    buf_deinit(&out);
}

static void trace(const struct fuzz *f, const struct event *event)
{
    static const char *const names[] = {"started",     "updated", "ack",     "transcript",
                                        "translation", "grammar", "flushed", "degraded",
                                        "restored",    "goaway",  "ended",   "error"};
    if (getenv("TRACE") == NULL)
        return;
    fprintf(stderr, "%.3f %s%s", (double)(f->now_us - f->began_us) / 1e6,
            event->final ? "final " : "", names[event->kind]);
    if (event->segment != 0)
        fprintf(stderr, " %u.%u of %u", event->segment, event->rev, event->source_rev);
    if (event->committed != NULL)
        fprintf(stderr, " \"%s\" + \"%s\"", event->committed, event->tentative);
    if (event->code != NULL)
        fprintf(stderr, " %s: %s", event->code, event->message);
    fputc('\n', stderr);
}

/* Audio it had once it may ask for again, from a restored session on. */
static void heard_note(struct fuzz *f)
{
    uint64_t received = f->session != NULL ? session_received(f->session) : 0;
    if (received > f->promise.received)
        f->promise.received = received;
}

static void on_emit(void *ctx, struct event *event)
{
    struct fuzz *f = ctx;
    trace(f, event);
    keep(f, event);
    f->promise.now_us = f->now_us;
    if (!f->held) {
        if (event->kind == EVENT_STARTED)
            f->given = event->audio_samples * 2;
        heard_note(f);
        promise_event(&f->promise, event);
        event_free(event);
        return;
    }
    if ((event->seq > 0 || event->close_code != 0) && f->missed_len < HELD_MAX) {
        f->missed[f->missed_len++] = event;
        return;
    }
    promise_missed(&f->promise, event);
    event_free(event);
}

static struct fuzz_call *call_of(struct fuzz *f, uint32_t id)
{
    for (unsigned i = 0; i < CALLS_MAX; i++)
        if (f->calls[i].id == id)
            return &f->calls[i];
    return NULL;
}

static int on_open(void *ctx, uint32_t id, char *config, size_t len)
{
    struct fuzz *f = ctx;
    struct fuzz_call *call = call_of(f, 0);
    for (unsigned i = 0; i < CALLS_MAX && call == NULL; i++)
        call = f->calls[i].cancelled ? &f->calls[i] : NULL;
    mem_free(config);
    if ((f->refuse & 1) || call == NULL)
        return STATUS_FULL;
    assert(len > 0 && id > 0 && call_of(f, id) == NULL);
    *call = (struct fuzz_call){.id = id};
    return STATUS_OK;
}

static int on_send(void *ctx, uint32_t id, struct stt_block *block)
{
    struct fuzz *f = ctx;
    struct fuzz_call *call = call_of(f, id);
    if (f->refuse & 2)
        return STATUS_FULL;
    if (call == NULL) /* it was closed in the meantime */
        return STATUS_OK;
    assert(!call->finished && !call->cancelled && block->bytes > 0 && block->bytes % 2 == 0);
    if (!call->begun)
        call->base = call->given = call->sent = block->first_sample;
    call->begun = true;
    assert(block->first_sample == call->given);
    /* A session that has lost audio for want of memory ends as soon as it can say so. */
    for (uint32_t i = 0; i < block->bytes / 2 && !f->session->lost; i += 37) {
        int16_t sample;
        memcpy(&sample, block->pcm + 2 * i, 2);
        assert(sample == sample_at(f, block->first_sample + i));
    }
    call->given += block->bytes / 2;
    return STATUS_OK;
}

static int on_finish(void *ctx, uint32_t id)
{
    struct fuzz *f = ctx;
    struct fuzz_call *call = call_of(f, id);
    if (f->refuse & 4)
        return STATUS_FULL;
    assert(call == NULL || !call->finished);
    if (call != NULL)
        call->finished = true;
    return STATUS_OK;
}

static int on_cancel_call(void *ctx, uint32_t id)
{
    struct fuzz *f = ctx;
    struct fuzz_call *call = call_of(f, id);
    if (f->refuse & 8)
        return STATUS_FULL;
    if (call != NULL)
        call->cancelled = true;
    return STATUS_OK;
}

static int ask_take(struct fuzz *f, struct fuzz_ask ask, const char *text, const char *target)
{
    static const int refusals[] = {STATUS_FULL, STATUS_BUDGET, STATUS_UNAVAILABLE, STATUS_NOMEM};
    struct fuzz_ask *slot = &f->asks[f->asks_next++ % ASKS_MAX];
    if (f->refuse & 16)
        return refusals[f->asks_next % 4];
    assert(text[0] != '\0' && utf8_valid(text, strlen(text)));
    free(slot->text);
    *slot = ask;
    slot->used = true;
    slot->text = strdup(text);
    snprintf(slot->target, sizeof slot->target, "%s", target);
    return STATUS_OK;
}

static int on_translate(void *ctx, uint32_t lane, const struct translate_ask *ask)
{
    struct fuzz_ask taken = {.lane = lane, .ask = ask->ask, .final = ask->final, .lat = ask->lat};
    return ask_take(ctx, taken, ask->text, ask->target);
}

static int on_grammar(void *ctx, uint32_t lane, const struct grammar_ask *ask)
{
    struct fuzz_ask taken = {
        .lane = lane, .ask = ask->ask, .final = ask->final, .lat = ask->lat, .grammar = true};
    return ask_take(ctx, taken, ask->text, "");
}

/* Answers may come all the same. */
static void on_cancel(void *ctx, uint32_t lane, uint32_t ask)
{
    (void)ctx;
    (void)lane;
    (void)ask;
}

static unsigned on_healthy(void *ctx)
{
    const struct fuzz *f = ctx;
    return f->healthy;
}

static const struct session_ops ops = {
    .emit = on_emit,
    .stt_open = on_open,
    .stt_send = on_send,
    .stt_finish = on_finish,
    .stt_cancel = on_cancel_call,
    .translate = on_translate,
    .grammar = on_grammar,
    .cancel = on_cancel,
    .stt_healthy = on_healthy,
};
