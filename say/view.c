#include "say/view.h"

#include "base/buf.h"
#include "base/status.h"
#include "base/utf8.h"
#include "say/columns.h"
#include "say/event.h"
#include "say/limits.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WIDTH_MIN 10

#define BOLD      "\033[1m"
#define DIM       "\033[2m"
#define UNDERLINE "\033[4m"
#define STRUCK    "\033[9m"
#define CYAN      "\033[36m"
#define RESET     "\033[0m"

/* Appends text from elsewhere from byte `from` on, with what could steer the terminal replaced by
 * spaces. */
static void put_safe(struct buf *out, const char *text, size_t from)
{
    size_t len = strlen(text), step;
    uint32_t code;
    for (size_t at = from; (step = utf8_decode(text + at, len - at, &code)) > 0; at += step) {
        if (columns_is_safe(code))
            buf_append(out, text + at, step);
        else
            buf_putc(out, ' ');
    }
}

static void style_put(const struct view *view, struct buf *out, const char *style, const char *text)
{
    if (view->color)
        buf_puts(out, style);
    put_safe(out, text, 0);
    if (view->color)
        buf_puts(out, RESET);
}

void view_clear(struct view *view, struct buf *out)
{
    if (view->painted)
        buf_puts(out, "\r\033[K");
    view->painted = false;
}

void view_notice(struct view *view, const char *text, struct buf *out)
{
    view_clear(view, out);
    style_put(view, out, DIM, text);
    buf_putc(out, '\n');
}

static size_t visible_columns(const char *text)
{
    size_t columns = 0, len = strlen(text), step;
    uint32_t code;
    for (size_t at = 0; (step = utf8_decode(text + at, len - at, &code)) > 0; at += step)
        columns += columns_is_safe(code) ? columns_of_code(code) : 1;
    return columns;
}

/* How many bytes to leave out at the front so that at least `columns` columns fall away. */
static size_t skip_columns(const char *text, size_t *columns)
{
    size_t at = 0, len = strlen(text), step;
    uint32_t code;
    while (*columns > 0 && (step = utf8_decode(text + at, len - at, &code)) > 0) {
        size_t width = columns_is_safe(code) ? columns_of_code(code) : 1;
        *columns = *columns > width ? *columns - width : 0;
        at += step;
    }
    /* Marks belong to the letter left out. */
    while (at > 0 && (step = utf8_decode(text + at, len - at, &code)) > 0 &&
           columns_of_code(code) == 0 && columns_is_safe(code))
        at += step;
    return at;
}

/* The end of the sentence is what is being spoken: of a long one the tail is shown. The last column
 * stays free, for writing into it makes some terminals wrap. */
static void paint_partial(struct view *view, const struct event *event, struct buf *out)
{
    unsigned width = view->width >= WIDTH_MIN ? view->width : WIDTH_MIN;
    size_t columns = visible_columns(event->committed) + visible_columns(event->tentative);
    size_t committed_from = 0, tentative_from = 0;
    buf_puts(out, "\r\033[K");
    if (columns > width - 1) {
        size_t excess = columns - (width - 2);
        committed_from = skip_columns(event->committed, &excess);
        tentative_from = excess > 0 ? skip_columns(event->tentative, &excess) : 0;
        buf_puts(out, "…");
    }
    if (view->color)
        buf_puts(out, BOLD);
    put_safe(out, event->committed, committed_from);
    if (view->color)
        buf_puts(out, RESET DIM);
    put_safe(out, event->tentative, tentative_from);
    if (view->color)
        buf_puts(out, RESET);
    view->painted = true;
    view->partial = event->segment;
}

void view_status(struct view *view, const char *text, struct buf *out)
{
    if (!view->live) {
        view_notice(view, text, out);
        return;
    }
    buf_puts(out, "\r\033[K");
    style_put(view, out, DIM, text);
    view->painted = true;
    view->partial = 0;
}

void view_void(struct view *view, uint64_t segment, struct buf *out)
{
    if (view->partial >= segment)
        view_clear(view, out);
}

