/*
 * A ring of slots with a sequence number each. Positions advance by two, so that a position names
 * its slot free (even) or filled (position + 1), and the lowest bit of the tail is left to say
 * "closed": a sender reserves its slot and learns of the closing by one compare-and-swap, so
 * nothing is sent after the receiver saw the end.
 */
#include "base/mailbox.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CLOSED       1u
#define CACHE_LINE   64
#define CAPACITY_MAX ((size_t)1 << 30)
/* Receivers a thread leaves asleep for a while; more are woken at once. */
#define DEFERRED_MAX 16

struct slot {
    /* Written with release by whoever hands the slot over, read with acquire by whoever takes it.
     */
    _Atomic uint64_t seq;
    struct msg *msg;
};

struct mailbox {
    struct slot *slots;
    uint64_t mask;
    uint64_t lap; /* what a position grows by in one turn of the ring */
    mailbox_wake_fn *wake;
    void *ctx;

    char pad_tail[CACHE_LINE];
    _Atomic uint64_t tail; /* senders: next position to reserve, and CLOSED */
    _Atomic uint64_t refused;

    char pad_head[CACHE_LINE];
    _Atomic uint64_t
        head;       /* receiver: next position to take; senders read it for nothing, gauges do */
    bool announced; /* receiver's own: it may have set `parked` */

    char pad_parked[CACHE_LINE];
    _Atomic uint32_t parked; /* 1: the receiver sleeps or is about to; also the futex word */

    /* A wake that is owed may come after the mailbox has ended: its memory stays until then, and
     * `gone` and `waking` keep the wake's ctx from being used past mailbox_destroy(). Both
     * sequentially consistent: either the waker sees `gone`, or the end waits for the waker. */
    _Atomic uint32_t refs; /* the owner, and each thread that owes a wake; released on dropping */
    _Atomic uint32_t waking;
    _Atomic bool gone;
};

struct mailbox *mailbox_create(size_t capacity, mailbox_wake_fn *wake, void *ctx)
{
    assert(capacity > 0 && capacity <= CAPACITY_MAX);
    size_t slots = 1;
    while (slots < capacity)
        slots *= 2;
    struct mailbox *mailbox = mem_calloc(1, sizeof *mailbox);
    if (mailbox == NULL)
        return NULL;
    mailbox->slots = mem_calloc(slots, sizeof *mailbox->slots);
    if (mailbox->slots == NULL) {
        mem_free(mailbox);
        return NULL;
    }
    for (size_t i = 0; i < slots; i++)
        atomic_init(&mailbox->slots[i].seq, i * 2);
    mailbox->mask = slots - 1;
    mailbox->lap = slots * 2;
    mailbox->wake = wake;
    mailbox->ctx = ctx;
    atomic_init(&mailbox->refs, 1);
    return mailbox;
}

/* Sleeping receivers this thread has sent to and not woken yet. */
static _Thread_local struct {
    bool on;
    unsigned len;
    struct mailbox *list[DEFERRED_MAX];
} deferred;

/* The slots go with the owner: who owes a wake looks at nothing else. */
static void mailbox_unref(struct mailbox *mailbox)
{
    if (atomic_fetch_sub_explicit(&mailbox->refs, 1, memory_order_acq_rel) == 1)
        mem_free(mailbox);
}

void mailbox_destroy(struct mailbox *mailbox)
{
    if (mailbox == NULL)
        return;
    atomic_store(&mailbox->gone, true);
    while (atomic_load(&mailbox->waking) > 0)
        sched_yield();
    struct msg *msg;
    while ((msg = mailbox_recv(mailbox)) != NULL) {
        if (msg->free_fn != NULL)
            msg->free_fn(msg);
    }
    mem_free(mailbox->slots);
    mailbox_unref(mailbox);
}

static struct slot *slot_at(struct mailbox *mailbox, uint64_t position)
{
    return &mailbox->slots[(position >> 1) & mailbox->mask];
}

/*
 * The sender publishes and then reads `parked`; the receiver sets `parked` and then reads the slot.
 * All four are sequentially consistent, so at least one of the two sees the other: no message waits
 * beside a sleeping receiver. The exchange picks one of several senders to do the waking.
 */
