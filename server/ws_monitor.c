/* A WebSocket of sotto.monitor.v1, whose owner is a watcher (server/watcher.h). */
#include "server/watcher.h"
#include "server/ws.h"

static void *create(struct front *front, struct lws *wsi)
{
    struct watcher *watcher = watcher_create(front, wsi);
    if (watcher != NULL)
        watcher->credential = ws_credential(wsi);
    return watcher;
}

static void receive(void *watcher, const struct intake_piece *piece)
{
    watcher_receive(watcher, piece);
}

static bool next(void *watcher, char **data, size_t *len)
{
    return watcher_next(watcher, data, len);
}

static void sent(void *watcher)
{
    watcher_sent(watcher);
}

static bool has_output(const void *watcher)
{
    return watcher_has_output(watcher);
}

static bool may_close(const void *watcher)
{
    return watcher_may_close(watcher);
}

static int close_now(void *owner)
{
    struct watcher *watcher = owner;
    watcher->state = WATCHER_CLOSED;
    return watcher->close_code;
}

static void abandon(void *watcher)
{
    watcher_abandon(watcher);
}

static bool is_closed(const void *watcher)
{
    return ((const struct watcher *)watcher)->state == WATCHER_CLOSED;
}

static void destroy(void *watcher)
{
    watcher_destroy(watcher);
}

const struct ws_ops ws_monitor_ops = {.create = create,
                                      .receive = receive,
                                      .next = next,
                                      .sent = sent,
                                      .has_output = has_output,
                                      .may_close = may_close,
                                      .close = close_now,
                                      .abandon = abandon,
                                      .is_closed = is_closed,
                                      .destroy = destroy};
