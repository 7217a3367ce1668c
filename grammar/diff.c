#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "grammar/internal.h"
#include "grammar/limits.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A word, a run of white space, or one code point of anything else; a letter of a script written
 * without spaces is a word. */
struct token {
    uint32_t start, end; /* bytes */
    bool word, space, alone;
};

struct tokens {
    const char *text;
    struct token *list;
    size_t len;
};

static bool is_unspaced(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } scripts[] = {{0x0e00, 0x0eff}, {0x1000, 0x109f},  {0x1780, 0x17ff}, {0x3041, 0x30ff},
                   {0x31f0, 0x31ff}, {0x3400, 0x4dbf},  {0x4e00, 0x9fff}, {0xf900, 0xfaff},
                   {0xff66, 0xff9f}, {0x20000, 0x3ffff}};
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0] && code >= scripts[i].first; i++) {
        if (code <= scripts[i].last)
            return true;
    }
    return false;
}

static size_t class_at(const char *text, size_t len, struct token *out)
{
    uint32_t code = 0;
    size_t bytes = utf8_decode(text, len, &code);
    out->space = bytes > 0 && utf8_is_space(code);
    out->word = bytes > 0 && utf8_is_word(code);
    out->alone = is_unspaced(code) || (!out->space && !out->word);
    return bytes;
}

static bool token_next(const char *text, size_t len, size_t at, struct token *out)
{
    if (at >= len)
        return false;
    size_t end = at + class_at(text + at, len - at, out);
    while (end < len && !out->alone) {
        struct token next;
        size_t bytes = class_at(text + end, len - end, &next);
        if (next.alone || next.word != out->word)
            break;
        end += bytes;
    }
    out->start = (uint32_t)at;
    out->end = (uint32_t)end;
    return true;
}

static int tokens_parse(const char *text, bool words_only, struct tokens *out)
{
    size_t len = strlen(text), count = 0;
    struct token token = {0};
    for (size_t at = 0; token_next(text, len, at, &token); at = token.end)
        count += !words_only || token.word;
    struct tokens tokens = {.text = text};
    if (count > 0 && (tokens.list = mem_alloc(count * sizeof *tokens.list)) == NULL)
        return STATUS_NOMEM;
    for (size_t at = 0; token_next(text, len, at, &token); at = token.end) {
        if (!words_only || token.word)
            tokens.list[tokens.len++] = token;
    }
    *out = tokens;
    return 0;
}

static int tokens_parse_both(const char *source, const char *corrected, bool words_only,
                             struct tokens out[2])
{
    int status = tokens_parse(source, words_only, &out[0]);
    if (status != 0)
        return status;
    status = tokens_parse(corrected, words_only, &out[1]);
    if (status != 0)
        mem_free(out[0].list);
    return status;
}

static bool token_same(const struct tokens *a, size_t i, const struct tokens *b, size_t j)
{
    const struct token *x = &a->list[i], *y = &b->list[j];
    size_t bytes = x->end - x->start;
    return bytes == y->end - y->start && memcmp(a->text + x->start, b->text + y->start, bytes) == 0;
}

/* The part of two token lists between what they have in common at both ends. */
struct window {
    const struct tokens *a, *b;
    size_t a_from, b_from, a_len, b_len;
};

static struct window window_of(const struct tokens *a, const struct tokens *b)
{
    size_t head = 0, a_end = a->len, b_end = b->len;
    while (head < a_end && head < b_end && token_same(a, head, b, head))
        head++;
    while (a_end > head && b_end > head && token_same(a, a_end - 1, b, b_end - 1)) {
        a_end--;
        b_end--;
    }
    return (struct window){a, b, head, head, a_end - head, b_end - head};
}

/* Words decide where two texts meet; blanks and marks only settle ties. */
#define WEIGHT_WORD  4
#define WEIGHT_MARK  2
#define WEIGHT_SPACE 1

static uint32_t weight(const struct token *token)
{
    return token->word ? WEIGHT_WORD : token->space ? WEIGHT_SPACE : WEIGHT_MARK;
}

/* table[i][j]: the most that the tokens from i and from j on have in common. NULL: out of memory.
 */
