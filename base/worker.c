#include "base/worker.h"

#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include <assert.h>
#include <stdio.h>

struct worker {
    struct mailbox *mailbox;
    pthread_t thread;
};

struct worker_pool {
    unsigned threads;
    struct worker workers[];
};

_Static_assert(offsetof(struct job, msg) == 0, "a job is found by its message");

static void *worker_main(void *ctx)
{
    struct worker *worker = ctx;
    struct msg *msg;
    thread_prompt();
    mailbox_defer_wakes(true);
    while ((msg = mailbox_wait(worker->mailbox, -1)) != NULL) {
        struct job *job = (struct job *)msg;
        job->run(job);
    }
    mailbox_defer_wakes(false);
    return NULL;
}

static int worker_start(struct worker *worker, unsigned number, size_t capacity)
{
    char name[16];
    worker->mailbox = mailbox_create(capacity, NULL, NULL);
    if (worker->mailbox == NULL)
        return STATUS_NOMEM;
    snprintf(name, sizeof name, "worker-%u", number % 1000);
    int status = thread_start(&worker->thread, name, worker_main, worker);
    if (status != STATUS_OK)
        mailbox_destroy(worker->mailbox);
    return status;
}

struct worker_pool *worker_pool_create(unsigned threads, size_t capacity)
{
    assert(capacity > 0);
    struct worker_pool *pool = mem_calloc(1, sizeof *pool + threads * sizeof *pool->workers);
    if (pool == NULL)
        return NULL;
    for (; pool->threads < threads; pool->threads++) {
        if (worker_start(&pool->workers[pool->threads], pool->threads, capacity) != STATUS_OK) {
            worker_pool_destroy(pool);
            return NULL;
        }
    }
    return pool;
}

void worker_pool_destroy(struct worker_pool *pool)
{
    if (pool == NULL)
        return;
    for (unsigned i = 0; i < pool->threads; i++)
        mailbox_close(pool->workers[i].mailbox);
    for (unsigned i = 0; i < pool->threads; i++) {
        pthread_join(pool->workers[i].thread, NULL);
        mailbox_destroy(pool->workers[i].mailbox);
    }
    mem_free(pool);
}

int worker_pool_submit(struct worker_pool *pool, uint64_t key, struct job *job)
{
    assert(job != NULL && job->run != NULL);
    if (pool->threads == 0) {
        job->run(job);
        return STATUS_OK;
    }
    /* Keys are slots and generations: their low bits alone would fill few workers. */
    uint64_t mixed = (key ^ (key >> 32)) * 0x9e3779b97f4a7c15;
    return mailbox_send(pool->workers[(mixed >> 32) % pool->threads].mailbox, &job->msg);
}

size_t worker_pool_len(const struct worker_pool *pool)
{
    size_t len = 0;
    for (unsigned i = 0; i < pool->threads; i++)
        len += mailbox_len(pool->workers[i].mailbox);
    return len;
}

unsigned worker_pool_threads(const struct worker_pool *pool)
{
    return pool->threads;
}
