#include "server/directory.h"

#include "base/mem.h"
#include "base/status.h"
#include "server/http_limits.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

/* One word so that a reader sees slot owner and generation together: generation << 16 | kind << 8 |
 * front + 1 (0: free). */
struct slot {
    _Atomic uint64_t word;
    uint32_t next_free; /* 1-based; under the lock */
};

struct directory {
    pthread_mutex_t lock;
    pthread_rwlock_t routes; /* written while a holder moves */
    uint32_t slots_len;
    uint32_t free_head; /* 1-based */
    uint32_t max[DIRECTORY_KINDS];
    _Atomic uint32_t count[DIRECTORY_KINDS];
    struct slot slots[];
};

struct directory *directory_create(uint32_t connections_max, uint32_t sessions_max)
{
    uint32_t len = connections_max + sessions_max + HTTP_REQUESTS_MAX;
    struct directory *directory = mem_calloc(1, sizeof *directory + len * sizeof(struct slot));
    if (directory == NULL)
        return NULL;
    pthread_mutex_init(&directory->lock, NULL);
    pthread_rwlock_init(&directory->routes, NULL);
    directory->slots_len = len;
    directory->max[DIRECTORY_CONNECTION] = connections_max;
    directory->max[DIRECTORY_SESSION] = sessions_max;
    directory->max[DIRECTORY_REQUEST] = HTTP_REQUESTS_MAX;
    for (uint32_t i = 0; i < len; i++)
        directory->slots[i].next_free = i + 1 < len ? i + 2 : 0;
    directory->free_head = 1;
    return directory;
}

void directory_destroy(struct directory *directory)
{
    if (directory == NULL)
        return;
    pthread_rwlock_destroy(&directory->routes);
    pthread_mutex_destroy(&directory->lock);
    mem_free(directory);
}

static uint64_t word_make(uint32_t generation, enum directory_kind kind, uint32_t front)
{
    return (uint64_t)generation << 16 | (uint64_t)kind << 8 | (front + 1);
}

int directory_add(struct directory *directory, enum directory_kind kind, uint32_t front,
                  uint64_t *id)
{
    assert(front < 255);
    pthread_mutex_lock(&directory->lock);
    /* Relaxed: counts are only changed under the lock; readers want a gauge. */
    uint32_t count = atomic_load_explicit(&directory->count[kind], memory_order_relaxed);
    if (count >= directory->max[kind] || directory->free_head == 0) {
        pthread_mutex_unlock(&directory->lock);
        return STATUS_LIMIT;
    }
    uint32_t index = directory->free_head - 1;
    struct slot *slot = &directory->slots[index];
    directory->free_head = slot->next_free;
    uint64_t old = atomic_load_explicit(&slot->word, memory_order_relaxed);
    uint32_t generation = (uint32_t)(old >> 16) + 1;
    /* Release: who finds the id finds its front. */
    atomic_store_explicit(&slot->word, word_make(generation, kind, front), memory_order_release);
    atomic_store_explicit(&directory->count[kind], count + 1, memory_order_relaxed);
    pthread_mutex_unlock(&directory->lock);
    *id = (uint64_t)generation << 32 | (index + 1);
    return STATUS_OK;
}

void directory_remove(struct directory *directory, uint64_t id)
{
    pthread_mutex_lock(&directory->lock);
    uint32_t index = directory_slot(id);
    assert(index < directory->slots_len);
    struct slot *slot = &directory->slots[index];
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    assert((uint32_t)(word >> 16) == (uint32_t)(id >> 32) && (word & 0xff) != 0);
    enum directory_kind kind = (enum directory_kind)(word >> 8 & 0xff);
    atomic_store_explicit(&slot->word, word & ~(uint64_t)0xffff, memory_order_release);
    slot->next_free = directory->free_head;
    directory->free_head = index + 1;
    uint32_t count = atomic_load_explicit(&directory->count[kind], memory_order_relaxed);
    atomic_store_explicit(&directory->count[kind], count - 1, memory_order_relaxed);
    pthread_mutex_unlock(&directory->lock);
}

int directory_front(const struct directory *directory, uint64_t id)
{
    uint32_t index = directory_slot(id);
    if (id == 0 || index >= directory->slots_len)
        return -1;
    uint64_t word = atomic_load_explicit(&directory->slots[index].word, memory_order_acquire);
    if ((uint32_t)(word >> 16) != (uint32_t)(id >> 32) || (word & 0xff) == 0)
        return -1;
    return (int)(word & 0xff) - 1;
}

int directory_hold(struct directory *directory, uint64_t id)
{
    pthread_rwlock_rdlock(&directory->routes);
    return directory_front(directory, id);
}

void directory_release(struct directory *directory)
{
    pthread_rwlock_unlock(&directory->routes);
}

void directory_move(struct directory *directory, uint64_t id, uint32_t front)
{
    assert(front < 255 && directory_front(directory, id) >= 0);
    pthread_rwlock_wrlock(&directory->routes);
    struct slot *slot = &directory->slots[directory_slot(id)];
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    atomic_store_explicit(&slot->word, (word & ~(uint64_t)0xff) | (front + 1),
                          memory_order_release);
    pthread_rwlock_unlock(&directory->routes);
}

uint32_t directory_slot(uint64_t id)
{
    return (uint32_t)id - 1;
}

uint32_t directory_slots(const struct directory *directory)
{
    return directory->slots_len;
}

uint32_t directory_count(const struct directory *directory, enum directory_kind kind)
{
    return atomic_load_explicit(&directory->count[kind], memory_order_relaxed);
}
