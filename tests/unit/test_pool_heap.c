/* The heap: order, ties, removal and moves, against a plain search. */
#include "base/rng.h"
#include "pool/heap.h"
#include "tests/check.h"
#include <stddef.h>

#define NODES 200

static const struct heap_node *least(const struct heap_node nodes[NODES])
{
    const struct heap_node *best = NULL;
    for (unsigned i = 0; i < NODES; i++) {
        const struct heap_node *node = &nodes[i];
        if (node->index != 0 && (best == NULL || node->key < best->key ||
                                 (node->key == best->key && node->order < best->order)))
            best = node;
    }
    return best;
}

static void test_first_is_least(void)
{
    struct heap heap;
    struct heap_node nodes[NODES] = {0};
    struct rng rng;
    rng_init(&rng, 7);
    CHECK(heap_init(&heap, 2));
    for (unsigned step = 0; step < 20000; step++) {
        struct heap_node *node = &nodes[rng_below(&rng, NODES)];
        int64_t key = (int64_t)rng_below(&rng, 20);
        if (node->index == 0) {
            CHECK(heap_reserve(&heap));
            heap_add(&heap, node, key);
        } else if (rng_below(&rng, 2) == 0) {
            heap_move(&heap, node, key);
        } else {
            heap_remove(&heap, node);
        }
        CHECK(heap_first(&heap) == least(nodes));
    }
    heap_deinit(&heap);
}

static void test_equal_keys_in_order(void)
{
    struct heap heap;
    struct heap_node nodes[NODES] = {0};
    CHECK(heap_init(&heap, NODES));
    for (unsigned i = 0; i < NODES; i++)
        heap_add(&heap, &nodes[i], 5);
    heap_move(&heap, &nodes[0], 5); /* goes behind the others */
    for (unsigned i = 1; i <= NODES; i++) {
        CHECK(heap_first(&heap) == &nodes[i % NODES]);
        heap_remove(&heap, &nodes[i % NODES]);
    }
    CHECK(heap_first(&heap) == NULL);
    heap_deinit(&heap);
}

int main(void)
{
    RUN(test_first_is_least);
    RUN(test_equal_keys_in_order);
    return check_done();
}
