/*
 * Protocol Buffers, as little as the speech API's messages need: fields one after the other from
 * untrusted bytes, fields into a buffer. Groups are refused.
 *
 * Threads: pure functions, any thread. Memory: a field borrows the bytes it was read from.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum local_proto_type {
    LOCAL_PROTO_VARINT = 0,
    LOCAL_PROTO_FIXED64 = 1,
    LOCAL_PROTO_BYTES = 2,
    LOCAL_PROTO_FIXED32 = 5
};

struct local_proto_reader {
    const uint8_t *at;
    const uint8_t *end;
    int status; /* sticks */
};

struct local_proto_field {
    uint32_t number;
    enum local_proto_type type;
    uint64_t value;       /* of varints, and the bits of FIXED32 */
    const uint8_t *bytes; /* of BYTES */
    size_t len;
};

/* `bytes` may be NULL when `len` is 0. */
struct local_proto_reader local_proto_read(const void *bytes, size_t len);
/* The next field; false at the end or at broken bytes (reader->status tells: STATUS_PROTOCOL). */
bool local_proto_next(struct local_proto_reader *reader, struct local_proto_field *field);
/* The message within a field of BYTES. */
struct local_proto_reader local_proto_inner(const struct local_proto_field *field);
bool local_proto_is(const struct local_proto_field *field, uint32_t number,
                    enum local_proto_type type);
/* Cut at `cap` with its NUL. */
void local_proto_text(const struct local_proto_field *field, char *out, size_t cap);
float local_proto_float(const struct local_proto_field *field);
/* google.protobuf.Duration; negative ones count as 0, absurd ones as LOCAL_SPEECH_TIMEOUT_S_MAX. */
int local_proto_duration(const struct local_proto_field *field, int64_t *out_us);

/* Into a buffer; its status sticks. Zero and empty values are left out, as proto3 does. */
void local_proto_put_int(struct buf *buf, uint32_t number, int64_t value);
void local_proto_put_float(struct buf *buf, uint32_t number, float value);
void local_proto_put_text(struct buf *buf, uint32_t number, const char *text);
/* Closes a message that was written to a buffer of its own, and frees that. */
void local_proto_put_nested(struct buf *buf, uint32_t number, struct buf *nested);
/* `us` is not negative; written even when 0. */
void local_proto_put_duration(struct buf *buf, uint32_t number, int64_t us);
