/*
 * The table behind bench/script.h; only script.c includes it.
 *
 * Threads: constants.
 */
#pragma once

#include <stddef.h>

#define SCRIPT_LEXICON_LEN       126 /* divisible by SCRIPT_CLASSES, see script.c */
#define SCRIPT_LEXICON_LANGUAGES 4   /* en, es, fr, de */

struct script_entry {
    const char *text[SCRIPT_LEXICON_LANGUAGES];
    const char *correction; /* NULL: not a mistake */
};

extern const struct script_entry script_lexicon[SCRIPT_LEXICON_LEN];
