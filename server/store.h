/*
 * The transcript store: SQLite (WAL) on a thread of its own, with group commit. It holds sessions,
 * their durable messages (final transcripts, translations and corrections, notes) and their usage.
 * Another thread, with a connection that only reads, answers what takes long
 * (server/store_query.h).
 *
 * A write is answered by STORE_DONE once its group is durable (`synchronous=FULL` by default); the
 * message it is about is sent to the client only then. Several processes may live on one store: a
 * session has one owner, named by its owner_epoch; store_claim() raises it in the transaction that
 * consumes the resume token, and a write with an older one is refused as STATUS_FENCED and changes
 * nothing.
 *
 * While the disk does not take writes (full, read-only, I/O error) they are answered
 * STATUS_IO at once and kept in memory in order, up to STORE_BACKLOG_BYTES, to be written when it
 * does; store_read() knows them, store_claim() is refused. What exceeds the bound is dropped, the
 * oldest messages first, and counted: nothing pretends to be stored.
 *
 * Threads: store_open(), store_close() on main; the rest on workers, where they wait while the
 * store's mailbox is full, so never on a loop. Memory: arguments are copied; answers are given to
 * `post` as messages that end themselves (msg.free_fn).
 */
#pragma once

#include "base/mailbox.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

#define STORE_NAME_BYTES 33 /* a session's public id, 32 hexadecimal digits */
#define STORE_HASH_BYTES 32 /* SHA-256 of a resume token: tokens themselves are never stored */

struct store_config {
    /* A file, made when missing; its folder must exist. "": in memory, for a server that promises
     * nothing durable: then a session keeps its newest STORE_MEMORY_MESSAGES and goes with its end.
     */
    const char *path;
    bool sync_full; /* fsync a commit; false: synchronous=NORMAL, a power cut may lose the last */
    uint32_t group_ms;       /* the longest a write waits for others, 0–5 */
    uint32_t retention_days; /* sessions that began so long ago are deleted; 0: never */
    uint32_t resume_ms; /* sessions nobody claims for so long after their owner died are ended */
    /* Receives answers; any of the store's threads. Takes `msg`; may wait. */
    void (*post)(void *ctx, struct msg *msg);
    void *ctx;
};

/* Opens, checks and migrates; the reason of a failure is logged with what to do. STATUS_IO,
 * STATUS_INVALID (not a database, or of a newer version), STATUS_NOMEM. */
int store_open(struct store **out, const struct store_config *config);
/* Writes what is queued, checkpoints, ends the threads. */
void store_close(struct store *store);
/* False for "": nothing survives the process. Any thread. */
bool store_durable(const struct store *store);

/* Who writes, and who is answered. */
struct store_ref {
    const char *session;  /* public id */
    uint32_t owner_epoch; /* as begun or claimed */
    uint64_t to;          /* msg.session of the answer; 0: no answer wanted */
    uint64_t ticket;      /* comes back in the answer; grows within the session */
};

/* msg.kind of answers is config-independent: the server's FRONT_STORED, FRONT_REPLAY,
 * FRONT_CLAIMED (server/server.h). */

/* FRONT_STORED: every write of `msg.session` up to `ticket` has been decided. */
struct store_done {
    struct msg msg;
    uint64_t ticket;
    int status;      /* 0; STATUS_IO: kept in memory only; STATUS_FENCED: another process owns the
                        session, nothing was written */
    int64_t done_us; /* CLOCK_MONOTONIC */
};

/* A session's beginning. */
struct store_session {
    const char *class_name, *name, *subject; /* "" when there is none */
    const char *source;
    uint32_t rate;
    const char *settings; /* JSON text, the server's to write and read */
    int64_t started_wall_us;
    uint8_t token[STORE_HASH_BYTES];
};
int store_begin(struct store *store, const struct store_ref *ref,
                const struct store_session *session);
/* session.update took effect. */
int store_settings(struct store *store, const struct store_ref *ref, const char *settings);

enum store_kind { STORE_TRANSCRIPT = 1, STORE_TRANSLATION, STORE_GRAMMAR, STORE_NOTE };

