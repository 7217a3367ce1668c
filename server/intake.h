/*
 * What comes over one WebSocket, held against its bounds piece by piece: the bytes and fragments of
 * a message, text that is UTF-8 (noticed at the first wrong byte), and the pace of frames and of
 * text messages. No I/O; time is an argument.
 *
 * A pace that is too high is no error: who sends faster is read more slowly, and nothing is lost.
 * Pings are another matter: libwebsockets answers them itself and tells nobody. What of the bytes
 * received is explained by no frame that was told of is pings, pongs and their like, and whose
 * share is too large is a flood.
 *
 * Threads: one owner at a time.
 */
#pragma once

#include "base/utf8.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of one piece of a message; `first`/`last` tell its borders, `left` what is still to come of
 * the frame. */
struct intake_piece {
    const void *bytes;
    size_t len, left;
    bool text, first, last;
};

/* The bounds of a connection. */
struct intake_limits {
    size_t bytes_max; /* a message */
    unsigned fragments_max;
    unsigned frames_per_s, frames_burst;
    unsigned texts_per_s, texts_burst;
    unsigned control_bytes_per_s, control_burst_bytes; /* of frames that nobody tells us of */
};

/* Zero-initialised before the first piece. */
struct intake {
    size_t bytes; /* of the message so far */
    unsigned fragments;
    bool text; /* the message is text */
    bool told; /* that texts come too fast */
    struct utf8_check utf8;
    /* When all tokens of a bucket are back; a bucket is full at first. */
    int64_t frames_us, texts_us, control_us;
    uint64_t explained, unexplained; /* bytes on the wire, so far */
};

enum intake_verdict {
    INTAKE_TAKEN,
    INTAKE_TOO_BIG,  /* over bytes_max or fragments_max */
    INTAKE_NOT_UTF8, /* a byte that cannot be continued to text, or half a code point at the end */
};

enum intake_verdict intake_take(struct intake *intake, const struct intake_limits *limits,
                                const struct intake_piece *piece, int64_t now_us);
/* Until when nothing more should be read; `now_us` or earlier: read on. */
int64_t intake_due_us(const struct intake *intake, const struct intake_limits *limits);
/* Held against what the socket has given to the library since the upgrade, every now and then: true
 * for a flood. */
bool intake_flooded(struct intake *intake, const struct intake_limits *limits, uint64_t received,
                    int64_t now_us);
/* Text messages have come too fast, and the client has not been told: once until it has been slow
 * enough for its bucket to be full again. */
bool intake_tell(struct intake *intake, const struct intake_limits *limits, int64_t now_us);
