#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "translate/internal.h"
#include <assert.h>
#include <stdatomic.h>
#include <string.h>

struct entry {
    char *from, *to; /* to: NULL for a word of the vocabulary */
    char *fold;      /* as it is looked for in a folded text */
};

struct translate_terms {
    _Atomic unsigned refs; /* relaxed to take, acquire-release to drop */
    size_t len;
    struct entry list[];
};

struct translate_terms *translate_terms_ref(struct translate_terms *terms)
{
    if (terms != NULL)
        atomic_fetch_add_explicit(&terms->refs, 1, memory_order_relaxed);
    return terms;
}

void translate_terms_unref(struct translate_terms *terms)
{
    if (terms == NULL || atomic_fetch_sub_explicit(&terms->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < terms->len; i++) {
        mem_free(terms->list[i].from);
        mem_free(terms->list[i].to);
        mem_free(terms->list[i].fold);
    }
    mem_free(terms);
}

/* A word's beginning, so that "cat" is found in "cats"; in scripts without spaces anywhere. */
static char *fold_of(const char *from)
{
    uint32_t first = 0;
    char *folded = translate__fold(from, strlen(from));
    if (folded == NULL)
        return NULL;
    size_t len = strlen(folded);
    if (len > 0 && folded[len - 1] == ' ')
        folded[--len] = '\0';
    utf8_decode(folded + 1, len > 0 ? len - 1 : 0, &first);
    if (translate__is_unspaced(first))
        memmove(folded, folded + 1, len);
    return folded;
}

int translate_terms_create(struct translate_terms **out, const struct translate_term *list,
                           size_t len)
{
    struct translate_terms *terms = mem_calloc(1, sizeof *terms + len * sizeof terms->list[0]);
    if (terms == NULL)
        return STATUS_NOMEM;
    atomic_init(&terms->refs, 1);
    for (; terms->len < len; terms->len++) {
        const struct translate_term *term = &list[terms->len];
        struct entry *entry = &terms->list[terms->len];
        entry->from = mem_strdup(term->from);
        entry->to = term->to != NULL ? mem_strdup(term->to) : NULL;
        entry->fold = fold_of(term->from);
        if (entry->from == NULL || entry->fold == NULL || (term->to != NULL && entry->to == NULL)) {
            terms->len++;
            translate_terms_unref(terms);
            return STATUS_NOMEM;
        }
    }
    *out = terms;
    return STATUS_OK;
}

static void entry_write(const struct entry *entry, bool first, struct buf *out)
{
    if (first)
        buf_puts(out, entry->to != NULL ? "\nUse: " : "\nTerms of the lesson: ");
    else
        buf_puts(out, "; ");
    translate__line_write(out, entry->from);
    if (entry->to == NULL)
        return;
    buf_puts(out, " = ");
    translate__line_write(out, entry->to);
}

/* Entries of one kind, in the order they were given. */
static void kind_write(const struct translate_terms *terms, const char *folded, bool glossary,
                       struct buf *out)
{
    size_t written = 0;
    for (size_t i = 0; i < terms->len && written < TRANSLATE_TERMS_MAX; i++) {
        const struct entry *entry = &terms->list[i];
        /* Of punctuation only, it would be found everywhere. */
        bool blank = entry->fold[strspn(entry->fold, " ")] == '\0';
        if ((entry->to != NULL) != glossary || blank || strstr(folded, entry->fold) == NULL)
            continue;
        entry_write(entry, written == 0, out);
        written++;
    }
}

int translate_terms_match(const struct translate_terms *terms, const char *text, char **out)
{
    *out = NULL;
    if (terms == NULL || terms->len == 0)
        return STATUS_OK;
    char *folded = translate__fold(text, strlen(text));
    if (folded == NULL)
        return STATUS_NOMEM;
    struct buf lines;
    size_t len;
    buf_init(&lines, TRANSLATE_PROMPT_BYTES_MAX);
    kind_write(terms, folded, true, &lines);
    kind_write(terms, folded, false, &lines);
    mem_free(folded);
    int status = buf_status(&lines);
    if (status == STATUS_OK && lines.len > 0 && (*out = buf_take(&lines, &len)) == NULL)
        status = STATUS_NOMEM;
    buf_deinit(&lines);
    return status;
}
