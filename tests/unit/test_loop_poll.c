/* Readiness: level-triggered, changed, closed with operations in flight, descriptors reused. */
#include "tests/unit/loop_kit.h"

static int fds[2];
static struct loop_poll poll_a, poll_b;
static int ready_count, closed_count;
static unsigned seen;
static struct loop_timer later;

static void reset(void)
{
    memset(&poll_a, 0, sizeof poll_a);
    memset(&poll_b, 0, sizeof poll_b);
    memset(&later, 0, sizeof later);
    ready_count = closed_count = 0;
    seen = 0;
    kit_pair(fds);
}

static void close_fds(void)
{
    close(fds[0]);
    close(fds[1]);
}

static void on_closed_stop(struct loop_poll *poll)
{
    closed_count++;
    loop_stop(poll->loop);
}

static void on_three_then_close(struct loop_poll *poll, unsigned events)
{
    seen |= events;
    if (++ready_count == 3)
        loop_poll_close(poll, on_closed_stop);
}

/* Nothing is read, so the descriptor stays ready and must be reported again and again. */
static void test_level_triggered(void)
{
    reset();
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(loop_poll_start(kit_loop, &poll_a, fds[0], LOOP_IN, on_three_then_close), STATUS_OK);
    kit_run();
    CHECK_EQ(ready_count, 3);
    CHECK_EQ(seen, LOOP_IN);
    CHECK_EQ(closed_count, 1);
    close_fds();
}

static void on_read_one(struct loop_poll *poll, unsigned events)
{
    char byte;
    CHECK_EQ(read(poll->fd, &byte, 1), 1);
    if (++ready_count == 5)
        loop_poll_close(poll, on_closed_stop);
}

/* One byte is taken at a time: what is left is reported although nothing new arrives. */
static void test_partial_read_is_reported_again(void)
{
    reset();
    CHECK_EQ(write(fds[1], "12345", 5), 5);
    loop_poll_start(kit_loop, &poll_a, fds[0], LOOP_IN, on_read_one);
    kit_run();
    CHECK_EQ(ready_count, 5);
    close_fds();
}

static void on_in_then_out(struct loop_poll *poll, unsigned events)
{
    seen = seen * 10 + events;
    ready_count++;
    if (ready_count == 1)
        loop_poll_modify(poll, LOOP_OUT);
    else if (ready_count == 2)
        loop_poll_modify(poll, LOOP_IN | LOOP_OUT);
    else
        loop_poll_close(poll, on_closed_stop);
}

static void test_modify(void)
{
    reset();
    CHECK_EQ(write(fds[1], "x", 1), 1);
    loop_poll_start(kit_loop, &poll_a, fds[0], LOOP_IN, on_in_then_out);
    kit_run();
    CHECK_EQ(seen, 123); /* IN, then OUT, then both */
    close_fds();
}

static void widen(struct loop_timer *timer)
{
    loop_poll_modify(&poll_a, LOOP_IN | LOOP_OUT);
}

static void on_any_close(struct loop_poll *poll, unsigned events)
{
    seen = events;
    ready_count++;
    loop_poll_close(poll, on_closed_stop);
}

/* The operation for IN is already with the kernel when OUT is asked for too. */
static void test_widen_while_armed(void)
{
    reset();
    loop_poll_start(kit_loop, &poll_a, fds[0], LOOP_IN, on_any_close);
    loop_timer_start(kit_loop, &later, loop_now_us(kit_loop) + 5000, widen);
    kit_run();
    CHECK_EQ(ready_count, 1);
    CHECK_EQ(seen, LOOP_OUT);
    close_fds();
}

static void close_a(struct loop_timer *timer)
{
    loop_poll_close(&poll_a, on_closed_stop);
}

static void silence_then_write(struct loop_timer *timer)
{
    loop_poll_modify(&poll_a, 0);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    close(fds[1]);
    fds[1] = -1;
    loop_timer_start(kit_loop, timer, loop_now_us(kit_loop) + 20000, close_a);
}

