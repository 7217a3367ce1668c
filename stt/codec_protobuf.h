/*
 * Inside stt: protobuf as bytes, what the wires' codecs are made of.
 * https://protobuf.dev/programming-guides/encoding/
 *
 * Threads: pure functions, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum stt_pb_type { PB_VARINT, PB_I64, PB_LEN, PB_GROUP, PB_GROUP_END, PB_I32 };

#define PB_VARINT_MAX        10
#define PB_TAG(number, type) ((uint64_t)(number) << 3 | (type))

/* A field's tag, or a length, or a value; returns how many bytes it takes. */
size_t stt__pb_varint(uint64_t value, uint8_t out[PB_VARINT_MAX]);

/* Writing appends a field; errors stick in the buffer. A value of zero, proto3's meaning of an
 * absent field, is not written. */
void stt__pb_put_uint(struct buf *out, uint32_t number, uint64_t value);
void stt__pb_put_float(struct buf *out, uint32_t number, float value);
void stt__pb_put_text(struct buf *out, uint32_t number, const char *text);
/* google.protobuf.Duration. */
void stt__pb_put_duration(struct buf *out, uint32_t number, uint32_t ms);
/* What is written in between is one message; `begin` is what begin returned. */
size_t stt__pb_begin(struct buf *out, uint32_t number);
void stt__pb_end(struct buf *out, size_t begin);

struct stt_pb_reader {
    const uint8_t *at;
    const uint8_t *end;
};

struct stt_pb_field {
    uint64_t tag;                /* PB_TAG() */
    uint64_t value;              /* of PB_VARINT, PB_I64, PB_I32 */
    struct stt_pb_reader inside; /* PB_LEN */
};

/* 1: *field is the next one (of a group only its tag, which nobody knows), 0: the end,
 * STATUS_PROTOCOL: malformed. */
int stt__pb_next(struct stt_pb_reader *reader, struct stt_pb_field *field);
/* A PB_I32 as a float; what is not finite is 0. */
float stt__pb_float(uint64_t value);
/* google.protobuf.Duration, to the microsecond before. STATUS_PROTOCOL. */
int stt__pb_duration(struct stt_pb_reader inside, int64_t *us);
