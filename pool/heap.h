/*
 * A binary heap of nodes embedded in their owners: the least key first, equal keys in the order in
 * which they came.
 *
 * Threads: one owner. Memory: an array of pointers, grown by heap_reserve(); the nodes are
 * borrowed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct heap_node {
    int64_t key;
    uint64_t order;
    uint32_t index; /* 1-based; 0: not in it */
};

struct heap {
    struct heap_node **nodes;
    uint32_t len, cap;
    uint64_t order;
};

/* False: out of memory; heap_deinit() is harmless then. */
bool heap_init(struct heap *heap, uint32_t cap);
/* Empty or not. */
void heap_deinit(struct heap *heap);
/* Room for one more; false: out of memory. */
bool heap_reserve(struct heap *heap);
/* After heap_reserve(). */
void heap_add(struct heap *heap, struct heap_node *node, int64_t key);
void heap_remove(struct heap *heap, struct heap_node *node);
/* Behind those that have this key already. */
void heap_move(struct heap *heap, struct heap_node *node, int64_t key);
/* NULL: empty. */
struct heap_node *heap_first(const struct heap *heap);
