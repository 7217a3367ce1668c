#include "local/h2_server.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/status.h"
#include "local/h2_internal.h"
#include "local/limits.h"
#include "local/tls_cert.h"
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SWEEP_US 1000000

enum { MSG_ANSWER, MSG_WRITE, MSG_RESET };

/* An answer on its way to the loop, its strings behind it in the same block. */
struct h2_msg {
    struct msg msg; /* msg.session is the request's id */
    unsigned status;
    uint32_t error_code;
    bool last;
    size_t headers_len;
    struct h2_header headers[H2_ANSWER_HEADERS];
    size_t body_len;
    char bytes[];
};

static void h2_msg_free(struct msg *msg)
{
    mem_free(msg);
}

static void stream_failed(struct h2_stream *stream, int status)
{
    if (status != 0) {
        LOG_WARN(LOG_LOCAL, stream->id, "answer not sent", "status=%s", status_name(status));
        stream->failed = true;
        h2__stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
    }
}

static void server_on_msg(struct loop_inbox *inbox, struct msg *msg)
{
    struct h2_server *server =
        (struct h2_server *)((char *)inbox - offsetof(struct h2_server, inbox));
    struct h2_msg *m = (struct h2_msg *)msg;
    struct h2_stream *stream = h2__stream_find(server, msg->session);
    if (stream != NULL && stream->failed)
        stream = NULL;
    if (stream != NULL && msg->kind == MSG_ANSWER) {
        struct h2_answer answer = {.status = m->status,
                                   .headers = m->headers,
                                   .headers_len = m->headers_len,
                                   .body = m->bytes,
                                   .body_len = m->body_len,
                                   .more = !m->last};
        stream_failed(stream, h2__stream_answer(stream, &answer));
    } else if (stream != NULL && msg->kind == MSG_WRITE) {
        stream_failed(stream, h2__stream_write(stream, m->bytes, m->body_len, m->last));
    } else if (stream != NULL) {
        h2__stream_reset(stream, m->error_code);
    }
    h2_msg_free(msg);
}

static struct h2_msg *msg_create(uint32_t kind, uint64_t id, size_t bytes)
{
    struct h2_msg *m = mem_calloc(1, sizeof *m + bytes);
    if (m != NULL)
        m->msg = (struct msg){.kind = kind, .session = id, .free_fn = h2_msg_free};
    return m;
}

static int msg_send(struct h2_server *server, struct h2_msg *m)
{
    int status = mailbox_send(server->inbox.mailbox, &m->msg);
    if (status != 0)
        h2_msg_free(&m->msg);
    return status;
}

static const char *put_string(char **at, const char *text)
{
    size_t len = strlen(text) + 1;
    memcpy(*at, text, len);
    *at += len;
    return *at - len;
}

int h2_server_answer(struct h2_server *server, uint64_t id, const struct h2_answer *answer)
{
    assert(answer->headers_len <= H2_ANSWER_HEADERS && answer->status >= 200);
    size_t bytes = answer->body_len;
    for (size_t i = 0; i < answer->headers_len; i++)
        bytes += strlen(answer->headers[i].name) + strlen(answer->headers[i].value) + 2;
    struct h2_msg *m = msg_create(MSG_ANSWER, id, bytes);
    if (m == NULL)
        return STATUS_NOMEM;
    m->status = answer->status;
    m->last = !answer->more;
    m->body_len = answer->body_len;
    if (answer->body_len > 0)
        memcpy(m->bytes, answer->body, answer->body_len);
    char *at = m->bytes + answer->body_len;
    m->headers_len = answer->headers_len;
    for (size_t i = 0; i < answer->headers_len; i++) {
        m->headers[i].name = put_string(&at, answer->headers[i].name);
        m->headers[i].value = put_string(&at, answer->headers[i].value);
    }
    return msg_send(server, m);
}

int h2_server_write(struct h2_server *server, uint64_t id, const void *bytes, size_t len, bool end)
{
    struct h2_msg *m = msg_create(MSG_WRITE, id, len);
    if (m == NULL)
        return STATUS_NOMEM;
    m->last = end;
    m->body_len = len;
    if (len > 0)
        memcpy(m->bytes, bytes, len);
    return msg_send(server, m);
}

int h2_server_reset(struct h2_server *server, uint64_t id, uint32_t error_code)
{
    struct h2_msg *m = msg_create(MSG_RESET, id, 0);
    if (m == NULL)
        return STATUS_NOMEM;
    m->error_code = error_code;
    return msg_send(server, m);
}

bool h2_server_alive(const struct h2_server *server, uint64_t id)
{
    uint32_t slot = (uint32_t)id;
    return slot < server->config.streams_max && server->generation[slot] == (uint32_t)(id >> 32);
}

const char *h2_request_header(const struct h2_request *request, const char *name)
{
    for (size_t i = 0; i < request->headers_len; i++) {
        if (strcmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    }
    return NULL;
}

static void server_flush(struct loop_task *task)
{
    struct h2_server *server =
        (struct h2_server *)((char *)task - offsetof(struct h2_server, flush));
    struct h2_conn *next;
    for (struct h2_conn *conn = server->conns; conn != NULL; conn = next) {
        next = conn->next;
        if (conn->dirty)
            h2__conn_flush(conn);
    }
    h2__server_maybe_closed(server);
}

static void server_sweep(struct loop_timer *timer)
{
    struct h2_server *server =
        (struct h2_server *)((char *)timer - offsetof(struct h2_server, sweep));
    int64_t now_us = loop_now_us(server->loop);
    struct h2_conn *next;
    for (struct h2_conn *conn = server->conns; conn != NULL; conn = next) {
        next = conn->next;
        h2__conn_sweep(conn, now_us);
    }
    loop_timer_start(server->loop, timer, now_us + SWEEP_US, server_sweep);
}

static void server_on_accept(struct loop_accept *accept, int fd)
{
    struct h2_server *server =
        (struct h2_server *)((char *)accept - offsetof(struct h2_server, accept));
    if (server->closing || server->polls_open >= server->config.connections_max) {
        server->stats.connections_refused++;
        close(fd);
        return;
    }
    h2__conn_open(server, fd);
}

static int address_parse(const char *host, unsigned port, struct sockaddr_storage *out,
                         socklen_t *len)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof *out);
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (port > 65535)
        return STATUS_INVALID;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *len = sizeof *v4;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        *len = sizeof *v6;
        return 0;
    }
    return STATUS_INVALID;
}

