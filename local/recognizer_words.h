/*
 * The recogniser's dictionary without the words that a learner must not read because of a
 * mishearing ("the teacher is sick"): what is not in it is never heard.
 *
 * Threads: pure functions, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A copy of the dictionary in memory without those words, as a file the caller closes; negative:
 * `path` cannot be read or there is no memory. */
int local_words_open(const char *path);
/* True for a word (lower case, `len` bytes) that stays. */
bool local_word_fit(const char *word, size_t len);
