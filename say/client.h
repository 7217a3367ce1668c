/*
 * The WebSocket connection: libwebsockets' client on the program's loop.
 *
 * Threads: the loop's own. Memory: client_destroy() ends it; buffers given to the handler are
 * borrowed until it returns.
 */
#pragma once

#include "say/options.h"
#include <stddef.h>
#include <stdint.h>

struct client;
struct loop_uv;

enum client_frame { CLIENT_NOTHING, CLIENT_TEXT, CLIENT_BINARY };

/* Why a connection is over. */
struct client_end {
    bool opened;          /* the upgrade had succeeded */
    unsigned http_status; /* the answer instead of the upgrade, 0: none */
    unsigned close_code;  /* of the peer's Close, 0: the socket just ended */
    char text[160];       /* the peer's or the library's words, "" when there are none */
};

struct client_handler {
    void (*on_open)(void *ctx);
    void (*on_text)(void *ctx, const char *text, size_t len);
    /* The socket takes a message: fill at most `cap` bytes. Asked for with client_want_write(). */
    enum client_frame (*on_writable)(void *ctx, uint8_t *out, size_t cap, size_t *len);
    void (*on_end)(void *ctx, const struct client_end *end); /* once, last */
};

/* Starts connecting. 0: on_end comes once, whatever happens. Otherwise nothing comes; STATUS_NOMEM,
 * STATUS_UNSUPPORTED (no event library), STATUS_INVALID (the CA file). */
int client_open(struct client **out, struct loop_uv *uv, const struct options *options,
                const struct client_handler *handler, void *ctx);
void client_want_write(struct client *client);
/* Connects again after on_end; as client_open(). Not from inside a callback of the connection. */
int client_reopen(struct client *client);
/* Drops the socket; on_end comes before this returns. Not from inside a callback of the connection.
 */
void client_abort(struct client *client);
/* Closes with 1000; on_end follows. */
void client_finish(struct client *client);
/* At once; no callback any more. Not from inside a callback of the connection. */
void client_destroy(struct client *client);
