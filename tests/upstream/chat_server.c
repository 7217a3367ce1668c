/* One thread, one poll(2): TLS and HTTP/2 by the book (nghttp2), so that only what a fault asks for
 * is broken. */
#include "tests/upstream/chat_server.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "tests/upstream/chat_answer.h"
#include "tests/upstream/chat_tls.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNS_MAX 256
#define OUT_SOFT_MAX                                                                               \
    (64 * 1024) /* no more frames are made while so many bytes wait for the socket */
#define SLOW_BYTE_MS 20

struct stream {
    struct stream *prev, *next;
    struct conn *conn;
    int32_t id;
    char method[8], path[64], authorization[160];
    struct buf body;
    struct chat_answer answer;
    struct chat_fault_spec fault;
    size_t released, sent, piece;
    int64_t due_us; /* next thing to do; INT64_MAX: nothing */
    bool responded, deferred, whole;
};

struct conn {
    struct chat_server *server;
    int fd;
    SSL *ssl;
    nghttp2_session *session;
    struct buf out;
    struct stream streams; /* ring */
    unsigned open_streams;
    int32_t last_good; /* newest stream not refused by a GOAWAY */
    bool shaken, want_write, closing;
};

struct chat_server {
    struct chat_server_config config;
    char key[160];
    int listen_fd, wake_fd;
    uint16_t port;
    SSL_CTX *tls;
    nghttp2_session_callbacks *callbacks;
    struct conn *conns[CONNS_MAX];
    struct rng rng;
    _Atomic bool stop, deaf;
    pthread_mutex_t lock; /* guards what follows */
    struct chat_fault_spec fault;
    unsigned latency_ms, token_ms;
    struct chat_server_stats stats;
};

#define COUNT(server, field)                                                                       \
    do {                                                                                           \
        pthread_mutex_lock(&(server)->lock);                                                       \
        (server)->stats.field++;                                                                   \
        pthread_mutex_unlock(&(server)->lock);                                                     \
    } while (0)

static void conn_close(struct conn *conn)
{
    conn->closing = true;
}

/* Streams. */

static struct stream *stream_create(struct conn *conn, int32_t id)
{
    struct stream *stream = mem_calloc(1, sizeof *stream);
    stream->conn = conn;
    stream->id = id;
    stream->due_us = INT64_MAX;
    buf_init(&stream->body, 1 << 20);
    stream->next = &conn->streams;
    stream->prev = conn->streams.prev;
    stream->prev->next = stream->next->prev = stream;
    unsigned open = ++conn->open_streams;
    pthread_mutex_lock(&conn->server->lock);
    if (open > conn->server->stats.streams_peak)
        conn->server->stats.streams_peak = open;
    pthread_mutex_unlock(&conn->server->lock);
    return stream;
}

static void stream_destroy(struct stream *stream)
{
    stream->prev->next = stream->next;
    stream->next->prev = stream->prev;
    stream->conn->open_streams--;
    buf_deinit(&stream->body);
    chat_answer_deinit(&stream->answer);
    mem_free(stream);
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *out, size_t room,
                       uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    struct stream *stream = source->ptr;
    size_t ready = stream->released - stream->sent;
    if (stream->fault.fault == FAULT_SLOW_BYTE && ready > 1)
        ready = 1;
    size_t len = ready < room ? ready : room;
    if (len > 0)
        memcpy(out, stream->answer.body.data + stream->sent, len);
    stream->sent += len;
    if (stream->whole && stream->sent == stream->released) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)len;
    }
    if (len > 0)
        return (ssize_t)len;
    stream->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
}

static nghttp2_nv header(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), 0};
}

static void stream_headers(struct stream *stream)
{
    char status[16], after[16], limit[16];
    snprintf(status, sizeof status, "%d", stream->answer.status);
    nghttp2_nv headers[5] = {header(":status", status),
                             header("content-type", stream->answer.content_type)};
    size_t count = 2;
    if (stream->answer.retry_after_s > 0) {
        snprintf(after, sizeof after, "%u", stream->answer.retry_after_s);
        headers[count++] = header("retry-after", after);
    }
    if (stream->conn->server->config.requests_limit > 0) {
        snprintf(limit, sizeof limit, "%u", stream->conn->server->config.requests_limit);
        headers[count++] = header("x-ratelimit-limit-requests", limit);
    }
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = on_read};
    nghttp2_submit_response(stream->conn->session, stream->id, headers, count, &provider);
    stream->responded = true;
}

