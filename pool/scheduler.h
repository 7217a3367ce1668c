/*
 * Fair share of one budget between sessions, without I/O: items in, the next item to send out, time
 * passed in.
 *
 * Sessions with work take turns (deficit round robin in cost tokens, by weight); classes have
 * precedence inside a session. Requests and tokens a minute are smooth buckets: never more than the
 * budget in any minute, nine tenths of it in the long run. What cannot arrive by its deadline is
 * handed back unsent.
 *
 * Threads: one owner. Memory: items are embedded in their owner, zero-initialised before first use,
 * and the scheduler's own between add and take, expire, remove or shed.
 */
#pragma once

#include "pool/pool.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scheduler;
struct scheduler_session;

struct scheduler_config {
    uint32_t requests_per_minute, tokens_per_minute; /* 0: unlimited */
    uint32_t queue_max;
    bool first_come; /* one queue, whatever the session and class */
};

struct scheduler_item {
    uint64_t session;
    enum pool_class cls;
    uint32_t weight; /* 0 counts as 1 */
    uint32_t cost;   /* tokens */
    int64_t deadline_us;
    struct scheduler_session *home;       /* from here on the scheduler's own */
    struct scheduler_item *prev, *next;   /* same session and class */
    struct scheduler_item *older, *newer; /* same class, all sessions */
    uint32_t heap_index;                  /* 1-based; 0: not queued */
};

/* NULL: out of memory. */
struct scheduler *scheduler_create(const struct scheduler_config *config, int64_t now_us);
/* With nothing queued. */
void scheduler_destroy(struct scheduler *scheduler);

/*
 * Queues at the end of its class. STATUS_BUDGET: more than the budget ever allows at once.
 * STATUS_FULL: the queue is full and nothing in it matters less. STATUS_NOMEM. `shed` gets the item
 * that made room (a lower class, else the last of a session that holds more of the queue) or NULL.
 */
int scheduler_add(struct scheduler *scheduler, struct scheduler_item *item, int64_t now_us,
                  struct scheduler_item **shed);
/* Queues before all others of its session and class, even when the queue is full: one that was sent
 * already. */
int scheduler_add_again(struct scheduler *scheduler, struct scheduler_item *item, int64_t now_us);
void scheduler_remove(struct scheduler *scheduler, struct scheduler_item *item, int64_t now_us);
/* An item that can no longer be in time, or NULL. To be called until NULL before scheduler_take().
 */
struct scheduler_item *scheduler_expire(struct scheduler *scheduler, int64_t now_us);
/* The next item, charged to its session and the budget; NULL: nothing queued or no budget now. */
struct scheduler_item *scheduler_take(struct scheduler *scheduler, int64_t now_us);
/* Any item, for closing down; NULL when empty. */
struct scheduler_item *scheduler_drain(struct scheduler *scheduler, int64_t now_us);
/* When expire has work again or, with `can_send`, take; INT64_MAX for never. */
int64_t scheduler_due(struct scheduler *scheduler, bool can_send, int64_t now_us);

/* `delta` tokens come back to the budget (or, negative, are owed to it). */
void scheduler_settle(struct scheduler *scheduler, int64_t delta);
/* The provider said no: nothing is sent before `until_us`. */
void scheduler_pause(struct scheduler *scheduler, int64_t until_us);
/* What the provider says is left this minute; UINT32_MAX: it did not say. */
void scheduler_observe(struct scheduler *scheduler, uint32_t requests_left, uint32_t tokens_left,
                       int64_t now_us);
/* An answer takes at least so long: requests whose deadline is nearer are not worth sending. */
void scheduler_set_floor(struct scheduler *scheduler, int64_t floor_us);

uint32_t scheduler_len(const struct scheduler *scheduler);
/* Sessions known: with work, or with an overdraft remembered. */
uint32_t scheduler_sessions(const struct scheduler *scheduler);
