#include "bench/judge_words.h"

#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "bench/script.h"
#include <assert.h>
#include <string.h>

#define BAND_MIN 16
/* An inserted run of n words repeats the script when it stands within n words of them, and so many
 * more: a cut may fall inside a word. */
#define REPEAT_SLACK 2
#define COST_NONE    (INT64_MAX / 2)
/* An edit costs so much, a match in another utterance 1: any number of those is less. */
#define COST_EDIT ((int64_t)1 << 32)

enum move { MOVE_NONE, MOVE_MATCH, MOVE_INSERT, MOVE_DELETE };

/* Rows are words got, columns words of the script, of which only those within `band` of the
 * diagonal are kept. */
struct table {
    const uint16_t *script, *got;
    const uint32_t *script_utterances, *got_utterances;
    size_t said, script_len, got_len;
    size_t band, width;
    uint8_t *moves;
    int64_t *row, *above;
};

static bool same(uint16_t a, uint16_t b)
{
    return a == b && a != JUDGE_WORD_UNKNOWN;
}

/* Column of cell k in row i, if it is one. */
static bool column(const struct table *table, size_t i, size_t k, size_t *j)
{
    if (i + k < table->band || i + k - table->band > table->script_len)
        return false;
    *j = i + k - table->band;
    return true;
}

static int64_t match_cost(const struct table *table, size_t i, size_t j)
{
    if (!same(table->got[i], table->script[j]))
        return COST_EDIT;
    return table->got_utterances[i] != table->script_utterances[j];
}

static int64_t fill_cell(const struct table *table, size_t i, size_t j, size_t k, uint8_t *move)
{
    int64_t best = COST_NONE;
    if (i == 0 && j == 0)
        return 0;
    if (i > 0 && j > 0) {
        best = table->above[k] + match_cost(table, i - 1, j - 1);
        *move = MOVE_MATCH;
    }
    if (i > 0 && k + 1 < table->width && table->above[k + 1] + COST_EDIT < best) {
        best = table->above[k + 1] + COST_EDIT;
        *move = MOVE_INSERT;
    }
    if (j > 0 && k > 0 && table->row[k - 1] + COST_EDIT < best) {
        best = table->row[k - 1] + COST_EDIT;
        *move = MOVE_DELETE;
    }
    return best;
}

static void fill_row(struct table *table, size_t i)
{
    uint8_t *moves = table->moves + i * table->width;
    size_t j;
    for (size_t k = 0; k < table->width; k++) {
        moves[k] = MOVE_NONE;
        table->row[k] = column(table, i, k, &j) ? fill_cell(table, i, j, k, &moves[k]) : COST_NONE;
    }
}

/* The cheapest end: all was got, all that was said is behind. The earliest of equals. */
static int64_t find_end(const struct table *table, size_t *end)
{
    int64_t best = COST_NONE;
    size_t j;
    for (size_t k = 0; k < table->width; k++) {
        if (column(table, table->got_len, k, &j) && j >= table->said && table->row[k] < best) {
            best = table->row[k];
            *end = j;
        }
    }
    return best;
}

/* Cost of the cheapest way within the band; COST_NONE: none. */
static int64_t fill(struct table *table, size_t *end)
{
    for (size_t i = 0; i <= table->got_len; i++) {
        int64_t *swap = table->above;
        table->above = table->row;
        table->row = swap;
        fill_row(table, i);
    }
    return find_end(table, end);
}

static int table_size(struct table *table, size_t band)
{
    size_t width = 2 * band + 1;
    if ((table->got_len + 1) * width > JUDGE_WORDS_CELLS_MAX)
        return STATUS_LIMIT;
    uint8_t *moves = mem_realloc(table->moves, (table->got_len + 1) * width);
    if (moves == NULL)
        return STATUS_NOMEM;
    table->moves = moves;
    int64_t *row = mem_realloc(table->row, width * sizeof *row);
    if (row != NULL)
        table->row = row;
    int64_t *above = mem_realloc(table->above, width * sizeof *above);
    if (above != NULL)
        table->above = above;
    table->band = band;
    table->width = width;
    return row != NULL && above != NULL ? STATUS_OK : STATUS_NOMEM;
}

/*
 * A way that costs d never leaves the diagonal by more than d, so what a band of d finds at that
 * cost is the cheapest of all (Ukkonen 1985); else the band is doubled.
 */
static int search(struct table *table, size_t *end)
{
    size_t apart =
        table->got_len > table->said ? table->got_len - table->said : table->said - table->got_len;
    size_t band = apart + BAND_MIN;
    bool found = false;
    for (;; band *= 2) {
        int status = table_size(table, band);
        if (status == STATUS_LIMIT && found) {
            /* Not proven to be the cheapest, but good: what the narrower band found. */
            status = table_size(table, band / 2);
            if (status == STATUS_OK)
                fill(table, end);
        }
        if (status != STATUS_OK || table->band < band)
            return status;
        int64_t cost = fill(table, end);
        assert(cost < COST_NONE);
        found = true;
        if ((uint64_t)(cost / COST_EDIT) <= band)
            return STATUS_OK;
    }
}

