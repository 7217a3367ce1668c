#include "server/http.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/admission.h"
#include "server/admission_watch.h"
#include "server/auth.h"
#include "server/config.h"
#include "server/directory.h"
#include "server/front.h"
#include "server/metrics.h"
#include "server/origin.h"
#include "server/peers_gate.h"
#include "server/report.h"
#include "server/server.h"
#include "server/upstream.h"
#include <ctype.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>

#define HOST_BYTES_MAX   256
#define KEY_BYTES        24 /* base64 of 16 bytes, RFC 6455 §4.1 */
#define HEADER_BYTES_MAX 1024

static const char front_page[] =
    "<!doctype html><meta charset=\"utf-8\"><title>sotto</title>"
    "<h1>sotto is running</h1>"
    "<p>Speak to it over WebSocket at <code>/v1/stream</code> (subprotocol <code>sotto.v1</code>), "
    "for "
    "example with <code>sotto-say --url ws://HOST:PORT/v1/stream FILE.wav</code>.</p>"
    "<p><a href=\"/healthz\">/healthz</a> <a href=\"/readyz\">/readyz</a> "
    "<a href=\"/metrics\">/metrics</a></p>\n";

static const struct {
    int status;
    const char *title;
} titles[] = {
    {400, "Bad Request"},        {403, "Forbidden"},           {404, "Not Found"},
    {405, "Method Not Allowed"}, {421, "Misdirected Request"}, {426, "Upgrade Required"},
    {501, "Not Implemented"},    {503, "Service Unavailable"},
};

static const char *title_of(int status)
{
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "OK";
}

static int add_header(struct lws *wsi, const char *const pair[2], unsigned char **at,
                      unsigned char *end)
{
    return lws_add_http_header_by_name(wsi, (const unsigned char *)pair[0],
                                       (const unsigned char *)pair[1], (int)strlen(pair[1]), at,
                                       end);
}

/* Status line and headers; `extra` is "name:", then its value, or NULL. */
static int send_head(struct lws *wsi, int status, const char *type, size_t len,
                     const char *const extra[2])
{
    unsigned char head[LWS_PRE + HEADER_BYTES_MAX], *at = head + LWS_PRE, *end = head + sizeof head;
    if (lws_add_http_common_headers(wsi, (unsigned)status, type, len, &at, end) != 0)
        return -1;
    static const char *const no_store[] = {"cache-control:", "no-store"};
    if (add_header(wsi, no_store, &at, end) != 0 ||
        (extra != NULL && add_header(wsi, extra, &at, end) != 0))
        return -1;
    return lws_finalize_write_http_header(wsi, head + LWS_PRE, &at, end) != 0 ? -1 : 0;
}

static int reply_with(struct lws *wsi, int status, const char *type, struct buf *body,
                      struct http_reply *reply)
{
    http_reply_free(reply);
    reply->body = buf_take(body, &reply->len);
    if (send_head(wsi, status, type, reply->len, NULL) != 0)
        return -1;
    lws_callback_on_writable(wsi);
    return 0;
}

static void write_problem(struct buf *body, int status, const char *detail)
{
    buf_printf(body,
               "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"}\n",
               title_of(status), status, detail);
}

static int problem(struct lws *wsi, int status, const char *detail, struct http_reply *reply)
{
    struct buf body;
    buf_init(&body, HTTP_BODY_MAX);
    write_problem(&body, status, detail);
    int result = reply_with(wsi, status, "application/problem+json", &body, reply);
    buf_deinit(&body);
    return result;
}

