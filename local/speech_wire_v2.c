/* google.cloud.speech.v2: the same skeleton, most numbers moved. */
#include "base/buf.h"
#include "base/status.h"
#include "local/limits.h"
#include "local/speech_wire_internal.h"
#include <assert.h>
#include <grpc/status.h>
#include <stdio.h>

/* ExplicitDecodingConfig's numbers; of those with a header or without a decoder here only that they
 * are none of ours is kept. */
static int32_t encoding_of(uint64_t value)
{
    switch (value) {
    case 0: return LOCAL_ENCODING_UNSPECIFIED;
    case 1: return LOCAL_ENCODING_LINEAR16;
    case 2: return LOCAL_ENCODING_MULAW;
    default: return LOCAL_ENCODING_FLAC;
    }
}

static int read_decoding(const struct local_proto_field *outer, struct local_speech_config *config)
{
    struct local_proto_reader reader = local_proto_inner(outer);
    struct local_proto_field field;
    while (local_proto_next(&reader, &field)) {
        if (local_proto_is(&field, 1, LOCAL_PROTO_VARINT))
            config->encoding = encoding_of(field.value);
        else if (local_proto_is(&field, 2, LOCAL_PROTO_VARINT))
            config->rate = (int32_t)field.value;
        else if (local_proto_is(&field, 3, LOCAL_PROTO_VARINT))
            config->channels = (int32_t)field.value;
    }
    return reader.status;
}

static int read_features(const struct local_proto_field *outer, struct local_speech_config *config)
{
    struct local_proto_reader reader = local_proto_inner(outer);
    struct local_proto_field field;
    while (local_proto_next(&reader, &field)) {
        if (local_proto_is(&field, 2, LOCAL_PROTO_VARINT))
            config->word_times = field.value != 0;
        else if (local_proto_is(&field, 3, LOCAL_PROTO_VARINT))
            config->word_confidence = field.value != 0;
        else if (local_proto_is(&field, 4, LOCAL_PROTO_VARINT))
            config->punctuation = field.value != 0;
        else if (local_proto_is(&field, 16, LOCAL_PROTO_VARINT))
            config->alternatives_max = (int32_t)field.value;
    }
    return reader.status;
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
        if (local_proto_is(&field, 2, LOCAL_PROTO_BYTES))
            reader.status = read_features(&field, config);
        else if (local_proto_is(&field, 8, LOCAL_PROTO_BYTES))
            reader.status = read_decoding(&field, config);
        else if (local_proto_is(&field, 9, LOCAL_PROTO_BYTES))
            local_proto_text(&field, config->model, sizeof config->model);
        else if (local_proto_is(&field, 10, LOCAL_PROTO_BYTES) && config->language[0] == '\0')
            local_proto_text(&field, config->language, sizeof config->language);
    }
    return reader.status;
}

static int read_streaming(const struct local_proto_field *outer, struct local_speech_config *config)
{
    struct local_proto_reader reader = local_proto_inner(outer);
    struct local_proto_field field;
    while (local_proto_next(&reader, &field)) {
        if (local_proto_is(&field, 1, LOCAL_PROTO_VARINT))
            config->activity_events = field.value != 0;
        else if (local_proto_is(&field, 2, LOCAL_PROTO_VARINT))
            config->interim = field.value != 0;
        else if (local_proto_is(&field, 3, LOCAL_PROTO_BYTES))
            reader.status = local_speech_timeouts_read(&field, config);
        else if (local_proto_is(&field, 8, LOCAL_PROTO_VARINT))
            config->endpointing = field.value == LOCAL_ENDPOINTING_SUPERSHORT ||
                                          field.value == LOCAL_ENDPOINTING_SHORT
                                      ? (enum local_speech_endpointing)field.value
                                      : LOCAL_ENDPOINTING_STANDARD;
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
        else if (local_proto_is(&field, 2, LOCAL_PROTO_BYTES))
            reader.status = read_streaming(&field, config);
    }
    return reader.status;
}

static int request_read(const void *bytes, size_t len, struct local_speech_request *out)
{
    struct local_proto_reader reader = local_proto_read(bytes, len);
    struct local_speech_request request = {.kind = LOCAL_REQUEST_NONE};
    struct local_proto_field field, recognizer = {0};
    while (local_proto_next(&reader, &field)) {
        if (local_proto_is(&field, 3, LOCAL_PROTO_BYTES)) {
            recognizer = field;
        } else if (local_proto_is(&field, 6, LOCAL_PROTO_BYTES)) {
            if (request.kind != LOCAL_REQUEST_CONFIG)
                request.config = (struct local_speech_config){0};
            request.kind = LOCAL_REQUEST_CONFIG;
            reader.status = read_config(&field, &request.config);
        } else if (local_proto_is(&field, 5, LOCAL_PROTO_BYTES)) {
            request.kind = LOCAL_REQUEST_AUDIO;
            request.audio = field.bytes;
            request.audio_len = field.len;
        }
    }
    if (reader.status != 0)
        return reader.status;
    request.config.v2 = true;
    request.config.recognizer = recognizer.bytes;
    request.config.recognizer_len = recognizer.len;
    *out = request;
    return 0;
}

static int response_write(const struct local_speech_response *response, struct buf *out)
{
    assert(response->results_len == 0 || response->results != NULL);
    bool event =
        response->event != LOCAL_EVENT_NONE && response->event != LOCAL_EVENT_ACTIVITY_TIMEOUT;
    if (event)
        local_proto_put_int(out, 3, response->event);
    if (response->billed_us > 0) {
        struct buf metadata;
        buf_init(&metadata, 64);
        local_proto_put_duration(&metadata, 6, response->billed_us);
        local_proto_put_nested(out, 5, &metadata);
    }
    for (size_t i = 0; i < response->results_len; i++)
        local_speech_result_write(out, 6, &response->results[i]);
    if (event)
        local_proto_put_duration(out, 7, response->event_us);
    return buf_status(out);
}

/* Said of any limit, as clients look for these words. */
static void too_old(int64_t limit_ms, char *text, size_t cap)
{
    (void)limit_ms;
    snprintf(text, cap, "Max duration of 5 minutes reached for stream.");
}

const struct local_speech_wire local_speech_v2 = {
    .method = LOCAL_SPEECH_METHOD_V2,
    .package = "google.cloud.speech.v2",
    .audio = "audio",
    .read = request_read,
    .write = response_write,
    .too_old_code = GRPC_STATUS_ABORTED,
    .too_old = too_old,
    .idle_code = GRPC_STATUS_ABORTED,
    .idle = "Stream timed out after receiving no more client requests.",
};
