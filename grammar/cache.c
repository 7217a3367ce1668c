#include "base/lru.h"
#include "base/mem.h"
#include "base/status.h"
#include "grammar/internal.h"
#include "grammar/limits.h"
#include <string.h>

static void result_free(void *value)
{
    if (value != NULL)
        grammar_result_free(value);
    mem_free(value);
}

static void *result_copy(const void *value)
{
    struct grammar_result *copy = mem_calloc(1, sizeof *copy);
    if (copy != NULL && grammar__result_copy(value, copy) != STATUS_OK) {
        mem_free(copy);
        return NULL;
    }
    return copy;
}

static const struct lru_ops result_ops = {result_copy, result_free};

/* Values are results, keys "language\0text\0". */
struct grammar_cache {
    struct lru *lru;
};

struct grammar_cache *grammar_cache_create(size_t entries_max)
{
    struct grammar_cache *cache = mem_calloc(1, sizeof *cache);
    if (cache != NULL)
        cache->lru = lru_create(entries_max, &result_ops);
    if (cache == NULL || cache->lru == NULL) {
        mem_free(cache);
        return NULL;
    }
    return cache;
}

void grammar_cache_destroy(struct grammar_cache *cache)
{
    if (cache == NULL)
        return;
    lru_destroy(cache->lru);
    mem_free(cache);
}

int grammar_cache_get(struct grammar_cache *cache, const char *language, const char *text,
                      struct grammar_result *out)
{
    size_t len;
    char *key = lru_key((const char *const[]){language, text}, 2, &len);
    struct grammar_result *copy = key != NULL ? lru_get(cache->lru, key, len) : NULL;
    mem_free(key);
    if (copy == NULL)
        return STATUS_NOT_FOUND;
    *out = *copy;
    mem_free(copy);
    return STATUS_OK;
}

void grammar_cache_put(struct grammar_cache *cache, const char *language, const char *text,
                       const struct grammar_result *result)
{
    if (strlen(text) > GRAMMAR_CACHE_TEXT_BYTES || result->edits_len > GRAMMAR_EDITS_MAX)
        return;
    size_t len;
    char *key = lru_key((const char *const[]){language, text}, 2, &len);
    struct grammar_result *copy = key != NULL ? result_copy(result) : NULL;
    if (copy == NULL) {
        mem_free(key);
        return;
    }
    lru_put(cache->lru, key, len, copy);
}
