/* Readiness of descriptors: what backends share, and how polls and accepts end. */
#include "loop/internal.h"

#include "base/status.h"
#include <assert.h>
#include <fcntl.h>
#include <poll.h>

unsigned loop__events_from_poll(unsigned revents)
{
    unsigned events = 0;
    if (revents & (POLLIN | POLLPRI | POLLRDHUP))
        events |= LOOP_IN;
    if (revents & POLLOUT)
        events |= LOOP_OUT;
    if (revents & (POLLERR | POLLHUP | POLLNVAL))
        events |= LOOP_ERR;
    return events;
}

unsigned loop__events_to_poll(unsigned events)
{
    return (events & LOOP_IN ? POLLIN | POLLRDHUP : 0) | (events & LOOP_OUT ? POLLOUT : 0);
}

int loop_poll_start(struct loop *loop, struct loop_poll *poll, int fd, unsigned events,
                    void (*on_ready)(struct loop_poll *poll, unsigned events))
{
    loop__assert_thread(loop);
    assert(on_ready != NULL);
    assert((poll->flags & (LOOP__OPEN | LOOP__CLOSING)) == 0);
    assert((events & ~(unsigned)(LOOP_IN | LOOP_OUT)) == 0);
    *poll = (struct loop_poll){
        .loop = loop, .on_ready = on_ready, .fd = fd, .events = events, .flags = LOOP__OPEN};
    int status = loop->ops->poll_start(poll);
    if (status != STATUS_OK)
        poll->flags = 0;
    return status;
}

int loop_poll_modify(struct loop_poll *poll, unsigned events)
{
    loop__assert_thread(poll->loop);
    assert(poll->flags & LOOP__OPEN);
    assert((events & ~(unsigned)(LOOP_IN | LOOP_OUT)) == 0);
    poll->flags &= ~(uint32_t)LOOP__BROKEN;
    if (poll->events == events)
        return STATUS_OK;
    poll->events = events;
    return poll->loop->ops->poll_change(poll);
}

void loop_poll_close(struct loop_poll *poll, void (*on_closed)(struct loop_poll *poll))
{
    loop__assert_thread(poll->loop);
    assert(poll->flags & LOOP__OPEN);
    poll->flags = (poll->flags & ~(uint32_t)LOOP__OPEN) | LOOP__CLOSING;
    poll->events = 0;
    poll->on_closed = on_closed;
    poll->loop->ops->poll_close(poll);
}

void loop__poll_maybe_closed(struct loop_poll *poll)
{
    if (!(poll->flags & LOOP__CLOSING) || poll->in_flight != 0 || (poll->flags & LOOP__LINKED))
        return;
    poll->flags |= LOOP__LINKED | LOOP__CLOSED_LIST;
    poll->next = poll->loop->closed_polls;
    poll->loop->closed_polls = poll;
}

void loop__poll_dispatch(struct loop_poll *poll, int32_t res)
{
    assert(poll->in_flight > 0);
    poll->in_flight--;
    if (poll->flags & LOOP__CLOSING) {
        loop__poll_maybe_closed(poll);
        return;
    }
    unsigned events = res < 0 ? (unsigned)LOOP_ERR : (unsigned)res;
    if (poll->events == 0)
        return;
    /* Whoever only looks for what it asked must still notice a broken descriptor, or it would be
     * told for ever. */
    events = events & LOOP_ERR ? poll->events | LOOP_ERR : events & poll->events;
    if (events != 0)
        poll->on_ready(poll, events);
}

void loop__accept_maybe_closed(struct loop_accept *accept)
{
    if (!(accept->flags & LOOP__CLOSING) || accept->in_flight != 0 ||
        (accept->flags & LOOP__LINKED))
        return;
    accept->flags |= LOOP__LINKED | LOOP__CLOSED_LIST;
    accept->next = accept->loop->closed_accepts;
    accept->loop->closed_accepts = accept;
}

/* One pass: what a callback closes is reported in the next turn, so a chain of closes cannot hold
 * the loop. */
void loop__closed_run(struct loop *loop)
{
    struct loop_poll *poll = loop->closed_polls;
    struct loop_accept *accept = loop->closed_accepts;
    loop->closed_polls = NULL;
    loop->closed_accepts = NULL;
    while (poll != NULL) {
        struct loop_poll *next = poll->next;
        poll->flags = 0;
        if (poll->on_closed != NULL)
            poll->on_closed(poll);
        poll = next;
    }
    while (accept != NULL) {
        struct loop_accept *next = accept->next;
        accept->flags = 0;
        if (accept->on_closed != NULL)
            accept->on_closed(accept);
        accept = next;
    }
}
