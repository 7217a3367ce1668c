/* A blocking HTTP/2 client, over TLS or plain, for tests of servers: many streams on one
 * connection, bodies in pieces, resets, raw bytes. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define H2_KIT_STREAMS 1200

struct h2_kit_stream {
    int32_t id;
    int status;
    char type[64];
    char retry_after[16];
    char grpc_status[8];
    bool content_length;
    char *body;
    size_t len, frames;
    const char *send;
    size_t send_len, sent;
    bool more, deferred; /* h2_kit_body() follows; the session waits for it */
    bool closed;
    uint32_t error_code;
};

struct h2_kit {
    int fd;
    SSL_CTX *tls;
    SSL *ssl;
    nghttp2_session *session;
    struct h2_kit_stream streams[H2_KIT_STREAMS];
    size_t len, open;
    uint32_t peer_streams_max;
    bool goaway, gone;
    int32_t goaway_last;
    uint32_t goaway_error;
};

static inline struct h2_kit_stream *h2_kit_find(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static inline int h2_kit_on_header(nghttp2_session *session, const nghttp2_frame *frame,
                                   const uint8_t *name, size_t name_len, const uint8_t *value,
                                   size_t value_len, uint8_t flags, void *ctx)
{
    struct h2_kit_stream *stream = h2_kit_find(session, frame->hd.stream_id);
    if (stream == NULL)
        return 0;
    if (strcmp((const char *)name, ":status") == 0)
        stream->status = (int)strtol((const char *)value, NULL, 10);
    if (strcmp((const char *)name, "content-type") == 0)
        snprintf(stream->type, sizeof stream->type, "%s", (const char *)value);
    if (strcmp((const char *)name, "content-length") == 0)
        stream->content_length = true;
    if (strcmp((const char *)name, "grpc-status") == 0)
        snprintf(stream->grpc_status, sizeof stream->grpc_status, "%s", (const char *)value);
    if (strcmp((const char *)name, "retry-after") == 0)
        snprintf(stream->retry_after, sizeof stream->retry_after, "%s", (const char *)value);
    return 0;
}

static inline int h2_kit_on_data(nghttp2_session *session, uint8_t flags, int32_t id,
                                 const uint8_t *bytes, size_t len, void *ctx)
{
    struct h2_kit_stream *stream = h2_kit_find(session, id);
    if (stream == NULL)
        return 0;
    stream->body = realloc(stream->body, stream->len + len + 1);
    memcpy(stream->body + stream->len, bytes, len);
    stream->len += len;
    stream->body[stream->len] = '\0';
    return 0;
}

static inline int h2_kit_on_close(nghttp2_session *session, int32_t id, uint32_t error_code,
                                  void *ctx)
{
    struct h2_kit *kit = ctx;
    struct h2_kit_stream *stream = h2_kit_find(session, id);
    if (stream != NULL && !stream->closed) {
        stream->closed = true;
        stream->error_code = error_code;
        kit->open--;
    }
    return 0;
}

static inline int h2_kit_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_kit *kit = ctx;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        kit->goaway = true;
        kit->goaway_last = frame->goaway.last_stream_id;
        kit->goaway_error = frame->goaway.error_code;
    }
    struct h2_kit_stream *stream = h2_kit_find(session, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_DATA && frame->hd.length > 0 && stream != NULL)
        stream->frames++;
    if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
        kit->peer_streams_max =
            nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return 0;
}

static inline ssize_t h2_kit_read(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t len,
                                  uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    struct h2_kit_stream *stream = source->ptr;
    size_t rest = stream->send_len - stream->sent;
    size_t n = rest < len ? rest : len;
    if (n == 0 && stream->more) {
        stream->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (n > 0)
        memcpy(bytes, stream->send + stream->sent, n);
    stream->sent += n;
    if (n == rest && !stream->more)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static inline int h2_kit_connect(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    struct timeval limit = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return fd;
}

static inline void h2_kit_session(struct h2_kit *kit)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, h2_kit_on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, h2_kit_on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, h2_kit_on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, h2_kit_on_frame);
    nghttp2_session_client_new(&kit->session, callbacks, kit);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(kit->session, 0, NULL, 0);
}

