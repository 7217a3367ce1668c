/*
 * An HTTP request on its way to an answer, as it goes between its front, a worker and the store.
 *
 * A run on a worker makes a piece of the answer and, when more is to come, asks the store for the
 * next page; then the work goes back to the front, which writes the piece and sends the work out
 * again once the socket has taken it and the page is there. So at most a page and what became of
 * it are in memory, however long the answer.
 *
 * Threads: one owner at a time: the front between runs, the worker within. Memory: http_work_free()
 * ends it, wherever it is.
 */
#pragma once

#include "base/buf.h"
#include "base/worker.h"
#include "server/http_head.h"
#include "server/http_route.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;
struct store_page;
struct token_claims;
struct transcript;

struct http_work {
    struct job job; /* FRONT_HTTP of the request's id */
    struct server *server;

    /* The request. */
    enum http_method method;
    struct http_route route;
    char *credential; /* of Authorization: Bearer; NULL: none came */
    char *body;
    size_t body_len;
    char known[HTTP_ETAG_BYTES]; /* If-None-Match, "" when there is none */

    /* For the front, from one run. */
    struct http_head head;
    bool has_head; /* of the first piece */
    struct buf out;
    bool last;     /* nothing follows */
    bool stranger; /* its token was refused */
    bool broken;   /* it cannot be completed: the connection is to be cut */

    /* For the next run. */
    struct store_page *page;

    /* The workers' own. */
    enum store_question asked;
    bool begun, counted, opened;
    bool errand; /* the next run is on the thread for what takes long */
    struct token_claims *claims;
    struct transcript *transcript;
    struct store_page *sessions; /* of a class, and the one that is written now */
    size_t session;
    char etag[HTTP_ETAG_BYTES], file[TRANSCRIPT_NAME_BYTES];
};

/* The request, and msg.session of `job`, are the caller's to fill in. NULL: out of memory. */
struct http_work *http_work_create(struct server *server);
void http_work_free(struct http_work *work);
/* Makes an error of it, whatever it was. */
void http_work_refuse(struct http_work *work, int status, const char *detail);
