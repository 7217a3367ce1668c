/*
 * Frames on their way out. Free ones are a stack, so the one built next is the one whose memory was
 * touched last; a client that is not blocked never holds more than the frame in the kernel's hands.
 *
 * Threads: one owner. Memory: the pool owns all frames; a queue's frames return by
 * load_frame_pop() or load_frame_cut(). Nothing is allocated while frames are free.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load_frame {
    struct load_frame *next;
    uint32_t len, sent;
    bool audio;
    _Alignas(16) uint8_t bytes[];
};

struct load_frame_pool {
    struct load_frame *unused;
    size_t frame_bytes;
};

struct load_frame_queue {
    struct load_frame *head, *tail;
    unsigned len;
};

/* Every frame holds at least `frame_bytes`. */
void load_frame_pool_init(struct load_frame_pool *pool, size_t frame_bytes);
/* All frames must have come back. */
void load_frame_pool_deinit(struct load_frame_pool *pool);

/* Appends a frame with len 0 for the caller to fill; NULL: no memory. */
struct load_frame *load_frame_push(struct load_frame_pool *pool, struct load_frame_queue *queue);
/* Drops the first frame. */
void load_frame_pop(struct load_frame_pool *pool, struct load_frame_queue *queue);
/* Drops all but the first `keep` frames. */
void load_frame_cut(struct load_frame_pool *pool, struct load_frame_queue *queue, unsigned keep);
