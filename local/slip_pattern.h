/*
 * Patterns of words. A pattern is tokens between blanks, each for one word of a sentence:
 *   do|does     one of these words; @class as below, alone or among them
 *   ?very|so    the same, or nothing
 *   !not|@ing   no word: the next is none of these
 *   ^ ^^ $      no word: a clause or the sentence begins, a clause ends here
 *   ,           no word: here is a mark; nowhere else may one be within
 *   ?? !?       no word: the sentence has a question mark, has none
 *   < >         no word: what is between is what the match is about; else all is
 * Classes: det pron obj be do have modal prep num join ask, as in english.h; open: none of them;
 * ing past third verb adj plural counted year.
 *
 * Threads: pure functions, any thread. Memory: a look borrows its sentence.
 */
#pragma once

#include "local/slip.h"

/* A sentence and the classes of its words. */
struct slip_look {
    const struct slip_sentence *sentence;
    uint32_t classes[LOCAL_GRAMMAR_SENTENCE_WORDS];
};

/* Where a pattern's tokens were found; SIZE_MAX: an optional one that was not. */
struct slip_match {
    size_t at[SLIP_TOKENS_MAX + 1]; /* by number, from 1 */
    size_t first, end;              /* words that the match is about */
};

void slip_look(struct slip_look *out, const struct slip_sentence *sentence);
/* A pattern from `word` on. */
bool slip_pattern_match(const struct slip_look *look, const char *pattern, size_t word,
                        struct slip_match *out);
/* True when `low` is one of the words between bars; without classes. */
bool slip_pattern_word(const char *low, const char *words);
/* Tokens for words that a pattern has; 0: it cannot be read. */
size_t slip_pattern_tokens(const char *pattern);
