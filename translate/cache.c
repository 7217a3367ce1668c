#include "base/mem.h"
#include "base/rng.h"
#include "translate/limits.h"
#include "translate/translate.h"
#include <assert.h>
#include <pthread.h>
#include <string.h>

#define NONE UINT32_MAX

/* One block: the entry's three keys and its answer, each terminated, one after the other. */
struct entry {
    uint64_t hash;
    char *keys;
    size_t keys_len; /* bytes of the keys, their terminators included */
    uint32_t chain;  /* next of the same bucket */
    uint32_t newer, older;
};

struct translate_cache {
    pthread_mutex_t lock;
    struct entry *entries; /* the first `len` are in use */
    uint32_t *buckets;
    uint32_t len, max, mask;
    uint32_t newest, oldest;
    uint64_t seed; /* callers must not be able to choose colliding texts */
};

struct translate_cache *translate_cache_create(size_t entries_max)
{
    assert(entries_max > 0 && entries_max < UINT32_MAX / 4);
    struct translate_cache *cache = mem_calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    uint32_t buckets = 1;
    while (buckets < entries_max)
        buckets *= 2;
    cache->max = (uint32_t)entries_max;
    cache->mask = buckets - 1;
    cache->newest = cache->oldest = NONE;
    cache->seed = rng_seed();
    cache->entries = mem_calloc(entries_max, sizeof *cache->entries);
    cache->buckets = mem_alloc(buckets * sizeof *cache->buckets);
    if (cache->entries == NULL || cache->buckets == NULL) {
        mem_free(cache->entries);
        mem_free(cache->buckets);
        mem_free(cache);
        return NULL;
    }
    memset(cache->buckets, 0xff, buckets * sizeof *cache->buckets);
    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void translate_cache_destroy(struct translate_cache *cache)
{
    if (cache == NULL)
        return;
    for (uint32_t i = 0; i < cache->len; i++)
        mem_free(cache->entries[i].keys);
    pthread_mutex_destroy(&cache->lock);
    mem_free(cache->entries);
    mem_free(cache->buckets);
    mem_free(cache);
}

/* Keys are compared as one run of bytes: "source\0target\0text\0". NULL: out of memory. */
static char *keys_join(const char *const parts[], size_t count, size_t *len)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(parts[i]) + 1;
    char *keys = mem_alloc(bytes), *at = keys;
    for (size_t i = 0; keys != NULL && i < count; i++) {
        size_t part = strlen(parts[i]) + 1;
        memcpy(at, parts[i], part);
        at += part;
    }
    *len = bytes;
    return keys;
}

static uint64_t keys_hash(const struct translate_cache *cache, const char *keys, size_t len)
{
    uint64_t hash = cache->seed;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)keys[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    return hash;
}

static uint32_t find(const struct translate_cache *cache, uint64_t hash, const char *keys,
                     size_t keys_len)
{
    uint32_t at = cache->buckets[hash & cache->mask];
    while (at != NONE) {
        const struct entry *entry = &cache->entries[at];
        if (entry->hash == hash && entry->keys_len == keys_len &&
            memcmp(entry->keys, keys, keys_len) == 0)
            return at;
        at = entry->chain;
    }
    return NONE;
}

static void age_unlink(struct translate_cache *cache, uint32_t at)
{
    struct entry *entry = &cache->entries[at];
    if (entry->newer != NONE)
        cache->entries[entry->newer].older = entry->older;
    else
        cache->newest = entry->older;
    if (entry->older != NONE)
        cache->entries[entry->older].newer = entry->newer;
    else
        cache->oldest = entry->newer;
}

static void age_push(struct translate_cache *cache, uint32_t at)
{
    cache->entries[at].newer = NONE;
    cache->entries[at].older = cache->newest;
    if (cache->newest != NONE)
        cache->entries[cache->newest].newer = at;
    else
        cache->oldest = at;
    cache->newest = at;
}

/* Frees the longest unused entry and gives its place. */
static uint32_t evict(struct translate_cache *cache)
{
    uint32_t at = cache->oldest;
    assert(at != NONE);
    uint32_t *link = &cache->buckets[cache->entries[at].hash & cache->mask];
    while (*link != at)
        link = &cache->entries[*link].chain;
    *link = cache->entries[at].chain;
    age_unlink(cache, at);
    mem_free(cache->entries[at].keys);
    return at;
}

char *translate_cache_get(struct translate_cache *cache, const char *source, const char *target,
                          const char *text)
{
    const char *parts[] = {source, target, text};
    size_t len;
    char *keys = keys_join(parts, 3, &len), *copy = NULL;
    if (keys == NULL)
        return NULL;
    uint64_t hash = keys_hash(cache, keys, len);
    pthread_mutex_lock(&cache->lock);
    uint32_t at = find(cache, hash, keys, len);
    if (at != NONE) {
        age_unlink(cache, at);
        age_push(cache, at);
        copy = mem_strdup(cache->entries[at].keys + len);
    }
    pthread_mutex_unlock(&cache->lock);
    mem_free(keys);
    return copy;
}

/* Takes `keys`, answer included, whose first `len` bytes are the keys. */
static void insert(struct translate_cache *cache, char *keys, size_t len)
{
    uint64_t hash = keys_hash(cache, keys, len);
    uint32_t at = find(cache, hash, keys, len);
    if (at != NONE) {
        mem_free(cache->entries[at].keys);
        cache->entries[at].keys = keys;
        age_unlink(cache, at);
        age_push(cache, at);
        return;
    }
    at = cache->len < cache->max ? cache->len++ : evict(cache);
    uint32_t *bucket = &cache->buckets[hash & cache->mask];
    cache->entries[at] =
        (struct entry){.hash = hash, .keys = keys, .keys_len = len, .chain = *bucket};
    *bucket = at;
    age_push(cache, at);
}

void translate_cache_put(struct translate_cache *cache, const char *source, const char *target,
                         const char *text, const char *answer)
{
    if (strlen(text) > TRANSLATE_CACHE_TEXT_BYTES ||
        strlen(answer) > TRANSLATE_CACHE_TEXT_BYTES * TRANSLATE_ANSWER_FACTOR)
        return;
    const char *parts[] = {source, target, text, answer};
    size_t len;
    char *keys = keys_join(parts, 4, &len);
    if (keys == NULL)
        return;
    pthread_mutex_lock(&cache->lock);
    insert(cache, keys, len - strlen(answer) - 1);
    pthread_mutex_unlock(&cache->lock);
}
