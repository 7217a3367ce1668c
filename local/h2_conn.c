#include "base/mem.h"
#include "base/status.h"
#include "local/h2_internal.h"
#include "local/limits.h"
#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl3.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void h2__conn_touch(struct h2_conn *conn)
{
    struct h2_server *server = conn->server;
    if (conn->dirty_at != NULL || conn->closing)
        return;
    conn->dirty_next = server->dirty;
    conn->dirty_at = &server->dirty;
    if (conn->dirty_next != NULL)
        conn->dirty_next->dirty_at = &conn->dirty_next;
    server->dirty = conn;
    loop_defer(server->loop, &server->flush);
}

static void conn_untouch(struct h2_conn *conn)
{
    if (conn->dirty_at == NULL)
        return;
    *conn->dirty_at = conn->dirty_next;
    if (conn->dirty_next != NULL)
        conn->dirty_next->dirty_at = conn->dirty_at;
    conn->dirty_at = NULL;
}

static void conn_poll_closed(struct loop_poll *poll)
{
    struct h2_conn *conn = (struct h2_conn *)poll;
    struct h2_server *server = conn->server;
    mem_free(conn);
    server->polls_open--;
    h2__server_maybe_closed(server);
}

void h2__conn_close(struct h2_conn *conn)
{
    struct h2_server *server = conn->server;
    assert(!conn->closing);
    conn->closing = true;
    conn_untouch(conn);
    while (conn->streams != NULL)
        h2__stream_end(conn->streams, false);
    nghttp2_session_del(conn->session);
    h2__io_close(conn);
    /* A socket that must not linger is reset. */
    const struct linger at_once = {.l_onoff = 1};
    if (conn->cut == H2_CUT_RESET)
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    buf_deinit(&conn->out);
    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        server->conns = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    server->stats.connections_open--;
    int fd = conn->fd;
    loop_poll_close(&conn->poll, conn_poll_closed);
    close(fd);
}

/* Gathers frames for one write. False: there is nothing to send. */
static bool conn_fill(struct h2_conn *conn)
{
    const size_t enough = conn->ssl != NULL ? H2_SEND_BYTES : H2_SEND_PLAIN_BYTES;
    buf_reset(&conn->out);
    conn->out_at = 0;
    while (conn->out.len < enough) {
        const uint8_t *bytes;
        ssize_t n = nghttp2_session_mem_send(conn->session, &bytes);
        if (n <= 0 || buf_append(&conn->out, bytes, (size_t)n) != 0)
            break;
    }
    return conn->out.len > 0;
}

void h2__conn_flush(struct h2_conn *conn)
{
    conn_untouch(conn);
    if (conn->cut != H2_CUT_NONE) {
        h2__conn_close(conn);
        return;
    }
    if (conn->frozen && conn->poll.events != 0)
        loop_poll_modify(&conn->poll, 0);
    if (!conn->ready || conn->frozen)
        return;
    unsigned events = LOOP_IN;
    while (conn->out_at < conn->out.len || conn_fill(conn)) {
        ssize_t n = h2__io_write(conn, conn->out.data + conn->out_at, conn->out.len - conn->out_at);
        if (n == STATUS_CLOSED) {
            h2__conn_close(conn);
            return;
        }
        if (n == STATUS_AGAIN) {
            /* A peer that takes nothing is not read either: what its frames cause cannot pile up.
             */
            events = LOOP_OUT;
            break;
        }
        conn->out_at += (size_t)n;
        conn->active_us = loop_now_us(conn->server->loop);
    }
    if (buf_status(&conn->out) != 0 ||
        (events == LOOP_IN && !nghttp2_session_want_read(conn->session) &&
         !nghttp2_session_want_write(conn->session))) {
        h2__conn_close(conn);
        return;
    }
    if (conn->poll.events != events)
        loop_poll_modify(&conn->poll, events);
}

