/* What a session got as text, cut into words of the script and aligned with it. */
#include "base/buf.h"
#include "base/utf8.h"
#include "bench/judge_words.h"
#include "bench/script.h"
#include "tests/fuzz/fuzz_kit.h"

enum { WORDS_MAX = 256 };

static size_t words_of(const char *text, size_t len, uint16_t *out)
{
    size_t at = 0, count = 0;
    struct judge_text word;
    while (count < WORDS_MAX && judge_words_next(text, len, &at, &word) != 0) {
        assert(word.len > 0 && word.data >= text && word.data + word.len <= text + len);
        out[count++] = judge_words_find(word, "en");
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t utterances[WORDS_MAX];
    uint16_t said[WORDS_MAX], heard[WORDS_MAX];
    uint32_t places[WORDS_MAX];
    struct judge_words_sum sum;
    struct buf out;
    struct fuzz_lines lines = {0};
    fuzz_lines_take(&lines, data, size);
    const char *first = fuzz_line(&lines, 0), *second = fuzz_line(&lines, 1);
    struct judge_words_script script = {.words = said, .utterances = utterances};
    struct judge_words_got got = {.words = heard, .utterances = utterances};
    script.len = words_of(first, strlen(first), said);
    script.said = script.len - script.len / 4;
    got.len = words_of(second, strlen(second), heard);
    if (judge_words_align(&script, &got, places, &sum) == 0)
        assert(sum.hits <= got.len && sum.lost <= script.said && sum.hits <= script.len);
    buf_init(&out, 1 << 20);
    (void)script_translate(second, "en", "es", &out);
    buf_deinit(&out);
    fuzz_lines_free(&lines);
    return 0;
}
