#include "base/slab.h"
#include "stt/call.h"
#include "stt/client.h"
#include "stt/limits.h"
#include <assert.h>
#include <stdatomic.h>
#include <string.h>

/* Relaxed: a gauge. */
static _Atomic uint64_t held_bytes;

uint64_t stt_blocks_held_bytes(void)
{
    return atomic_load_explicit(&held_bytes, memory_order_relaxed);
}

struct stt_block *stt_block_begin(uint32_t room, uint64_t first_sample)
{
    assert(room > 0 && room % 2 == 0 && room <= STT_BLOCK_BYTES_MAX);
    struct stt_block *block = slab_take(sizeof *block + room);
    if (block == NULL)
        return NULL;
    atomic_fetch_add_explicit(&held_bytes, sizeof *block + room, memory_order_relaxed);
    atomic_init(&block->refs, 1);
    block->bytes = 0;
    block->room = room;
    block->first_sample = first_sample;
    return block;
}

void stt_block_seal(struct stt_block *block, uint32_t bytes)
{
    assert(bytes > 0 && bytes % 2 == 0 && bytes <= block->room);
    block->bytes = bytes;
}

struct stt_block *stt_block_create(const void *pcm, uint32_t bytes, uint64_t first_sample)
{
    assert(pcm != NULL);
    struct stt_block *block = stt_block_begin(bytes, first_sample);
    if (block == NULL)
        return NULL;
    memcpy(block->pcm, pcm, bytes);
    stt_block_seal(block, bytes);
    return block;
}

struct stt_block *stt_block_ref(struct stt_block *block)
{
    /* Relaxed: who takes a reference already has one. */
    uint32_t before = atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
    assert(before > 0 && before < UINT32_MAX);
    return block;
}

void stt_block_unref(struct stt_block *block)
{
    if (block == NULL)
        return;
    /* Release what this holder did with the block, acquire what the others did before freeing it.
     */
    uint32_t before = atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before > 1)
        return;
    size_t bytes = sizeof *block + block->room;
    atomic_fetch_sub_explicit(&held_bytes, bytes, memory_order_relaxed);
    slab_give(block, bytes);
}