static int server_listen(struct h2_server *server)
{
    struct sockaddr_storage address;
    socklen_t len;
    int on = 1;
    int status = address_parse(server->config.host, server->config.port, &address, &len);
    if (status != 0)
        return status;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return STATUS_IO;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    len = address.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        close(fd);
        return STATUS_IO;
    }
    server->listen_fd = fd;
    server->port =
        ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                           : ((struct sockaddr_in6 *)&address)->sin6_port);
    return 0;
}

static void server_free(struct h2_server *server)
{
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    nghttp2_session_callbacks_del(server->callbacks);
    SSL_CTX_free(server->tls);
    mem_free(server->slots);
    mem_free((void *)server->generation);
    mem_free(server->free_slots);
    mem_free(server);
}

static int server_slots(struct h2_server *server)
{
    uint32_t len = server->config.streams_max;
    server->slots = mem_calloc(len, sizeof *server->slots);
    server->generation = mem_calloc(len, sizeof *server->generation);
    server->free_slots = mem_calloc(len, sizeof *server->free_slots);
    if (server->slots == NULL || server->generation == NULL || server->free_slots == NULL)
        return STATUS_NOMEM;
    for (uint32_t i = 0; i < len; i++) {
        server->generation[i] = 1;
        server->free_slots[i] = len - 1 - i;
    }
    server->free_len = len;
    return 0;
}

static void config_defaults(struct h2_server_config *config)
{
    if (config->connections_max == 0)
        config->connections_max = H2_CONNECTIONS_MAX;
    if (config->streams_max == 0)
        config->streams_max = H2_STREAMS_MAX;
    if (config->body_max == 0)
        config->body_max = H2_BODY_MAX;
    if (config->handshake_ms == 0)
        config->handshake_ms = H2_HANDSHAKE_MS;
    if (config->idle_ms == 0)
        config->idle_ms = H2_IDLE_MS;
}

int h2_server_open(struct h2_server **out, struct loop *loop, const struct h2_server_config *config)
{
    assert(out != NULL && loop != NULL && config->ops.on_request != NULL);
    struct h2_server *server = mem_calloc(1, sizeof *server);
    if (server == NULL)
        return STATUS_NOMEM;
    server->loop = loop;
    server->listen_fd = -1;
    server->config = *config;
    server->flush.run = server_flush;
    config_defaults(&server->config);
    int status = server_slots(server);
    if (status == 0)
        status = h2__callbacks_create(&server->callbacks);
    if (status == 0)
        status = server_listen(server);
    if (status == 0)
        status = tls_cert_context(&server->tls, config->cert_dir);
    if (status == 0)
        status =
            loop_inbox_open(loop, &server->inbox, 2 * server->config.streams_max, server_on_msg);
    if (status != 0) {
        server_free(server);
        return status;
    }
    status = loop_timer_start(loop, &server->sweep, loop_now_us(loop) + SWEEP_US, server_sweep);
    if (status == 0)
        status = loop_accept_start(loop, &server->accept, server->listen_fd, server_on_accept);
    if (status != 0) {
        loop_timer_stop(&server->sweep);
        loop_inbox_close(&server->inbox);
        server_free(server);
        return status;
    }
    server->config.host = server->config.cert_dir = NULL;
    *out = server;
    return 0;
}

unsigned h2_server_port(const struct h2_server *server)
{
    return server->port;
}

static void server_accept_closed(struct loop_accept *accept)
{
    struct h2_server *server =
        (struct h2_server *)((char *)accept - offsetof(struct h2_server, accept));
    server->accept_closed = true;
    h2__server_maybe_closed(server);
}

void h2__server_maybe_closed(struct h2_server *server)
{
    if (!server->closing || !server->accept_closed || server->polls_open > 0 ||
        server->flush.queued)
        return;
    void (*on_closed)(void *ctx) = server->on_closed;
    void *ctx = server->closed_ctx;
    loop_inbox_close(&server->inbox);
    server_free(server);
    if (on_closed != NULL)
        on_closed(ctx);
}

void h2_server_close(struct h2_server *server, void (*on_closed)(void *ctx), void *ctx)
{
    assert(!server->closing);
    server->closing = true;
    server->on_closed = on_closed;
    server->closed_ctx = ctx;
    loop_timer_stop(&server->sweep);
    while (server->conns != NULL) {
        struct h2_conn *conn = server->conns;
        if (conn->ready) {
            nghttp2_session_terminate_session(conn->session, NGHTTP2_NO_ERROR);
            h2__conn_flush(conn);
        }
        if (server->conns == conn)
            h2__conn_close(conn);
    }
    loop_accept_close(&server->accept, server_accept_closed);
}

void h2_server_stats(const struct h2_server *server, struct h2_server_stats *out)
{
    *out = server->stats;
}
