#include "base/mem.h"
#include "base/utf8.h"
#include "tests/check.h"

#include <stdint.h>

static const struct {
    const char *bytes;
    size_t len;
    bool valid;
} samples[] = {
    {"", 0, true},
    {"plain ascii, longer than eight bytes", 36, true},
    {"a\0b", 3, true},
    {"\xc2\x80", 2, true},
    {"\xdf\xbf", 2, true},
    {"\xe0\xa0\x80", 3, true},
    {"\xed\x9f\xbf", 3, true},
    {"\xee\x80\x80", 3, true},
    {"\xef\xbf\xbf", 3, true},
    {"\xf0\x90\x80\x80", 4, true},
    {"\xf4\x8f\xbf\xbf", 4, true},
    {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 12345678", 23, true},
    {"\x80", 1, false},             /* continuation alone */
    {"\xc0\x80", 2, false},         /* overlong NUL */
    {"\xc1\xbf", 2, false},         /* overlong */
    {"\xe0\x9f\xbf", 3, false},     /* overlong */
    {"\xf0\x8f\xbf\xbf", 4, false}, /* overlong */
    {"\xed\xa0\x80", 3, false},     /* first surrogate */
    {"\xed\xbf\xbf", 3, false},     /* last surrogate */
    {"\xf4\x90\x80\x80", 4, false}, /* past U+10FFFF */
    {"\xf5\x80\x80\x80", 4, false},
    {"\xff", 1, false},
    {"\xfe", 1, false},
    {"abcdefgh\xc3", 9, false}, /* ends half way */
    {"\xe2\x82", 2, false},
    {"\xf0\x9f\x98", 3, false},
    {"\xc3(", 2, false},
    {"\xe2\x82(", 3, false},
    {"abcdefgh\xe2(\xa1", 11, false},
};

#define SAMPLES (sizeof samples / sizeof samples[0])

static void test_validity(void)
{
    for (size_t i = 0; i < SAMPLES; i++)
        CHECK_EQ(utf8_valid(samples[i].bytes, samples[i].len), samples[i].valid);
}

/* Fed in three pieces at every pair of splits, the answer is the one for the whole. */
static void test_every_split_agrees(void)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        const char *bytes = samples[i].bytes;
        size_t len = samples[i].len;
        for (size_t a = 0; a <= len; a++) {
            for (size_t b = a; b <= len; b++) {
                struct utf8_check check = {0};
                bool fed = utf8_check_feed(&check, bytes, a);
                fed = utf8_check_feed(&check, bytes + a, b - a) && fed;
                fed = utf8_check_feed(&check, bytes + b, len - b) && fed;
                CHECK_EQ(fed && utf8_check_done(&check), samples[i].valid);
            }
        }
    }
}

static void test_refuses_at_the_first_hopeless_byte(void)
{
    static const struct {
        const char *bytes;
        size_t at; /* how many bytes are still promising */
    } cases[] = {{"\xe0\x9f\xbf", 1}, {"\xed\xa0\x80", 1}, {"\xf4\x90\x80\x80", 1},
                 {"\xc0\x80", 0},     {"ab\xff", 2},       {"\xe2\x82(", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct utf8_check check = {0};
        CHECK(utf8_check_feed(&check, cases[i].bytes, cases[i].at));
        CHECK(!utf8_check_feed(&check, cases[i].bytes + cases[i].at, 1));
        CHECK(!utf8_check_done(&check));
        CHECK(!utf8_check_feed(&check, "a", 1));
    }
}

/* All code points: what is encoded is valid, decodes to itself, and counts as one. */
static void test_every_code_point(void)
{
    unsigned wrong = 0;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        char bytes[4];
        uint32_t back = 0;
        size_t len = utf8_encode(code, bytes);
        bool surrogate = code >= 0xD800 && code <= 0xDFFF;
        wrong += !utf8_valid(bytes, len) || utf8_count(bytes, len) != 1 ||
                 utf8_decode(bytes, len, &back) != len || back != (surrogate ? 0xFFFD : code);
    }
    CHECK_EQ(wrong, 0);
    char bytes[4];
    CHECK_EQ(utf8_encode(0x110000, bytes), 3);
    CHECK(memcmp(bytes, "\xef\xbf\xbd", 3) == 0);
}

