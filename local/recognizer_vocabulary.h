/*
 * Words and phrases that a speaker is likely to say, and how they are written.
 *
 * Threads: pure, any thread. Memory: a vocabulary is its owner's.
 */
#pragma once

#include "local/recognizer.h"
#include "local/speech_wire.h"
#include <stdint.h>

struct local_vocabulary {
    uint64_t mark; /* the same for the same words; never 0 */
    size_t len;
    struct local_vocabulary_word {
        char text[LOCAL_WORD_BYTES];  /* as a dictionary writes it: lower case */
        char shown[LOCAL_WORD_BYTES]; /* as it was asked for */
        bool first;                   /* of its phrase */
    } words[];
};

/* NULL in *out: no usable word among them. Phrases with characters that no English word has, and
 * what is beyond LOCAL_VOCABULARY_WORDS, are left out. STATUS_NOMEM, STATUS_PROTOCOL. */
int local_vocabulary_create(struct local_vocabulary **out,
                            const struct local_speech_config *config);
/* NULL is fine. */
void local_vocabulary_destroy(struct local_vocabulary *vocabulary);
/* Phrases that were heard get the spelling that was asked for: "peter" becomes "Peter". In place.
 */
void local_vocabulary_spell(const struct local_vocabulary *vocabulary,
                            struct local_hypothesis *words);
