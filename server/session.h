/*
 * A session, without I/O: audio and messages in, events out; speech, translation and grammar asked
 * through ops. It is the same code in the server and in the simulation (tests/sim).
 *
 * Threads: one front thread (or the simulation). Time is passed in, microseconds of the loop's
 * clock. Memory: events given to emit() are the receiver's. Answers reach a session only by the ids
 * it gave out; late ones for lanes that are gone are ignored.
 */
#pragma once

#include "server/event.h"
#include "server/message.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session;
struct durations;
struct stt_block;
struct stt_event;
struct translate_ask;
struct grammar_ask;
struct grammar_result;

struct session_ops {
    void (*emit)(void *ctx, struct event *event); /* takes */
    /* As in stt/stream.h. */
    int (*stt_open)(void *ctx, uint32_t call, char *config, size_t len); /* session_provider() */
    int (*stt_send)(void *ctx, uint32_t call, struct stt_block *block);
    int (*stt_finish)(void *ctx, uint32_t call);
    int (*stt_cancel)(void *ctx, uint32_t call);
    /* `lane` names the asking lane for as long as the session lives. */
    int (*translate)(void *ctx, uint32_t lane, const struct translate_ask *ask);
    int (*grammar)(void *ctx, uint32_t lane, const struct grammar_ask *ask);
    void (*cancel)(void *ctx, uint32_t lane, uint32_t ask);
    unsigned (*stt_healthy)(void *ctx); /* may be NULL */
};

/* The same for all sessions; borrowed for the session's life. */
struct session_config {
    struct event_limits limits;
    const struct stt_provider *stt_provider; /* as in struct stt_stream_config, like the next */
    unsigned stt_providers_len;
    bool punctuation;
    unsigned
        agreement; /* hypotheses that must agree before a word is committed, medium stability */
    uint32_t block_ms, idle_close_ms, silence_close_ms, ring_ms, stream_soft_ms, stream_hard_ms;
    uint32_t translate_gap_ms, grammar_gap_ms; /* between partial requests of a lane */
    uint32_t partial_words, grammar_partial_words;
    const char *currency; /* that costs are told in; NULL: they are not */
    bool eager;           /* as in struct turns_config */
    bool translate_whole; /* as `whole` of struct translate_config; no glossary reaches the API */
    uint32_t final_deadline_ms, partial_deadline_ms;
    uint32_t ack_ms; /* least time between two audio.ack */
};

/* A final that is known when a session goes on after its process ended. */
struct session_final {
    uint32_t segment, rev;
    const char *text, *language;
    int64_t start_ms, end_ms;
};

/* Where a session goes on that another process, or this one before, has held; borrowed. */
struct session_restore {
    uint32_t epoch;
    uint64_t seq;
    int64_t age_us;           /* since it began, for t_ms */
    uint64_t settled_samples; /* as of the newest final, like the next */
    bool settled_exact;
    const struct session_final *finals; /* the newest ones, ascending */
    size_t finals_len;
    /* Newest segment with a final of each target, in the order of the settings, and of grammar. */
    uint32_t targets_done[TARGETS_MAX], grammar_done;
    uint32_t mistakes; /* as of `seq` */
    struct event_usage usage;
};

struct session_start {
    uint64_t id;                           /* directory id, for the log */
    const char *name;                      /* the id clients see; copied */
    const char *subject;                   /* whose token it was begun with, "": nobody's; copied */
    const struct session_restore *restore; /* NULL: it begins */
    struct client_message *message;        /* CLIENT_START; borrowed */
    uint64_t seed;
    int64_t wall_us;            /* for started_at */
    struct durations *handover; /* as in struct stt_stream_config */
};

/* session_resume() or session_begin() is what tells the client. STATUS_NOMEM, STATUS_INVALID. */
int session_create(struct session **out, const struct session_start *start,
                   const struct session_config *config, const struct session_ops *ops, void *ctx,
                   int64_t now_us);
/*
 * A socket is there: session.started with the token to come back with (NULL: it cannot), for the
 * `attach`-th socket. The first one of a session that begins has `first`; later ones are told what
 * is open after session_restate().
 */