static int conn_read(struct h2_conn *conn)
{
    struct h2_server *server = conn->server;
    const size_t most = conn->ssl != NULL ? SSL3_RT_MAX_PLAIN_LENGTH : H2_READ_BYTES;
    for (unsigned i = 0; i < H2_READS_A_TURN && conn->cut == H2_CUT_NONE; i++) {
        ssize_t n = h2__io_read(conn, server->in, most);
        if (n == STATUS_AGAIN)
            return 0;
        if (n < 0)
            return (int)n;
        conn->active_us = loop_now_us(server->loop);
        if (nghttp2_session_mem_recv(conn->session, server->in, (size_t)n) < 0)
            return STATUS_PROTOCOL;
        /* A socket read to its end saves asking it once more. One SSL_read takes a whole record, so
         * what is left unread there shows as readiness of the socket. */
        if (conn->ssl == NULL && (size_t)n < most)
            return 0;
    }
    return 0;
}

static int conn_handshake(struct h2_conn *conn)
{
    int status = h2__io_handshake(conn);
    if (status == 0) {
        conn->ready = true;
        return h2__session_create(conn);
    }
    if (status == STATUS_AGAIN)
        return 0;
    conn->server->stats.tls_failed++;
    return status;
}

/* Once a turn: its time is the same for all of it. */
static void gather(struct h2_server *server)
{
    int64_t now_us = loop_now_us(server->loop);
    if (server->config.gather_us == 0 || server->gathered_us == now_us)
        return;
    server->gathered_us = now_us;
    nanosleep(&(struct timespec){.tv_nsec = server->config.gather_us * 1000L}, NULL);
}

static void conn_on_ready(struct loop_poll *poll, unsigned events)
{
    struct h2_conn *conn = (struct h2_conn *)poll;
    int status = 0;
    if (conn->frozen) {
        /* A broken socket would be reported again and again. */
        if ((events & LOOP_ERR) != 0)
            h2__conn_close(conn);
        return;
    }
    gather(conn->server);
    if (!conn->ready)
        status = conn_handshake(conn);
    if (status == 0 && conn->ready && (events & (LOOP_IN | LOOP_ERR)) != 0)
        status = conn_read(conn);
    /* What this turn's other work has to send goes out together with what this read caused. */
    if (status != 0)
        h2__conn_close(conn);
    else
        h2__conn_touch(conn);
}

void h2__conn_open(struct h2_server *server, int fd)
{
    _Static_assert(offsetof(struct h2_conn, poll) == 0, "the poll is the connection");
    int on = 1;
    struct h2_conn *conn = mem_calloc(1, sizeof *conn);
    if (conn == NULL) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    conn->server = server;
    conn->fd = fd;
    conn->active_us = loop_now_us(server->loop);
    buf_init(&conn->out, H2_UNSENT_MAX);
    if (h2__io_open(conn) != 0 ||
        loop_poll_start(server->loop, &conn->poll, fd, LOOP_IN, conn_on_ready) != 0) {
        h2__io_close(conn);
        mem_free(conn);
        close(fd);
        return;
    }
    conn->next = server->conns;
    if (conn->next != NULL)
        conn->next->prev = conn;
    server->conns = conn;
    server->polls_open++;
    server->stats.connections++;
    server->stats.connections_open++;
}

void h2__conn_sweep(struct h2_conn *conn, int64_t now_us)
{
    const struct h2_server_config *config = &conn->server->config;
    int64_t quiet_ms = (now_us - conn->active_us) / 1000;
    if (!conn->ready) {
        if (quiet_ms > config->handshake_ms)
            h2__conn_close(conn);
        return;
    }
    bool stuck = conn->out_at < conn->out.len;
    if (quiet_ms > config->idle_ms && stuck) {
        h2__conn_close(conn);
        return;
    }
    if (quiet_ms > config->idle_ms && conn->streams == NULL)
        nghttp2_session_terminate_session(conn->session, NGHTTP2_NO_ERROR);
    for (struct h2_stream *stream = conn->streams; stream != NULL; stream = stream->next) {
        if (!stream->handed && now_us - stream->opened_us > (int64_t)H2_REQUEST_MS * 1000)
            h2__stream_reset(stream, NGHTTP2_CANCEL);
    }
    if (!stuck)
        h2__conn_flush(conn);
}
