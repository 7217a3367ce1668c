/* Shared by the tests of grammar: edits as text, and the proof that they make the correction. */
#pragma once

#include "base/utf8.h"
#include "grammar/grammar.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* "start-end:from>to" of every edit, joined by ' ; '. */
static inline const char *edits_text(const struct grammar_result *result)
{
    static char out[1024];
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < result->edits_len && used < sizeof out; i++) {
        const struct grammar_edit *edit = &result->edits[i];
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%u-%u:%s>%s", i > 0 ? " ; " : "",
                                 edit->start, edit->end, edit->from, edit->to);
    }
    return out;
}

/* True when the edits are in order, apart, quote the source exactly and turn it into `corrected`.
 */
static inline bool edits_apply(const char *source, const struct grammar_result *result)
{
    static char out[1 << 16];
    size_t used = 0, at = 0, len = strlen(source);
    for (size_t i = 0; i < result->edits_len; i++) {
        const struct grammar_edit *edit = &result->edits[i];
        size_t from = utf8_offset(source, len, edit->start);
        size_t end = utf8_offset(source, len, edit->end);
        if (edit->start > edit->end || from < at || (i > 0 && from == at))
            return false;
        if (end - from != strlen(edit->from) || memcmp(source + from, edit->from, end - from) != 0)
            return false;
        if (strcmp(edit->from, edit->to) == 0)
            return false;
        memcpy(out + used, source + at, from - at);
        used += from - at;
        memcpy(out + used, edit->to, strlen(edit->to));
        used += strlen(edit->to);
        at = end;
    }
    strncpy(out + used, source + at, sizeof out - used - 1);
    return strcmp(out, result->corrected) == 0;
}
