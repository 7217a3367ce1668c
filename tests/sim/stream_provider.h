/*
 * A scripted speech API for the simulations. It knows from its blocks which span of the script
 * (stream_script.h) each call hears, and answers the words of exactly that span. A word is heard by
 * the call that hears its middle sample; where the manner says `whole`, it is heard rightly only by
 * a call that hears all of it, and the others hear nothing, a piece or something else. Everything
 * else is chance: delays, wording of hypotheses, where finals fall, faults.
 */
#pragma once

#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "stt/client.h"
#include "stt/codec.h"
#include "stt/stream.h"
#include "tests/sim/stream_script.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIM_RATE       8000
#define SIM_WORDS_MAX  131072
#define SIM_CALLS_MAX  16 /* alive for the provider, cancelled ones included */
#define SIM_TEXT_MAX   16384
#define SIM_WORD_BYTES SCRIPT_WORD_BYTES
#define SIM_RESULTS    3
#define SIM_MS         (SIM_RATE / 1000)
#define SIM_SLACK      (20 * SIM_MS) /* a word that lacks no more is whole */

enum sim_event_kind {
    SIM_BLOCK,   /* the transport accepts a block */
    SIM_FINISH,  /* the half-close arrives */
    SIM_DECODE,  /* the provider looks at what it has heard */
    SIM_DELIVER, /* a response reaches the stream */
    SIM_CLOSE,   /* the end of a call reaches the stream */
    SIM_FAULT,   /* a call dies at the provider */
    SIM_IDLE,    /* the provider looks whether audio still comes */
    SIM_HOLE,    /* of no call: the connection begins to swallow what it is given */
    SIM_RESET,   /* of no call: the connection is gone, and all its calls */
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

struct sim_said {
    char text[SIM_WORD_BYTES];
};

/* A response and what it points to. */
struct sim_reply {
    struct stt_response response;
    struct stt_result results[SIM_RESULTS];
    struct stt_response_word *words; /* of the final, when it has times */
    struct sim_said *said;
    size_t said_len;
    struct sim_word *last; /* which its final ends with; NULL: with none that was heard whole */
    size_t used;
    char text[SIM_TEXT_MAX];
};

struct sim_call {
    uint32_t id; /* 0: free */
    bool begun, finishing, finished, dead;
    bool broken; /* died of a fault */
    bool plain;  /* writes no capitals, punctuation, digits */
    uint64_t base, given, heard_to;
    size_t final_words, heard_words; /* of the script: words before are final, were heard */
    uint64_t final_to;
    int64_t opened_us, transport_us, out_us, final_us, audio_us;
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
    int late_most_ms;
    int full;                    /* percent of hand-overs the client refuses */
    bool refuses;                /* ends with a configuration error */
    int pause;                   /* ms of silence that end an utterance */
    int stable;                  /* percent of hypotheses in two pieces */
    bool whole;                  /* a word is heard rightly only where all of it is heard */
    bool times;                  /* finals have word times */
    bool exact;                  /* a final ends with its last word, not somewhere behind it */
    int grain_ms;                /* times are multiples of it; 0: exact */
    int plain;                   /* percent of calls whose finals look like hypotheses */
    int final_every_ms;          /* at least, between finals of a call that goes on */
    int cut_low_ms, cut_high_ms; /* life of a call, evenly; 0: see life_ms */
    int idle_ms;                 /* a call without audio for so long is aborted; 0: never */
    int hole_ms;                 /* median time between two losses of the connection; 0: none */
    int hole_long_ms;            /* audio swallowed before the loss shows, at most */
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
    unsigned room; /* what is heard between them */
    struct sim_call calls[SIM_CALLS_MAX];
    struct sim_event *heap;
    size_t heap_len, heap_cap;
    uint64_t order;
    int64_t now_us;
    uint32_t shown;        /* the call whose results are shown, others wait */
    int64_t down_until_us; /* every call fails before */
    int down_status;
    bool hole;     /* what is sent now is lost */
    unsigned lies; /* makes every wrong word a different one */
    bool calm;     /* no more faults: the session is ending */
    /* Denials the stream has been told of since it last heard a response. */
    unsigned failures;
    bool ever_answered;
    uint64_t faults[17], finals, interims, partial_finals, drains_lost, resets, ends, told;
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
    reply->words = NULL;
    reply->said = NULL;
    reply->last = NULL;
    reply->used = reply->said_len = 0;
    return reply;
}

static inline void sim_reply_free(struct sim_reply *reply)
{
    if (reply == NULL)
        return;
    mem_free(reply->words);
    mem_free(reply->said);
    mem_free(reply);
}

static inline int64_t sim_time_us(const struct sim_provider *p, const struct sim_call *call,
                                  uint64_t position, int grain_ms)
{
    int64_t us = (int64_t)((position - call->base) * 1000000 / p->rate);
    int64_t grain_us = (int64_t)grain_ms * 1000;
    return grain_us > 0 ? (us + grain_us / 2) / grain_us * grain_us : us;
}

/* Where a result ends is told more finely than where words do: Google v1 in steps of 10 and 100 ms,
 * Chirp of 40. */
#define SIM_END_GRAIN_MS 40
static inline int64_t sim_end_us(const struct sim_provider *p, const struct sim_call *call,
                                 uint64_t position)
{
    int grain_ms = p->manner.grain_ms < SIM_END_GRAIN_MS ? p->manner.grain_ms : SIM_END_GRAIN_MS;
    return sim_time_us(p, call, position, grain_ms);
}

/* A word of the script as this call hears it. */
static inline void sim_word_text(const struct sim_provider *p, const struct sim_call *call,
                                 size_t index, char out[SIM_WORD_BYTES])
{
    const struct sim_word *word = &p->words[index];
    bool begins = word->start + SIM_SLACK >= call->base;
    bool ends = word->end <= call->heard_to + SIM_SLACK;
    if (word->text == NULL)
        snprintf(out, SIM_WORD_BYTES, "w%s%zu", p->tag, index);
    else if (p->manner.whole && !(begins && ends))
        script_garble(word->text, begins, (uint32_t)index * 2654435761u + call->id * 40503u, out);
    else
        strcpy(out, call->plain ? word->text : script_digits(word->text));
}

/* How finals are written. */
static inline void sim_dress(char out[SIM_WORD_BYTES], bool first, bool last)
{
    out[0] = first ? (char)toupper((unsigned char)out[0]) : out[0];
    if (last)
        strcat(out, ",");
}

static inline void sim_note_word(struct sim_provider *p, const struct sim_call *call,
                                 struct sim_reply *reply, size_t index, const char *text)
{
    const struct sim_word *word = &p->words[index];
    struct sim_said *said = &reply->said[reply->said_len];
    strcpy(said->text, text);
    reply->words[reply->said_len++] = (struct stt_response_word){
        .text = said->text,
        .start_us = sim_time_us(p, call, word->start > call->base ? word->start : call->base,
                                p->manner.grain_ms),
        .end_us = sim_time_us(p, call, word->end < call->heard_to ? word->end : call->heard_to,
                              p->manner.grain_ms),
    };
}

/* Words [from, to) of the script, as a hypothesis; or as a final, which `reply` gets, and which is
 * written a little differently. */
static inline void sim_print(struct sim_provider *p, const struct sim_call *call, char *text,
                             size_t from, size_t to, struct sim_reply *reply)
{
    size_t at = 0, printed = 0;
    if (sim_chance(p, 30))
        text[at++] = ' ';
    for (size_t i = from; i < to && at + 2 * SIM_WORD_BYTES < SIM_TEXT_MAX; i++) {
        char word[SIM_WORD_BYTES];
        sim_word_text(p, call, i, word);
        if (word[0] == '\0')
            continue;
        if (reply != NULL && !call->plain)
            sim_dress(word, i == from, i + 1 == to || i % 9 == 0);
        if (printed++ > 0)
            text[at++] = ' ';
        if (reply != NULL && p->manner.times)
            sim_note_word(p, call, reply, i, word);
        size_t len = strlen(word);
        memcpy(text + at, word, len);
        at += len;
    }
    text[at] = '\0';
}

static inline void sim_send(struct sim_provider *p, struct sim_call *call, struct sim_reply *reply,
                            int64_t delay_us)
{
    if (p->hole || reply->response.results_len + (size_t)reply->response.error_code == 0) {
        sim_reply_free(reply);
        return;
    }
    sim_out(p, call,
            (struct sim_event){.at_us = p->now_us + delay_us, .kind = SIM_DELIVER, .reply = reply});
}

/* Where a final of the words before `to` ends: behind the last of them, and where the next is not
 * heard yet. */
static inline uint64_t sim_final_end(struct sim_provider *p, const struct sim_call *call, size_t to)
{
    const struct sim_word *last = &p->words[to - 1], *next = to < p->words_len ? last + 1 : NULL;
    uint64_t low = last->end, high = call->heard_to;
    if (next != NULL && next->start < high)
        high = next->start;
    low = low < high ? low : high;
    if (p->manner.exact)
        return low;
    return sim_chance(p, 50) ? high : (uint64_t)rng_range(p->rng, (int64_t)low, (int64_t)high);
}

/* Makes words before `to` final. */
static inline void sim_add_final(struct sim_provider *p, struct sim_call *call,
                                 struct sim_reply *reply, size_t to)
{
    char text[SIM_TEXT_MAX];
    uint64_t end = sim_final_end(p, call, to);
    if (p->manner.times) {
        reply->words = mem_alloc((to - call->final_words) * sizeof *reply->words);
        reply->said = mem_alloc((to - call->final_words) * sizeof *reply->said);
        assert(reply->words != NULL && reply->said != NULL);
    }
    sim_print(p, call, text, call->final_words, to, reply);
    if (!p->manner.truthful && sim_chance(p, 30))
        snprintf(text + strlen(text) / 2, 32, " lie%u", p->lies++);
    p->finals++;
    p->partial_finals += to < call->heard_words;
    call->final_words = to;
    call->final_to = end;
    call->final_us = p->now_us;
    if (p->words[to - 1].end <= call->heard_to)
        reply->last = &p->words[to - 1];
    if (text[strspn(text, " ")] == '\0')
        return;
    sim_add_result(reply, text, true, 0, sim_end_us(p, call, end));
    reply->results[reply->response.results_len - 1].words = reply->words;
    reply->results[reply->response.results_len - 1].words_len = reply->said_len;
}

/* The hypothesis for what is not final; `exact`: nothing wrong, nothing missing. */
static inline void sim_add_interim(struct sim_provider *p, struct sim_call *call,
                                   struct sim_reply *reply, bool exact)
{
    char text[SIM_TEXT_MAX];
    size_t from = call->final_words, to = call->heard_words;
    int64_t end_us = sim_end_us(p, call, call->heard_to);
    p->interims++;
    /* A word that is still being spoken is left out, or is a wrong one. */
    bool partial = p->manner.whole && p->words[to - 1].end > call->heard_to;
    if (!exact && to - from > 1 && sim_chance(p, p->manner.shrink))
        to -= 1 + rng_below(p->rng, to - from - 1 > 2 ? 2 : 1);
    bool wrong = !exact && to > from && sim_chance(p, p->manner.revise);
    size_t right = wrong || (partial && to == call->heard_words) ? to - 1 : to;
    if (wrong && !p->manner.truthful)
        right = from + rng_below(p->rng, to - from);
    if (!exact && right - from > 1 && sim_chance(p, p->manner.stable)) {
        size_t middle = from + 1 + rng_below(p->rng, right - from - 1);
        sim_print(p, call, text, from, middle, NULL);
        sim_add_result(reply, text, false, 0.9f, end_us);
        text[0] = ' ';
        sim_print(p, call, text + 1, middle, right, NULL);
    } else {
        sim_print(p, call, text, from, right, NULL);
    }
    if (wrong)
        snprintf(text + strlen(text), 32, " x%u", p->lies++ / (p->manner.truthful ? 1 : 3));
    if (text[0] != '\0' || reply->response.results_len > 0)
        sim_add_result(reply, text, false, 0.1f, end_us);
}

static inline void sim_decode_later(struct sim_provider *p, struct sim_call *call)
{
    call->decoding = true;
    sim_push(p, (struct sim_event){
                    .at_us = p->now_us + sim_us(p, 50, 300), .kind = SIM_DECODE, .call = call->id});
}

/* What becomes final at this look: the words before the one that is returned, `final_words` for
 * none. */
static inline size_t sim_finalise(struct sim_provider *p, const struct sim_call *call)
{
    const struct sim_word *last = &p->words[call->heard_words - 1];
    size_t count = call->heard_words - call->final_words;
    int64_t since_us = p->now_us - call->final_us,
            every_us = (int64_t)p->manner.final_every_ms * 1000;
    if (since_us < every_us)
        return call->final_words;
    if (call->heard_to >= last->end + (uint64_t)p->manner.pause * p->rate / 1000)
        return call->heard_words;
    if (count > 1 && sim_chance(p, every_us > 0 ? 100 : p->manner.split))
        return call->final_words + 1 + rng_below(p->rng, count - 1);
    return call->final_words;
}

static inline void sim_on_decode(struct sim_provider *p, struct sim_call *call)
{
    call->decoding = false;
    if (call->dead || call->finished || p->hole || call->heard_words == call->final_words)
        return;
    struct sim_reply *reply = sim_reply_create();
    size_t to = sim_finalise(p, call);
    if (to > call->final_words)
        sim_add_final(p, call, reply, to);
    bool final = reply->response.results_len > 0;
    if (call->heard_words > call->final_words && (!final || sim_chance(p, 50)))
        sim_add_interim(p, call, reply, false);
    bool again = call->heard_words > call->final_words && reply->response.results_len == final;
    struct sim_reply *twice = final && sim_chance(p, 3) ? sim_reply_create() : NULL;
    if (twice != NULL)
        sim_add_result(twice, reply->results[0].transcript, true, 0,
                       reply->results[0].result_end_us);
    sim_send(p, call, reply, sim_us(p, 20, 400));
    if (twice != NULL)
        sim_send(p, call, twice, 0);
    if (again)
        sim_decode_later(p, call);
}

/* Where a call begins to hear a word. */
static inline uint64_t sim_heard_from(const struct sim_provider *p, size_t index)
{
    const struct sim_word *word = &p->words[index];
    return p->manner.whole ? word->start + (word->end - word->start) / 4 : word->middle;
}

/* Now and then silence is made final. */
static inline void sim_hear_nothing(struct sim_provider *p, struct sim_call *call)
{
    bool begun =
        call->heard_words < p->words_len && p->words[call->heard_words].start < call->heard_to;
    if (call->finished || begun || !sim_chance(p, 1) || call->final_to >= call->heard_to)
        return;
    struct sim_reply *reply = sim_reply_create();
    sim_add_result(reply, sim_chance(p, 50) ? "" : " .", true, 0,
                   sim_end_us(p, call, call->heard_to));
    call->final_to = call->heard_to;
    sim_send(p, call, reply, sim_us(p, 10, 100));
}

/* Samples come in: words among them are heard. */
static inline void sim_hear(struct sim_provider *p, struct sim_call *call, uint64_t end)
{
    call->heard_to = end;
    while (call->heard_words < p->words_len && sim_heard_from(p, call->heard_words) < end)
        call->heard_words++;
    if (call->heard_words == call->final_words)
        sim_hear_nothing(p, call);
    else if (!call->decoding)
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
    if (call->dead || p->hole)
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
        sim_send(p, call, reply,
                 late ? sim_us(p, 500, p->manner.late_most_ms) : sim_us(p, 20, 400));
    }
    if (sim_chance(p, p->manner.lose_close) && !p->calm)
        p->drains_lost++;
    else
        sim_close(p, call, 0, sim_us(p, 1, 100));
}

