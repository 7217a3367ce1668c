#include "stt/codec.h"

#include "base/buf.h"
#include "base/status.h"
#include "base/utf8.h"
#include "stt/limits.h"
#include <assert.h>
#include <string.h>

enum wire { WIRE_VARINT = 0, WIRE_LEN = 2, WIRE_I32 = 5 };

#define ENCODING_LINEAR16 1
#define VARINT_MAX        10

static size_t varint_write(uint64_t value, uint8_t out[VARINT_MAX])
{
    size_t len = 0;
    while (value > 0x7f) {
        out[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[len++] = (uint8_t)value;
    assert(len <= VARINT_MAX);
    return len;
}

static void put_varint(struct buf *out, uint64_t value)
{
    uint8_t bytes[VARINT_MAX];
    buf_append(out, bytes, varint_write(value, bytes));
}

static void put_tag(struct buf *out, uint32_t field, enum wire wire)
{
    assert(field > 0 && field < 1u << 29);
    put_varint(out, (uint64_t)field << 3 | wire);
}

/* proto3: a value of zero is what an absent field means, so it is not written. */
static void put_uint(struct buf *out, uint32_t field, uint64_t value)
{
    if (value == 0)
        return;
    put_tag(out, field, WIRE_VARINT);
    put_varint(out, value);
}

static void put_text(struct buf *out, uint32_t field, const char *text)
{
    size_t len = strlen(text);
    put_tag(out, field, WIRE_LEN);
    put_varint(out, len);
    buf_append(out, text, len);
}

static void put_float(struct buf *out, uint32_t field, float value)
{
    if (value == 0)
        return;
    uint32_t bits;
    _Static_assert(sizeof bits == sizeof value, "IEEE 754 single");
    memcpy(&bits, &value, sizeof bits);
    put_tag(out, field, WIRE_I32);
    uint8_t bytes[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16),
                        (uint8_t)(bits >> 24)};
    buf_append(out, bytes, sizeof bytes);
}

/* A nested message: its length is known at its end and then pushed in before it. */
static size_t message_begin(struct buf *out, uint32_t field)
{
    put_tag(out, field, WIRE_LEN);
    return out->len;
}

static void message_end(struct buf *out, size_t begin)
{
    uint8_t head[VARINT_MAX];
    size_t len = out->len - begin;
    size_t head_len = varint_write(len, head);
    if (buf_append(out, head, head_len) != 0)
        return;
    memmove(out->data + begin + head_len, out->data + begin, len);
    memcpy(out->data + begin, head, head_len);
}

static void put_duration(struct buf *out, uint32_t field, uint32_t ms)
{
    if (ms == 0)
        return;
    size_t begin = message_begin(out, field);
    put_uint(out, 1, ms / 1000);
    put_uint(out, 2, (uint64_t)(ms % 1000) * 1000000);
    message_end(out, begin);
}

static void put_context(struct buf *out, const struct stt_context *context)
{
    size_t begin = message_begin(out, 6);
    for (size_t i = 0; i < context->phrases_len; i++)
        put_text(out, 1, context->phrases[i]);
    put_float(out, 4, context->boost);
    message_end(out, begin);
}

static void put_recognition(struct buf *out, const struct stt_recognition_config *config)
{
    size_t begin = message_begin(out, 1);
    put_uint(out, 1, ENCODING_LINEAR16);
    put_uint(out, 2, config->rate);
    put_text(out, 3, config->language);
    put_uint(out, 4, config->max_alternatives);
    for (size_t i = 0; i < config->contexts_len; i++)
        put_context(out, &config->contexts[i]);
    put_uint(out, 8, config->word_offsets);
    put_uint(out, 11, config->punctuation);
    if (config->model != NULL && config->model[0] != '\0')
        put_text(out, 13, config->model);
    for (size_t i = 0; i < config->alternative_languages_len; i++)
        put_text(out, 18, config->alternative_languages[i]);
    message_end(out, begin);
}

static void put_timeouts(struct buf *out, const struct stt_recognition_config *config)
{
    if (config->speech_start_timeout_ms == 0 && config->speech_end_timeout_ms == 0)
        return;
    size_t begin = message_begin(out, 6);
    put_duration(out, 1, config->speech_start_timeout_ms);
    put_duration(out, 2, config->speech_end_timeout_ms);
    message_end(out, begin);
}

static bool text_ok(const char *text)
{
    return text != NULL && text[0] != '\0' && utf8_valid(text, strlen(text));
}

static bool contexts_ok(const struct stt_recognition_config *config)
{
    size_t phrases = 0;
    for (size_t i = 0; i < config->contexts_len; i++) {
        const struct stt_context *context = &config->contexts[i];
        if (!(context->boost >= 0 && context->boost <= 20))
            return false;
        phrases += context->phrases_len;
        if (phrases > STT_CONFIG_PHRASES_MAX)
            return false;
        for (size_t j = 0; j < context->phrases_len; j++) {
            const char *phrase = context->phrases[j];
            if (!text_ok(phrase) ||
                utf8_count(phrase, strlen(phrase)) > STT_CONFIG_PHRASE_CHARS_MAX)
                return false;
        }
    }
    return true;
}

static bool timeout_ok(const struct stt_recognition_config *config, uint32_t ms)
{
    return ms == 0 || (config->voice_activity_events && ms > 500 && ms < 60000);
}

static bool config_ok(const struct stt_recognition_config *config)
{
    if (config->rate < 8000 || config->rate > 48000 || config->max_alternatives > 30)
        return false;
    if (!text_ok(config->language))
        return false;
    if (config->model != NULL && !utf8_valid(config->model, strlen(config->model)))
        return false;
    if (config->alternative_languages_len > STT_CONFIG_LANGUAGES_MAX)
        return false;
    for (size_t i = 0; i < config->alternative_languages_len; i++)
        if (!text_ok(config->alternative_languages[i]))
            return false;
    return timeout_ok(config, config->speech_start_timeout_ms) &&
           timeout_ok(config, config->speech_end_timeout_ms) && contexts_ok(config);
}

int stt_codec_config_write(const struct stt_recognition_config *config, struct buf *out)
{
    assert(config != NULL && out != NULL);
    if (!config_ok(config))
        return STATUS_INVALID;
    size_t begin = message_begin(out, 1);
    put_recognition(out, config);
    put_uint(out, 2, config->single_utterance);
    put_uint(out, 3, config->interim_results);
    put_uint(out, 5, config->voice_activity_events);
    put_timeouts(out, config);
    message_end(out, begin);
    return buf_status(out);
}

void stt_codec_audio_head(uint32_t bytes, uint8_t head[STT_AUDIO_HEAD_MAX], size_t *len)
{
    assert(head != NULL && len != NULL);
    uint8_t varint[VARINT_MAX];
    size_t varint_len = varint_write(bytes, varint);
    assert(varint_len < STT_AUDIO_HEAD_MAX);
    head[0] = 2 << 3 | WIRE_LEN;
    memcpy(head + 1, varint, varint_len);
    *len = 1 + varint_len;
}
