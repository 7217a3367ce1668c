#include "server/http_head.h"

#include "base/buf.h"
#include "server/http_limits.h"
#include <assert.h>
#include <libwebsockets.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define HEAD_BYTES_MAX 2048

static const struct {
    int status;
    const char *title;
} titles[] = {
    {201, "Created"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {421, "Misdirected Request"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
};

const char *http_title(int status)
{
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "OK";
}

void http_problem_write(struct buf *body, int status, const char *detail)
{
    assert(strpbrk(detail, "\"\\") == NULL);
    buf_printf(body,
               "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"}\n",
               http_title(status), status, detail);
}

const struct lws_protocol_vhost_options http_head_always[] = {
    {&http_head_always[1], NULL, "x-content-type-options:", "nosniff"},
    {&http_head_always[2], NULL, "x-frame-options:", "DENY"},
    {&http_head_always[3], NULL, "referrer-policy:", "no-referrer"},
    {&http_head_always[4], NULL, "cross-origin-opener-policy:", "same-origin"},
    {NULL, NULL, "cross-origin-resource-policy:", "same-origin"},
};

struct writer {
    struct lws *wsi;
    unsigned char *at, *end;
    bool full;
};

static void put(struct writer *writer, const char *name, const char *value)
{
    if (value != NULL && lws_add_http_header_by_name(
                             writer->wsi, (const unsigned char *)name, (const unsigned char *)value,
                             (int)strlen(value), &writer->at, writer->end) != 0)
        writer->full = true;
}

/* How the end of the body is known. */
static void put_length(struct writer *writer, const struct http_head *head)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)head->len);
    if (head->len >= 0 && head->status != 304 && head->status != 204)
        put(writer, "content-length:", text);
    else if (head->len == HTTP_LENGTH_UNKNOWN && !head->close)
        put(writer, "transfer-encoding:", "chunked");
    if (head->close)
        put(writer, "connection:", "close");
}

static void put_optional(struct writer *writer, const struct http_head *head)
{
    char text[TRANSCRIPT_NAME_BYTES + 32];
    snprintf(text, sizeof text, "attachment; filename=\"%s\"",
             head->file != NULL ? head->file : "");
    put(writer, "content-disposition:", head->file != NULL ? text : NULL);
    put(writer, "etag:", head->etag);
    put(writer, "allow:", head->allow);
    put(writer, "www-authenticate:", head->challenge ? "Bearer realm=\"sotto\"" : NULL);
    snprintf(text, sizeof text, "%u", head->retry_after_s);
    put(writer, "retry-after:", head->retry_after_s > 0 ? text : NULL);
    put(writer, head->extra[0], head->extra[1]);
}

int http_head_send(struct lws *wsi, const struct http_head *head)
{
    static const char nothing[] =
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    static const char none[] = "camera=(), geolocation=(), microphone=()";
    unsigned char bytes[LWS_PRE + HEAD_BYTES_MAX];
    struct writer writer = {.wsi = wsi, .at = bytes + LWS_PRE, .end = bytes + sizeof bytes};
    if (lws_add_http_header_status(wsi, (unsigned)head->status, &writer.at, writer.end) != 0)
        return -1;
    put(&writer, "content-type:", head->type);
    put_length(&writer, head);
    put(&writer, "cache-control:", head->cache != NULL ? head->cache : "no-store");
    put(&writer, "content-security-policy:", head->policy != NULL ? head->policy : nothing);
    put(&writer, "permissions-policy:", head->permissions != NULL ? head->permissions : none);
    put_optional(&writer, head);
    if (writer.full)
        return -1;
    return lws_finalize_write_http_header(wsi, bytes + LWS_PRE, &writer.at, writer.end) != 0 ? -1
                                                                                             : 0;
}