int http_writeable(struct lws *wsi, struct http_reply *reply)
{
    if (reply->body == NULL)
        return 0;
    unsigned char *block = mem_alloc(LWS_PRE + reply->len);
    if (block == NULL)
        return -1;
    memcpy(block + LWS_PRE, reply->body, reply->len);
    int written = lws_write(wsi, block + LWS_PRE, reply->len, LWS_WRITE_HTTP_FINAL);
    mem_free(block);
    bool last = reply->last;
    http_reply_free(reply);
    if (written < 0 || last)
        return -1;
    return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

void http_reply_free(struct http_reply *reply)
{
    mem_free(reply->body);
    *reply = (struct http_reply){0};
}

/* --- endpoints --- */

const char *http_not_ready(const struct server *server)
{
    /* Relaxed: a flag that is only ever set. */
    if (atomic_load_explicit(&server->stopping, memory_order_relaxed))
        return "stopping";
    if (!upstream_ready(server->upstream))
        return "warming the connections to the chat completions API";
    if (directory_count(server->directory, DIRECTORY_SESSION) >= server->config->sessions_max)
        return "at capacity: sessions_max is reached";
    return admission_why(server->admission);
}

static int get_ready(struct front *front, struct lws *wsi, struct http_reply *reply)
{
    const char *why = http_not_ready(front->server);
    if (why != NULL)
        return problem(wsi, 503, why, reply);
    struct buf body;
    buf_init(&body, HTTP_BODY_MAX);
    buf_puts(&body, "ready\n");
    return reply_with(wsi, 200, "text/plain", &body, reply);
}

static int get_health(struct front *front, struct lws *wsi, struct http_reply *reply)
{
    (void)front;
    struct buf body;
    buf_init(&body, HTTP_BODY_MAX);
    buf_puts(&body, "ok\n");
    return reply_with(wsi, 200, "text/plain", &body, reply);
}

static int get_page(struct front *front, struct lws *wsi, struct http_reply *reply)
{
    (void)front;
    struct buf body;
    buf_init(&body, HTTP_BODY_MAX);
    buf_puts(&body, front_page);
    return reply_with(wsi, 200, "text/html; charset=utf-8", &body, reply);
}

static int get_metrics(struct front *front, struct lws *wsi, struct http_reply *reply)
{
    struct buf body;
    buf_init(&body, HTTP_BODY_MAX);
    report_write(front, &body);
    return reply_with(wsi, 200, "text/plain; version=0.0.4", &body, reply);
}

static const struct {
    const char *path;
    int (*get)(struct front *front, struct lws *wsi, struct http_reply *reply);
} endpoints[] = {
    {"/healthz", get_health},
    {"/readyz", get_ready},
    {"/metrics", get_metrics},
    {"/", get_page},
};

/* --- who may ask --- */

/* Without token keys anybody may speak who reaches the server. A page of elsewhere that resolves
 * its own name to 127.0.0.1 (DNS rebinding) must not: its name is in Host. */
static const char *host_problem(struct front *front, struct lws *wsi, int *status)
{
    char host[HOST_BYTES_MAX];
    *status = 400;
    int len = lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST);
    if (len <= 0 || lws_hdr_fragment_length(wsi, WSI_TOKEN_HOST, 1) > 0)
        return "exactly one Host header is needed";
    *status = 421;
    if (!auth_open(front->server->auth) || front->server->config->insecure)
        return NULL;
    return origin_host_is_loopback(host)
               ? NULL
               : "this server answers to localhost, 127.0.0.1 and [::1] only";
}

static bool origin_allowed(struct front *front, struct lws *wsi)
{
    char origin[HOST_BYTES_MAX], host[HOST_BYTES_MAX];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) == 0)
        return true;
    if (lws_hdr_fragment_length(wsi, WSI_TOKEN_ORIGIN, 1) > 0)
        return false;
    if (lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN) <= 0 ||
        lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST) <= 0)
        return false;
    const char *list = atomic_load_explicit(&front->server->origins, memory_order_acquire);
    return list[0] != '\0' ? origin_listed(list, origin)
                           : origin_same(origin, host, front->server->tls != NULL);
}

int http_request(struct front *front, struct lws *wsi, const char *path, struct http_reply *reply)
{
    int status;
    const char *wrong = host_problem(front, wsi, &status);
    if (wrong != NULL)
        return problem(wsi, status, wrong, reply);
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) == 0) {
        int result = problem(wsi, 405, "only GET is served", reply);
        /* A body may follow, which must not be taken for the next request. */
        reply->last = true;
        return result;
    }
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++)
        if (strcmp(endpoints[i].path, path) == 0)
            return endpoints[i].get(front, wsi, reply);
    if (strcmp(path, "/v1/stream") == 0)
        return problem(wsi, 426, "GET /v1/stream is a WebSocket with subprotocol sotto.v1", reply);
    return problem(wsi, 404, "there is nothing here", reply);
}

/* --- the upgrade --- */

static bool key_valid(struct lws *wsi)
{
    char key[64];
    if (lws_hdr_fragment_length(wsi, WSI_TOKEN_KEY, 1) > 0 ||
        lws_hdr_copy(wsi, key, sizeof key, WSI_TOKEN_KEY) != KEY_BYTES)
        return false;
    for (int i = 0; i < KEY_BYTES - 2; i++)
        if (!isalnum((unsigned char)key[i]) && key[i] != '+' && key[i] != '/')
            return false;
    return strcmp(key + KEY_BYTES - 2, "==") == 0;
}

