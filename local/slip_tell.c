/* Messages in the learner's own language, found by their English text. */
#include "base/utf8.h"
#include "local/slip.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

struct slip_language {
    const char *tag; /* ISO 639 */
    const char *const (*messages)[2];
    size_t len;
};

static const char *const spanish[][2] = {
#include "local/slip_spanish.inc"
};

static const struct slip_language languages[] = {{"es", spanish, LEN(spanish)}};

const struct slip_language *slip_language_find(const char *tag)
{
    for (size_t i = 0; i < LEN(languages); i++) {
        const char *ours = languages[i].tag;
        if (tolower((unsigned char)tag[0]) == ours[0] &&
            tolower((unsigned char)tag[1]) == ours[1] && !isalnum((unsigned char)tag[2]))
            return &languages[i];
    }
    return NULL;
}

const char *slip_told(const struct slip_language *language, const char *english)
{
    for (size_t i = 0; language != NULL && i < language->len; i++) {
        if (strcmp(language->messages[i][0], english) == 0)
            return language->messages[i][1];
    }
    return english;
}

void slip_message(struct slip_edit *edit, enum slip_kind kind, const char *format, ...)
{
    va_list args;
    if (edit == NULL)
        return;
    edit->kind = kind;
    va_start(args, format);
    vsnprintf(edit->message, sizeof edit->message, slip_told(edit->language, format), args);
    va_end(args);
    size_t len = strlen(edit->message);
    while (len > 0 && !utf8_valid(edit->message, len))
        edit->message[--len] = '\0';
}
