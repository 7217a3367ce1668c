/*
 * The text of the open segment: hypotheses in, a committed prefix that only grows and a tentative
 * rest out.
 *
 * A word is committed when `agreement` successive hypotheses share it and all before it, or when
 * the provider calls it stable. Committed words stay; a reading that contradicts them is aligned
 * and continues after them.
 *
 * A segment may end before the provider's utterance does, or have committed words its final does
 * not reach: its words are then past, and what the call says next begins with them again. Words are
 * past too when a new call hears their audio once more. stt/seam.h finds them.
 *
 * Threads: one owner at a time. Memory: stt_segment_deinit() ends it.
 */
#pragma once

#include "base/buf.h"
#include "stt/words.h"
#include <stdbool.h>
#include <stdint.h>

struct stt_vote {
    uint32_t at_ms; /* as of a token */
    bool timed;
    uint8_t votes; /* successive hypotheses that agree up to the word */
};

/* What a call said: a hypothesis or a final. */
struct stt_reading {
    const char *text;
    size_t stable_len;       /* its first bytes that are stable */
    uint64_t from_ms;        /* where the audio of its utterance begins at the earliest */
    uint64_t at_ms;          /* end of the audio it is about */
    const uint32_t *ends_ms; /* of its words, when the provider gave times */
    size_t ends_len;
};

struct stt_segment {
    unsigned agreement;
    struct stt_words heard; /* newest hypothesis */
    struct stt_words noted; /* when words came that the call says and are not shown yet */
    bool noting;            /* `noted` is newer than `heard` */
    struct stt_words committed;
    struct stt_words past;  /* final, oldest first */
    size_t past_first;      /* from here on the call repeats them */
    struct stt_vote *votes; /* per word of the longest reading of the utterance */
    size_t votes_len, votes_cap;
    struct buf text; /* committed */
    struct buf tentative;
    bool spliced;
    bool past_gone;   /* older ones had no place, or another call does not hear the first ones */
    bool blurred;     /* audio is settled up to some place among past words */
    bool met;         /* the call has said more than past words: `known` of them are exact */
    size_t known;     /* words the call is known to begin with that are past */
    bool passed;      /* the last final said nothing but past words: nothing has changed */
    size_t repeats;   /* words of the last reading that were past */
    size_t covered;   /* past words up to the last of them */
    size_t uncovered; /* committed words at the end that the final does not reach */
};

/* `agreement` 1–STT_AGREEMENT_MAX. */
void stt_segment_init(struct stt_segment *segment, unsigned agreement);
void stt_segment_deinit(struct stt_segment *segment);

/* A newer hypothesis. STATUS_NOMEM: the texts may be old. */
int stt_segment_hypothesis(struct stt_segment *segment, const struct stt_reading *reading);
/* A hypothesis of a call that is still behind what is shown: only when its words came is kept.
 * STATUS_NOMEM. */
int stt_segment_note(struct stt_segment *segment, const struct stt_reading *reading);
/* The final reading: `text` becomes whole, `tentative` empty. Where it is `passed` the segment
 * stays open. STATUS_NOMEM: call it again or give up. */
int stt_segment_final(struct stt_segment *segment, const struct stt_reading *reading);
/* A final of audio whose words are all past: nothing changes but what the call says next.
 * STATUS_NOMEM. */
int stt_segment_pass(struct stt_segment *segment, const struct stt_reading *reading);
/* The newest hypothesis becomes the final. STATUS_NOMEM: of it, what was committed. */
int stt_segment_promote(struct stt_segment *segment);
/* The segment is over, its words are past; with `carry` the call goes on to repeat the committed
 * ones that its final did not reach, and where that final is `settled` the others are never heard
 * again. */
void stt_segment_next(struct stt_segment *segment, bool carry, bool settled);
/* Audio up to the call's last final is settled: words before it are never heard again. */
void stt_segment_settled(struct stt_segment *segment);
/* Audio is settled up to some place among the past words. */
void stt_segment_blurred(struct stt_segment *segment);

/* Number of committed words, at least the `shown` ones, after which a long segment may end: a
 * sentence does, or there is a pause, `at_ms` being the end of the audio heard. 0: none. */
size_t stt_segment_break(const struct stt_segment *segment, size_t shown, uint64_t at_ms);
/* `text` becomes the first `len` committed words, `tentative` empty. STATUS_NOMEM: nothing has
 * changed. */
int stt_segment_close(struct stt_segment *segment, size_t len);
/* After it: those words are past, and the segment goes on with the rest. */
void stt_segment_split(struct stt_segment *segment, size_t len);
/* Another call says what comes next; its audio begins where audio is settled. */
void stt_segment_rebase(struct stt_segment *segment);

/* Words that were final before another stream went on: past ones, their times spread over the span.
 * STATUS_NOMEM: some may be there. */
int stt_segment_past(struct stt_segment *segment, const char *text, uint32_t start_ms,
                     uint32_t end_ms);

/* Committed and tentative text, never NULL. */
const char *stt_segment_text(const struct stt_segment *segment);
const char *stt_segment_tentative(const struct stt_segment *segment);
bool stt_segment_empty(const struct stt_segment *segment);
/* Empty, and the newest hypothesis is too: not even past words were heard. */
bool stt_segment_silent(const struct stt_segment *segment);
