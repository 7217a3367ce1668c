/*
 * One message of the server, of which only what the judge looks at is read. A general JSON parser
 * takes 5 µs for a partial and 17 µs for a final with word times; thousands of these a second come
 * in on the core that must also keep the pace of the audio, so this one walks over the rest without
 * building anything.
 *
 * Threads: pure. Memory: texts point into the message, or into the scratch where they had escapes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JUDGE_EVENT_DEPTH_MAX 32 /* of nested values */

enum judge_event_type {
    JUDGE_EVENT_OTHER,
    JUDGE_EVENT_STARTED,
    JUDGE_EVENT_ACK,
    JUDGE_EVENT_TRANSCRIPT,
    JUDGE_EVENT_TRANSLATION,
    JUDGE_EVENT_GRAMMAR,
    JUDGE_EVENT_DEGRADED,
    JUDGE_EVENT_RESTORED,
    JUDGE_EVENT_GOAWAY,
    JUDGE_EVENT_ENDED,
    JUDGE_EVENT_ERROR
};

/* Empty when the message has none; never NULL. */
struct judge_text {
    const char *data;
    size_t len;
};

struct judge_event {
    enum judge_event_type type;
    uint32_t segment, open_segment, epoch;
    uint64_t seq; /* 0: none */
    bool final, failed, fatal;
    struct judge_text committed, tentative, corrected, lang, code, message, session, resume_token;
    int64_t start_ms, end_ms, audio_samples; /* -1: none */
    int64_t retry_after_ms, within_ms;       /* -1: none */
    bool has_lat;
    int64_t audio_us, upstream_us, queue_us, hold_us, server_us; /* of `lat` */
};

/* `scratch` holds at least `len` bytes. STATUS_INVALID: not a JSON object; `out` is then
 * undefined. Text is not checked for being UTF-8. */
int judge_event_parse(const char *text, size_t len, char *scratch, struct judge_event *out);

static inline bool judge_text_is(struct judge_text text, const char *other)
{
    size_t len = strlen(other);
    return text.len == len && memcmp(text.data, other, len) == 0;
}
