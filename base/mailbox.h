/*
 * Bounded mailbox between threads: many senders, one receiver, order kept for each sender.
 *
 * A message has one owner at a time. Sending gives it away; a refused send (STATUS_FULL,
 * STATUS_CLOSED) leaves it with the sender. What is left inside at destroy is freed through the
 * message's own function. Order comes from the mailbox's atomics; the wake is only a hint and may
 * be spurious.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded as the first member of whatever is sent. */
struct msg {
    uint32_t kind;                    /* meaning fixed by the receiver's folder */
    uint64_t session;                 /* slot + generation, 0 when none */
    struct msg *next;                 /* for whoever has it: a list in which it waits */
    void (*free_fn)(struct msg *msg); /* ends the message wherever it is found unwanted */
};

struct mailbox;

/* Called on the sender's thread when the receiver is parked; must only wake it. */
typedef void mailbox_wake_fn(void *ctx);

/*
 * `capacity` is rounded up to a power of two. `wake` NULL: the receiver sleeps in mailbox_wait().
 * NULL: out of memory.
 */
struct mailbox *mailbox_create(size_t capacity, mailbox_wake_fn *wake, void *ctx);
/* Receiver's thread, after every sender has stopped; wakes they still owe are let go. */
void mailbox_destroy(struct mailbox *mailbox);

/* Any thread. Takes `msg` when 0; STATUS_FULL or STATUS_CLOSED: the sender keeps it. */
int mailbox_send(struct mailbox *mailbox, struct msg *msg);
/*
 * A thread that works in turns sends many messages before it sleeps, and a receiver on the same
 * core would interrupt it for each. With `on`, this thread's sends leave sleeping receivers asleep
 * until mailbox_wake_deferred(), which the thread calls whenever a stretch of work is done and
 * always before it sleeps (mailbox_wait() does so itself). Turning it off wakes them too.
 */
void mailbox_defer_wakes(bool on);
void mailbox_wake_deferred(void);
/* Later sends get STATUS_CLOSED; what is inside can still be received. Any thread. */
void mailbox_close(struct mailbox *mailbox);
/* Receiver only: the next message (gives), or NULL when there is none. */
struct msg *mailbox_recv(struct mailbox *mailbox);
/*
 * Receiver only: announces sleep. False: there are messages, do not sleep. True: the next send will
 * wake. Any mailbox_recv() ends the announcement.
 */
bool mailbox_park(struct mailbox *mailbox);
/* Receiver only, for mailboxes without a wake function: next message, or NULL after `timeout_ms`
 * (-1: no limit) or when the mailbox is closed and empty. */
struct msg *mailbox_wait(struct mailbox *mailbox, int timeout_ms);
/* Messages inside now; an estimate for gauges. Any thread. */
size_t mailbox_len(const struct mailbox *mailbox);
/* Sends refused because it was full, since creation. Any thread. */
uint64_t mailbox_refused(const struct mailbox *mailbox);
