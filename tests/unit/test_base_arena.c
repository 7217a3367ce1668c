#include "base/arena.h"
#include "base/limits.h"
#include "base/mem.h"
#include "tests/check.h"

#include <stdint.h>

static void test_blocks_are_aligned_and_apart(void)
{
    struct arena *arena = arena_create(1 << 20);
    unsigned char *blocks[300];
    for (size_t i = 0; i < 300; i++) {
        blocks[i] = arena_alloc(arena, i);
        CHECK(blocks[i] != NULL);
        CHECK_EQ((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], (int)(i & 0xFF), i);
    }
    for (size_t i = 0; i < 300; i++) {
        for (size_t j = 0; j < i; j++)
            CHECK_EQ(blocks[i][j], i & 0xFF);
    }
    arena_destroy(arena);
}

static void test_bound_is_exact(void)
{
    struct arena *arena = arena_create(160);
    for (int i = 0; i < 10; i++)
        CHECK(arena_alloc(arena, 16) != NULL);
    CHECK_EQ(arena_used(arena), 160);
    CHECK(arena_alloc(arena, 1) == NULL);
    CHECK_EQ(arena_used(arena), 160);
    arena_destroy(arena);

    arena = arena_create(0);
    CHECK(arena_alloc(arena, 0) == NULL);
    arena_destroy(arena);
}

static void test_sizes_that_overflow(void)
{
    struct arena *arena = arena_create(SIZE_MAX);
    CHECK(arena_alloc(arena, SIZE_MAX) == NULL);
    CHECK(arena_alloc(arena, SIZE_MAX - 8) == NULL);
    CHECK(arena_alloc(arena, 8) != NULL);
    arena_destroy(arena);
    arena_destroy(NULL);
}

static void test_larger_than_a_block(void)
{
    struct arena *arena = arena_create(1 << 20);
    char *small = arena_strdup(arena, "small");
    char *large = arena_alloc(arena, ARENA_BLOCK_BYTES * 10);
    memset(large, 'x', ARENA_BLOCK_BYTES * 10);
    CHECK_STR(small, "small");
    CHECK(arena_used(arena) >= ARENA_BLOCK_BYTES * 10);
    arena_destroy(arena);
}

static void test_strings(void)
{
    struct arena *arena = arena_create(64);
    static const char open_end[3] = {'a', 'b', 'c'};
    CHECK_STR(arena_strndup(arena, open_end, 3), "abc");
    CHECK_STR(arena_strndup(arena, "hello", 2), "he");
    CHECK_STR(arena_strdup(arena, ""), "");
    CHECK(arena_strdup(arena, "twenty bytes of text") == NULL);
    arena_destroy(arena);
}

static void test_no_memory(void)
{
    mem_fail_nth(1);
    CHECK(arena_create(100) == NULL);
    struct arena *arena = arena_create(1 << 20);
    mem_fail_nth(1);
    CHECK(arena_alloc(arena, 10) == NULL);
    CHECK_EQ(arena_used(arena), 0);
    char *text = arena_strdup(arena, "after");
    CHECK_STR(text, "after");
    mem_fail_nth(1);
    CHECK(arena_alloc(arena, ARENA_BLOCK_BYTES) == NULL);
    /* A failed growth leaves what was there, and the room in the open block. */
    CHECK(arena_alloc(arena, 10) != NULL);
    mem_fail_nth(0);
    CHECK_STR(text, "after");
    arena_destroy(arena);
}

int main(void)
{
    RUN(test_blocks_are_aligned_and_apart);
    RUN(test_bound_is_exact);
    RUN(test_sizes_that_overflow);
    RUN(test_larger_than_a_block);
    RUN(test_strings);
    RUN(test_no_memory);
    return check_done();
}
