/* Any text is taken apart and edited without a parser: edits lie within the sentence, and doing
 * them leaves a text that can be written. */
#include "base/buf.h"
#include "local/slip.h"
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct slip_edit edits[LOCAL_GRAMMAR_EDITS_MAX];
    static struct slip_sentence sentence;
    struct slip_list list = {
        .edits = edits, .max = LOCAL_GRAMMAR_EDITS_MAX, .language = slip_language_find("es")};
    struct buf out;
    if (memchr(data, '\0', size) != NULL || size > LOCAL_GRAMMAR_TEXT_MAX ||
        !slip_sentence_read(&sentence, (const char *)data, size))
        return 0;
    slip_phrases(&sentence, &list);
    slip_rules(&sentence, &list);
    slip_candidates(&sentence, &list);
    buf_init(&out, 4 * LOCAL_GRAMMAR_TEXT_MAX);
    for (size_t i = 0; i < list.len; i++) {
        const struct slip_edit *edit = &edits[i];
        assert(edit->first + edit->count <= sentence.len && strlen(edit->text) > 0);
        buf_reset(&out);
        (void)slip_sentence_edited(&sentence, &edit, 1, &out);
        (void)slip_sentence_parsable(&sentence, &edit, 1, &out, NULL);
    }
    buf_deinit(&out);
    return 0;
}
