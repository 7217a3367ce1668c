/*
 * The text of the open segment: hypotheses in, a committed prefix that only grows and a tentative
 * rest out.
 *
 * A word is committed when `agreement` successive hypotheses share it and all before it, or when
 * the provider calls it stable. Committed words stay; a reading that contradicts them is aligned
 * and continues after them. A final that ends before committed words do leaves those as carry: the
 * next segment expects to hear them first and does not repeat them.
 *
 * Threads: one owner at a time. Memory: stt_segment_deinit() ends it.
 */
#pragma once

#include "base/buf.h"
#include "stt/words.h"
#include <stdbool.h>
#include <stdint.h>

struct stt_segment {
    unsigned agreement;
    struct stt_words heard; /* newest hypothesis */
    struct stt_words committed;
    struct stt_words carry;     /* shown in the last segment, heard again in this one */
    struct stt_words uncovered; /* the carry of the next */
    uint8_t *votes;             /* per word of `heard`: successive hypotheses that agree up to it */
    size_t votes_cap;
    struct buf text; /* committed */
    struct buf tentative;
    bool spliced;
    size_t carried; /* words of the last reading that were carry */
};

/* `agreement` 1–STT_AGREEMENT_MAX. */
void stt_segment_init(struct stt_segment *segment, unsigned agreement);
void stt_segment_deinit(struct stt_segment *segment);

/* A newer hypothesis; its first `stable_len` bytes are stable. STATUS_NOMEM: the texts may be old.
 */
int stt_segment_hypothesis(struct stt_segment *segment, const char *text, size_t stable_len);
/* The final reading: `text` becomes whole, `tentative` empty. STATUS_NOMEM: call it again or give
 * up. */
int stt_segment_final(struct stt_segment *segment, const char *text);
/* The newest hypothesis becomes the final. STATUS_NOMEM: of it, what was committed. */
int stt_segment_promote(struct stt_segment *segment);
/* Forgets everything but, with `carry`, the committed words the final did not reach. */
void stt_segment_next(struct stt_segment *segment, bool carry);

/* Committed and tentative text, never NULL. */
const char *stt_segment_text(const struct stt_segment *segment);
const char *stt_segment_tentative(const struct stt_segment *segment);
bool stt_segment_empty(const struct stt_segment *segment);
/* Empty, and the newest hypothesis is too: not even carry was heard. */
bool stt_segment_silent(const struct stt_segment *segment);
/* Words shown. */
size_t stt_segment_words(const struct stt_segment *segment);
