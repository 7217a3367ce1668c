#include "local/recognizer_measure.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "local/recognizer.h"
#include <math.h>
#include <stdbool.h>
#include <time.h>

#define RATE     LOCAL_RECOGNIZER_RATE
#define SYLLABLE (RATE / 5)
#define PITCH    (RATE / 120)

/* Babble fits no words, so more of them stay possible: 142 s of speech cost 0.199 of a core where
 * babble cost 0.37. */
#define SPEECH_TO_BABBLE 0.55

/* A resonance: y = x + a·y₁ + b·y₂. */
struct resonance {
    double a, b, y1, y2;
};

static void resonance_set(struct resonance *resonance, double hertz, double width)
{
    double radius = exp(-M_PI * width / RATE);
    resonance->a = 2 * radius * cos(2 * M_PI * hertz / RATE);
    resonance->b = -radius * radius;
}

static double resonance_step(struct resonance *resonance, double x)
{
    double y = x + resonance->a * resonance->y1 + resonance->b * resonance->y2;
    resonance->y2 = resonance->y1;
    resonance->y1 = y;
    return y;
}

void local_babble(int16_t out[LOCAL_BABBLE_SAMPLES])
{
    /* First and second formant of a, i, u, e, o. */
    static const double vowels[][2] = {
        {750, 1200}, {290, 2250}, {310, 870}, {480, 1900}, {500, 900}};
    struct resonance first = {0}, second = {0};
    struct rng rng;
    rng_init(&rng, 1);
    for (int i = 0; i < LOCAL_BABBLE_SAMPLES; i++) {
        int at = i % SYLLABLE;
        if (at == 0) {
            resonance_set(&first, vowels[i / SYLLABLE][0], 80);
            resonance_set(&second, vowels[i / SYLLABLE][1], 120);
        }
        /* A quarter of each syllable is a consonant's hiss, the rest a voice's pulses. */
        bool hiss = at < SYLLABLE / 4;
        double noise = rng_unit(&rng) - 0.5;
        double pulse = i % PITCH == 0 ? 1 : 0;
        double voice = resonance_step(&second, resonance_step(&first, hiss ? noise * 0.02 : pulse));
        double value = (hiss ? noise * 1500 : 0) + voice * 900 + noise * 20;
        out[i] = (int16_t)fmax(-30000, fmin(30000, value));
    }
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int local_recognizer_measure(struct local_recognizer *recognizer, double *core_share)
{
    enum { BLOCK = RATE / 4 };
    int16_t *babble = mem_alloc(LOCAL_BABBLE_SAMPLES * sizeof *babble);
    struct local_hypothesis *words = mem_alloc(sizeof *words);
    int status = babble == NULL || words == NULL ? STATUS_NOMEM : 0;
    if (status == 0) {
        local_babble(babble);
        double before = cpu_seconds();
        status = local_recognizer_begin(recognizer);
        for (int i = 0; status == 0 && i < LOCAL_BABBLE_SAMPLES; i += BLOCK) {
            status = local_recognizer_feed(recognizer, babble + i, BLOCK);
            local_recognizer_partial(recognizer, words);
        }
        if (status == 0)
            status = local_recognizer_end(recognizer, words);
        if (status == 0)
            *core_share = (cpu_seconds() - before) * SPEECH_TO_BABBLE * RATE / LOCAL_BABBLE_SAMPLES;
    }
    mem_free(words);
    mem_free(babble);
    return status;
}
