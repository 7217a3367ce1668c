/* A translation: first line is the source, second what was committed, the rest what the model said,
 * whole and as a stream. */
#include "base/mem.h"
#include "base/utf8.h"
#include "translate/internal.h"
#include "translate/translate.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *line_take(const uint8_t **data, size_t *size)
{
    const uint8_t *end = memchr(*data, '\n', *size);
    size_t len = end != NULL ? (size_t)(end - *data) : 0;
    char *line = utf8_nfc((const char *)*data, len);
    *data += end != NULL ? len + 1 : 0;
    *size -= end != NULL ? len + 1 : 0;
    return line;
}

static void grows(const char *committed, struct translate__view *view)
{
    if (strncmp(view->committed, committed, strlen(committed)) != 0)
        abort();
    translate__view_free(view);
}

static void commit(const char *committed, const char *answer)
{
    struct translate__view view;
    struct translate__stream stream = {0};
    if (translate__commit_partial(committed, answer, answer, &view) == 0)
        grows(committed, &view);
    if (translate__commit_piece(&stream, committed, answer, &view) == 0)
        grows(committed, &view);
    if (translate__commit_final(committed, answer, &view) != 0)
        return;
    if (view.spliced)
        grows(committed, &view);
    else
        translate__view_free(&view);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *said = line_take(&data, &size), *committed = line_take(&data, &size), *answer = NULL;
    struct translate_prompt prompt = {.model = "m", .source = "en", .target = "es", .text = said};
    if (translate_answer_read(&prompt, (const char *)data, size, &answer) == 0) {
        if (answer[0] == '\0' || !utf8_valid(answer, strlen(answer)))
            abort();
        commit(committed, answer);
    }
    mem_free(said);
    mem_free(committed);
    mem_free(answer);
    return 0;
}
