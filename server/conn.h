/*
 * A connection: one WebSocket of sotto.v1 with its session, on its front's thread.
 *
 * Bytes become messages (parsed on a worker), audio waits here for the session's room, events
 * (serialised on a worker) wait here for the socket. What libwebsockets does is in ws.c; this file
 * never writes to a socket itself.
 */
#pragma once

#include "base/buf.h"
#include "base/lat.h"
#include "base/mailbox.h"
#include "loop/loop.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client_message;
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

/* A serialised event on its way to the socket. */
struct out {
    struct out *next;
    char *block; /* owned; room for libwebsockets and the splice, then the body */
    char *body;
    size_t len;
    uint64_t seq;
    bool has_lat;
    struct lat lat;
    uint64_t replace_key;
    int close_code;
    int kind; /* enum event_kind */
    bool final, failed, spliced;
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
    unsigned parsing;                               /* text messages at the workers */
    struct buf audio;                               /* received, waiting for room */
    struct conn_parsed *parsed_head, **parsed_tail; /* waiting for the audio before them */
    unsigned bad_in_row;
    bool rx_paused;

    struct out *out_head, **out_tail;
    size_t out_bytes;
    int close_code; /* CONN_CLOSED: sent as close reason */
};

/* FRONT_PARSED. */
struct conn_parsed {
    struct msg msg;
    struct conn_parsed *next;
    struct client_message *message;
    uint64_t samples; /* audio position when it arrived */
};

/* FRONT_BODY. */
struct conn_body {
    struct msg msg;
    struct out *out; /* owned */
};

/* NULL: at a cap or out of memory. */
struct conn *conn_create(struct front *front, struct lws *wsi);
/* The socket is gone. Ends the session. */
void conn_destroy(struct conn *conn);

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

/* Messages of the front's mailbox; all are taken. */
void conn_on_parsed(struct conn *conn, struct conn_parsed *parsed);
void conn_on_body(struct conn *conn, struct conn_body *body);
void conn_on_stt(struct conn *conn, struct stt_event *event);
void conn_on_answer(struct conn *conn, const struct session_answer *answer);
/* The server stops. */
void conn_goaway(struct conn *conn, uint32_t within_ms);

/* ws.c: what a connection asks of its socket. */
void ws_want_write(struct conn *conn);
void ws_pause_rx(struct conn *conn, bool pause);
/* Ends the socket without waiting for the peer. */
void ws_kill(struct conn *conn);
