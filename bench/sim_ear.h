/*
 * A simulated recogniser, without I/O: the bench's audio in, results due out, time passed in. It
 * answers the scripted words of exactly the span it hears, like a speech API does: interim results
 * while somebody speaks (the last words unsure, sometimes wrong), a final when speech ends, and
 * after half-close the final of what was heard so far.
 *
 * Threads: one owner. Memory: a result's texts and words are borrowed until the next call.
 */
#pragma once

#include "local/speech_wire.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_audit;
struct sim_ear;
struct sim_latency;

#define SIM_EAR_QUEUE_MAX 64 /* results that wait; past it interim ones are dropped, finals never  \
                              */

struct sim_ear_config {
    uint64_t seed;             /* the script's */
    uint32_t partial_ms;       /* of audio between two interim results; 0: none */
    uint32_t endpoint_ms;      /* silence that ends an utterance */
    uint32_t utterance_max_ms; /* speech without a pause is cut into finals of this; 0: never */
    uint32_t late_final_ms;    /* added to the latency of the final after half-close */
    double tail_error;         /* share of interim results whose last word is a wrong one, never
                                  the same wrong one twice running in a segment */
    bool lose_last_final;      /* nothing is said after half-close */
    const struct sim_latency *latency; /* audio heard → result; borrowed */
    struct sim_audit *audit;           /* borrowed; NULL: none */
};

/* `request` is the stream's own configuration: rate, language, interim, word times, punctuation
 * (copied; the rate is one the bench's audio has, bench/audio.h); `stream_seed` makes its
 * randomness. STATUS_NOMEM. */
int sim_ear_create(struct sim_ear **out, const struct sim_ear_config *config,
                   const struct local_speech_config *request, uint64_t stream_seed);
void sim_ear_destroy(struct sim_ear *ear);
void sim_ear_hear(struct sim_ear *ear, const void *pcm, size_t bytes, int64_t now_us);
/* The audio has ended. */
void sim_ear_finish(struct sim_ear *ear, int64_t now_us);
/* When the next result is due; INT64_MAX: none waits. */
int64_t sim_ear_due_us(const struct sim_ear *ear);
/* Takes the next result that is due now: true and `out` filled (one or two results). Results come
 * in the order of the audio, whatever their latencies. */
bool sim_ear_next(struct sim_ear *ear, int64_t now_us, struct local_speech_response *out);
/* Finished, and every result has been taken. */
bool sim_ear_done(const struct sim_ear *ear);
/* Milliseconds of this stream's audio heard so far. */
int64_t sim_ear_heard_ms(const struct sim_ear *ear);

/* Which blocks of which session were ever heard, over all streams: what the server lost. */
struct sim_audit_sum {
    uint32_t sessions;
    uint64_t blocks;        /* distinct ones */
    uint64_t repeated;      /* heard again: replays after a rotation */
    uint64_t missing;       /* never heard, although a later one of the same session was */
    uint64_t skipped_bytes; /* audio that was not the bench's */
    uint64_t strangers;     /* blocks of another script: --seed differs */
};
/* Blocks of session numbers or positions past these are strangers. */
#define SIM_AUDIT_SESSIONS_MAX (1 << 17)
#define SIM_AUDIT_BLOCKS_MAX   (24 * 3600 * 100) /* of a session: a day */
/* NULL: no memory. */
struct sim_audit *sim_audit_create(uint64_t seed);
void sim_audit_destroy(struct sim_audit *audit);
void sim_audit_sum(const struct sim_audit *audit, struct sim_audit_sum *out);
