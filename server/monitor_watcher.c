/* Watchers: what each has seen and what waits for it. */
#include "base/buf.h"
#include "base/json_text.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/metrics.h"
#include "server/monitor_internal.h"
#include "server/monitor_message.h"
#include "server/out.h"
#include "server/server.h"
#include <assert.h>
#include <string.h>

/* A final, as it stands in the list of a delta. */
struct monitor_piece {
    struct monitor_piece *next;
    size_t len;
    char text[];
};

/* --- messages to fronts --- */

static void to_front_free(struct msg *msg)
{
    out_unref(((struct front_monitor *)msg)->out);
    mem_free(msg);
}

/* Room for `len` watchers; takes `out` when not NULL. */
static struct front_monitor *to_front_make(struct out *out, size_t len)
{
    struct front_monitor *message = mem_calloc(1, sizeof *message + len * sizeof(uint64_t));
    if (message == NULL)
        return NULL;
    message->msg = (struct msg){.kind = FRONT_MONITOR, .free_fn = to_front_free};
    message->out = out;
    return message;
}

static int send_one(struct monitor *monitor, unsigned front, uint64_t id, struct out *out)
{
    size_t len = out->len;
    struct front_monitor *message = to_front_make(out, 1);
    if (message == NULL)
        return STATUS_FULL;
    message->watchers[message->len++] = id;
    int status = monitor->config.to_front(monitor->config.ctx, front, &message->msg);
    if (status == STATUS_OK)
        metrics_add(METRIC_MONITOR_BYTES, len);
    else
        mem_free(message); /* `out` stays the caller's */
    return status;
}

void monitor__send_to(struct monitor *monitor, uint64_t id, struct out *out)
{
    int front = monitor->config.front_of(monitor->config.ctx, id);
    if (out != NULL && (front < 0 || send_one(monitor, (unsigned)front, id, out) != STATUS_OK))
        out_unref(out); /* it comes back when it hears nothing */
}

/* --- life --- */

struct monitor_watcher *monitor__watcher(struct monitor *monitor, uint64_t id)
{
    struct monitor_watcher *watcher = monitor->watchers;
    while (watcher != NULL && watcher->id != id)
        watcher = watcher->next;
    return watcher;
}

static void drop_finals(struct monitor_watcher *watcher)
{
    for (struct monitor_piece *piece = watcher->finals, *next; piece != NULL; piece = next) {
        next = piece->next;
        watcher->bytes -= piece->len;
        mem_free(piece);
    }
    watcher->finals = NULL;
    watcher->finals_tail = &watcher->finals;
}

static void drop_answer(struct monitor_watcher *watcher)
{
    struct out *out = watcher->answers;
    watcher->bytes -= out->len;
    watcher->answers = out->next;
    if (watcher->answers == NULL)
        watcher->answers_tail = &watcher->answers;
    out->next = NULL;
}

static void watcher_free(struct monitor_watcher *watcher)
{
    while (watcher->answers != NULL) {
        struct out *out = watcher->answers;
        drop_answer(watcher);
        out_unref(out);
    }
    drop_finals(watcher);
    assert(watcher->bytes == 0);
    board_scope_free(watcher->scope);
    mem_free(watcher);
}

static void count(struct monitor *monitor, int by)
{
    atomic_fetch_add_explicit(&monitor->watchers_len, (unsigned)by, memory_order_relaxed);
}

static void remove_at(struct monitor *monitor, struct monitor_watcher **link)
{
    struct monitor_watcher *watcher = *link;
    for (unsigned i = 0; i < watcher->sessions_len; i++)
        monitor__detail_drop(monitor, watcher->sessions[i]);
    *link = watcher->next;
    watcher_free(watcher);
    count(monitor, -1);
}

void monitor__leave(struct monitor *monitor, uint64_t id)
{
    for (struct monitor_watcher **link = &monitor->watchers; *link != NULL; link = &(*link)->next)
        if ((*link)->id == id) {
            remove_at(monitor, link);
            return;
        }
}

void monitor__watchers_free(struct monitor *monitor)
{
    while (monitor->watchers != NULL) {
        struct monitor_watcher *watcher = monitor->watchers;
        monitor->watchers = watcher->next;
        watcher_free(watcher);
    }
}

