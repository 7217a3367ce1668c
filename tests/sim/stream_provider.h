/*
 * A scripted speech API for sim_stream.c. The audio describes itself: every sample is the low half
 * of its own position, so the provider knows which span it hears, on whichever call, and answers
 * the script's words of exactly that span. A word is heard by the call that hears its middle
 * sample. Everything else is chance: delays, wording of hypotheses, where finals fall, faults.
 */
#pragma once

#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "stt/client.h"
#include "stt/codec.h"
#include "stt/stream.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIM_RATE      8000
#define SIM_WORDS_MAX 8192
#define SIM_CALLS_MAX 16 /* alive for the provider, cancelled ones included */
#define SIM_TEXT_MAX  16384
#define SIM_RESULTS   3
#define SIM_MS        (SIM_RATE / 1000)

struct sim_word {
    uint64_t start, middle, end;
};

enum sim_event_kind {
    SIM_BLOCK,   /* the transport accepts a block */
    SIM_FINISH,  /* the half-close arrives */
    SIM_DECODE,  /* the provider looks at what it has heard */
    SIM_DELIVER, /* a response reaches the stream */
    SIM_CLOSE,   /* the end of a call reaches the stream */
    SIM_FAULT,   /* a call dies at the provider */
};

struct sim_event {
    int64_t at_us;
    uint64_t order;
    enum sim_event_kind kind;
    uint32_t call;
    uint64_t first, end; /* SIM_BLOCK: span */
    int status;          /* SIM_CLOSE, SIM_FAULT */
    struct sim_reply *reply;
};

/* A response and what it points to. */
struct sim_reply {
    struct stt_response response;
    struct stt_result results[SIM_RESULTS];
    size_t used;
    char text[SIM_TEXT_MAX];
};

struct sim_call {
    uint32_t id; /* 0: free */
    bool begun, finishing, finished, dead;
    bool broken; /* died of a fault */
    bool loses_close, loses_final;
    uint64_t base, given, heard_to;
    size_t final_words, heard_words; /* of the script: words before are final, were heard */
    uint64_t final_to;
    int64_t opened_us, transport_us, out_us;
    unsigned unsent;
    uint64_t audio; /* samples given: for the pace */
    bool decoding;
};

/* How a session's provider behaves. */
struct sim_manner {
    bool truthful;              /* what is said twice, or final, is what was spoken */
    int life_ms;                /* median life of a call before a fault; 0: none */
    int open_fail;              /* percent of calls that fail at once */
    int revise, shrink;         /* percent of hypotheses */
    int split;                  /* percent of looks that end a final inside speech */
    int slow_sent;              /* percent of blocks accepted late */
    int lose_close, lose_final; /* percent of finished calls */
    int late_final;             /* percent of finished calls */
    int full;                   /* percent of hand-overs the client refuses */
    bool refuses;               /* ends with a configuration error */
    int pause;                  /* ms of silence that end an utterance */
    int stable;                 /* percent of hypotheses in two pieces */
};

struct sim_provider {
    struct rng *rng;
    uint32_t rate;   /* samples a second */
    const char *tag; /* within every word; "" for none */
    int64_t began_us;
    bool trace;
    /* To the stream's owner: an event of a call; a rule that is broken, which ends the program. */
    void (*give)(void *ctx, struct stt_event *event);
    void (*fail)(void *ctx, const char *what, const char *file, int line);
    void *ctx;
    struct sim_manner manner;
    struct sim_word *words;
    size_t words_len;
    struct sim_call calls[SIM_CALLS_MAX];
    struct sim_event *heap;
    size_t heap_len, heap_cap;
    uint64_t order;
    int64_t now_us;
    int64_t down_until_us; /* every call fails before */
    int down_status;
    unsigned lies; /* makes every wrong word a different one */
    bool calm;     /* no more faults: the session is ending */
    /* Denials the stream has been told of since it last heard a response. */
    unsigned failures;
    bool ever_answered;
    uint64_t faults[17], finals, interims, partial_finals, drains_lost;
};

