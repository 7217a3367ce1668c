/*
 * The messages of google.cloud.speech.v1.Speech/StreamingRecognize and of its successor v2, seen
 * from the serving side: requests are read, responses are written. Unknown fields are skipped,
 * fields may come in any order.
 *
 * Threads: pure functions, any thread. Memory: a read request borrows the bytes it was read from.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define LOCAL_SPEECH_METHOD    "/google.cloud.speech.v1.Speech/StreamingRecognize"
#define LOCAL_SPEECH_METHOD_V2 "/google.cloud.speech.v2.Speech/StreamingRecognize"

enum local_speech_encoding {
    LOCAL_ENCODING_UNSPECIFIED = 0,
    LOCAL_ENCODING_LINEAR16 = 1,
    LOCAL_ENCODING_FLAC = 2,
    LOCAL_ENCODING_MULAW = 3
};

/* How soon a pause ends an utterance; v2 only. */
enum local_speech_endpointing {
    LOCAL_ENDPOINTING_STANDARD = 0,
    LOCAL_ENDPOINTING_SUPERSHORT = 2,
    LOCAL_ENDPOINTING_SHORT = 3
};

enum local_speech_event_type {
    LOCAL_EVENT_NONE = 0,
    LOCAL_EVENT_END_OF_SINGLE_UTTERANCE = 1,
    LOCAL_EVENT_ACTIVITY_BEGIN = 2,
    LOCAL_EVENT_ACTIVITY_END = 3,
    LOCAL_EVENT_ACTIVITY_TIMEOUT = 4
};

/* StreamingRecognitionConfig with its RecognitionConfig, as far as a recogniser can act on it. */
struct local_speech_config {
    bool has_recognition; /* the inner message was present */
    int32_t encoding;     /* enum local_speech_encoding, or a number we do not know */
    int32_t rate;         /* Hz */
    int32_t alternatives_max;
    int32_t channels;  /* 0: not said, one */
    char language[36]; /* BCP-47; cut when longer, which no known tag is */
    char model[64];
    bool word_times;
    bool word_confidence;
    bool punctuation;
    bool single_utterance;
    bool interim;
    bool activity_events;
    int64_t start_timeout_us; /* voice_activity_timeout; 0: none */
    int64_t end_timeout_us;
    enum local_speech_endpointing endpointing;
    bool v2;
    const uint8_t *recognizer; /* v2: the resource's path; borrowed as audio is */
    size_t recognizer_len;
    const uint8_t *recognition; /* bytes of the RecognitionConfig, for phrases; borrowed */
    size_t recognition_len;
};

/* A phrase that is likely to be said. */
struct local_speech_phrase {
    const char *text; /* of the config's borrowed bytes, no NUL */
    size_t len;
    float boost; /* as asked; 0: not said */
};

enum local_speech_request_kind {
    LOCAL_REQUEST_NONE, /* neither member of the oneof: an empty message */
    LOCAL_REQUEST_CONFIG,
    LOCAL_REQUEST_AUDIO
};

struct local_speech_request {
    enum local_speech_request_kind kind;
    struct local_speech_config config; /* of LOCAL_REQUEST_CONFIG */
    const uint8_t *audio;              /* of LOCAL_REQUEST_AUDIO */
    size_t audio_len;
};

/* 0 or STATUS_PROTOCOL when the bytes are not such a message; `out` is then untouched. */
int local_speech_request_read(const void *bytes, size_t len, struct local_speech_request *out);

/* The phrases of speech_contexts or, where there is one, of the inline phrase sets of the
 * adaptation: their number, `max` at most, or STATUS_PROTOCOL. */
int local_speech_phrases_read(const struct local_speech_config *config,
                              struct local_speech_phrase *out, size_t max);

struct local_speech_word {
    const char *text;
    int64_t start_us, end_us; /* of the stream's audio; negative: not sent */
    float confidence;         /* 0: not sent */
};

struct local_speech_result {
    const char *transcript;
    float confidence; /* finals; 0: not sent */
    bool final;
    float stability; /* interim results; 0: not sent */
    int64_t end_us;  /* of the stream's audio */
    const char *language;
    const struct local_speech_word *words;
    size_t words_len;
};

/* One of results, event and error; the rest zero. v2 has no error, and no event for a timeout: such
 * a response is empty and not to be sent. */
struct local_speech_response {
    const struct local_speech_result *results;
    size_t results_len;
    enum local_speech_event_type event;
    int64_t event_us;
    int64_t billed_us; /* 0: not sent; the stream's last response only */
    int64_t request_id;
    int error_code; /* google.rpc.Status in field 1; 0: none */
    const char *error_text;
};

/* Appends the message to `out`; STATUS_FULL or STATUS_NOMEM as buf says. */
int local_speech_response_write(const struct local_speech_response *response, struct buf *out);

/* One version of the API. Texts and codes are those its clients know. */
struct local_speech_wire {
    const char *method;
    const char *package; /* names, for messages to the peer */
    const char *audio;
    int (*read)(const void *bytes, size_t len, struct local_speech_request *out);
    int (*write)(const struct local_speech_response *response, struct buf *out);
    int too_old_code;
    void (*too_old)(int64_t limit_ms, char *text, size_t cap);
    int idle_code;
    const char *idle;
};

extern const struct local_speech_wire local_speech_v1, local_speech_v2;
