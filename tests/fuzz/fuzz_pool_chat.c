/* Answers of any bytes: the same result whole and in pieces. Bit 0 of the first byte: stream; the
 * rest: the pieces' size. */
#include "base/utf8.h"
#include "pool/chat.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int run(struct chat_reader *reader, const uint8_t *data, size_t size, size_t step)
{
    for (size_t at = 0; at < size; at += step)
        chat_reader_feed(reader, data + at, size - at < step ? size - at : step);
    return chat_reader_end(reader);
}

static void compare(const struct chat_reader *whole, const struct chat_reader *pieces)
{
    struct chat_result a, b;
    chat_reader_result(whole, &a);
    chat_reader_result(pieces, &b);
    if (a.finish != b.finish || a.len != b.len || strcmp(a.text, b.text) != 0 ||
        a.prompt_tokens != b.prompt_tokens || strcmp(a.error_code, b.error_code) != 0)
        abort();
    if (!utf8_valid(a.text, a.len) || !utf8_valid(a.error_message, strlen(a.error_message)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct chat_reader *whole = chat_reader_create(data[0] & 1);
    struct chat_reader *pieces = chat_reader_create(data[0] & 1);
    if (run(whole, data + 1, size - 1, size) !=
        run(pieces, data + 1, size - 1, 1 + data[0] / 2 % 16))
        abort();
    compare(whole, pieces);
    chat_reader_destroy(whole);
    chat_reader_destroy(pieces);
    struct chat_error error;
    chat_error_read(data + 1, size - 1, &error);
    return 0;
}
