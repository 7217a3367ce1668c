/*
 * A connection: one WebSocket of sotto.v1 with its session, on its front's thread.
 *
 * Bytes become messages (parsed on a worker), audio waits here for the session's room, events
 * (serialised on a worker) wait here for the socket. What libwebsockets does is in ws.c; this file
 * never writes to a socket itself.
 */
#pragma once

#include "base/buf.h"
#include "loop/loop.h"
#include "server/intake.h"
#include "server/out.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn_body;
struct conn_parsed;
struct front;
struct lws;
struct host;
struct out;

enum conn_state {
    CONN_OPEN,     /* upgraded; session.start is awaited */
    CONN_STARTING, /* a first text message is being parsed */
    CONN_RESUMING, /* asks for a session of before, which is being looked for */
    CONN_LIVE,     /* has a session */
    CONN_CLOSING,  /* the last message is queued; what comes in is dropped */
    CONN_CLOSED,   /* close is under way in libwebsockets */
};

struct conn {
    struct front *front;
    struct lws *wsi;
    uint64_t id;
    enum conn_state state;
    struct host *host;           /* NULL while there is no session */
    struct loop_timer timer;     /* the wait for session.start, or for a session of before */
    char *credential;            /* of the handshake, owned (secret_free); NULL: none, or used */
    struct conn_parsed *pending; /* session.start, until it is this connection's turn */
    uint64_t number;             /* for that, server/admission_watch.h */
    struct conn_resume *resume;  /* CONN_RESUMING: what it asks for (server/resume.c) */

    struct buf text; /* the text message being received */
    struct intake intake;
    struct loop_timer watch; /* a look at what the socket has received; the end of a pause */
    int64_t start_us;        /* when the first message was received */
    unsigned parsing;        /* text messages at the workers */
    struct buf audio;        /* received, waiting for room */
    struct conn_parsed *parsed_head, **parsed_tail; /* waiting for the audio before them */
    unsigned bad_in_row;
    bool rx_paused;
    bool goodbye; /* its Close said that it does not come back */

    struct out_queue out;
    struct out_queue later; /* while it is told what it has missed: what came since */
    bool replaying;
    bool ended;           /* what ends the connection is queued: nothing follows it */
    bool started;         /* session.started was handed to the socket */
    bool last_sent;       /* what ends the session was, too */
    int64_t leave_us;     /* the server stops: closed then; 0: not */
    unsigned encoding;    /* events at the workers */
    int close_code;       /* CONN_CLOSING: sent once the queue is empty; 0: not known yet */
    int64_t alive_due_us; /* while reading stops: when the library is told again that this is
                             our doing */
};

/* NULL: at a cap or out of memory. */
struct conn *conn_create(struct front *front, struct lws *wsi);
/* The socket is gone. Ends the session. */
void conn_destroy(struct conn *conn);
/* libwebsockets closes by itself: nothing more may be sent. */
void conn_abandon(struct conn *conn);

void conn_receive(struct conn *conn, const struct intake_piece *piece);
/* The next message for the socket: false when there is none. `*data` is borrowed until conn_sent().
 */
bool conn_next(struct conn *conn, char **data, size_t *len);
/* What conn_next() gave has been written. */
void conn_sent(struct conn *conn);
bool conn_has_output(const struct conn *conn);
/* Everything that was to be sent has been, and the socket is to be closed with close_code. */
bool conn_may_close(const struct conn *conn);

/* Messages of the front's mailbox; all are taken. */
void conn_on_parsed(struct conn *conn, struct conn_parsed *parsed);
void conn_on_body(struct conn *conn, struct conn_body *body);
/* The server stops. */
void conn_goaway(struct conn *conn, uint32_t within_ms);

/* server/host.c and server/resume.c: what a session asks of its socket. */
void conn_attach(struct conn *conn, struct host *host, bool replaying);
/* Audio and messages that wait, as far as the session has room; when to look again, INT64_MAX for
 * when something has happened. */
int64_t conn_feed(struct conn *conn, int64_t now_us);
/* Stops and starts reading. */
void conn_pace(struct conn *conn);
/* For the socket; a reference of its own. */
void conn_queue(struct conn *conn, struct out *out);
/* A stored message, ahead of what came since. */
void conn_queue_replay(struct conn *conn, struct out *out);
/* It has missed nothing else; `last`, or NULL, is what ended its session meanwhile. */
void conn_replayed(struct conn *conn, struct out *last);
/* The host's `stored` has grown. */
void conn_stored(struct conn *conn, int64_t done_us);
/* What ends the session is on its way: nothing more is read. */
void conn_last(struct conn *conn);
/* How long it waits for a session of before. */
void conn_wait(struct conn *conn, int64_t until_us);
/* Closed 1001 then. */
void conn_leave(struct conn *conn, int64_t at_us);
void conn_error(struct conn *conn, const char *code, const char *message);
/* over_capacity, with a time to come back after. */
void conn_refuse(struct conn *conn, const char *why);
void conn_refuse_for(struct conn *conn, const char *why, uint32_t retry_after_ms);
/* As many sessions as there may be. */
void conn_refuse_sessions(struct conn *conn);
void conn_busy(struct conn *conn);
/* Another socket has its session. */
void conn_replaced(struct conn *conn);
/* Something was lost that the client counts on: it is told by the close. */
void conn_abort(struct conn *conn);
/* A reader that fell behind by more than the bound will not catch up by waiting. */
void conn_kill_slow(struct conn *conn);
