#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "grammar/internal.h"
#include "grammar/limits.h"
#include <assert.h>
#include <pthread.h>
#include <string.h>

#define NONE UINT32_MAX

struct entry {
    uint64_t hash;
    char *keys;      /* "language\0text\0" */
    size_t keys_len; /* terminators included */
    struct grammar_result result;
    uint32_t chain; /* next of the same bucket */
    uint32_t newer, older;
};

struct grammar_cache {
    pthread_mutex_t lock;
    struct entry *entries; /* the first `len` are in use */
    uint32_t *buckets;
    uint32_t len, max, mask;
    uint32_t newest, oldest;
    uint64_t seed; /* callers must not be able to choose colliding texts */
};

static void entry_clear(struct entry *entry)
{
    mem_free(entry->keys);
    grammar_result_free(&entry->result);
}

struct grammar_cache *grammar_cache_create(size_t entries_max)
{
    assert(entries_max > 0 && entries_max < UINT32_MAX / 4);
    struct grammar_cache *cache = mem_calloc(1, sizeof *cache);
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

void grammar_cache_destroy(struct grammar_cache *cache)
{
    if (cache == NULL)
        return;
    for (uint32_t i = 0; i < cache->len; i++)
        entry_clear(&cache->entries[i]);
    pthread_mutex_destroy(&cache->lock);
    mem_free(cache->entries);
    mem_free(cache->buckets);
    mem_free(cache);
}

/* NULL: out of memory. */
static char *keys_join(const char *language, const char *text, size_t *len)
{
    size_t language_len = strlen(language) + 1, text_len = strlen(text) + 1;
    char *keys = mem_alloc(language_len + text_len);
    if (keys == NULL)
        return NULL;
    memcpy(keys, language, language_len);
    memcpy(keys + language_len, text, text_len);
    *len = language_len + text_len;
    return keys;
}

static uint64_t keys_hash(const struct grammar_cache *cache, const char *keys, size_t len)
{
    uint64_t hash = cache->seed;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)keys[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    return hash;
}

static uint32_t find(const struct grammar_cache *cache, uint64_t hash, const char *keys,
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

static void age_unlink(struct grammar_cache *cache, uint32_t at)
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

static void age_push(struct grammar_cache *cache, uint32_t at)
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
static uint32_t evict(struct grammar_cache *cache)
{
    uint32_t at = cache->oldest;
    assert(at != NONE);
    uint32_t *link = &cache->buckets[cache->entries[at].hash & cache->mask];
    while (*link != at)
        link = &cache->entries[*link].chain;
    *link = cache->entries[at].chain;
    age_unlink(cache, at);
    entry_clear(&cache->entries[at]);
    return at;
}

int grammar_cache_get(struct grammar_cache *cache, const char *language, const char *text,
                      struct grammar_result *out)
{
    size_t len;
    char *keys = keys_join(language, text, &len);
    if (keys == NULL)
        return STATUS_NOT_FOUND;
    int status = STATUS_NOT_FOUND;
    uint64_t hash = keys_hash(cache, keys, len);
    pthread_mutex_lock(&cache->lock);
    uint32_t at = find(cache, hash, keys, len);
    if (at != NONE) {
        age_unlink(cache, at);
        age_push(cache, at);
        if (grammar__result_copy(&cache->entries[at].result, out) == 0)
            status = 0;
    }
    pthread_mutex_unlock(&cache->lock);
    mem_free(keys);
    return status;
}

/* Takes `keys` and what `result` owns. */
static void insert(struct grammar_cache *cache, char *keys, size_t len,
                   const struct grammar_result *result)
{
    uint64_t hash = keys_hash(cache, keys, len);
    uint32_t at = find(cache, hash, keys, len);
    if (at != NONE) {
        struct entry *entry = &cache->entries[at];
        entry_clear(entry);
        entry->keys = keys;
        entry->result = *result;
        age_unlink(cache, at);
        age_push(cache, at);
        return;
    }
    at = cache->len < cache->max ? cache->len++ : evict(cache);
    uint32_t *bucket = &cache->buckets[hash & cache->mask];
    cache->entries[at] = (struct entry){
        .hash = hash, .keys = keys, .keys_len = len, .result = *result, .chain = *bucket};
    *bucket = at;
    age_push(cache, at);
}

void grammar_cache_put(struct grammar_cache *cache, const char *language, const char *text,
                       const struct grammar_result *result)
{
    if (strlen(text) > GRAMMAR_CACHE_TEXT_BYTES || result->edits_len > GRAMMAR_EDITS_MAX)
        return;
    size_t len;
    struct grammar_result copy;
    char *keys = keys_join(language, text, &len);
    if (keys == NULL || grammar__result_copy(result, &copy) != 0) {
        mem_free(keys);
        return;
    }
    pthread_mutex_lock(&cache->lock);
    insert(cache, keys, len, &copy);
    pthread_mutex_unlock(&cache->lock);
}
