/*
 * Answers of plain HTTP requests that workers make: the front's side. The request is held here
 * while its work travels (server/http_work.h); pieces are written as the socket takes them, and the
 * next one is made only when the last is gone.
 *
 * Threads: the front's own. What libwebsockets' callbacks return is what these functions return.
 */
#pragma once

#include "server/http_route.h"
#include <stdbool.h>
#include <stddef.h>

struct front;
struct http_answer;
struct http_work;
struct lws;
struct store_page;

/* A request that has been found to be in order. Texts are borrowed. */
struct http_ask {
    enum http_method method;
    const struct http_route *route;
    const char *credential; /* NULL: none */
    const char *known;      /* If-None-Match, "" when there is none */
    size_t body_len;        /* announced, at most HTTP_POST_BYTES_MAX */
    bool http_1_0;          /* knows no chunks */
};

/* STATUS_NOMEM. With a body it waits for http_answer_body(). */
int http_answer_create(struct http_answer **out, struct front *front, struct lws *wsi,
                       const struct http_ask *ask);
/* The connection is gone, or the library is done with it. */
void http_answer_destroy(struct http_answer *answer);
/* More of the body, its end. */
int http_answer_body(struct http_answer *answer, const void *bytes, size_t len);
void http_answer_body_end(struct http_answer *answer);
/* The socket takes something. 1: everything has been written, the answer may be destroyed; then
 * `*close` tells whether the connection is to be closed. */
int http_answer_writeable(struct http_answer *answer, bool *close);

/* Messages of the front's mailbox; taken. */
void http_on_work(struct front *front, struct http_work *work);
void http_on_page(struct front *front, struct store_page *page);
