/*
 * What is spoken to a speech stream in a simulation: words at positions of the audio, and the audio
 * itself, a voice within words and a faint hiss elsewhere. Every sample follows from its position
 * and the script, so that who gets a block can tell whether each byte is where it was spoken.
 */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sim_word {
    uint64_t start, middle, end;
    const char *text; /* NULL: named after its number */
    uint64_t told;    /* the response that was the first to end a final with it; 0: none yet */
};

/* Samples of a table before it repeats; each is followed by its own beginning, to be copied from
 * anywhere in one piece. */
#define SCRIPT_TABLE      65536
#define SCRIPT_WORD_BYTES 32

/* First word that ends after `position`; `len` when none. */
static inline size_t script_find(const struct sim_word *words, size_t len, uint64_t position)
{
    size_t low = 0;
    while (low < len) {
        size_t middle = (low + len) / 2;
        if (words[middle].end <= position)
            low = middle + 1;
        else
            len = middle;
    }
    return low;
}

/* Another way to write a word. */
static inline const char *script_digits(const char *text)
{
    static const char *const names[] = {"zero", "one",   "two",   "three", "four", "five",
                                        "six",  "seven", "eight", "nine",  "ten"};
    static const char *const digits[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0)
            return digits[i];
    return text;
}

/* What somebody who hears only a part of a word makes of it, where it `begins` or where it ends:
 * nothing, a piece, or something else. */
static inline void script_garble(const char *text, bool begins, uint32_t chance,
                                 char out[SCRIPT_WORD_BYTES])
{
    static const char *const others[] = {"uh", "and", "the", "brow", "no", "very"};
    size_t len = strlen(text), piece = len / 2;
    chance >>= 8;
    out[0] = '\0';
    if (chance % 3 == 0)
        strcpy(out, others[chance / 3 % 6]);
    else if (chance % 3 == 1 && begins)
        *(char *)mempcpy(out, text, piece) = '\0';
    else if (chance % 3 == 1)
        strcpy(out, text + len - piece);
}

/* A voice: harmonics of a wandering pitch under two formants, louder and softer as syllables are.
 */
static inline double script_voice_at(double t, double *phase, uint32_t rate)
{
    static const double two_pi = 6.283185307179586;
    double pitch = 125 + 35 * sin(two_pi * 0.7 * t), sum = 0;
    *phase += two_pi * pitch / rate;
    for (int k = 1; k <= 20 && k * pitch < 3400; k++) {
        double low = (k * pitch - 600) / 250, high = (k * pitch - 1700) / 400;
        sum += sin(k * *phase) * (exp(-low * low) + 0.4 * exp(-high * high) + 0.05);
    }
    return 4000 * sum * (0.6 + 0.4 * sin(two_pi * 5 * t));
}

/* Table of a voice at this rate, made at its first use. */
static inline const int16_t *script_voice(uint32_t rate)
{
    static struct {
        uint32_t rate;
        int16_t at[2 * SCRIPT_TABLE];
    } tables[4];
    size_t i = 0;
    while (i + 1 < sizeof tables / sizeof tables[0] && tables[i].rate != 0 &&
           tables[i].rate != rate)
        i++;
    if (tables[i].rate == rate)
        return tables[i].at;
    double phase = 0;
    for (size_t n = 0; n < SCRIPT_TABLE; n++)
        tables[i].at[n] = (int16_t)script_voice_at((double)n / rate, &phase, rate);
    memcpy(tables[i].at + SCRIPT_TABLE, tables[i].at, SCRIPT_TABLE * sizeof(int16_t));
    tables[i].rate = rate;
    return tables[i].at;
}

/* What a room sounds like while nobody speaks: from a good microphone to a fan beside it. */
#define SCRIPT_ROOMS 3
static inline const int16_t *script_hiss(unsigned room)
{
    static const int peaks[SCRIPT_ROOMS] = {8, 60, 250};
    static int16_t tables[SCRIPT_ROOMS][2 * SCRIPT_TABLE];
    static bool made[SCRIPT_ROOMS];
    uint32_t span = 2 * (uint32_t)peaks[room] + 1;
    for (uint32_t i = 0; !made[room] && i < 2 * SCRIPT_TABLE; i++)
        tables[room][i] =
            (int16_t)((int)((i % SCRIPT_TABLE * 2654435761u >> 12) % span) - peaks[room]);
    made[room] = true;
    return tables[room];
}

struct script_sound {
    const struct sim_word *words;
    size_t len;
    uint32_t rate;
    unsigned room;
};

/* Samples [first, first + n) of the session. */
static inline void script_audio(const struct script_sound *sound, uint64_t first, uint64_t n,
                                int16_t *out)
{
    const struct sim_word *words = sound->words;
    size_t len = sound->len, word = script_find(words, len, first);
    while (n > 0) {
        bool voiced = word < len && words[word].start <= first;
        uint64_t until = first + SCRIPT_TABLE;
        if (word < len && (voiced ? words[word].end : words[word].start) < until)
            until = voiced ? words[word].end : words[word].start;
        uint64_t span = until - first < n ? until - first : n;
        const int16_t *table = voiced ? script_voice(sound->rate) : script_hiss(sound->room);
        memcpy(out, table + first % SCRIPT_TABLE, span * sizeof *out);
        out += span;
        first += span;
        n -= span;
        word += voiced && first == words[word].end;
    }
}
