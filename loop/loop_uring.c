/*
 * The io_uring backend. Polls are one-shot and armed again after each report, which is what makes
 * them level-triggered: arming looks at the descriptor first (a multishot poll only reports edges).
 * Changes are collected and given to the kernel in the call that sleeps.
 *
 * The ring starts disabled, so the thread that enables it in loop_run() is the single issuer
 * whoever created it.
 */
#include "loop/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Kernel 6.3, the first whose messages to a DEFER_TASKRUN ring are completed by that ring's own
 * thread. */
#define FEAT_REG_REG_RING (1U << 13)
/* Low bits of user_data; the rest is the object's address. */
#define TAG_MASK 7ULL

enum tag {
    TAG_POLL,
    TAG_POLL_WIDENED,
    TAG_ACCEPT,
    TAG_CANCEL,
    TAG_WAKE,
    TAG_MESSAGE,
    TAG_MESSAGE_SENT
};

struct loop_uring {
    struct loop loop;
    struct io_uring ring;
    unsigned setup_flags;
    bool ring_registered, wake_armed;
    bool messages; /* other rings may wake this one with IORING_OP_MSG_RING */
    int wake_fd;   /* eventfd, blocking so that the ring keeps a read on it */
    uint64_t wake_value;
    struct loop_poll *changed_polls;
    struct loop_accept *changed_accepts;
};

static struct loop_uring *uring_of(struct loop *loop)
{
    return (struct loop_uring *)loop;
}

static uint64_t tagged(const void *object, enum tag tag)
{
    assert(((uintptr_t)object & TAG_MASK) == 0);
    return (uint64_t)(uintptr_t)object | tag;
}

/* False: the kernel takes no more before its completions are reaped, which the coming wait does. */
static bool sqe_room(struct loop_uring *uring)
{
    return io_uring_sq_space_left(&uring->ring) > 0 || io_uring_submit(&uring->ring) > 0;
}

static struct io_uring_sqe *next_sqe(struct loop_uring *uring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);
    assert(sqe != NULL); /* after sqe_room() */
    return sqe;
}

static void poll_mark(struct loop_poll *poll)
{
    struct loop_uring *uring = uring_of(poll->loop);
    if (poll->flags & LOOP__LINKED)
        return;
    poll->flags |= LOOP__LINKED;
    poll->next = uring->changed_polls;
    uring->changed_polls = poll;
}

static void accept_mark(struct loop_accept *accept)
{
    struct loop_uring *uring = uring_of(accept->loop);
    if (accept->flags & LOOP__LINKED)
        return;
    accept->flags |= LOOP__LINKED;
    accept->next = uring->changed_accepts;
    uring->changed_accepts = accept;
}

static int uring_poll_change(struct loop_poll *poll)
{
    poll_mark(poll);
    return STATUS_OK;
}

static int uring_poll_start(struct loop_poll *poll)
{
    if (fcntl(poll->fd, F_GETFD) < 0)
        return STATUS_IO;
    return uring_poll_change(poll);
}

static void uring_poll_close(struct loop_poll *poll)
{
    poll_mark(poll);
}

/* Not IORING_OP_POLL_REMOVE: that gives up (EALREADY) on a poll just woken, and when the wake turns
 * out to be for nothing the poll stays armed. A cancellation sticks. */
static void cancel(struct loop_uring *uring, uint64_t user_data)
{
    struct io_uring_sqe *sqe = next_sqe(uring);
    io_uring_prep_cancel64(sqe, user_data, 0);
    io_uring_sqe_set_data64(sqe, TAG_CANCEL);
}

static void poll_arm(struct loop_uring *uring, struct loop_poll *poll)
{
    struct io_uring_sqe *sqe = next_sqe(uring);
    io_uring_prep_poll_add(sqe, poll->fd, loop__events_to_poll(poll->events));
    io_uring_sqe_set_data64(sqe, tagged(poll, TAG_POLL));
    poll->flags |= LOOP__ARMED;
    poll->armed = poll->events;
    poll->in_flight++;
}

/* Only ever widens: what was asked before and reports now is filtered and armed anew with what is
 * asked then. */