static bool protocol_offered(struct lws *wsi)
{
    char offered[256];
    if (lws_hdr_copy(wsi, offered, sizeof offered, WSI_TOKEN_PROTOCOL) <= 0)
        return false;
    bool found = false;
    for (const char *at = offered; *at != '\0'; at += strspn(at, ", ")) {
        size_t len = strcspn(at, ", ");
        found = found || (len == strlen("sotto.v1") && strncmp(at, "sotto.v1", len) == 0);
        /* The library would choose its plain HTTP handler, the first of the names it knows. */
        if (len == strlen("http") && strncmp(at, "http", len) == 0)
            return false;
        at += len;
    }
    return found;
}

static bool version_is_13(struct lws *wsi)
{
    char version[16];
    return lws_hdr_copy(wsi, version, sizeof version, WSI_TOKEN_VERSION) > 0 &&
           strcmp(version, "13") == 0;
}

static bool is_http_1_1(struct lws *wsi)
{
    char version[16];
    return lws_hdr_copy(wsi, version, sizeof version, WSI_TOKEN_HTTP) > 0 &&
           strcmp(version, "HTTP/1.1") == 0;
}

/* The first thing that is wrong with a handshake; NULL when nothing is. */
static const char *upgrade_problem(struct front *front, struct lws *wsi, int *status)
{
    struct server *server = front->server;
    char path[64];
    const char *wrong = host_problem(front, wsi, status);
    if (wrong != NULL)
        return wrong;
    *status = 403;
    if (!origin_allowed(front, wsi))
        return "this Origin is not allowed; see origins in docs/configuration.md";
    *status = 400;
    if (lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI) <= 0)
        return "a WebSocket begins with GET and a short path";
    if (!is_http_1_1(wsi))
        return "a WebSocket begins with HTTP/1.1";
    if (lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, 1) > 0)
        return "exactly one Authorization header is allowed";
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0 ||
        lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return "a WebSocket handshake has no body";
    *status = 501;
    if (strcmp(path, "/v1/monitor") == 0)
        return "the monitor is not served by this version";
    *status = 404;
    if (strcmp(path, "/v1/stream") != 0)
        return "WebSockets are served at /v1/stream";
    *status = 426;
    if (!version_is_13(wsi))
        return "WebSocket version 13 is spoken here";
    *status = 400;
    if (!key_valid(wsi))
        return "Sec-WebSocket-Key must be 16 bytes in base64, once";
    if (!protocol_offered(wsi))
        return "offer the subprotocol sotto.v1";
    *status = 429;
    int reason = peers_gate_upgrade(front, wsi);
    if (reason != PEERS_OK)
        return peers_text(reason);
    *status = 503;
    if (directory_count(server->directory, DIRECTORY_CONNECTION) >= server->config->connections_max)
        return "as many connections are open as the server may hold; try again in some seconds";
    if (atomic_load_explicit(&server->stopping, memory_order_relaxed))
        return "the server is stopping; connect again";
    return NULL;
}

/* When a refused client may come back, in seconds: spread, so that they do not come together. */
static unsigned retry_after_s(struct server *server, int status)
{
    if (status == 429)
        return peers_retry_ms(PEERS_CONNECTIONS) / 1000;
    /* Relaxed: a flag that is only ever set. */
    if (atomic_load_explicit(&server->stopping, memory_order_relaxed))
        return 1;
    return 1 + admission_refused(server->admission, ADMISSION_CONNECTIONS) / 1000;
}

bool http_upgrade_allowed(struct front *front, struct lws *wsi)
{
    static const char *const version[] = {"sec-websocket-version:", "13"};
    char seconds[16];
    const char *const retry[] = {"retry-after:", seconds};
    int status;
    const char *wrong = upgrade_problem(front, wsi, &status);
    if (wrong == NULL)
        return true;
    metrics_add(METRIC_UPGRADES_REFUSED, 1);
    struct buf body;
    buf_init(&body, HTTP_BODY_MAX);
    char space[LWS_PRE] = {0};
    buf_append(&body, space, sizeof space);
    write_problem(&body, status, wrong);
    const char *const *extra = status == 426                    ? version
                               : status == 429 || status == 503 ? retry
                                                                : NULL;
    if (extra == retry)
        snprintf(seconds, sizeof seconds, "%u", retry_after_s(front->server, status));
    if (buf_status(&body) == 0 &&
        send_head(wsi, status, "application/problem+json", body.len - LWS_PRE, extra) == 0)
        lws_write(wsi, (unsigned char *)body.data + LWS_PRE, body.len - LWS_PRE,
                  LWS_WRITE_HTTP_FINAL);
    buf_deinit(&body);
    return false;
}