static inline struct h2_kit *h2_kit_open_plain(unsigned port)
{
    struct h2_kit *kit = calloc(1, sizeof *kit);
    int on = 1;
    kit->fd = h2_kit_connect(port);
    setsockopt(kit->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    h2_kit_session(kit);
    return kit;
}

/* Verifies the server's certificate against `ca` for `host`. NULL: refused. */
static inline struct h2_kit *h2_kit_open(unsigned port, const char *ca, const char *host)
{
    static const unsigned char alpn[] = "\x02h2";
    struct h2_kit *kit = calloc(1, sizeof *kit);
    kit->fd = h2_kit_connect(port);
    kit->tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(kit->tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_load_verify_file(kit->tls, ca);
    SSL_CTX_set_alpn_protos(kit->tls, alpn, 3);
    kit->ssl = SSL_new(kit->tls);
    struct in6_addr ip;
    if (inet_pton(AF_INET, host, &ip) == 1 || inet_pton(AF_INET6, host, &ip) == 1)
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(kit->ssl), host);
    else
        SSL_set1_host(kit->ssl, host);
    SSL_set_fd(kit->ssl, kit->fd);
    h2_kit_session(kit);
    int connected;
    do {
        errno = 0;
        connected = SSL_connect(kit->ssl);
    } while (connected != 1 && errno == EINTR);
    if (connected == 1)
        return kit;
    ERR_clear_error();
    nghttp2_session_del(kit->session);
    SSL_free(kit->ssl);
    SSL_CTX_free(kit->tls);
    close(kit->fd);
    free(kit);
    return NULL;
}

static inline void h2_kit_close(struct h2_kit *kit)
{
    nghttp2_session_del(kit->session);
    SSL_free(kit->ssl);
    SSL_CTX_free(kit->tls);
    close(kit->fd);
    for (size_t i = 0; i < kit->len; i++)
        free(kit->streams[i].body);
    free(kit);
}

/* `body` must live until the stream is closed. */
static inline struct h2_kit_stream *h2_kit_request(struct h2_kit *kit, const char *method,
                                                   const char *path, const char *body, size_t len)
{
    if (kit->len == H2_KIT_STREAMS)
        abort();
    struct h2_kit_stream *stream = &kit->streams[kit->len++];
    stream->send = body;
    stream->send_len = len;
#define FIELD(n, v) {(uint8_t *)(n), (uint8_t *)(v), strlen(n), strlen(v), NGHTTP2_NV_FLAG_NONE}
    nghttp2_nv fields[] = {FIELD(":method", method), FIELD(":scheme", "https"),
                           FIELD(":authority", "localhost"), FIELD(":path", path),
                           FIELD("content-type", "application/json")};
#undef FIELD
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = h2_kit_read};
    stream->id = nghttp2_submit_request(kit->session, NULL, fields, 5,
                                        body != NULL ? &provider : NULL, stream);
    kit->open++;
    return stream;
}

/* A request whose body comes in pieces. */
static inline struct h2_kit_stream *h2_kit_begin(struct h2_kit *kit, const char *path)
{
    struct h2_kit_stream *stream = h2_kit_request(kit, "POST", path, "", 0);
    stream->more = true;
    return stream;
}

/* The next piece, when the last has been sent; `bytes` must live until it is. */
static inline void h2_kit_body(struct h2_kit *kit, struct h2_kit_stream *stream, const char *bytes,
                               size_t len, bool end)
{
    stream->send = bytes;
    stream->send_len = len;
    stream->sent = 0;
    stream->more = !end;
    stream->deferred = false;
    nghttp2_session_resume_data(kit->session, stream->id);
}

static inline bool h2_kit_write(struct h2_kit *kit, const uint8_t *bytes, size_t len)
{
    if (kit->ssl != NULL)
        return SSL_write(kit->ssl, bytes, (int)len) == (int)len;
    while (len > 0) {
        ssize_t n = send(kit->fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static inline bool h2_kit_send(struct h2_kit *kit)
{
    const uint8_t *bytes;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(kit->session, &bytes)) > 0) {
        if (!h2_kit_write(kit, bytes, (size_t)n)) {
            kit->gone = true;
            return false;
        }
    }
    return n == 0;
}

/* One read from the server. False: it closed the connection, or nothing came for ten seconds. */
static inline bool h2_kit_turn(struct h2_kit *kit)
{
    uint8_t bytes[16384];
    if (!h2_kit_send(kit))
        return false;
    ssize_t n;
    /* A read with a time limit is not restarted after the kernel's own interruptions. */
    do {
        ERR_clear_error();
        errno = 0;
        n = kit->ssl != NULL ? SSL_read(kit->ssl, bytes, sizeof bytes)
                             : recv(kit->fd, bytes, sizeof bytes, 0);
    } while (n <= 0 && errno == EINTR);
    if (n <= 0 || nghttp2_session_mem_recv(kit->session, bytes, (size_t)n) < 0) {
        ERR_clear_error();
        kit->gone = true;
        return false;
    }
    return h2_kit_send(kit);
}

/* Until every stream is closed. */
static inline bool h2_kit_finish(struct h2_kit *kit)
{
    while (kit->open > 0) {
        if (!h2_kit_turn(kit))
            return false;
    }
    return true;
}
