#include "bench/load_schedule.h"

#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <stddef.h>

int load_schedule_init(struct load_schedule *schedule, uint32_t entries_max)
{
    *schedule = (struct load_schedule){.cap = entries_max};
    schedule->heap = mem_calloc(entries_max, sizeof *schedule->heap);
    return schedule->heap == NULL ? STATUS_NOMEM : STATUS_OK;
}

void load_schedule_deinit(struct load_schedule *schedule)
{
    mem_free(schedule->heap);
    *schedule = (struct load_schedule){0};
}

void load_schedule_push(struct load_schedule *schedule, struct load_due due)
{
    assert(schedule->len < schedule->cap);
    struct load_due *heap = schedule->heap;
    uint32_t at = schedule->len++;
    while (at > 0 && heap[(at - 1) / 2].at_us > due.at_us) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = due;
}

const struct load_due *load_schedule_first(const struct load_schedule *schedule)
{
    return schedule->len == 0 ? NULL : &schedule->heap[0];
}

bool load_schedule_pop(struct load_schedule *schedule, int64_t now_us, struct load_due *out)
{
    struct load_due *heap = schedule->heap;
    if (schedule->len == 0 || heap[0].at_us > now_us)
        return false;
    *out = heap[0];
    struct load_due last = heap[--schedule->len];
    uint32_t at = 0, len = schedule->len;
    for (uint32_t child = 1; child < len; child = 2 * at + 1) {
        if (child + 1 < len && heap[child + 1].at_us < heap[child].at_us)
            child++;
        if (last.at_us <= heap[child].at_us)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return true;
}
