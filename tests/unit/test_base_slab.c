/* Objects side by side in chunks that come and go. */
#include "base/limits.h"
#include "base/mem.h"
#include "base/slab.h"
#include "base/thread.h"
#include "tests/check.h"
#include <stdint.h>
#include <string.h>

enum { BYTES = 4840, CHUNK = SLAB_CHUNK_BYTES / BYTES, OBJECTS = 5 * CHUNK };

static uint8_t *objects[OBJECTS];

static void take(int from, int to)
{
    for (int i = from; i < to; i++) {
        objects[i] = slab_take(BYTES);
        CHECK(objects[i] != NULL && (uintptr_t)objects[i] % 16 == 0);
        memset(objects[i], i % 251, BYTES);
    }
}

/* Also: nobody else has written to them. */
static void give(int from, int to)
{
    for (int i = from; i < to; i++) {
        CHECK_EQ(objects[i][0], i % 251);
        CHECK_EQ(objects[i][BYTES - 1], i % 251);
        slab_give(objects[i], BYTES);
    }
}

static void test_chunks_come_and_go(void)
{
    take(0, OBJECTS);
#ifndef SOTTO_SANITIZED
    CHECK(slab_reserved() / SLAB_CHUNK_BYTES >= 5);
    CHECK(slab_reserved() / SLAB_CHUNK_BYTES <= 6);
#endif
    give(0, OBJECTS);
    CHECK(slab_reserved() <= SLAB_CHUNK_BYTES);
}

/* New objects fill the gaps of old chunks, so that the newest chunks empty. */
static void test_peak_goes(void)
{
    take(0, OBJECTS);
    size_t peak = slab_reserved();
    for (int round = 0; round < 10; round++) {
        give(round * 50, OBJECTS);
        take(round * 50, CHUNK + round * 50);
        give(CHUNK / 2 + round * 50, CHUNK + round * 50);
        take(CHUNK / 2 + round * 50, OBJECTS);
    }
    CHECK(slab_reserved() <= peak + SLAB_CHUNK_BYTES);
    for (int i = 0; i < OBJECTS; i++)
        if (i % 5 != 0)
            give(i, i + 1);
    /* The fifth that is left is spread over all chunks; its successors are not. */
    for (int i = 0; i < OBJECTS; i += 5) {
        uint8_t *old = objects[i];
        take(i, i + 1);
        slab_give(old, BYTES);
    }
    CHECK(slab_reserved() <= 3 * (size_t)SLAB_CHUNK_BYTES);
    for (int i = 0; i < OBJECTS; i += 5)
        give(i, i + 1);
}

static void test_other_sizes(void)
{
    void *kept[3 * SLAB_SIZES];
    for (size_t i = 0; i < 3 * SLAB_SIZES; i++) {
        kept[i] = slab_take(2000 + 7 * i);
        CHECK(kept[i] != NULL);
        memset(kept[i], 1, 2000 + 7 * i);
    }
    for (size_t i = 0; i < 3 * SLAB_SIZES; i++)
        slab_give(kept[i], 2000 + 7 * i);
    void *large = slab_take(SLAB_OBJECT_MAX + 1);
    CHECK(large != NULL);
    slab_give(large, SLAB_OBJECT_MAX + 1);
    slab_give(NULL, 2000);
    mem_fail_nth(1);
    CHECK(slab_take(BYTES) == NULL);
}

static void *churn(void *unused)
{
    uint8_t *mine[64] = {0};
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t **at = &mine[i * 7919 % 64];
        slab_give(*at, BYTES);
        *at = slab_take(BYTES);
        memset(*at, (int)i, 16);
    }
    for (int i = 0; i < 64; i++)
        slab_give(mine[i], BYTES);
    return unused;
}

static void test_threads(void)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        CHECK_EQ(thread_start(&threads[i], "churn", churn, NULL), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    CHECK(slab_reserved() <= SLAB_SIZES * (size_t)SLAB_CHUNK_BYTES);
}

int main(void)
{
    RUN(test_chunks_come_and_go);
    RUN(test_peak_goes);
    RUN(test_other_sizes);
    RUN(test_threads);
    return check_done();
}
