/* The simulated backend: the same promises, a clock that jumps, and the same run for the same seed.
 */
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "loop/internal.h"
#include "tests/check.h"
#include "tests/sim/loop_sim.h"
#include <fcntl.h>
#include <unistd.h>

static struct loop *loop;
static int count;
static uint64_t hash;

static void begin(uint64_t seed)
{
    count = 0;
    hash = 1469598103934665603ULL;
    CHECK_EQ(loop_sim_create(&loop, seed), STATUS_OK);
}

static void end(void)
{
    loop_destroy(loop);
    loop = NULL;
}

static void note(uint64_t value)
{
    hash = (hash ^ value) * 1099511628211ULL;
}

static void on_hour(struct loop_timer *timer)
{
    CHECK_EQ(loop_now_us(loop), timer->due_us); /* never late in virtual time */
    if (++count < 24)
        loop_timer_start(loop, timer, timer->due_us + 3600LL * 1000000, on_hour);
}

static void test_a_day_in_no_time(void)
{
    struct loop_timer timer = {0};
    begin(1);
    CHECK_STR(loop_backend_name(loop), "simulated");
    CHECK_EQ(loop_now_us(loop), LOOP_SIM_START_US);
    loop_timer_start(loop, &timer, LOOP_SIM_START_US + 3600LL * 1000000, on_hour);
    CHECK(!loop_sim_idle(loop));
    loop_sim_advance(loop, 86400LL * 1000000);
    CHECK_EQ(count, 24);
    CHECK_EQ(loop_now_us(loop), LOOP_SIM_START_US + 86400LL * 1000000);
    CHECK(loop_sim_idle(loop));
    end();
}

static void on_timer_count(struct loop_timer *timer)
{
    count++;
}

/* What is due exactly at the bound still runs, what is due after it does not. */
static void test_run_until_bound(void)
{
    struct loop_timer at = {0}, after = {0};
    begin(1);
    loop_timer_start(loop, &at, LOOP_SIM_START_US + 100, on_timer_count);
    loop_timer_start(loop, &after, LOOP_SIM_START_US + 101, on_timer_count);
    loop_sim_run_until(loop, LOOP_SIM_START_US + 100);
    CHECK_EQ(count, 1);
    CHECK(loop_timer_armed(&after));
    loop_timer_stop(&after);
    end();
}

static void on_slow(struct loop_timer *timer)
{
    loop_sim_spend(loop, 7000);
}

static void test_lag_of_spent_time(void)
{
    struct loop_timer slow = {0}, late = {0};
    struct loop_stats stats;
    begin(1);
    loop_timer_start(loop, &slow, LOOP_SIM_START_US + 1000, on_slow);
    loop_timer_start(loop, &late, LOOP_SIM_START_US + 2000, on_timer_count);
    loop_sim_advance(loop, 20000);
    loop_sim_settle(loop);
    loop_stats(loop, &stats);
    CHECK_EQ(count, 1);
    CHECK_EQ(stats.lag_max_us, 6000);
    end();
}

static void on_ready(struct loop_poll *poll, unsigned events)
{
    note((uint64_t)poll->fd * 8 + events);
    if (++count % 3 == 0)
        loop_sim_set_ready(poll, 0);
}

static void on_poll_closed(struct loop_poll *poll)
{
    count++;
}

/* Ready polls are reported every turn until they are not, in an order the seed decides. */
static uint64_t polls_run(uint64_t seed)
{
    struct loop_poll polls[16] = {0};
    struct loop_timer tick[40] = {0};
    begin(seed);
    for (int i = 0; i < 16; i++) {
        loop_poll_start(loop, &polls[i], i, LOOP_IN, on_ready);
        loop_sim_set_ready(&polls[i], LOOP_IN | LOOP_OUT);
    }
    for (int i = 0; i < 40; i++)
        loop_timer_start(loop, &tick[i], LOOP_SIM_START_US + i, on_timer_count);
    loop_sim_advance(loop, 1000);
    int reports = count;
    CHECK(reports > 56);
    count = 0;
    for (int i = 0; i < 16; i++)
        loop_poll_close(&polls[i], on_poll_closed);
    CHECK_EQ(count, 0);
    loop_sim_settle(loop);
    CHECK_EQ(count, 16);
    note((uint64_t)reports);
    end();
    return hash;
}

static void test_seed_decides_order(void)
{
    CHECK(polls_run(1) == polls_run(1));
    CHECK(polls_run(1) != polls_run(2));
}

static int accepted[2];

static void on_accept(struct loop_accept *accept, int fd)
{
    accepted[count++] = fd;
    loop_accept_close(accept, NULL);
}

