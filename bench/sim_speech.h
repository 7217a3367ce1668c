/*
 * What the simulated speech API's files share: its streams, whatever the wire. sim_speech.c knows
 * what a stream hears and says and which faults strike it; a wire (sim_speech_h2.c,
 * sim_speech_grpc.c) brings its messages in and its words out.
 *
 * Threads: the loop's, but where sim_speech_grpc.c says otherwise. Memory: a wire embeds struct
 * sim_stream in what it keeps of a call and frees that itself.
 */
#pragma once

#include "base/rng.h"
#include "bench/sim.h"
#include "bench/sim_config.h"
#include "bench/sim_ear.h"
#include "bench/sim_fault.h"
#include "local/speech_server.h"
#include "local/speech_wire.h"
#include "loop/loop.h"

struct sim_stream {
    struct sim_speech *speech;
    struct sim_stream *prev, *next;
    struct sim_ear *ear; /* NULL: the configuration is awaited */
    struct loop_timer timer;
    int64_t opened_us;
    int64_t heard_us; /* when the newest request came */
    int64_t heard_bytes;
    int32_t rate;
    bool finished; /* the peer has half-closed */
    /* What strikes this stream; INT64_MAX: does not. */
    int64_t cut_us, idle_us; /* age, and silence */
    int64_t age_us;          /* when its connection is too old */
    int64_t broken_bytes;    /* of audio, and then `broken` strikes */
    enum sim_fault broken;   /* UNAVAILABLE, GOAWAY, RST or TCP_RESET */
    int64_t broken_how;      /* its argument */
    bool mute;
};

struct sim_wire {
    /* STATUS_IO: the address cannot be had. Sets speech->server. */
    int (*open)(struct sim_speech *speech);
    unsigned (*port)(const struct sim_speech *speech);
    void (*close)(struct sim_speech *speech, void (*on_closed)(void *ctx), void *ctx);
    void (*respond)(struct sim_stream *stream, const struct local_speech_response *response);
    /* The stream's last word: it has left the list, the wire frees it, at once or later. */
    void (*end)(struct sim_stream *stream, int code, const char *text);
    /* What only the owner of the frames can do; NULL where gRPC owns them. `strike` takes the
     * stream like `end`; `age` tells its connection to take no further ones. */
    void (*strike)(struct sim_stream *stream, enum sim_fault fault, int64_t how);
    void (*age)(struct sim_stream *stream);
    void (*limit_streams)(struct sim_speech *speech, unsigned count);
    uint64_t (*connections)(const struct sim_speech *speech);
};

struct sim_speech {
    struct loop *loop;
    const struct sim_config *config;
    struct sim_stats *stats;
    const struct sim_wire *wire;
    void *server;                            /* the wire's */
    struct local_speech_server_config check; /* what configurations are held against */
    char languages[128];
    struct sim_latency *latency;
    struct sim_audit *audit;
    struct sim_fault_plan *faults;
    uint64_t struck[SIM_FAULTS]; /* by plans that were replaced */
    struct rng rng;
    int64_t started_us;
    uint64_t next_seed;
    struct sim_stream *streams;
    struct loop_timer tick; /* looks at `streams` faults, which belong to no stream */
    int64_t limited_us;     /* when one struck last; 0: the limit is the configured one */
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

extern const struct sim_wire sim_wire_h2, sim_wire_grpc;

/* A call has come; it awaits its configuration. */
void sim_stream_open(struct sim_stream *stream, struct sim_speech *speech);
/* One request message. False: the stream has ended and must not be touched. */
bool sim_stream_message(struct sim_stream *stream, const void *bytes, size_t len);
/* The same, read by somebody else, and found in order. */
bool sim_stream_config(struct sim_stream *stream, const struct local_speech_config *config);
bool sim_stream_audio(struct sim_stream *stream, const void *pcm, size_t bytes);
/* The peer has half-closed. May end the stream. */
void sim_stream_finish(struct sim_stream *stream);
/* Ends the stream for a reason of the wire's. */
void sim_stream_end(struct sim_stream *stream, int code, const char *text);
/* The peer is gone: the wire may free it after this. */
void sim_stream_gone(struct sim_stream *stream);

/* Of the fault `age`, as it stands now; 0: connections do not age. */
int64_t sim_speech_age_s(struct sim_speech *speech);
