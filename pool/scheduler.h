/*
 * Fair share of one budget between sessions, without I/O: items in, the next item to send out, time
 * passed in. docs/fair-share.md tells the policy to operators.
 *
 * Deficit round robin over the sessions that have work, by weight, with rounds as small as a
 * thousandth of a request: an account for each says what it has had, and the one that has had least
 * is next. What is idle is everybody's and nobody's debt: who comes (back) starts level with the
 * session that has had least of those that wait, so it is served within one round. Inside a session
 * classes have precedence; between sessions finals may run ahead of the share by a fixed lead, so
 * that where budget lacks, partial corrections wait first, then partial translations, of all
 * sessions alike.
 *
 * A partial waits for its turn as long as it could still be in time, given what answers have taken
 * lately; a newer one of its lane takes its place. What goes unsent is handed back.
 *
 * Threads: one owner. Memory: items are embedded in their owner, zero-initialised before first use,
 * and the scheduler's own between add and take, expire, remove or shed.
 */
#pragma once

#include "pool/budget.h"
#include "pool/heap.h"
#include "pool/pool.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scheduler;
struct scheduler_session;

struct scheduler_config {
    uint32_t requests_per_minute, tokens_per_minute; /* 0: what the provider tells, or unlimited */
    uint32_t queue_max;
    bool first_come; /* one queue, whatever the session and class */
};

struct scheduler_item {
    uint64_t session;
    enum pool_class cls;
    uint32_t lane;   /* of a session: a newer item replaces the partial that waits; 0: none */
    uint32_t weight; /* 0 counts as 1 */
    uint32_t cost;   /* tokens */
    int64_t deadline_us;
    int status; /* of one handed back: why it was not sent: BUDGET, TIMEOUT, CANCELLED (replaced) */
    struct scheduler_session *home;       /* from here on the scheduler's own; NULL: not queued */
    struct scheduler_item *prev, *next;   /* same session and class */
    struct scheduler_item *older, *newer; /* same class, all sessions */
    struct heap_node late;                /* by when it would come too late */
    int64_t queued_us;
};

/* NULL: out of memory. */
struct scheduler *scheduler_create(const struct scheduler_config *config, int64_t now_us);
/* With nothing queued. */
void scheduler_destroy(struct scheduler *scheduler);

/*
 * Queues at the end of its class, or in the place of its lane's waiting partial. STATUS_BUDGET:
 * more than the budget ever allows at once. STATUS_FULL: the queue is full and nothing in it
 * matters less. STATUS_NOMEM. `shed` gets the item that made room (the replaced one, a lower class,
 * else the last of a session that holds more of the queue) or NULL.
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
/* Why an item that waits goes unsent: STATUS_BUDGET where it has waited for budget for a while,
 * else `otherwise`. */
int scheduler_unsent(const struct scheduler *scheduler, const struct scheduler_item *item,
                     int otherwise, int64_t now_us);
/* For one that was taken and is sent a second time, out of turn: charged to its session and the
 * budget, if that has its tokens now. */
bool scheduler_spend(struct scheduler *scheduler, const struct scheduler_item *item,
                     int64_t now_us);
/* What waits, waits for a budget that is not the scheduler's. */
void scheduler_short(struct scheduler *scheduler, int64_t now_us);
/* Any item, for closing down; NULL when empty. */
struct scheduler_item *scheduler_drain(struct scheduler *scheduler, int64_t now_us);
/* When expire has work again or, with `can_send`, take; INT64_MAX for never. */
int64_t scheduler_due(struct scheduler *scheduler, bool can_send, int64_t now_us);

/* `delta` tokens come back to the budget (or, negative, are owed to it). */
void scheduler_settle(struct scheduler *scheduler, int64_t delta);
/* The provider said no: nothing is sent before `until_us`, and less than before for a while. */
void scheduler_refused(struct scheduler *scheduler, int64_t until_us, int64_t now_us);
/* What the provider says of its limits. */
void scheduler_observe(struct scheduler *scheduler, const struct budget_told *told, int64_t now_us);
/* An answer came after so long: what is queued from now on reckons with it. */
void scheduler_learn(struct scheduler *scheduler, enum pool_class cls, int64_t took_us);

uint32_t scheduler_len(const struct scheduler *scheduler);
/* Sessions known: with work, or with an overdraft remembered. */
uint32_t scheduler_sessions(const struct scheduler *scheduler);
/* The limits in force, corrections included; 0: none. */
uint32_t scheduler_requests_per_minute(const struct scheduler *scheduler);
uint32_t scheduler_tokens_per_minute(const struct scheduler *scheduler);
