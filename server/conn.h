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
#include "server/out.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn_body;
struct conn_parsed;
struct front;
struct lws;
struct session;
struct session_answer;
struct stt_event;

enum conn_state {
    CONN_OPEN,     /* upgraded; session.start is awaited */
    CONN_STARTING, /* a first text message is being parsed */
    CONN_LIVE,     /* has a session */
    CONN_CLOSING,  /* the last message is queued; what comes in is dropped */
    CONN_CLOSED,   /* close is under way in libwebsockets */
};

struct conn {
    struct front *front;
    struct lws *wsi;
    uint64_t id;
    uint64_t session_id; /* 0 while there is none */
    uint32_t serial;
    enum conn_state state;
    struct session *session;
    struct loop_timer timer; /* session_tick, or the wait for session.start */

    struct buf text; /* the text message being received */
    size_t message_bytes;
    unsigned fragments;
    bool in_text;
    int64_t start_us;                               /* when the first message was received */
    unsigned parsing;                               /* text messages at the workers */
    struct buf audio;                               /* received, waiting for room */
    struct conn_parsed *parsed_head, **parsed_tail; /* waiting for the audio before them */
    unsigned bad_in_row;
    bool rx_paused;
    bool peer_closed; /* its Close has come: the library's answer is all that follows */

    struct out_queue out;
    unsigned encoding;       /* events at the workers */
    int close_code;          /* CONN_CLOSING: sent once the queue is empty; 0: not known yet */
    int64_t alive_due_us;    /* while reading stops: when the library is told again that this is
                                our doing */
};

/* NULL: at a cap or out of memory. */
struct conn *conn_create(struct front *front, struct lws *wsi);
/* The socket is gone. Ends the session. */
void conn_destroy(struct conn *conn);
/* libwebsockets closes by itself: nothing more may be sent. */
void conn_abandon(struct conn *conn);

/* Bytes of one piece of a message; `first`/`last` tell its borders, `left` what is still to come of
 * the frame. */
struct conn_piece {
    const void *bytes;
    size_t len, left;
    bool text, first, last;
};
void conn_receive(struct conn *conn, const struct conn_piece *piece);
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
void conn_on_stt(struct conn *conn, struct stt_event *event);
void conn_on_answer(struct conn *conn, const struct session_answer *answer);
/* The server stops. */
void conn_goaway(struct conn *conn, uint32_t within_ms);

/* ws.c: what a connection asks of its socket. */
void ws_want_write(struct conn *conn);
/* Writes what waits as far as the socket takes it, the rest by ws_want_write(). Not within a
 * callback of the library; the connection stays, whatever happens. */
void ws_send(struct conn *conn);
void ws_pause_rx(struct conn *conn, bool pause);
/* Reading has stopped by our will: the peer's silence is no sign of its death. */
void ws_alive(struct conn *conn);
/* Ends the socket without waiting for the peer. */
void ws_kill(struct conn *conn);
