#include "server/outbox.h"

#include "base/mem.h"
#include "base/status.h"
#include "base/worker.h"
#include "server/limits.h"
#include "tests/check.h"
#include <pthread.h>
#include <stdbool.h>

#define CAPACITY 4
#define JOBS     200

/* The worker stands still while the gate is locked. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static int ran[JOBS + CAPACITY], ran_len; /* under the gate */
static int freed;

struct counted {
    struct job job;
    int number;
};

static void counted_free(struct msg *msg)
{
    freed++;
    mem_free(msg);
}

static void counted_run(struct job *job)
{
    struct counted *counted = (struct counted *)job;
    pthread_mutex_lock(&gate);
    ran[ran_len++] = counted->number;
    pthread_mutex_unlock(&gate);
    mem_free(counted);
}

static struct job *counted(int number)
{
    struct counted *made = mem_calloc(1, sizeof *made);
    made->job.msg.free_fn = counted_free;
    made->job.run = counted_run;
    made->number = number;
    return &made->job;
}

static struct rig {
    struct loop *loop;
    struct worker_pool *workers;
    struct outbox outbox;
    struct loop_timer watch;
} rig;

static void begin(void)
{
    rig = (struct rig){0};
    ran_len = freed = 0;
    CHECK_EQ(loop_create(&rig.loop, LOOP_EPOLL), STATUS_OK);
    rig.workers = worker_pool_create(1, CAPACITY);
    outbox_init(&rig.outbox, rig.loop, rig.workers);
}

static void end(void)
{
    outbox_deinit(&rig.outbox);
    worker_pool_destroy(rig.workers);
    loop_destroy(rig.loop);
}

static void on_watch(struct loop_timer *timer)
{
    if (rig.outbox.len == 0)
        loop_stop(rig.loop);
    else
        loop_timer_start(rig.loop, timer, loop_now_us(rig.loop) + 1000, on_watch);
}

static void test_waiting_jobs_keep_their_order(void)
{
    begin();
    pthread_mutex_lock(&gate);
    for (int i = 0; i < JOBS; i++)
        CHECK_EQ(outbox_submit(&rig.outbox, 1, counted(i)), STATUS_OK);
    CHECK(rig.outbox.len >= JOBS - CAPACITY - 1);
    CHECK(loop_timer_armed(&rig.outbox.timer));
    pthread_mutex_unlock(&gate);
    loop_timer_start(rig.loop, &rig.watch, loop_now_us(rig.loop), on_watch);
    loop_run(rig.loop);
    CHECK(!loop_timer_armed(&rig.outbox.timer));
    end();
    CHECK_EQ(ran_len, JOBS);
    for (int i = 0; i < ran_len; i++)
        CHECK_EQ(ran[i], i);
    CHECK_EQ(freed, 0);
}

/* A job of another key does not overtake: its worker may be the same. */
static void test_what_waits_is_freed_at_the_end(void)
{
    begin();
    pthread_mutex_lock(&gate);
    for (int i = 0; i < JOBS; i++)
        CHECK_EQ(outbox_submit(&rig.outbox, (uint64_t)i, counted(i)), STATUS_OK);
    size_t waiting = rig.outbox.len;
    outbox_deinit(&rig.outbox);
    CHECK_EQ(freed, waiting);
    pthread_mutex_unlock(&gate);
    worker_pool_destroy(rig.workers);
    loop_destroy(rig.loop);
    CHECK_EQ(ran_len + (int)waiting, JOBS);
}

static void test_full_and_out_of_memory_leave_the_job(void)
{
    begin();
    pthread_mutex_lock(&gate);
    struct job *one = counted(0);
    while (rig.outbox.len == 0)
        CHECK_EQ(outbox_submit(&rig.outbox, 1, counted(0)), STATUS_OK);
    mem_fail_nth(1);
    CHECK_EQ(outbox_submit(&rig.outbox, 1, one), STATUS_NOMEM);
    mem_fail_nth(0);
    while (rig.outbox.len < OUTBOX_MAX && outbox_submit(&rig.outbox, 1, counted(0)) == STATUS_OK) {
    }
    CHECK_EQ(rig.outbox.len, OUTBOX_MAX);
    CHECK_EQ(outbox_submit(&rig.outbox, 1, one), STATUS_FULL);
    CHECK_EQ(freed, 0);
    mem_free(one);
    outbox_deinit(&rig.outbox);
    CHECK_EQ(freed, OUTBOX_MAX);
    pthread_mutex_unlock(&gate);
    worker_pool_destroy(rig.workers);
    loop_destroy(rig.loop);
}

int main(void)
{
    RUN(test_waiting_jobs_keep_their_order);
    RUN(test_what_waits_is_freed_at_the_end);
    RUN(test_full_and_out_of_memory_leave_the_job);
    return check_done();
}
