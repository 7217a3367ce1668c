#include "stt/codec_google.h"

int stt__google_word(struct stt_walk *walk, const struct stt_pb_field *field, void *into)
{
    struct stt_response_word *word = into;
    switch (field->tag) {
    case PB_TAG(1, PB_LEN): return stt__pb_duration(field->inside, &word->start_us);
    case PB_TAG(2, PB_LEN): return stt__pb_duration(field->inside, &word->end_us);
    case PB_TAG(3, PB_LEN): return stt__walk_text(walk, field->inside, &word->text);
    }
    return 0;
}

int stt__google_alternative(struct stt_walk *walk, const struct stt_pb_field *field, void *into)
{
    struct stt_result *result = into;
    switch (field->tag) {
    case PB_TAG(1, PB_LEN): return stt__walk_text(walk, field->inside, &result->transcript);
    case PB_TAG(2, PB_I32): result->confidence = stt__pb_float(field->value); return 0;
    case PB_TAG(3, PB_LEN): return stt__walk_word(walk, field->inside, result);
    }
    return 0;
}

int stt__google_result(struct stt_walk *walk, const struct stt_pb_field *field, void *into)
{
    struct stt_result *result = into;
    switch (field->tag) {
    case PB_TAG(1, PB_LEN): return stt__walk_alternative(walk, field->inside, result);
    case PB_TAG(2, PB_VARINT): result->is_final = field->value != 0; return 0;
    case PB_TAG(3, PB_I32): result->stability = stt__pb_float(field->value); return 0;
    case PB_TAG(4, PB_LEN): return stt__pb_duration(field->inside, &result->result_end_us);
    case PB_TAG(6, PB_LEN): return stt__walk_text(walk, field->inside, &result->language);
    }
    return 0;
}

void stt__google_put_timeouts(struct buf *out, uint32_t number,
                              const struct stt_recognition_config *config)
{
    if (config->speech_start_timeout_ms == 0 && config->speech_end_timeout_ms == 0)
        return;
    size_t begin = stt__pb_begin(out, number);
    stt__pb_put_duration(out, 1, config->speech_start_timeout_ms);
    stt__pb_put_duration(out, 2, config->speech_end_timeout_ms);
    stt__pb_end(out, begin);
}
