/*
 * Who speaks: noises of every kind that must become the room, and speech that must be noticed in
 * them. What is said comes from flite where it is installed, else from a made-up voice.
 */
#include "base/rng.h"
#include "stt/voice.h"
#include "tests/check.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

#define SECONDS_MAX 8

enum noise { QUIET, WHITE, BROWN, PINK, HUM, OFFSET, NOISES };

struct ear {
    struct stt_voice voice;
    uint32_t rate;
    struct rng rng;
    enum noise noise;
    double level; /* of the noise, rms */
    double brown, pink[3];
    uint64_t at; /* samples */
};

/* 16 kHz, rms 1 where it is loud. */
struct speech {
    float samples[SECONDS_MAX * 16000];
    size_t len;
};

static struct speech words[3];
static const char *const texts[3] = {"can you tell me how to get to the station please", "no",
                                     "six"};

static double noise_next(struct ear *ear)
{
    double w = 2 * rng_unit(&ear->rng) - 1, t = (double)ear->at / ear->rate;
    switch (ear->noise) {
    case WHITE: return 1.73 * w;
    case BROWN: return ear->brown = 0.99 * ear->brown + 0.25 * w;
    case PINK:
        ear->pink[0] = 0.99765 * ear->pink[0] + 0.099046 * w;
        ear->pink[1] = 0.963 * ear->pink[1] + 0.2965164 * w;
        ear->pink[2] = 0.57 * ear->pink[2] + 1.0526913 * w;
        return 0.9 * (ear->pink[0] + ear->pink[1] + ear->pink[2] + 0.1848 * w);
    case HUM: return 1.1 * (sin(2 * M_PI * 50 * t) + 0.5 * sin(2 * M_PI * 150 * t)) + 0.01 * w;
    case OFFSET: return 3 + 0.05 * w;
    default: return 0;
    }
}

static struct ear ear_in(enum noise noise, double level, uint32_t rate)
{
    struct ear ear = {.rate = rate, .noise = noise, .level = level};
    rng_init(&ear.rng, 7);
    return ear;
}

static int16_t clip(double x)
{
    return (int16_t)lrint(x > 32767 ? 32767 : x < -32768 ? -32768 : x);
}

/* One block of 100 ms: the noise, and `speech` (or nothing) at `loudness` from sample `from`. */
static enum stt_voice_verdict hear(struct ear *ear, const struct speech *speech, double loudness,
                                   size_t from)
{
    static int16_t pcm[4800];
    size_t samples = ear->rate / 10;
    for (size_t i = 0; i < samples; i++, ear->at++) {
        size_t place = (size_t)((double)(from + i) * 16000 / ear->rate);
        double said = speech != NULL && place < speech->len ? speech->samples[place] : 0;
        pcm[i] = clip(ear->level * noise_next(ear) + loudness * said);
    }
    return stt_voice_hear(&ear->voice, pcm, samples, ear->rate);
}

/* Blocks that were taken for speech among so many of the noise alone. */
static unsigned noise_for(struct ear *ear, unsigned blocks)
{
    unsigned spoken = 0;
    while (blocks-- > 0)
        spoken += hear(ear, NULL, 0, 0) == STT_VOICE_SPEECH;
    return spoken;
}

struct noticed {
    int after_ms;  /* from its first sound to the end of the block that noticed it; -1: never */
    unsigned deaf; /* blocks between the first and last noticed that were not */
};

static struct noticed speak(struct ear *ear, const struct speech *speech, double loudness)
{
    struct noticed noticed = {.after_ms = -1};
    size_t onset = 0, samples = ear->rate / 10;
    while (fabsf(speech->samples[onset]) < 0.1f)
        onset++;
    unsigned deaf = 0;
    size_t len = (size_t)((double)speech->len * ear->rate / 16000);
    for (size_t at = 0; at < len; at += samples) {
        if (hear(ear, speech, loudness, at) != STT_VOICE_SPEECH) {
            deaf++;
            continue;
        }
        if (noticed.after_ms < 0)
            noticed.after_ms = (int)((at + samples) * 1000 / ear->rate) - (int)(onset / 16);
        else
            noticed.deaf += deaf;
        deaf = 0;
    }
    return noticed;
}

