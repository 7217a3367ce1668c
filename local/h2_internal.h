/* What the HTTP/2 server's files share: the server with its stream slots, connections, streams.
 * Loop's thread only, but for `generation`.
 *
 * What a handler calls, it may call from within libnghttp2's callbacks: such calls record and
 * submit; frames are sent, streams and connections end in the deferred task. */
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
    struct buf head; /* name NUL value NUL …, of the request, later of the answer's trailers */
    unsigned fields;
    struct buf body;
    size_t discarded;
    struct buf out;
    size_t out_at;
    unsigned piece_bytes; /* 0: no limit */
    bool head_only;       /* HEAD: an answer without its body */
    bool handed;          /* the handler has it */
    bool body_ended;      /* the request has come to its end */
    bool answered;        /* header fields of the answer are submitted */
    bool ended;           /* the answer is complete, `out` holds its rest */
    bool trailers;        /* which end the answer, in `head` */
    bool failed;          /* it ends by our doing, later pieces of both sides are dropped */
    bool deferred;        /* libnghttp2 waits for more of `out` */
};

enum h2_cut { H2_CUT_NONE, H2_CUT_QUIET, H2_CUT_RESET };

struct h2_conn {
    struct loop_poll poll;
    struct h2_server *server;
    struct h2_conn *prev, *next;
    struct h2_stream *streams;
    unsigned streams_len;
    struct h2_conn *dirty_next, **dirty_at; /* list of those to flush; dirty_at NULL: not in it */
    SSL *ssl;                               /* NULL: plaintext */
    nghttp2_session *session;               /* once `ready` */
    struct buf out;
    size_t out_at;
    int fd;
    int64_t active_us; /* accepted, or the last time bytes moved */
    bool ready;        /* handshake done */
    bool closing;      /* its streams are being told */
    enum h2_cut cut;   /* to be done by the deferred task */
    bool frozen;       /* neither reads nor writes any more */
};

struct h2_server {
    struct loop *loop;
    struct h2_server_config config;
    struct h2_server_stats stats;
    SSL_CTX *tls;
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
    uint8_t *in; /* H2_READ_BYTES, what one read brings */
    int listen_fd;
    unsigned port;
    struct loop_accept accept;
    struct loop_timer sweep;
    struct loop_inbox inbox;
    struct loop_task flush;
    struct h2_conn *conns, *dirty;
    int64_t gathered_us; /* the turn that has waited for more */
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
int h2__stream_trailers(struct h2_stream *stream, const struct h2_header *trailers, size_t len);
void h2__stream_reset(struct h2_stream *stream, uint32_t error_code);
void h2__stream_hand_over(struct h2_stream *stream);

/* A message of the inbox: a call from another thread. */
void h2__answer_on_msg(struct loop_inbox *inbox, struct msg *msg);

int h2__session_setup(struct h2_server *server);
int h2__session_create(struct h2_conn *conn);

int h2__io_open(struct h2_conn *conn);
void h2__io_close(struct h2_conn *conn);
/* 0: done; STATUS_AGAIN: waits for the peer. */
int h2__io_handshake(struct h2_conn *conn);
/* Bytes moved, STATUS_AGAIN or STATUS_CLOSED. A write refused with STATUS_AGAIN is repeated with
 * the same bytes. */
ssize_t h2__io_read(struct h2_conn *conn, uint8_t *bytes, size_t len);
ssize_t h2__io_write(struct h2_conn *conn, const void *bytes, size_t len);

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
