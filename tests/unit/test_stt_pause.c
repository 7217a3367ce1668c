/* Where between two words a call begins. */
#include "base/status.h"
#include "stt/client.h"
#include "stt/pause.h"
#include "stt/ring.h"
#include "tests/check.h"

static const uint32_t rates[] = {8000, 16000, 24000, 44100, 48000};
#define RATES (sizeof rates / sizeof rates[0])

#define REACH STT_PAUSE_REACH_MS

struct span {
    unsigned from_ms, to_ms;
};

static struct stt_ring ring;
static uint32_t rate;

static uint64_t at_ms(unsigned ms)
{
    return (uint64_t)ms * rate / 1000;
}

static bool in_span(const struct span *span, uint64_t position)
{
    return position >= at_ms(span->from_ms) && position < at_ms(span->to_ms);
}

/* A square wave of 200 Hz where nobody pauses, in blocks of `block_ms`. */
static void fill(unsigned from_ms, unsigned to_ms, unsigned block_ms, const struct span *pauses,
                 size_t pauses_len)
{
    int16_t pcm[48 * 100];
    for (unsigned ms = from_ms; ms < to_ms; ms += block_ms) {
        unsigned until = ms + block_ms < to_ms ? ms + block_ms : to_ms;
        uint64_t first = at_ms(ms), len = at_ms(until) - first;
        for (uint64_t i = 0; i < len; i++) {
            bool pause = false;
            for (size_t k = 0; k < pauses_len; k++)
                pause = pause || in_span(&pauses[k], first + i);
            int loud = (first + i) / (rate / 400) % 2 ? 3000 : -3000;
            pcm[i] = (int16_t)(pause ? (int)(first + i) % 7 - 3 : loud);
        }
        struct stt_block *block = stt_block_create(pcm, (uint32_t)len * 2, first);
        CHECK(block != NULL);
        CHECK_EQ(stt_ring_push(&ring, block), STATUS_OK);
    }
}

static void check_near(unsigned position_ms, unsigned least_ms, unsigned most_ms)
{
    uint64_t found = stt_pause_near(&ring, at_ms(position_ms), rate);
    CHECK(found >= at_ms(least_ms) && found <= at_ms(most_ms));
}

static const struct span pause = {1000 + REACH - 30, 1000 + REACH - 8};

/* An engine that hears the same samples again says the same words again. */
static void test_a_place_in_a_pause_stays(void)
{
    rate = 16000;
    ring = (struct stt_ring){0};
    const struct span here = {1000, 1050};
    fill(900, 1200, 100, &here, 1);
    for (unsigned ms = 1008; ms <= 1042; ms++)
        CHECK_EQ(stt_pause_near(&ring, at_ms(ms), rate), at_ms(ms));
    stt_ring_deinit(&ring);
}

static void test_a_pause_within_reach(void)
{
    for (size_t i = 0; i < RATES; i++) {
        for (unsigned block_ms = 20; block_ms <= 100; block_ms += 13) {
            rate = rates[i];
            fill(500, 1500, block_ms, &pause, 1);
            check_near(1000, pause.from_ms, pause.from_ms + 12); /* its near end */
            check_near(pause.to_ms + REACH - 30, pause.to_ms - 12, pause.to_ms);
            unsigned inside = (pause.from_ms + pause.to_ms) / 2;
            check_near(inside, inside - 3, inside + 3); /* there it stays */
            stt_ring_deinit(&ring);
        }
    }
}

static void test_the_nearer_of_two(void)
{
    static const struct span pauses[] = {{1000 - REACH + 2, 1000 - REACH + 20},
                                         {1000 + REACH - 28, 1000 + REACH - 10}};
    rate = 16000;
    fill(500, 1500, 100, pauses, 2);
    check_near(1000, pauses[1].from_ms, pauses[1].to_ms);
    check_near(990, pauses[0].from_ms, pauses[0].to_ms);
    stt_ring_deinit(&ring);
}

static void test_none_in_loud_audio(void)
{
    static const struct span far[] = {{800, 1000 - REACH - 1}, {1000 + REACH + 1, 1200}};
    static const struct span brief = {1000 + REACH / 2, 1005 + REACH / 2};
    for (size_t i = 0; i < RATES; i++) {
        rate = rates[i];
        fill(500, 1500, 100, far, 2);
        CHECK_EQ(stt_pause_near(&ring, at_ms(1000), rate), at_ms(1000));
        stt_ring_deinit(&ring);
        /* As short as between two pulses of a low voice: no pause. */
        fill(500, 1500, 100, &brief, 1);
        CHECK_EQ(stt_pause_near(&ring, at_ms(1000), rate), at_ms(1000));
        stt_ring_deinit(&ring);
    }
}

static void test_silence_everywhere(void)
{
    static const struct span all = {0, 2000};
    rate = 16000;
    fill(500, 1500, 100, &all, 1);
    check_near(1000, 1000 - REACH, 1000 + REACH);
    stt_ring_deinit(&ring);
}

/* What is not there any more, or not yet, is no pause. */
static void test_ends_of_the_ring(void)
{
    rate = 16000;
    CHECK_EQ(stt_pause_near(&ring, at_ms(1000), rate), at_ms(1000));
    fill(0, 500, 100, NULL, 0);
    CHECK_EQ(stt_pause_near(&ring, 0, rate), 0);
    CHECK_EQ(stt_pause_near(&ring, at_ms(REACH / 2), rate), at_ms(REACH / 2));
    CHECK_EQ(stt_pause_near(&ring, at_ms(500), rate), at_ms(500));
    CHECK_EQ(stt_pause_near(&ring, at_ms(700), rate), at_ms(700));
    stt_ring_deinit(&ring);
    fill(1000, 1500, 100, &pause, 1);
    check_near(1000, pause.from_ms, pause.from_ms + 12);
    stt_ring_deinit(&ring);
    fill(500, pause.to_ms, 100, &pause, 1);
    check_near(pause.to_ms, pause.to_ms - 12, pause.to_ms);
    stt_ring_deinit(&ring);
}

int main(void)
{
    RUN(test_a_place_in_a_pause_stays);
    RUN(test_a_pause_within_reach);
    RUN(test_the_nearer_of_two);
    RUN(test_none_in_loud_audio);
    RUN(test_silence_everywhere);
    RUN(test_ends_of_the_ring);
    return check_done();
}
