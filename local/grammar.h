/*
 * Grammar corrections by Link Grammar: a sentence it parses whole is right; otherwise the cheapest
 * of a learner's usual slips whose correction parses whole is what was meant. Only English is
 * corrected.
 *
 * Threads: create and destroy one thread; check one thread at a time (the dictionary is shared, the
 * search state is not).
 */
#pragma once

#include "base/buf.h"

struct local_grammar;

/* Loads the dictionary (80 ms); see link_grammar_create(). STATUS_UNAVAILABLE: not installed. */
int local_grammar_create(struct local_grammar **out);
void local_grammar_destroy(struct local_grammar *grammar);
struct local_grammar_question {
    const char *language, *text;
    const char *explain_in; /* BCP-47; English where it is NULL or we do not speak it */
};

/*
 * Appends {"corrected": "…", "edits": [{"from", "to", "kind", "message"}]}. Text that is fine, in
 * another language or too long to judge comes back verbatim, without edits. Messages are in English
 * or Spanish. STATUS_INVALID: not UTF-8.
 */
int local_grammar_check(struct local_grammar *grammar,
                        const struct local_grammar_question *question, struct buf *out);
