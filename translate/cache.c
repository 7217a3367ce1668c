#include "base/lru.h"
#include "base/mem.h"
#include "translate/internal.h"
#include <string.h>

static void *answer_copy(const void *value)
{
    return mem_strdup(value);
}

static const struct lru_ops answer_ops = {answer_copy, mem_free};

/* Values are answers, keys as of key_of(). */
struct translate_cache {
    struct lru *lru;
};

struct translate_cache *translate_cache_create(size_t entries_max)
{
    struct translate_cache *cache = mem_calloc(1, sizeof *cache);
    if (cache != NULL)
        cache->lru = lru_create(entries_max, &answer_ops);
    if (cache == NULL || cache->lru == NULL) {
        mem_free(cache);
        return NULL;
    }
    return cache;
}

void translate_cache_destroy(struct translate_cache *cache)
{
    if (cache == NULL)
        return;
    lru_destroy(cache->lru);
    mem_free(cache);
}

/* The glossary's version is what of it the request says: sessions whose glossaries differ share the
 * answers that no entry touches. */
static char *key_of(const struct translate_prompt *prompt, size_t *len)
{
    char *text = mem_strdup(prompt->text);
    if (text == NULL)
        return NULL;
    translate__squeeze(text);
    const char *terms = prompt->terms != NULL ? prompt->terms : "";
    const char *before = prompt->before != NULL ? prompt->before : "";
    char *key =
        lru_key((const char *const[]){prompt->source, prompt->target, terms, before, text}, 5, len);
    mem_free(text);
    return key;
}

char *translate_cache_get(struct translate_cache *cache, const struct translate_prompt *prompt)
{
    size_t len;
    char *key = key_of(prompt, &len);
    char *answer = key != NULL ? lru_get(cache->lru, key, len) : NULL;
    mem_free(key);
    return answer;
}

void translate_cache_put(struct translate_cache *cache, const struct translate_prompt *prompt,
                         const char *answer)
{
    if (strlen(prompt->text) > TRANSLATE_CACHE_TEXT_BYTES ||
        strlen(answer) > TRANSLATE_CACHE_TEXT_BYTES * TRANSLATE_ANSWER_FACTOR)
        return;
    size_t len;
    char *key = key_of(prompt, &len);
    char *copy = mem_strdup(answer);
    if (key == NULL || copy == NULL) {
        mem_free(key);
        mem_free(copy);
        return;
    }
    lru_put(cache->lru, key, len, copy);
}
