#include "base/mem.h"
#include "base/status.h"
#include "tests/check.h"
#include "translate/internal.h"
#include <stdbool.h>
#include <string.h>

/* A segment as its translation grows: what was shown is what the next step builds on. */
static struct translate__draft draft;
static struct translate__view view;
static char committed[256];
static enum translate_stability stability;

static void begin(enum translate_stability of)
{
    translate__draft_deinit(&draft);
    translate__view_free(&view);
    committed[0] = '\0';
    stability = of;
}

/* `|` in the newest source stands behind what is committed of it. */
static void partial(const char *asked, const char *answer, const char *newest)
{
    char text[256];
    size_t settled = strcspn(newest, "|");
    snprintf(text, sizeof text, "%.*s%s", (int)settled, newest, newest + settled + 1);
    struct translate__partial given = {.committed = committed,
                                       .asked = asked,
                                       .answer = answer,
                                       .newest = text,
                                       .settled = settled,
                                       .stability = stability};
    translate__view_free(&view);
    CHECK_EQ(translate__draft_partial(&draft, &given, &view), 0);
    snprintf(committed, sizeof committed, "%s", view.committed);
}

static void shows(const char *first, const char *rest)
{
    CHECK_STR(view.committed, first);
    CHECK_STR(view.tentative, rest);
}

static void asks(const char *text, bool whole, const char *expected)
{
    struct translate_ask ask = {0};
    translate__draft_ask(&draft, text, whole, &ask);
    CHECK_STR(ask.text, expected);
    CHECK((ask.before == NULL) == (strcmp(text, expected) == 0));
    CHECK((ask.before == NULL) == (ask.before_target == NULL));
}

/* Two answers to the same guess agree, and nothing is known by that. */
static void test_what_rests_on_a_guess_stays_tentative(void)
{
    begin(TRANSLATE_STABILITY_LOW);
    partial("I saw a bare", "Vi un desnudo", "I saw |a bare");
    shows("", "Vi un desnudo");
    partial("I saw a bare", "Vi un desnudo", "I saw |a bare in");
    shows("", "Vi un desnudo");
    partial("I saw a bear in", "Vi un oso en", "I saw a |bear in");
    shows("Vi un", " oso en");
    partial("I saw a bear in the wood", "Vi un oso en el bosque", "I saw a bear in |the wood");
    shows("Vi un oso en", " el bosque");
}

/* What was a guess when it was asked has been committed since. */
static void test_guesses_come_true(void)
{
    begin(TRANSLATE_STABILITY_LOW);
    partial("we went", "fuimos", "we went|");
    partial("we went home", "fuimos a casa", "we went home| late");
    shows("fuimos", " a casa");
    partial("we went home late today", "fuimos a casa tarde hoy", "we went home late today|");
    shows("fuimos a casa", " tarde hoy");
}

/* Two words, of few words half; none once the recogniser is sure of all. */
static void test_medium_holds_back_the_last_words(void)
{
    begin(TRANSLATE_STABILITY_MEDIUM);
    partial("one two", "uno dos", "one |two");
    shows("", "uno");
    partial("one two three four", "uno dos tres cuatro", "one two |three four");
    shows("uno dos", " tres");
    partial("one two three four five six seven eight", "uno dos tres cuatro, y cinco seis siete",
            "one two three four |five six seven eight");
    shows("uno dos tres cuatro", ", y cinco");
    partial("one two three four five six seven eight nine", "uno dos tres cuatro, y cinco seis",
            "one two three four five six seven eight nine|");
    shows("uno dos tres cuatro, y cinco seis", "");
}

static void test_high_shows_what_is_committed(void)
{
    begin(TRANSLATE_STABILITY_HIGH);
    partial("one two", "uno dos", "one two|");
    shows("", "");
    partial("one two three", "uno dos tres", "one two three|");
    shows("uno dos", "");
    partial("one two three four", "uno dos tres y cuatro", "one two |three four");
    shows("uno dos", "");
    partial("one two three four five", "uno dos tres y cuatro", "one two three four five|");
    shows("uno dos tres", "");
}

