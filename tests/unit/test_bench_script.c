/* The scripted conversation: one word there for one word here, and the same for both sides. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "bench/script.h"
#include "tests/check.h"

static const char *word_text(unsigned word, const char *language)
{
    const char *text = script_word_text(word, language);
    CHECK(text != NULL);
    return text;
}

static void words_are_found_in_every_language(void)
{
    for (const char *const *language = script_languages(); *language != NULL; language++) {
        for (unsigned word = 0; word < script_lexicon_len(); word++) {
            /* Two equal words would be found as one. */
            const char *text = word_text(word, *language);
            CHECK_EQ(script_word_find(text, strlen(text), *language), word);
            CHECK(utf8_valid(text, strlen(text)));
        }
    }
}

static void words_are_found_dressed(void)
{
    const struct {
        const char *dressed, *plain, *language;
    } cases[] = {
        {"House", "house", "en-US"},
        {"HOUSE!", "house", "EN"},
        {"\u201cÉTÉ\u201d,", "été", "fr_FR"},
        {"¿mañana?", "mañana", "es-419"},
        {"(groß)", "groß", "de"},
        {"...Öffnen", "öffnen", "de-AT"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *plain = cases[i].plain, *language = cases[i].language;
        int word = script_word_find(plain, strlen(plain), language);
        CHECK(word >= 0);
        CHECK_EQ(script_word_find(cases[i].dressed, strlen(cases[i].dressed), language), word);
    }
}

static void strangers_are_not_found(void)
{
    const char *strangers[] = {"",          " ",        "zebra",
                               "hous",      "houses",   "ho-use",
                               "\xc3",      "\xff\xfe", "house\xc3",
                               "the house", "12",       "averyveryveryveryverylongwordindeed"};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        bool dressed = strcmp(strangers[i], "house\xc3") == 0;
        CHECK_EQ(script_word_find(strangers[i], strlen(strangers[i]), "en") >= 0, dressed);
    }
    CHECK_EQ(script_word_find("house", 5, "it"), -1);
    CHECK_EQ(script_word_find("house", 5, "english"), -1);
    CHECK(script_word_text(0, "e") == NULL);
    CHECK(script_word_text(0, NULL) == NULL);
}

static void mistakes_are_corrected_to_words(void)
{
    unsigned mistakes = 0;
    for (unsigned word = 0; word < script_lexicon_len(); word++) {
        const char *right = script_word_correction(word);
        if (right == NULL)
            continue;
        mistakes++;
        int found = script_word_find(right, strlen(right), "en");
        CHECK(found >= 0 && (unsigned)found != word);
        CHECK(script_word_correction((unsigned)found) == NULL);
    }
    CHECK(mistakes >= 5);
    int goed = script_word_find("goed", 4, "en");
    CHECK(goed >= 0);
    CHECK_STR(script_word_correction((unsigned)goed), "went");
}

/* Over many utterances: about 100 characters each, every word said, about 3 % said twice. */
static void utterances_are_ordinary(void)
{
    enum { UTTERANCES = 2000 };
    unsigned long words = 0, repeated = 0, chars = 0, said[256] = {0};
    struct buf text;
    buf_init(&text, 4096);
    for (uint32_t u = 1; u <= UTTERANCES; u++) {
        uint32_t session = u % 7;
        unsigned len = script_utterance_len(3, session, u);
        CHECK(len >= SCRIPT_SAID_MIN && len <= SCRIPT_SAID_MAX);
        unsigned run = 1;
        for (unsigned place = 0; place < len; place++) {
            unsigned word = script_utterance_word(3, session, u, place);
            CHECK(word < script_lexicon_len());
            said[word]++;
            bool again = place > 0 && word == script_utterance_word(3, session, u, place - 1);
            run = again ? run + 1 : 1;
            repeated += again;
            CHECK(run <= 2);
        }
        words += len;
        buf_reset(&text);
        struct script_span span = {.seed = 3, .session = session, .utterance = u, .len = len};
        CHECK_EQ(script_span_write(&span, "en", &text), STATUS_OK);
        chars += text.len;
    }
    buf_deinit(&text);
    CHECK(chars / UTTERANCES >= 92 && chars / UTTERANCES <= 108);
    CHECK(repeated * 100 >= words * 2 && repeated * 100 <= words * 4);
    for (unsigned word = 0; word < script_lexicon_len(); word++)
        CHECK(said[word] > words / script_lexicon_len() / 2);
}

static unsigned same_words(uint64_t seed, uint32_t session, uint32_t utterance)
{
    unsigned same = 0;
    for (unsigned place = 0; place < SCRIPT_SAID_MIN; place++)
        same += script_utterance_word(seed, session, utterance, place) ==
                script_utterance_word(1, 1, 1, place);
    return same;
}

static void seed_session_and_utterance_all_matter(void)
{
    CHECK_EQ(same_words(1, 1, 1), SCRIPT_SAID_MIN);
    CHECK(same_words(2, 1, 1) < SCRIPT_SAID_MIN / 2);
    CHECK(same_words(1, 2, 1) < SCRIPT_SAID_MIN / 2);
    CHECK(same_words(1, 1, 2) < SCRIPT_SAID_MIN / 2);
}

