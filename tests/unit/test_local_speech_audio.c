/* Conversion: lengths exact, output independent of how the bytes were cut. */
#include "base/rng.h"
#include "base/status.h"
#include "local/speech_audio.h"
#include "tests/check.h"
#include <math.h>

#define SECONDS 2

static int16_t input[48000 * SECONDS];

static void make_input(unsigned rate)
{
    for (unsigned i = 0; i < rate * SECONDS; i++)
        input[i] = (int16_t)(8000 * sin(2 * M_PI * 440 * i / rate) +
                             2000 * sin(2 * M_PI * 1500 * i / rate));
}

/* Converts the input in pieces of random size up to `piece`; returns samples. */
static size_t convert(unsigned rate, size_t piece, int16_t *out)
{
    struct local_audio *audio;
    struct rng rng;
    size_t bytes = rate * SECONDS * sizeof input[0], got = 0, len;
    rng_init(&rng, piece);
    CHECK_EQ(local_audio_create(&audio, LOCAL_ENCODING_LINEAR16, rate), 0);
    for (size_t at = 0; at < bytes;) {
        size_t n = 1 + rng_below(&rng, piece);
        n = n < bytes - at ? n : bytes - at;
        CHECK_EQ(local_audio_put(audio, (const char *)input + at, n), 0);
        at += n;
        const int16_t *samples = local_audio_samples(audio, &len);
        if (len > 0)
            memcpy(out + got, samples, len * sizeof *out);
        local_audio_consume(audio, len);
        got += len;
    }
    CHECK_EQ(local_audio_flush(audio), 0);
    const int16_t *samples = local_audio_samples(audio, &len);
    if (len > 0)
        memcpy(out + got, samples, len * sizeof *out);
    CHECK_EQ(local_audio_total_us(audio), SECONDS * 1000000);
    local_audio_destroy(audio);
    return got + len;
}

static void test_any_rate_any_cut(void)
{
    static const unsigned rates[] = {8000, 11025, 16000, 22050, 24000, 44100, 48000};
    static int16_t whole[20000 * SECONDS], cut[20000 * SECONDS];
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        make_input(rates[i]);
        size_t len = convert(rates[i], 25600, whole);
        CHECK(len >= 16000 * SECONDS - 2 && len <= 16000 * SECONDS + 2);
        CHECK_EQ(convert(rates[i], 777, cut), len);
        CHECK(memcmp(whole, cut, len * sizeof whole[0]) == 0);
        CHECK_EQ(convert(rates[i], 3, cut), len);
        CHECK(memcmp(whole, cut, len * sizeof whole[0]) == 0);
    }
}

static void test_conversion_keeps_time_and_tone(void)
{
    static int16_t out[20000 * SECONDS];
    make_input(48000);
    size_t len = convert(48000, 9600, out);
    double error = 0, power = 0;
    for (size_t i = 1000; i + 1000 < len; i++) {
        double want =
            8000 * sin(2 * M_PI * 440 * i / 16000.0) + 2000 * sin(2 * M_PI * 1500 * i / 16000.0);
        error += (out[i] - want) * (out[i] - want);
        power += want * want;
    }
    CHECK(error / power < 1e-4); /* a shift by one sample alone would be 3e-2 */
}

static void test_mulaw(void)
{
    static const uint8_t codes[] = {0xff, 0x7f, 0x80, 0x00, 0xf0, 0x8f};
    static const int16_t want[] = {0, 0, 32124, -32124, 120, 16764};
    struct local_audio *audio;
    size_t len;
    CHECK_EQ(local_audio_create(&audio, LOCAL_ENCODING_MULAW, 16000), 0);
    CHECK_EQ(local_audio_put(audio, codes, sizeof codes), 0);
    const int16_t *samples = local_audio_samples(audio, &len);
    CHECK_EQ(len, 6);
    for (size_t i = 0; i < len; i++)
        CHECK_EQ(samples[i], want[i]);
    local_audio_destroy(audio);
}

static void test_refuses_what_it_cannot_read(void)
{
    struct local_audio *audio = NULL;
    CHECK_EQ(local_audio_create(&audio, LOCAL_ENCODING_FLAC, 16000), STATUS_INVALID);
    CHECK_EQ(local_audio_create(&audio, LOCAL_ENCODING_LINEAR16, 7999), STATUS_INVALID);
    CHECK_EQ(local_audio_create(&audio, LOCAL_ENCODING_LINEAR16, 48001), STATUS_INVALID);
    CHECK(audio == NULL);
}

int main(void)
{
    RUN(test_any_rate_any_cut);
    RUN(test_conversion_keeps_time_and_tone);
    RUN(test_mulaw);
    RUN(test_refuses_what_it_cannot_read);
    return check_done();
}
