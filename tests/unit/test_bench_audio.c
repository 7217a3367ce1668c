/* Audio that says what it is: read back whatever way it arrives. */
#include "base/rng.h"
#include "bench/audio.h"
#include "tests/check.h"

#define BLOCKS 60

static struct audio_block random_block(struct rng *rng)
{
    struct audio_block block = {
        .session = (uint32_t)rng_below(rng, 1 << 24),
        .number = (uint32_t)rng_next(rng),
        .seed = (uint16_t)rng_next(rng),
    };
    if (rng_below(rng, 3) > 0) {
        block.utterance = (uint32_t)rng_range(rng, 1, (1 << 24) - 1);
        block.place = (uint8_t)rng_below(rng, 128);
        block.middle = rng_below(rng, 2) == 1;
    }
    return block;
}

static bool blocks_equal(const struct audio_block *a, const struct audio_block *b)
{
    return a->session == b->session && a->number == b->number && a->seed == b->seed &&
           a->utterance == b->utterance && a->place == b->place && a->middle == b->middle;
}

/* Feeds bytes in random pieces (whole: in one), collecting the blocks; returns how many. */
static unsigned feed(struct audio_reader *reader, const uint8_t *bytes, size_t len,
                     struct rng *cuts, struct audio_block out[2 * BLOCKS])
{
    unsigned count = 0;
    for (size_t at = 0; at < len;) {
        size_t piece = cuts == NULL ? len : 1 + rng_below(cuts, 1500);
        size_t end = piece < len - at ? at + piece : len;
        while (at < end) {
            bool found;
            struct audio_block block;
            uint64_t before = reader->samples;
            size_t taken = audio_reader_feed(reader, bytes + at, end - at, &found, &block);
            CHECK(taken > 0 && taken <= end - at);
            CHECK(reader->samples - before <= taken / 2 + 1);
            at += taken;
            CHECK(!found || !reader->half); /* nothing past the block's end was taken */
            if (found && count < 2 * BLOCKS)
                out[count++] = block;
        }
    }
    return count;
}

static void blocks_are_read_back_at_every_rate(void)
{
    const unsigned rates[] = {8000, 11025, 16000, 22050, 24000, 44100, 48000};
    struct rng rng;
    rng_init(&rng, 1);
    static int16_t pcm[BLOCKS * AUDIO_BLOCK_SAMPLES_MAX];
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        struct audio_block said[BLOCKS], read[2 * BLOCKS];
        size_t samples = 0;
        for (int i = 0; i < BLOCKS; i++) {
            said[i] = random_block(&rng);
            samples += audio_block_write(&said[i], rates[r], pcm + samples);
        }
        for (int way = 0; way < 20; way++) {
            struct audio_reader reader;
            audio_reader_init(&reader, rates[r]);
            unsigned count = feed(&reader, (uint8_t *)pcm, samples * 2, way ? &rng : NULL, read);
            CHECK_EQ(count, BLOCKS);
            CHECK_EQ(reader.samples, samples);
            CHECK_EQ(reader.skipped, 0);
            for (unsigned i = 0; i < count && i < BLOCKS; i++)
                CHECK(blocks_equal(&said[i], &read[i]));
        }
    }
}

static void speech_is_loud_and_silence_is_quiet(void)
{
    struct rng rng;
    rng_init(&rng, 2);
    for (int i = 0; i < 1000; i++) {
        int16_t pcm[AUDIO_BLOCK_SAMPLES_MAX];
        struct audio_block block = random_block(&rng);
        size_t samples = audio_block_write(&block, 24000, pcm);
        CHECK_EQ(samples, 240);
        long sum = 0;
        for (size_t s = 0; s < samples; s++) {
            int loud = abs(pcm[s]);
            CHECK(block.utterance != 0 ? loud >= 3000 && loud <= 10000 : loud < 64);
            sum += pcm[s];
        }
        CHECK(labs(sum) / (long)samples < (block.utterance != 0 ? 300 : 10));
    }
}

