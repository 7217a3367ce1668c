/* Requests to the offline speech API: any bytes give a request within them, or a refusal. */
#include "local/speech_wire.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct local_speech_request request;
    if (local_speech_request_read(data, size, &request) != 0)
        return 0;
    if (request.kind == LOCAL_REQUEST_AUDIO)
        assert(request.audio >= data && request.audio + request.audio_len <= data + size);
    assert(strnlen(request.config.language, sizeof request.config.language) <
           sizeof request.config.language);
    assert(strnlen(request.config.model, sizeof request.config.model) <
           sizeof request.config.model);
    assert(request.config.start_timeout_us >= 0 && request.config.end_timeout_us >= 0);
    return 0;
}
