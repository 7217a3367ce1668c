/*
 * Bump allocator for things that die together (a session's settings and vocabulary).
 *
 * Threads: one owner at a time. Memory: arena_destroy() frees all at once; single blocks are never
 * freed.
 */
#pragma once

#include <stddef.h>

struct arena;

/* `bytes_max` bounds the sum of all blocks. NULL when out of memory. */
struct arena *arena_create(size_t bytes_max);
void arena_destroy(struct arena *arena);
/* 16-byte aligned, not zeroed. NULL past bytes_max or out of memory. */
void *arena_alloc(struct arena *arena, size_t bytes);
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_strdup(struct arena *arena, const char *text);
/* Bytes handed out so far. */
size_t arena_used(const struct arena *arena);
