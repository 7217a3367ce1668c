#include "server/monitor.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "server/metrics.h"
#include "server/monitor_internal.h"
#include "server/server.h"
#include "server/store_query.h"
#include <assert.h>
#include <time.h>

#define AGAIN_MS     10   /* to the next try of what a front had no room for */
#define MESSAGES_MAX 1024 /* between two looks at the clock */
/* A full mailbox is tried again after this by a thread of the store's. */
#define PAGE_RETRY_NS 1000000

/* --- fronts are told whether anybody watches --- */

static void msg_free(struct msg *msg)
{
    mem_free(msg);
}

static bool tell_front(struct monitor *monitor, unsigned index)
{
    struct monitor_front *front = &monitor->fronts[index];
    struct front_watch *watch = mem_calloc(1, sizeof *watch);
    if (watch == NULL)
        return false;
    watch->msg = (struct msg){.kind = FRONT_WATCH, .free_fn = msg_free};
    watch->on = monitor->watching;
    watch->round = monitor->round;
    int status = monitor->config.to_front(monitor->config.ctx, index, &watch->msg);
    if (status != STATUS_OK)
        mem_free(watch);
    if (status == STATUS_FULL)
        return false;
    front->on = monitor->watching;
    front->round = monitor->round;
    front->answered = status != STATUS_OK; /* it stops: it has nothing to tell */
    return true;
}

static void tell_fronts(struct monitor *monitor)
{
    for (unsigned i = 0; i < monitor->config.fronts; i++) {
        const struct monitor_front *front = &monitor->fronts[i];
        if ((front->on != monitor->watching || front->round != monitor->round) &&
            !tell_front(monitor, i))
            monitor->behind = true;
    }
}

/* With the first watcher everything is asked for, with the last one it is forgotten. */
static void look_whether_watched(struct monitor *monitor)
{
    bool watching = monitor->watchers != NULL;
    if (watching != monitor->watching) {
        monitor->watching = watching;
        monitor->round++;
        board_clear(monitor->board);
        monitor__details_reset(monitor);
        monitor->gather_us = clock_mono_us() + MONITOR_GATHER_MS * MS;
        for (unsigned i = 0; i < monitor->config.fronts; i++)
            monitor->fronts[i].answered = false;
    }
    tell_fronts(monitor);
}

static bool has_gathered(const struct monitor *monitor, int64_t now_us)
{
    if (now_us >= monitor->gather_us)
        return true;
    for (unsigned i = 0; i < monitor->config.fronts; i++)
        if (!monitor->fronts[i].answered)
            return false;
    return true;
}

/* --- messages --- */

static void on_glances(struct monitor *monitor, const struct monitor_glances *glances)
{
    assert(glances->front < monitor->config.fronts);
    if (!monitor->watching || glances->round != monitor->round)
        return;
    for (size_t i = 0; i < glances->len; i++) {
        int status;
        if (board_apply(monitor->board, &glances->changes[i], &status))
            monitor->due = true;
        if (status != STATUS_OK)
            LOG_WARN(LOG_FRONT, glances->changes[i].id, "teachers are not shown a session",
                     "status=%s", status_name(status));
        monitor__detail_look(monitor, glances->changes[i].session);
    }
    if (glances->all)
        monitor->fronts[glances->front].answered = true;
}

static void receive(struct monitor *monitor, struct msg *msg)
{
    switch ((enum monitor_kind)msg->kind) {
    case MONITOR_GLANCES: on_glances(monitor, (const struct monitor_glances *)msg); break;
    case MONITOR_WATCH: monitor__watch(monitor, (struct monitor_ask *)msg); break;
    case MONITOR_ASK: monitor__ask(monitor, (struct monitor_ask *)msg); break;
    case MONITOR_TAKEN: monitor__taken(monitor, msg->session); break;
    case MONITOR_LEAVE: monitor__leave(monitor, msg->session); break;
    case MONITOR_DETAIL: monitor__detail_heard(monitor, (const struct monitor_detail *)msg); break;
    case MONITOR_FINAL: monitor__final(monitor, (const struct monitor_final *)msg); break;
    case MONITOR_FLAGGED: monitor__flagged(monitor, (const struct monitor_flagged *)msg); break;
    case MONITOR_PAGE: monitor__on_page(monitor, (const struct store_page *)msg); break;
    }
    msg->free_fn(msg);
}

/* --- the thread --- */