/* A stream's own age, or the service's, ends it. */
static inline int sim_cut_status(struct sim_provider *p)
{
    static const int statuses[] = {11, 11, 11, 10, 10, 10, 14, 13, 0};
    return statuses[rng_below(p->rng, sizeof(statuses) / sizeof(statuses[0]))];
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
    p->ends++;
    sim_close(p, call, status, sim_us(p, 1, 50));
}

static inline void sim_on_idle(struct sim_provider *p, struct sim_call *call)
{
    int64_t due_us = call->audio_us + (int64_t)p->manner.idle_ms * 1000;
    if (call->dead || call->finished)
        return;
    if (p->now_us >= due_us)
        sim_on_fault(p, call, sim_chance(p, 50) ? 11 : 10);
    else
        sim_push(p, (struct sim_event){.at_us = due_us, .kind = SIM_IDLE, .call = call->id});
}

/* The connection swallows what it is given, then breaks: a while of that, later the next time. */
static inline void sim_on_hole(struct sim_provider *p)
{
    p->hole = !p->calm;
    sim_push(p, (struct sim_event){.at_us = p->now_us + sim_us(p, 0, p->manner.hole_long_ms),
                                   .kind = SIM_RESET});
}

static inline void sim_on_reset(struct sim_provider *p)
{
    for (size_t i = 0; p->hole && i < SIM_CALLS_MAX; i++) {
        struct sim_call *call = &p->calls[i];
        if (call->id != 0 && !call->dead) {
            call->broken = true;
            p->ends++;
            sim_close(p, call, 14, sim_us(p, 0, 5));
        }
    }
    p->resets += p->hole;
    p->hole = false;
    int64_t wait_us = sim_us(p, p->manner.hole_ms / 2, 2 * (int64_t)p->manner.hole_ms);
    sim_push(p, (struct sim_event){.at_us = p->now_us + wait_us, .kind = SIM_HOLE});
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
        sim_reply_free(p->heap[i].reply);
    mem_free(p->heap);
    mem_free(p->words);
}
