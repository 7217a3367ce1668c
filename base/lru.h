/*
 * A bounded table of values by key that forgets what was not used for longest. Keys are bytes;
 * values are opaque: what is put is taken, what is got is a copy.
 *
 * Threads: any; one short lock, held while a value is copied. Memory: the table owns keys and
 * values; get gives its copy to the caller.
 */
#pragma once

#include <stddef.h>

struct lru;

struct lru_ops {
    void *(*copy)(const void *value); /* NULL: out of memory */
    void (*free)(void *value);
};

/* NULL: out of memory. `ops` is borrowed for the table's life. */
struct lru *lru_create(size_t entries_max, const struct lru_ops *ops);
void lru_destroy(struct lru *lru);
/* A key of several strings, their terminators between them (gives, mem_free). NULL: out of memory.
 */
char *lru_key(const char *const parts[], size_t count, size_t *len);
/* A copy, or NULL when it is not there or there is no memory for it. */
void *lru_get(struct lru *lru, const void *key, size_t len);
/* Takes `key`, a block of mem.h, and `value`; replaces an older one of the same key. */
void lru_put(struct lru *lru, char *key, size_t len, void *value);
