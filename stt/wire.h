/*
 * The wires: how each speech API is spoken to. What differs between them stands in one struct of
 * facts and functions a wire, each in a file of its own (stt/codec_<name>.c); everybody else goes
 * through that struct. All are bidirectional gRPC streams whose first request holds the
 * configuration and whose later ones hold audio.
 *
 * google_v1  https://cloud.google.com/speech-to-text/docs/reference/rpc/google.cloud.speech.v1
 * google_v2  https://cloud.google.com/speech-to-text/v2/docs/reference/rpc/google.cloud.speech.v2
 * riva       https://github.com/nvidia-riva/common (riva/proto/riva_asr.proto)
 *
 * Threads: constants and pure functions, any thread.
 */
#pragma once

#include "stt/codec.h"

struct buf;

/* What stands before the PCM in an audio request: a tag and a length. */
#define STT_AUDIO_HEAD_MAX 6

struct stt_wire {
    const char *name;   /* as the configuration says it: "google_v1" */
    const char *method; /* the gRPC path of the stream */
    /* Where the API lives, without the port; NULL: there is no such place, it is self-hosted. */
    const char *host;
    /* The locations that have a host of their own, comma separated, "global" first; NULL: any. */
    const char *locations;
    uint32_t audio_field;
    uint32_t audio_bytes_max; /* of PCM in one request */
    uint32_t stream_ms_max;   /* the API cuts a stream of this age; 0: it does not */
    uint32_t gap_ms_max;      /* the API cuts a stream that has had no audio for so long; 0: not */
    float boost_max;          /* more is the same as this */
    bool speech_events;       /* knows voice_activity_events and its timeouts */
    bool single_utterance;
    bool endpointing; /* knows how soon an utterance is to be called final */
    bool recognizer;  /* needs the path of a recognizer */
    /*
     * Appends the first request of a call; what the wire has no word for is left out.
     * STATUS_INVALID: a value the API would refuse; STATUS_LIMIT, STATUS_NOMEM: the buffer's. The
     * buffer may hold a part of the request after a failure.
     */
    int (*config_write)(const struct stt_recognition_config *config, struct buf *out);
    /*
     * Reads one response; of several alternatives the first is kept. Strings are valid UTF-8, never
     * NULL. Fields may come in any order, unknown ones are skipped. STATUS_PROTOCOL: malformed;
     * STATUS_LIMIT: past a bound of stt/limits.h; STATUS_NOMEM. Gives *out, for
     * stt_response_free().
     */
    int (*response_read)(const void *bytes, size_t len, struct stt_response **out);
};

extern const struct stt_wire stt_wire_google_v1, stt_wire_google_v2, stt_wire_riva;

/* What the first request says for a provider, whoever speaks; strings are borrowed. */
struct stt_provider {
    const struct stt_wire *wire;
    const char *model;      /* NULL or "": a default, the wire's or the API's */
    const char *recognizer; /* where wire->recognizer, as stt_wire_recognizer() writes it */
    float boost;            /* of the session's vocabulary; 0: the API's default */
    enum stt_endpointing endpointing;
};

/* NULL: there is no wire of this name. */
const struct stt_wire *stt_wire_find(const char *name);

/* What stands before `bytes` of PCM in an audio request; returns its length. */
size_t stt_wire_audio_head(const struct stt_wire *wire, uint32_t bytes,
                           uint8_t head[STT_AUDIO_HEAD_MAX]);

/* The age at which to replace a stream: `configured_ms`, less where the API cuts it before;
 * UINT32_MAX where it never does. */
uint32_t stt_wire_rotate_ms(const struct stt_wire *wire, uint32_t configured_ms);
/* How long a stream may be without audio: `configured_ms`, less where the API cuts it before. */
uint32_t stt_wire_idle_ms(const struct stt_wire *wire, uint32_t configured_ms);

/* False when `target` is a host of the API, but of another location: it would refuse every call.
 * Hosts that are not the API's own, such as proxies, serve any location. */
bool stt_wire_target_serves(const struct stt_wire *wire, const char *target, const char *location);

/* What follows writes text of less than `bytes`. STATUS_LIMIT: it does not fit. */

/* "host:port" of the API for `location`. STATUS_INVALID: the wire has no host of its own, or none
 * there. */
int stt_wire_target(const struct stt_wire *wire, const char *location, char *out, size_t bytes);
/* "projects/P/locations/L/recognizers/R". STATUS_INVALID: a part that is empty or holds more than
 * letters, digits and "-_.:". */
int stt_wire_recognizer(const char *project, const char *location, const char *recognizer,
                        char *out, size_t bytes);
/* The x-goog-request-params metadata that routes calls to the recognizer's location. */
int stt_wire_request_params(const char *recognizer, char *out, size_t bytes);
