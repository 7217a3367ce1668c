#include "base/slab.h"

#include "base/limits.h"
#include "base/mem.h"
#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#ifdef SOTTO_SANITIZED
enum { SHARES_CHUNKS = false };
#else
enum { SHARES_CHUNKS = true };
#endif

enum { ALIGN = 16, WORDS = SLAB_CHUNKS_MAX / 64 };

_Static_assert((SLAB_CHUNK_BYTES & (SLAB_CHUNK_BYTES - 1)) == 0, "an object's chunk is masked out");
_Static_assert(SLAB_CHUNKS_MAX % 64 == 0, "whole words");

struct free_object {
    struct free_object *next;
};

/* At the start of its memory, which is aligned to its size. */
struct chunk {
    struct free_object *freed;
    uint32_t index;   /* in the slab */
    uint32_t used;    /* objects taken */
    uint32_t touched; /* objects ever taken; beyond them the memory is new */
};

struct slab {
    size_t bytes;         /* of an object as asked for; 0: free for a size */
    uint32_t objects_max; /* of a chunk */
    uint32_t empty;       /* chunks without an object */
    uint64_t room[WORDS]; /* a bit a chunk that can take one */
    struct chunk *chunks[SLAB_CHUNKS_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slab slabs[SLAB_SIZES];
static size_t reserved;

static size_t stride(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static size_t head_bytes(void)
{
    return stride(sizeof(struct chunk));
}

/* NULL: too large, or one size too many; that never changes for a size. */
static struct slab *slab_of(size_t bytes)
{
    if (!SHARES_CHUNKS || bytes > SLAB_OBJECT_MAX)
        return NULL;
    for (size_t i = 0; i < SLAB_SIZES; i++) {
        struct slab *slab = &slabs[i];
        if (slab->bytes == bytes)
            return slab;
        if (slab->bytes == 0) {
            slab->bytes = bytes;
            slab->objects_max = (uint32_t)((SLAB_CHUNK_BYTES - head_bytes()) / stride(bytes));
            return slab;
        }
    }
    return NULL;
}

/* Memory aligned to its size: twice as much, less what sticks out. */
static void *chunk_map(void)
{
    char *at = mmap(NULL, 2 * (size_t)SLAB_CHUNK_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    size_t before = (SLAB_CHUNK_BYTES - (uintptr_t)at % SLAB_CHUNK_BYTES) % SLAB_CHUNK_BYTES;
    if (before > 0)
        munmap(at, before);
    munmap(at + before + SLAB_CHUNK_BYTES, SLAB_CHUNK_BYTES - before);
    return at + before;
}

static void room_set(struct slab *slab, uint32_t index, bool has)
{
    uint64_t bit = UINT64_C(1) << (index % 64);
    slab->room[index / 64] = has ? slab->room[index / 64] | bit : slab->room[index / 64] & ~bit;
}

static struct chunk *chunk_create(struct slab *slab)
{
    uint32_t index = 0;
    while (index < SLAB_CHUNKS_MAX && slab->chunks[index] != NULL)
        index++;
    struct chunk *chunk = index < SLAB_CHUNKS_MAX ? chunk_map() : NULL;
    if (chunk == NULL)
        return NULL;
    chunk->index = index; /* the rest of new memory is zero */
    slab->chunks[index] = chunk;
    slab->empty++;
    room_set(slab, index, true);
    reserved += SLAB_CHUNK_BYTES;
    return chunk;
}

static void chunk_destroy(struct slab *slab, struct chunk *chunk)
{
    room_set(slab, chunk->index, false);
    slab->chunks[chunk->index] = NULL;
    slab->empty--;
    reserved -= SLAB_CHUNK_BYTES;
    munmap(chunk, SLAB_CHUNK_BYTES);
}

/* The first chunk with room. */
static struct chunk *chunk_find(struct slab *slab)
{
    for (size_t i = 0; i < WORDS; i++)
        if (slab->room[i] != 0)
            return slab->chunks[i * 64 + (size_t)__builtin_ctzll(slab->room[i])];
    return chunk_create(slab);
}

static void *chunk_take(struct slab *slab, struct chunk *chunk)
{
    struct free_object *object = chunk->freed;
    if (object != NULL)
        chunk->freed = object->next;
    else
        object = (void *)((char *)chunk + head_bytes() + chunk->touched++ * stride(slab->bytes));
    if (chunk->used++ == 0)
        slab->empty--;
    if (chunk->used == slab->objects_max)
        room_set(slab, chunk->index, false);
    return object;
}

/* One empty chunk stays, so that load at a chunk's border does not map and unmap it. */
static void chunk_give(struct slab *slab, struct chunk *chunk, struct free_object *object)
{
    assert(chunk->used > 0 && slab->chunks[chunk->index] == chunk);
    object->next = chunk->freed;
    chunk->freed = object;
    room_set(slab, chunk->index, true);
    if (--chunk->used == 0 && ++slab->empty > 1)
        chunk_destroy(slab, chunk);
}

void *slab_take(size_t bytes)
{
    assert(bytes >= sizeof(struct free_object));
    if (mem_fails())
        return NULL;
    pthread_mutex_lock(&lock);
    struct slab *slab = slab_of(bytes);
    struct chunk *chunk = slab != NULL ? chunk_find(slab) : NULL;
    void *object = chunk != NULL ? chunk_take(slab, chunk) : NULL;
    pthread_mutex_unlock(&lock);
    return slab != NULL ? object : mem_alloc(bytes);
}

void slab_give(void *object, size_t bytes)
{
    if (object == NULL)
        return;
    explicit_bzero(object, bytes); /* somebody's voice */
    pthread_mutex_lock(&lock);
    struct slab *slab = slab_of(bytes);
    if (slab != NULL)
        chunk_give(slab, (void *)((uintptr_t)object & ~(uintptr_t)(SLAB_CHUNK_BYTES - 1)), object);
    pthread_mutex_unlock(&lock);
    if (slab == NULL)
        mem_free(object);
}

size_t slab_reserved(void)
{
    pthread_mutex_lock(&lock);
    size_t bytes = reserved;
    pthread_mutex_unlock(&lock);
    return bytes;
}
