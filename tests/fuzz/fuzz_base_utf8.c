/* The incremental validator at every split, decoding, NFC and word folding agree about any bytes.
 */
#include "base/mem.h"
#include "base/utf8.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void normal_form_is_stable(const char *once, char *(*form)(const char *, size_t))
{
    assert(once != NULL && utf8_valid(once, strlen(once)));
    char *twice = form(once, strlen(once));
    assert(twice != NULL && strcmp(once, twice) == 0);
    mem_free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    bool valid = utf8_valid(data, size);
    for (size_t split = 0; split <= size; split++) {
        struct utf8_check check = {0};
        bool fed = utf8_check_feed(&check, data, split);
        fed = utf8_check_feed(&check, data + split, size - split) && fed;
        assert((fed && utf8_check_done(&check)) == valid);
    }
    size_t count = 0, used = 0;
    for (uint32_t code = 0; used < size; count++) {
        char back[4];
        size_t len = utf8_decode(text + used, size - used, &code);
        assert(len > 0 && len <= size - used);
        assert(!valid || (utf8_encode(code, back) == len && memcmp(back, text + used, len) == 0));
        assert(!valid || utf8_offset(text, size, count) == used);
        used += len;
    }
    assert(!valid || utf8_count(text, size) == count);
    char *nfc = utf8_nfc(text, size), *folded = utf8_fold_word(text, size);
    normal_form_is_stable(nfc, utf8_nfc);
    normal_form_is_stable(folded, utf8_fold_word);
    mem_free(nfc);
    mem_free(folded);
    return 0;
}
