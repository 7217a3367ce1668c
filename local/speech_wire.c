#include "local/speech_wire.h"

#include "base/buf.h"
#include "base/status.h"
#include "local/limits.h"
#include <assert.h>
#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    int status; /* sticks */
};

struct field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;       /* of varints */
    const uint8_t *bytes; /* of WIRE_BYTES */
    size_t len;
};

static uint64_t reader_varint(struct reader *reader)
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
static const uint8_t *reader_bytes(struct reader *reader, uint64_t len)
{
    const uint8_t *bytes = reader->at;
    if (len > (uint64_t)(reader->end - reader->at)) {
        reader->status = STATUS_PROTOCOL;
        return NULL;
    }
    reader->at += len;
    return bytes;
}

/* The next field; false at the end or at broken bytes (reader->status tells). */
static bool reader_next(struct reader *reader, struct field *field)
{
    if (reader->status != 0 || reader->at == reader->end)
        return false;
    uint64_t tag = reader_varint(reader);
    *field = (struct field){.number = (uint32_t)(tag >> 3), .type = (enum wire_type)(tag & 7)};
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        reader->status = STATUS_PROTOCOL;
    if (reader->status != 0)
        return false;
    switch (tag & 7) {
    case WIRE_VARINT: field->value = reader_varint(reader); break;
    case WIRE_FIXED64: reader_bytes(reader, 8); break;
    case WIRE_FIXED32: reader_bytes(reader, 4); break;
    case WIRE_BYTES: {
        uint64_t len = reader_varint(reader);
        field->bytes = reader->status == 0 ? reader_bytes(reader, len) : NULL;
        field->len = (size_t)len;
        break;
    }
    default: reader->status = STATUS_PROTOCOL; /* groups are not part of these messages */
    }
    return reader->status == 0;
}

static struct reader reader_of(const struct field *field)
{
    return (struct reader){.at = field->bytes, .end = field->bytes + field->len};
}

static bool field_is(const struct field *field, uint32_t number, enum wire_type type)
{
    return field->number == number && field->type == type;
}

static void field_text(const struct field *field, char *out, size_t cap)
{
    size_t len = field->len < cap - 1 ? field->len : cap - 1;
    memcpy(out, field->bytes, len);
    out[len] = '\0';
}

/* google.protobuf.Duration; negative or absurd ones count as their bound. */
static int read_duration(const struct field *outer, int64_t *out)
{
    struct reader reader = reader_of(outer);
    struct field field;
    int64_t seconds = 0, nanos = 0;
    while (reader_next(&reader, &field)) {
        if (field_is(&field, 1, WIRE_VARINT))
            seconds = (int64_t)field.value;
        else if (field_is(&field, 2, WIRE_VARINT))
            nanos = (int32_t)field.value;
    }
    if (seconds < 0 || nanos < 0)
        seconds = nanos = 0;
    if (seconds > LOCAL_SPEECH_TIMEOUT_S_MAX)
        seconds = LOCAL_SPEECH_TIMEOUT_S_MAX;
    *out = seconds * 1000000 + nanos / 1000;
    return reader.status;
}

static int read_activity_timeout(const struct field *outer, struct local_speech_config *config)
{
    struct reader reader = reader_of(outer);
    struct field field;
    while (reader_next(&reader, &field)) {
        if (field_is(&field, 1, WIRE_BYTES))
            reader.status = read_duration(&field, &config->start_timeout_us);
        else if (field_is(&field, 2, WIRE_BYTES))
            reader.status = read_duration(&field, &config->end_timeout_us);
    }
    return reader.status;
}

static void read_recognition_varint(const struct field *field, struct local_speech_config *config)
{
    switch (field->number) {
    case 1: config->encoding = (int32_t)field->value; break;
    case 2: config->rate = (int32_t)field->value; break;
    case 4: config->alternatives_max = (int32_t)field->value; break;
    case 7: config->channels = (int32_t)field->value; break;
    case 8: config->word_times = field->value != 0; break;
    case 11: config->punctuation = field->value != 0; break;
    case 15: config->word_confidence = field->value != 0; break;
    default: break;
    }
}

static int read_recognition(const struct field *outer, struct local_speech_config *config)
{
    struct reader reader = reader_of(outer);
    struct field field;
    config->has_recognition = true;
    while (reader_next(&reader, &field)) {
        if (field.type == WIRE_VARINT)
            read_recognition_varint(&field, config);
        else if (field_is(&field, 3, WIRE_BYTES))
            field_text(&field, config->language, sizeof config->language);
        else if (field_is(&field, 13, WIRE_BYTES))
            field_text(&field, config->model, sizeof config->model);
    }
    return reader.status;
}

static int read_config(const struct field *outer, struct local_speech_config *config)
{
    struct reader reader = reader_of(outer);
    struct field field;
    while (reader_next(&reader, &field)) {
        if (field_is(&field, 1, WIRE_BYTES))
            reader.status = read_recognition(&field, config);
        else if (field_is(&field, 2, WIRE_VARINT))
            config->single_utterance = field.value != 0;
        else if (field_is(&field, 3, WIRE_VARINT))
            config->interim = field.value != 0;
        else if (field_is(&field, 5, WIRE_VARINT))
            config->activity_events = field.value != 0;
        else if (field_is(&field, 6, WIRE_BYTES))
            reader.status = read_activity_timeout(&field, config);
    }
    return reader.status;
}

