/* Finals that take long are asked for twice: the first answer wins, within a budget. Real sockets
 * on loopback. */
#include "pool/internal.h"
#include "tests/unit/pool_kit.h"

#define LEARN 100 /* finals that teach how long one takes */

static unsigned next_id;

static void send_final(bool stream, uint32_t cost)
{
    kit_send((struct kit_ask){.id = ++next_id, .stream = stream, .retries = 1, .cost = cost});
}

/* As if finals had taken 200 ms, whatever this machine is busy with: they are late after 270 ms. */
static void open_taught(struct pool_config config, bool stream)
{
    kit_open_warm(config);
    next_id = 0;
    for (unsigned i = 0; i < LEARN; i++) {
        pool_hedge_sent(&kit_pool->hedge);
        pool_hedge_learn(&kit_pool->hedge, stream, 200000);
    }
    CHECK_EQ(pool_hedge_after_us(&kit_pool->hedge, stream), 270000);
}

static struct pool_config hedging(void)
{
    struct pool_config config = kit_defaults();
    config.hedge_percent = 5;
    config.stall_ms = 3000;
    return config;
}

static void silent_first_is_outrun(bool stream)
{
    kit_server_start((struct chat_server_config){.latency_ms = 10});
    open_taught(hedging(), stream);
    chat_server_set_fault(kit_server, "silent#1");
    int64_t begin_us = clock_mono_us();
    send_final(stream, 0);
    CHECK(kit_wait_finals(next_id));
    kit_expect_hello(next_id, stream);
    CHECK(clock_mono_us() - begin_us < 2500000); /* less than the watchdog's time */
    CHECK_EQ(kit_results[next_id].restarts, 0);
    CHECK_EQ(kit_stats().hedged, 1);
    CHECK_EQ(kit_stats().hedges_won, 1);
    CHECK_EQ(kit_stats().retried, 0);
    CHECK(kit_wait(server_saw_resets, &(unsigned){1}, 2000)); /* the loser's */
    CHECK_EQ(kit_stats().in_flight, 0);
    CHECK_EQ(kit_server_stats().requests, 2);
    kit_close();
    kit_server_stop();
}

static void test_silent_first_is_outrun(void)
{
    silent_first_is_outrun(false);
}

static void test_silent_first_is_outrun_in_a_stream(void)
{
    silent_first_is_outrun(true);
}

/* Slow, not silent: it answers before the second does, which is cancelled. */
static void test_first_may_win(void)
{
    unsigned asked = 1, twice = 2, one = 1;
    kit_server_start((struct chat_server_config){.latency_ms = 10});
    open_taught(hedging(), false);
    chat_server_set_latency(kit_server, 900, 0);
    send_final(false, 0);
    CHECK(kit_wait(server_saw_requests, &asked, 2000));
    chat_server_set_latency(kit_server, 2500, 0);
    CHECK(kit_wait(server_saw_requests, &twice, 2000));
    CHECK(kit_wait_finals(next_id));
    kit_expect_hello(next_id, false);
    CHECK_EQ(kit_stats().hedged, 1);
    CHECK_EQ(kit_stats().hedges_won, 0);
    CHECK(kit_wait(server_saw_resets, &one, 2000));
    kit_close();
    kit_server_stop();
}

/* An error of the second is no answer: the first goes on, and is watched as before. */
static void test_failed_second_leaves_the_first(void)
{
    struct pool_config config;
    unsigned asked = 1;
    kit_server_start((struct chat_server_config){.latency_ms = 10});
    config = hedging();
    config.stall_ms = 2500;
    open_taught(config, false);
    chat_server_set_fault(kit_server, "silent#1");
    send_final(false, 0);
    CHECK(kit_wait(server_saw_requests, &asked, 2000));
    chat_server_set_fault(kit_server, "500#1");
    CHECK(kit_wait_finals(next_id));
    kit_expect_hello(next_id, false);
    CHECK_EQ(kit_stats().hedged, 1);
    CHECK_EQ(kit_stats().hedges_won, 0);
    CHECK_EQ(kit_stats().retried, 1);
    kit_close();
    kit_server_stop();
}

/* The first breaks after the second was sent: the second is the answer, and nothing is retried. */
static void test_failed_first_leaves_the_second(void)
{
    unsigned asked = 1, twice = 2;
    kit_server_start((struct chat_server_config){.latency_ms = 10});
    open_taught(hedging(), false);
    chat_server_set_latency(kit_server, 900, 0);
    chat_server_set_fault(kit_server, "500#1");
    send_final(false, 0);
    CHECK(kit_wait(server_saw_requests, &asked, 2000));
    chat_server_set_latency(kit_server, 1500, 0);
    CHECK(kit_wait(server_saw_requests, &twice, 2000));
    CHECK(kit_wait_finals(next_id));
    kit_expect_hello(next_id, false);
    CHECK_EQ(kit_stats().hedged, 1);
    CHECK_EQ(kit_stats().retried, 0);
    CHECK_EQ(kit_server_stats().requests, twice);
    kit_close();
    kit_server_stop();
}

