#include "local/speech_wire.h"

#include "base/buf.h"
#include "base/status.h"
#include "local/limits.h"
#include "local/speech_wire_internal.h"
#include <assert.h>
#include <grpc/status.h>
#include <stdio.h>

int local_speech_timeouts_read(const struct local_proto_field *outer,
                               struct local_speech_config *config)
{
    struct local_proto_reader reader = local_proto_inner(outer);
    struct local_proto_field field;
    while (local_proto_next(&reader, &field)) {
        if (local_proto_is(&field, 1, LOCAL_PROTO_BYTES))
            reader.status = local_proto_duration(&field, &config->start_timeout_us);
        else if (local_proto_is(&field, 2, LOCAL_PROTO_BYTES))
            reader.status = local_proto_duration(&field, &config->end_timeout_us);
    }
    return reader.status;
}

static void read_recognition_varint(const struct local_proto_field *field,
                                    struct local_speech_config *config)
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

static int read_recognition(const struct local_proto_field *outer,
                            struct local_speech_config *config)
{
    struct local_proto_reader reader = local_proto_inner(outer);
    struct local_proto_field field;
    config->has_recognition = true;
    config->recognition = outer->bytes;
    config->recognition_len = outer->len;
    while (local_proto_next(&reader, &field)) {
        if (field.type == LOCAL_PROTO_VARINT)
            read_recognition_varint(&field, config);
        else if (local_proto_is(&field, 3, LOCAL_PROTO_BYTES))
            local_proto_text(&field, config->language, sizeof config->language);
        else if (local_proto_is(&field, 13, LOCAL_PROTO_BYTES))
            local_proto_text(&field, config->model, sizeof config->model);
    }
    return reader.status;
}

static int read_config(const struct local_proto_field *outer, struct local_speech_config *config)
{
    struct local_proto_reader reader = local_proto_inner(outer);
    struct local_proto_field field;
    while (local_proto_next(&reader, &field)) {
        if (local_proto_is(&field, 1, LOCAL_PROTO_BYTES))
            reader.status = read_recognition(&field, config);
        else if (local_proto_is(&field, 2, LOCAL_PROTO_VARINT))
            config->single_utterance = field.value != 0;
        else if (local_proto_is(&field, 3, LOCAL_PROTO_VARINT))
            config->interim = field.value != 0;
        else if (local_proto_is(&field, 5, LOCAL_PROTO_VARINT))
            config->activity_events = field.value != 0;
        else if (local_proto_is(&field, 6, LOCAL_PROTO_BYTES))
            reader.status = local_speech_timeouts_read(&field, config);
    }
    return reader.status;
}

int local_speech_request_read(const void *bytes, size_t len, struct local_speech_request *out)
{
    struct local_proto_reader reader = local_proto_read(bytes, len);
    struct local_speech_request request = {.kind = LOCAL_REQUEST_NONE};
    struct local_proto_field field;
    while (local_proto_next(&reader, &field)) {
        if (local_proto_is(&field, 1, LOCAL_PROTO_BYTES)) {
            /* A repeated message field merges into the one before, unless the oneof changed
             * between. */
            if (request.kind != LOCAL_REQUEST_CONFIG)
                request.config = (struct local_speech_config){0};
            request.kind = LOCAL_REQUEST_CONFIG;
            reader.status = read_config(&field, &request.config);
        } else if (local_proto_is(&field, 2, LOCAL_PROTO_BYTES)) {
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

static void put_word(struct buf *buf, const struct local_speech_word *word)
{
    struct buf nested;
    buf_init(&nested, LOCAL_SPEECH_RESPONSE_BYTES_MAX);
    if (word->start_us >= 0) {
        local_proto_put_duration(&nested, 1, word->start_us);
        local_proto_put_duration(&nested, 2, word->end_us);
    }
    local_proto_put_text(&nested, 3, word->text);
    local_proto_put_float(&nested, 4, word->confidence);
    local_proto_put_nested(buf, 3, &nested);
}

void local_speech_result_write(struct buf *buf, uint32_t number,
                               const struct local_speech_result *result)
{
    struct buf nested, alternative;
    buf_init(&nested, LOCAL_SPEECH_RESPONSE_BYTES_MAX);
    buf_init(&alternative, LOCAL_SPEECH_RESPONSE_BYTES_MAX);
    local_proto_put_text(&alternative, 1, result->transcript);
    local_proto_put_float(&alternative, 2, result->confidence);
    for (size_t i = 0; i < result->words_len; i++)
        put_word(&alternative, &result->words[i]);
    local_proto_put_nested(&nested, 1, &alternative);
    local_proto_put_int(&nested, 2, result->final);
    local_proto_put_float(&nested, 3, result->stability);
    local_proto_put_duration(&nested, 4, result->end_us);
    local_proto_put_text(&nested, 6, result->language);
    local_proto_put_nested(buf, number, &nested);
}

int local_speech_response_write(const struct local_speech_response *response, struct buf *out)
{
    assert(response->results_len == 0 || response->results != NULL);
    if (response->error_code != 0) {
        struct buf nested;
        buf_init(&nested, LOCAL_SPEECH_RESPONSE_BYTES_MAX);
        local_proto_put_int(&nested, 1, response->error_code);
        local_proto_put_text(&nested, 2, response->error_text);
        local_proto_put_nested(out, 1, &nested);
    }
    for (size_t i = 0; i < response->results_len; i++)
        local_speech_result_write(out, 2, &response->results[i]);
    local_proto_put_int(out, 4, response->event);
    if (response->billed_us > 0)
        local_proto_put_duration(out, 5, response->billed_us);
    if (response->event != LOCAL_EVENT_NONE)
        local_proto_put_duration(out, 8, response->event_us);
    local_proto_put_int(out, 10, response->request_id);
    return buf_status(out);
}

static void too_old(int64_t limit_ms, char *text, size_t cap)
{
    snprintf(text, cap, "Exceeded maximum allowed stream duration of %lld seconds.",
             (long long)(limit_ms / 1000));
}

const struct local_speech_wire local_speech_v1 = {
    .method = LOCAL_SPEECH_METHOD,
    .package = "google.cloud.speech.v1",
    .audio = "audio_content",
    .read = local_speech_request_read,
    .write = local_speech_response_write,
    .too_old_code = GRPC_STATUS_OUT_OF_RANGE,
    .too_old = too_old,
    .idle_code = GRPC_STATUS_OUT_OF_RANGE,
    .idle = "Audio Timeout Error: Long duration elapsed without audio. Audio should be sent close "
            "to real time.",
};