/* NULL: refused, or gone meanwhile. */
static struct monitor_watcher *join(struct monitor *monitor, uint64_t id)
{
    unsigned len = atomic_load_explicit(&monitor->watchers_len, memory_order_relaxed);
    int front = monitor->config.front_of(monitor->config.ctx, id);
    struct monitor_watcher *watcher =
        len < MONITORS_MAX && front >= 0 ? mem_calloc(1, sizeof *watcher) : NULL;
    if (watcher == NULL) {
        monitor__send_to(monitor, id,
                         monitor_message_error("over_capacity", "too many watch already", ""));
        return NULL;
    }
    watcher->id = id;
    watcher->front = (unsigned)front;
    watcher->answers_tail = &watcher->answers;
    watcher->finals_tail = &watcher->finals;
    watcher->next = monitor->watchers;
    monitor->watchers = watcher;
    count(monitor, 1);
    return watcher;
}

bool monitor__names(const struct monitor_watcher *watcher, const char *session)
{
    for (unsigned i = 0; i < watcher->sessions_len; i++)
        if (strcmp(watcher->sessions[i], session) == 0)
            return true;
    return false;
}

/* Finals of before would tell of other sessions than are named now, or twice what a new history
 * tells: a new watch starts anew. */
void monitor__watch(struct monitor *monitor, struct monitor_ask *ask)
{
    const struct monitor_message *message = ask->message;
    char before[MONITOR_SESSIONS_MAX][SESSION_NAME_BYTES];
    struct monitor_watcher *watcher = monitor__watcher(monitor, ask->msg.session);
    if (watcher == NULL && (watcher = join(monitor, ask->msg.session)) == NULL)
        return;
    assert(message->kind == MONITOR_MESSAGE_WATCH && ask->scope != NULL);
    unsigned before_len = watcher->sessions_len, len = 0;
    memcpy(before, watcher->sessions, sizeof before);
    while (len < message->sessions_len && monitor__detail_add(monitor, message->sessions[len]))
        len++;
    for (unsigned i = 0; i < before_len; i++)
        monitor__detail_drop(monitor, before[i]);
    memcpy(watcher->sessions, message->sessions, sizeof watcher->sessions);
    watcher->sessions_len = len;
    if (len < message->sessions_len)
        monitor__close(monitor, watcher, "there is no memory to watch a session closely");
    board_scope_free(watcher->scope);
    watcher->scope = ask->scope;
    ask->scope = NULL;
    watcher->seen = 0;
    drop_finals(watcher);
    monitor->due = true;
}

/* --- what waits --- */

void monitor__close(struct monitor *monitor, struct monitor_watcher *watcher, const char *why)
{
    if (watcher->why != NULL)
        return;
    watcher->why = why;
    monitor->behind = true;
    metrics_add(METRIC_MONITOR_CLOSED, 1);
}

static bool is_over(struct monitor *monitor, struct monitor_watcher *watcher, size_t more)
{
    if (watcher->bytes + more <= MONITOR_QUEUE_BYTES)
        return false;
    monitor__close(monitor, watcher,
                   "you take too slowly what you have asked for: come back and watch again");
    return true;
}

void monitor__answer(struct monitor *monitor, struct monitor_watcher *watcher, struct out *out)
{
    if (out == NULL)
        monitor__close(monitor, watcher, "there is no memory for an answer");
    if (watcher->why != NULL || is_over(monitor, watcher, out->len)) {
        out_unref(out);
        return;
    }
    *watcher->answers_tail = out;
    watcher->answers_tail = &out->next;
    watcher->bytes += out->len;
}

void monitor__error(struct monitor *monitor, struct monitor_watcher *watcher, const char *code,
                    const char *text, const char *session)
{
    monitor__answer(monitor, watcher, monitor_message_error(code, text, session));
}

static struct monitor_piece *piece_make(const struct monitor_final *final)
{
    struct buf text;
    struct monitor_piece *piece = NULL;
    buf_init(&text, final->len + 256);
    buf_putc(&text, '{');
    json_set_text(&text, "session", final->session);
    json_set_int(&text, "seq", (int64_t) final->seq);
    buf_putc(&text, ',');
    buf_append(&text, final->body, final->len);
    if (buf_status(&text) == STATUS_OK)
        piece = mem_alloc(sizeof *piece + text.len);
    if (piece != NULL) {
        *piece = (struct monitor_piece){.len = text.len};
        memcpy(piece->text, text.data, text.len);
    }
    buf_deinit(&text);
    return piece;
}

