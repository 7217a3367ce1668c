#include "base/utf8.h"
#include "stt/wire.h"
#include "stt/limits.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
    if (!holds)
        abort();
}

/* What is read must keep every promise of stt/codec.h, and its strings must lie within it (the
 * sanitizer looks). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stt_response *response = NULL;
    if (stt_wire_google_v1.response_read(data, size, &response) != 0) {
        expect(response == NULL);
        return 0;
    }
    expect(response->results_len <= STT_RESPONSE_RESULTS_MAX);
    expect(utf8_valid(response->error_message, strlen(response->error_message)));
    size_t words = 0;
    for (size_t i = 0; i < response->results_len; i++) {
        const struct stt_result *result = &response->results[i];
        expect(utf8_valid(result->transcript, strlen(result->transcript)));
        expect(utf8_valid(result->language, strlen(result->language)));
        expect(result->stability == result->stability);
        words += result->words_len;
        for (size_t j = 0; j < result->words_len; j++)
            expect(utf8_valid(result->words[j].text, strlen(result->words[j].text)));
    }
    expect(words <= STT_RESPONSE_WORDS_MAX);
    stt_response_free(response);
    return 0;
}