/* Of two connections one is accepted; the other comes too late and is closed. */
static void test_accept(void)
{
    struct loop_accept accept = {0};
    int one = open("/dev/null", O_RDONLY), two = open("/dev/null", O_RDONLY);
    int listen_fd = open("/dev/null", O_RDONLY);
    begin(3);
    CHECK_EQ(loop_accept_start(loop, &accept, listen_fd, on_accept), STATUS_OK);
    loop_sim_connect(&accept, one);
    loop_sim_connect(&accept, two);
    loop_sim_settle(loop);
    CHECK_EQ(count, 1);
    CHECK(accepted[0] == one || accepted[0] == two);
    int other = accepted[0] == one ? two : one;
    CHECK(fcntl(other, F_GETFD) < 0);
    CHECK_EQ(accept.in_flight, 0);
    close(accepted[0]);
    close(listen_fd);
    end();
}

static void on_msg(struct loop_inbox *inbox, struct msg *msg)
{
    count++;
    if (count < 5)
        CHECK_EQ(mailbox_send(inbox->mailbox, msg), STATUS_OK);
    else
        mem_free(msg);
}

static void msg_free(struct msg *msg)
{
    mem_free(msg);
}

static void test_inbox(void)
{
    struct loop_inbox inbox;
    begin(1);
    CHECK_EQ(loop_inbox_open(loop, &inbox, 4, on_msg), STATUS_OK);
    CHECK(loop_sim_idle(loop));
    struct msg *msg = mem_calloc(1, sizeof *msg);
    msg->free_fn = msg_free;
    CHECK_EQ(mailbox_send(inbox.mailbox, msg), STATUS_OK);
    loop_sim_settle(loop);
    CHECK_EQ(count, 5);
    CHECK_EQ(loop_now_us(loop), LOOP_SIM_START_US);
    loop_inbox_close(&inbox);
    end();
}

static void on_stop(struct loop_timer *timer)
{
    loop_stop(loop);
}

static void test_stop_leaves_the_clock(void)
{
    struct loop_timer timer = {0};
    begin(1);
    loop_timer_start(loop, &timer, LOOP_SIM_START_US + 500, on_stop);
    loop_sim_advance(loop, 100000);
    CHECK_EQ(loop_now_us(loop), LOOP_SIM_START_US + 500);
    loop_sim_advance(loop, 100);
    CHECK_EQ(loop_now_us(loop), LOOP_SIM_START_US + 600);
    end();
}

/* Random starts, moves and stops from inside callbacks: no timer early, none lost, none twice. */
#define CHAOS 300
static struct loop_timer chaos[CHAOS];
static int64_t expected_us[CHAOS];
static struct rng rng;

static void chaos_act(void);

static void on_chaos(struct loop_timer *timer)
{
    long index = timer - chaos;
    CHECK_EQ(expected_us[index], timer->due_us);
    CHECK(loop_now_us(loop) >= timer->due_us);
    expected_us[index] = 0;
    count++;
    for (uint64_t i = rng_below(&rng, 4); i > 0; i--)
        chaos_act();
}

static void chaos_act(void)
{
    uint64_t index = rng_below(&rng, CHAOS);
    if (rng_below(&rng, 4) == 0) {
        loop_timer_stop(&chaos[index]);
        expected_us[index] = 0;
        return;
    }
    expected_us[index] = loop_now_us(loop) + rng_range(&rng, -10, 2000);
    loop_timer_start(loop, &chaos[index], expected_us[index], on_chaos);
}

static void test_timer_chaos(void)
{
    for (uint64_t seed = 1; seed <= 50 && check_failed == 0; seed++) {
        memset(chaos, 0, sizeof chaos);
        memset(expected_us, 0, sizeof expected_us);
        begin(seed);
        rng_init(&rng, seed);
        for (int i = 0; i < CHAOS; i++)
            chaos_act();
        loop_sim_advance(loop, 1000000);
        CHECK(count > CHAOS / 4);
        for (int i = 0; i < CHAOS; i++) {
            CHECK_EQ(loop_timer_armed(&chaos[i]), expected_us[i] != 0);
            CHECK(expected_us[i] == 0 || expected_us[i] > loop_now_us(loop));
            loop_timer_stop(&chaos[i]);
        }
        end();
        if (check_failed != 0)
            fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
    }
}

int main(void)
{
    RUN(test_a_day_in_no_time);
    RUN(test_run_until_bound);
    RUN(test_lag_of_spent_time);
    RUN(test_seed_decides_order);
    RUN(test_accept);
    RUN(test_inbox);
    RUN(test_stop_leaves_the_clock);
    RUN(test_timer_chaos);
    return check_done();
}
