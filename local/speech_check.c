/* What a configuration may say; the texts follow what the cloud answers, so that clients find what
 * they know. */
#include "local/speech_server.h"

#include "base/status.h"
#include "local/limits.h"
#include <assert.h>
#include <grpc/status.h>
#include <stdarg.h>
#include <stdio.h>

static int refuse(struct local_refusal *refusal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(struct local_refusal *refusal, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(refusal->text, sizeof refusal->text, format, args);
    va_end(args);
    refusal->code = GRPC_STATUS_INVALID_ARGUMENT;
    return STATUS_INVALID;
}

static int check_audio(const struct local_speech_config *config, struct local_refusal *refusal)
{
    if (config->encoding == LOCAL_ENCODING_UNSPECIFIED)
        return refuse(refusal, "Invalid recognition 'config': encoding must be specified for audio "
                               "without a header (LINEAR16 or MULAW).");
    if (config->encoding != LOCAL_ENCODING_LINEAR16 && config->encoding != LOCAL_ENCODING_MULAW)
        return refuse(refusal,
                      "Invalid recognition 'config': encoding %d is not supported here; use "
                      "LINEAR16 (1) or MULAW (3).",
                      config->encoding);
    if (config->rate < LOCAL_SPEECH_RATE_MIN || config->rate > LOCAL_SPEECH_RATE_MAX)
        return refuse(refusal,
                      "Invalid recognition 'config': sample_rate_hertz %d is out of range, it must "
                      "be between %d and %d.",
                      config->rate, LOCAL_SPEECH_RATE_MIN, LOCAL_SPEECH_RATE_MAX);
    if (config->channels < 0 || config->channels > 1)
        return refuse(refusal,
                      "Invalid recognition 'config': audio_channel_count %d is not supported here; "
                      "send one channel.",
                      config->channels);
    return 0;
}

int local_speech_config_check(const struct local_speech_server_config *server,
                              const struct local_speech_config *config,
                              struct local_refusal *refusal)
{
    assert(server->language_known != NULL && server->languages != NULL);
    if (!config->has_recognition)
        return refuse(refusal, "Malformed request: streaming_config must hold a 'config'.");
    int status = check_audio(config, refusal);
    if (status != 0)
        return status;
    if (config->language[0] == '\0')
        return refuse(refusal,
                      "Invalid recognition 'config': language_code is required; "
                      "languages here: %s.",
                      server->languages);
    if (!server->language_known(config->language))
        return refuse(refusal,
                      "Invalid recognition 'config': language_code \"%s\" is not available; "
                      "languages here: %s.",
                      config->language, server->languages);
    if (config->alternatives_max < 0 || config->alternatives_max > 30)
        return refuse(refusal,
                      "Invalid recognition 'config': max_alternatives %d is out of range, it must "
                      "be between 0 and 30.",
                      config->alternatives_max);
    if ((config->start_timeout_us > 0 || config->end_timeout_us > 0) && !config->activity_events)
        return refuse(refusal, "Invalid 'streaming_config': voice_activity_timeout requires "
                               "enable_voice_activity_events.");
    return 0;
}
