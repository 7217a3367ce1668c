/*
 * Wire format of google.cloud.speech.v1 StreamingRecognize, written and read by hand: requests out,
 * responses in. https://cloud.google.com/speech-to-text/docs/reference/rpc/google.cloud.speech.v1
 * https://protobuf.dev/programming-guides/encoding/
 *
 * Threads: pure functions, any thread.
 * Memory: a response is one block with everything it points to; stt_response_free() ends it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* Phrases the recogniser should expect. */
struct stt_context {
    const char *const *phrases;
    size_t phrases_len;
    float boost; /* 0: the API's default; useful up to 20 */
};

/* What the first request of a call says. Audio is always LINEAR16, one channel. */
struct stt_recognition_config {
    uint32_t rate;        /* 8000–48000 */
    const char *language; /* BCP-47, required */
    const char *model;    /* NULL or "": the API's default */
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
};

/* Appends the first request of a call. STATUS_INVALID: a value the API would refuse; STATUS_LIMIT,
 * STATUS_NOMEM: the buffer's. The buffer may hold a part of the request after a failure. */
int stt_codec_config_write(const struct stt_recognition_config *config, struct buf *out);

/* What stands before `bytes` of PCM in an audio request. */
#define STT_AUDIO_HEAD_MAX 6
void stt_codec_audio_head(uint32_t bytes, uint8_t head[STT_AUDIO_HEAD_MAX], size_t *len);

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
    int error_code; /* google.rpc.Code; 0: none */
    const char *error_message;
    const struct stt_result *results;
    size_t results_len;
    int speech_event; /* enum stt_speech_event; other numbers are kept as they came */
    int64_t speech_event_us;
    int64_t total_billed_us;
};

/*
 * Reads one StreamingRecognizeResponse; of several alternatives the first is kept. Strings are
 * valid UTF-8, never NULL. Fields may come in any order, unknown ones are skipped. STATUS_PROTOCOL:
 * malformed; STATUS_LIMIT: past a bound of stt/limits.h; STATUS_NOMEM. Gives *out.
 */
int stt_codec_response_read(const void *bytes, size_t len, struct stt_response **out);
void stt_response_free(struct stt_response *response);
