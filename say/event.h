/*
 * One message of the server (sotto.v1), read.
 *
 * Threads: one owner. Memory: event_deinit() ends it; all strings belong to it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct json_t;

enum event_type {
    EVENT_OTHER, /* unknown types are for newer clients */
    EVENT_STARTED,
    EVENT_TRANSCRIPT,
    EVENT_TRANSLATION,
    EVENT_GRAMMAR,
    EVENT_ACK,
    EVENT_FLUSHED,
    EVENT_NOTE,
    EVENT_DEGRADED,
    EVENT_RESTORED,
    EVENT_GOAWAY,
    EVENT_ENDED,
    EVENT_ERROR
};

/* Absent strings are "", absent numbers 0 (retry_after_ms: -1). */
struct event {
    struct json_t *root;
    enum event_type type;
    uint64_t segment, open_segment;
    uint64_t seq; /* of durable messages */
    uint32_t epoch;
    bool final, fatal;
    const char *committed, *tentative;
    const char *lang;   /* translation: target; transcript: the language spoken */
    const char *failed; /* why there is no text */
    const char *note, *by;
    const char *code, *message, *reason;
    const char *session, *resume_token;
    int64_t start_ms, end_ms, retry_after_ms, drain_ms, within_ms, resume_ms;
    uint64_t audio_samples;
    size_t edits_count;
};

struct event_edit {
    const char *from, *to, *kind, *message;
};

/* STATUS_PROTOCOL: not a JSON object with a type. STATUS_NOMEM. */
int event_parse(struct event *event, const char *text, size_t len);
void event_deinit(struct event *event);
void event_edit(const struct event *event, size_t index, struct event_edit *out);
/* Appends what was degraded or restored, "a, b". */
void event_what(const struct event *event, struct buf *out);
