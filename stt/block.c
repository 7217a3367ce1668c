#include "base/slab.h"
#include "stt/call.h"
#include "stt/client.h"
#include "stt/codec.h"
#include "stt/limits.h"
#include <assert.h>
#include <stdatomic.h>
#include <string.h>

_Static_assert(STT_BLOCK_HEAD >= STT_AUDIO_HEAD_MAX, "the header must fit before the PCM");
_Static_assert(offsetof(struct stt_block, pcm) == offsetof(struct stt_block, head) + STT_BLOCK_HEAD,
               "header and PCM must be one run of bytes");

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
    uint8_t head[STT_AUDIO_HEAD_MAX];
    size_t head_len;
    stt_codec_audio_head(bytes, head, &head_len);
    memcpy(block->head + STT_BLOCK_HEAD - head_len, head, head_len);
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

const uint8_t *stt__block_wire(struct stt_block *block, size_t *len)
{
    assert(block->bytes > 0 && block->bytes <= block->room);
    uint8_t head[STT_AUDIO_HEAD_MAX];
    size_t head_len;
    stt_codec_audio_head(block->bytes, head, &head_len);
    *len = head_len + block->bytes;
    return block->head + STT_BLOCK_HEAD - head_len;
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
