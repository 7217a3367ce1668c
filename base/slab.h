/*
 * Memory for many objects of few sizes that live for seconds: the audio. Objects lie side by side
 * in large chunks without rounding up to a size class, and new ones go to the oldest chunk with
 * room, so that the chunks of a peak empty as its objects end and go back to the system.
 *
 * Threads: any; an object may be given on another thread than it was taken on. One lock for all,
 * held for a few instructions, and for a system call when a chunk comes or goes. Sanitizer builds
 * ask the allocator each time, so that a use after free is seen.
 */
#pragma once

#include <stddef.h>

/* As mem_alloc(), contents undefined. */
void *slab_take(size_t bytes);
/* As mem_free(), with the size it was taken with. NULL is allowed. */
void slab_give(void *object, size_t bytes);
/* Bytes of all chunks, whether touched or not. */
size_t slab_reserved(void);
