/*
 * The parser of Link Grammar behind a small door: is this sentence whole, and who is whose subject?
 * https://opencog.github.io/link-grammar-website/
 *
 * Threads: one at a time. Memory: a struct link_parse holds no pointers.
 */
#pragma once

#include "local/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link_grammar;

/* What its links make of a verb. */
enum link_role {
    LINK_ROLE_NONE,
    LINK_ROLE_FINITE,    /* has a subject */
    LINK_ROLE_BASE,      /* ruled by an auxiliary or "to" */
    LINK_ROLE_ORDER,     /* "open the door" */
    LINK_ROLE_PARTICIPLE /* behind a form of have */
};

/* A word of a parse: where it is in the parsed text, what it was taken for. */
struct link_word {
    uint32_t start, end; /* bytes; "it's" is two words */
    char tag;     /* n noun, v verb, a adjective, e adverb, r preposition and the like; 0: no tag */
    bool past;    /* a verb's past tense */
    bool guessed; /* not in the dictionary */
    int subject;  /* of a finite verb: its subject's word; else -1 */
    enum link_role role;
    bool inverted; /* a verb before its subject */
    int ruled;     /* of an auxiliary: its verb's word; else -1 */
    bool thing;    /* object, or behind an article or a preposition */
    bool leading;  /* a preposition before its thing */
    bool acting;   /* a verb's subject */
};

struct link_parse {
    bool whole; /* every word has its place */
    float cost; /* of the best parse: smaller is more usual */
    size_t len;
    struct link_word words[LINK_WORDS_MAX];
};

/* Loads the English dictionary (80 ms, 15 MB). On a thread that lives as long as the process: the
 * library keeps a little memory for it. STATUS_UNAVAILABLE: not installed. */
int link_grammar_create(struct link_grammar **out);
void link_grammar_destroy(struct link_grammar *grammar);
/* Parses one sentence of valid UTF-8. `out` may be NULL for the answer alone. True: it is whole. */
bool link_grammar_parse(struct link_grammar *grammar, const char *text, struct link_parse *out);
/* For a reader's purpose rather than a judge's: up to `nulls` words may be left out, and of the
 * best parses that one is taken in which "do" in a question has its verb. */
bool link_grammar_read(struct link_grammar *grammar, const char *text, int nulls,
                       struct link_parse *out);
