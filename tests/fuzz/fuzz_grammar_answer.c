/* A grammar answer: first line is the learner's text, the rest what the model said. What is
 * accepted must apply exactly. */
#include "base/mem.h"
#include "base/utf8.h"
#include "grammar/grammar.h"
#include "tests/unit/grammar_kit.h"
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = memchr(data, '\n', size);
    size_t said_len = line != NULL ? (size_t)(line - data) : 0;
    size_t skip = line != NULL ? said_len + 1 : 0;
    char *said = utf8_nfc((const char *)data, said_len < 4096 ? said_len : 4096);
    struct grammar_prompt prompt = {.model = "m", .language = "en", .text = said};
    struct grammar_result result = {0};
    if (grammar_answer_read(&prompt, (const char *)data + skip, size - skip, &result) == 0 &&
        !edits_apply(said, &result))
        abort();
    grammar_result_free(&result);
    mem_free(said);
    return 0;
}
