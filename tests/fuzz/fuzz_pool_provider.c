/* Answers and errors of any bytes, read as each provider's: the same whole and in pieces. Of the
 * first byte the low three bits choose the provider, the next two the status, the rest the pieces.
 */
#include "base/utf8.h"
#include "pool/chat.h"
#include "pool/chat_provider.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int run(struct chat_reader *reader, const uint8_t *data, size_t size, size_t step)
{
    for (size_t at = 0; at < size; at += step)
        chat_reader_feed(reader, data + at, size - at < step ? size - at : step);
    return chat_reader_end(reader);
}

static void check(const struct chat_reader *whole, const struct chat_reader *pieces, int status)
{
    struct chat_result a, b;
    chat_reader_result(whole, &a);
    chat_reader_result(pieces, &b);
    if (a.finish != b.finish || a.len != b.len || strcmp(a.text, b.text) != 0 ||
        a.prompt_tokens != b.prompt_tokens)
        abort();
    if (!utf8_valid(a.text, a.len) || strlen(a.text) != a.len)
        abort();
    /* An answer is whole or none. */
    if (status == 0 && a.finish != CHAT_STOP)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct chat_provider *const providers[8] = {
        &chat_openai, &chat_azure, &chat_vllm,        &chat_ollama,
        &chat_deepl,  &chat_deepl, &chat_deepl_write, &chat_libretranslate};
    static const int statuses[4] = {400, 429, 456, 500};
    if (size < 2)
        return 0;
    const struct chat_provider *provider = providers[data[0] & 7];
    struct chat_reader *whole = chat_provider_reader(provider, false);
    struct chat_reader *pieces = chat_provider_reader(provider, false);
    int status = run(whole, data + 1, size - 1, size);
    if (status != run(pieces, data + 1, size - 1, 1 + (size_t)(data[0] >> 5)))
        abort();
    check(whole, pieces, status);
    chat_reader_destroy(whole);
    chat_reader_destroy(pieces);
    struct chat_error error;
    chat_provider_error(provider, statuses[data[0] >> 3 & 3], data + 1, size - 1, &error);
    if (!utf8_valid(error.code, strlen(error.code)) ||
        !utf8_valid(error.message, strlen(error.message)))
        abort();
    return 0;
}
