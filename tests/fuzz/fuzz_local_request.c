/* Requests to the offline speech API, v1 and v2: any bytes give a request within them, or a
 * refusal. */
#include "base/status.h"
#include "local/speech_wire.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_phrases(const struct local_speech_config *config, const uint8_t *data,
                          size_t size)
{
    struct local_speech_phrase phrases[8];
    int count = local_speech_phrases_read(config, phrases, 8);
    assert(count <= 8 && (count >= 0 || count == STATUS_PROTOCOL));
    for (int i = 0; i < count; i++) {
        const uint8_t *text = (const uint8_t *)phrases[i].text;
        assert(phrases[i].len > 0 && text >= data && text + phrases[i].len <= data + size);
    }
}

static void check(const struct local_speech_wire *wire, const uint8_t *data, size_t size)
{
    struct local_speech_request request;
    if (wire->read(data, size, &request) != 0)
        return;
    if (request.kind == LOCAL_REQUEST_AUDIO)
        assert(request.audio >= data && request.audio + request.audio_len <= data + size);
    const struct local_speech_config *config = &request.config;
    assert(strnlen(config->language, sizeof config->language) < sizeof config->language);
    assert(strnlen(config->model, sizeof config->model) < sizeof config->model);
    assert(config->start_timeout_us >= 0 && config->end_timeout_us >= 0);
    assert(
        config->recognizer_len == 0 ||
        (config->recognizer >= data && config->recognizer + config->recognizer_len <= data + size));
    check_phrases(config, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(&local_speech_v1, data, size);
    check(&local_speech_v2, data, size);
    return 0;
}
