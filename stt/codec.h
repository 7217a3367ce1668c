/*
 * What is said to a speech API and what it says, the same for all wires (stt/wire.h): the first
 * request of a call, and a response.
 *
 * Threads: plain values, one owner at a time.
 * Memory: a response is one block with everything it points to; stt_response_free() ends it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Phrases the recogniser should expect. */
struct stt_context {
    const char *const *phrases;
    size_t phrases_len;
    float boost; /* 0: the API's default; past what the wire takes: the most it takes */
};

/* How soon the API is to call an utterance final. */
enum stt_endpointing {
    STT_ENDPOINTING_STANDARD, /* the API's default */
    STT_ENDPOINTING_SHORT,
    STT_ENDPOINTING_SUPERSHORT,
};

/* What the first request of a call says. Audio is always LINEAR16, one channel. */
struct stt_recognition_config {
    uint32_t rate;          /* 8000–48000 */
    const char *language;   /* BCP-47, required */
    const char *model;      /* NULL or "": the wire's, else the API's default */
    const char *recognizer; /* resource path; google_v2 only, required there */
    const char *const *alternative_languages;
    size_t alternative_languages_len; /* ≤ STT_CONFIG_LANGUAGES_MAX */
    const struct stt_context *contexts;
    size_t contexts_len;
    uint32_t max_alternatives; /* 0–30; 0: the API's default, which is 1 */
    bool punctuation;
    bool word_offsets;
    bool interim_results;
    bool single_utterance;
    bool voice_activity_events;
    uint32_t speech_start_timeout_ms; /* 0: none; 500–60000, asks for voice_activity_events */
    uint32_t speech_end_timeout_ms;
    enum stt_endpointing endpointing;
};

enum stt_speech_event {
    STT_SPEECH_NONE,
    STT_SPEECH_END_OF_UTTERANCE, /* of a single_utterance call */
    STT_SPEECH_BEGIN,
    STT_SPEECH_END,
    STT_SPEECH_TIMEOUT,
};

struct stt_response_word {
    const char *text;
    int64_t start_us, end_us; /* of the call's audio */
};

struct stt_result {
    bool is_final;
    float stability;       /* 0: unset */
    float confidence;      /* 0: unset */
    int64_t result_end_us; /* of the call's audio */
    const char *transcript;
    const char *language; /* "" when not sent; often lower-case */
    const struct stt_response_word *words;
    size_t words_len;
};

struct stt_response {
    int error_code; /* google.rpc.Code; 0: none. google_v1 only */
    const char *error_message;
    const struct stt_result *results;
    size_t results_len;
    int speech_event; /* enum stt_speech_event; other numbers are kept as they came */
    int64_t speech_event_us;
    int64_t total_billed_us;
};

void stt_response_free(struct stt_response *response);
