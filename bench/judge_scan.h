/*
 * A walk over JSON that builds nothing. A general parser takes 5 µs for a partial and 17 µs for a
 * final with word times; thousands of these a second come in on the core that must also keep the
 * pace of the audio.
 *
 * Threads: pure. Memory: texts point into the message, or into the scratch where they had escapes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JUDGE_SCAN_DEPTH_MAX 32 /* of nested values that are walked over */

/* Never NULL. */
struct judge_text {
    const char *data;
    size_t len;
};

/* `scratch` holds at least as many bytes as the message. Text is not checked for being UTF-8. */
struct judge_scan {
    const char *at, *end;
    char *scratch;
};

/* A value as far as it is of use: its kind by the first character, '0' for a number. */
struct judge_value {
    char kind;
    bool truth;
    double number;
    struct judge_text text;
};

/* Each is false where the message is no JSON. */

/* The next character that is no space is `c`: taken. */
bool judge_scan_take(struct judge_scan *scan, char c);
/* A key and its colon. */
bool judge_scan_key(struct judge_scan *scan, struct judge_text *key);
/* Any value; of an object or list only that it is one. */
bool judge_scan_value(struct judge_scan *scan, struct judge_value *out);
/* Nothing but space is left. */
bool judge_scan_done(struct judge_scan *scan);

static inline bool judge_text_is(struct judge_text text, const char *other)
{
    size_t len = strlen(other);
    return text.len == len && memcmp(text.data, other, len) == 0;
}
