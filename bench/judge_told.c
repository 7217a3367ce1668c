#include "bench/judge_told.h"

#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <stddef.h>

void judge_told_deinit(struct judge_told_ring *ring)
{
    mem_free(ring->texts);
    *ring = (struct judge_told_ring){0};
}

static struct judge_told *place_of(const struct judge_told_ring *ring, uint32_t number)
{
    return &ring->texts[number % JUDGE_TOLD_MAX];
}

int judge_told_add(struct judge_told_ring *ring, const struct judge_told *told)
{
    if (ring->texts == NULL)
        ring->texts = mem_calloc(JUDGE_TOLD_MAX, sizeof *ring->texts);
    if (ring->texts == NULL)
        return STATUS_NOMEM;
    const struct judge_told *newest = place_of(ring, ring->len);
    if (ring->len > 0 && newest->segment == told->segment && newest->text == told->text)
        return STATUS_OK;
    *place_of(ring, ++ring->len) = *told;
    return STATUS_OK;
}

const struct judge_told *judge_told_at(const struct judge_told_ring *ring, uint32_t number)
{
    assert(number > 0 && number <= ring->len);
    return ring->len - number < JUDGE_TOLD_MAX ? place_of(ring, number) : NULL;
}

uint32_t judge_told_find(const struct judge_told_ring *ring, uint32_t segment, uint64_t text)
{
    for (uint32_t number = ring->len; number > 0; number--) {
        const struct judge_told *told = judge_told_at(ring, number);
        if (told == NULL)
            return 0;
        if (told->segment == segment && told->text == text)
            return number;
    }
    return 0;
}