static inline bool sim_chance(struct sim_provider *p, int percent)
{
    return percent > 0 && rng_below(p->rng, 100) < (uint64_t)percent;
}

static inline int64_t sim_us(struct sim_provider *p, int64_t low_ms, int64_t high_ms)
{
    return rng_range(p->rng, low_ms * 1000, high_ms * 1000);
}

static inline bool sim_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static inline void sim_push(struct sim_provider *p, struct sim_event event)
{
    if (p->heap_len == p->heap_cap) {
        p->heap_cap = p->heap_cap ? p->heap_cap * 2 : 256;
        p->heap = mem_realloc(p->heap, p->heap_cap * sizeof(*p->heap));
        assert(p->heap != NULL);
    }
    event.order = p->order++;
    size_t i = p->heap_len++;
    for (; i > 0 && sim_before(&event, &p->heap[(i - 1) / 2]); i = (i - 1) / 2)
        p->heap[i] = p->heap[(i - 1) / 2];
    p->heap[i] = event;
}

static inline struct sim_event sim_pop(struct sim_provider *p)
{
    struct sim_event top = p->heap[0], last = p->heap[--p->heap_len];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < p->heap_len; i = child) {
        if (child + 1 < p->heap_len && sim_before(&p->heap[child + 1], &p->heap[child]))
            child++;
        if (!sim_before(&p->heap[child], &last))
            break;
        p->heap[i] = p->heap[child];
    }
    p->heap[i] = last;
    return top;
}

static inline struct sim_call *sim_find(struct sim_provider *p, uint32_t id)
{
    for (size_t i = 0; i < SIM_CALLS_MAX; i++)
        if (p->calls[i].id == id)
            return &p->calls[i];
    return NULL;
}

/* Events of one call reach the stream in order. */
static inline void sim_out(struct sim_provider *p, struct sim_call *call, struct sim_event event)
{
    if (event.at_us < call->out_us)
        event.at_us = call->out_us;
    call->out_us = event.at_us;
    event.call = call->id;
    sim_push(p, event);
}

static inline void sim_add_result(struct sim_reply *reply, const char *text, bool final,
                                  float stability, int64_t end_us)
{
    assert(reply->response.results_len < SIM_RESULTS);
    struct stt_result *result = &reply->results[reply->response.results_len++];
    size_t bytes = strlen(text) + 1;
    assert(reply->used + bytes <= SIM_TEXT_MAX);
    char *copy = memcpy(reply->text + reply->used, text, bytes);
    reply->used += bytes;
    *result = (struct stt_result){.is_final = final,
                                  .stability = stability,
                                  .result_end_us = end_us,
                                  .transcript = copy,
                                  .language = ""};
}

static inline struct sim_reply *sim_reply_create(void)
{
    struct sim_reply *reply = mem_alloc(sizeof(*reply));
    assert(reply != NULL);
    reply->response = (struct stt_response){.error_message = "", .results = reply->results};
    reply->used = 0;
    return reply;
}

/* Words [from, to) of the script; finals are written a little differently. */
static inline void sim_print(struct sim_provider *p, char *text, size_t from, size_t to, bool final)
{
    size_t at = (size_t)snprintf(text, SIM_TEXT_MAX, "%s", sim_chance(p, 30) ? " " : "");
    text[at] = '\0';
    for (size_t i = from; i < to && at + 32 < SIM_TEXT_MAX; i++)
        at += (size_t)snprintf(text + at, SIM_TEXT_MAX - at, "%s%c%s%zu%s", i > from ? " " : "",
                               final && i == from ? 'W' : 'w', p->tag, i,
                               final && (i + 1 == to || i % 9 == 0) ? "," : "");
}

static inline int64_t sim_rel_us(const struct sim_provider *p, const struct sim_call *call,
                                 uint64_t position)
{
    return (int64_t)((position - call->base) * 1000000 / p->rate);
}

