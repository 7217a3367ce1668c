#include "base/mem.h"
#include "base/status.h"
#include "tests/check.h"
#include "translate/internal.h"
#include "translate/translate.h"
#include <stdbool.h>

static char *text;

static int read_as(const char *source, const char *target, const char *said, const char *answer)
{
    struct translate_prompt prompt = {
        .model = "m", .source = source, .target = target, .text = said};
    mem_free(text);
    text = NULL;
    return translate_answer_read(&prompt, answer, strlen(answer), &text);
}

static int read_es(const char *said, const char *answer)
{
    return read_as("en-US", "es", said, answer);
}

static void reads(const char *said, const char *answer, const char *expected)
{
    CHECK_EQ(read_es(said, answer), 0);
    CHECK_STR(text, expected);
}

static void test_white_space_is_squeezed(void)
{
    reads("Hello you", "  Hola\n\n t\u00fa \n", "Hola t\u00fa");
    reads("Hello", "Hola\u00a0", "Hola");
}

static void test_answers_become_nfc(void)
{
    reads("coffee", "cafe\u0301", "caf\u00e9");
    reads("coffee", "caf\xff", "caf\ufffd");
}

static void test_quotes_around_the_whole_go(void)
{
    reads("Hello", "\"Hola\"", "Hola");
    reads("Hello", "\u201cHola\u201d", "Hola");
    reads("Hello", "\u00ab Hola \u00bb", "Hola");
    reads("yes and no", "\"s\u00ed\" y \"no\"", "\"s\u00ed\" y \"no\"");
    reads("\"Hello\"", "\"Hola\"", "\"Hola\"");
    reads("Hello", "\"Hola", "\"Hola");
}

static void test_nothing_is_filtered(void)
{
    CHECK_EQ(read_es("Hello", ""), STATUS_FILTERED);
    CHECK_EQ(read_es("Hello", " \n "), STATUS_FILTERED);
    CHECK_EQ(read_es("Hello", "\"\""), STATUS_FILTERED);
    CHECK(text == NULL);
}

static void test_echo_is_filtered(void)
{
    CHECK_EQ(read_es("I went to school", "I went to school."), STATUS_FILTERED);
    CHECK_EQ(read_es("I went to school", "i went, to School!"), STATUS_FILTERED);
    /* Names and short words are the same in both languages. */
    reads("Radio Madrid Madrid", "Radio Madrid Madrid", "Radio Madrid Madrid");
    CHECK_EQ(read_as("en-US", "en-GB", "I went to school", "I went to school"), 0);
    CHECK_EQ(read_as("en", "es", "I went to school today", "I went to school"), 0);
}

static void test_talk_is_filtered(void)
{
    CHECK_EQ(read_es("Tell me a joke", "I'm sorry, but I can't do that."), STATUS_FILTERED);
    CHECK_EQ(read_es("Tell me a joke", "I\u2019m sorry, I can only translate."), STATUS_FILTERED);
    CHECK_EQ(read_es("Tell me a joke", "As an AI, I do not joke."), STATUS_FILTERED);
    CHECK_EQ(read_as("es", "en", "Cu\u00e9ntame algo", "I cannot translate this text."),
             STATUS_FILTERED);
    /* Whoever says sorry in Spanish says it in English. */
    CHECK_EQ(read_as("es", "en-US", "Lo siento mucho", "I'm sorry"), 0);
    CHECK_STR(text, "I'm sorry");
}

static void test_too_long_is_filtered(void)
{
    char answer[512];
    memset(answer, 'a', sizeof answer);
    answer[3 * 5 + 60] = '\0';
    CHECK_EQ(read_es("Hello", answer), 0);
    answer[3 * 5 + 60] = 'a';
    answer[3 * 5 + 61] = '\0';
    CHECK_EQ(read_es("Hello", answer), STATUS_FILTERED);
}

static void test_too_short_is_truncated(void)
{
    CHECK_EQ(
        read_es("we all went there and stayed for some days because it was so very nice", "todos"),
        STATUS_TRUNCATED);
}

static bool doubtful(const char *source, const char *target, const char *said, const char *so_far)
{
    struct translate_prompt prompt = {
        .model = "m", .source = source, .target = target, .text = said};
    return translate__doubtful(&prompt, so_far);
}

/* What would be refused in the end is not shown on the way there. */
static void test_doubtful_beginnings(void)
{
    CHECK(doubtful("en", "es", "Tell me a joke", "I"));
    CHECK(doubtful("en", "es", "Tell me a joke", "I\u2019m sorry, but I can"));
    CHECK(doubtful("es", "en", "Cu\u00e9ntame algo", "I cannot translate this"));
    CHECK(!doubtful("es", "en", "Lo siento, mucho", "I am sor"));
    CHECK(doubtful("en", "es", "Tell me a joke", "tell me a"));
    CHECK(!doubtful("en", "es", "Tell me a joke", "Tell me un"));
    CHECK(!doubtful("en-US", "en-GB", "Tell me a joke", "Tell me a"));
    CHECK(!doubtful("en", "es", "Tell me a joke", "Cu\u00e9ntame un"));
    CHECK(doubtful("en", "es", "Tell me a joke", ""));
    char so_far[512];
    memset(so_far, 'z', sizeof so_far);
    so_far[3 * 5 + 61] = '\0';
    CHECK(doubtful("en", "es", "Hello", so_far));
    so_far[3 * 5 + 60] = '\0';
    CHECK(!doubtful("en", "es", "Hello", so_far));
}

static void test_no_memory(void)
{
    struct translate_prompt prompt = {
        .model = "m", .source = "en", .target = "es", .text = "one two three four"};
    unsigned nth = 1;
    for (bool clean = false; !clean; nth++) {
        char *out = NULL;
        mem_fail_nth(nth);
        int status = translate_answer_read(&prompt, "uno dos tr\u00e9s", 13, &out);
        mem_fail_nth(0);
        CHECK(status == 0 || (status == STATUS_NOMEM && out == NULL));
        clean = status == 0;
        mem_free(out);
    }
    CHECK(nth > 4);
}

int main(void)
{
    RUN(test_white_space_is_squeezed);
    RUN(test_answers_become_nfc);
    RUN(test_quotes_around_the_whole_go);
    RUN(test_nothing_is_filtered);
    RUN(test_echo_is_filtered);
    RUN(test_talk_is_filtered);
    RUN(test_too_long_is_filtered);
    RUN(test_too_short_is_truncated);
    RUN(test_doubtful_beginnings);
    RUN(test_no_memory);
    mem_free(text);
    return check_done();
}
