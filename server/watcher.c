#include "server/watcher.h"

#include "base/log.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/auth.h"
#include "server/directory.h"
#include "server/event.h"
#include "server/front.h"
#include "server/glances.h"
#include "server/metrics.h"
#include "server/monitor.h"
#include "server/monitor_message.h"
#include "server/out.h"
#include "server/peers_gate.h"
#include "server/secret.h"
#include "server/server.h"
#include "server/token.h"
#include "server/watcher_job.h"
#include "server/ws.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define MS 1000LL
/* Messages of one watcher at the workers; the next waits in the socket. */
#define PARSING_MAX  4
#define GOAWAY_BYTES 128
/* The library takes a peer that is not read for dead. */
#define ALIVE_US 500000

static const struct intake_limits intake_limits = {
    .bytes_max = MONITOR_MESSAGE_BYTES_MAX,
    .fragments_max = FRAME_FRAGMENTS_MAX,
    .frames_per_s = FRAMES_PER_S_MAX,
    .frames_burst = FRAMES_BURST,
    .texts_per_s = MONITOR_TEXTS_PER_S,
    .texts_burst = MONITOR_TEXTS_BURST,
    .control_bytes_per_s = CONTROL_BYTES_PER_S,
    .control_burst_bytes = CONTROL_BYTES_BURST,
};

static void plain_free(struct msg *msg)
{
    mem_free(msg);
}

/* --- to the monitor --- */

static bool is_closing(const struct watcher *watcher)
{
    return watcher->state == WATCHER_CLOSING || watcher->state == WATCHER_CLOSED;
}

static void kill_socket(struct watcher *watcher)
{
    if (watcher->state == WATCHER_CLOSED)
        return;
    watcher_abandon(watcher);
    ws_kill(watcher->wsi);
}

static void tell(struct watcher *watcher, enum monitor_kind kind)
{
    struct msg *msg = mem_alloc(sizeof *msg);
    if (msg == NULL) {
        /* The monitor would wait for ever: its next message finds nobody, and is passed over. */
        if (kind == MONITOR_TAKEN)
            kill_socket(watcher);
        return;
    }
    *msg = (struct msg){.kind = kind, .session = watcher->id, .free_fn = plain_free};
    glances_send(watcher->front, msg);
}

/* --- to the socket --- */

static void drop_outs(struct watcher *watcher)
{
    while (watcher->outs_len > 0)
        out_unref(watcher->outs[--watcher->outs_len].out);
}

/* Takes `out`; NULL: out of memory. */
static void queue(struct watcher *watcher, struct out *out, bool monitors)
{
    if (is_closing(watcher)) {
        out_unref(out);
        return;
    }
    if (out == NULL || watcher->outs_len == WATCHER_OUTS) {
        out_unref(out);
        kill_socket(watcher);
        return;
    }
    watcher->outs[watcher->outs_len++] = (struct watcher_out){.out = out, .monitors = monitors};
    if (out->close_code != 0) {
        watcher->state = WATCHER_CLOSING;
        watcher->close_code = out->close_code;
    }
    ws_want_write(watcher->wsi);
}

static void close_with(struct watcher *watcher, int code)
{
    if (is_closing(watcher))
        return;
    watcher->close_code = code;
    watcher->state = WATCHER_CLOSING;
    ws_want_write(watcher->wsi);
}

static void fail(struct watcher *watcher, const char *code, const char *text)
{
    queue(watcher, monitor_message_error(code, text, ""), false);
}

/* The last message has been given to the kernel, which has room for another. */
static void taken(struct watcher *watcher)
{
    if (!watcher->taking)
        return;
    watcher->taking = false;
    tell(watcher, MONITOR_TAKEN);
}

bool watcher_next(struct watcher *watcher, char **data, size_t *len)
{
    /* It is asked when the socket has room. */
    taken(watcher);
    if (watcher->outs_len == 0)
        return false;
    struct out *out = watcher->outs[0].out;
    *data = out->body;
    *len = out->len;
    return true;
}

void watcher_sent(struct watcher *watcher)
{
    assert(watcher->outs_len > 0);
    struct watcher_out sent = watcher->outs[0];
    metrics_add(METRIC_EVENTS, 1);
    metrics_add(METRIC_EVENT_BYTES, sent.out->len);
    watcher->taking = watcher->taking || sent.monitors;
    watcher->outs_len--;
    memmove(watcher->outs, watcher->outs + 1, watcher->outs_len * sizeof watcher->outs[0]);
    out_unref(sent.out);
}

bool watcher_may_close(const struct watcher *watcher)
{
    return watcher->state == WATCHER_CLOSING && watcher->outs_len == 0;
}

bool watcher_has_output(const struct watcher *watcher)
{
    return watcher->outs_len > 0 || watcher->taking || watcher_may_close(watcher);
}

void watcher_abandon(struct watcher *watcher)
{
    watcher->state = WATCHER_CLOSED;
    watcher->taking = false;
    drop_outs(watcher);
}

/* --- life --- */

static void on_timer(struct loop_timer *timer);
static void pace_soon(struct watcher *watcher, int64_t due_us);

