#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/utf8.h"
#include "tests/check.h"
#include "translate/internal.h"
#include "translate/limits.h"

/* Words of `text`, each cut at its end, joined by '|'. */
static const char *cut(const char *text)
{
    static char out[512];
    size_t at = 0, len = strlen(text), used = 0;
    struct translate__span span;
    while (translate__word_next(text, len, &at, &span)) {
        size_t bytes = span.end - span.start;
        if (used > 0)
            out[used++] = '|';
        memcpy(out + used, text + span.start, bytes);
        used += bytes;
    }
    out[used] = '\0';
    return out;
}

static void test_words_end_at_their_last_letter(void)
{
    CHECK_STR(cut("Hola, me llamo Ana."), "Hola|me|llamo|Ana");
    CHECK_STR(cut("  don't  stop!  "), "don't|stop");
    CHECK_STR(cut(""), "");
    CHECK_STR(cut(" \t\n "), "");
}

static void test_punctuation_alone_is_no_word(void)
{
    CHECK_STR(cut("yes \u2014 no"), "yes|no");
    CHECK_STR(cut("... ! ?"), "");
    CHECK_EQ(translate__word_count("\u00a1\u2026!"), 0);
}

static void test_symbols_are_words(void)
{
    CHECK_STR(cut("cuesta \u20ac 5 + 3"), "cuesta|\u20ac|5|+|3");
}

static void test_unspaced_scripts_count_code_points(void)
{
    CHECK_STR(cut("\u4f60\u597d\uff0c\u4e16\u754c\u3002"), "\u4f60|\u597d|\u4e16|\u754c");
    CHECK_STR(cut("API\u306e"), "API|\u306e");
    /* A Thai vowel sign belongs to its consonant. */
    CHECK_STR(cut("\u0e01\u0e34\u0e19"), "\u0e01\u0e34|\u0e19");
}

static void test_changed_words(void)
{
    CHECK_EQ(translate__words_changed("one two", "one two"), 0);
    CHECK_EQ(translate__words_changed("one two", "one two, three four"), 2);
    CHECK_EQ(translate__words_changed("one two three", "one too three"), 2);
    CHECK_EQ(translate__words_changed("", "a b c"), 3);
    CHECK_EQ(translate__words_changed("a b c", ""), 3);
}

static struct translate__words parsed(const char *text)
{
    struct translate__words words = {0};
    CHECK_EQ(translate__words_parse(text, strlen(text), &words), 0);
    return words;
}

static bool same(const char *a, const char *b)
{
    struct translate__words x = parsed(a), y = parsed(b);
    bool equal = x.len == y.len && translate__words_begin(&x, &y);
    translate__words_free(&x);
    translate__words_free(&y);
    return equal;
}

static void test_words_compare_folded(void)
{
    CHECK(same("Don't STOP.", "dont stop"));
    CHECK(same("\u00c9T\u00c9", "\u00e9t\u00e9!"));
    CHECK(same("don\u2019t", "don't"));
    CHECK(!same("see", "sea"));
    CHECK(!same("1,5 $", "15"));
}

/* The short way for ASCII must give what base's fold gives. */
static void test_ascii_folds_like_base(void)
{
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < 2000; i++) {
        char word[12] = "x";
        size_t len = 1 + rng_below(&rng, 9);
        for (size_t k = 1; k <= len; k++)
            word[k] = (char)rng_range(&rng, '!', '~');
        word[len + 1] = '\0';
        char *folded = utf8_fold_word(word, strlen(word));
        if (!same(word, folded))
            fprintf(stderr, "word %s fold %s\n", word, folded);
        CHECK(same(word, folded));
        mem_free(folded);
    }
}

static size_t aligned(const char *committed, const char *answer)
{
    struct translate__words a = parsed(committed), b = parsed(answer);
    size_t out = 0;
    CHECK_EQ(translate__words_align(&a, &b, &out), 0);
    translate__words_free(&a);
    translate__words_free(&b);
    return out;
}

static void test_align(void)
{
    CHECK_EQ(aligned("", "a b"), 0);
    CHECK_EQ(aligned("the cat", "the cat sat"), 2);
    CHECK_EQ(aligned("the cat", "the big cat sat"), 3);
    CHECK_EQ(aligned("I am", "I"), 1);
    CHECK_EQ(aligned("a b c", "x y z w"), 3);
    CHECK_EQ(aligned("the", "a dog saw the cat"), 1);
    CHECK_EQ(aligned("we go to", "we went to school"), 3);
    CHECK_EQ(aligned("a b c", ""), 0);
}

static void test_too_many_words_are_refused(void)
{
    static char text[2 * TRANSLATE_WORDS_MAX + 4];
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = i % 2 == 0 ? 'a' : ' ';
    struct translate__words words = {0};
    CHECK_EQ(translate__words_parse(text, 2 * TRANSLATE_WORDS_MAX, &words), 0);
    CHECK_EQ(words.len, TRANSLATE_WORDS_MAX);
    translate__words_free(&words);
    CHECK_EQ(translate__words_parse(text, strlen(text), &words), STATUS_LIMIT);
    CHECK(words.list == NULL);
}

static void test_no_memory_is_told(void)
{
    const char *text = "don\u2019t stop, \u00e9t\u00e9";
    unsigned nth = 1;
    for (;; nth++) {
        struct translate__words words = {0};
        mem_fail_nth(nth);
        int status = translate__words_parse(text, strlen(text), &words);
        mem_fail_nth(0);
        CHECK(status == 0 || (status == STATUS_NOMEM && words.list == NULL));
        bool whole = status == 0 && words.len == 3;
        translate__words_free(&words);
        if (whole)
            break;
    }
    CHECK(nth > 3);
}

int main(void)
{
    RUN(test_words_end_at_their_last_letter);
    RUN(test_punctuation_alone_is_no_word);
    RUN(test_symbols_are_words);
    RUN(test_unspaced_scripts_count_code_points);
    RUN(test_changed_words);
    RUN(test_words_compare_folded);
    RUN(test_ascii_folds_like_base);
    RUN(test_align);
    RUN(test_too_many_words_are_refused);
    RUN(test_no_memory_is_told);
    return check_done();
}