static inline void sim_send(struct sim_provider *p, struct sim_call *call, struct sim_reply *reply,
                            int64_t delay_us)
{
    sim_out(p, call,
            (struct sim_event){.at_us = p->now_us + delay_us, .kind = SIM_DELIVER, .reply = reply});
}

/* Makes words before `to` final. The end lies between the last word that is and the first that is
 * not. */
static inline void sim_add_final(struct sim_provider *p, struct sim_call *call,
                                 struct sim_reply *reply, size_t to)
{
    char text[SIM_TEXT_MAX];
    uint64_t low = p->words[to - 1].middle + 1, high = call->heard_to;
    if (to < p->words_len && p->words[to].middle < high)
        high = p->words[to].middle;
    uint64_t end =
        sim_chance(p, 50) ? high : (uint64_t)rng_range(p->rng, (int64_t)low, (int64_t)high);
    sim_print(p, text, call->final_words, to, true);
    if (!p->manner.truthful && sim_chance(p, 30))
        snprintf(text + strlen(text) / 2, 32, " lie%u", p->lies++);
    sim_add_result(reply, text, true, 0, sim_rel_us(p, call, end));
    p->finals++;
    p->partial_finals += to < call->heard_words;
    call->final_words = to;
    call->final_to = end;
}

/* The hypothesis for what is not final; `exact`: nothing wrong, nothing missing. */
static inline void sim_add_interim(struct sim_provider *p, struct sim_call *call,
                                   struct sim_reply *reply, bool exact)
{
    char text[SIM_TEXT_MAX];
    size_t from = call->final_words, to = call->heard_words;
    int64_t end_us = sim_rel_us(p, call, call->heard_to);
    p->interims++;
    if (!exact && to - from > 1 && sim_chance(p, p->manner.shrink))
        to -= 1 + rng_below(p->rng, to - from - 1 > 2 ? 2 : 1);
    bool wrong = !exact && to > from && sim_chance(p, p->manner.revise);
    size_t right = wrong ? to - 1 : to;
    if (wrong && !p->manner.truthful)
        right = from + rng_below(p->rng, to - from);
    if (!exact && right - from > 1 && sim_chance(p, p->manner.stable)) {
        size_t middle = from + 1 + rng_below(p->rng, right - from - 1);
        sim_print(p, text, from, middle, false);
        sim_add_result(reply, text, false, 0.9f, end_us);
        text[0] = ' ';
        sim_print(p, text + 1, middle, right, false);
    } else {
        sim_print(p, text, from, right, false);
    }
    if (wrong)
        snprintf(text + strlen(text), 32, " x%u", p->lies++ / (p->manner.truthful ? 1 : 3));
    sim_add_result(reply, text, false, 0.1f, end_us);
}

static inline void sim_decode_later(struct sim_provider *p, struct sim_call *call)
{
    call->decoding = true;
    sim_push(p, (struct sim_event){
                    .at_us = p->now_us + sim_us(p, 50, 300), .kind = SIM_DECODE, .call = call->id});
}

static inline void sim_on_decode(struct sim_provider *p, struct sim_call *call)
{
    call->decoding = false;
    if (call->dead || call->finished || call->heard_words == call->final_words)
        return;
    struct sim_reply *reply = sim_reply_create();
    const struct sim_word *last = &p->words[call->heard_words - 1];
    size_t count = call->heard_words - call->final_words;
    bool pause = call->heard_to >= last->end + (uint64_t)p->manner.pause * p->rate / 1000;
    if (pause)
        sim_add_final(p, call, reply, call->heard_words);
    else if (count > 1 && sim_chance(p, p->manner.split))
        sim_add_final(p, call, reply, call->final_words + 1 + rng_below(p->rng, count - 1));
    if (call->heard_words > call->final_words &&
        (reply->response.results_len == 0 || sim_chance(p, 50)))
        sim_add_interim(p, call, reply, false);
    bool again = call->heard_words > call->final_words &&
                 reply->results[reply->response.results_len - 1].is_final;
    sim_send(p, call, reply, sim_us(p, 20, 400));
    if (reply->results[0].is_final && sim_chance(p, 3)) {
        struct sim_reply *twice = sim_reply_create();
        sim_add_result(twice, reply->results[0].transcript, true, 0,
                       reply->results[0].result_end_us);
        sim_send(p, call, twice, 0);
    }
    if (again)
        sim_decode_later(p, call);
}

