/*
 * Responses are walked twice with the same code: once to count what they hold, once to fill one
 * block of exactly that size. The second walk cannot fail, since the first one has seen every byte
 * it looks at.
 */
#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "stt/codec.h"
#include "stt/limits.h"
#include <assert.h>
#include <math.h>
#include <string.h>

enum wire { WIRE_VARINT, WIRE_I64, WIRE_LEN, WIRE_GROUP, WIRE_GROUP_END, WIRE_I32 };

#define TAG(number, wire) ((uint64_t)(number) << 3 | (wire))
#define GROUP_DEPTH_MAX   16
#define FIELD_NUMBER_MAX  ((1u << 29) - 1)
/* google.protobuf.Duration: about 10,000 years. */
#define DURATION_SECONDS_MAX INT64_C(315576000000)
#define DURATION_NANOS_MAX   999999999

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

struct field {
    uint64_t tag;
    uint64_t value;       /* varints and fixed widths */
    struct reader inside; /* WIRE_LEN */
};

/* Where a walk stands; the pointers are NULL while it only counts. */
struct walk {
    struct stt_result *results;
    struct stt_response_word *words;
    char *text;
    size_t results_len;
    size_t words_len;
    size_t text_len;
};

static bool varint_read(struct reader *reader, uint64_t *value)
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

static bool fixed_read(struct reader *reader, unsigned width, uint64_t *value)
{
    if ((size_t)(reader->end - reader->at) < width)
        return false;
    *value = 0;
    for (unsigned i = 0; i < width; i++)
        *value |= (uint64_t)*reader->at++ << (8 * i);
    return true;
}

static bool bytes_read(struct reader *reader, struct reader *inside)
{
    uint64_t len;
    if (!varint_read(reader, &len) || len > (uint64_t)(reader->end - reader->at))
        return false;
    *inside = (struct reader){reader->at, reader->at + len};
    reader->at += len;
    return true;
}

static bool tag_read(struct reader *reader, uint64_t *tag)
{
    return varint_read(reader, tag) && *tag >> 3 != 0 && *tag >> 3 <= FIELD_NUMBER_MAX;
}

/* A field that is no group. */
static bool value_read(struct reader *reader, struct field *field)
{
    switch (field->tag & 7) {
    case WIRE_VARINT: return varint_read(reader, &field->value);
    case WIRE_I64: return fixed_read(reader, 8, &field->value);
    case WIRE_LEN: return bytes_read(reader, &field->inside);
    case WIRE_I32: return fixed_read(reader, 4, &field->value);
    default: return false;
    }
}

