/*
 * The scripted conversation of the bench: what session N says in its U-th utterance, in every
 * language, known to the load generator and to the simulated clouds alike from a seed alone.
 *
 * Threads: pure functions, any thread. Memory: strings are constants.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define SCRIPT_LANGUAGES_MAX 8
#define SCRIPT_WORDS_MAX     64 /* words of an utterance, the most there is room for */
#define SCRIPT_SAID_MIN      16 /* words of an utterance, as they are said */
#define SCRIPT_SAID_MAX      18

/* A word of the lexicon in its languages: every word has exactly one translation, and no two words
 * of one language are the same, so texts can be translated and checked word by word. */
unsigned script_lexicon_len(void);
/* `language` is a tag whose primary subtag counts ("es-MX" is es). NULL: not a scripted language.
 */
const char *script_word_text(unsigned word, const char *language);
/* Appends such a text, its first letter large when asked; errors stick to the buffer. */
void script_word_write(const char *text, bool large, struct buf *out);
/* Index of a word written in any case, punctuation around it ignored; -1: not in the lexicon. */
int script_word_find(const char *text, size_t len, const char *language);
/* A learner's mistake: some words of the lexicon are wrong forms ("goed"); what they should be, or
 * NULL. English only. */
const char *script_word_correction(unsigned word);
/* NULL-terminated list of tags: "en", "es", … */
const char *const *script_languages(void);

/* Words of an utterance: SCRIPT_SAID_MIN … SCRIPT_SAID_MAX, about 100 characters. */
unsigned script_utterance_len(uint64_t seed, uint32_t session, uint32_t utterance);
/* Which word stands at `place` (< script_utterance_len()). Neighbouring words differ, but for a
 * genuine repetition now and then ("very very"). */
unsigned script_utterance_word(uint64_t seed, uint32_t session, uint32_t utterance, unsigned place);

/* Appends words `first` … `first + len - 1` of an utterance in a language; `sentence` writes the
 * first letter large and a full stop behind the last word. STATUS_NOT_FOUND: not a scripted
 * language; else as buf says. */
struct script_span {
    uint64_t seed;
    uint32_t session, utterance;
    unsigned first, len;
    bool sentence;
};
int script_span_write(const struct script_span *span, const char *language, struct buf *out);
/* Translates text word by word, keeping the first letter's case, punctuation and spaces; words that
 * are not scripted stay. STATUS_NOT_FOUND as above. */
int script_translate(const char *text, const char *source, const char *target, struct buf *out);
