/*
 * Which words of a script arrived, which were lost, which came twice, which are wrong: the cheapest
 * way to turn what was said into what was got, word by word.
 *
 * Threads: pure. Memory: nothing is kept; alignment allocates while it runs.
 */
#pragma once

#include "bench/judge_event.h"
#include <stddef.h>
#include <stdint.h>

#define JUDGE_WORD_UNKNOWN 0xFFFF     /* not in the lexicon: equals no word of a script */
#define JUDGE_WORD_NOWHERE UINT32_MAX /* a word of the script that was not got */

/* Past this many cells (64 MiB while it runs) an alignment is not searched any wider. */
#define JUDGE_WORDS_CELLS_MAX (64u << 20)

/* Words as numbers of the lexicon. The first `said` were said to the end; the others may have been
 * begun when the audio ended, so they may be got and are not missed. */
struct judge_words_script {
    const uint16_t *words;
    const uint32_t *utterances; /* that each word belongs to */
    size_t said, len;
};
/* What was got, and the utterance that was being said at the time each word came from: of equally
 * cheap alignments the one is taken that moves the fewest words to another utterance. Without
 * that, a word that stands in two utterances could be credited to the wrong one. */
struct judge_words_got {
    const uint16_t *words;
    const uint32_t *utterances;
    size_t len;
};

struct judge_words_sum {
    size_t hits;
    size_t lost;     /* said, not got */
    size_t repeated; /* got once more than said: words of the script beside the place */
    size_t wrong;    /* got instead of another, or got and never said there */
};

/* The alignment of least edit distance. places[i] of each script word (`len` of them): index in
 * got where it arrived as it is, or JUDGE_WORD_NOWHERE. STATUS_NOMEM; STATUS_LIMIT: too different
 * to be searched; `out` and `places` then say that nothing arrived. */
int judge_words_align(const struct judge_words_script *script, const struct judge_words_got *got,
                      uint32_t *places, struct judge_words_sum *out);

/* The next word of `text` from *at on, between white space: its hash, as of judge_words_hash(); 0:
 * none is left. Tokens of nothing but punctuation are passed over. */
uint32_t judge_words_next(const char *text, size_t len, size_t *at, struct judge_text *word);
/* A word's number in a language of the script, or JUDGE_WORD_UNKNOWN. */
uint16_t judge_words_find(struct judge_text word, const char *language);
/* A hash of the word folded as utf8_fold_word() does; 0: nothing but punctuation. */
uint32_t judge_words_hash(struct judge_text word);
