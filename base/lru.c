#include "base/lru.h"

#include "base/mem.h"
#include "base/rng.h"
#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#define NONE UINT32_MAX

struct entry {
    uint64_t hash;
    char *key;
    size_t len; /* of the key */
    void *value;
    uint32_t chain; /* next of the same bucket */
    uint32_t newer, older;
};

struct lru {
    const struct lru_ops *ops;
    pthread_mutex_t lock;
    struct entry *entries; /* the first `len` are in use */
    uint32_t *buckets;
    uint32_t len, max, mask;
    uint32_t newest, oldest;
    uint64_t seed; /* callers must not be able to choose colliding keys */
};

struct lru *lru_create(size_t entries_max, const struct lru_ops *ops)
{
    assert(entries_max > 0 && entries_max < UINT32_MAX / 4);
    assert(ops->copy != NULL && ops->free != NULL);
    struct lru *lru = mem_calloc(1, sizeof *lru);
    if (lru == NULL)
        return NULL;
    uint32_t buckets = 1;
    while (buckets < entries_max)
        buckets *= 2;
    lru->ops = ops;
    lru->max = (uint32_t)entries_max;
    lru->mask = buckets - 1;
    lru->newest = lru->oldest = NONE;
    lru->seed = rng_seed();
    lru->entries = mem_calloc(entries_max, sizeof *lru->entries);
    lru->buckets = mem_alloc(buckets * sizeof *lru->buckets);
    if (lru->entries == NULL || lru->buckets == NULL) {
        mem_free(lru->entries);
        mem_free(lru->buckets);
        mem_free(lru);
        return NULL;
    }
    memset(lru->buckets, 0xff, buckets * sizeof *lru->buckets);
    pthread_mutex_init(&lru->lock, NULL);
    return lru;
}

static void entry_clear(const struct lru *lru, struct entry *entry)
{
    mem_free(entry->key);
    lru->ops->free(entry->value);
}

void lru_destroy(struct lru *lru)
{
    if (lru == NULL)
        return;
    for (uint32_t i = 0; i < lru->len; i++)
        entry_clear(lru, &lru->entries[i]);
    pthread_mutex_destroy(&lru->lock);
    mem_free(lru->entries);
    mem_free(lru->buckets);
    mem_free(lru);
}

char *lru_key(const char *const parts[], size_t count, size_t *len)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(parts[i]) + 1;
    char *key = mem_alloc(bytes), *at = key;
    for (size_t i = 0; key != NULL && i < count; i++) {
        size_t part = strlen(parts[i]) + 1;
        memcpy(at, parts[i], part);
        at += part;
    }
    *len = bytes;
    return key;
}

static uint64_t key_hash(const struct lru *lru, const char *key, size_t len)
{
    uint64_t hash = lru->seed;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)key[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    return hash;
}

static uint32_t find(const struct lru *lru, uint64_t hash, const char *key, size_t len)
{
    uint32_t at = lru->buckets[hash & lru->mask];
    while (at != NONE) {
        const struct entry *entry = &lru->entries[at];
        if (entry->hash == hash && entry->len == len && memcmp(entry->key, key, len) == 0)
            return at;
        at = entry->chain;
    }
    return NONE;
}

static void age_unlink(struct lru *lru, uint32_t at)
{
    struct entry *entry = &lru->entries[at];
    if (entry->newer != NONE)
        lru->entries[entry->newer].older = entry->older;
    else
        lru->newest = entry->older;
    if (entry->older != NONE)
        lru->entries[entry->older].newer = entry->newer;
    else
        lru->oldest = entry->newer;
}

static void age_push(struct lru *lru, uint32_t at)
{
    lru->entries[at].newer = NONE;
    lru->entries[at].older = lru->newest;
    if (lru->newest != NONE)
        lru->entries[lru->newest].newer = at;
    else
        lru->oldest = at;
    lru->newest = at;
}

/* Frees the longest unused entry and gives its place. */
static uint32_t evict(struct lru *lru)
{
    uint32_t at = lru->oldest;
    assert(at != NONE);
    uint32_t *link = &lru->buckets[lru->entries[at].hash & lru->mask];
    while (*link != at)
        link = &lru->entries[*link].chain;
    *link = lru->entries[at].chain;
    age_unlink(lru, at);
    entry_clear(lru, &lru->entries[at]);
    return at;
}

void *lru_get(struct lru *lru, const void *key, size_t len)
{
    void *copy = NULL;
    uint64_t hash = key_hash(lru, key, len);
    pthread_mutex_lock(&lru->lock);
    uint32_t at = find(lru, hash, key, len);
    if (at != NONE) {
        age_unlink(lru, at);
        age_push(lru, at);
        copy = lru->ops->copy(lru->entries[at].value);
    }
    pthread_mutex_unlock(&lru->lock);
    return copy;
}

static void insert(struct lru *lru, uint64_t hash, struct entry entry)
{
    uint32_t at = find(lru, hash, entry.key, entry.len);
    if (at != NONE) {
        struct entry *old = &lru->entries[at];
        entry_clear(lru, old);
        old->key = entry.key;
        old->value = entry.value;
        age_unlink(lru, at);
        age_push(lru, at);
        return;
    }
    at = lru->len < lru->max ? lru->len++ : evict(lru);
    uint32_t *bucket = &lru->buckets[hash & lru->mask];
    entry.chain = *bucket;
    lru->entries[at] = entry;
    *bucket = at;
    age_push(lru, at);
}

void lru_put(struct lru *lru, char *key, size_t len, void *value)
{
    assert(key != NULL && value != NULL);
    uint64_t hash = key_hash(lru, key, len);
    pthread_mutex_lock(&lru->lock);
    insert(lru, hash, (struct entry){.hash = hash, .key = key, .len = len, .value = value});
    pthread_mutex_unlock(&lru->lock);
}