/* A durable message. */
struct store_message {
    uint64_t seq;
    enum store_kind kind;
    uint32_t segment;
    const char *lang; /* of a translation, else "" */
    const char *body; /* the message's JSON text after the spliced fields (server/codec.h) */
    size_t body_len;
    int64_t wall_us;
    /* Of transcripts: audio before `settled` never has to be heard again; `exact`: it ends where a
     * final of the speech API ended. */
    uint64_t settled_samples;
    bool settled_exact;
    uint32_t mistakes; /* of the session so far */
    const char *usage; /* JSON text so far, or NULL: not told with this message */
};
int store_put(struct store *store, const struct store_ref *ref,
              const struct store_message *message);

/* Valid resume tokens from now on: `current`, and `next` (NULL: none) until it is used. */
int store_tokens(struct store *store, const struct store_ref *ref,
                 const uint8_t current[STORE_HASH_BYTES], const uint8_t *next);
/* The session is over: it cannot be claimed any more. */
int store_end(struct store *store, const struct store_ref *ref, const char *reason,
              const char *usage, int64_t wall_us);

/* One stored message. */
struct store_row {
    uint64_t seq;
    enum store_kind kind;
    uint32_t segment;
    const char *lang, *body;
    size_t body_len;
    int64_t wall_us;
};

/* FRONT_REPLAY: messages in order of seq, all of those asked for or the first of them (`more`).
 * STATUS_FENCED; STATUS_IO: what the disk holds cannot be read, the rows are those kept in memory.
 */
struct store_replay {
    struct msg msg;
    uint64_t ticket;
    int status;
    bool more;        /* ask again after the last seq */
    uint64_t lost_to; /* messages up to here were dropped from a full backlog; 0: none */
    struct store_row *rows;
    size_t rows_len;
};
/* Messages after `seq`, at most STORE_REPLAY_BYTES of them, those put before this call included. */
int store_read(struct store *store, const struct store_ref *ref, uint64_t seq);

/* The newest segment that has a final of this kind and language. */
struct store_newest {
    enum store_kind kind;
    const char *lang;
    uint32_t segment;
};

/* FRONT_CLAIMED: what is needed to go on with a session. */
struct store_claim {
    struct msg msg;
    int status; /* 0; STATUS_AUTH: no such session, ended, or not its token; STATUS_IO */
    char session[STORE_NAME_BYTES];
    uint32_t owner_epoch; /* the new one */
    uint32_t epoch;       /* the client's `epoch`, raised by this claim */
    const char *class_name, *name, *subject, *source, *settings, *usage; /* usage "": none yet */
    uint32_t rate;
    int64_t started_wall_us;
    const char *end_reason;   /* "": it goes on; else it has ended, no longer than resume_ms ago */
    uint64_t seq;             /* highest stored */
    uint64_t settled_samples; /* of the newest transcript, else 0 */
    bool settled_exact;
    uint32_t mistakes; /* as told with the newest message; 0: by a server that did not count */
    struct store_newest *newest;
    size_t newest_len;
    /* The newest STORE_CLAIM_TRANSCRIPTS transcripts, ascending. */
    struct store_row *transcripts;
    size_t transcripts_len;
};
/* Who comes back: `subject` is that of its access token, which must be the session's. */
struct store_claimant {
    const char *session, *subject;
    uint8_t token[STORE_HASH_BYTES], next[STORE_HASH_BYTES];
};
/*
 * Takes a session over, or one that has ended no longer than resume_ms ago, so that its client
 * hears what it has missed: checks subject and token against the valid ones, raises owner_epoch and
 * epoch, and makes `token` and `next` the valid ones, in one transaction that is durable before the
 * answer to `to` comes. Two claims at a time: one after the other, both may succeed, the later one
 * owns.
 */
int store_claim(struct store *store, uint64_t to, const struct store_claimant *claimant);

struct store_stats {
    uint64_t writes, commits, failed_commits, fenced, dropped, claims, claims_refused;
    uint64_t queued;        /* in the mailbox */
    uint64_t backlog_bytes; /* kept in memory because the disk does not take them */
    int64_t commit_last_us, commit_max_us;
    uint64_t file_bytes;
    bool failing;      /* since the last failed commit none has succeeded */
    char problem[320]; /* why, and what to do; "" when all is well */
};
/* Any thread. */
void store_stats(struct store *store, struct store_stats *out);
