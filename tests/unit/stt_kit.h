/*
 * A speech API for tests of stt_stream: records what the stream asks for, answers what the test
 * says. Time is a variable.
 */
#pragma once

#include "base/mem.h"
#include "base/status.h"
#include "stt/client.h"
#include "stt/codec.h"
#include "stt/stream.h"
#include "tests/check.h"

#define KIT_RATE  16000
#define KIT_CALLS 64
#define KIT_LINES 512

struct kit_call {
    bool finished, cancelled;
    uint64_t base, next; /* audio given: [base, next) */
    uint64_t sent;
    unsigned blocks;
    unsigned provider;
    uint8_t tag; /* first byte of its first request */
};

/* What was shown, copied. */
struct kit_line {
    struct stt_transcript t;
    char committed[4096], tentative[4096], language[40], word0[64];
};

struct kit {
    struct stt_stream *stream;
    int64_t now_us;
    uint64_t produced;                /* samples the test has spoken */
    uint64_t hush;                    /* audio from here on is silence; 0: none */
    struct kit_call calls[KIT_CALLS]; /* by call number */
    unsigned calls_len;
    struct kit_line lines[KIT_LINES];
    unsigned lines_len;
    uint64_t settled;
    unsigned settled_calls;
    enum stt_health health[32];
    int health_status[32];
    unsigned health_len;
    unsigned unhealthy; /* providers, as bits */
    int open_status, send_status, finish_status, cancel_status;
};

/* The test's audio carries the low 16 bits of its own position, or is silence. */
static inline uint16_t kit_sample(const struct kit *kit, uint64_t position)
{
    return kit->hush > 0 && position >= kit->hush ? 0 : (uint16_t)position;
}

static int kit_open(void *ctx, uint32_t call, char *config, size_t len)
{
    struct kit *kit = ctx;
    CHECK(len > 0);
    if (kit->open_status != STATUS_OK) {
        mem_free(config);
        return kit->open_status;
    }
    CHECK(call < KIT_CALLS);
    kit->calls[call] = (struct kit_call){.base = UINT64_MAX, .tag = (uint8_t)config[0]};
    kit->calls[call].provider = stt_stream_provider(kit->stream);
    mem_free(config);
    kit->calls_len = call + 1;
    return STATUS_OK;
}

static int kit_send(void *ctx, uint32_t call, struct stt_block *block)
{
    struct kit *kit = ctx;
    struct kit_call *c = &kit->calls[call];
    if (kit->send_status != STATUS_OK)
        return kit->send_status;
    CHECK(!c->finished && !c->cancelled);
    if (c->base == UINT64_MAX)
        c->base = c->next = c->sent = block->first_sample;
    CHECK_EQ(block->first_sample, c->next);
    for (uint32_t i = 0; i < block->bytes / 2; i += 97) {
        uint16_t sample;
        memcpy(&sample, block->pcm + 2 * i, 2);
        CHECK_EQ(sample, kit_sample(kit, block->first_sample + i));
    }
    CHECK(block->bytes <= 15360);
    c->next += block->bytes / 2;
    c->blocks++;
    return STATUS_OK;
}

static int kit_finish(void *ctx, uint32_t call)
{
    struct kit *kit = ctx;
    if (kit->finish_status != STATUS_OK)
        return kit->finish_status;
    CHECK(!kit->calls[call].finished);
    kit->calls[call].finished = true;
    return STATUS_OK;
}

static int kit_cancel(void *ctx, uint32_t call)
{
    struct kit *kit = ctx;
    if (kit->cancel_status != STATUS_OK)
        return kit->cancel_status;
    kit->calls[call].cancelled = true;
    return STATUS_OK;
}

static void kit_transcript(void *ctx, const struct stt_transcript *t)
{
    struct kit *kit = ctx;
    CHECK(kit->lines_len < KIT_LINES);
    struct kit_line *line = &kit->lines[kit->lines_len++ % KIT_LINES];
    line->t = *t;
    snprintf(line->committed, sizeof(line->committed), "%s", t->committed);
    snprintf(line->tentative, sizeof(line->tentative), "%s", t->tentative);
    snprintf(line->language, sizeof(line->language), "%s", t->language);
    snprintf(line->word0, sizeof(line->word0), "%s", t->words_len ? t->words[0].text : "");
    CHECK(t->start_ms <= t->end_ms);
}

static void kit_settled(void *ctx, uint64_t samples)
{
    struct kit *kit = ctx;
    CHECK(samples > kit->settled);
    kit->settled = samples;
    kit->settled_calls++;
}

static void kit_health(void *ctx, enum stt_health health, int grpc_status, const char *details,
                       uint32_t retry_after_ms)
{
    struct kit *kit = ctx;
    CHECK(details != NULL);
    kit->health_status[kit->health_len % 32] = grpc_status;
    kit->health[kit->health_len++ % 32] = health;
}

static unsigned kit_healthy(void *ctx)
{
    const struct kit *kit = ctx;
    return ~kit->unhealthy;
}

