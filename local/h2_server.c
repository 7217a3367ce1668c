#include "local/h2_server.h"
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

static void server_flush(struct loop_task *task)
{
    struct h2_server *server =
        (struct h2_server *)((char *)task - offsetof(struct h2_server, flush));
    while (server->dirty != NULL)
        h2__conn_flush(server->dirty);
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
    nghttp2_option_del(server->options);
    mem_free(server->in);
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
    server->in = mem_alloc(H2_READ_BYTES);
    if (server->slots == NULL || server->generation == NULL || server->free_slots == NULL ||
        server->in == NULL)
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
    if (config->conn_streams == 0)
        config->conn_streams = H2_CONN_STREAMS;
    if (config->window_bytes == 0)
        config->window_bytes = NGHTTP2_INITIAL_WINDOW_SIZE;
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
    assert(config->window_bytes <= NGHTTP2_MAX_WINDOW_SIZE);
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
        status = h2__session_setup(server);
    if (status == 0)
        status = server_listen(server);
    if (status == 0 && !config->plaintext)
        status = tls_cert_context(&server->tls, config->cert_dir);
    if (status == 0)
        status = loop_inbox_open(loop, &server->inbox, 2 * server->config.streams_max,
                                 h2__answer_on_msg);
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
