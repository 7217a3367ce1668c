/* What a client that comes back hears of the segment that is open: the text and its translations,
 * as they stand, once more. */
#include "tests/unit/session_kit.h"

static void answer_all(struct kit *kit, unsigned from, const char *text)
{
    for (unsigned i = from; i < kit->asks_len; i++)
        if (!kit->asks[i].cancelled && !kit->asks[i].grammar)
            kit_answer(kit, i, text);
}

static void come_back(struct kit *kit, uint32_t attach)
{
    session_hold(kit->session, kit->now_us);
    CHECK_EQ(session_attach(kit->session, &(struct session_attach){.attach = attach}, kit->now_us),
             STATUS_OK);
    session_restate(kit->session, kit->now_us);
}

static unsigned count_from(const struct kit *kit, unsigned from, enum event_kind kind)
{
    unsigned count = 0;
    for (unsigned i = from; i < kit->events_len; i++)
        count += kit->events[i]->kind == kind;
    return count;
}

/* A sentence that is half said and half translated. */
static void say_half(struct kit *kit)
{
    kit_start(kit);
    kit_speak(kit, 1000);
    kit_accept(kit);
    kit_hear(kit, "she have two", false, 500);
    kit_speak(kit, 300);
    kit_hear(kit, "she have two cats", false, 800);
    answer_all(kit, 0, "Tiene dos gatos");
}

static void test_partial_translations_are_restated(void)
{
    struct kit *kit = mem_calloc(1, sizeof *kit);
    say_half(kit);
    const struct event *shown = kit_last(kit, EVENT_TRANSLATION);
    CHECK(shown != NULL && !shown->final);
    unsigned before = kit->events_len;
    come_back(kit, 2);
    CHECK_EQ(count_from(kit, before, EVENT_TRANSCRIPT), 1);
    CHECK_EQ(count_from(kit, before, EVENT_TRANSLATION), 1);
    const struct event *again = kit_last(kit, EVENT_TRANSLATION);
    CHECK(again != shown && !again->final && again->seq == 0);
    CHECK_EQ(again->segment, shown->segment);
    CHECK_EQ(again->rev, shown->rev);
    CHECK_EQ(again->source_rev, shown->source_rev);
    CHECK_EQ(again->end_ms, shown->end_ms);
    CHECK_STR(again->language, shown->language);
    CHECK_STR(again->committed, shown->committed);
    CHECK_STR(again->tentative, shown->tentative);
    CHECK(again->committed[0] != '\0' || again->tentative[0] != '\0');
    kit_end(kit);
    mem_free(kit);
}

/* A final is among what was stored: it is not told here, and nothing of its segment is. */
static void test_nothing_follows_a_final(void)
{
    struct kit *kit = mem_calloc(1, sizeof *kit);
    say_half(kit);
    unsigned asked = kit->asks_len;
    kit_hear(kit, "She have two cats.", true, 1000);
    answer_all(kit, asked, "Tiene dos gatos.");
    CHECK(kit_last(kit, EVENT_TRANSLATION)->final);
    unsigned before = kit->events_len;
    come_back(kit, 2);
    CHECK_EQ(count_from(kit, before, EVENT_TRANSLATION), 0);
    kit_end(kit);
    mem_free(kit);
}

/* What is shown later goes on from there: its number is higher. */
static void test_the_next_revision_is_news(void)
{
    struct kit *kit = mem_calloc(1, sizeof *kit);
    say_half(kit);
    come_back(kit, 2);
    uint32_t rev = kit_last(kit, EVENT_TRANSLATION)->rev;
    unsigned asked = kit->asks_len;
    kit_speak(kit, 1000);
    kit_hear(kit, "she have two cats and a dog", false, 2000);
    kit_pass(kit, SECOND);
    answer_all(kit, asked, "Tiene dos gatos y un perro");
    CHECK_EQ(kit_last(kit, EVENT_TRANSLATION)->rev, rev + 1);
    kit_end(kit);
    mem_free(kit);
}

int main(void)
{
    RUN(test_partial_translations_are_restated);
    RUN(test_nothing_follows_a_final);
    RUN(test_the_next_revision_is_news);
    return check_done();
}
