/*
 * What the files of sim_session share: one session of the production core among a client, a speech
 * provider, a chat provider and the rules it has to keep.
 *
 *   sim_session.c      the client, virtual time, the runs
 *   session_speech.c   the speech side of struct session_ops, on stream_wire.h
 *   session_chat.c     the chat side: answers late, wrong, in pieces, after a cancel or never
 *   session_rules.c    emit(): every promise to a client, checked event by event
 */
#pragma once

#include "server/session_internal.h"
#include "tests/sim/stream_wire.h"

#define MS           1000LL
#define LATE_US      (20 * MS) /* a loop that is behind */
#define LANGS        24
#define KINDS        (2 + LANGS)
#define RECENT       64 /* segments that are remembered */
#define REVISIONS    256
#define ASKS_MAX     4096
#define SETTINGS_MAX 8192
#define ENDED_SLACK  2 /* samples lost to rounding between milliseconds and samples */

/* Kinds of messages that have finals: transcript, grammar, then one a language. */
enum { KIND_TRANSCRIPT, KIND_GRAMMAR, KIND_LANG };

struct totals {
    uint64_t sessions, virtual_s, events, finals[3], partials[3], spliced, failed[6], flushes,
        flush_timeouts, updates, errors[8], ended, ended_late, destroyed, goaways, asks,
        refused_asks, cancels, late_answers, calls, words, degraded, pushed_back, too_fast,
        uncovered;
};

/* One (segment, kind). */
struct seen {
    uint32_t segment, rev, source_rev;
    bool final;
    bool late; /* its audio had been acknowledged before its final */
    char *committed; /* folded */
};

struct revision {
    uint32_t segment, rev;
    char *text;
};

struct setting {
    uint32_t from; /* first segment it is for */
    uint32_t langs;
    bool grammar, partials;
};

struct pending_flush {
    char id[FLUSH_ID_BYTES_MAX + 1];
    uint64_t samples;
    int64_t asked_us;
};

struct rules {
    bool started, over, end_told, goaway, refused;
    uint64_t seq, acked;
    int64_t acked_us;
    struct seen seen[KINDS][RECENT];
    uint32_t newest; /* segment of which anything has been said */
    uint32_t final[KINDS];
    uint32_t clear[KINDS]; /* nothing is owed up to here */
    int64_t final_us[RECENT];
    int64_t start_ms[RECENT], end_ms[RECENT];
    uint32_t final_rev[RECENT];
    struct revision revisions[REVISIONS];
    unsigned revisions_next;
    struct setting *settings;
    unsigned settings_len;
    struct setting told; /* what session.updated has to say */
    struct pending_flush flushes[FLUSHES_MAX];
    unsigned flushes_len;
    size_t next_word;
    bool degraded[5]; /* speech, translation, grammar, partials of both */
    bool too_fast;
    unsigned expected_errors, expected_updates;
    const char *expected_code;
    int64_t end_us, end_by_us; /* asked to end; must have ended */
    int64_t input_us;          /* newest sign of life of the client */
    uint64_t tokens_in, tokens_out, cached, asks;
};

struct chat_ask {
    bool used, cancelled, grammar, final;
    uint32_t lane, ask;
    int64_t due_us; /* INT64_MAX: never answered */
    unsigned pieces;
    char *text, *answer;
    struct lat lat;
};

struct chat {
    struct chat_ask *asks;
    size_t len; /* the first so many may be in use */
    double median_ms;
    unsigned fault, silent, refuse, at_most_pieces; /* percent */
};

enum client_end { END_SCRIPT, END_EARLY, END_GOAWAY, END_DESTROY, END_NEVER };

struct client {
    uint64_t length, spoken, given; /* bytes */
    int64_t frame_us, act_us, stop_us;
    unsigned frame_ms, speed; /* percent of real time */
    int mute, act_ms;
    bool odd, greedy, low; /* low: may ask for words that were heard once */
    unsigned late;         /* frames to come that the network keeps back */
    uint64_t late_bytes;
    enum client_end how;
    bool end_sent, stopped;
    struct client_message waiting[16]; /* behind audio that waits for room */
    uint64_t waiting_samples[16];
    char waiting_ids[16][16];
    unsigned waiting_len, serial;
    unsigned bad_in_row;
    int64_t stuck_by_us;
};

struct sim {
    uint64_t seed;
    unsigned index;
    struct rng rng;
    int64_t now_us, due_us, began_us;
    char tag[2]; /* marks every word of this session */
    struct session *session;
    struct session_config config;
    struct sim_provider provider;
    struct chat chat;
    struct client client;
    struct rules rules;
    struct totals *totals;
    bool done;
};

extern bool sim_trace;

_Noreturn void sim_failed(const struct sim *s, const char *what, const char *file, int line);

#define HOLD(s, expr)                                                                              \
    do {                                                                                           \
        if (!(expr))                                                                               \
            sim_failed(s, #expr, __FILE__, __LINE__);                                              \
    } while (0)

/* With TRACE in the environment a session tells its story. */
#define TRACE(s, format, ...)                                                                      \
    do {                                                                                           \
        if (sim_trace)                                                                             \
            fprintf(stderr, "%s %.3f " format "\n", (s)->tag,                                      \
                    (double)((s)->now_us - (s)->began_us) / 1e6, __VA_ARGS__);                     \
    } while (0)

static inline bool chance(struct sim *s, int percent)
{
    return percent > 0 && rng_below(&s->rng, 100) < (uint64_t)percent;
}

static inline uint64_t sim_samples(const struct sim *s, int64_t ms)
{
    return (uint64_t)ms * s->provider.rate / 1000;
}

/* session_rules.c */
extern const char *const sim_langs[LANGS];
void rules_init(struct sim *s, const struct client_settings *settings);
void rules_deinit(struct sim *s);
/* The sink. */
void rules_event(void *ctx, struct event *event);
/* After every step. */
void rules_step(struct sim *s);
/* Nothing is owed any more. */
void rules_end(struct sim *s);
const struct setting *rules_setting(const struct sim *s, uint32_t segment);
bool rules_wanted(const struct sim *s, int kind, uint32_t segment);
/* Text of a revision as it was shown, or NULL when it is forgotten. */
const char *rules_text(const struct sim *s, uint32_t segment, uint32_t rev);
int rules_lang(const char *lang);

/* session_speech.c: members of struct session_ops. */
int speech_op_open(void *ctx, uint32_t call, char *config, size_t len);
int speech_op_send(void *ctx, uint32_t call, struct stt_block *block);
int speech_op_finish(void *ctx, uint32_t call);
int speech_op_cancel(void *ctx, uint32_t call);
void speech_init(struct sim *s);

/* session_chat.c */
int chat_op_translate(void *ctx, uint32_t lane, const struct translate_ask *ask);
int chat_op_grammar(void *ctx, uint32_t lane, const struct grammar_ask *ask);
void chat_op_cancel(void *ctx, uint32_t lane, uint32_t ask);
void chat_init(struct sim *s);
void chat_deinit(struct sim *s);
/* When the next thing happens; INT64_MAX for never. */
int64_t chat_due(const struct sim *s);
void chat_step(struct sim *s);
/* After session_destroy(): whatever was asked and not answered was cancelled. */
void chat_abandoned(struct sim *s);
