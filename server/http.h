/*
 * Plain HTTP beside the WebSocket: what is answered at once (health, readiness, metrics), the way
 * to what workers answer, and the checks of an upgrade before the 101.
 *
 * Threads: a front's own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct front;
struct http_answer;
struct lws;
struct server;

/* What is being sent to a plain HTTP request; the library keeps one, zeroed, for each. */
struct http_reply {
    char *body;                 /* owned; NULL: not made here, or of the program itself */
    const char *bytes;          /* what is sent after the head */
    size_t len, sent;           /* of it */
    bool ready;                 /* the head has been sent */
    bool last;                  /* the connection closes after it */
    struct http_answer *answer; /* made by workers (server/http_answer.h) */
};

/* Answers the request for `path`; the result is what the libwebsockets callback returns. */
int http_request(struct front *front, struct lws *wsi, const char *path, struct http_reply *reply);
/* A piece of its body, and its end. */
int http_body(struct http_reply *reply, const void *bytes, size_t len);
int http_body_end(struct http_reply *reply);
/* Sends what is there of a reply. */
int http_writeable(struct lws *wsi, struct http_reply *reply);
void http_reply_free(struct http_reply *reply);
/* Checks a WebSocket handshake. True: go on; false: an answer has been sent and the connection is
 * to be closed. */
bool http_upgrade_allowed(struct front *front, struct lws *wsi);
/* NULL: ready; else why not. Any thread. */
const char *http_not_ready(const struct server *server);
