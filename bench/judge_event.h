/*
 * One message of the server, of which only what the judge looks at is read.
 *
 * Threads: pure. Memory: texts point into the message, or into the scratch where they had escapes.
 */
#pragma once

#include "bench/judge_scan.h"

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