static void poll_widen(struct loop_uring *uring, struct loop_poll *poll)
{
    struct io_uring_sqe *sqe = next_sqe(uring);
    io_uring_prep_poll_update(sqe, tagged(poll, TAG_POLL), 0, loop__events_to_poll(poll->events),
                              IORING_POLL_UPDATE_EVENTS);
    io_uring_sqe_set_data64(sqe, tagged(poll, TAG_POLL_WIDENED));
    poll->armed = poll->events;
    poll->in_flight++;
}

/* EALREADY: just woken, perhaps for nothing; asked again while it stays armed. ENOENT: its
 * completion is here too. */
static void poll_widened(struct loop_poll *poll, int32_t res)
{
    assert(poll->in_flight > 0);
    poll->in_flight--;
    if (res == -EALREADY)
        poll->armed = 0;
    poll_mark(poll);
}

static void poll_flush(struct loop_uring *uring, struct loop_poll *poll)
{
    poll->flags &= ~(uint32_t)LOOP__LINKED;
    if (poll->flags & LOOP__CLOSING) {
        if ((poll->flags & LOOP__ARMED) && !(poll->flags & LOOP__CANCELLED)) {
            poll->flags |= LOOP__CANCELLED;
            cancel(uring, tagged(poll, TAG_POLL));
        }
        loop__poll_maybe_closed(poll);
    } else if (poll->events == 0 || (poll->flags & LOOP__BROKEN)) {
        return;
    } else if (!(poll->flags & LOOP__ARMED)) {
        poll_arm(uring, poll);
    } else if (poll->events & ~poll->armed) {
        poll_widen(uring, poll);
    }
}

