/* What every reader of speech responses promises (stt/wire.h), whatever it is fed. */
#pragma once

#include "base/utf8.h"
#include "stt/limits.h"
#include "stt/wire.h"
#include <stdlib.h>
#include <string.h>

static inline void expect(bool holds)
{
    if (!holds)
        abort();
}

static inline size_t text_bytes(const char *text)
{
    size_t len = strlen(text);
    expect(utf8_valid(text, len));
    return len;
}

/* Strings must lie within the response: the sanitizer looks. */
static inline int fuzz_response(const struct stt_wire *wire, const uint8_t *data, size_t size)
{
    struct stt_response *response = NULL;
    if (wire->response_read(data, size, &response) != 0) {
        expect(response == NULL);
        return 0;
    }
    expect(response->results_len <= STT_RESPONSE_RESULTS_MAX);
    size_t words = 0, text = text_bytes(response->error_message);
    for (size_t i = 0; i < response->results_len; i++) {
        const struct stt_result *result = &response->results[i];
        text += text_bytes(result->transcript) + text_bytes(result->language);
        expect(result->stability == result->stability && result->confidence == result->confidence);
        words += result->words_len;
        for (size_t j = 0; j < result->words_len; j++)
            text += text_bytes(result->words[j].text);
    }
    expect(words <= STT_RESPONSE_WORDS_MAX && text <= STT_RESPONSE_TEXT_MAX);
    stt_response_free(response);
    return 0;
}
