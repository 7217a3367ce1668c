/* What the HTTP/2 server's files share: the server with its stream slots, connections, streams.
 * Loop's thread only, but for `generation`. */
#pragma once

#include "base/buf.h"
#include "local/h2_server.h"
#include "loop/loop.h"
#include <nghttp2/nghttp2.h>
#include <openssl/types.h>

struct h2_conn;

struct h2_stream {
    struct h2_conn *conn;
    struct h2_stream *prev, *next; /* of the connection */
    uint64_t id;
    int32_t stream_id;
    unsigned refused;
    int64_t opened_us;
    struct buf head; /* name NUL value NUL … */
    unsigned fields;
    struct buf body;
    size_t discarded;
    struct buf out;
    size_t out_at;
    bool head_only; /* HEAD: an answer without its body */
    bool handed;    /* the handler has it */
    bool answered;  /* header fields of the answer are submitted */
    bool ended;     /* the answer is complete, `out` holds its rest */
    bool failed;    /* reset by us, later pieces are dropped */
    bool deferred;  /* libnghttp2 waits for more of `out` */
};

struct h2_conn {
    struct loop_poll poll;
    struct h2_server *server;
    struct h2_conn *prev, *next;
    struct h2_stream *streams;
    unsigned streams_len;
    SSL *ssl;
    nghttp2_session *session;
    struct buf out;
    size_t out_at;
    int fd;
    int64_t active_us; /* accepted, or the last time bytes moved */
    bool ready;        /* handshake done */
    bool dirty;        /* to be flushed by the deferred task */
};

struct h2_server {
    struct loop *loop;
    struct h2_server_config config;
    struct h2_server_stats stats;
    SSL_CTX *tls;
    nghttp2_session_callbacks *callbacks;
    int listen_fd;
    unsigned port;
    struct loop_accept accept;
    struct loop_timer sweep;
    struct loop_inbox inbox;
    struct loop_task flush;
    struct h2_conn *conns;
    unsigned polls_open; /* connections whose memory the loop still holds */
    bool closing, accept_closed;
    void (*on_closed)(void *ctx);
    void *closed_ctx;

    struct h2_stream **slots;
    _Atomic uint32_t *generation; /* of each slot; bumped when its stream ends; read by any thread,
                                     relaxed: only a hint there */
    uint32_t *free_slots;
    uint32_t free_len;
};

/* NULL when no slot or memory is left. */
struct h2_stream *h2__stream_create(struct h2_conn *conn, int32_t stream_id);
/* Tells on_cancel when the answer had not ended. */
void h2__stream_end(struct h2_stream *stream, bool complete);
struct h2_stream *h2__stream_find(struct h2_server *server, uint64_t id);
int h2__stream_answer(struct h2_stream *stream, const struct h2_answer *answer);
int h2__stream_write(struct h2_stream *stream, const void *bytes, size_t len, bool end);
void h2__stream_reset(struct h2_stream *stream, uint32_t error_code);
void h2__stream_hand_over(struct h2_stream *stream);

int h2__callbacks_create(nghttp2_session_callbacks **out);
/* Takes `fd`, closes it on failure. */
void h2__conn_open(struct h2_server *server, int fd);
/* May free the connection. */
void h2__conn_flush(struct h2_conn *conn);
void h2__conn_close(struct h2_conn *conn);
/* Timeouts of one connection; may free it. */
void h2__conn_sweep(struct h2_conn *conn, int64_t now_us);
/* Has it flushed later in this turn. */
void h2__conn_touch(struct h2_conn *conn);
void h2__server_maybe_closed(struct h2_server *server);
