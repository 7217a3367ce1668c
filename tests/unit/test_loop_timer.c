/* Timers: order, stop and restart inside callbacks, memory, and no wakeup unless something is due.
 */
#include "tests/unit/loop_kit.h"

#include "base/mem.h"
#include "base/rng.h"
#include "loop/limits.h"

#define COUNT 2000
static struct loop_timer timers[COUNT];
static struct loop_timer other;
static int fired, fired_other;
static int64_t last_due;
static uint64_t last_order;

static void reset(void)
{
    memset(timers, 0, sizeof timers);
    memset(&other, 0, sizeof other);
    fired = fired_other = 0;
    last_due = 0;
    last_order = 0;
}

static void on_ordered(struct loop_timer *timer)
{
    CHECK(!loop_timer_armed(timer));
    CHECK(timer->due_us <= loop_now_us(timer->loop));
    CHECK(timer->due_us > last_due || (timer->due_us == last_due && timer->order > last_order));
    last_due = timer->due_us;
    last_order = timer->order;
    if (++fired == COUNT)
        loop_stop(timer->loop);
}

/* Many equal due times among random ones: equal ones fire in the order they were started. */
static void test_order(void)
{
    struct rng rng;
    reset();
    rng_init(&rng, 7);
    int64_t now = loop_now_us(kit_loop);
    for (int i = 0; i < COUNT; i++) {
        int64_t due = now + (int64_t)rng_below(&rng, 20) * 500;
        CHECK_EQ(loop_timer_start(kit_loop, &timers[i], due, on_ordered), STATUS_OK);
    }
    kit_run();
    CHECK_EQ(fired, COUNT);
}

static void on_random(struct loop_timer *timer)
{
    fired++;
    CHECK(timer->due_us >= last_due);
    last_due = timer->due_us;
}

static void on_end(struct loop_timer *timer)
{
    loop_stop(timer->loop);
}

/* Starts, moves and stops in random order; what is armed at the end fires, nothing else. */
static void test_random_stop_and_move(void)
{
    struct rng rng;
    int armed = 0;
    reset();
    rng_init(&rng, 11);
    int64_t now = loop_now_us(kit_loop);
    for (int i = 0; i < 20000; i++) {
        struct loop_timer *timer = &timers[rng_below(&rng, COUNT)];
        if (rng_below(&rng, 3) == 0)
            loop_timer_stop(timer);
        else
            loop_timer_start(kit_loop, timer, now + (int64_t)rng_below(&rng, 5000), on_random);
    }
    for (int i = 0; i < COUNT; i++)
        armed += loop_timer_armed(&timers[i]);
    loop_timer_start(kit_loop, &other, now + 6000, on_end);
    kit_run();
    CHECK(armed > 100);
    CHECK_EQ(fired, armed);
}

static void on_must_not(struct loop_timer *timer)
{
    fired_other++;
}

static void on_stops_next(struct loop_timer *timer)
{
    CHECK(loop_timer_armed(&timers[1]));
    loop_timer_stop(&timers[1]);
    CHECK(!loop_timer_armed(&timers[1]));
    loop_timer_start(timer->loop, &timers[2], loop_now_us(timer->loop) + 3000, on_end);
}

/* Both others are due in the same turn: one is stopped, one moved to later, before they could fire.
 */
static void test_stop_and_move_among_due(void)
{
    reset();
    int64_t now = loop_now_us(kit_loop);
    loop_timer_start(kit_loop, &timers[0], now, on_stops_next);
    loop_timer_start(kit_loop, &timers[1], now, on_must_not);
    loop_timer_start(kit_loop, &timers[2], now, on_must_not);
    kit_run();
    CHECK_EQ(fired_other, 0);
    CHECK(loop_now_us(kit_loop) >= now + 3000);
}

static void on_again(struct loop_timer *timer)
{
    fired++;
    loop_timer_start(timer->loop, timer, loop_now_us(timer->loop) - 1000000, on_again);
}

