/*
 * Apertium's stream between two of its programs: words with their readings, taken apart, thinned
 * out, put together again. https://wiki.apertium.org/wiki/Apertium_stream_format
 *
 * Threads: pure functions, any thread. Memory: a struct apertium_stream borrows its text.
 */
#pragma once

#include "base/buf.h"
#include "local/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct apertium_reading {
    uint32_t at, len; /* bytes of the text: "work<vblex><pri><p3><sg>" */
};

/* "^works/work<n><pl>/work<vblex><pri><p3><sg>$" and the blank before it. Readings are those behind
 * the first slash: of what is in front of it, or in a bilingual stream its translations. */
struct apertium_unit {
    uint32_t blank, blank_len;
    uint32_t at, len;         /* in front of the first slash */
    uint32_t dropped;         /* readings not to be written, a bit each */
    bool gone;                /* not written, its blank neither */
    const char *lead, *trail; /* whole units written before and behind; NULL: none */
    char first_case;          /* of all readings: 'A' a capital first, 'a' none, 0 as it is */
    uint8_t readings_len;
    struct apertium_reading readings[APERTIUM_READINGS_MAX];
    char put[APERTIUM_PUT_BYTES]; /* written in place of all readings; "": they are written */
};

struct apertium_stream {
    const char *text;
    size_t len, tail; /* what is behind the last unit */
    size_t units_len;
    struct apertium_unit units[APERTIUM_UNITS_MAX];
};

/* False: not such a stream, or more than the bounds hold; it then has to stay as it is. */
bool apertium_stream_read(struct apertium_stream *out, const char *text, size_t len);
int apertium_stream_write(const struct apertium_stream *stream, struct buf *out);
/* Exchanges two neighbours; blanks stay, a sentence's capital too. */
void apertium_stream_swap(struct apertium_stream *stream, size_t first);
/* The unit is not written; its blank and its capital go to the next. */
void apertium_stream_remove(struct apertium_stream *stream, size_t unit);
/* Drops reading `reading` unless it is the last one left. */
void apertium_stream_drop(struct apertium_unit *unit, size_t reading);
/* True when `tag`, "<n>" or the begin of one, "<v", is among the reading's. */
bool apertium_reading_has(const struct apertium_stream *stream,
                          const struct apertium_reading *reading, const char *tag);
/* Bytes of the lemma. */
size_t apertium_reading_lemma(const struct apertium_stream *stream,
                              const struct apertium_reading *reading);