/* Lets the next piece go; what remains and when depends on the fault. */
static void stream_release(struct stream *stream, unsigned token_ms, int64_t now_us)
{
    struct chat_answer *answer = &stream->answer;
    enum chat_fault fault = stream->fault.fault;
    if (fault == FAULT_SLOW_BYTE) {
        stream->released += stream->released < answer->body.len;
        stream->due_us = now_us + SLOW_BYTE_MS * 1000;
    } else if (token_ms > 0 && stream->piece < answer->pieces_len) {
        stream->released = answer->pieces[stream->piece++];
        stream->due_us = now_us + (int64_t)token_ms * 1000;
    } else {
        stream->released = answer->body.len;
    }
    if ((fault == FAULT_HALF || fault == FAULT_STALL) && stream->released > answer->body.len / 2) {
        stream->released = answer->body.len / 2;
        stream->whole = fault == FAULT_HALF;
        stream->due_us = INT64_MAX;
    } else if (stream->released == answer->body.len) {
        stream->whole = true;
        stream->due_us = INT64_MAX;
    }
    if (!stream->responded)
        stream_headers(stream);
    else if (stream->deferred)
        nghttp2_session_resume_data(stream->conn->session, stream->id);
    stream->deferred = false;
}

/* This stream and later ones are refused, earlier ones go on. */
static void stream_goaway(struct stream *stream)
{
    struct conn *conn = stream->conn;
    if (conn->last_good >= stream->id)
        conn->last_good = stream->id - 2 > 0 ? stream->id - 2 : 0;
    nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE, conn->last_good, NGHTTP2_NO_ERROR, NULL,
                          0);
    COUNT(conn->server, goaways);
}

static void stream_act(struct stream *stream, int64_t now_us)
{
    struct chat_server *server = stream->conn->server;
    nghttp2_session *session = stream->conn->session;
    pthread_mutex_lock(&server->lock);
    unsigned token_ms = server->token_ms;
    pthread_mutex_unlock(&server->lock);
    stream->due_us = INT64_MAX;
    switch (stream->fault.fault) {
    case FAULT_RST:
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_INTERNAL_ERROR);
        break;
    case FAULT_REFUSED:
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_REFUSED_STREAM);
        break;
    case FAULT_GOAWAY: stream_goaway(stream); break;
    case FAULT_DROP: conn_close(stream->conn); break;
    case FAULT_SILENT: break;
    default: stream_release(stream, token_ms, now_us); break;
    }
}

/* Requests. */

static void answer_text(struct stream *stream, int status, char *json)
{
    stream->answer = (struct chat_answer){.status = status, .content_type = "application/json"};
    buf_init(&stream->answer.body, 1 << 16);
    buf_puts(&stream->answer.body, json);
    free(json);
    stream_release(stream, 0, clock_mono_us());
}

static char *stats_json(struct chat_server *server)
{
    struct chat_server_stats s;
    chat_server_stats(server, &s);
    json_t *root =
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "connections", (json_int_t)s.connections,
                  "open", (json_int_t)s.open, "handshakes", (json_int_t)s.handshakes, "requests",
                  (json_int_t)s.requests, "models", (json_int_t)s.models, "answered",
                  (json_int_t)s.answered, "resets", (json_int_t)s.resets, "goaways",
                  (json_int_t)s.goaways, "streams_peak", (json_int_t)s.streams_peak);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

static int control(struct chat_server *server, const struct buf *body)
{
    json_t *root = json_loadb(body->data != NULL ? body->data : "", body->len, 0, NULL);
    const char *fault = json_string_value(json_object_get(root, "fault"));
    const json_t *latency = json_object_get(root, "latency_ms"),
                 *token = json_object_get(root, "token_ms");
    int status = json_is_object(root) ? STATUS_OK : STATUS_INVALID;
    if (fault != NULL && status == STATUS_OK)
        status = chat_server_set_fault(server, fault);
    if (status == STATUS_OK && (latency != NULL || token != NULL)) {
        pthread_mutex_lock(&server->lock);
        if (latency != NULL)
            server->latency_ms = (unsigned)json_integer_value(latency);
        if (token != NULL)
            server->token_ms = (unsigned)json_integer_value(token);
        pthread_mutex_unlock(&server->lock);
    }
    json_decref(root);
    return status;
}

