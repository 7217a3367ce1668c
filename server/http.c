#include "server/http.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/admission.h"
#include "server/admission_watch.h"
#include "server/auth.h"
#include "server/config.h"
#include "server/directory.h"
#include "server/front.h"
#include "server/http_answer.h"
#include "server/http_head.h"
#include "server/metrics.h"
#include "server/monitor_limits.h"
#include "server/origin.h"
#include "server/pages.h"
#include "server/peers_gate.h"
#include "server/report.h"
#include "server/server.h"
#include "server/upstream.h"
#include <ctype.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOST_BYTES_MAX       256
#define KEY_BYTES            24 /* base64 of 16 bytes, RFC 6455 §4.1 */
#define CREDENTIAL_BYTES_MAX (TOKEN_BYTES_MAX + 16)

static enum http_method method_of(struct lws *wsi)
{
    static const struct {
        enum lws_token_indexes token;
        enum http_method method;
    } methods[] = {{WSI_TOKEN_GET_URI, HTTP_GET},
                   {WSI_TOKEN_HEAD_URI, HTTP_HEAD},
                   {WSI_TOKEN_POST_URI, HTTP_POST},
                   {WSI_TOKEN_DELETE_URI, HTTP_DELETE}};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (lws_hdr_total_length(wsi, methods[i].token) > 0)
            return methods[i].method;
    return HTTP_OTHER;
}

/* The length of the request's body; -1: one that is not taken, `*status` says why. */
static long body_length(struct lws *wsi, enum http_method method, int *status)
{
    char text[16];
    *status = 411;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return -1;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) == 0)
        return method == HTTP_POST || method == HTTP_OTHER ? -1 : 0;
    *status = 400;
    int len = lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    if (lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, 1) > 0 || len <= 0 || len > 9 ||
        strspn(text, "0123456789") != (size_t)len)
        return -1;
    return strtol(text, NULL, 10);
}

/* After a refusal: a body that may still come, and is not read and thrown away, would be taken for
 * the next request. */
static bool must_close(struct lws *wsi)
{
    int status;
    long len = body_length(wsi, method_of(wsi), &status);
    return len < 0 || len > HTTP_DISCARD_BYTES;
}

/* Whoever asks again is to find the successor. */
static bool is_stopping(struct lws *wsi)
{
    const struct front *front = lws_context_user(lws_get_context(wsi));
    /* Relaxed: a flag that is only ever set. */
    return atomic_load_explicit(&front->server->stopping, memory_order_relaxed);
}

static void want_write(struct lws *wsi)
{
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, HTTP_STALL_S);
    lws_callback_on_writable(wsi);
}

/* Sends the head; what `reply` holds follows, but not to HEAD, nor with 304. */
static int begin_reply(struct lws *wsi, const struct http_head *head, struct http_reply *reply)
{
    struct http_head whole = *head;
    whole.len = (int64_t)reply->len;
    whole.close = head->close || is_stopping(wsi);
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0 || head->status == 304)
        reply->len = 0;
    reply->ready = true;
    reply->last = whole.close;
    if (http_head_send(wsi, &whole) != 0)
        return -1;
    want_write(wsi);
    return 0;
}

static int reply_with(struct lws *wsi, const struct http_head *head, struct buf *body,
                      struct http_reply *reply)
{
    http_reply_free(reply);
    if (buf_status(body) != STATUS_OK)
        return -1;
    reply->body = buf_take(body, &reply->len);
    reply->bytes = reply->body;
    return begin_reply(wsi, head, reply);
}

static int reply_text(struct lws *wsi, const char *type, const char *text, struct http_reply *reply)
{
    struct buf body;
    buf_init(&body, HTTP_BODY_MAX);
    buf_puts(&body, text);
    int result = reply_with(wsi, &(struct http_head){.status = 200, .type = type}, &body, reply);
    buf_deinit(&body);
    return result;
}

static int refuse(struct lws *wsi, const struct http_head *head, const char *detail,
                  struct http_reply *reply)
{
    struct http_head problem = *head;
    struct buf body;
    buf_init(&body, HTTP_BODY_MAX);
    problem.type = "application/problem+json";
    problem.close = must_close(wsi);
    problem.retry_after_s = head->status == 429 || head->status == 503 ? HTTP_RETRY_S : 0;
    http_problem_write(&body, head->status, detail);
    int result = reply_with(wsi, &problem, &body, reply);
    buf_deinit(&body);
    return result;
}

static int problem(struct lws *wsi, int status, const char *detail, struct http_reply *reply)
{
    return refuse(wsi, &(struct http_head){.status = status}, detail, reply);
}

