/*
 * The only place that calls malloc. mimalloc sits behind it in release builds, the sanitizer's
 * allocator in others.
 *
 * What is given back is wiped first: memory of this process holds nothing of a session that is
 * over, but for what libraries have copied. It costs about what writing it did.
 *
 * Threads: any. Memory: what is returned is freed with mem_free(); mem_free(NULL) is allowed.
 * Errors: NULL when there is no memory; callers turn that into STATUS_NOMEM.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t bytes);
/* Zeroed; NULL on overflow of count * bytes too. */
void *mem_calloc(size_t count, size_t bytes);
/* On failure the old block is untouched. */
void *mem_realloc(void *block, size_t bytes);
char *mem_strdup(const char *text);
/* Copies at most `len` bytes and terminates them. */
char *mem_strndup(const char *text, size_t len);
void mem_free(void *block);

/* Tests only: the nth allocation from now (1 = the next) in this thread fails, once. 0 turns it
 * off. */
void mem_fail_nth(unsigned nth);
/* The same, and the `len` - 1 behind it fail too. */
void mem_fail_from(unsigned nth, unsigned len);
/* How many allocations have failed in this thread, since the last call of either if there was one.
 */
unsigned mem_failed(void);
/* Counts as an allocation and tells whether it must fail; for those who hand out memory of their
 * own. */
bool mem_fails(void);
/* How often this thread has asked the allocator through these functions; what libraries allocate is
 * not in it. */
uint64_t mem_allocations(void);
/* Tells which allocator serves this process: "mimalloc 2.0" or "libc". Static string. */
const char *mem_allocator(void);
/* Resident set size of this process in bytes, read from /proc/self/statm; 0 when that cannot be
 * read. */
size_t mem_rss(void);
