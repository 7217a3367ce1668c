/*
 * libwebsockets on a front's loop: context and vhost, the callbacks of HTTP and of WebSockets, and
 * the fixes that version 4.1.6 wants from an application (docs/conformance.md). What a WebSocket is
 * for is its owner's matter: server/conn.h (sotto.v1) and server/watcher.h (sotto.monitor.v1).
 *
 * Threads: the front's own; ws_open() before its loop runs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct front;
struct intake_piece;
struct lws;

/* Makes the context and the vhost without a listening socket. STATUS_INTERNAL. */
int ws_open(struct front *front);
/* Adopts an accepted socket; NULL: the library refuses, and has closed it. */
struct lws *ws_adopt(struct front *front, int fd);
/* Starts the end of the context; front->lws is NULL once it is complete. */
void ws_close(struct front *front);

/* The owner of a WebSocket, from create() to destroy(). */
struct ws_ops {
    /* The handshake is done; its headers can still be read. NULL: the socket ends. */
    void *(*create)(struct front *front, struct lws *wsi);
    void (*receive)(void *owner, const struct intake_piece *piece);
    /* The next message: false when there is none. `*data` is borrowed until sent(). */
    bool (*next)(void *owner, char **data, size_t *len);
    void (*sent)(void *owner);
    bool (*has_output)(const void *owner); /* something to write, or may_close() */
    /* Everything has been sent, and the socket is to be closed. */
    bool (*may_close)(const void *owner);
    int (*close)(void *owner); /* is done now: the code. is_closed() from here on */
    /* The library closes by itself: nothing more may be sent. Likewise. */
    void (*abandon)(void *owner);
    bool (*is_closed)(const void *owner);
    void (*goodbye)(void *owner); /* the peer closed with 1000; may be NULL */
    void (*destroy)(void *owner); /* the socket is gone */
};
extern const struct ws_ops ws_stream_ops, ws_monitor_ops;

/* What an owner asks of its socket. */
void ws_want_write(struct lws *wsi);
/* Writes what waits as far as the socket takes it, the rest by ws_want_write(). Not within a
 * callback of the library; the owner stays, whatever happens. */
void ws_send(struct lws *wsi);
void ws_pause_rx(struct lws *wsi, bool pause);
/* Reading has stopped by our will: the peer's silence is no sign of its death. */
void ws_alive(struct lws *wsi);
/* Bytes that have come from the socket so far and been read: all of them, also those of frames that
 * the library keeps to itself. 0 when the system does not tell. */
uint64_t ws_received(struct lws *wsi);
/* The socket has room for a message only while the kernel holds less than that for it: what it
 * holds for a peer who does not read is stale by the time it is read. */
void ws_bound_unsent(struct lws *wsi, int bytes);
/* Ends the socket without waiting for the peer. */
void ws_kill(struct lws *wsi);
/* In create(): what the handshake shows of who the client is, for secret_free(); NULL: nothing.
 * What is no token is kept as an empty one: it was meant as one, and is refused as one. */
char *ws_credential(struct lws *wsi);
