/* The epoll backend: level-triggered, one registration a descriptor, an eventfd as wake. */
#include "loop/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR &&
                   EPOLLHUP == POLLHUP && EPOLLRDHUP == POLLRDHUP && EPOLLPRI == POLLPRI,
               "epoll and poll share their bits");

struct loop_epoll {
    struct loop loop;
    int epoll_fd, wake_fd;
    bool no_pwait2; /* kernel older than 5.11: whole milliseconds, rounded up */
    struct epoll_event events[LOOP_EVENTS_TURN];
};

static struct loop_epoll *epoll_of(struct loop *loop)
{
    return (struct loop_epoll *)loop;
}

/* A poll that asks for nothing is not registered: epoll would report its hang-up for ever. */
static int epoll_poll_change(struct loop_poll *poll)
{
    struct loop_epoll *epoll = epoll_of(poll->loop);
    struct epoll_event event = {.events = loop__events_to_poll(poll->events), .data.ptr = poll};
    bool registered = poll->flags & LOOP__ARMED;
    int op = registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (poll->events == 0) {
        if (!registered)
            return STATUS_OK;
        op = EPOLL_CTL_DEL;
    }
    if (epoll_ctl(epoll->epoll_fd, op, poll->fd, &event) < 0)
        return errno == ENOSPC || errno == ENOMEM ? STATUS_FULL : STATUS_IO;
    poll->flags =
        poll->events == 0 ? poll->flags & ~(uint32_t)LOOP__ARMED : poll->flags | LOOP__ARMED;
    return STATUS_OK;
}

static int epoll_poll_start(struct loop_poll *poll)
{
    if (poll->events == 0)
        return fcntl(poll->fd, F_GETFD) < 0 ? STATUS_IO : STATUS_OK;
    return epoll_poll_change(poll);
}

static void epoll_poll_close(struct loop_poll *poll)
{
    assert(poll->events == 0);
    epoll_poll_change(poll);
    loop__poll_maybe_closed(poll);
}

static int wait_call(struct loop_epoll *epoll, int64_t timeout_us)
{
    if (!epoll->no_pwait2) {
        struct timespec ts = {timeout_us / 1000000, timeout_us % 1000000 * 1000};
        int count = epoll_pwait2(epoll->epoll_fd, epoll->events, LOOP_EVENTS_TURN,
                                 timeout_us >= 0 ? &ts : NULL, NULL);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM))
            return count;
        epoll->no_pwait2 = true;
    }
    int64_t timeout_ms = timeout_us < 0 ? -1 : (timeout_us + 999) / 1000;
    if (timeout_ms > INT32_MAX)
        timeout_ms = INT32_MAX;
    return epoll_wait(epoll->epoll_fd, epoll->events, LOOP_EVENTS_TURN, (int)timeout_ms);
}

static void wake_drain(struct loop_epoll *epoll)
{
    uint64_t value;
    while (read(epoll->wake_fd, &value, sizeof value) < 0 && errno == EINTR)
        continue;
}

static bool epoll_backend_wait(struct loop *loop, int64_t timeout_us)
{
    struct loop_epoll *epoll = epoll_of(loop);
    int count = wait_call(epoll, timeout_us);
    if (count < 0 && errno != EINTR)
        LOG_ERROR(LOG_LOOP, 0, "epoll_wait failed", "errno=%d", errno);
    for (int i = 0; i < count; i++) {
        struct loop_poll *poll = epoll->events[i].data.ptr;
        if (poll == NULL) {
            wake_drain(epoll);
            continue;
        }
        bool queued = loop__ready(loop, LOOP__POLL_EVENT, poll,
                                  (int32_t)loop__events_from_poll(epoll->events[i].events));
        assert(queued);
        poll->in_flight++;
    }
    return timeout_us != 0;
}

static void epoll_backend_wake(struct loop *loop)
{
    uint64_t one = 1;
    /* EAGAIN: the counter is full, so the loop is being woken already. */
    while (write(epoll_of(loop)->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

static int64_t epoll_now_us(const struct loop *loop)
{
    return clock_mono_us();
}

static void epoll_destroy(struct loop *loop)
{
    struct loop_epoll *epoll = epoll_of(loop);
    close(epoll->wake_fd);
    close(epoll->epoll_fd);
    loop__deinit(loop);
    mem_free(epoll);
}

static const struct loop_ops epoll_ops = {
    .name = "epoll",
    .destroy = epoll_destroy,
    .wait = epoll_backend_wait,
    .wake = epoll_backend_wake,
    .now_us = epoll_now_us,
    .poll_start = epoll_poll_start,
    .poll_change = epoll_poll_change,
    .poll_close = epoll_poll_close,
};

int loop_epoll_create(struct loop **out)
{
    struct loop_epoll *epoll = mem_calloc(1, sizeof *epoll);
    if (epoll == NULL)
        return STATUS_NOMEM;
    struct epoll_event wake = {.events = EPOLLIN, .data.ptr = NULL};
    int status = STATUS_IO;
    epoll->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    epoll->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll->epoll_fd < 0 || epoll->wake_fd < 0 ||
        epoll_ctl(epoll->epoll_fd, EPOLL_CTL_ADD, epoll->wake_fd, &wake) < 0)
        goto fail;
    status = loop__init(&epoll->loop, &epoll_ops);
    if (status != STATUS_OK)
        goto fail;
    *out = &epoll->loop;
    return STATUS_OK;
fail:
    if (epoll->wake_fd >= 0)
        close(epoll->wake_fd);
    if (epoll->epoll_fd >= 0)
        close(epoll->epoll_fd);
    mem_free(epoll);
    return status;
}
