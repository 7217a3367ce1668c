#include "stt/codec_protobuf.h"

#include "base/buf.h"
#include "base/status.h"
#include <assert.h>
#include <math.h>
#include <string.h>

#define GROUP_DEPTH_MAX  16
#define FIELD_NUMBER_MAX ((1u << 29) - 1)
/* google.protobuf.Duration: about 10,000 years. */
#define DURATION_SECONDS_MAX INT64_C(315576000000)
#define DURATION_NANOS_MAX   999999999

size_t stt__pb_varint(uint64_t value, uint8_t out[PB_VARINT_MAX])
{
    size_t len = 0;
    while (value > 0x7f) {
        out[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[len++] = (uint8_t)value;
    assert(len <= PB_VARINT_MAX);
    return len;
}

static void put_varint(struct buf *out, uint64_t value)
{
    uint8_t bytes[PB_VARINT_MAX];
    buf_append(out, bytes, stt__pb_varint(value, bytes));
}

static void put_tag(struct buf *out, uint32_t number, enum stt_pb_type type)
{
    assert(number > 0 && number <= FIELD_NUMBER_MAX);
    put_varint(out, PB_TAG(number, type));
}

void stt__pb_put_uint(struct buf *out, uint32_t number, uint64_t value)
{
    if (value == 0)
        return;
    put_tag(out, number, PB_VARINT);
    put_varint(out, value);
}

void stt__pb_put_float(struct buf *out, uint32_t number, float value)
{
    if (value == 0)
        return;
    uint32_t bits;
    _Static_assert(sizeof bits == sizeof value, "IEEE 754 single");
    memcpy(&bits, &value, sizeof bits);
    put_tag(out, number, PB_I32);
    uint8_t bytes[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16),
                        (uint8_t)(bits >> 24)};
    buf_append(out, bytes, sizeof bytes);
}

void stt__pb_put_text(struct buf *out, uint32_t number, const char *text)
{
    size_t len = strlen(text);
    if (len == 0)
        return;
    put_tag(out, number, PB_LEN);
    put_varint(out, len);
    buf_append(out, text, len);
}

void stt__pb_put_duration(struct buf *out, uint32_t number, uint32_t ms)
{
    if (ms == 0)
        return;
    size_t begin = stt__pb_begin(out, number);
    stt__pb_put_uint(out, 1, ms / 1000);
    stt__pb_put_uint(out, 2, (uint64_t)(ms % 1000) * 1000000);
    stt__pb_end(out, begin);
}

/* A message's length is known at its end and then pushed in before it. */
size_t stt__pb_begin(struct buf *out, uint32_t number)
{
    put_tag(out, number, PB_LEN);
    return out->len;
}

void stt__pb_end(struct buf *out, size_t begin)
{
    uint8_t head[PB_VARINT_MAX];
    assert(out->status != 0 || begin <= out->len);
    size_t len = out->len - begin;
    size_t head_len = stt__pb_varint(len, head);
    if (buf_append(out, head, head_len) != 0)
        return;
    memmove(out->data + begin + head_len, out->data + begin, len);
    memcpy(out->data + begin, head, head_len);
}

static bool varint_read(struct stt_pb_reader *reader, uint64_t *value)
{
    uint64_t sum = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (reader->at == reader->end)
            return false;
        uint8_t byte = *reader->at++;
        /* The tenth byte holds one bit. */
        if (shift == 63 && byte > 1)
            return false;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = sum;
            return true;
        }
    }
    return false;
}

static bool fixed_read(struct stt_pb_reader *reader, unsigned width, uint64_t *value)
{
    if ((size_t)(reader->end - reader->at) < width)
        return false;
    *value = 0;
    for (unsigned i = 0; i < width; i++)
        *value |= (uint64_t)*reader->at++ << (8 * i);
    return true;
}

static bool bytes_read(struct stt_pb_reader *reader, struct stt_pb_reader *inside)
{
    uint64_t len;
    if (!varint_read(reader, &len) || len > (uint64_t)(reader->end - reader->at))
        return false;
    *inside = (struct stt_pb_reader){reader->at, reader->at + len};
    reader->at += len;
    return true;
}

static bool tag_read(struct stt_pb_reader *reader, uint64_t *tag)
{
    return varint_read(reader, tag) && *tag >> 3 != 0 && *tag >> 3 <= FIELD_NUMBER_MAX;
}

/* A field that is no group. */
static bool value_read(struct stt_pb_reader *reader, struct stt_pb_field *field)
{
    switch (field->tag & 7) {
    case PB_VARINT: return varint_read(reader, &field->value);
    case PB_I64: return fixed_read(reader, 8, &field->value);
    case PB_LEN: return bytes_read(reader, &field->inside);
    case PB_I32: return fixed_read(reader, 4, &field->value);
    default: return false;
    }
}

static bool group_skip(struct stt_pb_reader *reader, uint64_t opening)
{
    uint64_t open[GROUP_DEPTH_MAX] = {opening >> 3};
    unsigned depth = 1;
    while (depth > 0) {
        struct stt_pb_field field;
        if (!tag_read(reader, &field.tag))
            return false;
        switch (field.tag & 7) {
        case PB_GROUP:
            if (depth == GROUP_DEPTH_MAX)
                return false;
            open[depth++] = field.tag >> 3;
            break;
        case PB_GROUP_END:
            if (open[--depth] != field.tag >> 3)
                return false;
            break;
        default:
            if (!value_read(reader, &field))
                return false;
        }
    }
    return true;
}

int stt__pb_next(struct stt_pb_reader *reader, struct stt_pb_field *field)
{
    assert(reader->at <= reader->end);
    if (reader->at == reader->end)
        return 0;
    *field = (struct stt_pb_field){0};
    if (!tag_read(reader, &field->tag))
        return STATUS_PROTOCOL;
    bool read =
        (field->tag & 7) == PB_GROUP ? group_skip(reader, field->tag) : value_read(reader, field);
    return read ? 1 : STATUS_PROTOCOL;
}

float stt__pb_float(uint64_t value)
{
    uint32_t bits = (uint32_t)value;
    float number;
    memcpy(&number, &bits, sizeof number);
    return isfinite(number) ? number : 0;
}

int stt__pb_duration(struct stt_pb_reader inside, int64_t *us)
{
    int64_t seconds = 0, nanos = 0;
    struct stt_pb_field field;
    int more;
    while ((more = stt__pb_next(&inside, &field)) > 0) {
        switch (field.tag) {
        case PB_TAG(1, PB_VARINT): seconds = (int64_t)field.value; break;
        case PB_TAG(2, PB_VARINT): nanos = (int32_t)field.value; break;
        }
    }
    if (more < 0 || seconds > DURATION_SECONDS_MAX || seconds < -DURATION_SECONDS_MAX ||
        nanos > DURATION_NANOS_MAX || nanos < -DURATION_NANOS_MAX)
        return STATUS_PROTOCOL;
    *us = seconds * 1000000 + nanos / 1000;
    return 0;
}
