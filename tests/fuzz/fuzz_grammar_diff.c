/* Two lines, a text and its correction: the edits turn the one into the other. */
#include "base/utf8.h"
#include "grammar/grammar.h"
#include "tests/fuzz/fuzz_kit.h"
#include "tests/unit/grammar_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_lines lines = {0};
    fuzz_lines_take(&lines, data, size < 8192 ? size : 8192);
    char *said = utf8_nfc(fuzz_line(&lines, 0), strlen(fuzz_line(&lines, 0)));
    char *meant = utf8_nfc(fuzz_line(&lines, 1), strlen(fuzz_line(&lines, 1)));
    struct grammar_prompt prompt = {.model = "m", .language = "en", .text = said};
    struct grammar_result result = {0};
    int status = grammar_diff(said, meant, &result);
    assert(status != 0 || edits_apply(prompt.text, &result));
    grammar_result_free(&result);
    mem_free(said);
    mem_free(meant);
    fuzz_lines_free(&lines);
    return 0;
}
