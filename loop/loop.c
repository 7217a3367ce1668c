/* The turn, its bookkeeping, and the choice of a backend. */
#include "loop/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A wait shorter than this counts as not having slept: what it found may have been waiting since
 * the reap before. */
#define SLEPT_MIN_US 50

static _Thread_local struct loop *current;

struct loop *loop__set_current(struct loop *loop)
{
    struct loop *before = current;
    current = loop;
    return before;
}

struct loop *loop__current(void)
{
    return current;
}

void loop__assert_thread(const struct loop *loop)
{
    assert(loop != NULL);
    assert(!loop->running || current == loop);
}

int loop__init(struct loop *loop, const struct loop_ops *ops)
{
    assert(ops != NULL && ops->wait != NULL && ops->now_us != NULL);
    loop->ops = ops;
    loop->tasks_tail = &loop->tasks;
    loop->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (loop->spare_fd < 0)
        return STATUS_IO;
    if (pthread_mutex_init(&loop->stats_lock, NULL) != 0) {
        close(loop->spare_fd);
        return STATUS_NOMEM;
    }
    loop->now_us = loop->reaped_us = loop->since_us = loop->ended_us = ops->now_us(loop);
    return STATUS_OK;
}

void loop__deinit(struct loop *loop)
{
    assert(!loop->running);
    assert(loop->inboxes == NULL);
    pthread_mutex_destroy(&loop->stats_lock);
    mem_free(loop->heap);
    if (loop->spare_fd >= 0)
        close(loop->spare_fd);
}

static void log_fallback(const char *reason)
{
    static _Atomic bool said;
    if (!atomic_exchange(&said, true))
        LOG_WARN(LOG_LOOP, 0, "io_uring is not available, using epoll", "reason=%s", LOG_Q(reason));
}

int loop_create(struct loop **out, enum loop_backend backend)
{
    char reason[LOOP_REASON_BYTES] = "";
    assert(out != NULL);
    if (backend == LOOP_EPOLL) {
        snprintf(reason, sizeof reason, "epoll was asked for");
    } else {
        int status = loop_uring_create(out, reason);
        if (status != STATUS_UNSUPPORTED || backend == LOOP_URING)
            return status;
        log_fallback(reason);
    }
    int status = loop_epoll_create(out);
    if (status == STATUS_OK)
        memcpy((*out)->reason, reason, sizeof reason);
    return status;
}

void loop_destroy(struct loop *loop)
{
    if (loop == NULL)
        return;
    assert(!loop->running);
    loop->ops->destroy(loop);
}

bool loop_is_current(const struct loop *loop)
{
    return current == loop;
}

int64_t loop_now_us(const struct loop *loop)
{
    return loop->now_us;
}

const char *loop_backend_name(const struct loop *loop)
{
    return loop->ops->name;
}

const char *loop_backend_reason(const struct loop *loop)
{
    return loop->reason;
}

