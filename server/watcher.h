/*
 * A watcher: one WebSocket of sotto.monitor.v1, a teacher's, on its front's thread.
 *
 * Its first message is a `watch`; who it is and what it may see is found out on a worker
 * (server/watcher_job.h). From then on what it says goes to the monitor (server/monitor.h), and
 * what the monitor has for it comes one message at a time: the next only after the socket has taken
 * the last one whole, so a teacher who does not read costs one message and nobody's time.
 *
 * Threads: the front's own. What libwebsockets does is in ws.c.
 */
#pragma once

#include "base/buf.h"
#include "loop/loop.h"
#include "server/intake.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct front;
struct lws;
struct msg;
struct out;
struct token_claims;
struct watcher_heard;

enum watcher_state {
    WATCHER_OPEN,    /* upgraded; the first watch is awaited */
    WATCHER_LIVE,    /* the monitor knows it */
    WATCHER_CLOSING, /* the last message is queued; what comes in is dropped */
    WATCHER_CLOSED,  /* close is under way in libwebsockets */
};

/* Messages of ours beside the monitor's one. */
#define WATCHER_OUTS 6

struct watcher_out {
    struct out *out;
    bool monitors; /* it is told when this one has been taken */
};

struct watcher {
    struct watcher *next, **link; /* those of the front */
    struct front *front;
    struct lws *wsi;
    uint64_t id;
    enum watcher_state state;
    bool known;                  /* to the monitor, which is told of its end */
    struct loop_timer timer;     /* the first watch; the end of its token; the server's stop */
    char *credential;            /* of the handshake, owned (secret_free); NULL: none, or used */
    struct token_claims *claims; /* whose it is, owned; NULL: not known yet */
    int64_t leave_us;            /* the server stops: closed then; 0: not */

    struct buf text; /* the message being received */
    struct intake intake;
    struct loop_timer pace; /* the end of a pause; a look for a flood */
    unsigned parsing;       /* messages at the workers */
    bool rx_paused;
    int64_t alive_due_us;

    struct watcher_out outs[WATCHER_OUTS]; /* for the socket, oldest first */
    unsigned outs_len;
    bool taking;    /* the monitor's message has been written: taken when the socket has room */
    int close_code; /* CLOSING */
};

/* NULL: at a cap or out of memory. */
struct watcher *watcher_create(struct front *front, struct lws *wsi);
/* The socket is gone. */
void watcher_destroy(struct watcher *watcher);
/* libwebsockets closes by itself: nothing more may be sent. */
void watcher_abandon(struct watcher *watcher);
void watcher_receive(struct watcher *watcher, const struct intake_piece *piece);
/* As those of server/conn.h. */
bool watcher_next(struct watcher *watcher, char **data, size_t *len);
void watcher_sent(struct watcher *watcher);
bool watcher_has_output(const struct watcher *watcher);
bool watcher_may_close(const struct watcher *watcher);
/* The server stops: it is told so, and closed 1001 after `within_ms`. */
void watcher_goaway(struct watcher *watcher, uint32_t within_ms);

/* Messages of the front's mailbox; all are taken. */
void watcher_on_heard(struct front *front, struct watcher_heard *heard);
void watcher_on_monitor(struct front *front, struct msg *msg);
