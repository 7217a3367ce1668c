/*
 * One PocketSphinx decoder with its model: an utterance of 16 kHz audio in, words with times out.
 * Every utterance is decoded as if it were the decoder's first, so what is recognised does not
 * depend on what came before.
 *
 * Threads: one owner at a time; any thread may be it. Memory: about 90 MB each, nothing of it can
 * be shared.
 */
#pragma once

#include "local/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct local_recognizer;
struct local_vocabulary;

#define LOCAL_RECOGNIZER_RATE 16000

struct local_recognized {
    char text[LOCAL_WORD_BYTES]; /* as in the dictionary: lower case, "i'm" */
    int32_t start_ms, end_ms;    /* of the utterance's audio */
    float confidence;            /* 0 … 1; finals */
};

struct local_hypothesis {
    struct local_recognized words[LOCAL_WORDS_MAX];
    size_t len;
};

/* Folder that holds the model ("…/en-us" with en-us/, *.lm.bin, *.dict), or NULL for Debian's.
 * STATUS_NOT_FOUND: no model there; STATUS_NOMEM. */
int local_recognizer_create(struct local_recognizer **out, const char *model_dir);
void local_recognizer_destroy(struct local_recognizer *recognizer);

/*
 * Words to expect from now on, or NULL; borrowed until return. Those the dictionary lacks are put
 * into it, spoken as local_sounds_of() thinks, and those of the vocabulary before are taken out:
 * half a second of CPU when that changes, nothing when it does not. An open utterance is ended.
 */
int local_recognizer_expect(struct local_recognizer *recognizer,
                            const struct local_vocabulary *vocabulary);
/* Forgets everything and begins an utterance; one still open is ended. STATUS_INTERNAL. */
int local_recognizer_begin(struct local_recognizer *recognizer);
int local_recognizer_feed(struct local_recognizer *recognizer, const int16_t *pcm, size_t samples);
/* The best words so far. */
void local_recognizer_partial(struct local_recognizer *recognizer, struct local_hypothesis *out);
/* Ends the utterance; the words after the second pass, with confidences. */
int local_recognizer_end(struct local_recognizer *recognizer, struct local_hypothesis *out);

/* "en-US" and its relatives. */
bool local_language_known(const char *tag);
