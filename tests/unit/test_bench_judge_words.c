#include "bench/judge_words.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/utf8.h"
#include "bench/script.h"
#include "tests/check.h"

#define LONG_WORDS 4000

static struct judge_words_sum sum;
static uint32_t places[LONG_WORDS + 64];

/* All of one utterance. */
static uint32_t marks[LONG_WORDS * 3];

static int align(const uint16_t *script, size_t said, size_t len, const uint16_t *got,
                 size_t got_len)
{
    const struct judge_words_script all = {script, marks, said, len};
    const struct judge_words_got what = {got, marks, got_len};
    return judge_words_align(&all, &what, places, &sum);
}

#define LEN(list)                (sizeof(list) / sizeof((list)[0]))
#define ALIGN(script, said, got) align(script, said, LEN(script), got, LEN(got))
#define CHECK_SUM(h, l, r, w)                                                                      \
    do {                                                                                           \
        CHECK_EQ(sum.hits, h);                                                                     \
        CHECK_EQ(sum.lost, l);                                                                     \
        CHECK_EQ(sum.repeated, r);                                                                 \
        CHECK_EQ(sum.wrong, w);                                                                    \
    } while (0)

static const uint16_t ten[] = {10, 11, 12, 13, 14, 15, 16, 17, 18, 19};

static void all_words_arrive(void)
{
    CHECK_EQ(ALIGN(ten, 10, ten), STATUS_OK);
    CHECK_SUM(10, 0, 0, 0);
    for (uint32_t i = 0; i < 10; i++)
        CHECK_EQ(places[i], i);
}

static void nothing_said_nothing_got(void)
{
    CHECK_EQ(align(ten, 0, 0, ten, 0), STATUS_OK);
    CHECK_SUM(0, 0, 0, 0);
    CHECK_EQ(align(ten, 10, 10, ten, 0), STATUS_OK);
    CHECK_SUM(0, 10, 0, 0);
    CHECK_EQ(places[9], JUDGE_WORD_NOWHERE);
}

static void a_word_is_lost(void)
{
    static const uint16_t got[] = {10, 11, 12, 14, 15, 16, 17, 18, 19};
    CHECK_EQ(ALIGN(ten, 10, got), STATUS_OK);
    CHECK_SUM(9, 1, 0, 0);
    CHECK_EQ(places[3], JUDGE_WORD_NOWHERE);
    CHECK_EQ(places[4], 3);
}

static void a_run_is_repeated(void)
{
    static const uint16_t got[] = {10, 11, 12, 13, 14, 12, 13, 14, 15, 16, 17, 18, 19};
    CHECK_EQ(ALIGN(ten, 10, got), STATUS_OK);
    CHECK_SUM(10, 0, 3, 0);
}

static void a_strange_word_is_wrong(void)
{
    static const uint16_t inserted[] = {10, 11, 12, 99, 13, 14, 15, 16, 17, 18, 19};
    static const uint16_t instead[] = {10, 11, 12, 99, 14, 15, 16, 17, 18, 19};
    static const uint16_t unknown[] = {10, 11, 12, JUDGE_WORD_UNKNOWN, 14, 15, 16, 17, 18, 19};
    CHECK_EQ(ALIGN(ten, 10, inserted), STATUS_OK);
    CHECK_SUM(10, 0, 0, 1);
    CHECK_EQ(ALIGN(ten, 10, instead), STATUS_OK);
    CHECK_SUM(9, 0, 0, 1);
    CHECK_EQ(ALIGN(ten, 10, unknown), STATUS_OK);
    CHECK_SUM(9, 0, 0, 1);
}

/* A word from far away is no repetition. */
static void a_word_out_of_place_is_wrong(void)
{
    static const uint16_t got[] = {10, 11, 19, 12, 13, 14, 15, 16, 17, 18, 19};
    CHECK_EQ(ALIGN(ten, 10, got), STATUS_OK);
    CHECK_SUM(10, 0, 0, 1);
}

