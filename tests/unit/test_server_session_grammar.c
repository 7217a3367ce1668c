/* Corrections as a session makes them: of the words as they were heard, beside the translation,
 * explained in the language asked for, and none that nobody wants. */
#include "tests/check.h"
#include "tests/unit/session_kit.h"

static void say(struct kit *kit, const char *text, int64_t end_ms)
{
    kit_speak(kit, 1000);
    kit_accept(kit);
    kit_hear(kit, text, true, end_ms);
}

static const struct kit_ask *grammar_ask(const struct kit *kit, unsigned from)
{
    for (unsigned i = from; i < kit->asks_len; i++) {
        if (kit->asks[i].grammar)
            return &kit->asks[i];
    }
    return NULL;
}

static void start(struct kit *kit)
{
    kit_init(kit);
    kit->settings.grammar = true;
}

/* What a learner said is what is corrected, to the letter: its spans count what the client shows.
 */
static void test_words_as_heard(void)
{
    static const char said[] = "i goed to caf\xc3\xa9s yesterday and she dont like it";
    struct kit kit;
    start(&kit);
    CHECK_EQ(kit_create(&kit), STATUS_OK);
    say(&kit, said, 900);
    const struct event *transcript = kit_last(&kit, EVENT_TRANSCRIPT);
    const struct kit_ask *ask = grammar_ask(&kit, 0);
    CHECK(ask != NULL);
    CHECK_STR(transcript->committed, said);
    CHECK_STR(ask->text, transcript->committed);
    CHECK_STR(kit.asks[0].text, transcript->committed);
    kit_end(&kit);
}

static void test_translation_does_not_wait(void)
{
    struct kit kit;
    start(&kit);
    CHECK_EQ(kit_create(&kit), STATUS_OK);
    say(&kit, "She have two cats", 900);
    CHECK_EQ(kit.asks_len, 2);
    /* Asked first, so that in a queue of its session it stands before. */
    CHECK(!kit.asks[0].grammar && kit.asks[1].grammar);
    kit_answer(&kit, 0, "Tiene dos gatos");
    CHECK(kit_last(&kit, EVENT_TRANSLATION)->final);
    CHECK_EQ(kit_count(&kit, EVENT_GRAMMAR), 0);
    /* Nor does the next one wait for corrections that never come. */
    say(&kit, "They is black", 1900);
    for (unsigned i = 2; i < kit.asks_len; i++) {
        if (!kit.asks[i].grammar)
            kit_answer(&kit, i, "Son negros");
    }
    CHECK_STR(kit_last(&kit, EVENT_TRANSLATION)->committed, "Son negros");
    CHECK_EQ(kit_last(&kit, EVENT_TRANSLATION)->segment, 2);
    CHECK_EQ(kit_count(&kit, EVENT_GRAMMAR), 0);
    kit_pass(&kit, 4 * SECOND);
    CHECK_EQ(kit_count(&kit, EVENT_GRAMMAR), 2);
    CHECK_STR(kit_last(&kit, EVENT_GRAMMAR)->failed, "deadline");
    kit_end(&kit);
}

static void test_explanations(void)
{
    struct kit kit;
    start(&kit);
    kit.settings.explain_in = "es-MX";
    CHECK_EQ(kit_create(&kit), STATUS_OK);
    say(&kit, "She have two cats", 900);
    CHECK_STR(grammar_ask(&kit, 0)->target, "es-MX");
    unsigned before = kit.asks_len;
    kit_update(&kit, (struct client_settings){.has = HAS_EXPLAIN, .explain_in = "de"});
    say(&kit, "They is black", 1900);
    CHECK_STR(grammar_ask(&kit, before)->target, "de");
    kit_end(&kit);
    start(&kit);
    CHECK_EQ(kit_create(&kit), STATUS_OK);
    say(&kit, "She have two cats", 900);
    CHECK_STR(grammar_ask(&kit, 0)->target, "en-US");
    kit_end(&kit);
}

static unsigned partial_corrections(bool grammar, bool partials)
{
    struct kit kit;
    unsigned count = 0;
    kit_init(&kit);
    kit.settings.grammar = grammar;
    kit.settings.partials = partials;
    CHECK_EQ(kit_create(&kit), STATUS_OK);
    kit_speak(&kit, 1000);
    kit_accept(&kit);
    kit_hear(&kit, "she have two cats and they is black", false, 900);
    kit_hear(&kit, "she have two cats and they is black", false, 900);
    kit_pass(&kit, 2 * SECOND);
    for (unsigned i = 0; i < kit.asks_len; i++)
        count += kit.asks[i].grammar && !kit.asks[i].final;
    kit_end(&kit);
    return count;
}

static void test_partials_only_where_wanted(void)
{
    CHECK(partial_corrections(true, true) > 0);
    CHECK_EQ(partial_corrections(true, false), 0);
    CHECK_EQ(partial_corrections(false, true), 0);
    CHECK_EQ(partial_corrections(false, false), 0);
}

int main(void)
{
    RUN(test_words_as_heard);
    RUN(test_translation_does_not_wait);
    RUN(test_explanations);
    RUN(test_partials_only_where_wanted);
    return check_done();
}
