/* Two lines of what was heard: words are whole, and the second line continues the first somewhere
 * within it. */
#include "base/buf.h"
#include "base/status.h"
#include "base/utf8.h"
#include "stt/words.h"
#include "tests/fuzz/fuzz_kit.h"

static void take(struct stt_words *words, const char *text)
{
    struct stt_words_parsed parsed;
    struct buf out;
    char *nfc = utf8_nfc(text, strlen(text));
    size_t before = words->len;
    assert(stt_words_parse(words, nfc, strlen(nfc) / 2, &parsed) == STATUS_OK);
    assert(parsed.same <= words->len && parsed.same <= before && parsed.stable <= words->len);
    buf_init(&out, 1 << 24);
    assert(stt_words_print(&out, words->at, words->len, false) == STATUS_OK);
    assert(out.len == 0 || utf8_valid(out.data, out.len));
    for (size_t i = 0; i < words->len; i++)
        assert(words->at[i].text[0] != '\0' && words->at[i].fold[0] != '\0');
    buf_deinit(&out);
    mem_free(nfc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_lines lines = {0};
    struct stt_words fixed = {0}, heard = {0};
    struct stt_alignment found;
    fuzz_lines_take(&lines, data, size < 4096 ? size : 4096);
    take(&fixed, fuzz_line(&lines, 0));
    for (int i = 1; i < lines.len || i == 1; i++)
        take(&heard, fuzz_line(&lines, i));
    stt_words_align(fixed.at, fixed.len, heard.at, heard.len, &found);
    assert(found.next <= heard.len && found.covered <= fixed.len);
    assert(!found.clean || found.next == fixed.len);
    stt_words_deinit(&fixed);
    stt_words_deinit(&heard);
    fuzz_lines_free(&lines);
    return 0;
}