/* What a socket takes at a time. */
static int write_piece(struct lws *wsi, struct http_reply *reply)
{
    unsigned char block[LWS_PRE + HTTP_WRITE_BYTES];
    size_t len = reply->len - reply->sent;
    bool last = len <= HTTP_WRITE_BYTES;
    if (!last)
        len = HTTP_WRITE_BYTES;
    memcpy(block + LWS_PRE, reply->bytes + reply->sent, len);
    reply->sent += len;
    return lws_write(wsi, block + LWS_PRE, len, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP);
}

int http_writeable(struct lws *wsi, struct http_reply *reply)
{
    bool last = reply->last;
    if (reply->answer != NULL) {
        int result = http_answer_writeable(reply->answer, &last);
        if (result <= 0)
            return result;
    } else if (!reply->ready) {
        return 0;
    } else if (reply->sent < reply->len) {
        if (write_piece(wsi, reply) < 0)
            return -1;
        if (reply->sent < reply->len) {
            want_write(wsi);
            return 0;
        }
    }
    http_reply_free(reply);
    if (last) /* as the head said, and not because the server has begun to stop since */
        return -1;
    return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

void http_reply_free(struct http_reply *reply)
{
    if (reply->answer != NULL)
        http_answer_destroy(reply->answer);
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
    return reply_text(wsi, "text/plain", "ready\n", reply);
}

static int get_health(struct front *front, struct lws *wsi, struct http_reply *reply)
{
    (void)front;
    return reply_text(wsi, "text/plain", "ok\n", reply);
}

static bool is_known(struct lws *wsi, const char *etag)
{
    char known[HTTP_ETAG_BYTES];
    return lws_hdr_copy(wsi, known, sizeof known, WSI_TOKEN_HTTP_IF_NONE_MATCH) > 0 &&
           (strstr(known, etag) != NULL || strcmp(known, "*") == 0);
}

/* The pages run scripts, of this server alone, and may ask for the microphone. */
static int get_page(struct front *front, struct lws *wsi, const char *path,
                    struct http_reply *reply)
{
    struct http_head head = {
        .status = 200,
        .cache = "no-cache",
        .permissions = "camera=(), geolocation=(), microphone=(self)",
        .policy = "default-src 'none'; script-src 'self'; style-src 'self'; "
                  "img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; "
                  "media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; "
                  "form-action 'none'; frame-ancestors 'none'"};
    struct page page;
    int status = pages_get(front->server->pages, path, &page);
    if (status == STATUS_NOT_FOUND)
        return problem(wsi, 404, "there is nothing here", reply);
    if (status != STATUS_OK)
        return problem(wsi, 503, "this file cannot be read now", reply);
    http_reply_free(reply);
    reply->body = page.owned;
    reply->bytes = page.bytes;
    reply->len = page.len;
    head.type = page.type;
    head.etag = page.etag;
    if (is_known(wsi, page.etag))
        head.status = 304;
    return begin_reply(wsi, &head, reply);
}

/* What the server does is no stranger's business. */
static bool is_of_this_machine(struct lws *wsi)
{
    char text[64] = "";
    struct peers_address address;
    lws_get_peer_simple(wsi, text, sizeof text);
    return peers_address_parse(&address, text, strlen(text)) == STATUS_OK &&
           peers_address_loopback(&address);
}

static int get_metrics(struct front *front, struct lws *wsi, struct http_reply *reply)
{
    if (!is_of_this_machine(wsi) && !front->server->config->insecure)
        return problem(wsi, 403, "metrics are told to this machine only", reply);
    struct buf body;
    buf_init(&body, HTTP_BODY_MAX);
    report_write(front, &body);
    int result = reply_with(
        wsi, &(struct http_head){.status = 200, .type = "text/plain; version=0.0.4"}, &body, reply);
    buf_deinit(&body);
    return result;
}

static const struct {
    const char *path;
    int (*get)(struct front *front, struct lws *wsi, struct http_reply *reply);
} endpoints[] = {
    {"/healthz", get_health},
    {"/readyz", get_ready},
    {"/metrics", get_metrics},
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

/* --- what workers answer --- */

static bool is_http_1_1(struct lws *wsi)
{
    char version[16];
    return lws_hdr_copy(wsi, version, sizeof version, WSI_TOKEN_HTTP) > 0 &&
           strcmp(version, "HTTP/1.1") == 0;
}

static bool args_of(struct lws *wsi, struct http_args *args)
{
    char text[HTTP_ARGS_BYTES];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) == 0)
        return true;
    for (int i = 0;; i++) {
        /* Its length is needed first: a fragment that is too long looks like the end. */
        int whole = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i);
        int len = lws_hdr_copy_fragment(wsi, text, sizeof text, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (len < 0)
            return whole == 0;
        if (!http_args_add(args, text, (size_t)len))
            return false;
    }
}

