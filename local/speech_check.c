/* What a configuration may say; the texts follow what the cloud answers, so that clients find what
 * they know. */
#include "local/speech_server.h"

#include "base/status.h"
#include "local/limits.h"
#include <assert.h>
#include <grpc/status.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
        return refuse(refusal,
                      "Invalid recognition 'config': encoding must be specified for audio "
                      "without a header (LINEAR16 or MULAW)%s.",
                      config->v2 ? ", in explicit_decoding_config" : "");
    if (config->encoding != LOCAL_ENCODING_LINEAR16 && config->encoding != LOCAL_ENCODING_MULAW)
        return refuse(refusal,
                      "Invalid recognition 'config': this encoding is not supported here; use "
                      "LINEAR16 or MULAW.");
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

static bool timeout_fits(int64_t us)
{
    return us == 0 || (us >= LOCAL_SPEECH_TIMEOUT_MS_MIN * INT64_C(1000) &&
                       us <= LOCAL_SPEECH_TIMEOUT_MS_MAX * INT64_C(1000));
}

static int check_timeouts(const struct local_speech_config *config, struct local_refusal *refusal)
{
    if (config->start_timeout_us == 0 && config->end_timeout_us == 0)
        return 0;
    if (!config->activity_events)
        return refuse(refusal, "Invalid 'streaming_config': voice_activity_timeout requires "
                               "enable_voice_activity_events.");
    if (!timeout_fits(config->start_timeout_us) || !timeout_fits(config->end_timeout_us))
        return refuse(refusal,
                      "Invalid 'streaming_config': voice_activity_timeout must be between %d ms "
                      "and %d s.",
                      LOCAL_SPEECH_TIMEOUT_MS_MIN, LOCAL_SPEECH_TIMEOUT_MS_MAX / 1000);
    return 0;
}

/* projects/P/locations/L/recognizers/R: the shape counts, there are no recognizers of a name here.
 */
static int check_recognizer(const struct local_speech_config *config, struct local_refusal *refusal)
{
    static const char *const parts[] = {"projects", NULL, "locations", NULL, "recognizers", NULL};
    const char *at = (const char *)config->recognizer;
    size_t left = config->recognizer_len, part = 0;
    if (!config->v2)
        return 0;
    for (; part < 6 && left > 0; part++) {
        const char *slash = memchr(at, '/', left);
        size_t len = slash != NULL ? (size_t)(slash - at) : left;
        bool fits = parts[part] == NULL
                        ? len > 0
                        : strlen(parts[part]) == len && memcmp(parts[part], at, len) == 0;
        if (!fits || (slash == NULL) != (part == 5))
            break;
        left -= len + (slash != NULL);
        at += len + (slash != NULL);
    }
    if (part == 6)
        return 0;
    return refuse(refusal,
                  "Invalid resource field value in the request: recognizer must be "
                  "projects/PROJECT/locations/LOCATION/recognizers/_, not \"%.*s\".",
                  (int)(config->recognizer_len < 100 ? config->recognizer_len : 100),
                  config->recognizer != NULL ? (const char *)config->recognizer : "");
}

int local_speech_config_check(const struct local_speech_server_config *server,
                              const struct local_speech_config *config,
                              struct local_refusal *refusal)
{
    assert(server->language_known != NULL && server->languages != NULL);
    int status = check_recognizer(config, refusal);
    if (status != 0)
        return status;
    if (!config->has_recognition)
        return refuse(refusal, "Malformed request: streaming_config must hold a 'config'.");
    status = check_audio(config, refusal);
    if (status != 0)
        return status;
    if (config->language[0] == '\0')
        return refuse(refusal, "Invalid recognition 'config': %s required; languages here: %s.",
                      config->v2 ? "language_codes are" : "language_code is", server->languages);
    if (!server->language_known(config->language))
        return refuse(refusal,
                      "Invalid recognition 'config': language \"%s\" is not available; "
                      "languages here: %s.",
                      config->language, server->languages);
    if (config->alternatives_max < 0 || config->alternatives_max > 30)
        return refuse(refusal,
                      "Invalid recognition 'config': max_alternatives %d is out of range, it must "
                      "be between 0 and 30.",
                      config->alternatives_max);
    return check_timeouts(config, refusal);
}
