/* Partials that go unsent for want of budget: what the client is told, and when it is over. */
#include "server/limits.h"
#include "tests/unit/session_kit.h"

/* The first partial that grammar or translation has asked for. */
static const struct kit_ask *asked(const struct kit *kit, bool grammar)
{
    for (unsigned i = 0; i < kit->asks_len; i++)
        if (kit->asks[i].grammar == grammar && !kit->asks[i].final)
            return &kit->asks[i];
    static const struct kit_ask none;
    CHECK(!"a partial was asked");
    return &none;
}

static void start(struct kit *kit)
{
    kit_init(kit);
    kit->settings.grammar = true;
    kit->config.limits.idle_ms = 600000;
    CHECK_EQ(kit_create(kit), STATUS_OK);
    kit_speak(kit, 100);
    kit_accept(kit);
    kit_hear(kit, "one two three four five", false, 100);
}

static void answer(struct kit *kit, bool grammar, bool partial, int status)
{
    const struct kit_ask *ask = asked(kit, grammar);
    struct session_answer answer = {/* As late as it may be: the lane does not wait for it. */
                                    .lane = ask->lane,  .ask = ask->ask + 1000, .done = true,
                                    .partial = partial, .status = status,       .text = "",
                                    .lat = ask->lat};
    session_answer(kit->session, &answer, kit->now_us);
    kit_tick(kit);
}

static void test_each_kind_is_told_once(void)
{
    struct kit kit;
    start(&kit);
    answer(&kit, true, true, STATUS_BUDGET);
    CHECK_EQ(kit_count(&kit, EVENT_DEGRADED), 1);
    CHECK_STR(kit_last(&kit, EVENT_DEGRADED)->what[0], "partial_grammar");
    CHECK_STR(kit_last(&kit, EVENT_DEGRADED)->reason, "budget");
    answer(&kit, true, true, STATUS_BUDGET);
    CHECK_EQ(kit_count(&kit, EVENT_DEGRADED), 1);
    answer(&kit, false, true, STATUS_FULL);
    CHECK_EQ(kit_count(&kit, EVENT_DEGRADED), 2);
    CHECK_STR(kit_last(&kit, EVENT_DEGRADED)->what[0], "partial_translation");
    CHECK_EQ(kit_count(&kit, EVENT_RESTORED), 0);
    kit_end(&kit);
}

static void test_what_is_not_shedding(void)
{
    static const int statuses[] = {STATUS_OK, STATUS_CANCELLED, STATUS_TIMEOUT, STATUS_UNAVAILABLE};
    struct kit kit;
    start(&kit);
    for (unsigned i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        answer(&kit, false, true, statuses[i]);
    answer(&kit, false, false, STATUS_BUDGET); /* a final is told of by its own message */
    CHECK_EQ(kit_count(&kit, EVENT_DEGRADED), 0);
    kit_end(&kit);
}

static void test_an_answer_after_a_while_restores(void)
{
    struct kit kit;
    start(&kit);
    answer(&kit, false, true, STATUS_BUDGET);
    answer(&kit, true, true, STATUS_BUDGET);
    kit.now_us += SHED_OVER_MS * SECOND / 2000;
    answer(&kit, false, true, STATUS_OK); /* a turn of many that wait */
    CHECK_EQ(kit_count(&kit, EVENT_RESTORED), 0);
    answer(&kit, false, true, STATUS_BUDGET);
    kit.now_us += SHED_OVER_MS * SECOND / 1000;
    answer(&kit, false, true, STATUS_OK);
    CHECK_EQ(kit_count(&kit, EVENT_RESTORED), 1);
    CHECK_STR(kit_last(&kit, EVENT_RESTORED)->what[0], "partial_translation");
    answer(&kit, false, true, STATUS_OK);
    CHECK_EQ(kit_count(&kit, EVENT_RESTORED), 1);
    answer(&kit, false, true, STATUS_BUDGET);
    CHECK_EQ(kit_count(&kit, EVENT_DEGRADED), 3);
    kit_end(&kit);
}

static void test_silence_restores(void)
{
    struct kit kit;
    start(&kit);
    answer(&kit, true, true, STATUS_BUDGET);
    int64_t over_us = kit.now_us + SHED_FORGET_MS * SECOND / 1000;
    CHECK(session_tick(kit.session, over_us - 1) <= over_us);
    CHECK_EQ(kit_count(&kit, EVENT_RESTORED), 0);
    session_tick(kit.session, over_us);
    CHECK_EQ(kit_count(&kit, EVENT_RESTORED), 1);
    CHECK_STR(kit_last(&kit, EVENT_RESTORED)->what[0], "partial_grammar");
    kit.now_us = over_us;
    kit_end(&kit);
}

int main(void)
{
    RUN(test_each_kind_is_told_once);
    RUN(test_what_is_not_shedding);
    RUN(test_an_answer_after_a_while_restores);
    RUN(test_silence_restores);
    return check_done();
}