static void on_ten(struct loop_timer *timer)
{
    if (++fired_other == 10) {
        loop_timer_stop(&timers[0]);
        loop_stop(timer->loop);
        return;
    }
    loop_timer_start(timer->loop, timer, loop_now_us(timer->loop), on_ten);
}

/* A timer that restarts itself for the past fires once a turn; others due now get their turn too.
 */
static void test_restart_in_the_past_starves_nobody(void)
{
    reset();
    loop_timer_start(kit_loop, &timers[0], 0, on_again);
    loop_timer_start(kit_loop, &other, loop_now_us(kit_loop), on_ten);
    kit_run();
    CHECK_EQ(fired_other, 10);
    CHECK_EQ(fired, 10);
}

/* More due at once than a turn fires: the rest comes in the following turns. */
static void on_count(struct loop_timer *timer)
{
    if (++fired == COUNT)
        loop_stop(timer->loop);
}

static void test_more_than_a_turn(void)
{
    _Static_assert(COUNT > LOOP_TIMERS_TURN, "more than one turn's worth");
    struct loop_stats stats;
    reset();
    for (int i = 0; i < COUNT; i++)
        loop_timer_start(kit_loop, &timers[i], 0, on_count);
    kit_run();
    loop_stats(kit_loop, &stats);
    CHECK_EQ(fired, COUNT);
    CHECK(stats.turns >= 1); /* a turn is counted when the next begins */
}

/* 30 ms of sleep with one timer at their end are one sleep, not a poll; a few interruptions are the
 * kernel's (the end of a ring destroyed before interrupts the thread). */
static void test_idle_sleeps(void)
{
    struct loop_stats stats;
    reset();
    int64_t due = loop_now_us(kit_loop) + 30000;
    loop_timer_start(kit_loop, &other, due, on_end);
    kit_run();
    loop_stats(kit_loop, &stats);
    CHECK(stats.turns <= 6);
    CHECK(loop_now_us(kit_loop) >= due);
    CHECK_EQ(stats.lag.count, 1);
}

static void test_no_memory(void)
{
    reset();
    mem_fail_nth(1);
    CHECK_EQ(loop_timer_start(kit_loop, &other, 1, on_end), STATUS_NOMEM);
    mem_fail_nth(0);
    CHECK(!loop_timer_armed(&other));
    loop_timer_stop(&other);
    CHECK_EQ(loop_timer_start(kit_loop, &other, 1, on_end), STATUS_OK);
    loop_timer_stop(&other);
}

/* Also where one more could not be started. */
static void test_moving_needs_no_memory(void)
{
    static struct loop_timer more[1000];
    int64_t later_us = loop_now_us(kit_loop) + 1000000;
    size_t full = 0;
    reset();
    CHECK_EQ(loop_timer_start(kit_loop, &other, later_us, on_end), STATUS_OK);
    for (size_t i = 0; i < 1000; i++) {
        mem_fail_from(1, 1000);
        CHECK_EQ(loop_timer_start(kit_loop, &other, later_us + 1, on_end), STATUS_OK);
        full += loop_timer_start(kit_loop, &more[i], later_us, on_end) != STATUS_OK;
        mem_fail_nth(0);
        CHECK_EQ(loop_timer_start(kit_loop, &more[i], later_us, on_end), STATUS_OK);
    }
    CHECK(full > 0);
    for (size_t i = 0; i < 1000; i++)
        loop_timer_stop(&more[i]);
    loop_timer_stop(&other);
}

int main(void)
{
    RUN_BOTH(test_order);
    RUN_BOTH(test_random_stop_and_move);
    RUN_BOTH(test_stop_and_move_among_due);
    RUN_BOTH(test_restart_in_the_past_starves_nobody);
    RUN_BOTH(test_more_than_a_turn);
    RUN_BOTH(test_idle_sleeps);
    RUN_BOTH(test_no_memory);
    RUN_BOTH(test_moving_needs_no_memory);
    return check_done();
}
