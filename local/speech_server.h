/*
 * The serving half of StreamingRecognize of google.cloud.speech.v1 and v2 on gRPC C core: calls,
 * message order, what a configuration may say, ages and silences, flow control. What the audio says
 * is the engine's affair, given as callbacks.
 *
 * Threads: start and stop from the owner's thread. The engine's callbacks run on the server's
 * thread and must not block; local_call_* may be called from any thread, inside the callbacks too.
 * Memory: a call lives until the engine has released it and gRPC is done with it, whichever is
 * later.
 */
#pragma once

#include "local/speech_wire.h"
#include <stddef.h>
#include <stdint.h>

struct local_call;
struct local_speech_server;

/* A status to refuse with: gRPC's code, and text for the peer. */
struct local_refusal {
    int code;
    char text[256];
};

struct local_speech_engine_ops {
    /*
     * A call with a valid configuration (borrowed). 0 and a handle, or negative with *refusal
     * filled: then nothing else is called. After 0 close() comes exactly once.
     */
    int (*open)(void *ctx, struct local_call *call, const struct local_speech_config *config,
                void **handle, struct local_refusal *refusal);
    /* Encoded audio as it came (borrowed). The engine owes a local_call_consumed() of `bytes`. */
    void (*audio)(void *handle, const void *audio, size_t bytes);
    /* The peer has half-closed: the engine sends what it still has, then local_call_end(). */
    void (*finish)(void *handle);
    /* The call is over; the engine owes a local_call_release(), at once or later, as its last word.
     */
    void (*close)(void *handle);
};

struct local_speech_server_config {
    const char *host;      /* numeric address to listen on */
    uint16_t port;         /* 0: any */
    const char *languages; /* what unknown languages are told is there, "en-US" */
    bool (*language_known)(const char *tag);
    int64_t stream_limit_ms;   /* 0: LOCAL_SPEECH_STREAM_S */
    int64_t audio_timeout_ms;  /* 0: LOCAL_SPEECH_AUDIO_TIMEOUT_MS */
    unsigned streams_max;      /* calls a connection; 0: LOCAL_SPEECH_CALL_STREAMS */
    int64_t connection_age_ms; /* then GOAWAY, while its calls go on; 0: connections do not age */
    const struct local_speech_engine_ops *engine;
    void *engine_ctx;
};

/* Listens and serves. STATUS_IO: the address cannot be had; STATUS_NOMEM. */
int local_speech_server_start(struct local_speech_server **out,
                              const struct local_speech_server_config *config);
uint16_t local_speech_server_port(const struct local_speech_server *server);
/* Calls open now; any thread. */
unsigned local_speech_server_calls(const struct local_speech_server *server);
/* Cancels every call, waits until the engine has released them all, frees. The engine must still
 * run. */
void local_speech_server_stop(struct local_speech_server *server);

/*
 * Sends one response. `droppable` ones (interim results) are given up when the peer reads too
 * slowly. Responses of one thread keep their order. Nothing is sent once the call is over.
 */
void local_call_respond(struct local_call *call, const struct local_speech_response *response,
                        bool droppable);
/* Ends the call after the responses before it. Later calls of it do nothing. */
void local_call_end(struct local_call *call, int code, const char *text);
/* The engine is done with so many bytes of audio: that much more may come. */
void local_call_consumed(struct local_call *call, size_t bytes);
/* The engine forgets the call; after close() only. */
void local_call_release(struct local_call *call);
/* A number for logs. */
uint64_t local_call_id(const struct local_call *call);

/* What `config` lacks: 0, or STATUS_INVALID with text for the peer. Pure. */
int local_speech_config_check(const struct local_speech_server_config *server,
                              const struct local_speech_config *config,
                              struct local_refusal *refusal);
