#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "base/worker.h"
#include "tests/check.h"

#include <stdatomic.h>

#define KEYS 16
#define EACH 500

struct count_job {
    struct job job;
    unsigned key;
    unsigned number;
};

static _Atomic unsigned ran, freed, disorder;
static unsigned next[KEYS]; /* written by the one worker of the key */

static void count_free(struct msg *msg)
{
    atomic_fetch_add(&freed, 1);
    mem_free(msg);
}

static void count_run(struct job *job)
{
    struct count_job *count = (struct count_job *)job;
    if (count->number != next[count->key] || strncmp(thread_name(), "worker-", 7) != 0)
        atomic_fetch_add(&disorder, 1);
    next[count->key] = count->number + 1;
    atomic_fetch_add(&ran, 1);
    mem_free(count);
}

static struct count_job *count_new(unsigned key, unsigned number)
{
    struct count_job *count = mem_calloc(1, sizeof *count);
    count->job = (struct job){.msg = {.free_fn = count_free}, .run = count_run};
    count->key = key;
    count->number = number;
    return count;
}

static void test_order_of_a_key_is_kept(void)
{
    struct worker_pool *pool = worker_pool_create(3, 64);
    CHECK_EQ(worker_pool_threads(pool), 3);
    memset(next, 0, sizeof next);
    atomic_store(&ran, 0);
    for (unsigned i = 0; i < KEYS * EACH; i++) {
        struct count_job *count = count_new(i % KEYS, i / KEYS);
        while (worker_pool_submit(pool, i % KEYS, &count->job) == STATUS_FULL)
            sched_yield();
    }
    worker_pool_destroy(pool);
    CHECK_EQ(atomic_load(&ran), KEYS * EACH);
    CHECK_EQ(atomic_load(&disorder), 0);
    worker_pool_destroy(NULL);
}

static _Atomic int gate; /* 0: hold the worker, 1: go on */
static _Atomic int held;

static void hold_run(struct job *job)
{
    atomic_store(&held, 1);
    while (atomic_load(&gate) == 0)
        sched_yield();
}

static void test_full_worker_refuses(void)
{
    struct worker_pool *pool = worker_pool_create(1, 4);
    struct job hold = {.run = hold_run};
    atomic_store(&gate, 0);
    atomic_store(&held, 0);
    atomic_store(&ran, 0);
    memset(next, 0, sizeof next);
    CHECK_EQ(worker_pool_submit(pool, 9, &hold), STATUS_OK);
    while (atomic_load(&held) == 0)
        sched_yield();
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(worker_pool_submit(pool, 9, &count_new(0, i)->job), STATUS_OK);
    CHECK_EQ(worker_pool_len(pool), 4);
    struct count_job *refused = count_new(0, 4);
    CHECK_EQ(worker_pool_submit(pool, 9, &refused->job), STATUS_FULL);
    atomic_store(&gate, 1);
    while (worker_pool_submit(pool, 9, &refused->job) != STATUS_OK)
        sched_yield();
    worker_pool_destroy(pool);
    CHECK_EQ(atomic_load(&ran), 5);
    CHECK_EQ(atomic_load(&disorder), 0);
}

static _Atomic unsigned names_seen[4];

static void name_run(struct job *job)
{
    atomic_fetch_add(&names_seen[thread_name()[strlen("worker-")] - '0'], 1);
    mem_free(job);
}

/* Session ids are slots under a generation: neither part alone may choose the worker. */
static void test_keys_spread_over_workers(void)
{
    struct worker_pool *pool = worker_pool_create(4, 2048);
    for (uint64_t i = 0; i < 1000; i++) {
        struct job *job = mem_calloc(1, sizeof *job);
        job->run = name_run;
        CHECK_EQ(worker_pool_submit(pool, i % 2 == 0 ? i << 32 | 7 : i * 4, job), STATUS_OK);
    }
    worker_pool_destroy(pool);
    for (int i = 0; i < 4; i++)
        CHECK(atomic_load(&names_seen[i]) > 150);
}

/* Whatever part of the start fails, the threads already running end and nothing leaks. */
static void here_run(struct job *job)
{
    CHECK(strncmp(thread_name(), "worker-", 7) != 0);
    atomic_fetch_add(&ran, 1);
    mem_free(job);
}

static void test_without_threads_jobs_run_at_once(void)
{
    struct worker_pool *pool = worker_pool_create(0, 1);
    CHECK_EQ(worker_pool_threads(pool), 0);
    atomic_store(&ran, 0);
    for (unsigned i = 0; i < 5; i++) {
        struct count_job *count = count_new(i, 0);
        count->job.run = here_run;
        CHECK_EQ(worker_pool_submit(pool, i, &count->job), STATUS_OK);
        CHECK_EQ(atomic_load(&ran), i + 1);
    }
    CHECK_EQ(worker_pool_len(pool), 0);
    worker_pool_destroy(pool);
}

static void test_no_memory(void)
{
    unsigned nth = 1;
    for (struct worker_pool *pool = NULL; pool == NULL; nth++) {
        mem_fail_nth(nth);
        pool = worker_pool_create(2, 8);
        mem_fail_nth(0);
        worker_pool_destroy(pool);
    }
    CHECK(nth > 6);
}

int main(void)
{
    RUN(test_order_of_a_key_is_kept);
    RUN(test_full_worker_refuses);
    RUN(test_keys_spread_over_workers);
    RUN(test_without_threads_jobs_run_at_once);
    RUN(test_no_memory);
    return check_done();
}