/* The script around an insertion at column j has that word. */
static bool repeats(const struct table *table, uint16_t word, size_t j, size_t run)
{
    size_t reach = run + REPEAT_SLACK;
    size_t from = j > reach ? j - reach : 0;
    size_t to = j + reach < table->script_len ? j + reach : table->script_len;
    for (size_t at = from; at < to; at++)
        if (same(table->script[at], word))
            return true;
    return false;
}

static void count_run(const struct table *table, size_t i, size_t j, size_t run,
                      struct judge_words_sum *out)
{
    for (size_t at = i; at < i + run; at++) {
        if (repeats(table, table->got[at], j, run))
            out->repeated++;
        else
            out->wrong++;
    }
}

/* From the end back to the start. */
static void walk(const struct table *table, size_t end, uint32_t *places,
                 struct judge_words_sum *out)
{
    size_t i = table->got_len, j = end, run = 0;
    while (i > 0 || j > 0) {
        uint8_t move = table->moves[i * table->width + (j + table->band - i)];
        assert(move != MOVE_NONE);
        if (move != MOVE_INSERT) {
            count_run(table, i, j, run, out);
            run = 0;
        }
        if (move == MOVE_INSERT) {
            i--;
            run++;
        } else if (move == MOVE_DELETE) {
            j--;
            out->lost++;
        } else {
            i--, j--;
            if (same(table->got[i], table->script[j])) {
                places[j] = (uint32_t)i;
                out->hits++;
            } else {
                out->wrong++;
            }
        }
    }
    count_run(table, 0, 0, run, out);
}

/* The common case: all words are there, in order. */
static bool all_arrived(const struct judge_words_script *script, const struct judge_words_got *got,
                        uint32_t *places)
{
    if (got->len < script->said || got->len > script->len)
        return false;
    for (size_t i = 0; i < got->len; i++) {
        if (!same(got->words[i], script->words[i]))
            return false;
        places[i] = (uint32_t)i;
    }
    return true;
}

static void nowhere(const struct judge_words_script *script, uint32_t *places)
{
    for (size_t i = 0; i < script->len; i++)
        places[i] = JUDGE_WORD_NOWHERE;
}

int judge_words_align(const struct judge_words_script *script, const struct judge_words_got *got,
                      uint32_t *places, struct judge_words_sum *out)
{
    assert(script->said <= script->len);
    struct table table = {.script = script->words,
                          .got = got->words,
                          .script_utterances = script->utterances,
                          .got_utterances = got->utterances,
                          .said = script->said,
                          .script_len = script->len,
                          .got_len = got->len};
    size_t end = 0;
    nowhere(script, places);
    *out = (struct judge_words_sum){.hits = got->len};
    if (all_arrived(script, got, places))
        return STATUS_OK;
    nowhere(script, places);
    int status = search(&table, &end);
    *out = (struct judge_words_sum){0};
    if (status == STATUS_OK)
        walk(&table, end, places, out);
    else
        *out = (struct judge_words_sum){.lost = script->said, .wrong = got->len};
    mem_free(table.moves);
    mem_free(table.row);
    mem_free(table.above);
    return status;
}

/* What Unicode calls punctuation: the ASCII part of utf8_fold_word(). A bit each, from 0 on. */
static bool ascii_punctuation(char c)
{
    static const uint64_t low = 0x8C00F7EE00000000, high = 0x28000000B8000001;
    return ((c < 64 ? low >> c : high >> (c - 64)) & 1) != 0;
}

static uint32_t hash_byte(uint32_t hash, char c)
{
    return (hash ^ (unsigned char)c) * 16777619u;
}

/* Only words outside ASCII are worth an allocation. */
static uint32_t hash_wide(struct judge_text word)
{
    uint32_t hash = 2166136261u;
    char *folded = utf8_fold_word(word.data, word.len);
    if (folded == NULL || folded[0] == '\0') {
        mem_free(folded);
        return 0;
    }
    for (const char *at = folded; *at != '\0'; at++)
        hash = hash_byte(hash, *at);
    mem_free(folded);
    return hash != 0 ? hash : 1;
}

uint32_t judge_words_hash(struct judge_text word)
{
    uint32_t hash = 2166136261u;
    size_t used = 0;
    for (size_t i = 0; i < word.len; i++) {
        char c = word.data[i];
        if ((unsigned char)c - 1u >= 0x7F)
            return hash_wide(word);
        if (ascii_punctuation(c))
            continue;
        hash = hash_byte(hash, c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c);
        used++;
    }
    if (used == 0)
        return 0;
    return hash != 0 ? hash : 1;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

uint32_t judge_words_next(const char *text, size_t len, size_t *at, struct judge_text *word)
{
    uint32_t hash = 0;
    while (hash == 0 && *at < len) {
        while (*at < len && is_space(text[*at]))
            ++*at;
        size_t start = *at;
        while (*at < len && !is_space(text[*at]))
            ++*at;
        *word = (struct judge_text){text + start, *at - start};
        hash = judge_words_hash(*word);
    }
    return hash;
}

uint16_t judge_words_find(struct judge_text word, const char *language)
{
    int found = script_word_find(word.data, word.len, language);
    assert(found < JUDGE_WORD_UNKNOWN);
    return found >= 0 ? (uint16_t)found : JUDGE_WORD_UNKNOWN;
}
