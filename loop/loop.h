/*
 * The event loop: one thread, one ring, everything that thread waits for.
 *
 * Backends: io_uring (liburing) and epoll, chosen at create; tests/sim adds one with a virtual
 * clock. All behave alike: callbacks run on the loop's thread, never inside the call that armed
 * them, and an object may be freed inside its own last callback.
 *
 * Threads: loop_wake(), loop_stop() from any thread; everything else on the loop's own thread
 * (asserted), or before loop_run(). Memory: the loop allocates nothing an operation; polls, timers,
 * accepts and tasks are embedded in their owner, zero-initialised before first use.
 */
#pragma once

#include "base/durations.h"
#include <stdbool.h>
#include <stdint.h>

struct loop;
struct mailbox;
struct msg;

enum loop_backend { LOOP_AUTO, LOOP_URING, LOOP_EPOLL };
/* LOOP_ERR is reported, together with what was asked for, and never asked for itself. */
enum loop_event { LOOP_IN = 1, LOOP_OUT = 2, LOOP_ERR = 4 };

/* Owned by the loop while armed. */
struct loop_poll {
    struct loop *loop;
    void (*on_ready)(struct loop_poll *poll, unsigned events);
    void (*on_closed)(struct loop_poll *poll);
    int fd;
    unsigned events;    /* asked for */
    uint32_t flags;     /* the loop's own */
    uint32_t in_flight; /* operations the kernel still holds */
    unsigned armed;     /* events the kernel was asked for last */
    struct loop_poll *next;
};

struct loop_timer {
    struct loop *loop;
    void (*on_timer)(struct loop_timer *timer);
    int64_t due_us;
    uint64_t order;     /* among equal due times */
    int32_t heap_index; /* 1-based; 0 when idle */
};

struct loop_accept {
    struct loop *loop;
    /* Gives fd, non-blocking and close-on-exec. */
    void (*on_accept)(struct loop_accept *accept, int fd);
    void (*on_closed)(struct loop_accept *accept);
    int fd; /* the listening socket, the caller's */
    /* Set after the start: connections that the kernel had accepted already when it was closed come
     * to on_accept() all the same, before on_closed(). Else they are closed. */
    bool keep_late;
    uint32_t flags;
    uint32_t in_flight;
    struct loop_accept *next;
    struct loop_poll poll; /* where readiness is used instead of multishot accept */
};

struct loop_task {
    void (*run)(struct loop_task *task);
    struct loop_task *next;
    bool queued;
};

/* A mailbox received on this loop. */
struct loop_inbox {
    struct loop *loop;
    struct mailbox *mailbox;
    void (*on_msg)(struct loop_inbox *inbox, struct msg *msg); /* takes msg */
    struct loop_inbox *next;
};

/* LOOP_AUTO: io_uring when the kernel allows it, else epoll (says so once in the log). LOOP_URING
 * where it is refused: STATUS_UNSUPPORTED. */
int loop_create(struct loop **out, enum loop_backend backend);
/* After loop_run() has returned, with nothing armed but what its owner abandons. */
void loop_destroy(struct loop *loop);
/* Runs until loop_stop(). The calling thread becomes the loop's. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* Makes a sleeping loop turn once. Any thread; io_uring loops use IORING_OP_MSG_RING, others an
 * eventfd. */
void loop_wake(struct loop *loop);
bool loop_is_current(const struct loop *loop);
/* Time cached at the start of the turn: microseconds of CLOCK_MONOTONIC (virtual in simulation). */
int64_t loop_now_us(const struct loop *loop);

/* Level-triggered readiness until changed. 0 or STATUS_FULL, STATUS_IO. */
int loop_poll_start(struct loop *loop, struct loop_poll *poll, int fd, unsigned events,
                    void (*on_ready)(struct loop_poll *poll, unsigned events));
/* events 0: keeps the poll but reports nothing. */
int loop_poll_modify(struct loop_poll *poll, unsigned events);
/* No on_ready after this. The kernel forgets the descriptor before this returns or before
 * `on_closed` (may be NULL) at the latest; the owner keeps the poll's memory until `on_closed`. The
 * descriptor may be closed at once: the backend has already taken what it needs. */
void loop_poll_close(struct loop_poll *poll, void (*on_closed)(struct loop_poll *poll));

/* One shot, at `due_us` of loop_now_us(); starting an armed timer moves it, which never fails.
 * STATUS_NOMEM: one more than there were ever before, and the loop's heap cannot grow. */
int loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t due_us,
                     void (*on_timer)(struct loop_timer *timer));
/* At once: no callback after this, the memory is free. Stopping an idle timer is allowed. */
void loop_timer_stop(struct loop_timer *timer);
static inline bool loop_timer_armed(const struct loop_timer *timer)
{
    return timer->heap_index != 0;
}

/* Multishot accept where the kernel has it. On EMFILE the backend frees its spare descriptor,
 * accepts and closes the connection, so the backlog never spins. */
int loop_accept_start(struct loop *loop, struct loop_accept *accept, int listen_fd,
                      void (*on_accept)(struct loop_accept *accept, int fd));
void loop_accept_close(struct loop_accept *accept, void (*on_closed)(struct loop_accept *accept));

/* Runs `task` once, later in this turn or in the next; queueing a queued task does nothing. Same
 * thread only. */
void loop_defer(struct loop *loop, struct loop_task *task);

/*
 * Creates the inbox's mailbox (capacity messages) and receives on this loop, at most
 * LOOP_INBOX_BATCH messages a turn. Senders use inbox->mailbox. STATUS_NOMEM.
 */
int loop_inbox_open(struct loop *loop, struct loop_inbox *inbox, uint32_t capacity,
                    void (*on_msg)(struct loop_inbox *inbox, struct msg *msg));
/* Closes the mailbox, frees what is inside. After all senders have stopped. */
void loop_inbox_close(struct loop_inbox *inbox);

/* "io_uring", "epoll" or "simulated". */
const char *loop_backend_name(const struct loop *loop);
/* Why io_uring was not used ("" when it was): text for logs and /metrics. */
const char *loop_backend_reason(const struct loop *loop);
/* "auto", "uring", "epoll" → enum; STATUS_INVALID. */
int loop_backend_parse(const char *text, enum loop_backend *out);

/* Counters since creation; any thread. Lag is how long work that
 * was due waited: from a timer's due time or the wake from sleep to its callback; busy is the time
 * of a turn without its sleep. */
struct loop_stats {
    uint64_t turns;
    uint64_t events;
    uint64_t cq_overflows; /* io_uring only */
    int64_t busy_us;
    uint64_t allocations; /* of the loop's thread, see mem_allocations() */
    int64_t lag_max_us;
    struct durations_sum lag;
};
void loop_stats(struct loop *loop, struct loop_stats *out);
