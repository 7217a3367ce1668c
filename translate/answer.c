#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "translate/internal.h"
#include "translate/translate.h"
#include <assert.h>
#include <string.h>

static size_t space_at(const char *text, size_t len)
{
    uint32_t code;
    size_t bytes = utf8_decode(text, len, &code);
    return bytes > 0 && utf8_is_space(code) ? bytes : 0;
}

/* Runs of white space become one blank, none stays at the ends: a caption is one line. */
void translate__squeeze(char *text)
{
    size_t len = strlen(text), at = 0, used = 0;
    bool gap = false;
    while (at < len) {
        size_t spaces = space_at(text + at, len - at);
        if (spaces > 0) {
            gap = used > 0;
            at += spaces;
            continue;
        }
        if (gap)
            text[used++] = ' ';
        gap = false;
        text[used++] = text[at++];
        while (at < len && ((unsigned char)text[at] & 0xC0) == 0x80)
            text[used++] = text[at++];
    }
    text[used] = '\0';
}

/* Quotation marks around the whole that the speaker's text does not have. */
static void unquote(char *text, const char *source)
{
    static const char *const quotes[][2] = {
        {"\"", "\""},         {"'", "'"},           {"\u201c", "\u201d"}, {"\u201e", "\u201c"},
        {"\u2018", "\u2019"}, {"\u00ab", "\u00bb"}, {"\u300c", "\u300d"},
    };
    size_t len = strlen(text);
    for (size_t i = 0; i < sizeof quotes / sizeof quotes[0]; i++) {
        const char *open = quotes[i][0], *close = quotes[i][1];
        size_t open_len = strlen(open), close_len = strlen(close);
        if (strncmp(source, open, open_len) == 0)
            return;
        if (len < open_len + close_len || strncmp(text, open, open_len) != 0 ||
            strcmp(text + len - close_len, close) != 0)
            continue;
        text[len - close_len] = '\0';
        /* Two quotations side by side are no quoted whole. */
        if (strstr(text + open_len, open) != NULL || strstr(text + open_len, close) != NULL)
            text[len - close_len] = close[0];
        else
            memmove(text, text + open_len, len - close_len - open_len + 1);
        return;
    }
}

int translate_answer_read(const struct translate_prompt *prompt, const char *text, size_t len,
                          char **out)
{
    assert(prompt->source != NULL && prompt->target != NULL && prompt->text != NULL);
    char *answer = utf8_nfc(text, len);
    if (answer == NULL)
        return STATUS_NOMEM;
    translate__squeeze(answer);
    unquote(answer, prompt->text);
    translate__squeeze(answer);
    enum translate__fault fault = TRANSLATE__SOUND;
    int status = translate__judge(prompt, answer, &fault);
    if (status == 0 && fault != TRANSLATE__SOUND)
        status = fault == TRANSLATE__CUT ? STATUS_TRUNCATED : STATUS_FILTERED;
    if (status != 0) {
        mem_free(answer);
        return status;
    }
    *out = answer;
    return 0;
}
