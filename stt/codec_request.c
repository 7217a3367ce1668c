#include "stt/codec_request.h"

#include "base/utf8.h"
#include "stt/codec_protobuf.h"
#include "stt/limits.h"
#include <math.h>
#include <string.h>

static bool text_valid(const char *text)
{
    return text != NULL && text[0] != '\0' && utf8_valid(text, strlen(text));
}

static bool contexts_valid(const struct stt_recognition_config *config)
{
    size_t phrases = 0;
    for (size_t i = 0; i < config->contexts_len; i++) {
        const struct stt_context *context = &config->contexts[i];
        if (!(isfinite(context->boost) && context->boost >= 0))
            return false;
        phrases += context->phrases_len;
        if (phrases > STT_CONFIG_PHRASES_MAX)
            return false;
        for (size_t j = 0; j < context->phrases_len; j++) {
            const char *phrase = context->phrases[j];
            if (!text_valid(phrase) ||
                utf8_count(phrase, strlen(phrase)) > STT_CONFIG_PHRASE_CHARS_MAX)
                return false;
        }
    }
    return true;
}

static bool timeout_valid(const struct stt_recognition_config *config, uint32_t ms)
{
    return ms == 0 || (config->voice_activity_events && ms > 500 && ms < 60000);
}

bool stt__config_valid(const struct stt_recognition_config *config)
{
    if (config->rate < 8000 || config->rate > 48000 || config->max_alternatives > 30)
        return false;
    if (!text_valid(config->language))
        return false;
    if (config->model != NULL && !utf8_valid(config->model, strlen(config->model)))
        return false;
    if (config->alternative_languages_len > STT_CONFIG_LANGUAGES_MAX)
        return false;
    for (size_t i = 0; i < config->alternative_languages_len; i++)
        if (!text_valid(config->alternative_languages[i]))
            return false;
    return timeout_valid(config, config->speech_start_timeout_ms) &&
           timeout_valid(config, config->speech_end_timeout_ms) && contexts_valid(config);
}

void stt__put_contexts(struct buf *out, uint32_t number,
                       const struct stt_recognition_config *config, float boost_max)
{
    for (size_t i = 0; i < config->contexts_len; i++) {
        const struct stt_context *context = &config->contexts[i];
        size_t begin = stt__pb_begin(out, number);
        for (size_t j = 0; j < context->phrases_len; j++)
            stt__pb_put_text(out, 1, context->phrases[j]);
        stt__pb_put_float(out, 4, fminf(context->boost, boost_max));
        stt__pb_end(out, begin);
    }
}
