/*
 * The audio that is not settled: whole blocks in order, found by sample position.
 *
 * Threads: one owner at a time. Memory: holds one reference a block; stt_ring_deinit() ends it, a
 * zeroed struct is empty.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct stt_block;

struct stt_ring_entry {
    struct stt_block *block;
    uint64_t end; /* position after its last sample */
    int64_t
        sent_us; /* the provider has it since then, on the call that carries it now; 0: not yet */
};

struct stt_ring {
    struct stt_ring_entry *at;
    size_t head, len, cap; /* cap is a power of two */
};

void stt_ring_deinit(struct stt_ring *ring);
/* Takes the block, which continues the ring. STATUS_NOMEM: the caller keeps it. */
int stt_ring_push(struct stt_ring *ring, struct stt_block *block);
/* Drops the blocks that lie wholly before `sample`. */
void stt_ring_trim(struct stt_ring *ring, uint64_t sample);
struct stt_ring_entry *stt_ring_entry(const struct stt_ring *ring, size_t index);
/* The entry that holds `sample`; NULL outside. */
struct stt_ring_entry *stt_ring_find(const struct stt_ring *ring, uint64_t sample);
/* Position after the newest block, `otherwise` when empty. */
uint64_t stt_ring_end(const struct stt_ring *ring, uint64_t otherwise);
/* Forgets what was sent of the audio in [from, to): another call will carry it. */
void stt_ring_unsend(struct stt_ring *ring, uint64_t from, uint64_t to);
/* Newest position in [from, to) the provider has had since `before_us` or longer, in one piece;
 * `from` when none. */
uint64_t stt_ring_heard(const struct stt_ring *ring, uint64_t from, uint64_t to, int64_t before_us);