int loop_backend_parse(const char *text, enum loop_backend *out)
{
    static const char *const names[] = {
        [LOOP_AUTO] = "auto", [LOOP_URING] = "uring", [LOOP_EPOLL] = "epoll"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum loop_backend)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

void loop_stop(struct loop *loop)
{
    atomic_store_explicit(&loop->stop, true, memory_order_relaxed);
    loop_wake(loop);
}

void loop_wake(struct loop *loop)
{
    if (atomic_exchange_explicit(&loop->woken, true, memory_order_acq_rel))
        return;
    if (current != loop)
        loop->ops->wake(loop);
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    loop__assert_thread(loop);
    assert(task->run != NULL);
    if (task->queued)
        return;
    task->queued = true;
    task->next = NULL;
    *loop->tasks_tail = task;
    loop->tasks_tail = &task->next;
}

static void tasks_run(struct loop *loop)
{
    for (int round = 0; round < LOOP_DEFER_ROUNDS && loop->tasks != NULL; round++) {
        struct loop_task *task = loop->tasks;
        loop->tasks = NULL;
        loop->tasks_tail = &loop->tasks;
        while (task != NULL) {
            struct loop_task *next = task->next;
            task->queued = false;
            task->run(task);
            task = next;
        }
    }
}

void loop__prepare_add(struct loop *loop, struct loop__prepare *prepare)
{
    loop__assert_thread(loop);
    prepare->next = loop->prepares;
    loop->prepares = prepare;
}

void loop__prepare_remove(struct loop *loop, struct loop__prepare *prepare)
{
    struct loop__prepare **link = &loop->prepares;
    while (*link != prepare) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = prepare->next;
}

bool loop__ready(struct loop *loop, enum loop__kind kind, void *object, int32_t res)
{
    if (loop->ready_count == LOOP_EVENTS_TURN)
        return false;
    loop->ready[loop->ready_count++] = (struct loop__ready){object, res, kind};
    return true;
}

static void ready_run(struct loop *loop)
{
    for (uint32_t i = 0; i < loop->ready_count; i++) {
        const struct loop__ready *ready = &loop->ready[i];
        loop__lag(loop, loop->since_us);
        if (ready->kind == LOOP__POLL_EVENT)
            loop__poll_dispatch(ready->object, ready->res);
        else
            loop__accept_dispatch(ready->object, ready->res);
    }
    loop->turn_events = loop->ready_count;
    loop->ready_count = 0;
}

/* Books the turn that ends: what it collected becomes visible to loop_stats(). */
static void stats_publish(struct loop *loop)
{
    int64_t now_us = loop->ops->now_us(loop);
    pthread_mutex_lock(&loop->stats_lock);
    loop->stats.turns++;
    loop->stats.events += loop->turn_events;
    loop->stats.busy_us += now_us - loop->reaped_us + loop->flush_us;
    loop->stats.lag_max_us = loop->lag_max_us;
    loop->stats.allocations = mem_allocations();
    pthread_mutex_unlock(&loop->stats_lock);
    loop->ended_us = now_us;
}

void loop__lag(struct loop *loop, int64_t since_us)
{
    int64_t lag_us = loop->ops->now_us(loop) - since_us;
    durations_add(&loop->lag, lag_us);
    if (lag_us > loop->lag_max_us)
        loop->lag_max_us = lag_us;
}

void loop__count_overflow(struct loop *loop)
{
    pthread_mutex_lock(&loop->stats_lock);
    loop->stats.cq_overflows++;
    pthread_mutex_unlock(&loop->stats_lock);
}

void loop_stats(struct loop *loop, struct loop_stats *out)
{
    pthread_mutex_lock(&loop->stats_lock);
    *out = loop->stats;
    pthread_mutex_unlock(&loop->stats_lock);
    durations_read(&loop->lag, &out->lag);
}

/* How long the coming sleep may last: 0 when anything is already due. */
static int64_t sleep_us(struct loop *loop, int64_t limit_us)
{
    int64_t due_us;
    if (loop->tasks != NULL || loop->closed_polls != NULL || loop->closed_accepts != NULL)
        return 0;
    if (atomic_load_explicit(&loop->woken, memory_order_relaxed) || !loop__inboxes_park(loop))
        return 0;
    if (!loop__timers_next(loop, &due_us))
        return limit_us;
    int64_t until_us = due_us - loop->ops->now_us(loop);
    if (until_us < 0)
        until_us = 0;
    return limit_us >= 0 && limit_us < until_us ? limit_us : until_us;
}

static void turn_sleep(struct loop *loop, int64_t limit_us)
{
    mailbox_wake_deferred();
    for (struct loop__prepare *prepare = loop->prepares; prepare != NULL; prepare = prepare->next)
        prepare->run(prepare);
    if (loop->ops->flush != NULL)
        loop->ops->flush(loop);
    int64_t timeout_us = sleep_us(loop, limit_us);
    int64_t before_us = loop->ops->now_us(loop);
    loop->flush_us = before_us - loop->ended_us;

    bool slept = loop->ops->wait(loop, timeout_us);
    int64_t after_us = loop->ops->now_us(loop);
    slept = slept && after_us - before_us >= SLEPT_MIN_US;
    loop->since_us = slept ? after_us : loop->reaped_us;
    loop->reaped_us = loop->now_us = after_us;
    /* Before the inboxes are read: whoever found `woken` set has published its message already. */
    atomic_exchange_explicit(&loop->woken, false, memory_order_acq_rel);
}

void loop__turn(struct loop *loop, int64_t limit_us)
{
    turn_sleep(loop, limit_us);
    ready_run(loop);
    mailbox_wake_deferred();
    loop__timers_run(loop);
    loop__inboxes_run(loop);
    mailbox_wake_deferred();
    tasks_run(loop);
    loop__closed_run(loop);
    stats_publish(loop);
}

void loop_run(struct loop *loop)
{
    assert(!loop->running && current == NULL);
    current = loop;
    loop->running = true;
    mailbox_defer_wakes(true);
    if (loop->ops->enter != NULL)
        loop->ops->enter(loop);
    loop->now_us = loop->reaped_us = loop->ended_us = loop->ops->now_us(loop);
    while (!atomic_load_explicit(&loop->stop, memory_order_relaxed))
        loop__turn(loop, -1);
    atomic_store_explicit(&loop->stop, false, memory_order_relaxed);
    mailbox_defer_wakes(false);
    if (loop->ops->leave != NULL)
        loop->ops->leave(loop);
    loop->running = false;
    current = NULL;
}