static bool group_skip(struct reader *reader, uint64_t opening)
{
    uint64_t open[GROUP_DEPTH_MAX] = {opening >> 3};
    unsigned depth = 1;
    while (depth > 0) {
        struct field field;
        if (!tag_read(reader, &field.tag))
            return false;
        switch (field.tag & 7) {
        case WIRE_GROUP:
            if (depth == GROUP_DEPTH_MAX)
                return false;
            open[depth++] = field.tag >> 3;
            break;
        case WIRE_GROUP_END:
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

/* 1: a field, 0: the end, else STATUS_PROTOCOL. */
static int field_next(struct reader *reader, struct field *field)
{
    assert(reader->at <= reader->end);
    if (reader->at == reader->end)
        return 0;
    *field = (struct field){0};
    if (!tag_read(reader, &field->tag))
        return STATUS_PROTOCOL;
    bool read =
        (field->tag & 7) == WIRE_GROUP ? group_skip(reader, field->tag) : value_read(reader, field);
    return read ? 1 : STATUS_PROTOCOL;
}

static int text_read(struct walk *walk, struct reader inside, const char **out)
{
    size_t len = (size_t)(inside.end - inside.at);
    if (len == 0) {
        *out = "";
        return 0;
    }
    /* U+0000 is valid UTF-8, but would cut a C string short. */
    if (memchr(inside.at, 0, len) != NULL || !utf8_valid(inside.at, len))
        return STATUS_PROTOCOL;
    if (walk->text_len + len + 1 > STT_RESPONSE_TEXT_MAX)
        return STATUS_LIMIT;
    if (walk->text != NULL) {
        char *copy = walk->text + walk->text_len;
        memcpy(copy, inside.at, len);
        copy[len] = '\0';
        *out = copy;
    }
    walk->text_len += len + 1;
    return 0;
}

static int duration_read(struct reader inside, int64_t *us)
{
    int64_t seconds = 0, nanos = 0;
    struct field field;
    int more;
    while ((more = field_next(&inside, &field)) > 0) {
        switch (field.tag) {
        case TAG(1, WIRE_VARINT): seconds = (int64_t)field.value; break;
        case TAG(2, WIRE_VARINT): nanos = (int32_t)field.value; break;
        }
    }
    if (more < 0 || seconds > DURATION_SECONDS_MAX || seconds < -DURATION_SECONDS_MAX ||
        nanos > DURATION_NANOS_MAX || nanos < -DURATION_NANOS_MAX)
        return STATUS_PROTOCOL;
    *us = seconds * 1000000 + nanos / 1000;
    return 0;
}

static float float_value(uint64_t value)
{
    uint32_t bits = (uint32_t)value;
    float number;
    memcpy(&number, &bits, sizeof number);
    return isfinite(number) ? number : 0;
}

static int word_read(struct walk *walk, struct reader inside)
{
    if (walk->words_len == STT_RESPONSE_WORDS_MAX)
        return STATUS_LIMIT;
    struct stt_response_word word = {.text = ""};
    struct field field;
    int more;
    while ((more = field_next(&inside, &field)) > 0) {
        int status = 0;
        switch (field.tag) {
        case TAG(1, WIRE_LEN): status = duration_read(field.inside, &word.start_us); break;
        case TAG(2, WIRE_LEN): status = duration_read(field.inside, &word.end_us); break;
        case TAG(3, WIRE_LEN): status = text_read(walk, field.inside, &word.text); break;
        }
        if (status != 0)
            return status;
    }
    if (more < 0)
        return more;
    if (walk->words != NULL)
        walk->words[walk->words_len] = word;
    walk->words_len++;
    return 0;
}

static int alternative_read(struct walk *walk, struct reader inside, struct stt_result *result)
{
    size_t first = walk->words_len;
    struct field field;
    int more;
    while ((more = field_next(&inside, &field)) > 0) {
        int status = 0;
        switch (field.tag) {
        case TAG(1, WIRE_LEN): status = text_read(walk, field.inside, &result->transcript); break;
        case TAG(2, WIRE_I32): result->confidence = float_value(field.value); break;
        case TAG(3, WIRE_LEN): status = word_read(walk, field.inside); break;
        }
        if (status != 0)
            return status;
    }
    result->words_len = walk->words_len - first;
    if (walk->words != NULL && result->words_len > 0)
        result->words = walk->words + first;
    return more;
}

static int result_read(struct walk *walk, struct reader inside)
{
    if (walk->results_len == STT_RESPONSE_RESULTS_MAX)
        return STATUS_LIMIT;
    struct stt_result result = {.transcript = "", .language = ""};
    bool alternative = false;
    struct field field;
    int more;
    while ((more = field_next(&inside, &field)) > 0) {
        int status = 0;
        switch (field.tag) {
        case TAG(1, WIRE_LEN):
            if (!alternative)
                status = alternative_read(walk, field.inside, &result);
            alternative = true;
            break;
        case TAG(2, WIRE_VARINT): result.is_final = field.value != 0; break;
        case TAG(3, WIRE_I32): result.stability = float_value(field.value); break;
        case TAG(4, WIRE_LEN): status = duration_read(field.inside, &result.result_end_us); break;
        case TAG(6, WIRE_LEN): status = text_read(walk, field.inside, &result.language); break;
        }
        if (status != 0)
            return status;
    }
    if (more < 0)
        return more;
    if (walk->results != NULL)
        walk->results[walk->results_len] = result;
    walk->results_len++;
    return 0;
}

static int error_read(struct walk *walk, struct reader inside, struct stt_response *response)
{
    struct field field;
    int more;
    while ((more = field_next(&inside, &field)) > 0) {
        int status = 0;
        switch (field.tag) {
        case TAG(1, WIRE_VARINT): response->error_code = (int32_t)field.value; break;
        case TAG(2, WIRE_LEN):
            status = text_read(walk, field.inside, &response->error_message);
            break;
        }
        if (status != 0)
            return status;
    }
    return more;
}

static int field_read(struct walk *walk, const struct field *field, struct stt_response *response)
{
    switch (field->tag) {
    case TAG(1, WIRE_LEN): return error_read(walk, field->inside, response);
    case TAG(2, WIRE_LEN): return result_read(walk, field->inside);
    case TAG(4, WIRE_VARINT): response->speech_event = (int32_t)field->value; return 0;
    case TAG(5, WIRE_LEN): return duration_read(field->inside, &response->total_billed_us);
    case TAG(8, WIRE_LEN): return duration_read(field->inside, &response->speech_event_us);
    }
    return 0;
}

static int response_walk(struct walk *walk, struct reader reader, struct stt_response *response)
{
    struct field field;
    int more;
    while ((more = field_next(&reader, &field)) > 0) {
        int status = field_read(walk, &field, response);
        if (status != 0)
            return status;
    }
    return more;
}

int stt_codec_response_read(const void *bytes, size_t len, struct stt_response **out)
{
    assert(out != NULL && (bytes != NULL || len == 0));
    if (len > STT_RESPONSE_BYTES_MAX)
        return STATUS_LIMIT;
    static const uint8_t nothing[1];
    const uint8_t *first = bytes != NULL ? bytes : nothing;
    struct reader reader = {first, first + len};
    struct stt_response head = {.error_message = ""};
    struct walk count = {0};
    int status = response_walk(&count, reader, &head);
    if (status != 0)
        return status;

    size_t results_bytes = count.results_len * sizeof(struct stt_result);
    size_t words_bytes = count.words_len * sizeof(struct stt_response_word);
    char *block = mem_alloc(sizeof head + results_bytes + words_bytes + count.text_len);
    if (block == NULL)
        return STATUS_NOMEM;
    struct stt_response *response = (struct stt_response *)block;
    struct walk fill = {.results = (struct stt_result *)(block + sizeof head),
                        .words = (struct stt_response_word *)(block + sizeof head + results_bytes),
                        .text = block + sizeof head + results_bytes + words_bytes};
    *response = (struct stt_response){.error_message = ""};
    status = response_walk(&fill, reader, response);
    assert(status == 0 && fill.text_len == count.text_len);
    assert(fill.results_len == count.results_len && fill.words_len == count.words_len);
    response->results = fill.results;
    response->results_len = fill.results_len;
    *out = response;
    return 0;
}

void stt_response_free(struct stt_response *response)
{
    mem_free(response);
}
