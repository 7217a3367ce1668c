/*
 * Server-sent events: bytes in, events out, the same events at every split of the input.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 *
 * Threads: one owner at a time. Memory: sse_deinit() frees; an event's text is borrowed for the
 * callback.
 */
#pragma once

#include "base/buf.h"
#include "pool/limits.h"
#include <stdbool.h>
#include <stddef.h>

/* `name` is "" for events without one, cut at SSE_NAME_MAX. Non-zero stops the feed and becomes its
 * result. */
typedef int sse_event_fn(void *ctx, const char *name, const char *data, size_t len);

struct sse {
    sse_event_fn *on_event;
    void *ctx;
    struct buf line; /* the current line, without its end */
    struct buf data; /* data of the current event, one '\n' after each line */
    char name[SSE_NAME_MAX + 1];
    bool after_cr; /* a '\n' now belongs to the line that a '\r' has ended */
    bool started;  /* the first line has ended: no byte order mark any more */
    int status;
};

void sse_init(struct sse *sse, sse_event_fn *on_event, void *ctx);
void sse_deinit(struct sse *sse);
/* Back to the start of a stream; keeps the memory. */
void sse_reset(struct sse *sse);
/* 0, STATUS_LIMIT (SSE_LINE_MAX, SSE_EVENT_MAX), STATUS_NOMEM or what on_event returned. Sticky. An
 * event that the end of the stream cuts off is dropped, as the specification says. */
int sse_feed(struct sse *sse, const void *bytes, size_t len);