static void timer_set(struct watcher *watcher)
{
    int64_t due_us = watcher->claims != NULL ? auth_until_us(watcher->claims) : INT64_MAX;
    if (watcher->leave_us != 0 && watcher->leave_us < due_us)
        due_us = watcher->leave_us;
    if (due_us == INT64_MAX)
        loop_timer_stop(&watcher->timer);
    else
        loop_timer_start(watcher->front->loop, &watcher->timer, due_us, on_timer);
}

static void on_timer(struct loop_timer *timer)
{
    struct watcher *watcher = (struct watcher *)((char *)timer - offsetof(struct watcher, timer));
    int64_t now_us = loop_now_us(watcher->front->loop);
    if (watcher->leave_us != 0 && now_us >= watcher->leave_us)
        close_with(watcher, 1001);
    else if (watcher->known)
        fail(watcher, "unauthorized", "the token has expired: watch with another");
    else
        fail(watcher, "start_required", "watch did not come within 5 s");
}

static void list_add(struct front *front, struct watcher *watcher)
{
    watcher->next = front->watchers;
    watcher->link = &front->watchers;
    if (watcher->next != NULL)
        watcher->next->link = &watcher->next;
    front->watchers = watcher;
}

static void list_remove(struct watcher *watcher)
{
    *watcher->link = watcher->next;
    if (watcher->next != NULL)
        watcher->next->link = watcher->link;
}

static struct watcher *find(const struct front *front, uint64_t id)
{
    struct watcher *watcher = front->watchers;
    while (watcher != NULL && watcher->id != id)
        watcher = watcher->next;
    return watcher;
}

/* Those of all fronts together. */
static bool take_place(struct server *server)
{
    /* Relaxed: a count that orders nothing. */
    if (atomic_fetch_add_explicit(&server->watchers, 1, memory_order_relaxed) < MONITORS_MAX)
        return true;
    atomic_fetch_sub_explicit(&server->watchers, 1, memory_order_relaxed);
    return false;
}

static void give_place(struct server *server)
{
    atomic_fetch_sub_explicit(&server->watchers, 1, memory_order_relaxed);
}

struct watcher *watcher_create(struct front *front, struct lws *wsi)
{
    int64_t now_us = loop_now_us(front->loop);
    struct watcher *watcher = mem_calloc(1, sizeof *watcher);
    if (watcher == NULL)
        return NULL;
    watcher->front = front;
    watcher->wsi = wsi;
    buf_init(&watcher->text, MONITOR_MESSAGE_BYTES_MAX);
    if (!take_place(front->server)) {
        mem_free(watcher);
        return NULL;
    }
    if (directory_add(front->server->directory, DIRECTORY_CONNECTION, front->index, &watcher->id) !=
        STATUS_OK) {
        give_place(front->server);
        mem_free(watcher);
        metrics_add(METRIC_CONNECTIONS_REFUSED, 1);
        return NULL;
    }
    list_add(front, watcher);
    front->live++;
    metrics_add(METRIC_CONNECTIONS, 1);
    loop_timer_start(front->loop, &watcher->timer, now_us + START_WAIT_MS * MS, on_timer);
    ws_bound_unsent(wsi, MONITOR_UNSENT_BYTES);
    watcher->intake.explained = ws_received(wsi); /* the handshake */
    pace_soon(watcher, now_us + FLOOD_LOOK_MS * MS);
    return watcher;
}

void watcher_destroy(struct watcher *watcher)
{
    struct front *front = watcher->front;
    watcher_abandon(watcher);
    loop_timer_stop(&watcher->timer);
    loop_timer_stop(&watcher->pace);
    list_remove(watcher);
    if (watcher->known)
        tell(watcher, MONITOR_LEAVE);
    directory_remove(front->server->directory, watcher->id);
    buf_deinit(&watcher->text);
    secret_free(watcher->credential);
    token_claims_free(watcher->claims);
    give_place(front->server);
    mem_free(watcher);
    front_conn_gone(front);
}

/* --- bytes in --- */

static bool must_pause(const struct watcher *watcher)
{
    return !is_closing(watcher) &&
           (watcher->parsing >= PARSING_MAX || (!watcher->known && watcher->parsing > 0));
}

static bool too_fast(struct watcher *watcher, int64_t now_us)
{
    int64_t due_us = intake_due_us(&watcher->intake, &intake_limits);
    if (due_us <= now_us || is_closing(watcher))
        return false;
    pace_soon(watcher, due_us);
    return true;
}

static void set_pace(struct watcher *watcher)
{
    int64_t now_us = loop_now_us(watcher->front->loop);
    bool pause = too_fast(watcher, now_us) || must_pause(watcher);
    if (watcher->state == WATCHER_CLOSED)
        return;
    if (pause && now_us >= watcher->alive_due_us) {
        ws_alive(watcher->wsi);
        watcher->alive_due_us = now_us + ALIVE_US;
    }
    if (pause != watcher->rx_paused) {
        watcher->rx_paused = pause;
        ws_pause_rx(watcher->wsi, pause);
    }
}

