/* What has changed, made into one text for all who have seen the same of the same classes. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/metrics.h"
#include "server/monitor_internal.h"
#include "server/out.h"
#include "server/server.h"
#include <assert.h>
#include <string.h>

struct text {
    struct text *next;
    const struct board_scope *scope;
    uint64_t since;
    struct buf bytes; /* a delta's lacks its closing brace */
    bool snapshot, empty;
    struct monitor_watcher *watchers; /* by `same` */
};

static struct text *text_make(const struct monitor *monitor, const struct monitor_watcher *watcher)
{
    struct text *text = mem_calloc(1, sizeof *text);
    int status = STATUS_NOT_FOUND;
    if (text == NULL)
        return NULL;
    text->scope = watcher->scope;
    text->since = watcher->seen;
    buf_init(&text->bytes, MONITOR_MESSAGE_BYTES);
    if (text->since > 0)
        status = board_delta(monitor->board, text->scope, text->since, &text->bytes, &text->empty);
    text->snapshot = status == STATUS_NOT_FOUND;
    if (text->snapshot)
        board_snapshot(monitor->board, text->scope, &text->bytes);
    return text;
}

static struct text *text_for(const struct monitor *monitor, const struct monitor_watcher *watcher,
                             struct text **texts)
{
    struct text *text = *texts;
    while (text != NULL &&
           (text->since != watcher->seen || !board_scope_equal(text->scope, watcher->scope)))
        text = text->next;
    if (text == NULL && (text = text_make(monitor, watcher)) != NULL) {
        text->next = *texts;
        *texts = text;
    }
    return text;
}

/* What has changed, followed by the finals that wait for this watcher alone. */
static struct out *with_finals(const struct text *text, const struct monitor_watcher *watcher)
{
    struct buf bytes;
    buf_init(&bytes, MONITOR_MESSAGE_BYTES);
    buf_append(&bytes, text->bytes.data, text->bytes.len);
    monitor__finals_write(watcher, &bytes);
    buf_putc(&bytes, '}');
    struct out *out = buf_status(&bytes) == STATUS_OK ? out_again(0, bytes.data, bytes.len) : NULL;
    buf_deinit(&bytes);
    return out;
}

/* The watchers of `text` on the front of its first one, as one message; they leave its list. */
static void send_shared(struct monitor *monitor, struct text *text, uint64_t version)
{
    unsigned front = text->watchers->front;
    struct monitor_watcher *to = NULL, **link = &text->watchers;
    size_t len = 0;
    while (*link != NULL) {
        struct monitor_watcher *watcher = *link;
        if (watcher->front != front) {
            link = &watcher->same;
            continue;
        }
        *link = watcher->same;
        watcher->same = to;
        to = watcher;
        len++;
    }
    monitor__send_changes(
        monitor, to,
        &(struct monitor_changes){.out = out_again(0, text->bytes.data, text->bytes.len),
                                  .len = len,
                                  .version = version});
}

static void send_text(struct monitor *monitor, struct text *text, uint64_t version)
{
    if (!text->snapshot)
        buf_putc(&text->bytes, '}');
    if (buf_status(&text->bytes) != STATUS_OK)
        for (struct monitor_watcher *watcher = text->watchers; watcher != NULL;
             watcher = watcher->same)
            monitor__close(monitor, watcher, "there is no room for all that you watch");
    else
        while (text->watchers != NULL)
            send_shared(monitor, text, version);
}

/* Puts a watcher that has room to the others who get the same. */
static void sort(struct monitor *monitor, struct monitor_watcher *watcher, struct text **texts,
                 uint64_t version)
{
    struct text *text = text_for(monitor, watcher, texts);
    watcher->same = NULL;
    if (text == NULL) {
        monitor->due = true; /* no memory now */
    } else if (buf_status(&text->bytes) == STATUS_OK && !text->snapshot &&
               watcher->finals != NULL) {
        monitor__send_changes(monitor, watcher,
                              &(struct monitor_changes){.out = with_finals(text, watcher),
                                                        .len = 1,
                                                        .version = version,
                                                        .with_finals = true});
    } else if (text->empty) {
        watcher->seen = version;
    } else {
        watcher->same = text->watchers;
        text->watchers = watcher;
    }
}

void monitor__tick(struct monitor *monitor)
{
    uint64_t version = board_tick(monitor->board);
    struct text *texts = NULL;
    for (struct monitor_watcher *watcher = monitor->watchers; watcher != NULL;
         watcher = watcher->next) {
        if (watcher->why != NULL)
            continue;
        if (watcher->under_way) /* TAKEN makes another tick due */
            metrics_add(METRIC_MONITOR_SKIPPED, 1);
        else if (watcher->answers != NULL)
            monitor->due = true;
        else
            sort(monitor, watcher, &texts, version);
    }
    while (texts != NULL) {
        struct text *text = texts;
        texts = text->next;
        send_text(monitor, text, version);
        buf_deinit(&text->bytes);
        mem_free(text);
    }
}
