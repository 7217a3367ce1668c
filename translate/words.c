#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "translate/internal.h"
#include "translate/limits.h"
#include <assert.h>
#include <string.h>

struct range {
    uint32_t first, last;
};

/* Scripts written without spaces: Thai, Lao, Myanmar, Khmer, kana, ideographs. */
static const struct range unspaced[] = {
    {0x0e00, 0x0eff}, {0x1000, 0x109f}, {0x1780, 0x17ff}, {0x3041, 0x30ff}, {0x31f0, 0x31ff},
    {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xf900, 0xfaff}, {0xff66, 0xff9f}, {0x20000, 0x3ffff},
};

/* Their marks, which belong to the letter before. */
static const struct range marks[] = {
    {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x0eb1, 0x0eb1},
    {0x0eb4, 0x0ebc}, {0x0ec8, 0x0ece}, {0x102b, 0x103e}, {0x1056, 0x1059},
    {0x105e, 0x1060}, {0x1062, 0x1064}, {0x1067, 0x106d}, {0x1071, 0x1074},
    {0x1082, 0x108d}, {0x17b4, 0x17d3}, {0x3099, 0x309a}, {0xff9e, 0xff9f},
};

static bool in_ranges(const struct range *ranges, size_t len, uint32_t code)
{
    if (code < ranges[0].first)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    }
    return false;
}

bool translate__is_unspaced(uint32_t code)
{
    return in_ranges(unspaced, sizeof unspaced / sizeof unspaced[0], code);
}

static bool is_mark(uint32_t code)
{
    return in_ranges(marks, sizeof marks / sizeof marks[0], code);
}

/* What is left of a word when punctuation is removed: letters, digits, marks, and symbols such as
 * the euro's. */
static bool counts(uint32_t code)
{
    return !utf8_is_punctuation(code);
}

/* One run that starts at `at`: up to a space, or one letter of an unspaced script with its marks.
 * Returns its end; `core` is where its last letter ends. */
static size_t run_end(const char *text, size_t len, size_t at, size_t *core)
{
    size_t start = at;
    *core = start;
    while (at < len) {
        uint32_t code;
        size_t bytes = utf8_decode(text + at, len - at, &code);
        if (bytes == 0 || utf8_is_space(code))
            break;
        bool letter = counts(code);
        bool own = letter && translate__is_unspaced(code);
        if (own && at > start)
            break;
        at += bytes;
        if (letter)
            *core = at;
        if (!own)
            continue;
        while (at < len && (bytes = utf8_decode(text + at, len - at, &code)) > 0 && is_mark(code))
            *core = at += bytes;
        break;
    }
    return at;
}

bool translate__word_next(const char *text, size_t len, size_t *at, struct translate__span *out)
{
    assert(*at <= len);
    while (*at < len) {
        uint32_t code;
        size_t bytes = utf8_decode(text + *at, len - *at, &code);
        if (bytes == 0)
            break;
        if (utf8_is_space(code)) {
            *at += bytes;
            continue;
        }
        size_t start = *at, core;
        *at = run_end(text, len, start, &core);
        if (core > start) {
            *out = (struct translate__span){start, core};
            return true;
        }
    }
    *at = len;
    return false;
}

size_t translate__word_count(const char *text)
{
    size_t len = strlen(text), at = 0, count = 0;
    struct translate__span span;
    while (translate__word_next(text, len, &at, &span))
        count++;
    return count;
}

size_t translate__words_changed(const char *before, const char *after)
{
    size_t before_len = strlen(before), after_len = strlen(after);
    size_t before_at = 0, after_at = 0, before_more = 0, after_more = 0;
    bool same = true;
    for (;;) {
        struct translate__span b, a;
        bool has_b = translate__word_next(before, before_len, &before_at, &b);
        bool has_a = translate__word_next(after, after_len, &after_at, &a);
        if (!has_b && !has_a)
            return before_more > after_more ? before_more : after_more;
        size_t bytes = has_b ? b.end - b.start : 0;
        same = same && has_a && has_b && bytes == a.end - a.start &&
               memcmp(before + b.start, after + a.start, bytes) == 0;
        before_more += has_b && !same;
        after_more += has_a && !same;
    }
}

#define FNV_BASIS 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

uint64_t translate__hash(const char *bytes, size_t len)
{
    uint64_t hash = FNV_BASIS;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * FNV_PRIME;
    return hash;
}

