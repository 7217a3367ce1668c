/*
 * Shared by the files of grammar.
 *
 * Threads: pure functions, any thread. Memory: what a function gives is freed as its struct says.
 */
#pragma once

#include "grammar/grammar.h"
#include <stdbool.h>
#include <stddef.h>

/* Is it a correction of `source`, or something else: an answer to it, a text of the model's own?
 * `told`: the model told each of its edits. STATUS_FILTERED for what is none, STATUS_NOMEM. */
int grammar__judge(const char *source, const struct grammar_result *result, bool told);

/* A deep copy. STATUS_NOMEM leaves `out` as it was. */
int grammar__result_copy(const struct grammar_result *from, struct grammar_result *out);

/* Words of `text`: runs of letters, digits, apostrophes and hyphens. */
size_t grammar__word_count(const char *text);
/* How many words differ when the common beginning is left out: what partial pacing counts. */
size_t grammar__words_changed(const char *before, const char *after);
/* Words of the longer text that the other does not have, wherever they stand, upper and lower case
 * alike, and that longer length. STATUS_NOMEM. */
int grammar__word_distance(const char *source, const char *corrected, size_t *distance,
                           size_t *words);