void monitor__final(struct monitor *monitor, const struct monitor_final *final)
{
    struct board_session found;
    if (!board_find(monitor->board, final->session, &found))
        return;
    for (struct monitor_watcher *watcher = monitor->watchers; watcher != NULL;
         watcher = watcher->next) {
        if (watcher->why != NULL || !monitor__names(watcher, final->session) ||
            !board_scope_sees(watcher->scope, found.class_name) ||
            is_over(monitor, watcher, final->len))
            continue;
        struct monitor_piece *piece = piece_make(final);
        if (piece == NULL) {
            monitor__close(monitor, watcher, "there is no memory for what was said");
            continue;
        }
        *watcher->finals_tail = piece;
        watcher->finals_tail = &piece->next;
        watcher->bytes += piece->len;
        monitor->due = true;
    }
}

void monitor__taken(struct monitor *monitor, uint64_t id)
{
    struct monitor_watcher *watcher = monitor__watcher(monitor, id);
    if (watcher == NULL)
        return;
    watcher->under_way = false;
    if (watcher->finals != NULL || watcher->seen + 1 < board_version(monitor->board))
        monitor->due = true;
}

static void send_answer(struct monitor *monitor, struct monitor_watcher *watcher)
{
    struct out *out = watcher->answers;
    drop_answer(watcher);
    size_t len = out->len;
    int status = send_one(monitor, watcher->front, watcher->id, out);
    watcher->under_way = status == STATUS_OK;
    if (status == STATUS_FULL) { /* in front of the others again */
        out->next = watcher->answers;
        if (watcher->answers == NULL)
            watcher->answers_tail = &out->next;
        watcher->answers = out;
        watcher->bytes += len;
        monitor->behind = true;
    } else if (status != STATUS_OK) {
        out_unref(out);
    }
}

void monitor__finals_write(const struct monitor_watcher *watcher, struct buf *out)
{
    buf_puts(out, ",\"finals\":[");
    for (const struct monitor_piece *piece = watcher->finals; piece != NULL; piece = piece->next) {
        if (piece != watcher->finals)
            buf_putc(out, ',');
        buf_append(out, piece->text, piece->len);
    }
    buf_putc(out, ']');
}

/* A snapshot carries no finals: they follow with the next delta. */
static void told(struct monitor_watcher *watcher, uint64_t version, bool with_finals)
{
    watcher->under_way = true;
    watcher->seen = version;
    if (with_finals)
        drop_finals(watcher);
}

void monitor__send_changes(struct monitor *monitor, struct monitor_watcher *to,
                           const struct monitor_changes *changes)
{
    struct out *out = changes->out;
    struct front_monitor *message = out != NULL ? to_front_make(out, changes->len) : NULL;
    size_t bytes = out != NULL ? out->len * changes->len : 0;
    int status = message != NULL ? STATUS_OK : STATUS_FULL;
    for (const struct monitor_watcher *watcher = to; message != NULL && watcher != NULL;
         watcher = watcher->same)
        message->watchers[message->len++] = watcher->id;
    if (message != NULL)
        status = monitor->config.to_front(monitor->config.ctx, to->front, &message->msg);
    if (status != STATUS_OK) {
        mem_free(message);
        out_unref(out);
        monitor->due = true;
        return;
    }
    metrics_add(METRIC_MONITOR_DELTAS, changes->len);
    metrics_add(METRIC_MONITOR_BYTES, bytes);
    for (struct monitor_watcher *watcher = to; watcher != NULL; watcher = watcher->same)
        told(watcher, changes->version, changes->with_finals);
}

/* True: the watcher needs nothing more. */
static bool send_last(struct monitor *monitor, struct monitor_watcher *watcher)
{
    struct out *last = monitor_message_error("over_capacity", watcher->why, "");
    int status = last != NULL ? send_one(monitor, watcher->front, watcher->id, last) : STATUS_FULL;
    if (status != STATUS_OK)
        out_unref(last);
    return status != STATUS_FULL;
}

void monitor__flush(struct monitor *monitor)
{
    struct monitor_watcher **link = &monitor->watchers;
    while (*link != NULL) {
        struct monitor_watcher *watcher = *link;
        if (watcher->why != NULL && send_last(monitor, watcher)) {
            remove_at(monitor, link);
            continue;
        }
        if (watcher->why != NULL)
            monitor->behind = true;
        else if (watcher->answers != NULL && !watcher->under_way)
            send_answer(monitor, watcher);
        link = &watcher->next;
    }
}