/* ASCII folds without help; anything else asks base. */
static int fold_hash(const char *word, size_t len, uint64_t *out)
{
    uint64_t hash = FNV_BASIS;
    size_t i = 0;
    for (; i < len && (unsigned char)word[i] < 0x80; i++) {
        unsigned char c = (unsigned char)word[i];
        if (c >= 'A' && c <= 'Z')
            c += 'a' - 'A';
        if (!utf8_is_punctuation(c))
            hash = (hash ^ c) * FNV_PRIME;
    }
    if (i < len) {
        char *folded = utf8_fold_word(word, len);
        if (folded == NULL)
            return STATUS_NOMEM;
        hash = translate__hash(folded, strlen(folded));
        mem_free(folded);
    }
    *out = hash;
    return 0;
}

static int words_fill(const char *text, size_t len, struct translate__words *words, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        struct translate__word *word = &words->list[i];
        /* Counted before: only lack of memory hides a word. */
        if (!translate__word_next(text, len, &at, &word->span))
            return STATUS_NOMEM;
        size_t bytes = word->span.end - word->span.start;
        int status = fold_hash(text + word->span.start, bytes, &word->fold);
        if (status != 0)
            return status;
    }
    words->len = count;
    return 0;
}

int translate__words_parse(const char *text, size_t len, struct translate__words *out)
{
    size_t at = 0, count = 0;
    struct translate__span span;
    while (translate__word_next(text, len, &at, &span)) {
        if (++count > TRANSLATE_WORDS_MAX)
            return STATUS_LIMIT;
    }
    struct translate__words words = {0};
    if (count > 0 && (words.list = mem_alloc(count * sizeof *words.list)) == NULL)
        return STATUS_NOMEM;
    int status = words_fill(text, len, &words, count);
    if (status != 0) {
        mem_free(words.list);
        return status;
    }
    *out = words;
    return 0;
}

void translate__words_free(struct translate__words *words)
{
    mem_free(words->list);
    *words = (struct translate__words){0};
}

bool translate__words_begin(const struct translate__words *words,
                            const struct translate__words *prefix)
{
    if (prefix->len > words->len)
        return false;
    for (size_t i = 0; i < prefix->len; i++) {
        if (words->list[i].fold != prefix->list[i].fold)
            return false;
    }
    return true;
}

/* A matched word pays for two that do not, so that a later match outweighs words put in before it.
 */
#define ALIGN_MATCH (-2)
#define ALIGN_EDIT  1

/* Row `i` of the edit distance, over the one before it. */
static void align_row(int *row, const struct translate__words *answer, uint64_t fold, bool *met)
{
    int diagonal = row[0];
    row[0] += ALIGN_EDIT;
    for (size_t j = 1; j <= answer->len; j++) {
        int cost = answer->list[j - 1].fold == fold ? ALIGN_MATCH : ALIGN_EDIT;
        int best = diagonal + cost;
        met[j] = true;
        if (row[j] + ALIGN_EDIT < best || row[j - 1] + ALIGN_EDIT < best) {
            best = row[j] < row[j - 1] ? row[j] + ALIGN_EDIT : row[j - 1] + ALIGN_EDIT;
            met[j] = false;
        }
        diagonal = row[j];
        row[j] = best;
    }
}

static size_t distance(size_t a, size_t b)
{
    return a > b ? a - b : b - a;
}

/* The cheapest end; of equals one where the last committed word meets a word of the answer, then
 * the nearest. */
static size_t align_pick(const int *row, const bool *met, size_t len, size_t near)
{
    size_t best = 0;
    for (size_t j = 1; j <= len; j++) {
        bool better = row[j] < row[best];
        if (row[j] == row[best])
            better = met[j] != met[best] ? met[j] : distance(j, near) < distance(best, near);
        if (better)
            best = j;
    }
    return best;
}

int translate__words_align(const struct translate__words *committed,
                           const struct translate__words *answer, size_t *out)
{
    if (translate__words_begin(answer, committed)) {
        *out = committed->len;
        return 0;
    }
    size_t cells = answer->len + 1;
    int *row = mem_calloc(cells, sizeof *row + sizeof(bool));
    if (row == NULL)
        return STATUS_NOMEM;
    bool *met = (bool *)(row + cells);
    for (size_t j = 0; j < cells; j++)
        row[j] = (int)j * ALIGN_EDIT;
    for (size_t i = 0; i < committed->len; i++)
        align_row(row, answer, committed->list[i].fold, met);
    *out = align_pick(row, met, answer->len, committed->len);
    mem_free(row);
    return 0;
}