static void span_is_part_of_the_utterance(void)
{
    struct buf whole, parts;
    buf_init(&whole, 4096);
    buf_init(&parts, 4096);
    struct script_span span = {.seed = 9, .session = 4, .utterance = 2, .sentence = true};
    span.len = script_utterance_len(9, 4, 2);
    CHECK_EQ(script_span_write(&span, "fr", &whole), STATUS_OK);
    span.sentence = false;
    unsigned len = span.len;
    span.len = 5;
    CHECK_EQ(script_span_write(&span, "fr", &parts), STATUS_OK);
    buf_putc(&parts, ' ');
    span.first = 5;
    span.len = len - 5;
    CHECK_EQ(script_span_write(&span, "fr", &parts), STATUS_OK);
    buf_putc(&parts, '.');
    /* But for the first letter they are the same. */
    size_t skip = utf8_offset(whole.data, whole.len, 1);
    CHECK_EQ(whole.len, parts.len);
    CHECK_STR(whole.data + skip, parts.data + skip);
    CHECK(memcmp(whole.data, parts.data, skip) != 0);
    CHECK_EQ(script_span_write(&span, "xx", &parts), STATUS_NOT_FOUND);
    buf_deinit(&whole);
    buf_deinit(&parts);
}

static void sentence_begins_large(void)
{
    /* Among so many utterances every word comes first, those with accents too. */
    struct buf large;
    buf_init(&large, 4096);
    for (uint32_t u = 1; u <= 1000; u++) {
        struct script_span span = {
            .seed = 1, .session = 1, .utterance = u, .len = 1, .sentence = true};
        buf_reset(&large);
        CHECK_EQ(script_span_write(&span, "fr", &large), STATUS_OK);
        const char *small = word_text(script_utterance_word(1, 1, u, 0), "fr");
        char *folded = utf8_fold_word(large.data, large.len);
        CHECK_STR(folded, small);
        mem_free(folded);
        CHECK(memcmp(large.data, small, strlen(small)) != 0);
    }
    buf_deinit(&large);
}

static void translated(const char *text, const char *source, const char *target, const char *want)
{
    struct buf out;
    buf_init(&out, 4096);
    CHECK_EQ(script_translate(text, source, target, &out), STATUS_OK);
    CHECK_STR(out.data == NULL ? "" : out.data, want);
    buf_deinit(&out);
}

static void text_is_translated_word_by_word(void)
{
    translated("", "en", "es", "");
    translated("we see the  house.", "en", "es", "nosotros ver the  casa.");
    translated(" Summer,\n(cat) and \"Zebra\"! ", "en-GB", "fr", " Été,\n(chat) et \"Zebra\"! ");
    translated("été Écouter", "fr", "de", "sommer Hören");
    translated("ho-use \xff house?!", "en", "en", "ho-use \xff house?!");
    struct buf out;
    buf_init(&out, 64);
    CHECK_EQ(script_translate("house", "en", "it", &out), STATUS_NOT_FOUND);
    CHECK_EQ(script_translate("house", "it", "en", &out), STATUS_NOT_FOUND);
    CHECK_EQ(out.len, 0);
    buf_deinit(&out);
}

static void translation_is_the_script_in_that_language(void)
{
    struct buf en, de, translation, back;
    buf_init(&en, 4096);
    buf_init(&de, 4096);
    buf_init(&translation, 4096);
    buf_init(&back, 4096);
    for (uint32_t u = 1; u <= 300; u++) {
        struct script_span span = {.seed = u, .session = 5, .utterance = u, .sentence = true};
        span.len = script_utterance_len(u, 5, u);
        buf_reset(&en);
        buf_reset(&de);
        buf_reset(&translation);
        buf_reset(&back);
        CHECK_EQ(script_span_write(&span, "en", &en), STATUS_OK);
        CHECK_EQ(script_span_write(&span, "de", &de), STATUS_OK);
        CHECK_EQ(script_translate(en.data, "en", "de", &translation), STATUS_OK);
        CHECK_STR(translation.data, de.data);
        CHECK_EQ(script_translate(de.data, "de", "en", &back), STATUS_OK);
        CHECK_STR(back.data, en.data);
    }
    buf_deinit(&en);
    buf_deinit(&de);
    buf_deinit(&translation);
    buf_deinit(&back);
}

int main(void)
{
    RUN(words_are_found_in_every_language);
    RUN(words_are_found_dressed);
    RUN(strangers_are_not_found);
    RUN(mistakes_are_corrected_to_words);
    RUN(utterances_are_ordinary);
    RUN(seed_session_and_utterance_all_matter);
    RUN(span_is_part_of_the_utterance);
    RUN(sentence_begins_large);
    RUN(text_is_translated_word_by_word);
    RUN(translation_is_the_script_in_that_language);
    return check_done();
}
