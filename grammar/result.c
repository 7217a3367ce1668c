#include "base/mem.h"
#include "base/status.h"
#include "grammar/internal.h"
#include <assert.h>

void grammar_result_free(struct grammar_result *result)
{
    for (size_t i = 0; i < result->edits_len; i++) {
        mem_free(result->edits[i].from);
        mem_free(result->edits[i].to);
        mem_free(result->edits[i].message);
    }
    mem_free(result->edits);
    mem_free(result->corrected);
    *result = (struct grammar_result){0};
}

const char *grammar_kind_name(enum grammar_kind kind)
{
    static const char *const names[] = {
#define X(name, text) [GRAMMAR_##name] = text,
        GRAMMAR_KIND_MAP(X)
#undef X
    };
    assert((size_t)kind < sizeof names / sizeof names[0]);
    return names[kind];
}

int grammar__result_copy(const struct grammar_result *from, struct grammar_result *out)
{
    struct grammar_result copy = {.corrected = mem_strdup(from->corrected)};
    if (from->edits_len > 0)
        copy.edits = mem_calloc(from->edits_len, sizeof *copy.edits);
    bool whole = copy.corrected != NULL && (copy.edits != NULL || from->edits_len == 0);
    for (size_t i = 0; whole && i < from->edits_len; i++) {
        const struct grammar_edit *edit = &from->edits[i];
        struct grammar_edit *to = &copy.edits[copy.edits_len++];
        *to = *edit;
        to->from = mem_strdup(edit->from);
        to->to = mem_strdup(edit->to);
        to->message = mem_strdup(edit->message);
        whole = to->from != NULL && to->to != NULL && to->message != NULL;
    }
    if (!whole) {
        grammar_result_free(&copy);
        return STATUS_NOMEM;
    }
    *out = copy;
    return 0;
}