static uint32_t *lcs_table(const struct window *w)
{
    size_t wide = w->b_len + 1;
    uint32_t *table = mem_calloc((w->a_len + 1) * wide, sizeof *table);
    if (table == NULL)
        return NULL;
    for (size_t i = w->a_len; i-- > 0;) {
        for (size_t j = w->b_len; j-- > 0;) {
            uint32_t best = table[(i + 1) * wide + j];
            if (table[i * wide + j + 1] > best)
                best = table[i * wide + j + 1];
            if (token_same(w->a, w->a_from + i, w->b, w->b_from + j)) {
                uint32_t met = table[(i + 1) * wide + j + 1] + weight(&w->a->list[w->a_from + i]);
                best = met > best ? met : best;
            }
            table[i * wide + j] = best;
        }
    }
    return table;
}

/* A changed stretch: tokens [a_from, a_to) of the source became [b_from, b_to). */
struct change {
    size_t a_from, a_to, b_from, b_to;
};

struct changes {
    struct change *list;
    size_t len;
};

/* Only white space between two changes: a reader sees one. */
static bool touches(const struct changes *changes, const struct tokens *a, size_t a_from)
{
    if (changes->len == 0)
        return false;
    for (size_t i = changes->list[changes->len - 1].a_to; i < a_from; i++) {
        if (!a->list[i].space)
            return false;
    }
    return true;
}

static void change_put(struct changes *changes, const struct tokens *a, struct change change)
{
    if (change.a_from == change.a_to && change.b_from == change.b_to)
        return;
    if (touches(changes, a, change.a_from)) {
        changes->list[changes->len - 1].a_to = change.a_to;
        changes->list[changes->len - 1].b_to = change.b_to;
        return;
    }
    changes->list[changes->len++] = change;
}

/* Walks the table along a heaviest common sequence. */
static void changes_walk(const struct window *w, const uint32_t *table, struct changes *out)
{
    size_t wide = w->b_len + 1, i = 0, j = 0, i_from = 0, j_from = 0;
    while (i < w->a_len && j < w->b_len) {
        uint32_t here = table[i * wide + j];
        size_t a = w->a_from + i, b = w->b_from + j;
        if (token_same(w->a, a, w->b, b) &&
            here == table[(i + 1) * wide + j + 1] + weight(&w->a->list[a])) {
            change_put(out, w->a, (struct change){w->a_from + i_from, a, w->b_from + j_from, b});
            i_from = ++i;
            j_from = ++j;
        } else if (here == table[(i + 1) * wide + j]) {
            i++;
        } else {
            j++;
        }
    }
    change_put(out, w->a,
               (struct change){w->a_from + i_from, w->a_from + w->a_len, w->b_from + j_from,
                               w->b_from + w->b_len});
}

static int changes_find(const struct tokens *a, const struct tokens *b, struct changes *out)
{
    struct window w = window_of(a, b);
    struct changes changes = {0};
    if (w.a_len == 0 && w.b_len == 0) {
        *out = changes;
        return 0;
    }
    changes.list = mem_alloc((w.a_len + 1) * sizeof *changes.list);
    if (changes.list == NULL)
        return STATUS_NOMEM;
    if (w.a_len + 1 > GRAMMAR_DIFF_CELLS_MAX / (w.b_len + 1)) {
        change_put(&changes, a,
                   (struct change){w.a_from, w.a_from + w.a_len, w.b_from, w.b_from + w.b_len});
        *out = changes;
        return 0;
    }
    uint32_t *table = lcs_table(&w);
    if (table == NULL) {
        mem_free(changes.list);
        return STATUS_NOMEM;
    }
    changes_walk(&w, table, &changes);
    mem_free(table);
    *out = changes;
    return 0;
}

/* Byte where token `at` begins, or the text's end. */
static size_t token_start(const struct tokens *tokens, size_t at)
{
    return at < tokens->len ? tokens->list[at].start : strlen(tokens->text);
}

static int edit_fill(struct grammar_edit *edit, const struct change *change, const struct tokens *a,
                     const struct tokens *b)
{
    size_t from = token_start(a, change->a_from), from_end = token_start(a, change->a_to);
    size_t to = token_start(b, change->b_from), to_end = token_start(b, change->b_to);
    edit->kind = GRAMMAR_OTHER;
    edit->from = mem_strndup(a->text + from, from_end - from);
    edit->to = mem_strndup(b->text + to, to_end - to);
    edit->message = mem_strdup("");
    edit->start = (uint32_t)utf8_count(a->text, from);
    edit->end = edit->start + (uint32_t)utf8_count(a->text + from, from_end - from);
    bool whole = edit->from != NULL && edit->to != NULL && edit->message != NULL;
    return whole ? 0 : STATUS_NOMEM;
}

