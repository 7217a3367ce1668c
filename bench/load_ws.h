/*
 * The client's half of RFC 6455 without I/O, as lean as a load generator needs it.
 *
 * Threads: one owner. Memory: a reader's buffers grow to the longest message, LOAD_MESSAGE_MAX or
 * what was allowed.
 */
#pragma once

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_MESSAGE_MAX (1 << 20)
#define LOAD_HEAD_MAX    14   /* bytes of the longest frame head that is sent */
#define LOAD_ANSWER_MAX  8192 /* bytes of the answer to the upgrade */
#define LOAD_CONTROL_MAX 125  /* payload of a control frame, RFC 6455 §5.5 */

enum load_ws_op {
    LOAD_WS_CONTINUATION = 0, /* never in a message */
    LOAD_WS_TEXT = 1,
    LOAD_WS_BINARY = 2,
    LOAD_WS_CLOSE = 8,
    LOAD_WS_PING = 9,
    LOAD_WS_PONG = 10
};

/* Appends the upgrade request for GET `path` with that subprotocol. The key is always the same, so
 * the one right answer is known without SHA-1. */
int load_ws_request(const char *host, unsigned port, const char *path, const char *protocol,
                    struct buf *out);
/* Bytes of a frame's head, mask included, for a payload of `len`. */
size_t load_ws_head_bytes(size_t len);
/* Writes head and masked payload behind each other into `out` (head bytes + len); `mask` is random,
 * a new one each frame (RFC 6455 §5.3). The payload may already lie at its place in `out`. */
size_t load_ws_frame(enum load_ws_op op, const void *payload, size_t len, uint32_t mask, void *out);

struct load_ws_reader {
    struct buf in; /* what is not read yet, from `at` on */
    size_t at;
    struct buf parts;           /* a fragmented message so far */
    enum load_ws_op fragmented; /* its kind; CONTINUATION: none is open */
    bool upgraded;
    unsigned status;    /* of the HTTP answer */
    size_t message_max; /* bytes */
};
struct load_ws_message {
    enum load_ws_op op;
    const char *data; /* borrowed until the next call */
    size_t len;
    unsigned close_code; /* of LOAD_WS_CLOSE; 1005: none was given */
};

void load_ws_reader_init(struct load_ws_reader *reader);
/* Messages may be so much longer; before the first byte. */
void load_ws_reader_allow(struct load_ws_reader *reader, size_t message_max);
void load_ws_reader_deinit(struct load_ws_reader *reader);
/* Bytes as they came from the socket. STATUS_NOMEM, STATUS_LIMIT. */
int load_ws_reader_feed(struct load_ws_reader *reader, const void *bytes, size_t len);
/* 1: a message; 0: more bytes are needed; STATUS_PROTOCOL: not a WebSocket peer, or the upgrade was
 * refused (reader->status); STATUS_NOMEM. Text is not checked to be UTF-8. */
int load_ws_reader_next(struct load_ws_reader *reader, struct load_ws_message *out);
/* Gives memory back when nothing waits in the reader: for many connections that are mostly quiet.
 */
void load_ws_reader_trim(struct load_ws_reader *reader);
