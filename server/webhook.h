/*
 * Tells somebody's server what happens here: `session.ended` and `alert`, as signed letters by
 * HTTPS POST (server/webhook_post.h, docs/webhooks.md).
 *
 * A thread of its own posts one letter at a time. One that fails is tried again after 1, 4, 16 …
 * seconds, `tries` times; what fails for good, and what is left at the end of the process, goes to
 * the dead letters, from which sotto-admin sends it again.
 *
 * Threads: open and close on main; webhook_send() and webhook_stats() from any thread, and never
 * wait; `dead` and `watch` are called on the webhook's own thread and may.
 */
#pragma once

#include "server/webhook_post.h"
#include <stdint.h>

struct webhook;

/* A letter that nobody took, and why. */
struct webhook_dead {
    struct webhook_letter letter;
    const char *event;
    int64_t wall_us; /* it was written */
    unsigned tries;
    const char *why;
};

struct webhook_config {
    struct webhook_target target; /* its strings are borrowed for the webhook's life */
    unsigned tries;
    void (*dead)(void *ctx, const struct webhook_dead *dead);
    /* Every second: what is to be told may be sent from here. */
    void (*watch)(void *ctx, struct webhook *webhook, int64_t now_us);
    void *ctx;
};

/* STATUS_NOMEM. */
int webhook_open(struct webhook **out, const struct webhook_config *config);
/* Tries each letter that is left once more, for `within_ms` all together; ends the thread. */
void webhook_close(struct webhook *webhook, unsigned within_ms);
/* `data` is a JSON object, copied. STATUS_FULL: so many letters wait that this one is lost
 * (counted, logged); STATUS_LIMIT: longer than WEBHOOK_BODY_BYTES; STATUS_NOMEM. */
int webhook_send(struct webhook *webhook, const char *event, const char *data);

struct webhook_stats {
    uint64_t delivered, failed, dead, lost; /* failed: tries */
    uint64_t waiting;
};
void webhook_stats(struct webhook *webhook, struct webhook_stats *out);
