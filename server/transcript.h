/*
 * Transcripts as people and programs take them away: what the store holds of a session, or of all
 * sessions of a class, written as JSON, CSV, SubRip, WebVTT or plain text. Rows come in order of
 * seq, a page at a time; only a window of segments is kept, so a transcript has no length limit.
 *
 * Threads: one owner at a time; it parses JSON, so never a loop's. Memory: options and rows are
 * borrowed for the call.
 */
#pragma once

#include "server/http_limits.h"
#include "server/store_query.h"
#include <stdbool.h>
#include <stddef.h>

struct buf;
struct transcript;

enum transcript_format {
    TRANSCRIPT_JSON,
    TRANSCRIPT_CSV, /* RFC 4180, a line for each message */
    TRANSCRIPT_SRT,
    TRANSCRIPT_VTT, /* W3C WebVTT */
    TRANSCRIPT_TXT,
    TRANSCRIPT_FORMATS
};

/* Language tags in the order in which their lines are to stand; none: what was spoken. */
struct transcript_langs {
    char tag[TRANSCRIPT_LANGS_MAX][LANGUAGE_TAG_BYTES];
    unsigned len;
};

/* "json", "csv", "srt", "vtt", "txt"; TRANSCRIPT_FORMATS when it is none of them. */
enum transcript_format transcript_format_find(const char *name, size_t len);
const char *transcript_format_name(enum transcript_format format);
/* Media type for HTTP. */
const char *transcript_format_type(enum transcript_format format);
/* Reads "en,es". STATUS_INVALID: a tag is none; STATUS_LIMIT: more than TRANSCRIPT_LANGS_MAX. */
int transcript_langs_parse(struct transcript_langs *langs, const char *text, size_t len);

/* What a transcript is of. */
struct transcript_of {
    enum transcript_format format;
    struct transcript_langs langs;
    const char *class_name; /* all its sessions; NULL: one session */
};

int transcript_create(struct transcript **out, const struct transcript_of *of);
void transcript_destroy(struct transcript *transcript);
/* What stands before the first session. Each of these fails with the status of `out`, and
 * STATUS_NOMEM. */
int transcript_begin(struct transcript *transcript, struct buf *out);
/* A session, its rows in order of seq, its end. `next`: where its further rows are to be had (JSON
 * of one session), or NULL. */
int transcript_open(struct transcript *transcript, const struct store_about *about,
                    struct buf *out);
int transcript_row(struct transcript *transcript, const struct store_row *row, struct buf *out);
int transcript_close(struct transcript *transcript, const char *next, struct buf *out);
/* What stands after the last session. */
int transcript_end(struct transcript *transcript, struct buf *out);

/* Appends one session without its messages as a JSON object: for lists. */
int transcript_write_about(const struct store_about *about, struct buf *out);
/* What its file is to be called: letters, digits and hyphens only, so that neither a header nor a
 * file system misunderstands it. `about` NULL: a class's. */
void transcript_file_name(const struct transcript_of *of, const struct store_about *about,
                          char out[TRANSCRIPT_NAME_BYTES]);
