/* The gate by itself: when it sleeps, what wakes it, whose hints it believes. */
#include "base/rng.h"
#include "stt/silence.h"
#include "stt/stream_limits.h"
#include "tests/check.h"
#include <math.h>

#define RATE     16000
#define BLOCK    (RATE / 10)
#define CLOSE_MS 4000

static struct stt_silence gate;
static struct rng rng;
static uint64_t at;

static void start(void)
{
    gate = (struct stt_silence){0};
    rng_init(&rng, 3);
    at = 0;
}

/* Hears `ms` of a 300 Hz tone in noise, both by their rms; sleeps as soon as it may, with words
 * heard up to `heard`. Returns how often it woke. */
static unsigned hear(unsigned ms, double tone, double noise, uint64_t heard)
{
    unsigned woke = 0;
    for (unsigned i = 0; i < ms / 100; i++) {
        int16_t pcm[BLOCK];
        for (int k = 0; k < BLOCK; k++, at++)
            pcm[k] = (int16_t)(1.41 * tone * sin(2 * M_PI * 300 * (double)at / RATE) +
                               1.73 * noise * (2 * rng_unit(&rng) - 1));
        woke += stt_silence_hear(&gate, pcm, BLOCK, RATE, at);
        if (!stt_silence_due(&gate, at, RATE, CLOSE_MS))
            continue;
        stt_silence_words(&gate, heard, RATE);
        if (stt_silence_due(&gate, at, RATE, CLOSE_MS))
            stt_silence_sleep(&gate, heard);
    }
    return woke;
}

static void hint(bool speaking)
{
    stt_silence_hint(&gate, speaking, at, at, RATE);
}

static void test_sleeps_after_the_pause_and_not_before(void)
{
    start();
    hear(CLOSE_MS - 100, 0, 0, 0);
    CHECK(!gate.asleep);
    hear(100, 0, 0, 0);
    CHECK(gate.asleep);
    CHECK_EQ(hear(1000, 3000, 0, 0), 1);
    CHECK(!gate.asleep);
    hear(CLOSE_MS - 500, 0, 0, 0);
    CHECK(!gate.asleep);
    hear(1000, 0, 0, 0);
    CHECK(gate.asleep);
}

static void test_sleeps_in_noise_once_it_is_known(void)
{
    start();
    hear(9000, 0, 200, 0);
    CHECK(gate.asleep);
    CHECK_EQ(hear(600000, 0, 200, 0), 0);
    CHECK_EQ(hear(300, 800, 200, 0), 1);
}

/* The client's "nobody speaks" makes it sleep sooner, if the audio says so too. */
static void test_hint_of_silence(void)
{
    start();
    hear(2000, 3000, 0, 0);
    hint(false);
    hear(STT_SILENCE_HINTED_MS + 400, 0, 0, 0);
    CHECK(gate.asleep);
    hint(false);
    CHECK_EQ(hear(500, 3000, 0, 0), 1);
    hear(60000, 3000, 0, 0);
    CHECK(!gate.asleep);
}

/* Its "somebody speaks" wakes for what is too soft to be taken for speech. */
static void test_hint_of_speech(void)
{
    start();
    hear(10000, 0, 100, 0);
    CHECK(gate.asleep);
    CHECK_EQ(hear(3000, 150, 100, 0), 0);
    hear(5000, 0, 100, 0);
    hint(true);
    CHECK_EQ(hear(1000, 150, 100, 0), 1);
}

static void test_hint_of_speech_grows_old(void)
{
    start();
    hear(10000, 0, 100, 0);
    hint(true);
    CHECK_EQ(hear(STT_HINT_MS, 0, 100, 0), 0);
    CHECK_EQ(hear(1000, 150, 100, 0), 0);
    stt_silence_hint(&gate, true, at - 3 * RATE, at, RATE);
    CHECK_EQ(hear(1000, 150, 100, 0), 0);
    stt_silence_hint(&gate, true, UINT64_MAX / 2, at, RATE);
    CHECK_EQ(hear(1000, 150, 100, 0), 0);
}

/* However often a client lies, digital silence and a steady room stay asleep. */
static void test_lies_do_not_wake_silence(void)
{
    for (double noise = 0; noise < 200; noise += 100) {
        start();
        hear(10000, 0, noise, 0);
        CHECK(gate.asleep);
        for (int i = 0; i < 600; i++) {
            hint(true);
            CHECK_EQ(hear(100, 0, noise, 0), 0);
        }
    }
}

/* A hint that woke it in vain is the last one believed, until somebody speaks. */
static void test_a_hint_that_was_wrong_is_not_believed_again(void)
{
    start();
    hear(10000, 0, 100, 0);
    hint(true);
    CHECK_EQ(hear(1000, 150, 100, 0), 1);
    hear(8000, 0, 100, 0);
    CHECK(gate.asleep);
    hint(true);
    CHECK_EQ(hear(1000, 150, 100, 0), 0);
    CHECK_EQ(hear(1000, 1500, 100, 0), 1);
    hear(8000, 0, 100, 0);
    hint(true);
    CHECK_EQ(hear(1000, 150, 100, 0), 1);
    /* The recogniser heard words in it: the hint was right. */
    hear(8000, 0, 100, at);
    CHECK(gate.asleep);
    hint(true);
    CHECK_EQ(hear(1000, 150, 100, 0), 1);
}

/* Words where it heard nobody: it stays awake while there is any sound, and wakes for any. */
static void test_the_recogniser_knows_better(void)
{
    start();
    hear(10000, 0, 10, 0);
    gate.asleep = false;
    hear(20000, 0, 10, at + 15 * RATE);
    CHECK(!gate.asleep);
    hear(CLOSE_MS + 1000, 0, 0, 0);
    CHECK(gate.asleep);
    CHECK_EQ(hear(100, 0, 10, 0), 1);
    /* Somebody it can hear: it knows its business again. */
    hear(1000, 3000, 10, 0);
    hear(CLOSE_MS + 1000, 0, 10, 0);
    CHECK(gate.asleep);
}

int main(void)
{
    RUN(test_sleeps_after_the_pause_and_not_before);
    RUN(test_sleeps_in_noise_once_it_is_known);
    RUN(test_hint_of_silence);
    RUN(test_hint_of_speech);
    RUN(test_hint_of_speech_grows_old);
    RUN(test_lies_do_not_wake_silence);
    RUN(test_a_hint_that_was_wrong_is_not_believed_again);
    RUN(test_the_recogniser_knows_better);
    return check_done();
}
