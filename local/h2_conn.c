#include "base/mem.h"
#include "base/status.h"
#include "local/h2_internal.h"
#include "local/limits.h"
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void h2__conn_touch(struct h2_conn *conn)
{
    conn->dirty = true;
    loop_defer(conn->server->loop, &conn->server->flush);
}

/* -- libnghttp2's callbacks: they record and submit, the connection is flushed after they have
 * returned -- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_conn *conn = ctx;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_stream *stream = h2__stream_create(conn, frame->hd.stream_id);
    if (stream == NULL)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_REFUSED_STREAM);
    else
        nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *ctx)
{
    struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream == NULL || stream->refused != 0 || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    /* Both are free of NUL: libnghttp2 has checked them. */
    buf_append(&stream->head, name, name_len + 1);
    buf_append(&stream->head, value, value_len + 1);
    stream->fields++;
    if (buf_status(&stream->head) != 0 || stream->fields > H2_HEADER_FIELDS)
        stream->refused = 431;
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *bytes,
                   size_t len, void *ctx)
{
    struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, stream_id);
    if (stream == NULL)
        return 0;
    if (stream->refused == 0 && buf_append(&stream->body, bytes, len) != 0)
        stream->refused = 413;
    if (stream->refused == 0)
        return 0;
    /* Reading on for a while lets the peer see the answer instead of a reset. */
    if (!stream->handed)
        h2__stream_hand_over(stream);
    stream->discarded += len;
    if (stream->discarded > H2_DISCARD_MAX)
        h2__stream_reset(stream, NGHTTP2_CANCEL);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream == NULL || stream->handed)
        return 0;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 || stream->refused != 0)
        h2__stream_hand_over(stream);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code,
                           void *ctx)
{
    struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, stream_id);
    if (stream == NULL)
        return 0;
    nghttp2_session_set_stream_user_data(session, stream_id, NULL);
    h2__stream_end(stream, error_code == NGHTTP2_NO_ERROR && stream->ended && stream->out.len == 0);
    return 0;
}

int h2__callbacks_create(nghttp2_session_callbacks **out)
{
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return STATUS_NOMEM;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    *out = callbacks;
    return 0;
}

/* -- the connection -- */

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
    while (conn->streams != NULL)
        h2__stream_end(conn->streams, false);
    nghttp2_session_del(conn->session);
    ERR_clear_error();
    if (conn->ready)
        SSL_shutdown(conn->ssl);
    ERR_clear_error();
    SSL_free(conn->ssl);
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

/* Gathers frames for one TLS write. False: there is nothing to send. */
static bool conn_fill(struct h2_conn *conn)
{
    buf_reset(&conn->out);
    conn->out_at = 0;
    while (conn->out.len < H2_SEND_BYTES) {
        const uint8_t *bytes;
        ssize_t n = nghttp2_session_mem_send(conn->session, &bytes);
        if (n <= 0 || buf_append(&conn->out, bytes, (size_t)n) != 0)
            break;
    }
    return conn->out.len > 0;
}

void h2__conn_flush(struct h2_conn *conn)
{
    conn->dirty = false;
    if (!conn->ready)
        return;
    unsigned events = LOOP_IN;
    while (conn->out_at < conn->out.len || conn_fill(conn)) {
        ERR_clear_error();
        int n = SSL_write(conn->ssl, conn->out.data + conn->out_at,
                          (int)(conn->out.len - conn->out_at));
        if (n > 0) {
            conn->out_at += (size_t)n;
            conn->active_us = loop_now_us(conn->server->loop);
            continue;
        }
        if (SSL_get_error(conn->ssl, n) != SSL_ERROR_WANT_WRITE) {
            h2__conn_close(conn);
            return;
        }
        /* A peer that takes nothing is not read either: what its frames cause cannot pile up. */
        events = LOOP_OUT;
        break;
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

static int conn_session(struct h2_conn *conn)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_CONN_STREAMS},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADERS_MAX},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
    };
    if (nghttp2_session_server_new(&conn->session, conn->server->callbacks, conn) != 0)
        return STATUS_NOMEM;
    return nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, settings,
                                   sizeof settings / sizeof settings[0]) == 0
               ? 0
               : STATUS_NOMEM;
}

/* 0 when done or under way. */
static int conn_handshake(struct h2_conn *conn)
{
    ERR_clear_error();
    int n = SSL_do_handshake(conn->ssl);
    if (n == 1) {
        const unsigned char *alpn;
        unsigned alpn_len;
        SSL_get0_alpn_selected(conn->ssl, &alpn, &alpn_len);
        if (alpn_len != 2 || memcmp(alpn, "h2", 2) != 0)
            return STATUS_PROTOCOL;
        conn->ready = true;
        return conn_session(conn);
    }
    int error = SSL_get_error(conn->ssl, n);
    unsigned events = error == SSL_ERROR_WANT_WRITE ? LOOP_OUT : LOOP_IN;
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        return STATUS_PROTOCOL;
    if (conn->poll.events != events)
        loop_poll_modify(&conn->poll, events);
    return 0;
}

/* One SSL_read takes a whole record, so what is left unread shows as readiness of the socket. */
static int conn_read(struct h2_conn *conn)
{
    static _Thread_local uint8_t bytes[SSL3_RT_MAX_PLAIN_LENGTH];
    for (unsigned i = 0; i < H2_READS_A_TURN; i++) {
        ERR_clear_error();
        int n = SSL_read(conn->ssl, bytes, sizeof bytes);
        if (n <= 0) {
            int error = SSL_get_error(conn->ssl, n);
            bool wait = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
            return wait ? 0 : STATUS_CLOSED;
        }
        conn->active_us = loop_now_us(conn->server->loop);
        if (nghttp2_session_mem_recv(conn->session, bytes, (size_t)n) < 0)
            return STATUS_PROTOCOL;
    }
    return 0;
}

static void conn_on_ready(struct loop_poll *poll, unsigned events)
{
    struct h2_conn *conn = (struct h2_conn *)poll;
    int status = 0;
    if (!conn->ready) {
        status = conn_handshake(conn);
        if (status != 0)
            conn->server->stats.tls_failed++;
    }
    if (status == 0 && conn->ready && (events & (LOOP_IN | LOOP_ERR)) != 0)
        status = conn_read(conn);
    if (status != 0)
        h2__conn_close(conn);
    else
        h2__conn_flush(conn);
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
    conn->ssl = SSL_new(server->tls);
    if (conn->ssl == NULL || SSL_set_fd(conn->ssl, fd) != 1 ||
        loop_poll_start(server->loop, &conn->poll, fd, LOOP_IN, conn_on_ready) != 0) {
        SSL_free(conn->ssl);
        mem_free(conn);
        close(fd);
        return;
    }
    SSL_set_accept_state(conn->ssl);
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
