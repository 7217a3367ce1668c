/*
 * Accepting: multishot where the backend has it, else readiness and accept4(). Running out of
 * descriptors always leads here: io_uring's accept would fail again at once without any connection
 * waiting, readiness does not.
 */
#include "loop/internal.h"

#include "base/log.h"
#include "base/status.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

static bool out_of_descriptors(int error)
{
    return error == EMFILE || error == ENFILE;
}

static struct loop_accept *accept_of(struct loop_poll *poll)
{
    return (struct loop_accept *)((char *)poll - offsetof(struct loop_accept, poll));
}

/* Accepts one connection into the spare descriptor's place and closes it, so its peer is told.
 * False: none waits. */
static bool refuse_one(struct loop *loop, int listen_fd)
{
    if (loop->spare_fd >= 0)
        close(loop->spare_fd);
    int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    loop->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

/* Nothing waits any more and descriptors suffice: back to the kernel's own accept. */
static void accept_rearm(struct loop_accept *accept)
{
    if (accept->loop->ops->accept_arm == NULL || (accept->flags & LOOP__BROKEN))
        return;
    if (loop_poll_modify(&accept->poll, 0) != STATUS_OK)
        return;
    accept->flags &= ~(uint32_t)LOOP__POLLED;
    accept->loop->ops->accept_arm(accept);
}

static void on_listen_ready(struct loop_poll *poll, unsigned events)
{
    struct loop_accept *accept = accept_of(poll);
    struct loop *loop = accept->loop;
    for (int i = 0; i < LOOP_ACCEPTS_TURN && (accept->flags & LOOP__OPEN); i++) {
        int fd = accept4(accept->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            accept->on_accept(accept, fd);
        } else if (out_of_descriptors(errno)) {
            LOG_WARN(LOG_LOOP, 0, "no descriptor left, connection refused", "listen_fd=%d",
                     accept->fd);
            if (!refuse_one(loop, accept->fd))
                return;
        } else if (errno == EAGAIN) {
            accept_rearm(accept);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static int accept_poll(struct loop_accept *accept)
{
    accept->flags |= LOOP__POLLED;
    if (accept->flags & LOOP__POLL_OPEN)
        return loop_poll_modify(&accept->poll, LOOP_IN);
    int status = loop_poll_start(accept->loop, &accept->poll, accept->fd, LOOP_IN, on_listen_ready);
    if (status == STATUS_OK) {
        accept->flags |= LOOP__POLL_OPEN;
        accept->in_flight++;
    }
    return status;
}

int loop_accept_start(struct loop *loop, struct loop_accept *accept, int listen_fd,
                      void (*on_accept)(struct loop_accept *accept, int fd))
{
    loop__assert_thread(loop);
    assert(on_accept != NULL);
    assert((accept->flags & (LOOP__OPEN | LOOP__CLOSING)) == 0);
    int status_flags = fcntl(listen_fd, F_GETFL);
    if (status_flags < 0 || fcntl(listen_fd, F_SETFL, status_flags | O_NONBLOCK) < 0)
        return STATUS_IO;
    *accept = (struct loop_accept){
        .loop = loop, .on_accept = on_accept, .fd = listen_fd, .flags = LOOP__OPEN};
    if (loop->ops->accept_arm != NULL) {
        loop->ops->accept_arm(accept);
        return STATUS_OK;
    }
    int status = accept_poll(accept);
    if (status != STATUS_OK)
        accept->flags = 0;
    return status;
}

static void on_poll_closed(struct loop_poll *poll)
{
    struct loop_accept *accept = accept_of(poll);
    accept->in_flight--;
    loop__accept_maybe_closed(accept);
}

void loop_accept_close(struct loop_accept *accept, void (*on_closed)(struct loop_accept *accept))
{
    struct loop *loop = accept->loop;
    loop__assert_thread(loop);
    assert(accept->flags & LOOP__OPEN);
    accept->flags = (accept->flags & ~(uint32_t)LOOP__OPEN) | LOOP__CLOSING;
    accept->on_closed = on_closed;
    if (accept->flags & LOOP__POLL_OPEN)
        loop_poll_close(&accept->poll, on_poll_closed);
    if (loop->ops->accept_close != NULL)
        loop->ops->accept_close(accept);
    loop__accept_maybe_closed(accept);
}

/* A multishot accept's completion. The backend re-arms by itself unless this turns to polling. */
void loop__accept_dispatch(struct loop_accept *accept, int32_t res)
{
    assert(accept->in_flight > 0);
    accept->in_flight--;
    if (accept->flags & LOOP__CLOSING) {
        if (res >= 0 && accept->keep_late)
            accept->on_accept(accept, res);
        else if (res >= 0)
            close(res);
        loop__accept_maybe_closed(accept);
        return;
    }
    if (res >= 0) {
        accept->on_accept(accept, res);
        return;
    }
    if (res == -EINVAL || res == -EAGAIN)
        accept->flags |= LOOP__BROKEN;
    if (res == -EINVAL || res == -EAGAIN || out_of_descriptors(-res)) {
        if (accept_poll(accept) != STATUS_OK)
            LOG_ERROR(LOG_LOOP, 0, "cannot watch the listening socket", "fd=%d", accept->fd);
    }
}
