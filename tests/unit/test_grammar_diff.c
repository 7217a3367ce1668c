#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "grammar/internal.h"
#include "tests/check.h"
#include "tests/unit/grammar_kit.h"

static void differs(const char *source, const char *corrected, const char *edits)
{
    struct grammar_result result = {0};
    CHECK_EQ(grammar_diff(source, corrected, &result), 0);
    CHECK_STR(edits_text(&result), edits);
    CHECK_STR(result.corrected, corrected);
    CHECK(edits_apply(source, &result));
    for (size_t i = 0; i < result.edits_len; i++) {
        CHECK_EQ(result.edits[i].kind, GRAMMAR_OTHER);
        CHECK_STR(result.edits[i].message, "");
    }
    grammar_result_free(&result);
}

static void test_equal_texts_have_no_edits(void)
{
    differs("She has two cats.", "She has two cats.", "");
    differs("", "", "");
}

static void test_one_word(void)
{
    differs("she have two cats", "she has two cats", "4-8:have>has");
    differs("there is many people", "there are many people", "6-8:is>are");
}

static void test_neighbours_are_one_edit(void)
{
    differs("I has a apple", "I have an apple", "2-7:has a>have an");
    differs("I has one apple and a orange", "I have one apple and an orange",
            "2-5:has>have ; 20-21:a>an");
}

static void test_insertions_and_deletions(void)
{
    differs("I go school", "I go to the school", "5-5:>to the ");
    differs("the the cat", "the cat", "4-8:the >");
    differs("two cats", "two cats.", "8-8:>.");
    differs("", "Hello", "0-0:>Hello");
    differs("um Hello", "Hello", "0-3:um >");
    differs("yes", "", "0-3:yes>");
}

static void test_case_and_punctuation_are_edits(void)
{
    differs("i know", "I know", "0-1:i>I");
    differs("Well I know.", "Well, I know!", "4-4:>, ; 11-12:.>!");
}

static void test_spans_count_code_points(void)
{
    differs("\u00e9l \U0001F600 tiene dos gata", "\u00e9l \U0001F600 tiene dos gatas",
            "15-19:gata>gatas");
}

static void test_unspaced_scripts(void)
{
    differs("\u6211\u662f\u53bb\u5b66\u6821", "\u6211\u53bb\u5b66\u6821", "1-2:\u662f>");
}

static void test_word_order(void)
{
    struct grammar_result result = {0};
    CHECK_EQ(grammar_diff("I like very much it", "I like it very much", &result), 0);
    CHECK(edits_apply("I like very much it", &result));
    CHECK_EQ(result.edits_len, 2);
    grammar_result_free(&result);
}

static void test_invalid_text_is_refused(void)
{
    struct grammar_result result = {0};
    CHECK_EQ(grammar_diff("\xff", "a", &result), STATUS_INVALID);
    CHECK_EQ(grammar_diff("a", "\xc3", &result), STATUS_INVALID);
    CHECK(result.corrected == NULL);
}

static void random_text(struct rng *rng, char *out, size_t words)
{
    static const char *const parts[] = {"a",     "an",         "the", "cat",   "cats", ",",
                                        ".",     " ",          "  ",  "\t",    "\n",   "\u00e9",
                                        "don't", "\U0001F600", "-",   "\u732b"};
    size_t used = 0;
    for (size_t i = 0; i < words; i++) {
        const char *part = parts[rng_below(rng, 16)];
        memcpy(out + used, part, strlen(part));
        used += strlen(part);
        if (rng_below(rng, 4) > 0)
            out[used++] = ' ';
    }
    out[used] = '\0';
}

