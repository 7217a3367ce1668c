/* What the files of server/transcript*.c share. */
#pragma once

#include "server/transcript.h"
#include <stdint.h>

struct json_t;

/* A segment on its way into subtitles: its lines come one after the other. */
struct transcript_cue {
    uint32_t segment;
    int64_t start_ms, end_ms;
    /* A line for each language asked for; how well its row fits the tag (0: there is none). */
    char *line[TRANSCRIPT_LANGS_MAX];
    uint8_t fits[TRANSCRIPT_LANGS_MAX];
};

struct transcript {
    enum transcript_format format;
    struct transcript_langs langs;
    const char *class_name;      /* owned; NULL: one session */
    unsigned sessions, messages; /* written, the latter of this session */
    /* Of the session that is open; owned. */
    char session[STORE_NAME_BYTES];
    char *name, *source, *started_at;

    struct transcript_cue cues[TRANSCRIPT_CUES]; /* a ring */
    unsigned cues_head, cues_len;
    unsigned number;     /* of the last cue written */
    int64_t shown_to_ms; /* where it ends */
};

/* How well a row's language fits the `index`th tag asked for: 2 exactly, 1 but for region and
 * script, 0 not at all. */
uint8_t transcript__fits(const struct transcript *transcript, const struct store_row *row,
                         unsigned index);
/* A row's message (gives, json_decref). STATUS_INVALID: what is stored is no JSON; STATUS_NOMEM. */
int transcript__parse(const struct store_row *row, struct json_t **out);
/* "" when it has no such text. */
const char *transcript__text(const struct json_t *message, const char *key);

/* Subtitles and plain text. */
int transcript__cue_begin(struct transcript *transcript, struct buf *out);
int transcript__cue_row(struct transcript *transcript, const struct store_row *row,
                        struct buf *out);
int transcript__cue_flush(struct transcript *transcript, struct buf *out);
/* Frees what waits. */
void transcript__cue_drop(struct transcript *transcript);

int transcript__csv_begin(struct buf *out);
int transcript__csv_row(struct transcript *transcript, const struct store_row *row,
                        struct buf *out);