static int result_fill(const struct changes *changes, const struct tokens *a,
                       const struct tokens *b, struct grammar_result *out)
{
    struct grammar_result result = {.corrected = mem_strdup(b->text)};
    int status = result.corrected != NULL ? 0 : STATUS_NOMEM;
    if (status == 0 && changes->len > 0) {
        result.edits = mem_calloc(changes->len, sizeof *result.edits);
        status = result.edits != NULL ? 0 : STATUS_NOMEM;
    }
    for (size_t i = 0; status == 0 && i < changes->len; i++) {
        result.edits_len++;
        status = edit_fill(&result.edits[i], &changes->list[i], a, b);
    }
    if (status != 0)
        grammar_result_free(&result);
    else
        *out = result;
    return status;
}

int grammar_diff(const char *source, const char *corrected, struct grammar_result *out)
{
    if (!utf8_valid(source, strlen(source)) || !utf8_valid(corrected, strlen(corrected)))
        return STATUS_INVALID;
    struct tokens both[2];
    struct changes changes = {0};
    int status = tokens_parse_both(source, corrected, false, both);
    if (status != 0)
        return status;
    status = changes_find(&both[0], &both[1], &changes);
    if (status == 0)
        status = result_fill(&changes, &both[0], &both[1], out);
    mem_free(changes.list);
    mem_free(both[0].list);
    mem_free(both[1].list);
    return status;
}

size_t grammar__word_count(const char *text)
{
    size_t len = strlen(text), count = 0;
    struct token token = {0};
    for (size_t at = 0; token_next(text, len, at, &token); at = token.end)
        count += token.word;
    return count;
}

static bool word_next(const char *text, size_t len, size_t *at, struct token *out)
{
    while (token_next(text, len, *at, out)) {
        *at = out->end;
        if (out->word)
            return true;
    }
    return false;
}

size_t grammar__words_changed(const char *before, const char *after)
{
    size_t before_len = strlen(before), after_len = strlen(after);
    size_t before_at = 0, after_at = 0, before_more = 0, after_more = 0;
    bool same = true;
    for (;;) {
        struct token b, a;
        bool has_b = word_next(before, before_len, &before_at, &b);
        bool has_a = word_next(after, after_len, &after_at, &a);
        if (!has_b && !has_a)
            return before_more > after_more ? before_more : after_more;
        size_t bytes = has_b ? b.end - b.start : 0;
        same = same && has_a && has_b && bytes == a.end - a.start &&
               memcmp(before + b.start, after + a.start, bytes) == 0;
        before_more += has_b && !same;
        after_more += has_a && !same;
    }
}

static int token_order(const void *a, const void *b, void *text)
{
    const struct token *x = a, *y = b;
    uint32_t x_len = x->end - x->start, y_len = y->end - y->start;
    if (x_len != y_len)
        return x_len < y_len ? -1 : 1;
    return memcmp((const char *)text + x->start, (const char *)text + y->start, x_len);
}

/* Words that both have, each counted as often as the poorer has it. */
static size_t common_words(struct tokens both[2])
{
    size_t i = 0, j = 0, common = 0;
    for (unsigned k = 0; k < 2; k++) {
        if (both[k].len > 0)
            qsort_r(both[k].list, both[k].len, sizeof *both[k].list, token_order,
                    (void *)both[k].text);
    }
    while (i < both[0].len && j < both[1].len) {
        const struct token *x = &both[0].list[i], *y = &both[1].list[j];
        uint32_t x_len = x->end - x->start, y_len = y->end - y->start;
        int order = x_len != y_len
                        ? (x_len < y_len ? -1 : 1)
                        : memcmp(both[0].text + x->start, both[1].text + y->start, x_len);
        common += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    return common;
}

static int distance_folded(const char *source, const char *corrected, size_t *distance,
                           size_t *words)
{
    struct tokens both[2];
    int status = tokens_parse_both(source, corrected, true, both);
    if (status != 0)
        return status;
    *words = both[0].len > both[1].len ? both[0].len : both[1].len;
    *distance = *words - common_words(both);
    mem_free(both[0].list);
    mem_free(both[1].list);
    return 0;
}

int grammar__word_distance(const char *source, const char *corrected, size_t *distance,
                           size_t *words)
{
    int status = STATUS_NOMEM;
    char *a = utf8_fold_word(source, strlen(source));
    char *b = utf8_fold_word(corrected, strlen(corrected));
    if (a != NULL && b != NULL)
        status = distance_folded(a, b, distance, words);
    mem_free(a);
    mem_free(b);
    return status;
}