/* All texts of two bytes and all of three that begin with a three-byte lead, against the
 * definition. */
static void test_short_texts_against_the_definition(void)
{
    unsigned wrong = 0;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            unsigned char two[2] = {(unsigned char)a, (unsigned char)b};
            bool valid = (a < 0x80 && b < 0x80) || (a >= 0xC2 && a <= 0xDF && (b & 0xC0) == 0x80);
            wrong += utf8_valid(two, 2) != valid;
            if (a < 0xE0 || a > 0xEF)
                continue;
            unsigned code = (a & 0xF) << 12 | (b & 0x3F) << 6;
            unsigned char three[3] = {two[0], two[1], 0x80};
            valid = (b & 0xC0) == 0x80 && code >= 0x800 && (code < 0xD800 || code > 0xDFFF);
            wrong += utf8_valid(three, 3) != valid;
        }
    }
    CHECK_EQ(wrong, 0);
}

static void test_count_and_offset(void)
{
    const char *text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    size_t len = strlen(text);
    CHECK_EQ(utf8_count(text, len), 5);
    static const size_t offsets[] = {0, 1, 3, 6, 10, 11, 11};
    for (size_t i = 0; i < 7; i++)
        CHECK_EQ(utf8_offset(text, len, i), offsets[i]);
    CHECK_EQ(utf8_offset("", 0, 0), 0);
    CHECK_EQ(utf8_count("", 0), 0);
    uint32_t code = 77;
    CHECK_EQ(utf8_decode("", 0, &code), 0);
    CHECK_EQ(code, 77);
}

static void check_nfc(const char *text, size_t len, const char *expected)
{
    char *out = utf8_nfc(text, len);
    CHECK_STR(out, expected);
    char *again = utf8_nfc(out, strlen(out));
    CHECK_STR(again, expected);
    mem_free(again);
    mem_free(out);
}

static void test_nfc(void)
{
    check_nfc("", 0, "");
    check_nfc("plain", 5, "plain");
    check_nfc("e\xcc\x81t\xc3\xa9", 6, "\xc3\xa9t\xc3\xa9");
    /* Marks in either order give one text; a Hangul syllable is composed; a singleton is replaced.
     */
    check_nfc("q\xcc\x87\xcc\xa3", 5, "q\xcc\xa3\xcc\x87");
    check_nfc("q\xcc\xa3\xcc\x87", 5, "q\xcc\xa3\xcc\x87");
    check_nfc("\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", 9, "\xea\xb0\x81");
    check_nfc("\xe2\x84\xab", 3, "\xc3\x85");
    /* Compatibility forms stay: NFC is not NFKC. */
    check_nfc("\xef\xac\x81", 3, "\xef\xac\x81");
}

