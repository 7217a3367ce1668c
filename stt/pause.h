/*
 * Where between two words to begin: the end of a final is told in steps of up to 100 ms, and a call
 * that begins inside a word does not understand it.
 *
 * Threads: pure function, any thread.
 */
#pragma once

#include <stdint.h>

struct stt_ring;

/* How far a final's end may be from the truth. */
#define STT_PAUSE_REACH_MS 40

/* The place nearest to `position`, within the reach, where it is as quiet as anywhere there;
 * `position` when nothing is much quieter than that. */
uint64_t stt_pause_near(const struct stt_ring *ring, uint64_t position, uint32_t rate);