static void a_genuine_repetition_is_none(void)
{
    static const uint16_t script[] = {10, 11, 11, 12};
    static const uint16_t once[] = {10, 11, 12}, thrice[] = {10, 11, 11, 11, 12};
    CHECK_EQ(ALIGN(script, 4, script), STATUS_OK);
    CHECK_SUM(4, 0, 0, 0);
    CHECK_EQ(ALIGN(script, 4, once), STATUS_OK);
    CHECK_SUM(3, 1, 0, 0);
    CHECK_EQ(ALIGN(script, 4, thrice), STATUS_OK);
    CHECK_SUM(4, 0, 1, 0);
}

static void what_was_begun_may_come(void)
{
    static const uint16_t got[] = {10, 11, 12, 13, 14, 15};
    CHECK_EQ(align(ten, 4, 10, got, 6), STATUS_OK);
    CHECK_SUM(6, 0, 0, 0);
    CHECK_EQ(align(ten, 4, 10, got, 4), STATUS_OK);
    CHECK_SUM(4, 0, 0, 0);
    CHECK_EQ(align(ten, 8, 10, got, 6), STATUS_OK);
    CHECK_SUM(6, 2, 0, 0);
    /* A word said is missing although what came after it was got. */
    static const uint16_t hole[] = {10, 11, 13, 14};
    CHECK_EQ(align(ten, 4, 10, hole, 4), STATUS_OK);
    CHECK_SUM(4, 1, 0, 0);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Whole table, no band. */
static size_t brute_distance(const struct judge_words_script *script, const uint16_t *got, size_t n)
{
    static size_t cost[40][40];
    size_t best = SIZE_MAX;
    for (size_t i = 0; i <= n; i++) {
        for (size_t j = 0; j <= script->len; j++) {
            cost[i][j] = i + j;
            if (i > 0 && j > 0)
                cost[i][j] = cost[i - 1][j - 1] + (got[i - 1] != script->words[j - 1] ||
                                                   got[i - 1] == JUDGE_WORD_UNKNOWN);
            if (i > 0)
                cost[i][j] = least(cost[i][j], cost[i - 1][j] + 1);
            if (j > 0)
                cost[i][j] = least(cost[i][j], cost[i][j - 1] + 1);
        }
    }
    for (size_t j = script->said; j <= script->len; j++)
        best = least(best, cost[n][j]);
    return best;
}

/* A copy of the script with words dropped, repeated, changed. */
static size_t damage(struct rng *rng, const uint16_t *script, size_t len, uint16_t *got)
{
    size_t n = 0;
    for (size_t i = 0; i < len && n < 34; i++) {
        uint64_t fate = rng_below(rng, 10);
        if (fate == 0)
            continue;
        got[n++] = fate == 1   ? (uint16_t)rng_below(rng, 6)
                   : fate == 2 ? JUDGE_WORD_UNKNOWN
                               : script[i];
        if (fate == 3)
            got[n++] = script[i];
    }
    return n;
}

static void check_consistent(const struct judge_words_script *script, const uint16_t *got, size_t n)
{
    size_t hits = 0;
    uint32_t after = 0;
    for (size_t i = 0; i < script->len; i++) {
        if (places[i] == JUDGE_WORD_NOWHERE)
            continue;
        hits++;
        CHECK(places[i] < n && got[places[i]] == script->words[i]);
        CHECK(hits == 1 || places[i] >= after);
        after = places[i] + 1;
    }
    CHECK_EQ(sum.hits, hits);
    /* Every word got is a hit, a repetition or wrong. */
    CHECK_EQ(sum.hits + sum.repeated + sum.wrong, n);
}

/* Few different words make many ambiguous alignments. */
static void cheapest_as_by_brute_force(void)
{
    struct rng rng;
    rng_init(&rng, 7);
    for (int round = 0; round < 20000; round++) {
        uint16_t words[32], got[40];
        size_t len = rng_below(&rng, 32);
        for (size_t i = 0; i < len; i++)
            words[i] = (uint16_t)rng_below(&rng, 6);
        /* Marks decide between equals only, so any will do. */
        uint32_t said_in[32], got_in[40];
        for (size_t i = 0; i < 32; i++)
            said_in[i] = (uint32_t)rng_below(&rng, 3);
        for (size_t i = 0; i < 40; i++)
            got_in[i] = (uint32_t)rng_below(&rng, 3);
        const struct judge_words_script script = {words, said_in,
                                                  len > 0 ? len - rng_below(&rng, len) : 0, len};
        size_t n = round % 4 == 0 ? rng_below(&rng, 34) : damage(&rng, words, len, got);
        for (size_t i = 0; round % 4 == 0 && i < n; i++)
            got[i] = (uint16_t)rng_below(&rng, 6);
        CHECK_EQ(
            judge_words_align(&script, &(struct judge_words_got){got, got_in, n}, places, &sum),
            STATUS_OK);
        CHECK_EQ(sum.lost + sum.repeated + sum.wrong, brute_distance(&script, got, n));
        check_consistent(&script, got, n);
    }
}

/* The word 5 closes the first utterance and the second; the second is lost. */
static void a_tie_is_broken_by_the_utterance(void)
{
    static const uint16_t script[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 5}, got[] = {1, 2, 3, 4, 5};
    static const uint32_t said_in[] = {0, 0, 0, 0, 0, 1, 1, 1, 1, 1}, second[] = {0, 0, 0, 0, 1};
    const struct judge_words_script all = {script, said_in, 10, 10};
    struct judge_words_got what = {got, said_in, 5};
    CHECK_EQ(judge_words_align(&all, &what, places, &sum), STATUS_OK);
    CHECK_SUM(5, 5, 0, 0);
    CHECK_EQ(places[4], 4);
    CHECK_EQ(places[9], JUDGE_WORD_NOWHERE);
    what.utterances = second;
    CHECK_EQ(judge_words_align(&all, &what, places, &sum), STATUS_OK);
    CHECK_EQ(places[4], JUDGE_WORD_NOWHERE);
    CHECK_EQ(places[9], 4);
}

/* The band has to widen: a long hole, then a long repetition. */
static void wide_apart(void)
{
    static uint16_t script[LONG_WORDS], got[LONG_WORDS];
    for (size_t i = 0; i < LONG_WORDS; i++)
        script[i] = (uint16_t)(i * 7919 % 4999);
    size_t n = 0;
    for (size_t i = 0; i < 1000; i++)
        got[n++] = script[i];
    for (size_t i = 1400; i < 3000; i++)
        got[n++] = script[i];
    for (size_t i = 2600; i < LONG_WORDS; i++)
        got[n++] = script[i];
    CHECK_EQ(n, LONG_WORDS);
    CHECK_EQ(align(script, LONG_WORDS, LONG_WORDS, got, n), STATUS_OK);
    CHECK_SUM(LONG_WORDS - 400, 400, 400, 0);
}

/* More than is searched: nothing is claimed to have arrived. */
static void too_different(void)
{
    size_t len = LONG_WORDS * 3;
    uint16_t *script = mem_calloc(len, sizeof *script), *got = mem_calloc(len, sizeof *got);
    uint32_t *where = mem_calloc(len, sizeof *where);
    for (size_t i = 0; i < len; i++)
        script[i] = 1, got[i] = 2;
    const struct judge_words_script all = {script, marks, len, len};
    struct judge_words_got what = {got, marks, len / 2};
    CHECK_EQ(judge_words_align(&all, &what, where, &sum), STATUS_LIMIT);
    CHECK_SUM(0, len, 0, len / 2);
    CHECK_EQ(where[len - 1], JUDGE_WORD_NOWHERE);
    /* As many words, all others: what the widest band allowed found. */
    what.len = len;
    CHECK_EQ(judge_words_align(&all, &what, where, &sum), STATUS_OK);
    CHECK_SUM(0, 0, 0, len);
    mem_free(script);
    mem_free(got);
    mem_free(where);
}

static void no_memory(void)
{
    static const uint16_t got[] = {10, 12};
    for (unsigned nth = 1; nth <= 3; nth++) {
        mem_fail_nth(nth);
        CHECK_EQ(ALIGN(ten, 10, got), STATUS_NOMEM);
        mem_fail_nth(0);
        CHECK_EQ(sum.lost, 10);
    }
}

static struct judge_text text_of(const char *text)
{
    return (struct judge_text){text, strlen(text)};
}

/* As utf8_fold_word() folds, so it is hashed. */
static void words_equal_as_folded(void)
{
    static const char *const words[] = {"House", "house.", "HOUSE", "\"house\"", "hou-se", "House,",
                                        "mouse", "don't",  "dont",  "DON'T!",    "$5",     "5",
                                        "Él",    "él",     "¿él?",  "el",        "«él»",   "...",
                                        "",      "—",      "¡",     "über",      "ÜBER",   "a+b"};
    for (size_t i = 0; i < LEN(words); i++) {
        for (size_t j = 0; j < LEN(words); j++) {
            char *a = utf8_fold_word(words[i], strlen(words[i]));
            char *b = utf8_fold_word(words[j], strlen(words[j]));
            bool equal = judge_words_hash(text_of(words[i])) == judge_words_hash(text_of(words[j]));
            CHECK_EQ(equal, strcmp(a, b) == 0);
            mem_free(a);
            mem_free(b);
        }
        char *folded = utf8_fold_word(words[i], strlen(words[i]));
        CHECK_EQ(judge_words_hash(text_of(words[i])) == 0, folded[0] == '\0');
        mem_free(folded);
    }
}

static void ascii_is_hashed_as_folded(void)
{
    for (int c = 1; c < 128; c++) {
        char word[] = {'a', (char)c, 'b', '\0'};
        char *folded = utf8_fold_word(word, 3);
        CHECK_EQ(judge_words_hash(text_of(word)), judge_words_hash(text_of(folded)));
        CHECK_EQ(strlen(folded) == 2,
                 judge_words_hash(text_of(word)) == judge_words_hash(text_of("ab")));
        mem_free(folded);
    }
}

static void words_of_a_text(void)
{
    static const char text[] = "  The house — was\tgreen. ";
    static const char *const expected[] = {"The", "house", "was", "green."};
    struct judge_text word;
    size_t at = 0;
    for (size_t i = 0; i < 4; i++) {
        CHECK(judge_words_next(text, sizeof text - 1, &at, &word) != 0);
        CHECK(judge_text_is(word, expected[i]));
    }
    CHECK_EQ(judge_words_next(text, sizeof text - 1, &at, &word), 0);
    CHECK_EQ(judge_words_next(text, sizeof text - 1, &at, &word), 0);
}

static void words_have_numbers(void)
{
    for (unsigned i = 0; i < script_lexicon_len(); i++)
        CHECK_EQ(judge_words_find(text_of(script_word_text(i, "en")), "en"), i);
    CHECK_EQ(judge_words_find(text_of("xyzzy"), "en"), JUDGE_WORD_UNKNOWN);
}

int main(void)
{
    RUN(all_words_arrive);
    RUN(nothing_said_nothing_got);
    RUN(a_word_is_lost);
    RUN(a_run_is_repeated);
    RUN(a_strange_word_is_wrong);
    RUN(a_word_out_of_place_is_wrong);
    RUN(a_genuine_repetition_is_none);
    RUN(what_was_begun_may_come);
    RUN(cheapest_as_by_brute_force);
    RUN(a_tie_is_broken_by_the_utterance);
    RUN(wide_apart);
    RUN(too_different);
    RUN(no_memory);
    RUN(words_equal_as_folded);
    RUN(ascii_is_hashed_as_folded);
    RUN(words_of_a_text);
    RUN(words_have_numbers);
    return check_done();
}
