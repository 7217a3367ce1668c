/*
 * A dictionary's words made readable: "i" and names get their capitals, a sentence its first
 * capital and its mark.
 *
 * Threads: pure functions, any thread.
 */
#pragma once

#include "local/recognizer.h"
#include <stdbool.h>
#include <stddef.h>

/* Capitals that do not depend on the place in the sentence: I, I'm, Monday, Spanish. In place. */
void local_text_words(struct local_hypothesis *words);
/* First capital; with `end` a full stop or, when it begins like a question, a question mark. In
 * place. */
void local_text_punctuate(struct local_hypothesis *words, bool end);
/* Words [from, to) joined by spaces, each preceded by one when `space` or not the first; cut at
 * `cap`. */
void local_text_join(const struct local_hypothesis *words, size_t from, size_t to, bool space,
                     char *out, size_t cap);
