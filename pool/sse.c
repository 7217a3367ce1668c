#include "pool/sse.h"

#include "base/status.h"
#include <assert.h>
#include <string.h>

void sse_init(struct sse *sse, sse_event_fn *on_event, void *ctx)
{
    assert(sse != NULL && on_event != NULL);
    *sse = (struct sse){.on_event = on_event, .ctx = ctx};
    buf_init(&sse->line, SSE_LINE_MAX);
    buf_init(&sse->data, SSE_EVENT_MAX);
}

void sse_deinit(struct sse *sse)
{
    buf_deinit(&sse->line);
    buf_deinit(&sse->data);
}

void sse_reset(struct sse *sse)
{
    buf_reset(&sse->line);
    buf_reset(&sse->data);
    sse->name[0] = '\0';
    sse->after_cr = sse->started = false;
    sse->status = STATUS_OK;
}

/* buf answers STATUS_FULL or the like past its bound: for a peer's bytes that is a limit. */
static int bounded(int status)
{
    return status == STATUS_OK || status == STATUS_NOMEM ? status : STATUS_LIMIT;
}

static int sse_dispatch(struct sse *sse)
{
    int status = STATUS_OK;
    if (sse->data.len > 0) {
        sse->data.data[--sse->data.len] = '\0'; /* the last line's '\n' */
        status = sse->on_event(sse->ctx, sse->name, sse->data.data, sse->data.len);
    }
    buf_reset(&sse->data);
    sse->name[0] = '\0';
    return status;
}

static void sse_name(struct sse *sse, const char *value, size_t len)
{
    if (len > SSE_NAME_MAX)
        len = SSE_NAME_MAX;
    memcpy(sse->name, value, len);
    sse->name[len] = '\0';
}

/* Unknown fields, `id` and `retry` mean nothing to us; a comment has an empty field name. */
static int sse_field(struct sse *sse, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    size_t name_len = colon != NULL ? (size_t)(colon - line) : len;
    const char *value = colon != NULL ? colon + 1 : line + len;
    size_t value_len = (size_t)(line + len - value);
    if (value_len > 0 && value[0] == ' ') {
        value++;
        value_len--;
    }
    if (name_len == 4 && memcmp(line, "data", 4) == 0) {
        buf_append(&sse->data, value, value_len);
        return bounded(buf_putc(&sse->data, '\n'));
    }
    if (name_len == 5 && memcmp(line, "event", 5) == 0)
        sse_name(sse, value, value_len);
    return STATUS_OK;
}

static int sse_line(struct sse *sse)
{
    const char *line = sse->line.len > 0 ? sse->line.data : "";
    size_t len = sse->line.len;
    if (!sse->started && len >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) {
        line += 3;
        len -= 3;
    }
    sse->started = true;
    int status = len == 0 ? sse_dispatch(sse) : sse_field(sse, line, len);
    buf_reset(&sse->line);
    return status;
}

static size_t line_end(const char *at, size_t len)
{
    size_t i = 0;
    while (i < len && at[i] != '\n' && at[i] != '\r')
        i++;
    return i;
}

int sse_feed(struct sse *sse, const void *bytes, size_t len)
{
    const char *at = bytes, *end = at + len;
    while (sse->status == STATUS_OK && at < end) {
        if (sse->after_cr && *at == '\n') {
            sse->after_cr = false;
            at++;
            continue;
        }
        sse->after_cr = false;
        size_t part = line_end(at, (size_t)(end - at));
        sse->status = bounded(buf_append(&sse->line, at, part));
        at += part;
        if (sse->status != STATUS_OK || at == end)
            break;
        sse->after_cr = *at++ == '\r';
        sse->status = sse_line(sse);
    }
    return sse->status;
}
