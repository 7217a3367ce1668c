#include "pool/heap.h"

#include "base/mem.h"
#include <assert.h>
#include <stddef.h>

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key < b->key || (a->key == b->key && a->order < b->order);
}

static void put(struct heap *heap, uint32_t at, struct heap_node *node)
{
    heap->nodes[at - 1] = node;
    node->index = at;
}

static void up(struct heap *heap, struct heap_node *node)
{
    uint32_t at = node->index;
    for (; at > 1 && before(node, heap->nodes[at / 2 - 1]); at /= 2)
        put(heap, at, heap->nodes[at / 2 - 1]);
    put(heap, at, node);
}

static void down(struct heap *heap, struct heap_node *node)
{
    uint32_t at = node->index;
    for (uint32_t child = at * 2; child <= heap->len; child = at * 2) {
        if (child < heap->len && before(heap->nodes[child], heap->nodes[child - 1]))
            child++;
        if (!before(heap->nodes[child - 1], node))
            break;
        put(heap, at, heap->nodes[child - 1]);
        at = child;
    }
    put(heap, at, node);
}

bool heap_init(struct heap *heap, uint32_t cap)
{
    assert(cap > 0);
    *heap = (struct heap){.nodes = mem_calloc(cap, sizeof(struct heap_node *)), .cap = cap};
    return heap->nodes != NULL;
}

void heap_deinit(struct heap *heap)
{
    mem_free(heap->nodes);
    *heap = (struct heap){0};
}

bool heap_reserve(struct heap *heap)
{
    if (heap->len < heap->cap)
        return true;
    uint32_t cap = heap->cap * 2;
    struct heap_node **nodes = mem_realloc(heap->nodes, cap * sizeof *nodes);
    if (nodes == NULL)
        return false;
    heap->nodes = nodes;
    heap->cap = cap;
    return true;
}

void heap_add(struct heap *heap, struct heap_node *node, int64_t key)
{
    assert(node->index == 0 && heap->len < heap->cap);
    node->key = key;
    node->order = ++heap->order;
    put(heap, ++heap->len, node);
    up(heap, node);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    assert(node->index > 0 && heap->nodes[node->index - 1] == node);
    struct heap_node *last = heap->nodes[--heap->len];
    if (last != node) {
        put(heap, node->index, last);
        up(heap, last);
        down(heap, last);
    }
    node->index = 0;
}

void heap_move(struct heap *heap, struct heap_node *node, int64_t key)
{
    assert(node->index > 0);
    node->key = key;
    node->order = ++heap->order;
    up(heap, node);
    down(heap, node);
}

struct heap_node *heap_first(const struct heap *heap)
{
    return heap->len > 0 ? heap->nodes[0] : NULL;
}
