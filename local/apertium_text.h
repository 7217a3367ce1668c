/*
 * What stands around Apertium's stream format: escapes, sentence case, final stop, and the reverse.
 * Language tags.
 *
 * Threads: pure functions, any thread.
 */
#pragma once

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>

struct apertium_style {
    bool stop_added; /* the text came without a final mark and leaves without one */
    bool capital;    /* a capital begins what the pipeline gets */
    char last;       /* its final mark: . ? ! or 0 */
};

/* Appends `text` (UTF-8) ready for the pipeline: blanks folded, reserved characters escaped,
 * sentence case, "i" as "I" when the source is English, a final stop. Without the end mark and NUL.
 * STATUS_INVALID: not UTF-8. */
int apertium_text_prepare(const char *text, bool english, struct buf *out,
                          struct apertium_style *style);
/* Appends what the pipeline answered: escapes undone, marks of unknown words and blanks cleaned,
 * the added stop removed, opening marks of a Spanish question or exclamation put in. */
int apertium_text_finish(const char *answer, size_t len, bool spanish,
                         const struct apertium_style *style, struct buf *out);
/* The ISO 639-3 code of a BCP-47 tag's language, or its primary subtag in lower case when it is in
 * no table; false: not a tag. */
bool apertium_language(const char *tag, char out[16]);
