/*
 * Translation by Apertium, as many language pairs as are installed. Each pair is a pipeline of its
 * own programs, started at the first request, fed sentence after sentence and flushed by NUL; one
 * that dies or gets stuck is killed and started anew.
 *
 * Threads: create, destroy: one thread, nothing else running. apertium_translate(): any worker, but
 * the same pair only from one thread at a time. The rest: any thread. Memory: pair names are
 * borrowed until destroy.
 */
#pragma once

#include "base/buf.h"
#include <stddef.h>

struct apertium;

struct apertium_config {
    const char *modes_dir; /* NULL: where the packages put them */
    unsigned deadline_ms;  /* of one translation; 0: the default of local/limits.h */
};

/* Lists what is installed; no pair at all is no error. */
int apertium_create(struct apertium **out, const struct apertium_config *config);
/* Kills the programs. */
void apertium_destroy(struct apertium *apertium);

size_t apertium_pairs(const struct apertium *apertium);
/* "eng-spa" */
const char *apertium_pair_name(const struct apertium *apertium, size_t pair);
/* The pair for two BCP-47 tags ("en-US", "es"), a fitting variant first. STATUS_NOT_FOUND: not
 * installed. */
int apertium_pair_find(const struct apertium *apertium, const char *source, const char *target,
                       size_t *out);
/* Starts a pair's programs ahead of the first request. */
int apertium_warm(struct apertium *apertium, size_t pair);
/*
 * Appends the translation of `text`; blocks, at most for the deadline. STATUS_INVALID: not UTF-8;
 * STATUS_LIMIT: longer than APERTIUM_TEXT_MAX; STATUS_TIMEOUT: stuck, will be started anew;
 * STATUS_UNAVAILABLE: the programs do not start or died on this text.
 */
int apertium_translate(struct apertium *apertium, size_t pair, const char *text, struct buf *out);
/* Times a pair's programs were started; tests and /metrics. */
unsigned apertium_starts(const struct apertium *apertium, size_t pair);
