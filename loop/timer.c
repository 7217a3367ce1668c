/* Timers: a binary heap of pointers ordered by (due time, start order). */
#include "loop/internal.h"

#include "base/mem.h"
#include "base/status.h"
#include <assert.h>

#define HEAP_FIRST 64

/*
 * heap_index says where a timer is: 0 idle, n > 0 heap slot n, n < 0 slot -n of the batch being
 * fired. A timer in the batch is still armed: stopping it must keep it from firing.
 */

static bool before(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void place(struct loop *loop, uint32_t index, struct loop_timer *timer)
{
    loop->heap[index] = timer;
    timer->heap_index = (int32_t)index;
}

static void sift_up(struct loop *loop, uint32_t index, struct loop_timer *timer)
{
    while (index > 1 && before(timer, loop->heap[index / 2])) {
        place(loop, index, loop->heap[index / 2]);
        index /= 2;
    }
    place(loop, index, timer);
}

static void sift_down(struct loop *loop, uint32_t index, struct loop_timer *timer)
{
    for (;;) {
        uint32_t child = index * 2;
        if (child > loop->heap_count)
            break;
        if (child < loop->heap_count && before(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!before(loop->heap[child], timer))
            break;
        place(loop, index, loop->heap[child]);
        index = child;
    }
    place(loop, index, timer);
}

static void heap_remove(struct loop *loop, uint32_t index)
{
    assert(index >= 1 && index <= loop->heap_count);
    struct loop_timer *last = loop->heap[loop->heap_count--];
    if (index > loop->heap_count)
        return;
    if (index > 1 && before(last, loop->heap[index / 2]))
        sift_up(loop, index, last);
    else
        sift_down(loop, index, last);
}

static int heap_reserve(struct loop *loop)
{
    if (loop->heap_count + 1 < loop->heap_cap)
        return STATUS_OK;
    uint32_t cap = loop->heap_cap != 0 ? loop->heap_cap * 2 : HEAP_FIRST;
    struct loop_timer **heap = mem_realloc(loop->heap, cap * sizeof *heap);
    if (heap == NULL)
        return STATUS_NOMEM;
    loop->heap = heap;
    loop->heap_cap = cap;
    return STATUS_OK;
}

void loop_timer_stop(struct loop_timer *timer)
{
    if (timer->heap_index == 0)
        return;
    struct loop *loop = timer->loop;
    loop__assert_thread(loop);
    if (timer->heap_index > 0) {
        assert(loop->heap[timer->heap_index] == timer);
        heap_remove(loop, (uint32_t)timer->heap_index);
    } else {
        assert(loop->firing[-timer->heap_index - 1] == timer);
        loop->firing[-timer->heap_index - 1] = NULL;
    }
    timer->heap_index = 0;
}

int loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t due_us,
                     void (*on_timer)(struct loop_timer *timer))
{
    loop__assert_thread(loop);
    assert(on_timer != NULL);
    assert(timer->heap_index == 0 || timer->loop == loop);
    if (timer->heap_index <= 0 && heap_reserve(loop) != STATUS_OK)
        return STATUS_NOMEM;
    loop_timer_stop(timer);
    timer->loop = loop;
    timer->on_timer = on_timer;
    timer->due_us = due_us;
    timer->order = loop->timer_order++;
    sift_up(loop, ++loop->heap_count, timer);
    return STATUS_OK;
}

bool loop__timers_next(const struct loop *loop, int64_t *due_us)
{
    if (loop->heap_count == 0)
        return false;
    *due_us = loop->heap[1]->due_us;
    return true;
}

/* The due ones are taken off first, so that a timer which restarts itself for the past cannot
 * starve the others. */
void loop__timers_run(struct loop *loop)
{
    int32_t count = 0;
    while (loop->heap_count > 0 && loop->heap[1]->due_us <= loop->now_us &&
           count < LOOP_TIMERS_TURN) {
        struct loop_timer *timer = loop->heap[1];
        heap_remove(loop, 1);
        loop->firing[count++] = timer;
        timer->heap_index = -count;
    }
    for (int32_t i = 0; i < count; i++) {
        struct loop_timer *timer = loop->firing[i];
        if (timer == NULL)
            continue;
        timer->heap_index = 0;
        loop->firing[i] = NULL;
        loop__lag(loop, timer->due_us);
        timer->on_timer(timer);
    }
}