static void on_pace(struct loop_timer *timer)
{
    struct watcher *watcher = (struct watcher *)((char *)timer - offsetof(struct watcher, pace));
    int64_t now_us = loop_now_us(watcher->front->loop);
    if (!is_closing(watcher)) {
        pace_soon(watcher, now_us + FLOOD_LOOK_MS * MS);
        if (intake_flooded(&watcher->intake, &intake_limits, ws_received(watcher->wsi), now_us)) {
            LOG_WARN(LOG_FRONT, watcher->id, "watcher floods, closing", "unexplained_bytes=%llu",
                     (unsigned long long)watcher->intake.unexplained);
            metrics_add(METRIC_FLOODS_CLOSED, 1);
            kill_socket(watcher);
        }
    }
    set_pace(watcher);
}

static void pace_soon(struct watcher *watcher, int64_t due_us)
{
    loop_timer_start(watcher->front->loop, &watcher->pace, due_us, on_pace);
}

static bool take(struct watcher *watcher, const struct intake_piece *piece)
{
    int64_t now_us = loop_now_us(watcher->front->loop);
    char text[96];
    if (piece->first)
        buf_reset(&watcher->text);
    switch (intake_take(&watcher->intake, &intake_limits, piece, now_us)) {
    case INTAKE_TAKEN: break;
    case INTAKE_TOO_BIG:
        snprintf(text, sizeof text, "a message holds at most %d bytes", MONITOR_MESSAGE_BYTES_MAX);
        fail(watcher, "frame_too_big", text);
        return false;
    case INTAKE_NOT_UTF8: close_with(watcher, 1007); return false;
    }
    if (!watcher->intake.text) {
        close_with(watcher, 1003); /* RFC 6455 §7.4.1: a type of data that is not accepted */
        return false;
    }
    if (!intake_tell(&watcher->intake, &intake_limits, now_us))
        return true;
    metrics_add(METRIC_TEXTS_HELD, 1);
    snprintf(text, sizeof text, "more than %d messages a second are read more slowly",
             MONITOR_TEXTS_PER_S);
    fail(watcher, "rate_limited", text);
    return !is_closing(watcher);
}

void watcher_receive(struct watcher *watcher, const struct intake_piece *piece)
{
    if (is_closing(watcher) || !take(watcher, piece))
        return;
    buf_append(&watcher->text, piece->bytes, piece->len);
    if (piece->last) {
        metrics_add(METRIC_TEXT_MESSAGES, 1);
        if (watcher_job_submit(watcher, &watcher->text) == STATUS_OK)
            watcher->parsing++;
        else
            kill_socket(watcher);
    }
    set_pace(watcher);
}

/* --- messages of the front's mailbox --- */

/* Whose it is from now on. */
static void take_claims(struct watcher *watcher, struct watcher_heard *heard)
{
    secret_free(watcher->credential);
    token_claims_free(watcher->claims);
    watcher->credential = NULL;
    watcher->claims = heard->claims;
    heard->claims = NULL;
    watcher->known = true;
    if (watcher->state == WATCHER_OPEN)
        watcher->state = WATCHER_LIVE;
    timer_set(watcher);
}

static void on_heard(struct watcher *watcher, struct watcher_heard *heard)
{
    struct front *front = watcher->front;
    bool watch = heard->ask != NULL && heard->ask->msg.kind == MONITOR_WATCH;
    if (heard->refused)
        peers_failed(front->server->peers, peers_gate_hold(watcher->wsi), loop_now_us(front->loop));
    if (watch)
        take_claims(watcher, heard);
    if (watcher->known && heard->ask != NULL) {
        struct msg *msg = &heard->ask->msg;
        heard->ask = NULL;
        glances_send(front, msg);
        return;
    }
    struct out *answer = heard->answer;
    heard->answer = NULL;
    queue(watcher, answer, false);
}

void watcher_on_heard(struct front *front, struct watcher_heard *heard)
{
    struct watcher *watcher = find(front, heard->job.msg.session);
    if (watcher != NULL) {
        watcher->parsing--;
        if (!is_closing(watcher))
            on_heard(watcher, heard);
        set_pace(watcher);
    }
    watcher_heard_free(heard);
}

void watcher_on_monitor(struct front *front, struct msg *msg)
{
    struct front_monitor *from = (struct front_monitor *)msg;
    for (size_t i = 0; i < from->len; i++) {
        struct watcher *watcher = find(front, from->watchers[i]);
        if (watcher != NULL && !is_closing(watcher))
            queue(watcher, out_ref(from->out), true);
    }
    msg->free_fn(msg);
}

/* --- the server stops --- */

static struct out *goaway_create(uint32_t within_ms)
{
    char text[GOAWAY_BYTES];
    int len = snprintf(text, sizeof text,
                       "{\"type\":\"session.goaway\",\"reason\":\"shutdown\",\"within_ms\":%u}",
                       within_ms);
    return out_again(0, text, (size_t)len);
}

void watcher_goaway(struct watcher *watcher, uint32_t within_ms)
{
    watcher->leave_us = loop_now_us(watcher->front->loop) + within_ms * MS;
    timer_set(watcher);
    queue(watcher, goaway_create(within_ms), false);
}