/* Any two texts: the edits quote the source and make the other of it. */
static void test_edits_always_apply(void)
{
    struct rng rng;
    uint64_t seed = rng_seed();
    rng_init(&rng, seed);
    for (int i = 0; i < 20000; i++) {
        char a[512], b[512];
        random_text(&rng, a, rng_below(&rng, 14));
        random_text(&rng, b, rng_below(&rng, 14));
        struct grammar_result result = {0};
        CHECK_EQ(grammar_diff(a, b, &result), 0);
        if (!edits_apply(a, &result)) {
            fprintf(stderr, "seed %llu: \"%s\" to \"%s\": %s\n", (unsigned long long)seed, a, b,
                    edits_text(&result));
            CHECK(!"edits do not apply");
        }
        grammar_result_free(&result);
    }
}

static void test_huge_texts_are_one_edit(void)
{
    size_t words = 3000;
    char *a = mem_alloc(words * 2 + 8), *b = mem_alloc(words * 2 + 8);
    for (size_t i = 0; i < words; i++) {
        memcpy(a + i * 2, i % 2 == 0 ? "a " : "b ", 3);
        memcpy(b + i * 2, i % 2 == 0 ? "c " : "a ", 3);
    }
    struct grammar_result result = {0};
    CHECK_EQ(grammar_diff(a, b, &result), 0);
    CHECK_EQ(result.edits_len, 1);
    CHECK(edits_apply(a, &result));
    grammar_result_free(&result);
    mem_free(a);
    mem_free(b);
}

static void test_word_counts(void)
{
    CHECK_EQ(grammar__word_count("Well, I don't know."), 4);
    CHECK_EQ(grammar__word_count(" ... "), 0);
    CHECK_EQ(grammar__words_changed("one two", "one two, three"), 1);
    CHECK_EQ(grammar__words_changed("one two three", "one"), 2);
    CHECK_EQ(grammar__words_changed("", ""), 0);
}

static void test_word_distance(void)
{
    size_t distance = 9, words = 9;
    CHECK_EQ(grammar__word_distance("i has a apple", "I have an apple!", &distance, &words), 0);
    CHECK_EQ(distance, 2);
    CHECK_EQ(words, 4);
    CHECK_EQ(grammar__word_distance("a b c", "x y z w", &distance, &words), 0);
    CHECK_EQ(distance, 4);
    CHECK_EQ(words, 4);
    /* What only moved is no other text; what is said once more is. */
    CHECK_EQ(grammar__word_distance("since two years i live", "I live since two years", &distance,
                                    &words),
             0);
    CHECK_EQ(distance, 0);
    CHECK_EQ(grammar__word_distance("a b", "b a b", &distance, &words), 0);
    CHECK_EQ(distance, 1);
    CHECK_EQ(words, 3);
    CHECK_EQ(grammar__word_distance("", "", &distance, &words), 0);
    CHECK_EQ(distance, 0);
}

static void test_no_memory(void)
{
    unsigned nth = 1;
    for (bool clean = false; !clean; nth++) {
        struct grammar_result result = {0};
        mem_fail_nth(nth);
        int status = grammar_diff("she have two cat", "She has two cats", &result);
        mem_fail_nth(0);
        CHECK(status == 0 || (status == STATUS_NOMEM && result.corrected == NULL));
        clean = status == 0;
        grammar_result_free(&result);
    }
    CHECK(nth > 10);
    nth = 1;
    for (bool clean = false; !clean; nth++) {
        size_t distance, words;
        mem_fail_nth(nth);
        int status = grammar__word_distance("a b", "a c", &distance, &words);
        mem_fail_nth(0);
        CHECK(status == 0 || status == STATUS_NOMEM);
        clean = status == 0;
    }
    CHECK(nth > 4);
}

int main(void)
{
    RUN(test_equal_texts_have_no_edits);
    RUN(test_one_word);
    RUN(test_neighbours_are_one_edit);
    RUN(test_insertions_and_deletions);
    RUN(test_case_and_punctuation_are_edits);
    RUN(test_spans_count_code_points);
    RUN(test_unspaced_scripts);
    RUN(test_word_order);
    RUN(test_invalid_text_is_refused);
    RUN(test_edits_always_apply);
    RUN(test_huge_texts_are_one_edit);
    RUN(test_word_counts);
    RUN(test_word_distance);
    RUN(test_no_memory);
    return check_done();
}