static void test_nfc_of_bytes_that_are_no_text(void)
{
    check_nfc("a\0b", 3,
              "a\xef\xbf\xbd"
              "b");
    check_nfc("\xff\xfe", 2, "\xef\xbf\xbd\xef\xbf\xbd");
    check_nfc("\xe2\x82", 2, "\xef\xbf\xbd");
    check_nfc("\xe2\x82x", 3, "\xef\xbf\xbdx");
    check_nfc("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    check_nfc("\xf0\x9f\x98", 3, "\xef\xbf\xbd");
    /* The replacement is longer than what it replaces. */
    char bad[300];
    memset(bad, 0x80, sizeof bad);
    char *out = utf8_nfc(bad, sizeof bad);
    CHECK_EQ(strlen(out), 900);
    CHECK(utf8_valid(out, 900));
    mem_free(out);
}

static void check_fold(const char *text, const char *expected)
{
    char *out = utf8_fold_word(text, strlen(text));
    CHECK_STR(out, expected);
    char *again = utf8_fold_word(out, strlen(out));
    CHECK_STR(again, expected);
    mem_free(again);
    mem_free(out);
}

static void test_fold_word(void)
{
    check_fold("Hello,", "hello");
    check_fold("\xc2\xbfQU\xc3\x89?", "qu\xc3\xa9");
    check_fold("QUE\xcc\x81", "qu\xc3\xa9");
    check_fold("don't", "dont");
    check_fold("don\xe2\x80\x99t", "dont");
    check_fold("co-op", "coop");
    check_fold("STRASSE", "strasse");
    check_fold("Stra\xc3\x9f"
               "e",
               "strasse");
    check_fold("\xce\xa3\xce\x8a\xce\xa3\xce\xa5\xce\xa6\xce\x9f\xce\xa3",
               "\xcf\x83\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x83");
    check_fold("\xe2\x80\x94", "");
    check_fold("...", "");
    check_fold("", "");
    check_fold("$5", "$5");
    check_fold("42", "42");
    /* Canonically equal, with a mark that folds into a letter (iota subscript). */
    check_fold("\xce\xb1\xcd\x85\xcc\x81", "\xce\xac\xce\xb9");
    check_fold("\xce\xb1\xcc\x81\xcd\x85", "\xce\xac\xce\xb9");
    check_fold("A_b[c]$+~Z", "abc$+~z");
    /* Marks on both sides of punctuation end up on one letter, in canonical order. */
    check_fold("q\xcc\x87.\xcc\xa3", "q\xcc\xa3\xcc\x87");
}

static void test_classes(void)
{
    static const uint32_t word[] = {'a', 'Z',    '7',    0xE9,  0x301, '\'',  0x2019,
                                    '-', 0x2010, 0x4E2D, 0x627, 0x660, 0x2160};
    static const uint32_t other[] = {' ', '.', ',', '!', 0xBF, '$', '+', 0x2014, 0x1F600, 0, 0xA0};
    for (size_t i = 0; i < sizeof word / sizeof word[0]; i++)
        CHECK(utf8_is_word(word[i]) && !utf8_is_space(word[i]));
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        CHECK(!utf8_is_word(other[i]));
    static const uint32_t space[] = {' ',  '\t', '\n',   '\r',   '\v',  '\f',
                                     0x85, 0xA0, 0x2003, 0x2028, 0x3000};
    for (size_t i = 0; i < sizeof space / sizeof space[0]; i++)
        CHECK(utf8_is_space(space[i]) && !utf8_is_word(space[i]));
    CHECK(!utf8_is_space('x') && !utf8_is_space(0x200B) && !utf8_is_space(0x110000));
}

/* Fails every allocation in turn until the call gets through; returns how many there are. */
static unsigned count_allocations(char *(*form)(const char *, size_t), const char *text)
{
    unsigned nth = 0;
    for (;;) {
        mem_fail_nth(++nth);
        char *out = form(text, strlen(text));
        mem_fail_nth(0);
        if (out != NULL) {
            mem_free(out);
            return nth - 1;
        }
    }
}

static void test_no_memory(void)
{
    CHECK_EQ(count_allocations(utf8_nfc, "ascii"), 1);
    CHECK_EQ(count_allocations(utf8_fold_word, "ascii"), 1);
    CHECK_EQ(count_allocations(utf8_nfc, "e\xcc\x81"), 3);
    CHECK(count_allocations(utf8_fold_word, "E\xcc\x81") >= 3);
}

/* The table for ASCII and Unicode's own say the same. */
static void test_ascii_classes(void)
{
    for (uint32_t code = 0; code < 0x80; code++) {
        CHECK_EQ(utf8_is_word(code), utf8__is_word(code));
        CHECK_EQ(utf8_is_space(code), utf8__is_space(code));
        CHECK_EQ(utf8_is_punctuation(code), utf8__is_punctuation(code));
        char text = (char)code;
        uint32_t fast = 0, slow = 1;
        CHECK_EQ(utf8_decode(&text, 1, &fast), utf8__decode(&text, 1, &slow));
        CHECK_EQ(fast, slow);
    }
}

int main(void)
{
    RUN(test_validity);
    RUN(test_every_split_agrees);
    RUN(test_refuses_at_the_first_hopeless_byte);
    RUN(test_every_code_point);
    RUN(test_short_texts_against_the_definition);
    RUN(test_count_and_offset);
    RUN(test_nfc);
    RUN(test_nfc_of_bytes_that_are_no_text);
    RUN(test_fold_word);
    RUN(test_classes);
    RUN(test_no_memory);
    RUN(test_ascii_classes);
    return check_done();
}
