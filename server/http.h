/*
 * Plain HTTP beside the WebSocket: health, readiness, metrics, and the checks of an upgrade before
 * the 101.
 *
 * Threads: a front's own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct front;
struct lws;
struct server;

/* What is being sent to a plain HTTP request. */
struct http_reply {
    char *body; /* owned */
    size_t len;
    bool last; /* the connection closes after it */
};

/* Answers the request for `path`; the result is what the libwebsockets callback returns. */
int http_request(struct front *front, struct lws *wsi, const char *path, struct http_reply *reply);
/* Sends the body of a reply. */
int http_writeable(struct lws *wsi, struct http_reply *reply);
void http_reply_free(struct http_reply *reply);
/* Checks a WebSocket handshake. True: go on; false: an answer has been sent and the connection is
 * to be closed. */
bool http_upgrade_allowed(struct front *front, struct lws *wsi);
/* NULL: ready; else why not. Any thread. */
const char *http_not_ready(const struct server *server);
