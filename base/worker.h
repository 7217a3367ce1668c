/*
 * Worker threads: jobs with the same key run in the order they were submitted, one at a time.
 *
 * A job that has run belongs to its run function, which frees it or sends it on. Workers never see
 * a session: a job carries all it needs.
 */
#pragma once

#include "base/mailbox.h"
#include <stddef.h>
#include <stdint.h>

struct job {
    struct msg msg;               /* free_fn ends a job that never ran */
    void (*run)(struct job *job); /* takes the job; on a worker thread */
};

struct worker_pool;

/* Starts `threads` threads, each with a mailbox of `capacity` jobs. With none, jobs run inside
 * worker_pool_submit(). NULL: no memory, no thread. */
struct worker_pool *worker_pool_create(unsigned threads, size_t capacity);
/* Runs what is queued, then joins. Not from a worker. */
void worker_pool_destroy(struct worker_pool *pool);
/* Any thread; takes `job` when 0. STATUS_FULL: the worker of this key is behind, the caller keeps
 * the job. */
int worker_pool_submit(struct worker_pool *pool, uint64_t key, struct job *job);
/* Jobs waiting over all workers; an estimate. */
size_t worker_pool_len(const struct worker_pool *pool);
unsigned worker_pool_threads(const struct worker_pool *pool);
