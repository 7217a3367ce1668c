#include "tests/upstream/speech_wire.h"

#include "base/buf.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

struct span {
    const uint8_t *at, *end;
};

static bool varint(struct span *in, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        uint8_t byte = *in->at++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* Varints and byte strings are all that the fields looked at need; others end the reading. */
static bool field(struct span *in, uint64_t *number, uint64_t *value, struct span *inside)
{
    uint64_t tag;
    if (!varint(in, &tag) || !varint(in, value))
        return false;
    *number = tag >> 3;
    if ((tag & 7) == 0)
        return true;
    if ((tag & 7) != 2 || *value > (uint64_t)(in->end - in->at))
        return false;
    *inside = (struct span){in->at, in->at + *value};
    in->at += *value;
    return true;
}

static bool recognition_read(struct span in, struct speech_request *out)
{
    uint64_t number, value;
    struct span inside;
    while (in.at < in.end) {
        if (!field(&in, &number, &value, &inside))
            return false;
        if (number == 2)
            out->rate = (uint32_t)value;
        if (number == 8)
            out->word_offsets = value != 0;
    }
    return out->rate > 0;
}

static bool config_read(struct span in, struct speech_request *out)
{
    uint64_t number, value;
    struct span inside;
    bool found = false;
    while (in.at < in.end) {
        if (!field(&in, &number, &value, &inside))
            return false;
        if (number == 1)
            found = recognition_read(inside, out);
        if (number == 3)
            out->interim_results = value != 0;
    }
    return found;
}

bool speech_request_read(const uint8_t *bytes, size_t len, struct speech_request *out)
{
    *out = (struct speech_request){0};
    struct span in = {bytes, bytes + len};
    struct span inside = {bytes, bytes};
    uint64_t number, value;
    if (!field(&in, &number, &value, &inside) || in.at != in.end)
        return false;
    if (number == 2)
        out->audio_bytes = (size_t)value;
    out->is_config = number == 1;
    return number == 2 || (number == 1 && config_read(inside, out));
}

static void put_varint(struct buf *out, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        buf_putc(out, (char)(value | 0x80));
    buf_putc(out, (char)value);
}

static void put_uint(struct buf *out, uint32_t number, uint64_t value)
{
    put_varint(out, number << 3);
    put_varint(out, value);
}

static void put_bytes(struct buf *out, uint32_t number, const void *bytes, size_t len)
{
    put_varint(out, number << 3 | 2);
    put_varint(out, len);
    buf_append(out, bytes, len);
}

/* Ends `inside` as a field of `out`. */
static void put_message(struct buf *out, uint32_t number, struct buf *inside)
{
    put_bytes(out, number, inside->len > 0 ? inside->data : "", inside->len);
    buf_deinit(inside);
}

static void put_duration(struct buf *out, uint32_t number, uint64_t ms)
{
    struct buf inside;
    buf_init(&inside, 64);
    put_uint(&inside, 1, ms / 1000);
    put_uint(&inside, 2, ms % 1000 * 1000000);
    put_message(out, number, &inside);
}

static void put_float(struct buf *out, uint32_t number, float value)
{
    uint8_t bytes[4];
    memcpy(bytes, &value, sizeof bytes); /* tests run on little-endian machines */
    put_varint(out, number << 3 | 5);
    buf_append(out, bytes, sizeof bytes);
}

static size_t word_text(const struct speech_words *words, size_t index, char *out, size_t size)
{
    if (words->list == NULL)
        return (size_t)snprintf(out, size, "word%zu", index + 1);
    size_t count = 1;
    for (const char *c = words->list; *c != '\0'; c++)
        count += *c == ' ';
    const char *word = words->list;
    for (size_t skip = index % count; skip > 0; skip--)
        word = strchr(word, ' ') + 1;
    return (size_t)snprintf(out, size, "%.*s", (int)strcspn(word, " "), word);
}

static void put_word(struct buf *out, const struct speech_words *words, size_t index,
                     uint32_t end_ms)
{
    char text[128];
    struct buf inside;
    buf_init(&inside, 512);
    uint64_t start = index * words->ms_per_word;
    uint64_t end = start + words->ms_per_word;
    put_duration(&inside, 1, start);
    put_duration(&inside, 2, end < end_ms ? end : end_ms);
    put_bytes(&inside, 3, text, word_text(words, index, text, sizeof text));
    put_message(out, 3, &inside);
}

static void put_alternative(struct buf *out, const struct speech_words *words,
                            const struct speech_result *result)
{
    struct buf inside, transcript;
    buf_init(&inside, 1 << 20);
    buf_init(&transcript, 1 << 20);
    for (size_t i = result->first; i < result->end; i++) {
        char text[128];
        word_text(words, i, text, sizeof text);
        buf_printf(&transcript, "%s%s", i > 0 ? " " : "", text);
    }
    put_message(&inside, 1, &transcript);
    if (result->final)
        put_float(&inside, 2, 0.9f);
    for (size_t i = result->first; i < result->end && result->final && result->times; i++)
        put_word(&inside, words, i, result->end_ms);
    put_message(out, 1, &inside);
}

void speech_response_write(struct buf *out, const struct speech_words *words,
                           const struct speech_result *result)
{
    assert(result->first < result->end && words->ms_per_word > 0);
    struct buf inside;
    buf_init(&inside, 1 << 20);
    put_alternative(&inside, words, result);
    if (result->final)
        put_uint(&inside, 2, 1);
    else
        put_float(&inside, 3, 0.9f);
    put_duration(&inside, 4, result->end_ms);
    put_bytes(&inside, 6, "en-us", 5);
    put_message(out, 2, &inside);
}

void speech_error_write(struct buf *out, int code, const char *text)
{
    struct buf inside;
    buf_init(&inside, 4096);
    put_uint(&inside, 1, (uint64_t)code);
    put_bytes(&inside, 2, text, strlen(text));
    put_message(out, 1, &inside);
}
