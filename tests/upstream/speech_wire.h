/*
 * The server's side of the StreamingRecognize wire, written apart from stt/codec.h so that neither
 * proves itself.
 *
 * Threads: pure functions, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct speech_request {
    bool is_config;
    uint32_t rate;        /* configs */
    bool word_offsets;    /* configs */
    bool interim_results; /* configs */
    size_t audio_bytes;   /* audio */
};
/* False: malformed, or neither config nor audio. */
bool speech_request_read(const uint8_t *bytes, size_t len, struct speech_request *out);

/* Words are numbered from the call's start; the list repeats when it is shorter than the audio. */
struct speech_words {
    const char *list; /* separated by one space; NULL: "word1 word2 …" */
    uint32_t ms_per_word;
};
struct speech_result {
    size_t first, end; /* words [first, end) */
    uint32_t end_ms;   /* of the audio covered */
    bool final;
    bool times;
};
void speech_response_write(struct buf *out, const struct speech_words *words,
                           const struct speech_result *result);
void speech_error_write(struct buf *out, int code, const char *text);
