#include "stt/pause.h"

#include "stt/client.h"
#include "stt/ring.h"
#include <assert.h>
#include <string.h>

#define STEP_MS   4
#define STEPS     (2 * STT_PAUSE_REACH_MS / STEP_MS)
#define WINDOW    3 /* steps: as long as a low voice's period, between whose pulses it is quiet */
#define NO_ENERGY UINT64_MAX
/* A pause has so little of the energy; others like it have no more than twice that. */
#define PAUSE_PART 100

/* Sum of squares of the samples [from, to), which one block may not hold alone. */
static uint64_t energy(const struct stt_ring *ring, uint64_t from, uint64_t to)
{
    uint64_t sum = 0;
    while (from < to) {
        const struct stt_ring_entry *entry = stt_ring_find(ring, from);
        if (entry == NULL)
            return NO_ENERGY;
        for (; from < to && from < entry->end; from++) {
            int16_t sample;
            memcpy(&sample, entry->block->pcm + (from - entry->block->first_sample) * 2, 2);
            sum += (uint64_t)((int64_t)sample * sample);
        }
    }
    return sum;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* Energy of each window within the reach. */
static void energies_of(const struct stt_ring *ring, uint64_t from, uint64_t step,
                        uint64_t out[STEPS - WINDOW + 1])
{
    uint64_t at[STEPS];
    for (size_t i = 0; i < STEPS; i++)
        at[i] = energy(ring, from + i * step, from + (i + 1) * step);
    for (size_t i = 0; i + WINDOW <= STEPS; i++) {
        out[i] = 0;
        for (size_t j = i; j < i + WINDOW && out[i] != NO_ENERGY; j++)
            out[i] = at[j] != NO_ENERGY ? out[i] + at[j] : NO_ENERGY;
    }
}

uint64_t stt_pause_near(const struct stt_ring *ring, uint64_t position, uint32_t rate)
{
    uint64_t step = (uint64_t)rate * STEP_MS / 1000, reach = step * STEPS / 2;
    uint64_t energies[STEPS - WINDOW + 1], least = NO_ENERGY, most = 0;
    if (position < reach)
        return position;
    energies_of(ring, position - reach, step, energies);
    for (size_t i = 0; i + WINDOW <= STEPS; i++) {
        least = energies[i] < least ? energies[i] : least;
        most = energies[i] != NO_ENERGY && energies[i] > most ? energies[i] : most;
    }
    uint64_t half = WINDOW * step / 2;
    /* In a pause already: an engine that hears the same samples again says the same again. */
    if (least == NO_ENERGY || least > most / PAUSE_PART ||
        energy(ring, position - half, position + half) <= 2 * least)
        return position;
    uint64_t best = position, nearest = reach + step;
    for (size_t i = 0; i + WINDOW <= STEPS; i++) {
        uint64_t middle = position - reach + i * step + half;
        if (energies[i] <= 2 * least && apart(middle, position) < nearest) {
            nearest = apart(middle, position);
            best = middle;
        }
    }
    return best;
}