/* When there is something to do without a message; INT64_MAX: never. */
static int64_t next_us(const struct monitor *monitor, int64_t histories_us, int64_t now_us)
{
    int64_t next = histories_us, tick = monitor->tick_us + monitor->config.tick_ms * MS;
    if (monitor->due && !has_gathered(monitor, now_us))
        tick = tick > monitor->gather_us ? tick : monitor->gather_us;
    if (monitor->due && tick < next)
        next = tick;
    if (monitor->behind && now_us + AGAIN_MS * MS < next)
        next = now_us + AGAIN_MS * MS;
    return next;
}

static int64_t work(struct monitor *monitor)
{
    int64_t now_us = clock_mono_us();
    monitor->behind = false;
    int64_t histories_us = monitor__histories_run(monitor, now_us);
    monitor__flush(monitor);
    look_whether_watched(monitor);
    if (monitor->due && now_us >= monitor->tick_us + monitor->config.tick_ms * MS &&
        has_gathered(monitor, now_us)) {
        monitor->tick_us = now_us;
        monitor->due = false;
        monitor__tick(monitor);
    }
    return next_us(monitor, histories_us, now_us);
}

static int timeout_ms(int64_t due_us)
{
    int64_t left_us = due_us - clock_mono_us();
    if (due_us == INT64_MAX)
        return -1;
    return left_us > 0 ? (int)((left_us + MS - 1) / MS) : 0;
}

static void *run(void *ctx)
{
    struct monitor *monitor = ctx;
    int64_t due_us = INT64_MAX;
    while (!atomic_load_explicit(&monitor->stopping, memory_order_acquire)) {
        struct msg *msg = mailbox_wait(monitor->mailbox, timeout_ms(due_us));
        for (unsigned i = 0; msg != NULL; i++) {
            receive(monitor, msg);
            msg = i < MESSAGES_MAX ? mailbox_recv(monitor->mailbox) : NULL;
        }
        due_us = work(monitor);
    }
    return NULL;
}

/* --- life --- */

int monitor_create(struct monitor **out, const struct monitor_config *config)
{
    struct monitor *monitor = mem_calloc(1, sizeof *monitor);
    assert(config->fronts > 0 && config->fronts <= FRONTS_MAX);
    if (monitor == NULL)
        return STATUS_NOMEM;
    monitor->config = *config;
    monitor->asked_tail = &monitor->asked;
    atomic_init(&monitor->stopping, true); /* until there is a thread */
    monitor->mailbox = mailbox_create(MONITOR_INBOX, NULL, NULL);
    monitor->board = board_create(config->sessions_max, MONITOR_GONE_MAX);
    if (monitor->mailbox == NULL || monitor->board == NULL) {
        monitor_free(monitor);
        return STATUS_NOMEM;
    }
    atomic_store_explicit(&monitor->stopping, false, memory_order_release);
    int status = thread_start(&monitor->thread, "monitor", run, monitor);
    if (status != STATUS_OK) {
        atomic_store_explicit(&monitor->stopping, true, memory_order_release);
        monitor_free(monitor);
        return status;
    }
    *out = monitor;
    return STATUS_OK;
}

void monitor_stop(struct monitor *monitor)
{
    if (atomic_exchange_explicit(&monitor->stopping, true, memory_order_acq_rel))
        return;
    mailbox_close(monitor->mailbox);
    pthread_join(monitor->thread, NULL);
}

void monitor_free(struct monitor *monitor)
{
    if (monitor == NULL)
        return;
    monitor_stop(monitor);
    monitor__watchers_free(monitor);
    monitor__details_free(monitor);
    monitor__histories_free(monitor);
    if (monitor->board != NULL)
        board_destroy(monitor->board);
    if (monitor->mailbox != NULL)
        mailbox_destroy(monitor->mailbox);
    mem_free(monitor);
}

int monitor_send(struct monitor *monitor, struct msg *msg)
{
    return mailbox_send(monitor->mailbox, msg);
}

void monitor_page(struct monitor *monitor, struct store_page *page)
{
    page->msg.kind = MONITOR_PAGE;
    for (;;) {
        int status = mailbox_send(monitor->mailbox, &page->msg);
        if (status == STATUS_OK)
            return;
        if (status != STATUS_FULL)
            break;
        nanosleep(&(struct timespec){.tv_nsec = PAGE_RETRY_NS}, NULL);
    }
    page->msg.free_fn(&page->msg);
}

void monitor_report(const struct monitor *monitor, struct buf *out)
{
    metrics_gauge(out, "sotto_monitor_watchers", "sockets that watch",
                  atomic_load_explicit(&monitor->watchers_len, memory_order_relaxed));
}
