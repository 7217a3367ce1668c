/*
 * nvidia.riva.asr.RivaSpeechRecognition/StreamingRecognize, the API of a self-hosted recogniser:
 * Google's v1 in outline, other numbers inside. It has no speech events, no error within a response
 * and no longest stream.
 * https://github.com/nvidia-riva/common (riva/proto/riva_asr.proto)
 */
#include "base/buf.h"
#include "base/status.h"
#include "stt/codec_request.h"
#include "stt/codec_response.h"
#include "stt/wire.h"
#include <assert.h>

enum { LINEAR_PCM = 1 };

/* Past it a phrase is heard where it was not said. */
#define BOOST_MAX 100
/* The end of audio as a float of seconds: as far as a Duration goes. */
#define SECONDS_MAX 315576000000.0f

/* The window in which nothing is said before an utterance is final; the API's own is longer. */
static const uint64_t stop_ms[] = {
    [STT_ENDPOINTING_SHORT] = 500, [STT_ENDPOINTING_SUPERSHORT] = 300};

static void put_endpointing(struct buf *out, const struct stt_recognition_config *config)
{
    if (config->endpointing == STT_ENDPOINTING_STANDARD)
        return;
    size_t begin = stt__pb_begin(out, 25);
    stt__pb_put_uint(out, 3, stop_ms[config->endpointing]);
    stt__pb_end(out, begin);
}

static void put_recognition(struct buf *out, const struct stt_recognition_config *config)
{
    size_t begin = stt__pb_begin(out, 1);
    stt__pb_put_uint(out, 1, LINEAR_PCM);
    stt__pb_put_uint(out, 2, config->rate);
    stt__pb_put_text(out, 3, config->language);
    stt__pb_put_uint(out, 4, config->max_alternatives);
    stt__put_contexts(out, 6, config, BOOST_MAX);
    stt__pb_put_uint(out, 8, config->word_offsets);
    stt__pb_put_uint(out, 11, config->punctuation);
    if (config->model != NULL)
        stt__pb_put_text(out, 13, config->model);
    put_endpointing(out, config);
    stt__pb_end(out, begin);
}

static int config_write(const struct stt_recognition_config *config, struct buf *out)
{
    assert(config != NULL && out != NULL);
    if (!stt__config_valid(config))
        return STATUS_INVALID;
    size_t begin = stt__pb_begin(out, 1);
    put_recognition(out, config);
    stt__pb_put_uint(out, 2, config->interim_results);
    stt__pb_end(out, begin);
    return buf_status(out);
}

static int64_t ms_to_us(uint64_t value)
{
    return (int64_t)(int32_t)value * 1000;
}

static int on_word(struct stt_walk *walk, const struct stt_pb_field *field, void *into)
{
    struct stt_response_word *word = into;
    switch (field->tag) {
    case PB_TAG(1, PB_VARINT): word->start_us = ms_to_us(field->value); return 0;
    case PB_TAG(2, PB_VARINT): word->end_us = ms_to_us(field->value); return 0;
    case PB_TAG(3, PB_LEN): return stt__walk_text(walk, field->inside, &word->text);
    }
    return 0;
}

static int on_alternative(struct stt_walk *walk, const struct stt_pb_field *field, void *into)
{
    struct stt_result *result = into;
    switch (field->tag) {
    case PB_TAG(1, PB_LEN): return stt__walk_text(walk, field->inside, &result->transcript);
    case PB_TAG(2, PB_I32): result->confidence = stt__pb_float(field->value); return 0;
    case PB_TAG(3, PB_LEN): return stt__walk_word(walk, field->inside, result);
    case PB_TAG(4, PB_LEN): /* repeated: of the languages the first */
        return result->language[0] == '\0' ? stt__walk_text(walk, field->inside, &result->language)
                                           : 0;
    }
    return 0;
}

/* Single precision: to the millisecond for the first four hours of a stream. */
static int seconds_to_us(float seconds, int64_t *us)
{
    if (seconds > SECONDS_MAX || seconds < -SECONDS_MAX)
        return STATUS_PROTOCOL;
    *us = (int64_t)((double)seconds * 1e6 + (seconds < 0 ? -0.5 : 0.5));
    return 0;
}

static int on_result(struct stt_walk *walk, const struct stt_pb_field *field, void *into)
{
    struct stt_result *result = into;
    switch (field->tag) {
    case PB_TAG(1, PB_LEN): return stt__walk_alternative(walk, field->inside, result);
    case PB_TAG(2, PB_VARINT): result->is_final = field->value != 0; return 0;
    case PB_TAG(3, PB_I32): result->stability = stt__pb_float(field->value); return 0;
    case PB_TAG(6, PB_I32):
        return seconds_to_us(stt__pb_float(field->value), &result->result_end_us);
    }
    return 0;
}

static int on_response(struct stt_walk *walk, const struct stt_pb_field *field, void *into)
{
    (void)into;
    return field->tag == PB_TAG(1, PB_LEN) ? stt__walk_result(walk, field->inside) : 0;
}

static int response_read(const void *bytes, size_t len, struct stt_response **out)
{
    static const struct stt_response_fields fields = {on_response, on_result, on_alternative,
                                                      on_word};
    return stt__response_read(&fields, bytes, len, out);
}

const struct stt_wire stt_wire_riva = {
    .name = "riva",
    .method = "/nvidia.riva.asr.RivaSpeechRecognition/StreamingRecognize",
    .audio_field = 2,
    .audio_bytes_max = 1 << 20, /* none is documented; gRPC servers take 4 MiB a message */
    .boost_max = BOOST_MAX,
    .endpointing = true,
    .config_write = config_write,
    .response_read = response_read,
};
