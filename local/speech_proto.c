#include "local/speech_proto.h"

#include "base/buf.h"
#include "base/status.h"
#include "local/limits.h"
#include <assert.h>
#include <string.h>

struct local_proto_reader local_proto_read(const void *bytes, size_t len)
{
    static const uint8_t nothing[1];
    assert(bytes != NULL || len == 0);
    const uint8_t *start = len > 0 ? bytes : nothing;
    return (struct local_proto_reader){.at = start, .end = start + len};
}

static uint64_t reader_varint(struct local_proto_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (reader->at == reader->end)
            break;
        uint8_t byte = *reader->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    reader->status = STATUS_PROTOCOL;
    return 0;
}

/* Skips or hands out `len` bytes. */
static const uint8_t *reader_bytes(struct local_proto_reader *reader, uint64_t len)
{
    const uint8_t *bytes = reader->at;
    if (len > (uint64_t)(reader->end - reader->at)) {
        reader->status = STATUS_PROTOCOL;
        return NULL;
    }
    reader->at += len;
    return bytes;
}

static uint32_t reader_fixed32(struct local_proto_reader *reader)
{
    const uint8_t *bytes = reader_bytes(reader, 4);
    uint32_t value = 0;
    for (int i = 0; bytes != NULL && i < 4; i++)
        value |= (uint32_t)bytes[i] << (8 * i);
    return value;
}

bool local_proto_next(struct local_proto_reader *reader, struct local_proto_field *field)
{
    if (reader->status != 0 || reader->at == reader->end)
        return false;
    uint64_t tag = reader_varint(reader);
    *field = (struct local_proto_field){.number = (uint32_t)(tag >> 3),
                                        .type = (enum local_proto_type)(tag & 7)};
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        reader->status = STATUS_PROTOCOL;
    if (reader->status != 0)
        return false;
    switch (tag & 7) {
    case LOCAL_PROTO_VARINT: field->value = reader_varint(reader); break;
    case LOCAL_PROTO_FIXED64: reader_bytes(reader, 8); break;
    case LOCAL_PROTO_FIXED32: field->value = reader_fixed32(reader); break;
    case LOCAL_PROTO_BYTES: {
        uint64_t len = reader_varint(reader);
        field->bytes = reader->status == 0 ? reader_bytes(reader, len) : NULL;
        field->len = (size_t)len;
        break;
    }
    default: reader->status = STATUS_PROTOCOL; /* groups are not part of these messages */
    }
    return reader->status == 0;
}

struct local_proto_reader local_proto_inner(const struct local_proto_field *field)
{
    return (struct local_proto_reader){.at = field->bytes, .end = field->bytes + field->len};
}

bool local_proto_is(const struct local_proto_field *field, uint32_t number,
                    enum local_proto_type type)
{
    return field->number == number && field->type == type;
}

void local_proto_text(const struct local_proto_field *field, char *out, size_t cap)
{
    size_t len = field->len < cap - 1 ? field->len : cap - 1;
    memcpy(out, field->bytes, len);
    out[len] = '\0';
}

float local_proto_float(const struct local_proto_field *field)
{
    uint32_t bits = (uint32_t)field->value;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

int local_proto_duration(const struct local_proto_field *outer, int64_t *out_us)
{
    struct local_proto_reader reader = local_proto_inner(outer);
    struct local_proto_field field;
    int64_t seconds = 0, nanos = 0;
    while (local_proto_next(&reader, &field)) {
        if (local_proto_is(&field, 1, LOCAL_PROTO_VARINT))
            seconds = (int64_t)field.value;
        else if (local_proto_is(&field, 2, LOCAL_PROTO_VARINT))
            nanos = (int32_t)field.value;
    }
    if (seconds < 0 || nanos < 0)
        seconds = nanos = 0;
    if (seconds > LOCAL_SPEECH_TIMEOUT_S_MAX)
        seconds = LOCAL_SPEECH_TIMEOUT_S_MAX;
    *out_us = seconds * 1000000 + nanos / 1000;
    return reader.status;
}

static void put_varint(struct buf *buf, uint64_t value)
{
    while (value >= 0x80) {
        buf_putc(buf, (char)(value | 0x80));
        value >>= 7;
    }
    buf_putc(buf, (char)value);
}

static void put_tag(struct buf *buf, uint32_t number, enum local_proto_type type)
{
    put_varint(buf, (uint64_t)number << 3 | type);
}

void local_proto_put_int(struct buf *buf, uint32_t number, int64_t value)
{
    if (value == 0)
        return;
    put_tag(buf, number, LOCAL_PROTO_VARINT);
    put_varint(buf, (uint64_t)value);
}

void local_proto_put_float(struct buf *buf, uint32_t number, float value)
{
    uint32_t bits;
    if (value == 0.0f)
        return;
    memcpy(&bits, &value, sizeof bits);
    put_tag(buf, number, LOCAL_PROTO_FIXED32);
    for (int i = 0; i < 4; i++)
        buf_putc(buf, (char)(bits >> (8 * i)));
}

static void put_bytes(struct buf *buf, uint32_t number, const void *bytes, size_t len)
{
    put_tag(buf, number, LOCAL_PROTO_BYTES);
    put_varint(buf, len);
    buf_append(buf, bytes, len);
}

void local_proto_put_text(struct buf *buf, uint32_t number, const char *text)
{
    if (text != NULL && text[0] != '\0')
        put_bytes(buf, number, text, strlen(text));
}

void local_proto_put_nested(struct buf *buf, uint32_t number, struct buf *nested)
{
    put_bytes(buf, number, nested->data != NULL ? nested->data : "", nested->len);
    if (buf_status(nested) != 0)
        buf->status = buf_status(nested);
    buf_deinit(nested);
}

void local_proto_put_duration(struct buf *buf, uint32_t number, int64_t us)
{
    assert(us >= 0);
    struct buf nested;
    buf_init(&nested, 32);
    local_proto_put_int(&nested, 1, us / 1000000);
    local_proto_put_int(&nested, 2, us % 1000000 * 1000);
    local_proto_put_nested(buf, number, &nested);
}
