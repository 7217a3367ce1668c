/*
 * google.cloud.speech.v1.Speech/StreamingRecognize.
 * https://cloud.google.com/speech-to-text/docs/reference/rpc/google.cloud.speech.v1
 */
#include "base/buf.h"
#include "base/status.h"
#include "stt/codec_google.h"
#include "stt/codec_request.h"
#include "stt/wire.h"
#include <assert.h>

enum { LINEAR16 = 1 };

static void put_recognition(struct buf *out, const struct stt_recognition_config *config)
{
    size_t begin = stt__pb_begin(out, 1);
    stt__pb_put_uint(out, 1, LINEAR16);
    stt__pb_put_uint(out, 2, config->rate);
    stt__pb_put_text(out, 3, config->language);
    stt__pb_put_uint(out, 4, config->max_alternatives);
    stt__put_contexts(out, 6, config, STT_GOOGLE_BOOST_MAX);
    stt__pb_put_uint(out, 8, config->word_offsets);
    stt__pb_put_uint(out, 11, config->punctuation);
    if (config->model != NULL)
        stt__pb_put_text(out, 13, config->model);
    for (size_t i = 0; i < config->alternative_languages_len; i++)
        stt__pb_put_text(out, 18, config->alternative_languages[i]);
    stt__pb_end(out, begin);
}

static int config_write(const struct stt_recognition_config *config, struct buf *out)
{
    assert(config != NULL && out != NULL);
    if (!stt__config_valid(config))
        return STATUS_INVALID;
    size_t begin = stt__pb_begin(out, 1);
    put_recognition(out, config);
    stt__pb_put_uint(out, 2, config->single_utterance);
    stt__pb_put_uint(out, 3, config->interim_results);
    stt__pb_put_uint(out, 5, config->voice_activity_events);
    stt__google_put_timeouts(out, 6, config);
    stt__pb_end(out, begin);
    return buf_status(out);
}

/* google.rpc.Status */
static int on_error(struct stt_walk *walk, const struct stt_pb_field *field, void *into)
{
    struct stt_response *response = into;
    switch (field->tag) {
    case PB_TAG(1, PB_VARINT): response->error_code = (int32_t)field->value; return 0;
    case PB_TAG(2, PB_LEN): return stt__walk_text(walk, field->inside, &response->error_message);
    }
    return 0;
}

static int on_response(struct stt_walk *walk, const struct stt_pb_field *field, void *into)
{
    struct stt_response *response = into;
    switch (field->tag) {
    case PB_TAG(1, PB_LEN): return stt__walk_message(walk, field->inside, on_error, response);
    case PB_TAG(2, PB_LEN): return stt__walk_result(walk, field->inside);
    case PB_TAG(4, PB_VARINT): response->speech_event = (int32_t)field->value; return 0;
    case PB_TAG(5, PB_LEN): return stt__pb_duration(field->inside, &response->total_billed_us);
    case PB_TAG(8, PB_LEN): return stt__pb_duration(field->inside, &response->speech_event_us);
    }
    return 0;
}

static int response_read(const void *bytes, size_t len, struct stt_response **out)
{
    static const struct stt_response_fields fields = {on_response, stt__google_result,
                                                      stt__google_alternative, stt__google_word};
    return stt__response_read(&fields, bytes, len, out);
}

const struct stt_wire stt_wire_google_v1 = {
    .name = "google_v1",
    .method = "/google.cloud.speech.v1.Speech/StreamingRecognize",
    .host = "speech.googleapis.com",
    .locations = "global, us, eu",
    .audio_field = 2,
    .audio_bytes_max = 25600,
    .stream_ms_max = 305000,
    .gap_ms_max = 10000,
    .boost_max = STT_GOOGLE_BOOST_MAX,
    .speech_events = true,
    .single_utterance = true,
    .config_write = config_write,
    .response_read = response_read,
};