static const char *body_problem(int status)
{
    return status == 411 ? "say how long the body is: Content-Length"
                         : "Content-Length is one number";
}

static bool is_json(struct lws *wsi)
{
    char type[64];
    return lws_hdr_copy(wsi, type, sizeof type, WSI_TOKEN_HTTP_CONTENT_TYPE) > 0 &&
           strncasecmp(type, "application/json", strlen("application/json")) == 0;
}

/* RFC 6750 §2.1. False: there is a header, but not of that kind. */
static bool credential_of(struct lws *wsi, char out[CREDENTIAL_BYTES_MAX], const char **credential)
{
    static const char scheme[] = "bearer ";
    *credential = NULL;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_AUTHORIZATION) == 0)
        return true;
    if (lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, 1) > 0 ||
        lws_hdr_copy(wsi, out, CREDENTIAL_BYTES_MAX, WSI_TOKEN_HTTP_AUTHORIZATION) <= 0 ||
        strncasecmp(out, scheme, sizeof scheme - 1) != 0)
        return false;
    *credential = out + sizeof scheme - 1;
    return true;
}

static int start_answer(struct front *front, struct lws *wsi, struct http_ask *ask,
                        struct http_reply *reply)
{
    char credential[CREDENTIAL_BYTES_MAX], known[HTTP_ETAG_BYTES] = "";
    if (!credential_of(wsi, credential, &ask->credential))
        return refuse(wsi, &(struct http_head){.status = 401, .challenge = true},
                      "Authorization is one header: Bearer TOKEN", reply);
    if (lws_hdr_copy(wsi, known, sizeof known, WSI_TOKEN_HTTP_IF_NONE_MATCH) < 0)
        known[0] = '\0';
    ask->known = known;
    ask->http_1_0 = !is_http_1_1(wsi);
    int status = http_answer_create(&reply->answer, front, wsi, ask);
    explicit_bzero(credential, sizeof credential);
    if (status == STATUS_OK)
        return 0;
    return problem(wsi, 503, "the server is short of memory; try again", reply);
}

static int start_route(struct front *front, struct lws *wsi, const struct http_route *route,
                       struct http_reply *reply)
{
    struct http_ask ask = {.method = method_of(wsi), .route = route};
    int status;
    long len = body_length(wsi, ask.method, &status);
    if (!origin_allowed(front, wsi))
        return problem(wsi, 403, "this Origin is not allowed; see origins in docs/configuration.md",
                       reply);
    if (len < 0)
        return problem(wsi, status, body_problem(status), reply);
    if (len > HTTP_POST_BYTES_MAX)
        return problem(wsi, 413, "the body is too long: 16 KiB are taken", reply);
    if (len > 0 && ask.method != HTTP_POST)
        return problem(wsi, 400, "this request has no body", reply);
    /* Pages of elsewhere cannot send it unasked, as they can text. */
    if (ask.method == HTTP_POST && !is_json(wsi))
        return problem(wsi, 415, "the body is application/json", reply);
    ask.body_len = (size_t)len;
    return start_answer(front, wsi, &ask, reply);
}

int http_body(struct http_reply *reply, const void *bytes, size_t len)
{
    /* Refused already: what still comes is for nobody. */
    return reply->answer != NULL ? http_answer_body(reply->answer, bytes, len) : 0;
}

int http_body_end(struct http_reply *reply)
{
    if (reply->answer != NULL)
        http_answer_body_end(reply->answer);
    return 0;
}

/* --- requests --- */

static const char *not_here(const char *path, int *status)
{
    *status = 426;
    if (strcmp(path, "/v1/stream") == 0)
        return "GET /v1/stream is a WebSocket with subprotocol sotto.v1";
    if (strcmp(path, "/v1/monitor") == 0)
        return "GET /v1/monitor is a WebSocket with subprotocol sotto.monitor.v1";
    *status = 404;
    return "there is nothing here";
}

/* What is answered at once. */
static bool is_endpoint(const char *path, size_t *index)
{
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        if (strcmp(endpoints[i].path, path) != 0)
            continue;
        *index = i;
        return true;
    }
    return false;
}