static inline struct stt_stream_config kit_config(void)
{
    return (struct stt_stream_config){
        .rate = KIT_RATE,
        .language = "en-US",
        .punctuation = true,
        .partials = true,
        .agreement = 2,
        .block_ms = 100,
        .idle_close_ms = 8000,
        .ring_ms = 30000,
        .stream_soft_ms = 240000,
        .stream_hard_ms = 290000,
        .seed = 7,
    };
}

static inline struct kit *kit_create(const struct stt_stream_config *config)
{
    static const struct stt_stream_ops ops = {
        .open = kit_open,
        .send = kit_send,
        .finish = kit_finish,
        .cancel = kit_cancel,
        .transcript = kit_transcript,
        .settled = kit_settled,
        .health = kit_health,
        .healthy = kit_healthy,
    };
    struct kit *kit = mem_calloc(1, sizeof(*kit));
    kit->now_us = 1000000;
    CHECK_EQ(stt_stream_create(&kit->stream, config, &ops, kit), STATUS_OK);
    return kit;
}

static inline void kit_destroy(struct kit *kit)
{
    stt_stream_destroy(kit->stream);
    mem_free(kit);
}

/* Gives audio of `ms` at once. */
static inline int kit_audio(struct kit *kit, unsigned ms)
{
    size_t samples = (size_t)ms * KIT_RATE / 1000;
    uint16_t *pcm = calloc(samples + 1, 2); /* not mem_alloc(): tests make that fail */
    for (size_t i = 0; i < samples; i++)
        pcm[i] = kit_sample(kit, kit->produced + i);
    int status = stt_stream_audio(kit->stream, pcm, samples * 2, kit->now_us);
    kit->produced += status == STATUS_OK ? samples : 0;
    free(pcm);
    return status;
}

/* The transport accepts one block of the call. */
static inline void kit_sent_one(struct kit *kit, uint32_t call)
{
    struct kit_call *c = &kit->calls[call];
    uint64_t end = c->sent + KIT_RATE / 10;
    end = end - (end % (KIT_RATE / 10) && c->next > end ? end % (KIT_RATE / 10) : 0);
    end = end < c->next ? end : c->next;
    struct stt_event event = {
        .call = call, .kind = STT_EVENT_SENT, .at_us = kit->now_us, .end_sample = end};
    c->sent = end;
    stt_stream_event(kit->stream, &event, kit->now_us);
}

static inline void kit_sent(struct kit *kit, uint32_t call)
{
    while (kit->calls[call].sent < kit->calls[call].next)
        kit_sent_one(kit, call);
}

/* Time passes, in steps of 10 ms, with ticks where the stream wants them. */
static inline void kit_wait(struct kit *kit, unsigned ms)
{
    for (unsigned i = 0; i < ms / 10; i++) {
        kit->now_us += 10000;
        stt_stream_tick(kit->stream, kit->now_us);
    }
}

/* Speaks in real time: frames of 100 ms, each accepted at once by the call that takes audio. */
static inline void kit_speak(struct kit *kit, unsigned ms)
{
    for (unsigned i = 0; i < ms / 100; i++) {
        kit_wait(kit, 100);
        CHECK_EQ(kit_audio(kit, 100), STATUS_OK);
        if (kit->calls_len > 0)
            kit_sent(kit, kit->calls_len - 1);
    }
}

static inline void kit_response(struct kit *kit, uint32_t call, const struct stt_result *results,
                                size_t len)
{
    struct stt_response response = {.error_message = "", .results = results, .results_len = len};
    struct stt_event event = {
        .call = call, .kind = STT_EVENT_RESPONSE, .at_us = kit->now_us, .response = &response};
    stt_stream_event(kit->stream, &event, kit->now_us);
}

/* `end_ms` counts from the call's first sample, as the API does. */
static inline void kit_interim(struct kit *kit, uint32_t call, const char *text, unsigned end_ms)
{
    struct stt_result result = {
        .result_end_us = (int64_t)end_ms * 1000, .transcript = text, .language = ""};
    kit_response(kit, call, &result, 1);
}

static inline void kit_final(struct kit *kit, uint32_t call, const char *text, unsigned end_ms)
{
    struct stt_result result = {.is_final = true,
                                .result_end_us = (int64_t)end_ms * 1000,
                                .transcript = text,
                                .language = ""};
    kit_response(kit, call, &result, 1);
}

static inline void kit_closed(struct kit *kit, uint32_t call, int status)
{
    char details[] = "test";
    struct stt_event event = {.call = call,
                              .kind = STT_EVENT_CLOSED,
                              .at_us = kit->now_us,
                              .grpc_status = status,
                              .details = details};
    stt_stream_event(kit->stream, &event, kit->now_us);
}

static inline const struct kit_line *kit_last(const struct kit *kit)
{
    static const struct kit_line none;
    return kit->lines_len > 0 ? &kit->lines[kit->lines_len - 1] : &none;
}

static inline unsigned kit_finals(const struct kit *kit)
{
    unsigned n = 0;
    for (unsigned i = 0; i < kit->lines_len; i++)
        n += kit->lines[i].t.final;
    return n;
}
