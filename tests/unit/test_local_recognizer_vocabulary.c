/* Expected words: how they sound, how they are written. */
#include "base/status.h"
#include "local/recognizer_sounds.h"
#include "local/recognizer_vocabulary.h"
#include "tests/check.h"

static void check_sounds(const char *word, const char *phones)
{
    char out[128] = "";
    CHECK(local_sounds_of(word, out, sizeof out));
    CHECK_STR(out, phones);
}

static void test_sounds(void)
{
    check_sounds("tambolo", "T AE M B AA L OW");
    check_sounds("Blake", "B L EY K");
    check_sounds("church", "CH ER CH");
    check_sounds("cecil", "S EH S IH L");
    check_sounds("knight", "N AY T");
    check_sounds("o'hara", "AA HH AA R AH");
    check_sounds("xeno", "Z EH N OW");
    check_sounds("matt", "M AE T");
}

static void test_what_has_no_sound(void)
{
    char out[16];
    CHECK(!local_sounds_of("", out, sizeof out));
    CHECK(!local_sounds_of("caf\xc3\xa9", out, sizeof out));
    CHECK(!local_sounds_of("c3po", out, sizeof out));
    CHECK(!local_sounds_of("h", out, sizeof out));
    CHECK(!local_sounds_of("tambolotambolo", out, sizeof out)); /* too long for `out` */
}

/* A RecognitionConfig of v1 with one speech context of these phrases. */
static struct local_vocabulary *vocabulary_of(const char *const *phrases, size_t count)
{
    static uint8_t bytes[512];
    uint8_t context[400];
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        size_t phrase = strlen(phrases[i]);
        context[len++] = 0x0a;
        context[len++] = (uint8_t)phrase;
        memcpy(context + len, phrases[i], phrase);
        len += phrase;
    }
    CHECK(len < 128);
    bytes[0] = 0x32;
    bytes[1] = (uint8_t)len;
    memcpy(bytes + 2, context, len);
    struct local_speech_config config = {.recognition = bytes, .recognition_len = len + 2};
    struct local_vocabulary *out = NULL;
    CHECK_EQ(local_vocabulary_create(&out, &config), 0);
    return out;
}

static struct local_hypothesis hypothesis;

static void check_spelling(const struct local_vocabulary *vocabulary, const char *heard,
                           const char *want)
{
    char text[256], *rest = text, got[256] = "";
    snprintf(text, sizeof text, "%s", heard);
    hypothesis.len = 0;
    for (char *word; (word = strsep(&rest, " ")) != NULL;)
        snprintf(hypothesis.words[hypothesis.len++].text, LOCAL_WORD_BYTES, "%s", word);
    local_vocabulary_spell(vocabulary, &hypothesis);
    for (size_t i = 0; i < hypothesis.len; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i > 0 ? " " : "",
                 hypothesis.words[i].text);
    CHECK_STR(got, want);
}

static void test_spelling(void)
{
    static const char *const phrases[] = {"The Beatles", "Peter", "Peter Pan", "gRPC"};
    struct local_vocabulary *vocabulary = vocabulary_of(phrases, 4);
    CHECK_EQ(vocabulary->len, 6);
    check_spelling(vocabulary, "the man heard the beatles", "the man heard The Beatles");
    check_spelling(vocabulary, "peter saw peter pan", "Peter saw Peter Pan");
    check_spelling(vocabulary, "grpc the", "gRPC the");
    local_vocabulary_destroy(vocabulary);
}

static void test_unusable_phrases_are_left_out(void)
{
    static const char *const phrases[] = {"caf\xc3\xa9 noir", "good word", "route 66", " "};
    struct local_vocabulary *vocabulary = vocabulary_of(phrases, 4);
    CHECK_EQ(vocabulary->len, 2);
    CHECK_STR(vocabulary->words[1].text, "word");
    local_vocabulary_destroy(vocabulary);
    CHECK(vocabulary_of(phrases + 2, 2) == NULL);
}

static void test_the_same_words_have_the_same_mark(void)
{
    static const char *const one[] = {"ab", "c"}, *const other[] = {"a", "bc"};
    struct local_vocabulary *a = vocabulary_of(one, 2), *b = vocabulary_of(one, 2),
                            *c = vocabulary_of(other, 2);
    CHECK(a->mark != 0 && a->mark == b->mark && a->mark != c->mark);
    local_vocabulary_destroy(a);
    local_vocabulary_destroy(b);
    local_vocabulary_destroy(c);
}

int main(void)
{
    RUN(test_sounds);
    RUN(test_what_has_no_sound);
    RUN(test_spelling);
    RUN(test_unusable_phrases_are_left_out);
    RUN(test_the_same_words_have_the_same_mark);
    return check_done();
}
