#include "stt/ring.h"

#include "base/mem.h"
#include "base/status.h"
#include "stt/client.h"
#include <assert.h>

#define RING_FIRST 16 /* blocks */

void stt_ring_deinit(struct stt_ring *ring)
{
    for (size_t i = 0; i < ring->len; i++)
        stt_block_unref(stt_ring_entry(ring, i)->block);
    mem_free(ring->at);
    *ring = (struct stt_ring){0};
}

struct stt_ring_entry *stt_ring_entry(const struct stt_ring *ring, size_t index)
{
    assert(index < ring->len);
    return &ring->at[(ring->head + index) & (ring->cap - 1)];
}

static int ring_resize(struct stt_ring *ring, size_t cap)
{
    assert(cap >= ring->len);
    struct stt_ring_entry *at = mem_alloc(cap * sizeof(*at));
    if (at == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; i < ring->len; i++)
        at[i] = *stt_ring_entry(ring, i);
    mem_free(ring->at);
    ring->at = at;
    ring->cap = cap;
    ring->head = 0;
    return STATUS_OK;
}

int stt_ring_push(struct stt_ring *ring, struct stt_block *block)
{
    assert(block != NULL && block->bytes > 0 && block->bytes % 2 == 0);
    assert(stt_ring_end(ring, block->first_sample) == block->first_sample);
    size_t more = ring->cap > 0 ? ring->cap * 2 : RING_FIRST;
    if (ring->len == ring->cap && ring_resize(ring, more) != STATUS_OK)
        return STATUS_NOMEM;
    struct stt_ring_entry *entry = &ring->at[(ring->head + ring->len++) & (ring->cap - 1)];
    *entry = (struct stt_ring_entry){.block = block, .end = block->first_sample + block->bytes / 2};
    return STATUS_OK;
}

void stt_ring_trim(struct stt_ring *ring, uint64_t sample)
{
    while (ring->len > 0 && stt_ring_entry(ring, 0)->end <= sample) {
        stt_block_unref(stt_ring_entry(ring, 0)->block);
        ring->head = (ring->head + 1) & (ring->cap - 1);
        ring->len--;
    }
    /* What an outage or a long segment needed is given back; without memory it is later. */
    if (ring->cap > RING_FIRST && ring->len <= ring->cap / 8)
        ring_resize(ring, ring->cap / 2);
}

/* Index of the first entry that ends after `sample`; len when none. What is asked for is nearly
 * always the oldest, when silence is settled, or among the newest, so these are looked at first. */
static size_t ring_index(const struct stt_ring *ring, uint64_t sample)
{
    if (ring->len > 0 && stt_ring_entry(ring, 0)->end > sample)
        return 0;
    size_t high = ring->len, step = 1;
    while (high >= step && stt_ring_entry(ring, high - step)->end > sample) {
        high -= step;
        step *= 2;
    }
    size_t low = high >= step ? high - step + 1 : 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (stt_ring_entry(ring, middle)->end <= sample)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct stt_ring_entry *stt_ring_find(const struct stt_ring *ring, uint64_t sample)
{
    size_t i = ring_index(ring, sample);
    if (i == ring->len || stt_ring_entry(ring, i)->block->first_sample > sample)
        return NULL;
    return stt_ring_entry(ring, i);
}

uint64_t stt_ring_end(const struct stt_ring *ring, uint64_t otherwise)
{
    return ring->len > 0 ? stt_ring_entry(ring, ring->len - 1)->end : otherwise;
}

void stt_ring_unsend(struct stt_ring *ring, uint64_t from, uint64_t to)
{
    for (size_t i = ring_index(ring, from); i < ring->len; i++) {
        struct stt_ring_entry *entry = stt_ring_entry(ring, i);
        if (entry->block->first_sample >= to)
            return;
        entry->sent_us = 0;
    }
}

uint64_t stt_ring_heard(const struct stt_ring *ring, uint64_t from, uint64_t to, int64_t before_us)
{
    uint64_t heard = from;
    for (size_t i = ring_index(ring, from); i < ring->len; i++) {
        const struct stt_ring_entry *entry = stt_ring_entry(ring, i);
        if (entry->end > to || entry->sent_us == 0 || entry->sent_us > before_us)
            break;
        heard = entry->end;
    }
    return heard;
}