static void test_digital_silence_is_told_from_a_room(void)
{
    struct ear ear = ear_in(QUIET, 0, 24000);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(hear(&ear, NULL, 0, 0), STT_VOICE_ZERO);
    ear.noise = WHITE;
    ear.level = 20;
    hear(&ear, NULL, 0, 0);
    CHECK(hear(&ear, NULL, 0, 0) > STT_VOICE_ZERO);
}

/* At any level and rate a steady noise is the room after two windows, and from then on. */
static void test_steady_noise_becomes_the_room(void)
{
    static const uint32_t rates[] = {8000, 11025, 16000, 24000, 44100, 48000};
    for (int noise = WHITE; noise < NOISES; noise++)
        for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++)
            for (double level = 3; level < 700; level *= 3) {
                struct ear ear = ear_in((enum noise)noise, level, rates[r]);
                noise_for(&ear, 40);
                CHECK_EQ(noise_for(&ear, 300), 0);
            }
}

static void test_dither_is_no_voice(void)
{
    struct ear ear = ear_in(WHITE, 1, 24000);
    CHECK_EQ(noise_for(&ear, 300), 0);
}

/* A fan that is turned on, up, and off again. */
static void test_a_new_level_is_learned(void)
{
    struct ear ear = ear_in(PINK, 20, 16000);
    noise_for(&ear, 60);
    ear.level = 300;
    CHECK(noise_for(&ear, 10) > 0);
    noise_for(&ear, 40);
    CHECK_EQ(noise_for(&ear, 200), 0);
    ear.level = 20;
    CHECK_EQ(noise_for(&ear, 100), 0);
    CHECK(speak(&ear, &words[0], 200).after_ms >= 0);
}

static void test_clicks_are_no_voice(void)
{
    struct ear ear = ear_in(WHITE, 20, 24000);
    static int16_t pcm[2400];
    unsigned spoken = 0;
    noise_for(&ear, 60);
    for (int block = 0; block < 600; block++) {
        for (int i = 0; i < 2400; i++)
            pcm[i] = clip(20 * noise_next(&ear));
        /* A key every 100 to 150 ms, 15 ms of it. */
        size_t at = rng_below(&ear.rng, 2000);
        for (size_t i = 0; i < 360 && block % 3 != 0; i++)
            pcm[at + i] = clip(8000 * (2 * rng_unit(&ear.rng) - 1));
        spoken += stt_voice_hear(&ear.voice, pcm, 2400, 24000) == STT_VOICE_SPEECH;
    }
    CHECK_EQ(spoken, 0);
}

/* Whatever the room, what is 10 dB above it is noticed in time for the pre-roll, and not lost while
 * it goes on. */
static void test_speech_is_noticed_in_noise(void)
{
    for (int noise = WHITE; noise < NOISES; noise++)
        for (int word = 0; word < 3; word++)
            for (double loudness = 60; loudness < 7000; loudness *= 3)
                for (double snr = 3.16; snr < 32; snr *= 3.16) {
                    struct ear ear = ear_in((enum noise)noise, loudness / snr, 16000);
                    noise_for(&ear, 80);
                    struct noticed noticed = speak(&ear, &words[word], loudness);
                    CHECK(noticed.after_ms >= 0 && noticed.after_ms <= 350);
                    CHECK(noticed.deaf <= 4);
                }
}

static void test_speech_is_noticed_at_any_rate(void)
{
    static const uint32_t rates[] = {8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000};
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        struct ear ear = ear_in(PINK, 30, rates[r]);
        noise_for(&ear, 80);
        struct noticed noticed = speak(&ear, &words[0], 300);
        CHECK(noticed.after_ms >= 0 && noticed.after_ms <= 350);
    }
}

/* A quiet speaker in a quiet room: -60 dB of full scale. */
static void test_a_quiet_speaker_is_noticed(void)
{
    struct ear ear = ear_in(WHITE, 2, 24000);
    noise_for(&ear, 80);
    CHECK(speak(&ear, &words[0], 33).after_ms >= 0);
}

static void test_long_speech_does_not_become_the_room(void)
{
    struct ear ear = ear_in(PINK, 30, 16000);
    noise_for(&ear, 80);
    for (int i = 0; i < 20; i++) {
        struct noticed noticed = speak(&ear, &words[0], 600);
        CHECK(noticed.after_ms <= 350 && noticed.deaf <= 4);
    }
}

