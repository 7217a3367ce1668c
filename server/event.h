/*
 * What the server says to a client, typed. The session core knows events, not JSON; sotto.v1 is one
 * codec (server/codec.h).
 *
 * Memory: an event owns its strings through one arena-like block: event_create() copies what it is
 * given, event_free() frees all. Threads: one owner at a time; made on a front, turned into JSON on
 * a worker.
 */
#pragma once

#include "base/lat.h"
#include "server/message.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct grammar_result;
struct stt_word;

enum event_kind {
    EVENT_STARTED,
    EVENT_UPDATED,
    EVENT_ACK,
    EVENT_TRANSCRIPT,
    EVENT_TRANSLATION,
    EVENT_GRAMMAR,
    EVENT_NOTE, /* a teacher's remark */
    EVENT_FLUSHED,
    EVENT_DEGRADED,
    EVENT_RESTORED,
    EVENT_GOAWAY,
    EVENT_ENDED,
    EVENT_ERROR,
};

/* Bounds told to the client. */
struct event_limits {
    uint32_t frame_bytes_max, audio_speed_max, idle_ms, session_ms, targets_max, resume_ms,
        flush_ms, drain_ms;
};

struct event_usage {
    uint64_t audio_ms, stt_ms, requests, tokens_in, tokens_out, cached;
    uint64_t cost_nanos;  /* thousand-millionths of … */
    const char *currency; /* NULL: prices are not known; outlives the event */
};

struct event_word {
    const char *text;
    int64_t start_ms, end_ms;
};

struct event_edit {
    uint32_t start, end;
    const char *kind, *from, *to, *message;
};

struct event {
    enum event_kind kind;
    uint64_t seq; /* durable messages only, else 0 */
    bool kept;    /* by the store, whatever of it is */
    /* What it changes in the store is decided under this number before it is sent; 0: nothing. */
    uint64_t ticket;
    bool has_lat;
    struct lat lat;
    /* A queued event with the same non-zero key is replaced by this one (partials: newest wins). */
    uint64_t replace_key;
    bool incomplete; /* something could not be copied */
    int close_code;  /* after this message the socket is closed with it; 0: stays open */
    struct arena *arena;

    uint32_t segment, rev, source_rev;
    bool final, spliced;
    const char *committed, *tentative, *language, *failed;
    int64_t start_ms, end_ms;
    const struct event_word *words;
    size_t words_len;
    uint64_t settled_samples; /* final transcripts: as in struct stt_transcript */
    bool settled_exact;
    uint32_t mistakes; /* of the session, this event's edits included */
    const char *corrected;
    const struct event_edit *edits;
    size_t edits_len;
    const char *note, *by; /* NOTE: the remark, and whose it is; "" nobody's */

    const char *session, *started_at; /* STARTED */
    struct client_settings settings;  /* STARTED, UPDATED: effective; strings in the arena */
    struct event_limits limits;
    const char *resume_token; /* STARTED; NULL: the session cannot be resumed */
    const char *subject;      /* STARTED: whose session it is, for the store */
    int64_t wall_us;          /* STARTED: when the session began */
    uint32_t attach;          /* STARTED: which socket of the session it is for */
    /* STARTED but the first: hash of the token that it was resumed with. */
    uint8_t token_before[32];
    bool first;   /* STARTED: the session is new to the store */
    bool durable; /* STARTED */
    uint32_t epoch, open_segment;
    uint64_t audio_samples; /* STARTED, ACK, FLUSHED */
    const char *id;         /* FLUSHED; NULL: none */
    bool timeout;
    const char *what[4]; /* DEGRADED, RESTORED */
    unsigned what_len;
    const char *reason;
    uint32_t retry_after_ms, within_ms;
    struct event_usage usage;
    const char *code, *message; /* ERROR */
    bool retryable, fatal;
};

/* NULL: out of memory. */
struct event *event_create(enum event_kind kind);
void event_free(struct event *event);
/* Copies into the event's arena; NULL stays NULL. After a failed copy the event is `incomplete` and
 * must not be sent. */
const char *event_str(struct event *event, const char *text);
/* Vocabulary and glossary too, which the client is not told again, but the store keeps. */
bool event_copy_settings(struct event *event, const struct client_settings *settings);
bool event_copy_words(struct event *event, const struct stt_word *words, size_t len);
bool event_copy_edits(struct event *event, const struct grammar_result *result);

/* Every error code of sotto.v1 §6: name, fatal, close code (0: stays open), retryable. */
struct error_code {
    const char *name;
    bool fatal;
    int close_code;
    bool retryable;
};
/* Never NULL: an unknown name is a programmer's error. */
const struct error_code *error_code_find(const char *name);
struct event *event_error(const char *code, const char *message, uint32_t retry_after_ms);
