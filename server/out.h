/*
 * Serialised events on their way to a socket.
 *
 * Threads: an out is made on a worker and given to its front; references are counted there only.
 */
#pragma once

#include "base/lat.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;

/* One event as bytes, for the queue of its socket. */
struct out {
    struct out *next; /* in the queue */
    unsigned refs;
    bool queued;
    uint64_t seq;    /* durable messages only, else 0 */
    uint64_t ticket; /* not sent before the store has decided it; 0: at once */
    uint32_t attach; /* session.started: which socket of its session it is for */
    bool has_lat;
    struct lat lat;
    uint64_t replace_key;
    int close_code;
    int kind; /* enum event_kind */
    bool final, failed, spliced;
    char *body; /* in `block`, with room before it for the splice and for libwebsockets */
    size_t len;
    char block[];
};

/* Turns an event into bytes: STATUS_NOMEM, STATUS_LIMIT. One reference, the caller's. Worker. */
int out_create(struct out **out, const struct event *event);
/* A stored message once more: its body as out_create() made it. NULL: out of memory. Any thread. */
struct out *out_again(uint64_t seq, const char *body, size_t len);
struct out *out_ref(struct out *out);
void out_unref(struct out *out);

/* What waits for a socket, oldest first. Its bound is the owner's to enforce. */
struct out_queue {
    struct out *head, **tail;
    size_t bytes;
};

void out_queue_init(struct out_queue *queue);
/* Forgets what waits. */
void out_queue_clear(struct out_queue *queue);
/*
 * Takes a reference to `out`, which must not be queued. A queued one with the same non-zero
 * replace_key goes: true. The new one still goes last, because it may speak of what was queued in
 * between (an audio.ack must not overtake the finals it stands for).
 */
bool out_queue_add(struct out_queue *queue, struct out *out);
/* Drops the head. */
void out_queue_pop(struct out_queue *queue);
/* Everything in `from` goes to the end of `to`. */
void out_queue_move(struct out_queue *to, struct out_queue *from);