/* Draws this request's fault, and counts the request. */
static void fault_draw(struct chat_server *server, struct chat_fault_spec *out,
                       unsigned *latency_ms)
{
    pthread_mutex_lock(&server->lock);
    server->stats.requests++;
    *latency_ms = server->latency_ms;
    *out = server->fault;
    bool hit = server->fault.count != 0 && rng_unit(&server->rng) < server->fault.probability;
    if (hit && server->fault.count > 0)
        server->fault.count--;
    pthread_mutex_unlock(&server->lock);
    if (!hit)
        *out = (struct chat_fault_spec){.fault = FAULT_NONE};
}

static void stream_chat(struct stream *stream)
{
    struct chat_server *server = stream->conn->server;
    unsigned latency_ms;
    fault_draw(server, &stream->fault, &latency_ms);
    char bearer[192];
    snprintf(bearer, sizeof bearer, "Bearer %s", server->key);
    if (server->key[0] != '\0' && strcmp(bearer, stream->authorization) != 0) {
        answer_text(stream, 401,
                    strdup("{\"error\":{\"message\":\"bad key\",\"type\":"
                           "\"invalid_request_error\",\"code\":\"invalid_api_key\"}}"));
        return;
    }
    chat_answer_make(stream->body.data, stream->body.len, &stream->fault, &stream->answer);
    stream->due_us = clock_mono_us() + (int64_t)latency_ms * 1000;
    if (latency_ms == 0)
        stream_act(stream, stream->due_us);
}

static void stream_request(struct stream *stream)
{
    struct chat_server *server = stream->conn->server;
    bool post = strcmp(stream->method, "POST") == 0;
    const char *path = stream->path, *slash = strrchr(path, '/');
    if (post && strstr(path, "/chat/completions") != NULL) {
        stream_chat(stream);
    } else if (!post && slash != NULL && strcmp(slash, "/models") == 0) {
        COUNT(server, models);
        answer_text(stream, 200, strdup("{\"object\":\"list\",\"data\":[]}"));
    } else if (!post && strcmp(path, "/stats") == 0) {
        answer_text(stream, 200, stats_json(server));
    } else if (post && strcmp(path, "/control") == 0) {
        bool ok = control(server, &stream->body) == STATUS_OK;
        answer_text(stream, ok ? 200 : 400, strdup(ok ? "{}" : "{\"error\":\"no such fault\"}"));
    } else {
        answer_text(stream, 404, strdup("{\"error\":\"not found\"}"));
    }
}

/* nghttp2's callbacks. */

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        nghttp2_session_set_stream_user_data(session, frame->hd.stream_id,
                                             stream_create(ctx, frame->hd.stream_id));
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *ctx)
{
    struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream == NULL)
        return 0;
    const char *text = (const char *)value;
    if (strcmp((const char *)name, ":method") == 0)
        snprintf(stream->method, sizeof stream->method, "%s", text);
    else if (strcmp((const char *)name, ":path") == 0)
        snprintf(stream->path, sizeof stream->path, "%s", text);
    else if (strcmp((const char *)name, "authorization") == 0)
        snprintf(stream->authorization, sizeof stream->authorization, "%s", text);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t len, void *ctx)
{
    struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
    if (stream != NULL)
        buf_append(&stream->body, bytes, len);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct conn *conn = ctx;
    /* Not those for streams that have ended: libcurl 7.88 sends one after many a whole answer. */
    if (frame->hd.type == NGHTTP2_RST_STREAM &&
        nghttp2_session_get_stream_user_data(session, frame->hd.stream_id) != NULL)
        COUNT(conn->server, resets);
    if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        if (frame->hd.stream_id > conn->last_good && conn->last_good != INT32_MAX)
            return 0; /* refused by a GOAWAY */
        stream_request(stream);
    }
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
    struct conn *conn = ctx;
    struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
    if (stream == NULL)
        return 0;
    if (code == NGHTTP2_NO_ERROR && stream->whole)
        COUNT(conn->server, answered);
    stream_destroy(stream);
    return 0;
}

/* Connections. */

static void conn_destroy(struct conn *conn)
{
    nghttp2_session_del(conn->session);
    while (conn->streams.next != &conn->streams)
        stream_destroy(conn->streams.next);
    SSL_free(conn->ssl);
    buf_deinit(&conn->out);
    close(conn->fd);
    pthread_mutex_lock(&conn->server->lock);
    conn->server->stats.open--;
    pthread_mutex_unlock(&conn->server->lock);
    mem_free(conn);
}

