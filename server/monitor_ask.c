/* What watchers ask: what was said before, and notes for learners. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/json_text.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/monitor_internal.h"
#include "server/monitor_message.h"
#include "server/out.h"
#include "server/server.h"
#include "server/store_query.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define NO_SUCH_SESSION "no such session in what you may see"

struct monitor_history {
    struct monitor_history *next;
    uint64_t watcher;
    char session[SESSION_NAME_BYTES];
    uint32_t before_segment, limit;
    int64_t due_us; /* while held: it is asked then at the latest */
};

/* --- history --- */

static void history_failed(struct monitor *monitor, const struct monitor_history *history,
                           const char *code, const char *text)
{
    struct monitor_watcher *watcher = monitor__watcher(monitor, history->watcher);
    if (watcher == NULL)
        return;
    watcher->histories--;
    monitor__error(monitor, watcher, code, text, history->session);
}

/* Asks the store; takes `history`. */
static void history_ask(struct monitor *monitor, struct monitor_history *history)
{
    const struct store_query query = {.question = STORE_SEGMENTS,
                                      .session = history->session,
                                      .before_segment = history->before_segment,
                                      .limit = history->limit};
    if (monitor->config.query(monitor->config.ctx, &query) != STATUS_OK) {
        history_failed(monitor, history, "storage", "what was said cannot be read now");
        mem_free(history);
        return;
    }
    history->next = NULL;
    *monitor->asked_tail = history;
    monitor->asked_tail = &history->next;
}

/*
 * Of a session whose host has just been asked for its durable messages the history is read once
 * the host has answered: what is stored later comes as a final, and nothing is in neither.
 */
int64_t monitor__histories_run(struct monitor *monitor, int64_t now_us)
{
    struct monitor_history **link = &monitor->held;
    int64_t next_us = INT64_MAX;
    while (*link != NULL) {
        struct monitor_history *history = *link;
        if (now_us < history->due_us && monitor__detail_pending(monitor, history->session)) {
            next_us = history->due_us < next_us ? history->due_us : next_us;
            link = &history->next;
            continue;
        }
        *link = history->next;
        history_ask(monitor, history);
    }
    return next_us;
}

static void on_history(struct monitor *monitor, struct monitor_watcher *watcher,
                       const struct monitor_message *message)
{
    struct monitor_history *history = NULL;
    if (watcher->histories < MONITOR_ASKS_MAX && watcher->bytes <= MONITOR_QUEUE_BYTES / 4)
        history = mem_calloc(1, sizeof *history);
    if (history == NULL) {
        monitor__error(monitor, watcher, "rate_limited",
                       "one history after the other, please: wait for the answer",
                       message->session);
        return;
    }
    history->watcher = watcher->id;
    memcpy(history->session, message->session, sizeof history->session);
    history->before_segment = message->before_segment;
    history->limit = message->limit;
    history->due_us = clock_mono_us() + MONITOR_GATHER_MS * MS;
    watcher->histories++;
    /* In the order in which they came. */
    struct monitor_history **tail = &monitor->held;
    while (*tail != NULL)
        tail = &(*tail)->next;
    *tail = history;
}

/* A stored body lacks its opening brace. */
static void put_message(struct buf *out, const struct store_row *row)
{
    buf_putc(out, '{');
    json_set_int(out, "seq", (int64_t)row->seq);
    buf_putc(out, ',');
    buf_append(out, row->body, row->body_len);
}

/* The one message of a kind, or each of them: notes as a list, translations by language. */
static void put_kind(struct buf *out, const struct store_row *rows, size_t len,
                     enum store_kind kind)
{
    static const struct {
        const char *key, *open, *close;
    } forms[] = {[STORE_TRANSCRIPT] = {"transcript", "", ""},
                 [STORE_TRANSLATION] = {"translations", "{", "}"},
                 [STORE_GRAMMAR] = {"grammar", "", ""},
                 [STORE_NOTE] = {"notes", "[", "]"}};
    bool many = forms[kind].open[0] != '\0', opened = false;
    for (size_t i = 0; i < len && (many || !opened); i++) {
        if (rows[i].kind != kind)
            continue;
        if (!opened) {
            json_put_key(out, forms[kind].key);
            buf_puts(out, forms[kind].open);
        } else {
            buf_putc(out, ',');
        }
        opened = true;
        if (kind == STORE_TRANSLATION) {
            json_put_text(out, rows[i].lang);
            buf_putc(out, ':');
        }
        put_message(out, &rows[i]);
    }
    if (opened)
        buf_puts(out, forms[kind].close);
}

static void put_segment(struct buf *out, const struct store_row *rows, size_t len)
{
    json_list_object(out);
    json_set_int(out, "segment", rows[0].segment);
    for (int kind = STORE_TRANSCRIPT; kind <= STORE_NOTE; kind++)
        put_kind(out, rows, len, (enum store_kind)kind);
    buf_putc(out, '}');
}

/* Rows come with the newest segment first, and are told with the oldest first. */
static struct out *history_write(const struct monitor_history *history,
                                 const struct store_page *page)
{
    struct buf bytes;
    buf_init(&bytes, MONITOR_QUEUE_BYTES);
    buf_putc(&bytes, '{');
    json_set_text(&bytes, "type", "history");
    json_set_text(&bytes, "session", history->session);
    json_set_open(&bytes, "segments", '[');
    for (size_t end = page->rows_len; end > 0;) {
        size_t begin = end - 1;
        while (begin > 0 && page->rows[begin - 1].segment == page->rows[begin].segment)
            begin--;
        put_segment(&bytes, &page->rows[begin], end - begin);
        end = begin;
    }
    buf_putc(&bytes, ']');
    json_set_bool(&bytes, "more", page->more);
    buf_putc(&bytes, '}');
    struct out *out = buf_status(&bytes) == STATUS_OK ? out_again(0, bytes.data, bytes.len) : NULL;
    buf_deinit(&bytes);
    return out;
}

