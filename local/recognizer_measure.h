/*
 * What a decoder costs here and now, from a second of made-up babble: syllables of voiced formants,
 * hiss between them.
 *
 * Threads: the recogniser's owner.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct local_recognizer;

#define LOCAL_BABBLE_SAMPLES 16000

/* The same second every time. */
void local_babble(int16_t out[LOCAL_BABBLE_SAMPLES]);
/* CPU seconds a second of speech takes, second pass and partials included. STATUS_INTERNAL,
 * STATUS_NOMEM. */
int local_recognizer_measure(struct local_recognizer *recognizer, double *core_share);
