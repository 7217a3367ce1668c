/*
 * Freed objects kept for the next of the same size, so that a thread under steady load asks the
 * allocator for nothing: each thread keeps its own, a few sizes, bounded.
 *
 * Threads: any; an object may be given on another thread than it was taken on. A thread keeps no
 * more than it takes itself: one that is mostly given objects would hoard them. Memory: what a
 * thread keeps is freed when it ends. Sanitizer builds keep nothing, so that a use after free is
 * seen.
 */
#pragma once

#include <stddef.h>

/* As mem_alloc(), contents undefined; mem_fail_nth() counts it whether kept or new. */
void *recycle_take(size_t bytes);
/* As mem_free(), with the size it was taken with. NULL is allowed. */
void recycle_give(void *object, size_t bytes);
