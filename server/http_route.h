/*
 * What a plain HTTP request asks for: path and query, parsed. Pure.
 *
 * Both come decoded by libwebsockets, which also takes `..` and double slashes out of paths; what
 * is in them is still anybody's.
 */
#pragma once

#include "server/http_limits.h"
#include "server/transcript.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_DELETE, HTTP_OTHER };

/* The query: `len` bytes of "name=value" texts, each with its NUL. */
struct http_args {
    char bytes[HTTP_ARGS_BYTES];
    size_t len;
};

/* Adds one; false: there is no room for it, or it holds a NUL. */
bool http_args_add(struct http_args *args, const char *text, size_t len);

enum http_endpoint {
    HTTP_TRANSCRIPT, /* /v1/sessions/{id}/transcript.{json,srt,vtt,txt} */
    HTTP_EXPORT,     /* /v1/classes/{class}/export.{json,csv} */
    HTTP_SESSIONS,   /* /v1/sessions */
    HTTP_SESSION,    /* /v1/sessions/{id} */
    HTTP_TOKENS,     /* /v1/tokens */
    HTTP_ENDPOINTS
};

struct http_route {
    enum http_endpoint endpoint;
    enum transcript_format format;
    char session[STORE_NAME_BYTES];
    char class_name[NAME_BYTES_MAX + 1]; /* NFC; "" when none is named */
    char before[STORE_NAME_BYTES];       /* "": from the newest */
    struct transcript_langs langs;
    uint64_t after;
    uint32_t limit;
};

/* Why not: an HTTP status, what to tell the client, and what would be allowed (405). */
struct http_refusal {
    int status;
    const char *detail, *allow;
};

/* STATUS_NOT_FOUND: no path of ours, `refusal` says 404; STATUS_INVALID: ours, but not so. */
int http_route_parse(struct http_route *out, enum http_method method, const char *path,
                     const struct http_args *args, struct http_refusal *refusal);
