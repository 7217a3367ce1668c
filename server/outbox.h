/*
 * Jobs from a loop to the workers: when a worker's mailbox is full they wait here, in order, and
 * are tried again a millisecond later, so that a loop neither blocks nor loses what it has taken
 * on.
 *
 * Threads: the loop's. Memory: owns the jobs that wait; bounded by OUTBOX_MAX.
 */
#pragma once

#include "loop/loop.h"
#include <stddef.h>
#include <stdint.h>

struct job;
struct worker_pool;
struct outbox_item;

struct outbox {
    struct loop *loop;
    struct worker_pool *workers;
    struct loop_timer timer;
    struct outbox_item *head, **tail;
    size_t len;
};

void outbox_init(struct outbox *outbox, struct loop *loop, struct worker_pool *workers);
/* Frees what waits. */
void outbox_deinit(struct outbox *outbox);
/* Takes the job when 0. STATUS_FULL past OUTBOX_MAX, STATUS_NOMEM: the caller keeps it. */
int outbox_submit(struct outbox *outbox, uint64_t key, struct job *job);
