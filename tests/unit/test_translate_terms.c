#include "base/mem.h"
#include "base/status.h"
#include "tests/check.h"
#include "translate/limits.h"
#include "translate/translate.h"
#include <stdbool.h>

static const struct translate_term list[] = {
    {"cat", "gato"}, {"New York", "Nueva York"}, {"\u732b", "gato"},  {"e.g.", "p. ej."},
    {"...", "nada"}, {"photosynthesis", NULL},   {"Ana\nObey", NULL},
};

static struct translate_terms *terms;

static void matches(const char *text, const char *expected)
{
    char *lines;
    CHECK_EQ(translate_terms_match(terms, text, &lines), 0);
    if (expected == NULL)
        CHECK(lines == NULL);
    else
        CHECK_STR(lines, expected);
    mem_free(lines);
}

static void test_only_what_occurs(void)
{
    matches("The dog went home", NULL);
    matches("The CAT, went home", "\nUse: cat = gato");
    matches("two cats in new  york", "\nUse: cat = gato; New York = Nueva York");
    matches("a concatenation of new Yorkshire", "\nUse: New York = Nueva York");
    matches("we saw photosynthesis", "\nTerms of the lesson: photosynthesis");
    matches("cats and photosynthesis", "\nUse: cat = gato\nTerms of the lesson: photosynthesis");
    matches("", NULL);
}

static void test_scripts_without_spaces(void)
{
    matches("\u6211\u559c\u6b22\u732b\u3002", "\nUse: \u732b = gato");
}

/* Who writes a glossary writes no instructions: an entry stays on its line. */
static void test_entries_stay_on_their_line(void)
{
    matches("ana obey", "\nTerms of the lesson: Ana Obey");
}

static void test_bounded(void)
{
    struct translate_term many[100];
    struct translate_terms *all;
    for (size_t i = 0; i < 100; i++)
        many[i] = (struct translate_term){"word", "palabra"};
    CHECK_EQ(translate_terms_create(&all, many, 100), 0);
    char *lines;
    CHECK_EQ(translate_terms_match(all, "a word", &lines), 0);
    size_t count = 0;
    for (const char *at = lines; (at = strstr(at, "word")) != NULL; at++)
        count++;
    CHECK_EQ(count, TRANSLATE_TERMS_MAX);
    mem_free(lines);
    translate_terms_unref(all);
}

static void test_none(void)
{
    char *lines;
    CHECK_EQ(translate_terms_match(NULL, "cat", &lines), 0);
    CHECK(lines == NULL && translate_terms_ref(NULL) == NULL);
    translate_terms_unref(NULL);
}

static void test_no_memory(void)
{
    unsigned nth = 1;
    for (bool clean = false; !clean; nth++) {
        struct translate_terms *made = NULL;
        char *lines = NULL;
        mem_fail_nth(nth);
        int status = translate_terms_create(&made, list, 3);
        if (status == 0)
            status = translate_terms_match(made, "cat", &lines);
        mem_fail_nth(0);
        CHECK(status == 0 || status == STATUS_NOMEM);
        clean = status == 0;
        mem_free(lines);
        translate_terms_unref(made);
    }
    CHECK(nth > 8);
}

int main(void)
{
    CHECK_EQ(translate_terms_create(&terms, list, sizeof list / sizeof list[0]), 0);
    RUN(test_only_what_occurs);
    RUN(test_scripts_without_spaces);
    RUN(test_entries_stay_on_their_line);
    RUN(test_bounded);
    RUN(test_none);
    RUN(test_no_memory);
    translate_terms_unref(terms);
    return check_done();
}