static void accept_flush(struct loop_uring *uring, struct loop_accept *accept)
{
    accept->flags &= ~(uint32_t)LOOP__LINKED;
    if (accept->flags & LOOP__CLOSING) {
        if ((accept->flags & LOOP__ARMED) && !(accept->flags & LOOP__CANCELLED)) {
            accept->flags |= LOOP__CANCELLED;
            cancel(uring, tagged(accept, TAG_ACCEPT));
        }
        loop__accept_maybe_closed(accept);
    } else if (!(accept->flags & (LOOP__ARMED | LOOP__POLLED))) {
        struct io_uring_sqe *sqe = next_sqe(uring);
        io_uring_prep_multishot_accept(sqe, accept->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        io_uring_sqe_set_data64(sqe, tagged(accept, TAG_ACCEPT));
        accept->flags |= LOOP__ARMED;
        accept->in_flight++;
    }
}

static void uring_flush(struct loop *loop)
{
    struct loop_uring *uring = uring_of(loop);
    while (uring->changed_polls != NULL && sqe_room(uring)) {
        struct loop_poll *poll = uring->changed_polls;
        uring->changed_polls = poll->next;
        poll_flush(uring, poll);
    }
    while (uring->changed_accepts != NULL && sqe_room(uring)) {
        struct loop_accept *accept = uring->changed_accepts;
        uring->changed_accepts = accept->next;
        accept_flush(uring, accept);
    }
    if (!uring->wake_armed && sqe_room(uring)) {
        struct io_uring_sqe *sqe = next_sqe(uring);
        io_uring_prep_read(sqe, uring->wake_fd, &uring->wake_value, sizeof uring->wake_value, 0);
        io_uring_sqe_set_data64(sqe, TAG_WAKE);
        uring->wake_armed = true;
    }
}

static void wake_by_eventfd(struct loop_uring *uring)
{
    uint64_t one = 1;
    ssize_t written;
    do
        written = write(uring->wake_fd, &one, sizeof one);
    while (written < 0 && errno == EINTR);
    assert(written == sizeof one);
}

static bool poll_reaped(struct loop *loop, struct loop_poll *poll, int32_t res)
{
    /* -ECANCELED without a close: an update lost to the kernel's own cancellation; armed again,
     * reported as nothing. */
    int32_t ready = res;
    if (res >= 0)
        ready = (int32_t)loop__events_from_poll((unsigned)res);
    else if (res == -ECANCELED)
        ready = 0;
    if (!loop__ready(loop, LOOP__POLL_EVENT, poll, ready))
        return false;
    poll->flags &= ~(uint32_t)LOOP__ARMED;
    if (ready < 0)
        poll->flags |= LOOP__BROKEN;
    poll_mark(poll);
    return true;
}

static bool accept_reaped(struct loop *loop, struct loop_accept *accept, int32_t res, bool more)
{
    if (!loop__ready(loop, LOOP__ACCEPT_EVENT, accept, res))
        return false;
    if (more) {
        accept->in_flight++;
        return true;
    }
    accept->flags &= ~(uint32_t)LOOP__ARMED;
    accept_mark(accept);
    return true;
}

static bool reap_one(struct loop_uring *uring, const struct io_uring_cqe *cqe)
{
    void *object = (void *)(uintptr_t)(cqe->user_data & ~TAG_MASK);
    switch ((enum tag)(cqe->user_data & TAG_MASK)) {
    case TAG_POLL: return poll_reaped(&uring->loop, object, cqe->res);
    case TAG_ACCEPT:
        return accept_reaped(&uring->loop, object, cqe->res, cqe->flags & IORING_CQE_F_MORE);
    case TAG_POLL_WIDENED: poll_widened(object, cqe->res); break;
    case TAG_WAKE: uring->wake_armed = false; break;
    case TAG_MESSAGE_SENT:
        if (cqe->res < 0)
            wake_by_eventfd(object);
        break;
    case TAG_CANCEL:
    case TAG_MESSAGE: break;
    }
    return true;
}

static void reap(struct loop_uring *uring)
{
    struct io_uring_cqe *cqe;
    unsigned head, count = 0;
    if (IO_URING_READ_ONCE(*uring->ring.sq.kflags) & IORING_SQ_CQ_OVERFLOW)
        loop__count_overflow(&uring->loop);
    io_uring_for_each_cqe(&uring->ring, head, cqe)
    {
        if (!reap_one(uring, cqe))
            break;
        count++;
    }
    io_uring_cq_advance(&uring->ring, count);
}

static bool uring_wait(struct loop *loop, int64_t timeout_us)
{
    struct loop_uring *uring = uring_of(loop);
    struct io_uring_cqe *cqe = NULL;
    int res;
    if (timeout_us == 0) {
        res = io_uring_submit_and_get_events(&uring->ring);
    } else {
        struct __kernel_timespec ts = {timeout_us / 1000000, timeout_us % 1000000 * 1000};
        res = io_uring_submit_and_wait_timeout(&uring->ring, &cqe, 1, timeout_us > 0 ? &ts : NULL,
                                               NULL);
    }
    /* EBUSY and EAGAIN: completions must be taken first; the next turn submits the rest. */
    if (res < 0 && res != -ETIME && res != -EINTR && res != -EBUSY && res != -EAGAIN)
        LOG_ERROR(LOG_LOOP, 0, "io_uring_enter failed", "errno=%d", -res);
    reap(uring);
    return timeout_us != 0;
}

static void uring_wake(struct loop *loop)
{
    struct loop_uring *target = uring_of(loop);
    struct loop *self = loop__current();
    if (self == NULL || self->ops != loop->ops || !target->messages || !uring_of(self)->messages ||
        !sqe_room(uring_of(self))) {
        wake_by_eventfd(target);
        return;
    }
    struct io_uring_sqe *sqe = next_sqe(uring_of(self));
    io_uring_prep_msg_ring(sqe, target->ring.ring_fd, 0, TAG_MESSAGE, 0);
    io_uring_sqe_set_data64(sqe, tagged(target, TAG_MESSAGE_SENT));
}

static void uring_accept_arm(struct loop_accept *accept)
{
    accept_mark(accept);
}

static void uring_accept_close(struct loop_accept *accept)
{
    accept_mark(accept);
}

static void uring_enter(struct loop *loop)
{
    struct loop_uring *uring = uring_of(loop);
    if (uring->setup_flags & IORING_SETUP_R_DISABLED) {
        /* liburing 2.3 declares io_uring_enable_rings() but Debian's library does not export it. */
        long res = syscall(SYS_io_uring_register, uring->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS,
                           NULL, 0);
        assert(res == 0);
        uring->setup_flags &= ~(unsigned)IORING_SETUP_R_DISABLED;
    }
    /* The registration belongs to the thread, so it ends with loop_run(). */
    uring->ring_registered = io_uring_register_ring_fd(&uring->ring) == 1;
}

static void uring_leave(struct loop *loop)
{
    struct loop_uring *uring = uring_of(loop);
    io_uring_submit(&uring->ring); /* messages to other rings may wait in it */
    if (uring->ring_registered)
        io_uring_unregister_ring_fd(&uring->ring);
    uring->ring_registered = false;
}

static int64_t uring_now_us(const struct loop *loop)
{
    return clock_mono_us();
}

static void uring_destroy(struct loop *loop)
{
    struct loop_uring *uring = uring_of(loop);
    io_uring_queue_exit(&uring->ring);
    close(uring->wake_fd);
    loop__deinit(loop);
    mem_free(uring);
}

static const struct loop_ops uring_ops = {
    .name = "io_uring",
    .destroy = uring_destroy,
    .enter = uring_enter,
    .leave = uring_leave,
    .flush = uring_flush,
    .wait = uring_wait,
    .wake = uring_wake,
    .now_us = uring_now_us,
    .poll_start = uring_poll_start,
    .poll_change = uring_poll_change,
    .poll_close = uring_poll_close,
    .accept_arm = uring_accept_arm,
    .accept_close = uring_accept_close,
};

static bool ring_enough(struct loop_uring *uring, char reason[LOOP_REASON_BYTES])
{
    /* RSRC_TAGS came with 5.13, as did updating a poll. */
    const unsigned need = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_RSRC_TAGS;
    if ((uring->ring.features & need) != need) {
        snprintf(reason, LOOP_REASON_BYTES, "the kernel's io_uring is older than 5.13");
        return false;
    }
    bool deferred = uring->setup_flags & IORING_SETUP_DEFER_TASKRUN;
    struct io_uring_probe *probe = io_uring_get_probe_ring(&uring->ring);
    uring->messages = probe != NULL && io_uring_opcode_supported(probe, IORING_OP_MSG_RING) &&
                      (!deferred || (uring->ring.features & FEAT_REG_REG_RING));
    io_uring_free_probe(probe);
    return true;
}

static void refusal_text(int error, char reason[LOOP_REASON_BYTES])
{
    int disabled = 0;
    FILE *file = fopen("/proc/sys/kernel/io_uring_disabled", "re");
    if (file != NULL) {
        disabled = fgetc(file) - '0';
        fclose(file);
    }
    if (error == EPERM && disabled > 0)
        snprintf(reason, LOOP_REASON_BYTES, "kernel.io_uring_disabled=%d", disabled);
    else if (error == EPERM || error == EACCES)
        snprintf(reason, LOOP_REASON_BYTES,
                 "io_uring_setup is refused (%s): a seccomp profile or policy forbids it",
                 strerrorname_np(error));
    else
        snprintf(reason, LOOP_REASON_BYTES, "io_uring_setup failed (%s): %s",
                 strerrorname_np(error), strerror(error));
}

/* Best flags first; EINVAL means the kernel does not know one of them. */
static int ring_setup(struct loop_uring *uring)
{
    static const unsigned choices[] = {
        IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN |
            IORING_SETUP_DEFER_TASKRUN,
        IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
        IORING_SETUP_COOP_TASKRUN,
        0,
    };
    int res = -EINVAL;
    for (unsigned i = 0; i < sizeof choices / sizeof choices[0] && res == -EINVAL; i++) {
        uring->setup_flags = choices[i];
        res = io_uring_queue_init(LOOP_RING_ENTRIES, &uring->ring, choices[i]);
    }
    return res;
}

int loop_uring_create(struct loop **out, char reason[LOOP_REASON_BYTES])
{
    struct loop_uring *uring = mem_calloc(1, sizeof *uring);
    if (uring == NULL)
        return STATUS_NOMEM;
    int status = STATUS_UNSUPPORTED;
    int res = ring_setup(uring);
    if (res < 0) {
        refusal_text(-res, reason);
        goto fail_ring;
    }
    if (!ring_enough(uring, reason))
        goto fail_wake;
    status = STATUS_IO;
    uring->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (uring->wake_fd < 0)
        goto fail_wake;
    status = loop__init(&uring->loop, &uring_ops);
    if (status != STATUS_OK)
        goto fail_init;
    *out = &uring->loop;
    return STATUS_OK;
fail_init:
    close(uring->wake_fd);
fail_wake:
    io_uring_queue_exit(&uring->ring);
fail_ring:
    mem_free(uring);
    return status;
}
