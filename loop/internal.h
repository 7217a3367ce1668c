/*
 * What loop's files share: the loop itself and the table a backend fills.
 *
 * A turn: flush changes, sleep once, reap into `ready`, then run callbacks (events, timers,
 * inboxes, deferred tasks, closed objects). A backend never runs a callback; it only queues with
 * loop__ready().
 *
 * Threads: the loop's own, except `stop`, `woken`, `ops->wake` and what `stats_lock` guards.
 */
#pragma once

#include "base/durations.h"
#include "loop/limits.h"
#include "loop/loop.h"
#include <pthread.h>
#include <stdatomic.h>

enum loop__flag {
    LOOP__OPEN = 1,         /* between start and close */
    LOOP__CLOSING = 2,      /* close was called; on_closed is owed */
    LOOP__LINKED = 4,       /* `next` is in use: the change list or the closed list */
    LOOP__ARMED = 8,        /* the kernel holds an operation that will complete */
    LOOP__CANCELLED = 16,   /* its cancellation has been submitted */
    LOOP__BROKEN = 32,      /* the kernel refused the descriptor; silent until modified */
    LOOP__POLLED = 64,      /* accept: readiness and accept4() instead of multishot accept */
    LOOP__POLL_OPEN = 128,  /* accept: its embedded poll is started */
    LOOP__CLOSED_LIST = 256 /* `next` belongs to the closed list */
};

enum loop__kind { LOOP__POLL_EVENT, LOOP__ACCEPT_EVENT };

/* One reaped completion; it counts in its object's in_flight until it is dispatched. */
struct loop__ready {
    void *object;
    int32_t res; /* poll: LOOP_* events, or negative errno; accept: descriptor or negative errno */
    uint32_t kind;
};

/* Runs before every sleep; for what is nested in the loop and must look before it sleeps. */
struct loop__prepare {
    void (*run)(struct loop__prepare *prepare);
    struct loop__prepare *next;
};

struct loop_ops {
    const char *name;
    void (*destroy)(struct loop *loop); /* frees the loop too */
    void (*enter)(struct loop *loop);   /* loop_run() begins, on the loop's thread; may be NULL */
    void (*leave)(struct loop *loop);   /* loop_run() ends; may be NULL */
    void (*flush)(struct loop *loop);   /* gives collected changes to the kernel; may be NULL */
    /* Sleeps at most timeout_us (negative: no limit) and reaps. True: the call really slept. */
    bool (*wait)(struct loop *loop, int64_t timeout_us);
    void (*wake)(struct loop *loop); /* any thread */
    int64_t (*now_us)(const struct loop *loop);
    int (*poll_start)(struct loop_poll *poll);
    int (*poll_change)(struct loop_poll *poll); /* events changed, or the poll wants arming again */
    void (*poll_close)(struct loop_poll *poll);
    /* NULL: every accept is polled. */
    void (*accept_arm)(struct loop_accept *accept);
    void (*accept_close)(struct loop_accept *accept);
};

struct loop {
    const struct loop_ops *ops;
    int64_t now_us;
    int64_t reaped_us;          /* when the last wait returned */
    int64_t since_us;           /* from when the events of this turn may have been waiting */
    int64_t ended_us, flush_us; /* end of the turn before; what its changes then took */
    bool running;
    _Atomic bool stop; /* relaxed: only ever read by the loop after the wake that follows it */
    _Atomic bool
        woken; /* acq_rel exchange: pairs a sender's publication with the receiver's look */
    uint32_t ready_count, turn_events;
    struct loop__ready ready[LOOP_EVENTS_TURN];

    struct loop_timer **heap; /* binary heap by (due_us, order) */
    uint32_t heap_count, heap_cap;
    uint64_t timer_order;
    struct loop_timer *firing[LOOP_TIMERS_TURN]; /* taken off the heap, not yet called */

    struct loop_task *tasks, **tasks_tail;
    struct loop_inbox *inboxes, *inbox_next, *inbox_current;
    struct loop__prepare *prepares;
    struct loop_poll *closed_polls;
    struct loop_accept *closed_accepts;
    int spare_fd; /* given up for a moment to refuse a connection when descriptors run out */
    char reason[LOOP_REASON_BYTES];

    struct durations lag;
    int64_t lag_max_us;         /* the thread's own, published once a turn */
    pthread_mutex_t stats_lock; /* guards stats, whose lag stays empty */
    struct loop_stats stats;
};

_Static_assert(sizeof(struct loop__ready) == 16, "one completion is one pointer and two words");

/* Parts every backend shares. `loop` is zeroed; STATUS_NOMEM, STATUS_IO. */
int loop__init(struct loop *loop, const struct loop_ops *ops);
void loop__deinit(struct loop *loop);
/* One turn; the sleep is at most `limit_us` (negative: no limit). */
void loop__turn(struct loop *loop, int64_t limit_us);
/* Makes `loop` the calling thread's, NULL: none. Returns what was. */
struct loop *loop__set_current(struct loop *loop);
struct loop *loop__current(void);
/* The loop's thread, or before loop_run(). */
void loop__assert_thread(const struct loop *loop);
void loop__lag(struct loop *loop, int64_t since_us);
void loop__count_overflow(struct loop *loop);

/* Queues a reaped completion; the caller has counted it in in_flight. False: no room this turn. */
bool loop__ready(struct loop *loop, enum loop__kind kind, void *object, int32_t res);
/* poll(2) bits → LOOP_* bits; errors and hang-ups are LOOP_ERR. */
unsigned loop__events_from_poll(unsigned revents);
unsigned loop__events_to_poll(unsigned events);
void loop__poll_dispatch(struct loop_poll *poll, int32_t res);
/* Call whenever in_flight fell or a close began: puts the object on the closed list when nothing is
 * owed. */
void loop__poll_maybe_closed(struct loop_poll *poll);
void loop__closed_run(struct loop *loop);

void loop__accept_dispatch(struct loop_accept *accept, int32_t res);
void loop__accept_maybe_closed(struct loop_accept *accept);

void loop__timers_run(struct loop *loop);
/* Due time of the first timer; false when there is none. */
bool loop__timers_next(const struct loop *loop, int64_t *due_us);

void loop__inboxes_run(struct loop *loop);
/* Announces sleep to all senders; false when a message is waiting. */
bool loop__inboxes_park(struct loop *loop);

void loop__prepare_add(struct loop *loop, struct loop__prepare *prepare);
void loop__prepare_remove(struct loop *loop, struct loop__prepare *prepare);

int loop_uring_create(struct loop **out, char reason[LOOP_REASON_BYTES]);
int loop_epoll_create(struct loop **out);
