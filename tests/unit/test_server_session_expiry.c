/* A session whose client's token expires. */
#include "tests/unit/session_kit.h"

#define GOOD_US (3 * SECOND)

static void start(struct kit *kit)
{
    kit_start(kit);
    session_allow(kit->session, kit->now_us + GOOD_US);
}

/* What was said until then is heard, translated and told; then the error is the last word. */
static void test_what_is_owed_comes_first(void)
{
    struct kit kit;
    start(&kit);
    kit_speak(&kit, 1000);
    kit_accept(&kit);
    kit_pass(&kit, GOOD_US - SECOND - 1);
    CHECK_EQ(kit.finished, 0);
    kit_pass(&kit, 1);
    CHECK_EQ(kit.finished, 1);
    CHECK_EQ(kit_count(&kit, EVENT_ERROR), 0);
    CHECK(!session_over(kit.session));
    uint64_t heard = session_received(kit.session);
    kit_speak(&kit, 500); /* sent by a client that does not know yet */
    CHECK_EQ(session_received(kit.session), heard);
    kit_hear(&kit, "good morning", true, 1000);
    kit_close(&kit, 0);
    CHECK(!session_over(kit.session));
    CHECK_EQ(kit.asks_len, 1);
    kit_answer(&kit, 0, "buenos días");
    CHECK(session_over(kit.session));
    CHECK_EQ(kit_count(&kit, EVENT_TRANSLATION), 1);
    const struct event *last = kit.events[kit.events_len - 1];
    CHECK_EQ(last->kind, EVENT_ERROR);
    CHECK_STR(last->code, "unauthorized");
    CHECK(last->fatal);
    CHECK_EQ(last->close_code, 1008);
    CHECK_EQ(kit_count(&kit, EVENT_ENDED), 0);
    kit_end(&kit);
}

static void test_an_api_that_says_nothing_delays_it_no_longer_than_a_drain(void)
{
    struct kit kit;
    start(&kit);
    kit_speak(&kit, 1000);
    kit_pass(&kit, GOOD_US + kit.config.limits.drain_ms * 1000LL);
    CHECK(session_over(kit.session));
    CHECK_STR(kit_last(&kit, EVENT_ERROR)->code, "unauthorized");
    kit_end(&kit);
}

static void test_an_end_that_was_asked_for_is_one(void)
{
    struct kit kit;
    start(&kit);
    kit_pass(&kit, GOOD_US - SECOND / 2);
    kit_speak(&kit, 200);
    kit_message(&kit, (struct client_message){.kind = CLIENT_END});
    kit_pass(&kit, SECOND);
    kit_hear(&kit, "bye", true, 200);
    kit_close(&kit, 0);
    kit_pass(&kit, 10 * SECOND);
    CHECK_EQ(kit_count(&kit, EVENT_ENDED), 1);
    CHECK_EQ(kit_count(&kit, EVENT_ERROR), 0);
    kit_end(&kit);
}

/* Nobody is there to be kept out; who comes back brings another token. */
static void test_held(void)
{
    struct kit kit;
    start(&kit);
    kit_pass(&kit, SECOND);
    session_hold(kit.session, kit.now_us);
    kit_pass(&kit, 10 * SECOND);
    CHECK(!session_over(kit.session));
    session_allow(kit.session, kit.now_us + GOOD_US);
    session_attach(kit.session, &(struct session_attach){.attach = 2}, kit.now_us);
    kit_pass(&kit, GOOD_US - 1);
    CHECK(!session_over(kit.session));
    kit_pass(&kit, 1);
    CHECK(session_over(kit.session));
    CHECK_STR(kit_last(&kit, EVENT_ERROR)->code, "unauthorized");
    kit_end(&kit);
}

static void test_without_a_token(void)
{
    struct kit kit;
    kit_start(&kit);
    kit_pass(&kit, 20 * SECOND);
    CHECK(!session_over(kit.session));
    session_allow(kit.session, INT64_MAX);
    kit_pass(&kit, 5 * SECOND);
    CHECK(!session_over(kit.session));
    CHECK_STR(session_subject(kit.session), "");
    kit_end(&kit);
}

int main(void)
{
    RUN(test_what_is_owed_comes_first);
    RUN(test_an_api_that_says_nothing_delays_it_no_longer_than_a_drain);
    RUN(test_an_end_that_was_asked_for_is_one);
    RUN(test_held);
    RUN(test_without_a_token);
    return check_done();
}
