/*
 * google.cloud.speech.v2.Speech/StreamingRecognize. Errors come as the status of the call only.
 * https://cloud.google.com/speech-to-text/v2/docs/reference/rpc/google.cloud.speech.v2
 */
#include "base/buf.h"
#include "base/status.h"
#include "base/utf8.h"
#include "stt/codec_google.h"
#include "stt/codec_request.h"
#include "stt/limits.h"
#include "stt/wire.h"
#include <assert.h>
#include <math.h>
#include <string.h>

#define DEFAULT_MODEL "long"

enum { LINEAR16 = 1, SUPERSHORT = 2, SHORT = 3 };

static void put_features(struct buf *out, const struct stt_recognition_config *config)
{
    size_t begin = stt__pb_begin(out, 2);
    stt__pb_put_uint(out, 2, config->word_offsets);
    stt__pb_put_uint(out, 4, config->punctuation);
    stt__pb_put_uint(out, 16, config->max_alternatives);
    stt__pb_end(out, begin);
}

/* `phrases_len` of the context's phrases as an AdaptationPhraseSet with its PhraseSet inline. */
static void put_phrase_set(struct buf *out, const struct stt_context *context, size_t first,
                           size_t phrases_len)
{
    size_t set = stt__pb_begin(out, 1);
    size_t inline_set = stt__pb_begin(out, 2);
    for (size_t i = first; i < first + phrases_len; i++) {
        size_t phrase = stt__pb_begin(out, 3);
        stt__pb_put_text(out, 1, context->phrases[i]);
        stt__pb_end(out, phrase);
    }
    /* Past its bounds the API refuses the request. */
    stt__pb_put_float(out, 4, fminf(context->boost, STT_GOOGLE_BOOST_MAX));
    stt__pb_end(out, inline_set);
    stt__pb_end(out, set);
}

static void put_adaptation(struct buf *out, const struct stt_recognition_config *config)
{
    if (config->contexts_len == 0)
        return;
    size_t begin = stt__pb_begin(out, 6);
    for (size_t i = 0; i < config->contexts_len; i++) {
        const struct stt_context *context = &config->contexts[i];
        for (size_t first = 0; first < context->phrases_len; first += STT_CONFIG_SET_PHRASES_MAX) {
            size_t rest = context->phrases_len - first;
            put_phrase_set(out, context, first,
                           rest < STT_CONFIG_SET_PHRASES_MAX ? rest : STT_CONFIG_SET_PHRASES_MAX);
        }
    }
    stt__pb_end(out, begin);
}

/* Raw PCM has no header to detect it by. */
static void put_decoding(struct buf *out, uint32_t rate)
{
    size_t begin = stt__pb_begin(out, 8);
    stt__pb_put_uint(out, 1, LINEAR16);
    stt__pb_put_uint(out, 2, rate);
    stt__pb_put_uint(out, 3, 1);
    stt__pb_end(out, begin);
}

/* A recognizer that exists has a model of its own; the empty one, "_", has none. */
static const char *model_of(const struct stt_recognition_config *config)
{
    size_t len = strlen(config->recognizer);
    if (config->model != NULL && config->model[0] != '\0')
        return config->model;
    return len >= 2 && strcmp(config->recognizer + len - 2, "/_") == 0 ? DEFAULT_MODEL : "";
}

static void put_recognition(struct buf *out, const struct stt_recognition_config *config)
{
    size_t begin = stt__pb_begin(out, 1);
    put_features(out, config);
    put_adaptation(out, config);
    put_decoding(out, config->rate);
    stt__pb_put_text(out, 9, model_of(config));
    stt__pb_put_text(out, 10, config->language);
    for (size_t i = 0; i < config->alternative_languages_len; i++)
        stt__pb_put_text(out, 10, config->alternative_languages[i]);
    stt__pb_end(out, begin);
}

static void put_streaming_features(struct buf *out, const struct stt_recognition_config *config)
{
    static const uint64_t sensitivity[] = {
        [STT_ENDPOINTING_SHORT] = SHORT, [STT_ENDPOINTING_SUPERSHORT] = SUPERSHORT};
    size_t begin = stt__pb_begin(out, 2);
    stt__pb_put_uint(out, 1, config->voice_activity_events);
    stt__pb_put_uint(out, 2, config->interim_results);
    stt__google_put_timeouts(out, 3, config);
    stt__pb_put_uint(out, 8, sensitivity[config->endpointing]);
    stt__pb_end(out, begin);
}

static int config_write(const struct stt_recognition_config *config, struct buf *out)
{
    assert(config != NULL && out != NULL);
    const char *recognizer = config->recognizer;
    if (!stt__config_valid(config) || recognizer == NULL || recognizer[0] == '\0' ||
        !utf8_valid(recognizer, strlen(recognizer)))
        return STATUS_INVALID;
    stt__pb_put_text(out, 3, recognizer);
    size_t begin = stt__pb_begin(out, 6);
    put_recognition(out, config);
    put_streaming_features(out, config);
    stt__pb_end(out, begin);
    return buf_status(out);
}

static int on_metadata(struct stt_walk *walk, const struct stt_pb_field *field, void *into)
{
    (void)walk;
    struct stt_response *response = into;
    if (field->tag == PB_TAG(6, PB_LEN))
        return stt__pb_duration(field->inside, &response->total_billed_us);
    return 0;
}

static int on_response(struct stt_walk *walk, const struct stt_pb_field *field, void *into)
{
    struct stt_response *response = into;
    switch (field->tag) {
    case PB_TAG(3, PB_VARINT): response->speech_event = (int32_t)field->value; return 0;
    case PB_TAG(5, PB_LEN): return stt__walk_message(walk, field->inside, on_metadata, response);
    case PB_TAG(6, PB_LEN): return stt__walk_result(walk, field->inside);
    case PB_TAG(7, PB_LEN): return stt__pb_duration(field->inside, &response->speech_event_us);
    }
    return 0;
}

static int response_read(const void *bytes, size_t len, struct stt_response **out)
{
    static const struct stt_response_fields fields = {on_response, stt__google_result,
                                                      stt__google_alternative, stt__google_word};
    return stt__response_read(&fields, bytes, len, out);
}

const struct stt_wire stt_wire_google_v2 = {
    .name = "google_v2",
    .method = "/google.cloud.speech.v2.Speech/StreamingRecognize",
    .host = "speech.googleapis.com",
    .audio_field = 5,
    .audio_bytes_max = 15360,
    .stream_ms_max = 300000,
    .gap_ms_max = 5000,
    .boost_max = STT_GOOGLE_BOOST_MAX,
    .speech_events = true,
    .endpointing = true,
    .recognizer = true,
    .config_write = config_write,
    .response_read = response_read,
};
