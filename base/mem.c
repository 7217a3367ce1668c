#include "base/mem.h"

#include <assert.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef SOTTO_MIMALLOC
#include <mimalloc.h>
#endif

/* Allocations until one fails for a test (0: none is to), and how many then do. */
static _Thread_local unsigned fail_in, fail_len;
static _Thread_local unsigned failed;
static _Thread_local uint64_t allocations;

bool mem_fails(void)
{
    if (fail_in == 0 || --fail_in > 0)
        return false;
    failed++;
    fail_in = --fail_len > 0;
    return true;
}

static void *counted(void *block)
{
    failed += block == NULL;
    return block;
}

uint64_t mem_allocations(void)
{
    return allocations;
}

void *mem_alloc(size_t bytes)
{
    allocations++;
    /* malloc(0) may answer NULL, which callers would take for lack of memory. */
    return mem_fails() ? NULL : counted(malloc(bytes > 0 ? bytes : 1));
}

void *mem_calloc(size_t count, size_t bytes)
{
    allocations++;
    if (mem_fails())
        return NULL;
    return counted(count > 0 && bytes > 0 ? calloc(count, bytes) : calloc(1, 1));
}

/* realloc() would leave what the block held where it was. */
void *mem_realloc(void *block, size_t bytes)
{
    allocations++;
    if (mem_fails())
        return NULL;
    size_t held = block != NULL ? malloc_usable_size(block) : 0;
    if (block != NULL && bytes <= held && bytes > held / 2)
        return block;
    void *other = counted(malloc(bytes > 0 ? bytes : 1));
    if (other == NULL || block == NULL)
        return other;
    memcpy(other, block, held < bytes ? held : bytes);
    mem_free(block);
    return other;
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

char *mem_strndup(const char *text, size_t len)
{
    size_t used = strnlen(text, len);
    char *copy = mem_alloc(used + 1);
    if (copy != NULL) {
        memcpy(copy, text, used);
        copy[used] = '\0';
    }
    return copy;
}

void mem_free(void *block)
{
    if (block == NULL)
        return;
    explicit_bzero(block, malloc_usable_size(block));
    free(block);
}

void mem_fail_nth(unsigned nth)
{
    mem_fail_from(nth, 1);
}

void mem_fail_from(unsigned nth, unsigned len)
{
    assert(len > 0);
    fail_in = nth;
    fail_len = len;
    failed = 0;
}

unsigned mem_failed(void)
{
    return failed;
}

static char allocator[32] = "libc";

#ifdef SOTTO_MIMALLOC
/* Asks where a block really came from: the library may be linked and yet not override malloc. */
static void find_allocator(void)
{
    void *probe = calloc(1, 64);
    if (probe != NULL && mi_is_in_heap_region(probe)) {
        int version = mi_version();
        snprintf(allocator, sizeof allocator, "mimalloc %d.%d.%d", version / 100, version / 10 % 10,
                 version % 10);
    }
    free(probe);
}
#endif

const char *mem_allocator(void)
{
#ifdef SOTTO_MIMALLOC
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_allocator);
#endif
    return allocator;
}

size_t mem_rss(void)
{
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len <= 0)
        return 0;
    text[len] = '\0';
    /* "size resident shared …", in pages. */
    char *resident = strchr(text, ' ');
    if (resident == NULL)
        return 0;
    return (size_t)strtoull(resident, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}
