/*
 * What a corrector must know of English words: forms of verbs and nouns, closed classes, sounds.
 *
 * Threads: pure functions, any thread. Words are lower case; results go to buffers of
 * LOCAL_GRAMMAR_WORD_BYTES.
 */
#pragma once

#include "local/limits.h"
#include <stdbool.h>

enum english_class_bit {
    WORD_ARTICLE = 1 << 0,    /* a an the */
    WORD_DETERMINER = 1 << 1, /* articles, my, this, some, … */
    WORD_PRONOUN = 1 << 2,    /* subjects: I you he … */
    WORD_OBJECT = 1 << 3,     /* me him her … */
    WORD_MODAL = 1 << 4,      /* can must … and their negations */
    WORD_DO = 1 << 5,         /* do does did and negations */
    WORD_HAVE = 1 << 6,
    WORD_BE = 1 << 7,
    WORD_PREPOSITION = 1 << 8,
    WORD_ASKING = 1 << 9,   /* who what where … */
    WORD_JOINING = 1 << 10, /* and but because … */
    WORD_NUMBER = 1 << 11,  /* two … , digits; more than one */
    WORD_OTHER = 1 << 12    /* adverbs and answers that take no form */
};

/* Classes of a word; 0: an open word (noun, verb, adjective). */
unsigned english_class(const char *word);
/* Auxiliaries: modals, do, have, be. */
bool english_aux(const char *word);
/* Auxiliaries of the past: did was had could would … */
bool english_aux_past(const char *word);

/* Forms of a verb; false: there is none. The word may be in any form. */
bool english_verb_base(const char *word, char *out);
/* The base of an irregular verb's past or third person, as "went", "finds"; false for bases and for
 * other words. */
bool english_verb_irregular(const char *word, char *out);
bool english_verb_past(const char *base, char *out);
bool english_verb_participle(const char *base, char *out);
bool english_verb_ing(const char *base, char *out);
/* "goed" → "went", "childs" → "children": forms made by rule where the language has another.
 * `*noun` tells which. */
bool english_regularised(const char *word, char *out, bool *noun);
/* True for past forms that are unlike their base, and regular -ed. */
bool english_verb_is_past(const char *word);

/* The other number of a noun or of a present verb: adds or takes -s, irregular nouns too. false:
 * neither can be told. */
bool english_toggle_s(const char *word, char *out);
bool english_is_plural(const char *word);
/* "a" or "an" by the word's first sound. */
const char *english_article(const char *word);
/* "tall" → "taller"; short adjectives that never take "more". */
bool english_comparative(const char *word, char *out);
/* Words often met as verbs, in their base form; as adjectives. */
bool english_is_verb(const char *word);
bool english_is_adjective(const char *word);
/* A thing of which there are ones, in the singular: it hardly stands without an article. */
bool english_is_counted(const char *word);
/* "quick" → "quickly", "good" → "well". */
bool english_adverb(const char *adjective, char *out);
/* "tall" → "tallest": of the adjectives that english_comparative() knows. */
bool english_superlative(const char *adjective, char *out);
