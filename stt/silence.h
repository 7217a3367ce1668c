/*
 * The gate of a speech stream: awake while somebody speaks and for a while after, asleep in
 * silence. It judges by the audio; what the client says of it (`audio.activity`) makes it quicker
 * either way, and what the recogniser has heard overrules it.
 *
 * Threads: one owner. Pure: nothing is allocated, no clock but the position in the audio.
 */
#pragma once

#include "stt/voice.h"

/* A zeroed struct is awake; `spoken` is then set to the position of the first sample. */
struct stt_silence {
    struct stt_voice voice;
    bool asleep;
    bool quiet_hint;  /* the client says that nobody speaks */
    bool woken_early; /* by a hint, and no speech was heard since */
    bool distrust;    /* such a hint was wrong: none is believed until somebody speaks */
    bool deaf;        /* the recogniser has heard words where this heard nobody: any sound counts */
    uint64_t spoken;  /* position after the newest audio that kept it awake, or woke it */
    uint64_t woken;   /* position at which it woke */
    uint64_t faint;   /* position after the newest audio that was more than the room */
    uint64_t hinted;  /* a hint that somebody speaks holds for audio before this */
};

/* Hears the next samples, at `rate`, which end at position `end`. True: it woke. */
bool stt_silence_hear(struct stt_silence *silence, const int16_t *pcm, size_t samples,
                      uint32_t rate, uint64_t end);
/* The client says, with audio up to `received` taken, that at `position` somebody speaks or not. */
void stt_silence_hint(struct stt_silence *silence, bool speaking, uint64_t position,
                      uint64_t received, uint32_t rate);
/* The recogniser has heard words up to position `heard`. */
void stt_silence_words(struct stt_silence *silence, uint64_t heard, uint32_t rate);
/* Nobody has spoken for `close_ms`, or less when the client says so too: it may sleep. */
bool stt_silence_due(const struct stt_silence *silence, uint64_t received, uint32_t rate,
                     uint32_t close_ms);
/* It sleeps from now on; `heard` as above. */
void stt_silence_sleep(struct stt_silence *silence, uint64_t heard);
/* It is awake from position `end` on although nobody was heard to speak. */
void stt_silence_wake(struct stt_silence *silence, uint64_t end);
