/*
 * The bench's audio: PCM that says what it is. Every block of 10 ms carries, in the amplitudes of
 * its first samples, who speaks, the block's number in that session and which word is being said;
 * speech is as loud as speech, silence as quiet as silence. A listener therefore knows exactly what
 * span it heard, on whichever stream it arrived, without any private field on the wire.
 *
 * Threads: a reader is one owner's; the rest is pure. Memory: nothing is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIO_BLOCK_MS          10
#define AUDIO_BLOCK_SAMPLES_MAX 480 /* 48 kHz */
#define AUDIO_BLOCK_SAMPLES_MIN 80  /* 8 kHz */

/* What one block says. */
struct audio_block {
    uint32_t session;   /* < 2^24 */
    uint32_t number;    /* of the block in its session: its audio starts at number * 10 ms */
    uint16_t seed;      /* low bits of the script's seed: both sides must have the same script */
    uint32_t utterance; /* 1 …; 0: silence; < 2^24 */
    uint8_t place;      /* of the word in its utterance, < 128 */
    bool middle;        /* the word's middle lies in this block: who hears it has heard the word, so
                           that of two streams cut anywhere between blocks exactly one has */
};

/* Writes one block of rate / 100 samples, s16le; returns the samples. */
size_t audio_block_write(const struct audio_block *block, unsigned rate, int16_t *out);

/* Reads blocks out of a byte stream that may start and be cut anywhere. */
struct audio_reader {
    unsigned rate;
    uint64_t samples; /* fed so far */
    uint64_t skipped; /* samples that belonged to no readable block */
    size_t len;       /* samples in `pending` */
    bool half;        /* an odd byte waits in `odd` */
    uint8_t odd;
    int16_t pending[AUDIO_BLOCK_SAMPLES_MAX];
};

void audio_reader_init(struct audio_reader *reader, unsigned rate);
/*
 * Takes bytes up to the end of the next block; returns how many. *found: a block was completed and
 * `block` filled; it ends at sample `reader->samples` of what was fed. Call until all is taken.
 * After garbage the reader finds the next block's start by its mark and checksum.
 */
size_t audio_reader_feed(struct audio_reader *reader, const void *pcm, size_t bytes, bool *found,
                         struct audio_block *block);
