/*
 * What a watcher says, parsed and checked on a worker: who it is and what it may see.
 *
 * Threads: submitted by the front, run on the worker of the watcher's key, received by the front as
 * FRONT_HEARD, in order.
 */
#pragma once

#include "base/worker.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct monitor_ask;
struct out;
struct server;
struct token_claims;
struct watcher;

/* FRONT_HEARD. */
struct watcher_heard {
    struct job job;
    struct server *server;
    char *text;
    size_t len;
    bool known;                  /* the monitor knows it already */
    char *credential;            /* of the handshake, owned; NULL: none */
    struct token_claims *claims; /* in: whose it is so far; out: from now on; owned */
    bool refused;                /* its token is not good for this */
    struct monitor_ask *ask;     /* for the monitor, owned; msg.kind is set; NULL: nothing */
    /* For the socket, owned, if it is refused or the monitor does not know it; NULL besides a NULL
     * `ask`: out of memory. */
    struct out *answer;
};

/* Takes the bytes of `text`. STATUS_FULL, STATUS_NOMEM: nothing will come. */
int watcher_job_submit(const struct watcher *watcher, struct buf *text);
void watcher_heard_free(struct watcher_heard *heard);
