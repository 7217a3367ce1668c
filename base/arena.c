#include "base/arena.h"

#include "base/limits.h"
#include "base/mem.h"
#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#define ARENA_ALIGN 16

struct block {
    struct block *older;
    size_t cap;
    size_t used;
    alignas(ARENA_ALIGN) unsigned char bytes[];
};

struct arena {
    struct block *newest;
    size_t used;
    size_t bytes_max;
};

struct arena *arena_create(size_t bytes_max)
{
    struct arena *arena = mem_calloc(1, sizeof *arena);
    if (arena != NULL)
        arena->bytes_max = bytes_max;
    return arena;
}

void arena_destroy(struct arena *arena)
{
    if (arena == NULL)
        return;
    for (struct block *block = arena->newest; block != NULL;) {
        struct block *older = block->older;
        mem_free(block);
        block = older;
    }
    mem_free(arena);
}

/* Each block is twice the one before, so that a big arena costs few allocations. */
static struct block *add_block(struct arena *arena, size_t bytes)
{
    size_t cap = arena->newest != NULL ? arena->newest->cap * 2 : ARENA_BLOCK_BYTES;
    size_t left = arena->bytes_max - arena->used;
    if (cap > left)
        cap = left;
    if (cap < bytes)
        cap = bytes;
    struct block *block = mem_alloc(sizeof *block + cap);
    if (block == NULL)
        return NULL;
    block->older = arena->newest;
    block->cap = cap;
    block->used = 0;
    arena->newest = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    size_t room = arena->bytes_max - arena->used;
    assert(arena->used <= arena->bytes_max);
    if (bytes == 0)
        bytes = 1;
    if (bytes > room || bytes > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    bytes = (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (bytes > room)
        return NULL;
    struct block *block = arena->newest;
    if (block == NULL || block->cap - block->used < bytes)
        block = add_block(arena, bytes);
    if (block == NULL)
        return NULL;
    void *out = block->bytes + block->used;
    block->used += bytes;
    arena->used += bytes;
    return out;
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
    size_t used = strnlen(text, len);
    char *copy = arena_alloc(arena, used + 1);
    if (copy != NULL) {
        memcpy(copy, text, used);
        copy[used] = '\0';
    }
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