int http_request(struct front *front, struct lws *wsi, const char *path, struct http_reply *reply)
{
    int status;
    size_t index;
    struct http_args args = {.len = 0};
    struct http_route route;
    struct http_refusal refusal;
    const char *wrong = host_problem(front, wsi, &status);
    if (wrong != NULL)
        return problem(wsi, status, wrong, reply);
    enum http_method method = method_of(wsi);
    bool is_get = method == HTTP_GET || method == HTTP_HEAD, is_page = pages_cover(path);
    if (is_get && is_page)
        return get_page(front, wsi, path, reply);
    if (is_get && is_endpoint(path, &index))
        return endpoints[index].get(front, wsi, reply);
    if (is_page || is_endpoint(path, &index))
        return refuse(wsi, &(struct http_head){.status = 405, .allow = "GET, HEAD"},
                      "only GET and HEAD are served here", reply);
    if (!args_of(wsi, &args))
        return problem(wsi, 400, "the query is too long", reply);
    if (http_route_parse(&route, method, path, &args, &refusal) == STATUS_OK)
        return start_route(front, wsi, &route, reply);
    if (refusal.status == 404)
        refusal.detail = not_here(path, &refusal.status);
    return refuse(wsi, &(struct http_head){.status = refusal.status, .allow = refusal.allow},
                  refusal.detail, reply);
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

/* Where WebSockets are served, and the subprotocol there. */
static const struct socket_path {
    const char *path, *protocol, *hint;
} socket_paths[] = {
    {"/v1/stream", "sotto.v1", "offer the subprotocol sotto.v1"},
    {"/v1/monitor", "sotto.monitor.v1", "offer the subprotocol sotto.monitor.v1"},
};

static const struct socket_path *socket_path_find(const char *path)
{
    for (size_t i = 0; i < sizeof socket_paths / sizeof socket_paths[0]; i++)
        if (strcmp(socket_paths[i].path, path) == 0)
            return &socket_paths[i];
    return NULL;
}

static bool is_word(const char *at, size_t len, const char *word)
{
    return len == strlen(word) && strncmp(at, word, len) == 0;
}

/* The library chooses the first of the names it knows, its plain HTTP handler's too: none of the
 * others may be offered. */
static bool protocol_offered(struct lws *wsi, const char *protocol)
{
    char offered[256];
    if (lws_hdr_copy(wsi, offered, sizeof offered, WSI_TOKEN_PROTOCOL) <= 0)
        return false;
    bool found = false;
    for (const char *at = offered; *at != '\0'; at += strspn(at, ", ")) {
        size_t len = strcspn(at, ", ");
        bool ours = is_word(at, len, protocol), other = is_word(at, len, "http");
        for (size_t i = 0; i < sizeof socket_paths / sizeof socket_paths[0]; i++)
            other = other || (!ours && is_word(at, len, socket_paths[i].protocol));
        if (other)
            return false;
        found = found || ours;
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
    *status = 404;
    const struct socket_path *at = socket_path_find(path);
    if (at == NULL)
        return "WebSockets are served at /v1/stream and /v1/monitor";
    *status = 426;
    if (!version_is_13(wsi))
        return "WebSocket version 13 is spoken here";
    *status = 400;
    if (!key_valid(wsi))
        return "Sec-WebSocket-Key must be 16 bytes in base64, once";
    if (!protocol_offered(wsi, at->protocol))
        return at->hint;
    *status = 429;
    int reason = peers_gate_upgrade(front, wsi);
    if (reason != PEERS_OK)
        return peers_text(reason);
    *status = 503;
    if (directory_count(server->directory, DIRECTORY_CONNECTION) >= server->config->connections_max)
        return "as many connections are open as the server may hold; try again in some seconds";
    if (strcmp(path, "/v1/monitor") == 0 &&
        atomic_load_explicit(&server->watchers, memory_order_relaxed) >= MONITORS_MAX)
        return "as many teachers watch as the server may serve; try again in some seconds";
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
    int status;
    const char *wrong = upgrade_problem(front, wsi, &status);
    if (wrong == NULL)
        return true;
    metrics_add(METRIC_UPGRADES_REFUSED, 1);
    struct buf body;
    buf_init(&body, HTTP_BODY_MAX);
    char space[LWS_PRE] = {0};
    buf_append(&body, space, sizeof space);
    http_problem_write(&body, status, wrong);
    struct http_head head = {
        .status = status,
        .type = "application/problem+json",
        .len = (int64_t)(body.len - LWS_PRE),
        .close = true,
        .retry_after_s = status == 429 || status == 503 ? retry_after_s(front->server, status) : 0};
    if (status == 426) {
        head.extra[0] = "sec-websocket-version:";
        head.extra[1] = "13";
    }
    if (buf_status(&body) == 0 && http_head_send(wsi, &head) == 0)
        lws_write(wsi, (unsigned char *)body.data + LWS_PRE, body.len - LWS_PRE,
                  LWS_WRITE_HTTP_FINAL);
    buf_deinit(&body);
    return false;
}
