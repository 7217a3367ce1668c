/* Bytes as a script of what happens to a session, and the audio its client speaks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Past its end a tape is zeros. */
struct tape {
    const uint8_t *at;
    size_t left;
};

static inline uint32_t tape_byte(struct tape *tape)
{
    if (tape->left == 0)
        return 0;
    tape->left--;
    return *tape->at++;
}

/* One byte chooses from 0 … n - 1. */
static inline uint32_t tape_below(struct tape *tape, uint32_t n)
{
    return tape_byte(tape) % n;
}

static inline uint32_t tape_word(struct tape *tape)
{
    uint32_t low = tape_byte(tape);
    return low | tape_byte(tape) << 8;
}

static inline bool tape_bit(struct tape *tape)
{
    return tape_byte(tape) & 1;
}

/* Sample `at` of what is spoken: by the half second somebody speaks (a bit of `speech`), or the
 * room hisses. It follows from the position, so that whoever gets a block can check it. */
static inline int16_t tape_sample(uint64_t speech, uint32_t rate, uint64_t at)
{
    uint32_t noise = (uint32_t)(at * 2654435761u) >> 16;
    if ((speech >> (at / (rate / 2) % 64) & 1) == 0)
        return (int16_t)(noise % 17) - 8;
    /* 125 Hz and its harmonics, as a saw, louder and softer with the syllables. */
    int32_t saw = (int32_t)(at % (rate / 125) * 250 * 64 / rate) - 64;
    return (int16_t)(saw * (40 + (int32_t)(at / (rate / 10) % 3) * 60) + (int32_t)(noise % 64));
}