static void conn_accept(struct chat_server *server)
{
    int fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    unsigned slot = 0;
    while (slot < CONNS_MAX && server->conns[slot] != NULL)
        slot++;
    if (slot == CONNS_MAX || atomic_load(&server->deaf)) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct conn *conn = mem_calloc(1, sizeof *conn);
    *conn = (struct conn){.server = server, .fd = fd, .last_good = INT32_MAX};
    conn->streams.prev = conn->streams.next = &conn->streams;
    buf_init(&conn->out, 1 << 24);
    conn->ssl = SSL_new(server->tls);
    SSL_set_fd(conn->ssl, fd);
    SSL_set_accept_state(conn->ssl);
    nghttp2_session_server_new(&conn->session, server->callbacks, conn);
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, server->config.streams_max}};
    nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, settings, 1);
    server->conns[slot] = conn;
    pthread_mutex_lock(&server->lock);
    server->stats.connections++;
    server->stats.open++;
    pthread_mutex_unlock(&server->lock);
}

/* The result of a TLS call that did not finish: wait, or the end. */
static void conn_tls_result(struct conn *conn, int result)
{
    int error = SSL_get_error(conn->ssl, result);
    if (error == SSL_ERROR_WANT_WRITE)
        conn->want_write = true;
    else if (error != SSL_ERROR_WANT_READ)
        conn_close(conn);
}

static void conn_read(struct conn *conn)
{
    uint8_t bytes[16384];
    while (!conn->closing) {
        int len = SSL_read(conn->ssl, bytes, sizeof bytes);
        if (len <= 0) {
            conn_tls_result(conn, len);
            return;
        }
        if (nghttp2_session_mem_recv(conn->session, bytes, (size_t)len) < 0)
            conn_close(conn);
    }
}

static void conn_write(struct conn *conn)
{
    conn->want_write = false;
    while (!conn->closing) {
        const uint8_t *bytes;
        ssize_t made = 0;
        while (conn->out.len < OUT_SOFT_MAX &&
               (made = nghttp2_session_mem_send(conn->session, &bytes)) > 0)
            buf_append(&conn->out, bytes, (size_t)made);
        if (made < 0)
            conn_close(conn);
        if (conn->out.len == 0)
            break;
        int len = SSL_write(conn->ssl, conn->out.data, (int)conn->out.len);
        if (len <= 0) {
            conn_tls_result(conn, len);
            return;
        }
        buf_consume(&conn->out, (size_t)len);
    }
    if (!nghttp2_session_want_read(conn->session) && !nghttp2_session_want_write(conn->session))
        conn_close(conn);
}

static void conn_run(struct conn *conn, int64_t now_us)
{
    ERR_clear_error();
    if (!conn->shaken) {
        int result = SSL_do_handshake(conn->ssl);
        if (result != 1) {
            conn->want_write = false;
            conn_tls_result(conn, result);
            return;
        }
        conn->shaken = true;
        COUNT(conn->server, handshakes);
    }
    conn_read(conn);
    for (struct stream *stream = conn->streams.next; stream != &conn->streams;
         stream = stream->next)
        if (stream->due_us <= now_us)
            stream_act(stream, now_us);
    conn_write(conn);
    /* After a GOAWAY the connection ends with its last answer. */
    if (conn->last_good != INT32_MAX && conn->out.len == 0) {
        bool busy = false;
        for (struct stream *stream = conn->streams.next; stream != &conn->streams;
             stream = stream->next)
            busy = busy || stream->id <= conn->last_good;
        if (!busy)
            conn_close(conn);
    }
}

/* The server. */

static int64_t conn_due(const struct conn *conn)
{
    int64_t due_us = INT64_MAX;
    for (const struct stream *s = conn->streams.next; s != &conn->streams; s = s->next)
        due_us = s->due_us < due_us ? s->due_us : due_us;
    return due_us;
}