int local_speech_request_read(const void *bytes, size_t len, struct local_speech_request *out)
{
    assert(bytes != NULL || len == 0);
    static const uint8_t nothing[1];
    const uint8_t *start = len > 0 ? bytes : nothing;
    struct reader reader = {.at = start, .end = start + len};
    struct local_speech_request request = {.kind = LOCAL_REQUEST_NONE};
    struct field field;
    while (reader_next(&reader, &field)) {
        if (field_is(&field, 1, WIRE_BYTES)) {
            /* A repeated message field merges into the one before, unless the oneof changed
             * between. */
            if (request.kind != LOCAL_REQUEST_CONFIG)
                request.config = (struct local_speech_config){0};
            request.kind = LOCAL_REQUEST_CONFIG;
            reader.status = read_config(&field, &request.config);
        } else if (field_is(&field, 2, WIRE_BYTES)) {
            request.kind = LOCAL_REQUEST_AUDIO;
            request.audio = field.bytes;
            request.audio_len = field.len;
        }
    }
    if (reader.status != 0)
        return reader.status;
    *out = request;
    return 0;
}

static void put_varint(struct buf *buf, uint64_t value)
{
    while (value >= 0x80) {
        buf_putc(buf, (char)(value | 0x80));
        value >>= 7;
    }
    buf_putc(buf, (char)value);
}

static void put_tag(struct buf *buf, uint32_t number, enum wire_type type)
{
    put_varint(buf, (uint64_t)number << 3 | type);
}

static void put_int(struct buf *buf, uint32_t number, int64_t value)
{
    if (value == 0)
        return;
    put_tag(buf, number, WIRE_VARINT);
    put_varint(buf, (uint64_t)value);
}

static void put_float(struct buf *buf, uint32_t number, float value)
{
    uint32_t bits;
    if (value == 0.0f)
        return;
    memcpy(&bits, &value, sizeof bits);
    put_tag(buf, number, WIRE_FIXED32);
    for (int i = 0; i < 4; i++)
        buf_putc(buf, (char)(bits >> (8 * i)));
}

static void put_bytes(struct buf *buf, uint32_t number, const void *bytes, size_t len)
{
    put_tag(buf, number, WIRE_BYTES);
    put_varint(buf, len);
    buf_append(buf, bytes, len);
}

static void put_text(struct buf *buf, uint32_t number, const char *text)
{
    if (text != NULL && text[0] != '\0')
        put_bytes(buf, number, text, strlen(text));
}

/* Closes a nested message that was written to a buffer of its own. */
static void put_nested(struct buf *buf, uint32_t number, struct buf *nested)
{
    put_bytes(buf, number, nested->data != NULL ? nested->data : "", nested->len);
    if (buf_status(nested) != 0)
        buf->status = buf_status(nested);
    buf_deinit(nested);
}

static void put_duration(struct buf *buf, uint32_t number, int64_t us)
{
    assert(us >= 0);
    struct buf nested;
    buf_init(&nested, 32);
    put_int(&nested, 1, us / 1000000);
    put_int(&nested, 2, us % 1000000 * 1000);
    put_nested(buf, number, &nested);
}

static void put_word(struct buf *buf, const struct local_speech_word *word)
{
    struct buf nested;
    buf_init(&nested, LOCAL_SPEECH_RESPONSE_BYTES_MAX);
    put_duration(&nested, 1, word->start_us);
    put_duration(&nested, 2, word->end_us);
    put_text(&nested, 3, word->text);
    put_float(&nested, 4, word->confidence);
    put_nested(buf, 3, &nested);
}

static void put_result(struct buf *buf, const struct local_speech_result *result)
{
    struct buf nested, alternative;
    buf_init(&nested, LOCAL_SPEECH_RESPONSE_BYTES_MAX);
    buf_init(&alternative, LOCAL_SPEECH_RESPONSE_BYTES_MAX);
    put_text(&alternative, 1, result->transcript);
    put_float(&alternative, 2, result->confidence);
    for (size_t i = 0; i < result->words_len; i++)
        put_word(&alternative, &result->words[i]);
    put_nested(&nested, 1, &alternative);
    put_int(&nested, 2, result->final);
    put_float(&nested, 3, result->stability);
    put_duration(&nested, 4, result->end_us);
    put_text(&nested, 6, result->language);
    put_nested(buf, 2, &nested);
}

int local_speech_response_write(const struct local_speech_response *response, struct buf *out)
{
    assert(response->results_len == 0 || response->results != NULL);
    if (response->error_code != 0) {
        struct buf nested;
        buf_init(&nested, LOCAL_SPEECH_RESPONSE_BYTES_MAX);
        put_int(&nested, 1, response->error_code);
        put_text(&nested, 2, response->error_text);
        put_nested(out, 1, &nested);
    }
    for (size_t i = 0; i < response->results_len; i++)
        put_result(out, &response->results[i]);
    put_int(out, 4, response->event);
    if (response->billed_us > 0)
        put_duration(out, 5, response->billed_us);
    if (response->event != LOCAL_EVENT_NONE)
        put_duration(out, 8, response->event_us);
    put_int(out, 10, response->request_id);
    return buf_status(out);
}
