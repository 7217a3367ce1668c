/*
 * When a session of the bench speaks and what its audio is, frame by frame: utterances of the
 * script with pauses between them, turns of speaking and listening, the session's own phase.
 *
 * Threads: pure but for the cursor, one owner. Memory: nothing is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Standard speech: ten utterances of about 100 characters a minute. */
struct load_voice_config {
    uint64_t seed;
    unsigned rate;        /* Hz */
    unsigned frame_ms;    /* a multiple of AUDIO_BLOCK_MS */
    unsigned cycle_ms;    /* 6000: an utterance and its pause */
    unsigned pause_ms;    /* 900: the least of it that is silent; words share the rest evenly */
    double speaking;      /* share of the sessions that speak at a time, 0 … 1 */
    unsigned turn_cycles; /* 3: utterances of a turn; then the session listens until its next */
};

struct load_utterance {
    uint32_t number; /* 1 … */
    unsigned words;
    int64_t start_ms, end_ms; /* of the session's audio */
};

struct load_voice {
    const struct load_voice_config *config;
    uint32_t session;
    uint32_t next_frame;
    int64_t phase_ms; /* the session's first utterance starts so late; -1: it never speaks */
    int64_t turn_ms;  /* how far its turn of speaking and listening is when its audio begins */
};

void load_voice_init(struct load_voice *voice, const struct load_voice_config *config,
                     uint32_t session);
/* Bytes of a frame. */
size_t load_voice_frame_bytes(const struct load_voice_config *config);
/* Writes the next frame (s16le); *speaking: somebody speaks in it. */
void load_voice_frame(struct load_voice *voice, void *out, bool *speaking);
/* The utterance whose last sample lies in the audio [from_ms, to_ms): true and *out filled. The
 * time is no longer than an utterance, so there is one at most. */
bool load_voice_ended(const struct load_voice *voice, int64_t from_ms, int64_t to_ms,
                      struct load_utterance *out);