/* A stream that starts at any sample of a block loses that block and no other. */
static void reading_starts_at_any_sample(void)
{
    struct rng rng;
    rng_init(&rng, 3);
    int16_t pcm[8 * 240];
    struct audio_block said[8], read[2 * BLOCKS];
    for (int i = 0; i < 8; i++) {
        said[i] = random_block(&rng);
        audio_block_write(&said[i], 24000, pcm + i * 240);
    }
    for (size_t start = 0; start <= 240; start++) {
        struct audio_reader reader;
        audio_reader_init(&reader, 24000);
        unsigned lost = start == 0 ? 0 : 1;
        unsigned count = feed(&reader, (uint8_t *)(pcm + start), (8 * 240 - start) * 2,
                              start % 2 ? &rng : NULL, read);
        CHECK_EQ(count, 8 - lost);
        CHECK_EQ(reader.skipped, lost * 240 - (start == 0 ? 0 : start));
        for (unsigned i = 0; i < count; i++)
            CHECK(blocks_equal(&said[i + lost], &read[i]));
    }
}

/* Garbage between blocks, lengths odd in samples: every whole block behind it is found. */
static void reading_survives_garbage(void)
{
    struct rng rng;
    rng_init(&rng, 4);
    for (int round = 0; round < 200; round++) {
        static int16_t pcm[BLOCKS * 1000];
        struct audio_block said[BLOCKS + 1], read[2 * BLOCKS];
        size_t samples = 0, garbage = 0;
        for (int i = 0; i < BLOCKS; i++) {
            said[i] = random_block(&rng);
            samples += audio_block_write(&said[i], 16000, pcm + samples);
            size_t noise = rng_below(&rng, 4) == 0 ? rng_below(&rng, 700) : 0;
            for (size_t n = 0; n < noise; n++)
                pcm[samples++] = (int16_t)(rng_below(&rng, 5) ? rng_next(&rng) : 9472);
            garbage += noise;
        }
        /* The last block ends the stream, so that nothing stays pending. */
        said[BLOCKS] = random_block(&rng);
        samples += audio_block_write(&said[BLOCKS], 16000, pcm + samples);
        struct audio_reader reader;
        audio_reader_init(&reader, 16000);
        unsigned count = feed(&reader, (uint8_t *)pcm, samples * 2, &rng, read);
        CHECK_EQ(count, BLOCKS + 1);
        CHECK_EQ(reader.skipped, garbage);
        for (unsigned i = 0; i < count && i <= BLOCKS; i++)
            CHECK(blocks_equal(&said[i], &read[i]));
    }
}

static void position_is_the_blocks_end(void)
{
    int16_t pcm[100 + 3 * 80] = {0};
    struct audio_block block = {.session = 1, .utterance = 1};
    for (int i = 0; i < 3; i++)
        audio_block_write(&block, 8000, pcm + 100 + i * 80);
    struct audio_reader reader;
    audio_reader_init(&reader, 8000);
    uint64_t ends[3] = {0};
    unsigned count = 0;
    for (size_t at = 0; at < sizeof pcm;) {
        bool found;
        at += audio_reader_feed(&reader, (uint8_t *)pcm + at, sizeof pcm - at, &found, &block);
        if (found && count < 3)
            ends[count++] = reader.samples;
        CHECK_EQ(at, reader.samples * 2);
    }
    CHECK_EQ(count, 3);
    CHECK_EQ(ends[0], 180);
    CHECK_EQ(ends[1], 260);
    CHECK_EQ(ends[2], 340);
}

/* One changed sample in a block's head: it is not read as another block. */
static void damage_is_noticed(void)
{
    struct rng rng;
    rng_init(&rng, 5);
    for (int round = 0; round < 2000; round++) {
        int16_t pcm[80];
        struct audio_block said = random_block(&rng), read;
        audio_block_write(&said, 8000, pcm);
        size_t at = rng_below(&rng, 32);
        int16_t step = said.utterance != 0 ? 256 : 2;
        pcm[at] = (int16_t)(pcm[at] + (rng_below(&rng, 2) ? step : -step));
        struct audio_reader reader;
        audio_reader_init(&reader, 8000);
        bool found = false;
        for (size_t fed = 0; fed < sizeof pcm;)
            fed +=
                audio_reader_feed(&reader, (uint8_t *)pcm + fed, sizeof pcm - fed, &found, &read);
        CHECK(!found);
    }
}

int main(void)
{
    RUN(blocks_are_read_back_at_every_rate);
    RUN(speech_is_loud_and_silence_is_quiet);
    RUN(reading_starts_at_any_sample);
    RUN(reading_survives_garbage);
    RUN(position_is_the_blocks_end);
    RUN(damage_is_noticed);
    return check_done();
}
