/*
 * The head of an HTTP answer: status line and headers, with those for security on every one of
 * them.
 *
 * Threads: a front's own.
 */
#pragma once

#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>

struct buf;

#define HTTP_LENGTH_UNKNOWN (-1) /* the body comes in chunks */

/* Texts are borrowed for the call; NULL: no such header, but where it says otherwise. */
struct http_head {
    int status;
    const char *type; /* of the content */
    int64_t len;
    const char *file;        /* to be saved under this name */
    const char *etag;        /* with its quotes */
    const char *allow;       /* methods, with 405 */
    uint32_t retry_after_s;  /* 0: none */
    const char *policy;      /* Content-Security-Policy; NULL: nothing may be loaded or run */
    const char *permissions; /* Permissions-Policy; NULL: no camera, microphone, place */
    const char *cache;       /* Cache-Control; NULL: no-store */
    const char *extra[2];    /* one more: "name:", value */
    bool challenge;          /* WWW-Authenticate, with 401 */
    bool close;              /* the connection closes after the answer */
};

/* Non-zero: the connection is to be closed. */
int http_head_send(struct lws *wsi, const struct http_head *head);
/* "Not Found"; "OK" for what is no error. */
const char *http_title(int status);
/* Appends the body of an error, application/problem+json (RFC 9457). `detail` is text for
 * people without quotes or backslashes. */
void http_problem_write(struct buf *body, int status, const char *detail);
/* A list of headers that the library adds to every answer, its own included. */
extern const struct lws_protocol_vhost_options http_head_always[];
