/*
 * Encoded audio of any rate and any message size in, 16 kHz samples out. The output depends only on
 * the bytes, never on how they were cut.
 *
 * Threads: one owner at a time.
 */
#pragma once

#include "local/speech_wire.h"
#include <stddef.h>
#include <stdint.h>

struct local_audio;

/* LINEAR16 (little endian) or MULAW, 8000–48000 Hz. STATUS_INVALID, STATUS_NOMEM. */
int local_audio_create(struct local_audio **out, enum local_speech_encoding encoding,
                       uint32_t rate);
void local_audio_destroy(struct local_audio *audio);

/* Converts all of `bytes`; what comes out is appended to the samples waiting. STATUS_NOMEM. */
int local_audio_put(struct local_audio *audio, const void *bytes, size_t len);
/* No more comes: what the converter still holds comes out. */
int local_audio_flush(struct local_audio *audio);
/* Samples waiting, oldest first; valid until the next call. */
const int16_t *local_audio_samples(const struct local_audio *audio, size_t *len);
/* The oldest `len` samples were used. */
void local_audio_consume(struct local_audio *audio, size_t len);
/* Length of everything put, in microseconds of audio. */
int64_t local_audio_total_us(const struct local_audio *audio);