void chat_server_run(struct chat_server *server)
{
    struct pollfd fds[CONNS_MAX + 2];
    while (!atomic_load(&server->stop)) {
        fds[0] = (struct pollfd){.fd = server->listen_fd, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = server->wake_fd, .events = POLLIN};
        int64_t due_us = INT64_MAX, now_us = clock_mono_us();
        for (unsigned i = 0; i < CONNS_MAX; i++) {
            const struct conn *conn = server->conns[i];
            fds[i + 2] = (struct pollfd){.fd = -1};
            if (conn == NULL)
                continue;
            fds[i + 2].fd = conn->fd;
            fds[i + 2].events = (short)(POLLIN | (conn->want_write ? POLLOUT : 0));
            int64_t conn_us = conn_due(conn);
            due_us = conn_us < due_us ? conn_us : due_us;
        }
        int64_t wait_us = due_us == INT64_MAX ? -1 : due_us > now_us ? due_us - now_us : 0;
        struct timespec wait = {wait_us / 1000000, wait_us % 1000000 * 1000};
        if (ppoll(fds, CONNS_MAX + 2, wait_us < 0 ? NULL : &wait, NULL) < 0 && errno != EINTR)
            return;
        now_us = clock_mono_us();
        for (unsigned i = 0; i < CONNS_MAX; i++) {
            struct conn *conn = server->conns[i];
            if (conn != NULL && (fds[i + 2].revents != 0 || conn_due(conn) <= now_us))
                conn_run(conn, now_us);
            if (conn != NULL && conn->closing) {
                conn_destroy(conn);
                server->conns[i] = NULL;
            }
        }
        if (fds[0].revents != 0)
            conn_accept(server);
    }
}

void chat_server_stop(struct chat_server *server)
{
    atomic_store(&server->stop, true);
    eventfd_write(server->wake_fd, 1);
}

int chat_server_set_fault(struct chat_server *server, const char *fault)
{
    struct chat_fault_spec spec;
    int status = chat_fault_parse(fault, &spec);
    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&server->lock);
    server->fault = spec;
    pthread_mutex_unlock(&server->lock);
    return STATUS_OK;
}

void chat_server_set_latency(struct chat_server *server, unsigned latency_ms, unsigned token_ms)
{
    pthread_mutex_lock(&server->lock);
    server->latency_ms = latency_ms;
    server->token_ms = token_ms;
    pthread_mutex_unlock(&server->lock);
}

void chat_server_accept(struct chat_server *server, bool accept)
{
    atomic_store(&server->deaf, !accept);
}

void chat_server_stats(struct chat_server *server, struct chat_server_stats *out)
{
    pthread_mutex_lock(&server->lock);
    *out = server->stats;
    pthread_mutex_unlock(&server->lock);
}

uint16_t chat_server_port(const struct chat_server *server)
{
    return server->port;
}

static int server_listen(struct chat_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(server->config.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    server->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(server->listen_fd, (struct sockaddr *)&address, len) != 0 ||
        listen(server->listen_fd, 128) != 0 ||
        getsockname(server->listen_fd, (struct sockaddr *)&address, &len) != 0) {
        perror("chat server: listen");
        return STATUS_IO;
    }
    server->port = ntohs(address.sin_port);
    return STATUS_OK;
}

static void server_callbacks(struct chat_server *server)
{
    nghttp2_session_callbacks_new(&server->callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(server->callbacks, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(server->callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(server->callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(server->callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(server->callbacks, on_close);
}

int chat_server_create(struct chat_server **out, const struct chat_server_config *config)
{
    struct chat_server *server = mem_calloc(1, sizeof *server);
    server->config = *config;
    server->listen_fd = server->wake_fd = -1;
    if (server->config.streams_max == 0)
        server->config.streams_max = 100;
    server->latency_ms = config->latency_ms;
    server->token_ms = config->token_ms;
    if (config->key != NULL)
        snprintf(server->key, sizeof server->key, "%s", config->key);
    rng_init(&server->rng, config->seed);
    pthread_mutex_init(&server->lock, NULL);
    server_callbacks(server);
    int status = chat_fault_parse(config->fault != NULL ? config->fault : "none", &server->fault);
    if (status == STATUS_OK)
        status = server_listen(server);
    if (status == STATUS_OK)
        status = chat_tls_create(&server->tls, config->cert, config->cert_file);
    server->config.cert = NULL;
    server->config.cert_file = server->config.key = server->config.fault = NULL;
    if (status != STATUS_OK) {
        chat_server_destroy(server);
        return status;
    }
    *out = server;
    return STATUS_OK;
}

void chat_server_destroy(struct chat_server *server)
{
    for (unsigned i = 0; i < CONNS_MAX; i++)
        if (server->conns[i] != NULL)
            conn_destroy(server->conns[i]);
    nghttp2_session_callbacks_del(server->callbacks);
    SSL_CTX_free(server->tls);
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    if (server->wake_fd >= 0)
        close(server->wake_fd);
    pthread_mutex_destroy(&server->lock);
    mem_free(server);
}
