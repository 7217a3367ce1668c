/* A whole lesson in which the nth allocation fails, n = 1, 2, … until none does. */
#include "tests/oom.h"
#include "tests/unit/session_kit.h"

static void answer_all(struct kit *kit, unsigned from)
{
    for (unsigned i = from; i < kit->asks_len; i++)
        if (!kit->asks[i].cancelled)
            kit_answer(kit, i, kit->asks[i].grammar ? "She has two cats" : "Tiene dos gatos");
}

static void hear(struct kit *kit, const char *text, bool final, int64_t end_ms)
{
    kit_accept(kit);
    kit_hear(kit, text, final, end_ms);
}

static void lesson(struct kit *kit)
{
    kit_speak(kit, 1000);
    hear(kit, "she have", false, 500);
    kit_speak(kit, 300);
    hear(kit, "she have two", false, 800);
    answer_all(kit, 0);
    unsigned asked = kit->asks_len;
    hear(kit, "She have two cats.", true, 1000);
    kit_update(kit, (struct client_settings){.has = HAS_TARGETS | HAS_VOCABULARY,
                                             .targets = {"es", "fr"},
                                             .targets_len = 2,
                                             .vocabulary = (const char *[]){"cat"},
                                             .vocabulary_len = 1});
    answer_all(kit, asked);
    asked = kit->asks_len;
    kit_speak(kit, 1000);
    kit_flush(kit, "a");
    hear(kit, "She have two cats.", true, 2000);
    kit_close(kit, 0);
    kit_message(kit, (struct client_message){.kind = CLIENT_END});
    answer_all(kit, asked);
    kit_pass(kit, 6 * SECOND);
}

/* What did come is whole, in order, and nothing follows the end. */
static void check_events(const struct kit *kit)
{
    uint64_t seq = 0;
    uint32_t transcript = 0;
    bool over = false;
    for (unsigned i = 0; i < kit->events_len; i++) {
        const struct event *event = kit->events[i];
        CHECK(!over && !event->incomplete);
        if (event->seq != 0)
            CHECK_EQ(event->seq, ++seq);
        if (event->kind == EVENT_TRANSCRIPT && event->final) {
            CHECK_EQ(event->segment, ++transcript);
            CHECK(event->committed[0] != '\0');
        }
        if (event->kind == EVENT_TRANSLATION && event->final && event->failed == NULL)
            CHECK_STR(event->committed, "Tiene dos gatos");
        if (event->kind == EVENT_ERROR)
            CHECK(strcmp(event->code, "internal") == 0 || strcmp(event->code, "bad_message") == 0);
        over = event->close_code != 0;
    }
    CHECK(over);
}

/* True when the failure that was asked for is still to come. */
static bool failure_pending(unsigned nth)
{
    bool failed = false;
    for (unsigned i = 0; i < nth && !failed; i++) {
        void *block = mem_alloc(1);
        failed = block == NULL;
        mem_free(block);
    }
    mem_fail_nth(0);
    return failed;
}

static void test_every_allocation_may_fail(void)
{
    bool clean = false;
    unsigned nth = 0, refused = 0, internal = 0, ended = 0;
    while (!clean && nth < 5000) {
        struct kit *kit = mem_calloc(1, sizeof *kit);
        kit_init(kit);
        kit->settings.grammar = true;
        mem_fail_nth(++nth);
        int status = kit_create(kit);
        if (status == STATUS_OK)
            lesson(kit);
        clean = failure_pending(nth);
        CHECK(status == STATUS_OK || status == STATUS_NOMEM);
        refused += status != STATUS_OK;
        if (status == STATUS_OK)
            check_events(kit);
        internal += status == STATUS_OK && kit_count(kit, EVENT_ERROR) > 0;
        ended += kit_count(kit, EVENT_ENDED);
        if (clean)
            CHECK_EQ(kit_count(kit, EVENT_TRANSLATION), 3 + 1);
        kit_end(kit);
        mem_free(kit);
    }
    CHECK(clean && nth > 200);
    CHECK(refused > 3 && internal > 10 && ended > 100);
    fprintf(stderr, "%u allocations: %u refused, %u internal, %u ended\n", nth, refused, internal,
            ended);
}

/* Who comes back is told that the session goes on, or the host that it is not. */
static void test_coming_back(void)
{
    for (struct oom oom = {.len = 1}; oom_next(&oom);) {
        struct kit *kit = calloc(1, sizeof *kit);
        mem_fail_nth(0);
        kit_start(kit);
        session_hold(kit->session, kit->now_us);
        mem_fail_from(oom.nth, 1);
        struct session_attach attach = {.resume_token = "token", .attach = 2};
        int status = session_attach(kit->session, &attach, kit->now_us);
        CHECK_EQ(status, oom_end(&oom) ? STATUS_NOMEM : STATUS_OK);
        CHECK_EQ(kit_count(kit, EVENT_STARTED), status == STATUS_OK ? 2 : 1);
        kit_end(kit);
        free(kit);
    }
}

/* A session that reaches its limit without memory says so when there is some. */
static void test_a_limit_without_memory(void)
{
    for (struct oom oom = {.len = 1}; oom_next(&oom);) {
        struct kit *kit = calloc(1, sizeof *kit);
        mem_fail_nth(0);
        kit_start(kit);
        kit->now_us += (int64_t)kit->config.limits.idle_ms * 1000;
        mem_fail_from(oom.nth, 1);
        kit_tick(kit);
        bool failed = oom_end(&oom);
        kit_pass(kit, SECOND);
        CHECK(session_over(kit->session));
        CHECK_STR(kit_last(kit, EVENT_ERROR)->code, failed ? "internal" : "idle");
        kit_end(kit);
        free(kit);
    }
}

int main(void)
{
    RUN(test_coming_back);
    RUN(test_a_limit_without_memory);
    RUN(test_every_allocation_may_fail);
    return check_done();
}