/* Whose first sound is speech, without a room to compare it with. */
static void test_speech_at_once_is_noticed(void)
{
    struct ear ear = ear_in(WHITE, 10, 16000);
    CHECK(speak(&ear, &words[0], 1000).after_ms <= 350);
}

static void test_blocks_of_any_length(void)
{
    static int16_t pcm[19200];
    for (uint32_t rate = 8000; rate <= 48000; rate += 371)
        for (size_t samples = 1; samples <= rate * 2 / 5; samples = samples * 3 / 2 + 1) {
            struct stt_voice voice = {0};
            CHECK(stt_voice_hear(&voice, pcm, samples, rate) <= STT_VOICE_NOISE);
        }
    /* As loud as can be, at the frequency of either band. */
    for (size_t half = 6; half <= 24; half += 18) {
        for (size_t i = 0; i < 19200; i++)
            pcm[i] = i / half % 2 ? INT16_MAX : INT16_MIN;
        CHECK_EQ(stt_voice_hear(&(struct stt_voice){0}, pcm, 4800, 48000), STT_VOICE_SPEECH);
    }
    for (size_t i = 0; i < 19200; i++)
        pcm[i] = INT16_MIN;
    CHECK_EQ(stt_voice_hear(&(struct stt_voice){0}, pcm, 4800, 48000), STT_VOICE_ZERO);
}

/* Loudness 1 where it is loud. */
static void speech_normalise(struct speech *speech)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < speech->len; i++)
        if (fabsf(speech->samples[i]) > 200) {
            sum += (double)speech->samples[i] * speech->samples[i];
            n++;
        }
    for (size_t i = 0; i < speech->len; i++)
        speech->samples[i] /= (float)sqrt(sum / n);
}

static bool speech_synthesise(const char *text, struct speech *out)
{
    static int16_t pcm[SECONDS_MAX * 16000];
    char path[64], command[256];
    snprintf(path, sizeof path, "/tmp/stt-voice-%d.wav", (int)getpid());
    snprintf(command, sizeof command, "flite -voice slt -t \"%s\" -o %s 2>/dev/null", text, path);
    FILE *file = system(command) == 0 ? fopen(path, "rb") : NULL;
    out->len =
        file != NULL && fseek(file, 44, SEEK_SET) == 0 ? fread(pcm, 2, sizeof pcm / 2, file) : 0;
    if (file != NULL)
        fclose(file);
    unlink(path);
    for (size_t i = 0; i < out->len; i++)
        out->samples[i] = pcm[i];
    return out->len > 4000;
}

/* Syllables of 150 ms and pauses of 60: harmonics of 120 Hz, then a hiss. */
static void speech_invent(size_t syllables, struct speech *out)
{
    struct rng rng;
    rng_init(&rng, 5);
    out->len = syllables * 3360;
    for (size_t i = 0; i < out->len; i++) {
        double t = (double)i / 16000, sum = 0;
        for (int k = 1; k < 12; k++)
            sum += sin(2 * M_PI * 120 * k * t) / k;
        size_t place = i % 3360;
        double hiss = 0.4 * (2 * rng_unit(&rng) - 1);
        out->samples[i] = (float)(place < 2000 ? 3000 * sum : place < 2400 ? 3000 * hiss : 0);
    }
}

int main(void)
{
    for (int i = 0; i < 3; i++) {
        if (!speech_synthesise(texts[i], &words[i])) {
            fprintf(stderr, "flite with voice slt is not here: a made-up voice instead\n");
            speech_invent(i == 0 ? 12 : 1, &words[i]);
        }
        speech_normalise(&words[i]);
    }
    RUN(test_digital_silence_is_told_from_a_room);
    RUN(test_steady_noise_becomes_the_room);
    RUN(test_dither_is_no_voice);
    RUN(test_a_new_level_is_learned);
    RUN(test_clicks_are_no_voice);
    RUN(test_speech_is_noticed_in_noise);
    RUN(test_speech_is_noticed_at_any_rate);
    RUN(test_a_quiet_speaker_is_noticed);
    RUN(test_long_speech_does_not_become_the_room);
    RUN(test_speech_at_once_is_noticed);
    RUN(test_blocks_of_any_length);
    return check_done();
}
