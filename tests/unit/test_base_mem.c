#include "base/mem.h"
#include "tests/check.h"

#include <stdint.h>

#ifdef SOTTO_SANITIZED
#define SANITIZED true /* fresh memory has a pattern of its own, and old blocks rest */
#else
#define SANITIZED false
#endif

static void test_zero_bytes_is_a_block(void)
{
    void *a = mem_alloc(0), *b = mem_calloc(0, 8), *c = mem_calloc(8, 0);
    CHECK(a != NULL && b != NULL && c != NULL);
    a = mem_realloc(a, 0);
    CHECK(a != NULL);
    mem_free(a);
    mem_free(b);
    mem_free(c);
    mem_free(NULL);
}

static void test_calloc_zeroes_and_refuses_overflow(void)
{
    unsigned char *block = mem_calloc(16, 16);
    for (int i = 0; i < 256; i++)
        CHECK_EQ(block[i], 0);
    mem_free(block);
    /* Hidden from the compiler, which would warn of just what is tested. */
    volatile size_t half = SIZE_MAX / 2;
#ifndef SOTTO_SANITIZED
    CHECK(mem_calloc(half, 4) == NULL);
#endif
    CHECK(half > 0);
}

static void test_strings(void)
{
    char *whole = mem_strdup("hello"), *part = mem_strndup("hello", 3), *more = mem_strndup("h", 9);
    CHECK_STR(whole, "hello");
    CHECK_STR(part, "hel");
    CHECK_STR(more, "h");
    mem_free(whole);
    mem_free(part);
    mem_free(more);
    static const char open_end[3] = {'a', 'b', 'c'};
    char *copy = mem_strndup(open_end, 3);
    CHECK_STR(copy, "abc");
    mem_free(copy);
}

static void test_nth_allocation_fails_once(void)
{
    for (unsigned nth = 1; nth <= 4; nth++) {
        mem_fail_nth(nth);
        void *blocks[5] = {mem_alloc(8), mem_calloc(1, 8), mem_strdup("x"), mem_strndup("y", 1),
                           mem_alloc(8)};
        for (unsigned i = 0; i < 5; i++) {
            CHECK((blocks[i] == NULL) == (i + 1 == nth));
            mem_free(blocks[i]);
        }
    }
    mem_fail_nth(1);
    mem_fail_nth(0);
    void *block = mem_alloc(1);
    CHECK(block != NULL);
    mem_free(block);
}

static void test_neighbours_fail_together(void)
{
    mem_fail_from(2, 2);
    for (unsigned i = 1; i <= 5; i++) {
        void *block = mem_alloc(8);
        CHECK((block == NULL) == (i == 2 || i == 3));
        mem_free(block);
    }
    CHECK_EQ(mem_failed(), 2);
    mem_fail_nth(9);
    mem_free(mem_alloc(1));
    CHECK_EQ(mem_failed(), 0);
    mem_fail_nth(0);
}

static void test_allocations_are_counted(void)
{
    uint64_t before = mem_allocations();
    void *a = mem_alloc(1), *b = mem_calloc(1, 1);
    char *c = mem_strdup("c");
    a = mem_realloc(a, 100);
    CHECK_EQ(mem_allocations() - before, 4);
    mem_free(a);
    mem_free(b);
    mem_free(c);
    CHECK_EQ(mem_allocations() - before, 4);
}

static void test_failed_realloc_keeps_the_block(void)
{
    char *block = mem_strdup("kept");
    mem_fail_nth(1);
    CHECK(mem_realloc(block, 100) == NULL);
    CHECK_STR(block, "kept");
    block = mem_realloc(block, 100);
    CHECK_STR(block, "kept");
    mem_free(block);
}

/* Blocks that come again, whatever their place, show nothing of those that went. */
static void test_what_is_freed_is_wiped(void)
{
    enum { BLOCKS = 200, BYTES = 700 };
    static char *blocks[BLOCKS];
    char *seen[BLOCKS];
    unsigned again = 0;
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = memset(mem_alloc(BYTES), 'x', BYTES);
        if (i % 2 == 0)
            blocks[i] = mem_realloc(blocks[i], 3 * BYTES);
        CHECK(blocks[i][0] == 'x' && blocks[i][BYTES - 1] == 'x');
        seen[i] = blocks[i];
    }
    for (int i = 0; i < BLOCKS; i++)
        mem_free(blocks[i]);
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = mem_alloc(BYTES);
        for (int j = 0; j < BLOCKS; j++)
            again += seen[j] == blocks[i];
        /* Some words were the allocator's own: an address may have one such byte. */
        CHECK(memmem(blocks[i], BYTES, "xxxxxxxx", 8) == NULL || SANITIZED);
    }
    CHECK(again > 0 || SANITIZED);
    for (int i = 0; i < BLOCKS; i++)
        mem_free(blocks[i]);
}

static void test_allocator_is_told_truthfully(void)
{
#ifdef SOTTO_MIMALLOC
    CHECK(strncmp(mem_allocator(), "mimalloc ", 9) == 0);
#else
    CHECK_STR(mem_allocator(), "libc");
#endif
    CHECK(mem_allocator() == mem_allocator());
}

static void test_rss_grows_with_use(void)
{
    size_t size = 32u << 20, before = mem_rss();
    CHECK(before > 100u * 1024);
    char *block = mem_alloc(size);
    memset(block, 1, size);
    CHECK(mem_rss() >= before + size / 2);
    CHECK_EQ(block[size - 1], 1);
    mem_free(block);
}

int main(void)
{
    RUN(test_zero_bytes_is_a_block);
    RUN(test_calloc_zeroes_and_refuses_overflow);
    RUN(test_strings);
    RUN(test_nth_allocation_fails_once);
    RUN(test_neighbours_fail_together);
    RUN(test_allocations_are_counted);
    RUN(test_failed_realloc_keeps_the_block);
    RUN(test_what_is_freed_is_wiped);
    RUN(test_allocator_is_told_truthfully);
    RUN(test_rss_grows_with_use);
    return check_done();
}