static void test_no_more_than_its_part(void)
{
    kit_server_start((struct chat_server_config){.latency_ms = 10});
    open_taught(hedging(), false); /* 1 and 100 × 5 %: six saved */
    chat_server_set_fault(kit_server, "silent");
    unsigned deadline_ms = 500 + (unsigned)(pool_hedge_after_us(&kit_pool->hedge, false) / 1000);
    for (unsigned i = 0; i < 60; i++)
        kit_send((struct kit_ask){.id = ++next_id,
                                  .deadline_ms = deadline_ms,
                                  .cls = i < 30 ? POOL_FINAL_GRAMMAR : POOL_PARTIAL_TRANSLATION});
    CHECK(kit_wait_finals(next_id));
    CHECK_EQ(kit_stats().hedged, (100 + LEARN * 5 + 30 * 5) / 100);
    CHECK_EQ(kit_stats().in_flight, 0);
    kit_close();
    kit_server_stop();
}

/* A second request costs what the first did; where the budget has not so much, there is none. */
static void test_charged_to_the_budget(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){.latency_ms = 10});
    config = hedging();
    config.stall_ms = 2500;
    config.tokens_per_minute = 10000; /* 4096 at once */
    open_taught(config, false);
    chat_server_set_fault(kit_server, "silent#1");
    send_final(false, 1500);
    CHECK(kit_wait_finals(next_id));
    kit_expect_hello(next_id, false);
    CHECK_EQ(kit_stats().hedged, 1);
    /* 3000 are gone, not 1500. */
    struct scheduler_item more = {.session = 1, .cost = 2000};
    CHECK(!scheduler_spend(kit_pool->scheduler, &more, loop_now_us(kit_loop)));
    chat_server_set_fault(kit_server, "silent#1");
    send_final(false, 800);
    CHECK(kit_wait_finals(next_id));
    CHECK_EQ(kit_stats().hedged, 1);
    kit_close();
    kit_server_stop();
}

/* With one connection there is no elsewhere; told not to, nothing is hedged. */
static void test_none(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct pool_config config;
        kit_server_start((struct chat_server_config){.latency_ms = 10});
        config = hedging();
        config.upstreams[0].connections = i == 0 ? 1 : 2;
        config.hedge_percent = i == 0 ? 5 : 0;
        kit_open_warm(config);
        next_id = 0;
        for (unsigned n = 0; n < LEARN; n++) {
            pool_hedge_sent(&kit_pool->hedge);
            pool_hedge_learn(&kit_pool->hedge, false, 10000);
        }
        chat_server_set_fault(kit_server, "silent#1");
        kit_send((struct kit_ask){.id = ++next_id, .deadline_ms = 500});
        CHECK(kit_wait_finals(next_id));
        kit_expect_failed(next_id, STATUS_TIMEOUT);
        CHECK_EQ(kit_stats().hedged, 0);
        kit_close();
        kit_server_stop();
    }
}

/* Whole answers and first bytes of streamed ones, of finals only. */
static void test_learns_from_finals(void)
{
    struct pool_hedge *hedge;
    kit_server_start((struct chat_server_config){.latency_ms = 200});
    kit_open_warm(hedging());
    hedge = &kit_pool->hedge;
    for (unsigned id = 1; id <= 90; id++) {
        static const enum pool_class classes[] = {POOL_FINAL_TRANSLATION, POOL_FINAL_GRAMMAR,
                                                  POOL_PARTIAL_TRANSLATION};
        kit_send((struct kit_ask){.id = id, .cls = classes[id % 3], .stream = id % 2 == 0});
    }
    CHECK(kit_wait_finals(90));
    CHECK_EQ(hedge->whole.count, 30);
    CHECK_EQ(hedge->stream.count, 30);
    for (unsigned i = 0; i < 30; i++)
        CHECK(hedge->whole.took_us[i] >= 100000 && hedge->stream.took_us[i] >= 100000);
    kit_close();
    kit_server_stop();
}

static void run_all(void)
{
    RUN(test_learns_from_finals);
    RUN(test_silent_first_is_outrun);
    RUN(test_silent_first_is_outrun_in_a_stream);
    RUN(test_first_may_win);
    RUN(test_failed_second_leaves_the_first);
    RUN(test_failed_first_leaves_the_second);
    RUN(test_no_more_than_its_part);
    RUN(test_charged_to_the_budget);
    RUN(test_none);
}

int main(void)
{
    return kit_main(run_all);
}
