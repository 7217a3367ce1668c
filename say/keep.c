#include "say/keep.h"

#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <string.h>

int keep_init(struct keep *keep, size_t samples_max)
{
    assert(samples_max > 0);
    *keep = (struct keep){.ring = mem_alloc(samples_max * sizeof *keep->ring), .cap = samples_max};
    return keep->ring != NULL ? STATUS_OK : STATUS_NOMEM;
}

void keep_deinit(struct keep *keep)
{
    mem_free(keep->ring);
    *keep = (struct keep){0};
}

/* Samples from `position` on that lie behind each other in the ring. */
static size_t run_length(const struct keep *keep, uint64_t position, size_t count)
{
    size_t to_end = keep->cap - (size_t)(position % keep->cap);
    return count < to_end ? count : to_end;
}

void keep_put(struct keep *keep, const int16_t *samples, size_t count)
{
    assert(count <= keep->cap);
    while (count > 0) {
        size_t run = run_length(keep, keep->to, count);
        memcpy(keep->ring + keep->to % keep->cap, samples, run * sizeof *samples);
        keep->to += run;
        samples += run;
        count -= run;
    }
    if (keep->to - keep->from > keep->cap)
        keep->from = keep->to - keep->cap;
}

void keep_forget(struct keep *keep, uint64_t position)
{
    if (position > keep->to)
        position = keep->to;
    if (position > keep->acked)
        keep->acked = position;
    if (position > keep->from)
        keep->from = position;
}

size_t keep_room(const struct keep *keep)
{
    return keep->cap - (size_t)(keep->to - keep->from);
}

size_t keep_get(const struct keep *keep, uint64_t position, int16_t *out, size_t count)
{
    uint64_t left = position < keep->to ? keep->to - position : 0;
    size_t total = count < left ? count : (size_t)left, done = 0;
    if (position < keep->from) {
        uint64_t gone = keep->from - position;
        done = gone < total ? (size_t)gone : total;
        memset(out, 0, done * sizeof *out);
    }
    while (done < total) {
        size_t run = run_length(keep, position + done, total - done);
        memcpy(out + done, keep->ring + (position + done) % keep->cap, run * sizeof *out);
        done += run;
    }
    return total;
}

uint64_t keep_missing(const struct keep *keep, uint64_t position)
{
    uint64_t owed = position > keep->acked ? position : keep->acked;
    return keep->from > owed ? keep->from - owed : 0;
}