static void on_transcript(struct view *view, const struct event *event, struct buf *out)
{
    if (!event->final) {
        if (view->live)
            paint_partial(view, event, out);
        return;
    }
    view_clear(view, out);
    if (*event->committed == '\0')
        return;
    char clock[32];
    int64_t seconds = event->start_ms / 1000;
    snprintf(clock, sizeof clock, "%3" PRId64 ":%02d  ", seconds / 60, (int)(seconds % 60));
    style_put(view, out, DIM, clock);
    style_put(view, out, BOLD, event->committed);
    buf_putc(out, '\n');
    view->last_caption = event->segment;
}

/* What belongs to a caption stands under it; what comes later than the next caption says which it
 * belongs to. */
static void begin_under(struct view *view, const struct event *event, struct buf *out)
{
    view_clear(view, out);
    buf_puts(out, "        ");
    if (event->segment != view->last_caption) {
        char number[32];
        snprintf(number, sizeof number, "(%" PRIu64 ") ", event->segment);
        style_put(view, out, DIM, number);
    }
}

static void on_translation(struct view *view, const struct event *event, struct buf *out)
{
    if (!event->final)
        return;
    begin_under(view, event, out);
    style_put(view, out, DIM, event->lang);
    buf_puts(out, "  ");
    if (*event->failed != '\0') {
        style_put(view, out, DIM, "no translation: ");
        style_put(view, out, DIM, event->failed);
    } else {
        style_put(view, out, CYAN, event->committed);
    }
    buf_putc(out, '\n');
}

static void put_edit(struct view *view, const struct event_edit *edit, struct buf *out)
{
    style_put(view, out, STRUCK, *edit->from != '\0' ? edit->from : "-");
    buf_puts(out, " → ");
    style_put(view, out, UNDERLINE, *edit->to != '\0' ? edit->to : "-");
    buf_puts(out, "  ");
    if (view->color)
        buf_puts(out, DIM);
    put_safe(out, edit->kind, 0);
    if (*edit->message != '\0') {
        buf_puts(out, ": ");
        put_safe(out, edit->message, 0);
    }
    if (view->color)
        buf_puts(out, RESET);
    buf_putc(out, '\n');
}

static void on_grammar(struct view *view, const struct event *event, struct buf *out)
{
    if (!event->final)
        return;
    for (size_t i = 0; i < event->edits_count; i++) {
        struct event_edit edit;
        event_edit(event, i, &edit);
        begin_under(view, event, out);
        put_edit(view, &edit, out);
    }
}

static void on_service(struct view *view, const struct event *event, struct buf *out)
{
    struct buf line;
    buf_init(&line, SAY_LINE_BYTES);
    if (event->type == EVENT_GOAWAY) {
        buf_printf(&line, "(the server goes away within %" PRId64 " s: ", event->within_ms / 1000);
        buf_puts(&line, event->reason);
    } else if (event->type == EVENT_RESTORED) {
        buf_puts(&line, "(again in service: ");
        event_what(event, &line);
    } else {
        buf_puts(&line, "(for now without ");
        event_what(event, &line);
        buf_puts(&line, ": ");
        buf_puts(&line, event->reason);
    }
    buf_puts(&line, ")");
    view_notice(view, buf_status(&line) == STATUS_OK ? line.data : "(too long to show)", out);
    buf_deinit(&line);
}

void view_event(struct view *view, const struct event *event, struct buf *out)
{
    switch (event->type) {
    case EVENT_TRANSCRIPT: on_transcript(view, event, out); break;
    case EVENT_TRANSLATION: on_translation(view, event, out); break;
    case EVENT_GRAMMAR: on_grammar(view, event, out); break;
    case EVENT_DEGRADED:
    case EVENT_RESTORED:
    case EVENT_GOAWAY: on_service(view, event, out); break;
    case EVENT_NOTE:
        begin_under(view, event, out);
        style_put(view, out, BOLD, *event->by != '\0' ? event->by : "teacher");
        buf_puts(out, ": ");
        put_safe(out, event->note, 0);
        buf_putc(out, '\n');
        break;
    case EVENT_STARTED:
    case EVENT_ACK:
    case EVENT_FLUSHED:
    case EVENT_ENDED:
    case EVENT_ERROR:
    case EVENT_OTHER: break;
    }
}