/* What is translated and committed is not sent again, but a little of it as context. */
static void test_only_the_rest_is_asked(void)
{
    static const char said[] = "when we were young we always went to the old town there by train";
    static const char told[] = "cuando éramos jóvenes siempre íbamos allí al casco antiguo en tren";
    char text[128], answer[128];
    begin(TRANSLATE_STABILITY_LOW);
    snprintf(text, sizeof text, "%s|", said);
    snprintf(answer, sizeof answer, "%s.", told);
    partial(said, answer, text);
    snprintf(text, sizeof text, "%s and", said);
    asks(text, false, text);
    snprintf(text, sizeof text, "%s and |bus", said);
    snprintf(answer, sizeof answer, "%s y bus", told);
    partial("when we were young we always went to the old town there by train and bus", answer,
            text);
    shows(told, " y bus");
    snprintf(text, sizeof text, "%s and bus or", said);
    asks(text, false, "and bus or");
    char *whole = translate__draft_whole(&draft, "y bus o");
    CHECK(whole != NULL && strncmp(whole, told, strlen(told)) == 0);
    CHECK_STR(whole + strlen(told), " y bus o");
    mem_free(whole);
    snprintf(text, sizeof text, "%s and bus |or", said);
    partial("when we were young we always went to the old town there by train and bus or",
            "y bus o", text);
    CHECK_STR(view.committed + strlen(told), " y bus");
    CHECK_STR(view.tentative, " o");
    snprintf(text, sizeof text, "%ss and bus", said);
    asks(text, false, text);
    snprintf(text, sizeof text, "%s and bus or", said);
    asks(text, true, text);
    asks(said, false, said);
}

static void test_context_is_short(void)
{
    begin(TRANSLATE_STABILITY_LOW);
    static const char said[] = "this is a rather long beginning of something that we know";
    static const char told[] = "esto es un comienzo bastante largo de algo que sabemos";
    char more[128];
    snprintf(more, sizeof more, "%s well", said);
    partial(said, told, "this is a rather long beginning of something that we know|");
    partial(more, "esto es un comienzo bastante largo de algo que sabemos bien",
            "this is a rather long beginning of something that we know |well");
    struct translate_ask ask = {0};
    translate__draft_ask(&draft, more, false, &ask);
    CHECK_STR(ask.text, "well");
    CHECK(strlen(ask.before) <= TRANSLATE_CONTEXT_BYTES && ask.before[0] != ' ');
    CHECK(strlen(ask.before_target) <= TRANSLATE_CONTEXT_BYTES);
    CHECK(strstr(said, ask.before) != NULL && strstr(told, ask.before_target) != NULL);
}

static void test_scripts_without_spaces(void)
{
    begin(TRANSLATE_STABILITY_LOW);
    static const char said[] =
        "\u6211\u6700\u559c\u6b22\u732b\u548c\u72d7\u8fd8\u6709\u4ed6\u4eec\u7684\u5c0f"
        "\u5b69\u5b50";
    static const char told[] =
        "what I like best of all is cats and dogs and all of their little ones, too";
    char text[128], longer[128], answer[128];
    snprintf(text, sizeof text, "%s|", said);
    partial(said, told, text);
    snprintf(text, sizeof text, "%s|\u4eec", said);
    snprintf(longer, sizeof longer, "%s\u4eec", said);
    snprintf(answer, sizeof answer, "%s many", told);
    partial(longer, answer, text);
    shows(told, " many");
    asks(longer, false, "\u4eec");
}

static const char long_said[] = "this is a rather long beginning of something that we all know";
static const char long_newest[] = "this is a rather long beginning of something that we all know|";
static const char long_told[] = "esto es un comienzo bastante largo de algo que todos ya sabemos";

static void test_no_memory(void)
{
    unsigned nth = 1;
    for (bool clean = false; !clean; nth++) {
        begin(TRANSLATE_STABILITY_LOW);
        partial(long_said, long_told, long_newest);
        struct translate__partial given = {.committed = "",
                                           .asked = long_said,
                                           .answer = long_told,
                                           .newest = long_said,
                                           .settled = sizeof long_said - 1,
                                           .stability = stability};
        translate__view_free(&view);
        mem_fail_nth(nth);
        int status = translate__draft_partial(&draft, &given, &view);
        mem_fail_nth(0);
        CHECK(status == 0 || status == STATUS_NOMEM);
        CHECK(status == 0 || view.committed == NULL);
        clean = status == 0 && draft.anchor.answer != NULL;
    }
    CHECK(nth > 6);
    begin(0);
}

int main(void)
{
    RUN(test_what_rests_on_a_guess_stays_tentative);
    RUN(test_guesses_come_true);
    RUN(test_medium_holds_back_the_last_words);
    RUN(test_high_shows_what_is_committed);
    RUN(test_only_the_rest_is_asked);
    RUN(test_context_is_short);
    RUN(test_scripts_without_spaces);
    RUN(test_no_memory);
    return check_done();
}
