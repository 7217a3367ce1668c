/*
 * What a connection has done on a worker: a text message parsed, an event serialised. A job goes
 * out and comes back as the same block, so that once it was submitted its answer cannot be lost for
 * want of memory.
 *
 * Threads: submitted by the front, run on the worker of the connection's key, received by the front
 * as FRONT_PARSED and FRONT_BODY.
 */
#pragma once

#include "base/worker.h"
#include "server/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct client_message;
struct event;
struct out;
struct outbox;
struct server;
struct token_claims;

/* FRONT_PARSED. */
struct conn_parsed {
    struct job job;
    struct server *server;
    struct conn_parsed *next;
    char *text;
    size_t len;
    struct client_message *message; /* NULL: out of memory */
    uint64_t samples;               /* audio position when it arrived */
    bool asks;                      /* of a client that is not known yet */
    char *credential;               /* of the handshake, owned; NULL: none */
    struct token_claims *claims;    /* whose session.start it is, owned; NULL: not asked */
};

/* FRONT_BODY. */
struct conn_body {
    struct job job;
    struct server *server;
    struct event *event;
    char session[SESSION_NAME_BYTES];
    uint32_t owner_epoch;
    struct out *out; /* NULL: it could not be serialised, `status` tells why */
    int status;
};

/* Who is answered, and on which worker (jobs of one key stay in order). */
struct conn_job_to {
    struct server *server;
    struct outbox *outbox;
    uint64_t key, id;
    /* Of messages: a session.start is to be admitted (server/bearer.h), by this if there is one. */
    bool asks;
    const char *credential;
    /* Of a session's events with a ticket: whose writes they are. */
    const char *session;
    uint32_t owner_epoch;
};

/* Takes the bytes of `text`. STATUS_FULL, STATUS_NOMEM: nothing will come. */
int conn_job_parse(const struct conn_job_to *to, struct buf *text, uint64_t samples);
void conn_parsed_free(struct conn_parsed *parsed);
/* Takes `event` (NULL counts as STATUS_NOMEM), when it fails too. */
int conn_job_encode(const struct conn_job_to *to, struct event *event);
void conn_body_free(struct conn_body *body);
