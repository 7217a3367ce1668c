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

/* Values are results, keys "language\0explain_in\0text\0". */
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

static char *key_bytes(const struct grammar_key *key, size_t *len)
{
    const char *explain_in = key->explain_in != NULL ? key->explain_in : key->language;
    return lru_key((const char *const[]){key->language, explain_in, key->text}, 3, len);
}

int grammar_cache_get(struct grammar_cache *cache, const struct grammar_key *key,
                      struct grammar_result *out)
{
    size_t len;
    char *bytes = key_bytes(key, &len);
    struct grammar_result *copy = bytes != NULL ? lru_get(cache->lru, bytes, len) : NULL;
    mem_free(bytes);
    if (copy == NULL)
        return STATUS_NOT_FOUND;
    *out = *copy;
    mem_free(copy);
    return STATUS_OK;
}

void grammar_cache_put(struct grammar_cache *cache, const struct grammar_key *key,
                       const struct grammar_result *result)
{
    if (strlen(key->text) > GRAMMAR_CACHE_TEXT_BYTES || result->edits_len > GRAMMAR_EDITS_MAX)
        return;
    size_t len;
    char *bytes = key_bytes(key, &len);
    struct grammar_result *copy = bytes != NULL ? result_copy(result) : NULL;
    if (copy == NULL) {
        mem_free(bytes);
        return;
    }
    lru_put(cache->lru, bytes, len, copy);
}
