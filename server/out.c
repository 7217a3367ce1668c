#include "server/out.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/codec.h"
#include "server/event.h"
#include "server/limits.h"
#include <assert.h>
#include <string.h>

/* Kept free before a body: libwebsockets' own head (LWS_PRE is 16), then the splice. */
#define OUT_HEAD (32 + CODEC_HEAD_MAX)

struct out *out_again(uint64_t seq, const char *body, size_t len)
{
    struct out *out = mem_alloc(sizeof *out + OUT_HEAD + len);
    if (out == NULL)
        return NULL;
    *out =
        (struct out){.refs = 1, .seq = seq, .kind = -1, .body = out->block + OUT_HEAD, .len = len};
    memcpy(out->body, body, len);
    return out;
}

int out_create(struct out **out, const struct event *event)
{
    struct buf bytes;
    buf_init(&bytes, EVENT_BYTES_MAX);
    int status = codec_event_write(event, &bytes);
    struct out *made = status == STATUS_OK ? out_again(event->seq, bytes.data, bytes.len) : NULL;
    if (made != NULL) {
        made->ticket = event->ticket;
        made->attach = event->attach;
        made->has_lat = event->has_lat;
        made->lat = event->lat;
        made->replace_key = event->replace_key;
        made->close_code = event->close_code;
        made->kind = (int)event->kind;
        made->final = event->final;
        made->failed = event->failed != NULL;
        made->spliced = event->spliced;
        *out = made;
    }
    buf_deinit(&bytes);
    if (status == STATUS_OK && made == NULL)
        status = STATUS_NOMEM;
    return status;
}

struct out *out_ref(struct out *out)
{
    assert(out->refs > 0);
    out->refs++;
    return out;
}

void out_unref(struct out *out)
{
    if (out == NULL)
        return;
    assert(out->refs > 0);
    if (--out->refs == 0)
        mem_free(out);
}

void out_queue_init(struct out_queue *queue)
{
    *queue = (struct out_queue){0};
    queue->tail = &queue->head;
}

/* Takes the one `link` leads to out of the queue. */
static void unlink_at(struct out_queue *queue, struct out **link)
{
    struct out *out = *link;
    assert(out != NULL && out->queued && queue->bytes >= out->len);
    *link = out->next;
    if (queue->tail == &out->next)
        queue->tail = link;
    queue->bytes -= out->len;
    out->next = NULL;
    out->queued = false;
    out_unref(out);
}

void out_queue_clear(struct out_queue *queue)
{
    while (queue->head != NULL)
        unlink_at(queue, &queue->head);
    assert(queue->bytes == 0 && queue->tail == &queue->head);
}

static bool drop_same(struct out_queue *queue, uint64_t key)
{
    for (struct out **link = &queue->head; key != 0 && *link != NULL; link = &(*link)->next)
        if ((*link)->replace_key == key) {
            unlink_at(queue, link);
            return true;
        }
    return false;
}

bool out_queue_add(struct out_queue *queue, struct out *out)
{
    assert(!out->queued && out->next == NULL);
    bool replaced = drop_same(queue, out->replace_key);
    out_ref(out)->queued = true;
    *queue->tail = out;
    queue->tail = &out->next;
    queue->bytes += out->len;
    return replaced;
}

void out_queue_move(struct out_queue *to, struct out_queue *from)
{
    if (from->head == NULL)
        return;
    *to->tail = from->head;
    to->tail = from->tail;
    to->bytes += from->bytes;
    out_queue_init(from);
}

void out_queue_pop(struct out_queue *queue)
{
    unlink_at(queue, &queue->head);
}