/* Asked for nothing, a poll says nothing, not even that the peer is gone; and the loop does not
 * spin over it. */
static void test_no_events_no_reports(void)
{
    struct loop_stats stats;
    reset();
    loop_poll_start(kit_loop, &poll_a, fds[0], LOOP_IN, on_any_close);
    loop_timer_start(kit_loop, &later, loop_now_us(kit_loop) + 1000, silence_then_write);
    kit_run();
    CHECK_EQ(ready_count, 0);
    CHECK_EQ(closed_count, 1);
    loop_stats(kit_loop, &stats);
    CHECK(stats.turns < 12);
    close_fds();
}

static void on_hangup(struct loop_poll *poll, unsigned events)
{
    seen = events;
    loop_poll_close(poll, on_closed_stop);
}

/* A pipe whose writer is gone has no byte to read; IN is reported with ERR so that read() finds the
 * end. */
static void test_hangup_reports_err_and_in(void)
{
    int pipe_fds[2];
    reset();
    CHECK_EQ(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
    close(pipe_fds[1]);
    loop_poll_start(kit_loop, &poll_a, pipe_fds[0], LOOP_IN, on_hangup);
    kit_run();
    CHECK_EQ(seen, LOOP_IN | LOOP_ERR);
    close(pipe_fds[0]);
    close_fds();
}

/* Closed while the kernel waits on it: no report, one on_closed, although data arrives right after.
 */
static void close_then_write(struct loop_timer *timer)
{
    loop_poll_close(&poll_a, on_closed_stop);
    CHECK_EQ(closed_count, 0); /* never inside the call */
    CHECK_EQ(write(fds[1], "x", 1), 1);
}

static void test_close_in_flight(void)
{
    reset();
    loop_poll_start(kit_loop, &poll_a, fds[0], LOOP_IN, on_any_close);
    loop_timer_start(kit_loop, &later, loop_now_us(kit_loop) + 2000, close_then_write);
    kit_run();
    CHECK_EQ(ready_count, 0);
    CHECK_EQ(closed_count, 1);
    close_fds();
}

static void on_closed_count(struct loop_poll *poll)
{
    closed_count++;
}

static void on_close_other(struct loop_poll *poll, unsigned events)
{
    struct loop_poll *other = poll == &poll_a ? &poll_b : &poll_a;
    ready_count++;
    loop_poll_close(other, on_closed_count);
    loop_poll_close(poll, on_closed_stop);
}

/* Both are reaped together; the first callback closes the second, whose report must not come any
 * more. */
static void test_close_another_reaped_one(void)
{
    int more[2];
    reset();
    kit_pair(more);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(write(more[1], "x", 1), 1);
    loop_poll_start(kit_loop, &poll_a, fds[0], LOOP_IN, on_close_other);
    loop_poll_start(kit_loop, &poll_b, more[0], LOOP_IN, on_close_other);
    kit_run();
    CHECK_EQ(ready_count, 1);
    CHECK_EQ(closed_count, 2);
    close(more[0]);
    close(more[1]);
    close_fds();
}

static int reused_fd;

static void on_reused(struct loop_poll *poll, unsigned events)
{
    char byte = 0;
    ready_count++;
    CHECK_EQ(read(poll->fd, &byte, 1), 1);
    CHECK_EQ(byte, 'n');
    loop_poll_close(poll, on_closed_stop);
}

/* The number goes to another socket in the same turn: the new poll must see the new socket only. */
static void reuse(struct loop_timer *timer)
{
    int next[2];
    loop_poll_close(&poll_a, on_closed_count);
    CHECK_EQ(write(fds[1], "o", 1), 1);
    reused_fd = fds[0];
    close(fds[0]);
    kit_pair(next);
    CHECK_EQ(next[0], reused_fd);
    fds[0] = next[0];
    close(fds[1]);
    fds[1] = next[1];
    loop_poll_start(kit_loop, &poll_b, fds[0], LOOP_IN, on_reused);
    CHECK_EQ(write(fds[1], "n", 1), 1);
}

static void test_descriptor_reuse(void)
{
    reset();
    loop_poll_start(kit_loop, &poll_a, fds[0], LOOP_IN, on_any_close);
    loop_timer_start(kit_loop, &later, loop_now_us(kit_loop) + 2000, reuse);
    kit_run();
    CHECK_EQ(ready_count, 1);
    CHECK_EQ(closed_count, 2);
    close_fds();
}

/* Started and closed before the kernel ever heard of it, its descriptor gone at once. */
static void start_and_close(struct loop_timer *timer)
{
    loop_poll_start(kit_loop, &poll_a, fds[0], LOOP_IN | LOOP_OUT, on_any_close);
    loop_poll_close(&poll_a, on_closed_stop);
    close(fds[0]);
    fds[0] = -1;
}

static void test_close_before_armed(void)
{
    reset();
    loop_timer_start(kit_loop, &later, loop_now_us(kit_loop), start_and_close);
    kit_run();
    CHECK_EQ(ready_count, 0);
    CHECK_EQ(closed_count, 1);
    close_fds();
}

static void on_closed_restart(struct loop_poll *poll)
{
    if (++closed_count == 20) {
        loop_stop(poll->loop);
        return;
    }
    loop_poll_start(kit_loop, poll, fds[0], LOOP_IN | LOOP_OUT, on_any_close);
    loop_poll_close(poll, on_closed_restart);
}

static void test_restart_from_on_closed(void)
{
    reset();
    loop_poll_start(kit_loop, &poll_a, fds[0], LOOP_IN | LOOP_OUT, on_any_close);
    loop_poll_close(&poll_a, on_closed_restart);
    kit_run();
    CHECK_EQ(closed_count, 20);
    close_fds();
}

static void test_bad_descriptor(void)
{
    reset();
    CHECK_EQ(loop_poll_start(kit_loop, &poll_a, 1 << 20, LOOP_IN, on_any_close), STATUS_IO);
    close_fds();
}

#define MANY 1300
static struct loop_poll many[MANY];
static int many_fds[MANY][2];
static int many_left;

static void on_many_closed(struct loop_poll *poll)
{
    if (--many_left == 0)
        loop_stop(poll->loop);
}

static void on_many(struct loop_poll *poll, unsigned events)
{
    char byte;
    CHECK_EQ(read(poll->fd, &byte, 1), 1);
    ready_count++;
    loop_poll_close(poll, on_many_closed);
}

/* More changes in one turn than the submission queue has entries. */
static void test_many_at_once(void)
{
    struct rlimit files;
    reset();
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &files);
    memset(many, 0, sizeof many);
    many_left = MANY;
    for (int i = 0; i < MANY; i++) {
        kit_pair(many_fds[i]);
        loop_poll_start(kit_loop, &many[i], many_fds[i][0], LOOP_IN, on_many);
        CHECK_EQ(write(many_fds[i][1], "x", 1), 1);
    }
    kit_run();
    CHECK_EQ(ready_count, MANY);
    CHECK_EQ(many_left, 0);
    for (int i = 0; i < MANY; i++) {
        close(many_fds[i][0]);
        close(many_fds[i][1]);
    }
    close_fds();
}

int main(void)
{
    RUN_BOTH(test_level_triggered);
    RUN_BOTH(test_partial_read_is_reported_again);
    RUN_BOTH(test_modify);
    RUN_BOTH(test_widen_while_armed);
    RUN_BOTH(test_no_events_no_reports);
    RUN_BOTH(test_hangup_reports_err_and_in);
    RUN_BOTH(test_close_in_flight);
    RUN_BOTH(test_close_another_reaped_one);
    RUN_BOTH(test_descriptor_reuse);
    RUN_BOTH(test_close_before_armed);
    RUN_BOTH(test_restart_from_on_closed);
    RUN_BOTH(test_bad_descriptor);
    RUN_BOTH(test_many_at_once);
    return check_done();
}
