/* Freed objects are kept a size and a thread, within a bound. */
#include "base/limits.h"
#include "base/mem.h"
#include "base/recycle.h"
#include "base/thread.h"
#include "tests/check.h"
#include <string.h>

static void test_reused(void)
{
    void *object = recycle_take(4800);
    memset(object, 1, 4800);
    recycle_give(object, 4800);
    void *again = recycle_take(4800);
#ifndef SOTTO_SANITIZED
    CHECK(again == object);
#endif
    recycle_give(again, 4800);
    recycle_give(NULL, 4800);
    mem_fail_nth(1);
    CHECK(recycle_take(4800) == NULL);
}

static void test_sizes_apart(void)
{
    void *small = recycle_take(64), *large = recycle_take(128);
    recycle_give(small, 64);
    recycle_give(large, 128);
    void *again = recycle_take(128);
    CHECK(again != small);
    memset(again, 1, 128);
    recycle_give(again, 128);
}

/* More sizes than there are shelves: the rest goes to the allocator. */
static void test_many_sizes(void)
{
    for (size_t i = 0; i < 3 * RECYCLE_SIZES; i++) {
        void *object = recycle_take(1000 + i);
        CHECK(object != NULL);
        memset(object, 1, 1000 + i);
        recycle_give(object, 1000 + i);
    }
}

/* What a thread was given and did not take goes back to the allocator: it would pile up here. */
static void *other_thread(void *object)
{
    uint64_t before = mem_allocations();
    recycle_give(object, 4800);
    void *again = recycle_take(4800);
    CHECK_EQ(mem_allocations(), before + 1);
    recycle_give(again, 4800);
    again = recycle_take(4800);
#ifndef SOTTO_SANITIZED
    CHECK_EQ(mem_allocations(), before + 1);
#endif
    recycle_give(again, 4800);
    return NULL;
}

/* The thread's end frees what it kept: the leak checker of the sanitizer build sees it. */
static void test_other_thread(void)
{
    pthread_t thread;
    CHECK_EQ(thread_start(&thread, "other", other_thread, recycle_take(4800)), 0);
    pthread_join(thread, NULL);
}

/* The oldest of what fits is kept, the rest is freed. */
static void test_bounded(void)
{
    enum { BYTES = 1 << 20, KEPT = RECYCLE_BYTES / BYTES, OBJECTS = KEPT + 2 };
    void *objects[OBJECTS];
    for (int i = 0; i < OBJECTS; i++)
        objects[i] = recycle_take(BYTES);
    for (int i = 0; i < OBJECTS; i++)
        recycle_give(objects[i], BYTES);
    for (int i = KEPT - 1; i >= 0; i--) {
        void *again = recycle_take(BYTES);
#ifndef SOTTO_SANITIZED
        CHECK(again == objects[i]);
#endif
        recycle_give(again, BYTES);
        objects[i] = recycle_take(BYTES);
    }
    for (int i = 0; i < KEPT; i++)
        recycle_give(objects[i], BYTES);
}

int main(void)
{
    test_bounded();
    test_reused();
    test_sizes_apart();
    test_other_thread();
    test_many_sizes();
    return check_done();
}
