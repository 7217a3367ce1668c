/* Splitting into words, and aligning two readings. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "stt/stream_limits.h"
#include "stt/words.h"
#include "tests/check.h"
#include <stdlib.h>

static struct stt_words_parsed parse(struct stt_words *words, const char *text)
{
    struct stt_words_parsed parsed = {0};
    CHECK_EQ(stt_words_parse(words, text, 0, &parsed), STATUS_OK);
    return parsed;
}

static void check_print(const char *text, const char *expected, size_t count)
{
    struct stt_words words = {0};
    struct buf out;
    buf_init(&out, 65536);
    parse(&words, text);
    CHECK_EQ(words.len, count);
    CHECK_EQ(stt_words_print(&out, words.at, words.len, false), STATUS_OK);
    CHECK_STR(out.data ? out.data : "", expected);
    buf_deinit(&out);
    stt_words_deinit(&words);
}

static void test_spaces_and_form(void)
{
    check_print("", "", 0);
    check_print("  \t\n ", "", 0);
    check_print(" to  be\tor\n", "to be or", 3);
    check_print("e\xcc\x81t\xc3\xa9", "\xc3\xa9t\xc3\xa9", 1);
    check_print("a\xc2\xa0"
                "b",
                "a b", 2);
}

static void test_punctuation_of_its_own_joins(void)
{
    check_print("one - two", "one - two", 2);
    check_print("... well", "... well", 1);
    check_print("wait , what ?", "wait , what ?", 2);
    check_print("...", "", 0);
}

static void test_han_and_kana(void)
{
    check_print("\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x81", "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x81", 2);
    check_print("ok\xe4\xbd\xa0 go", "ok\xe4\xbd\xa0 go", 3);
    check_print("\xe4\xbd\xa0ok", "\xe4\xbd\xa0ok", 2);
}

static void test_same_leading_words(void)
{
    struct stt_words words = {0};
    CHECK_EQ(parse(&words, "one two three").same, 0);
    CHECK_EQ(parse(&words, "One, two four five").same, 2);
    CHECK_EQ(parse(&words, "One, two four five").same, 4);
    CHECK_EQ(parse(&words, "One, two").same, 2);
    CHECK_EQ(parse(&words, "").same, 0);
    stt_words_deinit(&words);
}

static void test_text_is_bounded(void)
{
    size_t len = STT_HYPOTHESIS_BYTES_MAX + 100;
    char *text = mem_alloc(len + 1);
    for (size_t i = 0; i < len; i++)
        text[i] = "\xc3\xa9"[i % 2];
    text[len] = '\0';
    struct stt_words words = {0};
    parse(&words, text);
    CHECK_EQ(words.len, 1);
    CHECK(strlen(words.at[0].text) <= STT_HYPOTHESIS_BYTES_MAX);
    stt_words_deinit(&words);
    mem_free(text);
}

/* "word@ms" gives the word that time; a word without one has that of the word before it and a
 * second. */
static void parse_timed(struct stt_words *words, const char *text)
{
    char plain[256] = "";
    uint32_t at[32], at_ms = 0;
    size_t len = 0;
    for (const char *c = text; *c != '\0'; c += strspn(c, " ")) {
        size_t word = strcspn(c, "@ ");
        strncat(plain, c, word);
        strcat(plain, " ");
        c += word;
        at_ms = *c == '@' ? (uint32_t)strtoul(c + 1, (char **)&c, 10) : at_ms + 1000;
        at[len++] = at_ms;
    }
    parse(words, plain);
    CHECK_EQ(words->len, len);
    for (size_t i = 0; i < len; i++)
        words->at[i].at_ms = at[i];
}

static void check_align(const char *fixed, const char *heard, bool clean, size_t next,
                        size_t covered)
{
    struct stt_words a = {0}, b = {0};
    struct stt_alignment out;
    parse_timed(&a, fixed);
    parse_timed(&b, heard);
    stt_words_align(a.at, a.len, b.at, b.len, &out);
    CHECK_EQ(out.clean, clean);
    CHECK_EQ(out.next, next);
    CHECK_EQ(out.covered, covered);
    stt_words_deinit(&a);
    stt_words_deinit(&b);
}

static void test_alignment(void)
{
    check_align("", "a b", true, 0, 0);
    check_align("a b", "a b c", true, 2, 2);
    check_align("a b", "A, b", true, 2, 2);
    check_align("a b c", "a b", false, 2, 2);            /* a prefix */
    check_align("a b c", "a x c d", false, 3, 3);        /* replaced */
    check_align("a b c", "a b@1200 b c d", false, 4, 3); /* inserted */
    check_align("a b c", "a c@3000 d", false, 2, 3);     /* left out */
    check_align("a b", "", false, 0, 0);
    check_align("hello", "goodbye you", false, 1, 1);
}

/* What is heard at the time of a word is another reading of it; elsewhere it is another word. */
static void test_alignment_by_time(void)
{
    check_align("go a@2000 b", "go x@2000 b c", false, 3, 3);
    /* Both have all that was said up to 3000. */
    check_align("go nine@2000 ten@3000", "go 9@2100 10@3100 next@4000", false, 3, 3);
    /* One that was committed is not heard any more. */
    check_align("go um@1900 ten@3000", "go 10@3100 next@4000", false, 2, 3);
    /* So far apart it is no reading of the word. */
    uint32_t near = 3000 + STT_WORD_APART_MS;
    char text[64];
    snprintf(text, sizeof text, "go 10@%u next@%u", near, near + 600);
    check_align("go um@1900 ten@3000", text, false, 2, 3);
    snprintf(text, sizeof text, "go 10@%u next@%u", near + 1, near + 601);
    check_align("go um@1900 ten@3000", text, false, 3, 3);
}

static void test_alignment_of_long_contradictions(void)
{
    struct stt_words a = {0}, b = {0};
    struct stt_alignment out;
    char one[4096] = "", two[4096] = "";
    for (int i = 0; i < STT_ALIGN_WORDS + 20; i++) {
        snprintf(one + strlen(one), 16, "a%d ", i);
        snprintf(two + strlen(two), 16, "b%d ", i);
    }
    snprintf(two + strlen(two), 16, "c");
    parse(&a, one);
    parse(&b, two);
    stt_words_align(a.at, a.len, b.at, b.len, &out);
    CHECK(!out.clean);
    CHECK_EQ(out.next, a.len); /* place by place */
    CHECK_EQ(out.covered, a.len);
    stt_words_deinit(&a);
    stt_words_deinit(&b);
}

int main(void)
{
    RUN(test_spaces_and_form);
    RUN(test_punctuation_of_its_own_joins);
    RUN(test_han_and_kana);
    RUN(test_same_leading_words);
    RUN(test_text_is_bounded);
    RUN(test_alignment);
    RUN(test_alignment_by_time);
    RUN(test_alignment_of_long_contradictions);
    return check_done();
}