static void history_answer(struct monitor *monitor, const struct monitor_history *history,
                           const struct store_page *page)
{
    struct monitor_watcher *watcher = monitor__watcher(monitor, history->watcher);
    if (watcher == NULL)
        return;
    bool found = page->status == STATUS_OK && page->about_len > 0 &&
                 board_scope_sees(watcher->scope, page->about[0].class_name);
    if (found) {
        watcher->histories--;
        monitor__answer(monitor, watcher, history_write(history, page));
    } else if (page->status == STATUS_OK || page->status == STATUS_NOT_FOUND) {
        history_failed(monitor, history, "not_found", NO_SUCH_SESSION);
    } else {
        history_failed(monitor, history, "storage", "what was said cannot be read now");
    }
}

void monitor__on_page(struct monitor *monitor, const struct store_page *page)
{
    struct monitor_history *history = monitor->asked;
    assert(history != NULL);
    monitor->asked = history->next;
    if (monitor->asked == NULL)
        monitor->asked_tail = &monitor->asked;
    history_answer(monitor, history, page);
    mem_free(history);
}

static void list_free(struct monitor_history **list)
{
    while (*list != NULL) {
        struct monitor_history *history = *list;
        *list = history->next;
        mem_free(history);
    }
}

void monitor__histories_free(struct monitor *monitor)
{
    list_free(&monitor->held);
    list_free(&monitor->asked);
}

/* --- notes --- */

static void msg_free(struct msg *msg)
{
    mem_free(msg);
}

static int flag_send(struct monitor *monitor, const struct monitor_ask *ask, uint64_t host)
{
    struct front_flag *flag = mem_calloc(1, sizeof *flag);
    if (flag == NULL)
        return STATUS_NOMEM;
    flag->msg = (struct msg){.kind = FRONT_FLAG, .session = host, .free_fn = msg_free};
    flag->watcher = ask->msg.session;
    flag->segment = ask->message->segment;
    snprintf(flag->by, sizeof flag->by, "%s", ask->by);
    snprintf(flag->note, sizeof flag->note, "%s", ask->message->note);
    int status = monitor->config.to_host(monitor->config.ctx, &flag->msg);
    if (status != STATUS_OK)
        mem_free(flag);
    return status;
}

static void on_flag(struct monitor *monitor, struct monitor_watcher *watcher,
                    const struct monitor_ask *ask)
{
    const char *session = ask->message->session;
    struct board_session found;
    int status = STATUS_NOT_FOUND;
    if (board_find(monitor->board, session, &found) &&
        board_scope_sees(watcher->scope, found.class_name))
        status = flag_send(monitor, ask, found.id);
    if (status == STATUS_NOT_FOUND)
        monitor__error(monitor, watcher, "not_found",
                       "no such session in what you may see, or it is over: only a session that "
                       "goes on can be flagged",
                       session);
    else if (status != STATUS_OK)
        monitor__error(monitor, watcher, "rate_limited", "the server is busy: flag it again",
                       session);
}

void monitor__flagged(struct monitor *monitor, const struct monitor_flagged *flagged)
{
    struct monitor_watcher *watcher = monitor__watcher(monitor, flagged->msg.session);
    if (watcher == NULL)
        return;
    if (flagged->status == STATUS_NOT_FOUND) {
        monitor__error(monitor, watcher, "not_found", "no such segment in this session",
                       flagged->session);
        return;
    }
    if (flagged->status != STATUS_OK) {
        monitor__error(monitor, watcher, "storage", "the note could not be stored: flag it again",
                       flagged->session);
        return;
    }
    struct buf bytes;
    buf_init(&bytes, EVENT_BYTES_MAX);
    buf_putc(&bytes, '{');
    json_set_text(&bytes, "type", "flagged");
    json_set_text(&bytes, "session", flagged->session);
    json_set_int(&bytes, "segment", flagged->segment);
    buf_putc(&bytes, '}');
    monitor__answer(monitor, watcher,
                    buf_status(&bytes) == STATUS_OK ? out_again(0, bytes.data, bytes.len) : NULL);
    buf_deinit(&bytes);
}

/* --- all of them --- */

void monitor__ask(struct monitor *monitor, struct monitor_ask *ask)
{
    const struct monitor_message *message = ask->message;
    struct monitor_watcher *watcher = monitor__watcher(monitor, ask->msg.session);
    if (watcher == NULL) {
        monitor__send_to(
            monitor, ask->msg.session,
            monitor_message_error("start_required", "the first message is a watch", ""));
        return;
    }
    switch (message->kind) {
    case MONITOR_MESSAGE_BAD:
    case MONITOR_MESSAGE_UNKNOWN:
        monitor__error(monitor, watcher, message->code, message->problem, message->session);
        break;
    case MONITOR_MESSAGE_HISTORY: on_history(monitor, watcher, message); break;
    case MONITOR_MESSAGE_FLAG: on_flag(monitor, watcher, ask); break;
    case MONITOR_MESSAGE_WATCH: assert(!"a watch is MONITOR_WATCH"); break;
    }
}