struct session_attach {
    const char *resume_token;
    uint32_t attach;
    bool first, durable;
};
/* STATUS_NOMEM: it is not told, now or before something else was not. */
int session_attach(struct session *session, const struct session_attach *attach, int64_t now_us);
/* What of the open segment a client that comes back may have missed. */
void session_restate(struct session *session, int64_t now_us);
/* The socket is gone: the session waits, its recognition and its answers go on. */
void session_hold(struct session *session, int64_t now_us);
/* The store does not take what it is given, or does again: the client is told. */
void session_storage(struct session *session, bool works, const char *why, int64_t now_us);
/* The client's token is good until then, INT64_MAX (as at first): for ever. Later what is owed is
 * delivered, as session_end() does, and `unauthorized` ends the session. */
void session_allow(struct session *session, int64_t until_us);
/* Audio is timed by another front from now on. */
void session_handover(struct session *session, struct durations *handover);
/* Cancels what it has asked for; emits nothing. */
void session_destroy(struct session *session);

/* Bytes of audio that may be given now: bounded by the speech stream's room and by audio_speed_max.
 */
size_t session_room(struct session *session, int64_t now_us);
/* PCM s16le of any length ≤ session_room(); an odd byte waits for the next. */
void session_audio(struct session *session, const void *pcm, size_t bytes, int64_t now_us);
/* Tells whether audio is waiting outside for room: after AUDIO_FAST_MS of that at full speed the
 * client hears audio_too_fast. */
void session_waiting(struct session *session, bool waiting, int64_t now_us);
/* A message other than the first start; borrowed. `samples` is the position at which it arrived. */
void session_message(struct session *session, const struct client_message *message,
                     uint64_t samples, int64_t now_us);
void session_stt(struct session *session, struct stt_event *event, int64_t now_us);

/* What became of an ask. `text` is whole so far; done: no more comes. */
struct session_answer {
    uint32_t lane, ask;
    bool done;
    bool partial;                        /* asked before the segment's final source */
    int status;                          /* 0, or why it failed */
    const char *text;                    /* translation */
    const struct grammar_result *result; /* grammar */
    struct lat lat;
    uint32_t tokens_in, tokens_out; /* with done */
    uint64_t cost_nanos;
    bool cached;
};
void session_answer(struct session *session, const struct session_answer *answer, int64_t now_us);

struct session_note {
    uint32_t segment;
    const char *text, *by; /* copied */
};

/* Flush, deliver what is owed within drain_ms, session.ended, close with `close_code`. A second
 * call is ignored. */
void session_end(struct session *session, const char *reason, int close_code, int64_t now_us);
/* The server will stop: session.goaway. What is said goes on being heard; shortly before the time
 * is over, it is asked to become final. */
void session_goaway(struct session *session, uint32_t within_ms, int64_t now_us);
/* As both, for a session nobody can come back to: what is owed is delivered within the time. */
void session_shutdown(struct session *session, uint32_t within_ms, int64_t now_us);
/* A teacher's remark on a segment that has been told: a durable event. STATUS_NOT_FOUND: there is
 * no such segment, or nothing comes any more. */
int session_note(struct session *session, const struct session_note *note, int64_t now_us);
/* Runs what is due; the next due time, INT64_MAX for none. Call after every other call. */
int64_t session_tick(struct session *session, int64_t now_us);

/* Whose token it was begun with. */
const char *session_subject(const struct session *session);
/* Of the newest durable message, 0: none yet. */
uint64_t session_seq(const struct session *session);
uint64_t session_received(const struct session *session);
/* Milliseconds since session.started, for t_ms. */
int64_t session_t_ms(const struct session *session, int64_t now_us);
const struct event_usage *session_usage(struct session *session);
/* As its client was told of them last: they are in force, or will be with the next segment. */
const struct client_settings *session_settings(const struct session *session);
int64_t session_audio_ms(const struct session *session);
/* Somebody is heard to speak just now. */
bool session_speaking(const struct session *session, int64_t now_us);
/* No more audio is taken; what is owed is delivered. */
bool session_ending(const struct session *session);
/* A fatal event or session.ended has been emitted: nothing more comes. */
bool session_over(const struct session *session);
/* The place of the speech provider that the newest call goes to, in order of preference. */
unsigned session_provider(const struct session *session);
