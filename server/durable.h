/*
 * What sessions and the store tell each other: events become writes on the session's worker, so
 * that they stay in order and may wait for the store; what the store answers becomes what a front
 * can use without reading JSON.
 *
 * Threads: durable_event() on workers; durable_on_answer() on the store's threads; the others on a
 * front. Jobs of one session have its key, so that each sees what was written before it.
 */
#pragma once

#include "base/mailbox.h"
#include "server/session.h"
#include "server/store.h"
#include <stdbool.h>
#include <stdint.h>

struct arena;
struct event;
struct out;
struct outbox;
struct server;

/* Whose writes these are; copied. */
struct durable_from {
    struct server *server;
    struct outbox *outbox;
    const char *session;
    uint64_t id; /* directory id of the session: worker order, and who is answered */
    uint32_t owner_epoch;
};

/* Writes what an event changes, under its ticket. A status other than 0: it will not be answered.
 */
int durable_event(struct server *server, const struct store_ref *ref, const struct event *event,
                  const struct out *out);

/* From now on only `token` is valid. */
int durable_confirm(const struct durable_from *from, const uint8_t token[STORE_HASH_BYTES]);
/* The session is over without having said so; `reason` is static. */
int durable_end(const struct durable_from *from, const char *reason);
/* FRONT_REPLAY follows, once. */
int durable_read(const struct durable_from *from, uint64_t after);
/* FRONT_CLAIMED follows, once, for `from->id`, which is a connection's here. */
int durable_claim(const struct durable_from *from, const struct store_claimant *claimant);

/* FRONT_REPLAY: stored messages, ready for a socket. */
struct resume_replayed {
    struct msg msg;
    int status;
    bool more;
    uint64_t lost_to; /* as in struct store_replay */
    struct out *head; /* by `next`; one reference each */
};

/* FRONT_CLAIMED: a session of the store, ready to go on. */
struct resume_claimed {
    struct msg msg;
    int status; /* 0; STATUS_AUTH, STATUS_INVALID: refused; others: not now */
    char session[SESSION_NAME_BYTES];
    char subject[NAME_BYTES_MAX + 1];
    uint32_t owner_epoch;
    int64_t started_wall_us;
    char end_reason[END_REASON_BYTES]; /* "": it goes on; else it had ended for that reason */
    struct client_message *message;    /* its settings as a session.start */
    struct session_restore restore;    /* strings in the arena */
    struct arena *arena;
};

/* NULL: out of memory. */
struct resume_replayed *durable_replayed_create(uint64_t id, int status);
struct resume_claimed *durable_claimed_create(uint64_t id, int status);

/* The store's `post`; ctx is the server. */
void durable_on_answer(void *ctx, struct msg *msg);
