/*
 * libuv inside our loop. On libwebsockets 4.2 or later its own event-library interface
 * (event_lib_custom) would make this file unnecessary; nothing outside knows how the nesting works.
 */
#include "loop/loop_uv.h"

#include "base/mem.h"
#include "base/status.h"
#include "loop/internal.h"
#include <assert.h>
#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <uv.h>

/* Turns granted to closing handles when the nest ends. */
#define CLOSE_TURNS 16

struct loop_uv {
    uv_loop_t uv;
    struct loop *loop;
    struct loop_poll poll;
    struct loop_timer timer;
    struct loop_task task;
    struct loop__prepare prepare;
    void (*on_closed)(void *ctx);
    void *ctx;
};

/*
 * libuv hands new and changed watchers to its epoll descriptor only inside uv_run(), so ours cannot
 * fire for them before. uv_backend_timeout() does not tell; the head of this queue does (an empty
 * one points to itself).
 */
static bool watchers_pending(const uv_loop_t *uv)
{
    return *(void *const *)&uv->watcher_queue != (const void *)&uv->watcher_queue;
}

static void turn(struct loop_uv *nest)
{
    uv_run(&nest->uv, UV_RUN_NOWAIT);
}

static void on_task(struct loop_task *task)
{
    turn((struct loop_uv *)((char *)task - offsetof(struct loop_uv, task)));
}

static void on_ready(struct loop_poll *poll, unsigned events)
{
    turn((struct loop_uv *)((char *)poll - offsetof(struct loop_uv, poll)));
}

static void on_timer(struct loop_timer *timer)
{
    turn((struct loop_uv *)((char *)timer - offsetof(struct loop_uv, timer)));
}

/*
 * Before every sleep: libuv's timeout counts from uv_now(), which is CLOCK_MONOTONIC in
 * milliseconds, so the due time is exact whenever it was read. An unchanged one leaves the timer
 * alone.
 */
static void on_prepare(struct loop__prepare *prepare)
{
    struct loop_uv *nest = (struct loop_uv *)((char *)prepare - offsetof(struct loop_uv, prepare));
    /* A loop without handles answers 0, "do not wait"; but uv_run() would have nothing to do. */
    bool alive = uv_loop_alive(&nest->uv);
    int timeout_ms = alive ? uv_backend_timeout(&nest->uv) : -1;
    if (timeout_ms == 0 || (alive && watchers_pending(&nest->uv)))
        loop_defer(nest->loop, &nest->task);
    if (timeout_ms <= 0) {
        loop_timer_stop(&nest->timer);
        return;
    }
    int64_t due_us = ((int64_t)uv_now(&nest->uv) + timeout_ms) * 1000;
    if (loop_timer_armed(&nest->timer) && nest->timer.due_us == due_us)
        return;
    if (loop_timer_start(nest->loop, &nest->timer, due_us, on_timer) != STATUS_OK)
        loop_defer(nest->loop, &nest->task);
}

int loop_uv_create(struct loop_uv **out, struct loop *loop)
{
    loop__assert_thread(loop);
    struct loop_uv *nest = mem_calloc(1, sizeof *nest);
    if (nest == NULL)
        return STATUS_NOMEM;
    int status = STATUS_IO;
    if (uv_loop_init(&nest->uv) != 0)
        goto fail_init;
    nest->loop = loop;
    nest->task.run = on_task;
    status = loop_poll_start(loop, &nest->poll, uv_backend_fd(&nest->uv), LOOP_IN, on_ready);
    if (status != STATUS_OK)
        goto fail_poll;
    nest->prepare.run = on_prepare;
    loop__prepare_add(loop, &nest->prepare);
    *out = nest;
    return STATUS_OK;
fail_poll:
    uv_loop_close(&nest->uv);
fail_init:
    mem_free(nest);
    return status;
}

struct uv_loop_s *loop_uv_get(struct loop_uv *uv)
{
    return &uv->uv;
}

void loop_uv_kick(struct loop_uv *uv)
{
    loop_defer(uv->loop, &uv->task);
}

static void finish(struct loop_uv *nest)
{
    int res = uv_loop_close(&nest->uv);
    assert(res == 0);
    void (*on_closed)(void *ctx) = nest->on_closed;
    void *ctx = nest->ctx;
    mem_free(nest);
    if (on_closed != NULL)
        on_closed(ctx);
}

static void on_last_task(struct loop_task *task)
{
    finish((struct loop_uv *)((char *)task - offsetof(struct loop_uv, task)));
}

static void on_poll_closed(struct loop_poll *poll)
{
    struct loop_uv *nest = (struct loop_uv *)((char *)poll - offsetof(struct loop_uv, poll));
    if (nest->task.queued) /* past the rounds of this turn: the list still points here */
        nest->task.run = on_last_task;
    else
        finish(nest);
}

void loop_uv_close(struct loop_uv *uv, void (*on_closed)(void *ctx), void *ctx)
{
    loop__assert_thread(uv->loop);
    uv->on_closed = on_closed;
    uv->ctx = ctx;
    for (int i = 0; i < CLOSE_TURNS && uv_loop_alive(&uv->uv); i++)
        turn(uv);
    loop_timer_stop(&uv->timer);
    loop__prepare_remove(uv->loop, &uv->prepare);
    loop_poll_close(&uv->poll, on_poll_closed);
}

static int pin_library(struct dl_phdr_info *info, size_t size, void *ctx)
{
    (void)size;
    const char *part = ctx;
    /* The handle is not kept: RTLD_NODELETE outlives it. */
    if (strstr(info->dlpi_name, part) != NULL)
        (void)dlopen(info->dlpi_name, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
    return 0;
}

void loop_uv_pin(const char *part)
{
    dl_iterate_phdr(pin_library, (void *)part);
}
