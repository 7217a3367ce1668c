/* Deferred tasks, statistics, names. */
#include "tests/unit/loop_kit.h"

#include "base/clock.h"
#include "loop/limits.h"

static struct loop_task task_a, task_b;
static struct loop_timer later;
static int runs_a, runs_b, order;

static void reset(void)
{
    memset(&task_a, 0, sizeof task_a);
    memset(&task_b, 0, sizeof task_b);
    memset(&later, 0, sizeof later);
    runs_a = runs_b = order = 0;
}

static void on_end(struct loop_timer *timer)
{
    loop_stop(timer->loop);
}

static void run_a(struct loop_task *task)
{
    runs_a++;
    order = order * 10 + 1;
}

static void run_b(struct loop_task *task)
{
    runs_b++;
    order = order * 10 + 2;
    loop_stop(kit_loop);
}

static void queue_both(struct loop_timer *timer)
{
    loop_defer(kit_loop, &task_a);
    loop_defer(kit_loop, &task_b);
    loop_defer(kit_loop, &task_a);
    CHECK_EQ(order, 0); /* not inside the call */
}

static void test_once_and_in_order(void)
{
    reset();
    task_a.run = run_a;
    task_b.run = run_b;
    loop_timer_start(kit_loop, &later, 0, queue_both);
    kit_run();
    CHECK_EQ(runs_a, 1);
    CHECK_EQ(runs_b, 1);
    CHECK_EQ(order, 12);
}

static uint64_t turn_of_a;
static int same_turn_max, same_turn;

static void run_again(struct loop_task *task)
{
    struct loop_stats stats;
    loop_stats(kit_loop, &stats);
    same_turn = stats.turns == turn_of_a ? same_turn + 1 : 1;
    turn_of_a = stats.turns;
    if (same_turn > same_turn_max)
        same_turn_max = same_turn;
    if (++runs_a == 100)
        loop_stop(kit_loop);
    else
        loop_defer(kit_loop, task);
}

/* A task that always queues itself gets its rounds a turn and no more; the loop goes on turning
 * meanwhile. */
static void test_rounds_bound(void)
{
    struct loop_stats stats;
    reset();
    same_turn_max = 0;
    task_a.run = run_again;
    loop_defer(kit_loop, &task_a);
    kit_run();
    CHECK_EQ(runs_a, 100);
    CHECK_EQ(same_turn_max, LOOP_DEFER_ROUNDS);
    loop_stats(kit_loop, &stats);
    CHECK(stats.turns >= 100 / LOOP_DEFER_ROUNDS - 1);
}

/* Queues itself for ever; the timer is started once it is well at it, so a slow machine changes
 * nothing. */
static void run_starved_check(struct loop_task *task)
{
    if (++runs_a == 2 * LOOP_DEFER_ROUNDS)
        loop_timer_start(kit_loop, &later, loop_now_us(kit_loop), on_end);
    loop_defer(kit_loop, task);
}

static void test_tasks_do_not_starve_timers(void)
{
    reset();
    task_a.run = run_starved_check;
    loop_defer(kit_loop, &task_a);
    kit_run();
    CHECK(runs_a >= 2 * LOOP_DEFER_ROUNDS);
}

static void spin(struct loop_timer *timer)
{
    int64_t until = clock_mono_us() + 20000;
    while (clock_mono_us() < until)
        continue;
    loop_timer_start(kit_loop, timer, loop_now_us(kit_loop) + 5000, on_end);
}

/* 20 ms of work make the timer that was due after 5 ms late by 15, which the lag shows. */
static void test_stats_lag(void)
{
    struct loop_stats stats;
    reset();
    loop_timer_start(kit_loop, &later, loop_now_us(kit_loop) + 1000, spin);
    kit_run();
    loop_stats(kit_loop, &stats);
    CHECK_EQ(stats.lag.count, 2);
    CHECK(stats.lag_max_us >= 14000);
    uint64_t late = 0;
    for (int i = DURATIONS_BUCKET_15000; i < DURATIONS_LEN; i++)
        late += stats.lag.counts[i];
    CHECK_EQ(late, 1);
    CHECK(stats.lag.sum_us >= 14000);
    CHECK(stats.busy_us >= 20000);
    CHECK_EQ(stats.events, 0);
}

static int fds[2];
static struct loop_poll poll_a;

static void on_readable(struct loop_poll *poll, unsigned events)
{
    char byte;
    CHECK_EQ(read(poll->fd, &byte, 1), 1);
    loop_stop(poll->loop);
}

static void spin_then_write(struct loop_timer *timer)
{
    CHECK_EQ(write(fds[1], "x", 1), 1);
    int64_t until = clock_mono_us() + 10000;
    while (clock_mono_us() < until)
        continue;
}

/* Data that came while the loop was busy counts as having waited for that long. */
static void test_stats_lag_of_events(void)
{
    struct loop_stats stats;
    reset();
    memset(&poll_a, 0, sizeof poll_a);
    kit_pair(fds);
    loop_poll_start(kit_loop, &poll_a, fds[0], LOOP_IN, on_readable);
    loop_timer_start(kit_loop, &later, loop_now_us(kit_loop) + 1000, spin_then_write);
    kit_run();
    loop_stats(kit_loop, &stats);
    CHECK(stats.lag_max_us >= 10000);
    close(fds[0]);
    close(fds[1]);
}

static void test_names(void)
{
    enum loop_backend backend = LOOP_AUTO;
    CHECK_STR(loop_backend_name(kit_loop), kit_backend == LOOP_URING ? "io_uring" : "epoll");
    CHECK_STR(loop_backend_reason(kit_loop),
              kit_backend == LOOP_URING ? "" : "epoll was asked for");
    CHECK_EQ(loop_backend_parse("uring", &backend), STATUS_OK);
    CHECK_EQ(backend, LOOP_URING);
    CHECK_EQ(loop_backend_parse("epoll", &backend), STATUS_OK);
    CHECK_EQ(backend, LOOP_EPOLL);
    CHECK_EQ(loop_backend_parse("kqueue", &backend), STATUS_INVALID);
    CHECK_EQ(backend, LOOP_EPOLL);
    CHECK_EQ(loop_backend_parse("auto", &backend), STATUS_OK);
    CHECK_EQ(backend, LOOP_AUTO);
}

int main(void)
{
    RUN_BOTH(test_once_and_in_order);
    RUN_BOTH(test_rounds_bound);
    RUN_BOTH(test_tasks_do_not_starve_timers);
    RUN_BOTH(test_stats_lag);
    RUN_BOTH(test_stats_lag_of_events);
    RUN_BOTH(test_names);
    return check_done();
}