static void wake(struct mailbox *mailbox)
{
    if (atomic_load(&mailbox->parked) == 0 || atomic_exchange(&mailbox->parked, 0) == 0)
        return;
    if (mailbox->wake != NULL)
        mailbox->wake(mailbox->ctx);
    else
        syscall(SYS_futex, &mailbox->parked, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static bool defer(struct mailbox *mailbox)
{
    for (unsigned i = 0; i < deferred.len; i++)
        if (deferred.list[i] == mailbox)
            return true;
    if (!deferred.on || deferred.len == DEFERRED_MAX)
        return false;
    /* Relaxed: the sender has the mailbox anyway. */
    atomic_fetch_add_explicit(&mailbox->refs, 1, memory_order_relaxed);
    deferred.list[deferred.len++] = mailbox;
    return true;
}

static void wake_if_parked(struct mailbox *mailbox)
{
    if (atomic_load(&mailbox->parked) != 0 && !defer(mailbox))
        wake(mailbox);
}

static void wake_owed(struct mailbox *mailbox)
{
    atomic_fetch_add(&mailbox->waking, 1);
    if (!atomic_load(&mailbox->gone))
        wake(mailbox);
    atomic_fetch_sub(&mailbox->waking, 1);
    mailbox_unref(mailbox);
}

void mailbox_wake_deferred(void)
{
    /* A wake may send: what it adds is behind. */
    while (deferred.len > 0)
        wake_owed(deferred.list[--deferred.len]);
}

void mailbox_defer_wakes(bool on)
{
    deferred.on = on;
    if (!on)
        mailbox_wake_deferred();
}

int mailbox_send(struct mailbox *mailbox, struct msg *msg)
{
    assert(msg != NULL);
    /* Relaxed: a stale tail only costs another turn, the slot's sequence decides. */
    uint64_t tail = atomic_load_explicit(&mailbox->tail, memory_order_relaxed);
    for (;;) {
        if (tail & CLOSED)
            return STATUS_CLOSED;
        struct slot *slot = slot_at(mailbox, tail);
        uint64_t seq = atomic_load_explicit(&slot->seq, memory_order_acquire);
        if (seq == tail) {
            if (!atomic_compare_exchange_weak_explicit(&mailbox->tail, &tail, tail + 2,
                                                       memory_order_relaxed, memory_order_relaxed))
                continue;
            slot->msg = msg;
            atomic_store(&slot->seq, tail + 1);
            wake_if_parked(mailbox);
            return STATUS_OK;
        }
        uint64_t now = atomic_load_explicit(&mailbox->tail, memory_order_relaxed);
        if (now == tail) {
            /* Nobody moved the tail, so the slot still holds the message of the turn before. */
            atomic_fetch_add_explicit(&mailbox->refused, 1, memory_order_relaxed);
            return STATUS_FULL;
        }
        tail = now;
    }
}

void mailbox_close(struct mailbox *mailbox)
{
    atomic_fetch_or(&mailbox->tail, CLOSED);
    wake(mailbox);
}

/* Receiver: is the next message there? */
static bool ready(struct mailbox *mailbox, memory_order order)
{
    uint64_t head = atomic_load_explicit(&mailbox->head, memory_order_relaxed);
    return atomic_load_explicit(&slot_at(mailbox, head)->seq, order) == head + 1;
}

struct msg *mailbox_recv(struct mailbox *mailbox)
{
    if (mailbox->announced) {
        mailbox->announced = false;
        atomic_store_explicit(&mailbox->parked, 0, memory_order_relaxed);
    }
    if (!ready(mailbox, memory_order_acquire))
        return NULL;
    uint64_t head = atomic_load_explicit(&mailbox->head, memory_order_relaxed);
    struct slot *slot = slot_at(mailbox, head);
    struct msg *msg = slot->msg;
    atomic_store_explicit(&slot->seq, head + mailbox->lap, memory_order_release);
    atomic_store_explicit(&mailbox->head, head + 2, memory_order_relaxed);
    return msg;
}

bool mailbox_park(struct mailbox *mailbox)
{
    mailbox->announced = true;
    atomic_store(&mailbox->parked, 1);
    if (!ready(mailbox, memory_order_seq_cst))
        return true;
    mailbox->announced = false;
    atomic_store_explicit(&mailbox->parked, 0, memory_order_relaxed);
    return false;
}

/* Receiver: closed, and every reserved slot has been taken. Sequentially consistent for the race
 * with the closing. */
static bool at_end(struct mailbox *mailbox)
{
    uint64_t head = atomic_load_explicit(&mailbox->head, memory_order_relaxed);
    return atomic_load(&mailbox->tail) == (head | CLOSED);
}

static void futex_sleep(struct mailbox *mailbox, int64_t left_us)
{
    struct timespec left = {.tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000};
    syscall(SYS_futex, &mailbox->parked, FUTEX_WAIT_PRIVATE, 1, left_us >= 0 ? &left : NULL, NULL,
            0);
}

struct msg *mailbox_wait(struct mailbox *mailbox, int timeout_ms)
{
    assert(mailbox->wake == NULL);
    int64_t deadline_us = timeout_ms > 0 ? clock_mono_us() + (int64_t)timeout_ms * 1000 : 0;
    for (;;) {
        struct msg *msg = mailbox_recv(mailbox);
        if (msg != NULL || timeout_ms == 0)
            return msg;
        mailbox_wake_deferred();
        if (!mailbox_park(mailbox))
            continue;
        if (at_end(mailbox))
            return mailbox_recv(mailbox);
        int64_t left_us = timeout_ms < 0 ? -1 : deadline_us - clock_mono_us();
        if (timeout_ms > 0 && left_us <= 0)
            return mailbox_recv(mailbox);
        futex_sleep(mailbox, left_us);
    }
}

size_t mailbox_len(const struct mailbox *mailbox)
{
    /* The head first: the tail read later is never behind it. */
    uint64_t head = atomic_load_explicit(&mailbox->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&mailbox->tail, memory_order_relaxed);
    uint64_t len = ((tail & ~(uint64_t)CLOSED) - head) / 2;
    return len <= mailbox->mask + 1 ? (size_t)len : (size_t)mailbox->mask + 1;
}

uint64_t mailbox_refused(const struct mailbox *mailbox)
{
    return atomic_load_explicit(&mailbox->refused, memory_order_relaxed);
}