/* Samples come in: words whose middle is among them are heard. */
static inline void sim_hear(struct sim_provider *p, struct sim_call *call, uint64_t end)
{
    call->heard_to = end;
    while (call->heard_words < p->words_len && p->words[call->heard_words].middle < end)
        call->heard_words++;
    if (call->heard_words == call->final_words) {
        if (!call->finished && sim_chance(p, 1) && call->final_to < end) {
            struct sim_reply *reply = sim_reply_create();
            sim_add_result(reply, sim_chance(p, 50) ? "" : " .", true, 0, sim_rel_us(p, call, end));
            call->final_to = end;
            sim_send(p, call, reply, sim_us(p, 10, 100));
        }
        return;
    }
    if (!call->decoding)
        sim_decode_later(p, call);
}

static inline void sim_close(struct sim_provider *p, struct sim_call *call, int status,
                             int64_t delay_us)
{
    call->dead = true;
    sim_out(p, call,
            (struct sim_event){.at_us = p->now_us + delay_us, .kind = SIM_CLOSE, .status = status});
}

static inline void sim_on_finish(struct sim_provider *p, struct sim_call *call)
{
    if (call->dead)
        return;
    call->finished = true;
    bool late = sim_chance(p, p->manner.late_final);
    if (call->heard_words > call->final_words) {
        struct sim_reply *reply = sim_reply_create();
        bool lose = sim_chance(p, p->manner.lose_final);
        if (lose)
            sim_add_interim(p, call, reply, true);
        else
            sim_add_final(p, call, reply, call->heard_words);
        sim_send(p, call, reply, late ? sim_us(p, 500, 4000) : sim_us(p, 20, 400));
    }
    if (sim_chance(p, p->manner.lose_close) && !p->calm)
        p->drains_lost++;
    else
        sim_close(p, call, 0, sim_us(p, 1, 100));
}

/* One of the statuses a call may die with, such that the stream will try again. */
static inline int sim_status(struct sim_provider *p)
{
    static const int statuses[] = {0, 2, 4, 8, 10, 10, 11, 11, 13, 14, 14, 15, 1, 16};
    int status = statuses[rng_below(p->rng, sizeof(statuses) / sizeof(statuses[0]))];
    if (status == 1 && p->failures > 0)
        return 14;
    if (status == 16 && (p->failures > 0 || !p->ever_answered))
        return 14;
    return status;
}

static inline void sim_on_fault(struct sim_provider *p, struct sim_call *call, int status)
{
    if (call->dead || p->calm)
        return;
    if (status != 0 && sim_chance(p, 20)) {
        struct sim_reply *reply = sim_reply_create();
        reply->response.error_code = status;
        reply->response.error_message = "in band";
        sim_send(p, call, reply, sim_us(p, 1, 50));
    }
    call->broken = true;
    sim_close(p, call, status, sim_us(p, 1, 50));
}

/* What no provider should send: times from nowhere, finals that are none, texts that vanish. */
static inline void sim_twist(struct sim_provider *p, struct stt_result *result)
{
    if (sim_chance(p, 5))
        result->result_end_us = rng_range(p->rng, -1000000, 700000000);
    if (sim_chance(p, 3))
        result->result_end_us = 0;
    if (sim_chance(p, 3))
        result->is_final = !result->is_final;
    if (sim_chance(p, 3))
        result->transcript = "";
    if (sim_chance(p, 2))
        result->transcript = "w1 w2 \xc3\xa9 ... w3";
}

static inline void sim_provider_deinit(struct sim_provider *p)
{
    for (size_t i = 0; i < p->heap_len; i++)
        mem_free(p->heap[i].reply);
    mem_free(p->heap);
    mem_free(p->words);
}
