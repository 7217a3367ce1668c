/*
 * An HTTP/2 server for loopback, over TLS or plain: libnghttp2 and OpenSSL on the project's loop,
 * answers from any thread.
 *
 * A request is handed to its handler once, with an id (slot + generation): whole, or its body in
 * pieces as they come. The answer may come later and in pieces; answers to an id that has ended
 * (peer reset the stream, connection gone) are dropped. Everything is bounded by the configuration:
 * connections, streams, body, headers, bytes not yet taken by the peer, waiting times.
 *
 * Threads: open, close and the callbacks on the loop's thread; h2_server_answer, _write, _reset and
 * _alive any thread, until h2_server_close() is called. Callbacks may call everything but
 * h2_server_close(): frames go out, streams and connections end later in the turn. Order is kept
 * among the calls of one thread. The process ignores SIGPIPE. Memory: what a callback gets is
 * borrowed until it returns; what an answer carries is copied.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct h2_server;

struct h2_header {
    const char *name; /* lower case */
    const char *value;
};

struct h2_request {
    uint64_t id;
    const char *method, *path;
    const struct h2_header *headers; /* in order of arrival, without pseudo headers */
    size_t headers_len;
    const char *body; /* NUL-terminated */
    size_t body_len;
    unsigned refused; /* 0, or the status to answer: 413 body too large, 431 headers too large; the
                         body is incomplete then */
};

struct h2_server_ops {
    void (*on_request)(void *ctx, const struct h2_request *request);
    /* NULL: bodies are collected. Else a request is handed over at the end of its headers, without
     * a body, and the body follows here in pieces (borrowed); `end` comes once, with the last,
     * possibly empty one. Nothing comes after the answer's end, a reset or a refusal; body_max does
     * not apply. */
    void (*on_body)(void *ctx, uint64_t id, const void *bytes, size_t len, bool end);
    /* The stream ended before its answer did, by the peer's doing or by ours; not called for
     * streams whose answer ended. May be NULL. */
    void (*on_cancel)(void *ctx, uint64_t id);
};

struct h2_server_config {
    const char
        *host;     /* "127.0.0.1", "::1", "localhost" or another numeric address of this machine */
    unsigned port; /* 0: any free one */
    const char *cert_dir;  /* gets cert.pem */
    bool plaintext;        /* HTTP/2 with prior knowledge (RFC 9113 §3.3) instead of TLS */
    unsigned conn_streams; /* SETTINGS_MAX_CONCURRENT_STREAMS told to peers; 0: as limits.h says */
    uint32_t window_bytes; /* receive window of a stream and of a connection; 0: HTTP/2's 64 KiB */
    unsigned connections_max; /* 0 of these and below: the default of local/limits.h */
    unsigned streams_max;     /* of all connections */
    size_t body_max;
    unsigned handshake_ms, idle_ms;
    /* Bytes that have come are read so much later, with all that came meanwhile: fewer wakes of
     * both sides, and no answer sooner. The loop's thread sleeps for it. */
    unsigned gather_us;
    struct h2_server_ops ops;
    void *ctx;
};

/* Listens when it returns 0. STATUS_IO: the address cannot be had or cert_dir not written;
 * STATUS_INVALID: not an address. */
int h2_server_open(struct h2_server **out, struct loop *loop,
                   const struct h2_server_config *config);
unsigned h2_server_port(const struct h2_server *server);
/* Ends every connection, tells on_cancel of open streams, then calls `on_closed` (last call, memory
 * is free). */
void h2_server_close(struct h2_server *server, void (*on_closed)(void *ctx), void *ctx);

struct h2_answer {
    unsigned status;
    const struct h2_header *headers; /* names lower case */
    size_t headers_len;
    const void *body;
    size_t body_len;
    bool more;            /* h2_server_write() or h2_server_trailers() follows */
    unsigned piece_bytes; /* the most a DATA frame of this answer carries; 0: no limit */
};

/* Answer, write and reset take effect at once on the loop's thread, else through its inbox.
 *
 * Starts an answer, once a request; with `more`, its header fields go out at once. STATUS_FULL: the
 * server's inbox is full, nothing was taken. Others (STATUS_LIMIT: the peer leaves too much
 * untaken): the stream has been reset. */
int h2_server_answer(struct h2_server *server, uint64_t id, const struct h2_answer *answer);
/* More of a started answer's body; `end` ends it. */
int h2_server_write(struct h2_server *server, uint64_t id, const void *bytes, size_t len, bool end);
/* Ends a started answer with header fields (gRPC's status). Loop's thread. */
int h2_server_trailers(struct h2_server *server, uint64_t id, const struct h2_header *trailers,
                       size_t len);
/* Ends a stream with RST_STREAM and an HTTP/2 error code. */
int h2_server_reset(struct h2_server *server, uint64_t id, uint32_t error_code);
/* False when nobody waits for this answer any more: work can be saved. */
bool h2_server_alive(const struct h2_server *server, uint64_t id);

/* Value of the first header of that name (lower case), or NULL. */
const char *h2_request_header(const struct h2_request *request, const char *name);

struct h2_server_stats {
    uint64_t connections, connections_open, connections_refused;
    uint64_t requests, streams_open, resets, tls_failed;
};
/* Loop's thread. */
void h2_server_stats(const struct h2_server *server, struct h2_server_stats *out);

/* -- what a server does to a whole connection; loop's thread. `id` names one of its streams;
 * STATUS_NOT_FOUND when that has ended. -- */

/* GOAWAY. `refuse`: the last stream id told is the one before this stream, which ends, so the peer
 * may send it again elsewhere; else streams go on and only new ones are refused (RFC 9113 §6.8). */
int h2_server_goaway(struct h2_server *server, uint64_t id, bool refuse, uint32_t error_code);
/* Cuts the TCP connection, by a reset or without a word; soon, not within this call. */
int h2_server_cut(struct h2_server *server, uint64_t id, bool reset);
/* The connection stays open and says nothing any more, whatever comes: as one whose peer or path
 * hangs. */
int h2_server_freeze(struct h2_server *server, uint64_t id);
/* Changes SETTINGS_MAX_CONCURRENT_STREAMS of open connections and of later ones. */
void h2_server_limit_streams(struct h2_server *server, unsigned conn_streams);
