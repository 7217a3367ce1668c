/*
 * Where two hearings of the same audio meet: a call begins before the place up to which words are
 * final already, or says a long utterance again from its beginning. What it repeats is found by the
 * words themselves and by when they were heard, so that nothing is lost and nothing doubled while a
 * word that was really said twice stays.
 *
 * Threads: pure functions, any thread. Words carry `at_ms`, the end of the audio in which they were
 * heard first; where `timed`, it is the word's own end.
 */
#pragma once

#include "stt/words.h"

struct stt_seam {
    bool found;     /* else nothing is repeated, or nothing tells */
    size_t repeats; /* leading words of what is heard that only repeat past ones */
    size_t covered; /* past words up to the last that was repeated */
    size_t first;   /* past words before the first that was */
    bool sure;      /* so much is alike that it cannot be chance */
};

struct stt_seam_bounds {
    size_t past_first;  /* only past words from here on may be repeated */
    size_t heard_first; /* words before it are known to be repeated */
    bool same_call;     /* it said the past words itself, and begins with them for certain */
    bool past_gone;     /* what is heard may begin with words older than all of `past` */
};

/* How much of `heard` only repeats the end of `past`: all of it when it ends before `past` does. */
void stt_seam_find(const struct stt_words *past, const struct stt_words *heard,
                   const struct stt_seam_bounds *bounds, struct stt_seam *out);
