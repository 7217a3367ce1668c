/* Speech's begin and end on made-up audio: level and timing, not words. */
#include "base/rng.h"
#include "local/speech_vad.h"
#include "tests/check.h"
#include <math.h>

#define SILENCE_FRAMES 50

struct heard {
    int begin[8], end[8]; /* frames */
    int begins, ends;
};

static struct local_vad vad;
static struct rng noise;
static int frame;
static struct heard heard;

static void start(void)
{
    vad = (struct local_vad){0};
    heard = (struct heard){0};
    frame = 0;
    rng_init(&noise, 7);
}

/* Sound of `level` (amplitude of a 200 Hz tone) on a room of `room` for so many frames. */
static void hear(int frames, double level, double room)
{
    for (int i = 0; i < frames; i++, frame++) {
        int16_t pcm[LOCAL_VAD_FRAME];
        for (int k = 0; k < LOCAL_VAD_FRAME; k++) {
            double tone = level * sin(2 * M_PI * 200 * (frame * LOCAL_VAD_FRAME + k) / 16000.0);
            pcm[k] = (int16_t)(tone + room * (2 * rng_unit(&noise) - 1));
        }
        enum local_vad_verdict verdict = local_vad_frame(&vad, pcm, SILENCE_FRAMES);
        if (verdict == LOCAL_VAD_BEGIN)
            heard.begin[heard.begins++ % 8] = frame;
        else if (verdict == LOCAL_VAD_END) {
            heard.end[heard.ends++ % 8] = frame;
            local_vad_cut(&vad, LOCAL_VAD_WINDOW - 1);
        }
    }
}

static void test_silence_stays_silence(void)
{
    start();
    hear(500, 0, 0);
    hear(1000, 0, 20);
    CHECK_EQ(heard.begins, 0);
}

static void test_speech_begins_soon_and_ends_after_the_pause(void)
{
    start();
    hear(100, 0, 10);
    hear(80, 4000, 10);
    hear(100, 0, 10);
    CHECK_EQ(heard.begins, 1);
    CHECK(heard.begin[0] >= 100 && heard.begin[0] < 110);
    CHECK_EQ(heard.ends, 1);
    CHECK(heard.end[0] >= 180 + SILENCE_FRAMES - 2 && heard.end[0] <= 180 + SILENCE_FRAMES + 2);
}

static void test_a_short_pause_does_not_end_it(void)
{
    start();
    hear(50, 0, 10);
    hear(50, 4000, 10);
    hear(SILENCE_FRAMES - 10, 0, 10);
    hear(50, 4000, 10);
    CHECK_EQ(heard.begins, 1);
    CHECK_EQ(heard.ends, 0);
}

static void test_clicks_neither_begin_nor_prolong(void)
{
    start();
    for (int i = 0; i < 20; i++) {
        hear(1, 20000, 10);
        hear(30, 0, 10);
    }
    CHECK_EQ(heard.begins, 0);
    hear(50, 4000, 10);
    for (int i = 0; i < 8; i++) {
        hear(1, 20000, 10);
        hear(9, 0, 10);
    }
    CHECK_EQ(heard.begins, 1);
    CHECK_EQ(heard.ends, 1);
}

static void test_noisy_room_is_learned(void)
{
    start();
    hear(700, 0, 400); /* about -43 dB: at first it may count as speech */
    int before = heard.begins;
    CHECK(!vad.speech);
    hear(200, 0, 400);
    CHECK_EQ(heard.begins, before);
    hear(60, 8000, 400);
    CHECK_EQ(heard.begins, before + 1);
    hear(100, 0, 400);
    CHECK(!vad.speech);
}

static void test_long_speech_does_not_become_the_room(void)
{
    start();
    hear(100, 0, 10);
    for (int i = 0; i < 60; i++) { /* 21 s of syllables */
        hear(25, 4000, 10);
        hear(10, 100, 10);
    }
    CHECK_EQ(heard.begins, 1);
    CHECK_EQ(heard.ends, 0);
    hear(100, 0, 10);
    CHECK_EQ(heard.ends, 1);
}

static void test_a_cut_begins_anew(void)
{
    start();
    hear(50, 0, 10);
    hear(50, 4000, 10);
    local_vad_cut(&vad, 0);
    hear(50, 4000, 10);
    CHECK_EQ(heard.begins, 2);
    /* The window reaches back to the cut: nothing of what follows it is lost. */
    CHECK_EQ(heard.begin[1], 100 + LOCAL_VAD_WINDOW - 1);
}

static void test_history_does_not_move_the_boundaries(void)
{
    start();
    hear(100, 0, 0);
    hear(50, 4000, 0);
    hear(100, 0, 0);
    int begin = heard.begin[0] - 100, end = heard.end[0] - 100;
    hear(300, 3000, 0);
    hear(150, 0, 0);
    int base = frame;
    hear(50, 4000, 0);
    hear(100, 0, 0);
    CHECK_EQ(heard.begin[2] - base, begin);
    CHECK_EQ(heard.end[2] - base, end);
}

enum { TAIL_FRAMES = 20, LONG_FRAMES = 6000 };

struct turns {
    int begin[200], end[200]; /* frames of the recording; an end is what belongs to the utterance */
    int begins, ends;
};

static int16_t recording[LONG_FRAMES][LOCAL_VAD_FRAME];

/* Syllables of moving level with pauses of every length, in a room that is not quite quiet. */
static void record(uint64_t seed, double room)
{
    struct rng rng;
    double level = 0;
    rng_init(&rng, seed);
    for (int i = 0, left = 0; i < LONG_FRAMES; i++, left--) {
        if (left == 0) {
            bool pause = rng_below(&rng, 4) == 0;
            left = pause ? 1 + (int)rng_below(&rng, 120) : 3 + (int)rng_below(&rng, 25);
            level = pause ? 0 : 300 + 6000 * rng_unit(&rng);
        }
        for (int k = 0; k < LOCAL_VAD_FRAME; k++)
            recording[i][k] = (int16_t)(level * sin(0.08 * (i * LOCAL_VAD_FRAME + k)) +
                                        room * (2 * rng_unit(&rng) - 1));
    }
}

static void listen(int from, struct turns *turns)
{
    struct local_vad one = {0};
    *turns = (struct turns){0};
    for (int i = from; i < LONG_FRAMES; i++)
        switch (local_vad_frame(&one, recording[i], SILENCE_FRAMES)) {
        case LOCAL_VAD_BEGIN: turns->begin[turns->begins++] = i; break;
        case LOCAL_VAD_END:
            turns->end[turns->ends++] = i + 1 - (SILENCE_FRAMES - TAIL_FRAMES);
            local_vad_cut(&one, SILENCE_FRAMES - TAIL_FRAMES);
            break;
        default: break;
        }
}

/* Those of `late` are the newest of `whole`. */
static void check_same(const struct turns *whole, const struct turns *late, int skipped)
{
    CHECK_EQ(late->begins, whole->begins - skipped);
    CHECK_EQ(late->ends, whole->ends - skipped);
    for (int i = 0; i < late->begins && i < late->ends; i++) {
        CHECK_EQ(late->begin[i], whole->begin[i + skipped]);
        CHECK_EQ(late->end[i], whole->end[i + skipped]);
    }
}

/* A listener who starts where an utterance ended, or anywhere in the silence before the next,
 * hears the rest as the one who heard all of it. */
static void test_where_one_starts_does_not_matter(void)
{
    static struct turns whole, late;
    static const double rooms[] = {0, 10, 60, 250};
    int inside = 0;
    for (size_t room = 0; room < sizeof rooms / sizeof rooms[0]; room++) {
        record(room + 1, rooms[room]);
        listen(0, &whole);
        CHECK(whole.ends >= 20);
        for (int i = 0; i + 1 < whole.ends; i++) {
            listen(whole.end[i], &late);
            check_same(&whole, &late, i + 1);
            /* All of the silence's window that the next begin looks at is still to be heard. */
            int last = whole.begin[i + 1] - LOCAL_VAD_WINDOW + 1;
            if (last <= whole.end[i] + 7)
                continue;
            listen(whole.end[i] + 7, &late);
            check_same(&whole, &late, i + 1);
            listen(last, &late);
            check_same(&whole, &late, i + 1);
            inside++;
        }
    }
    CHECK(inside >= 20);
}

int main(void)
{
    RUN(test_silence_stays_silence);
    RUN(test_speech_begins_soon_and_ends_after_the_pause);
    RUN(test_a_short_pause_does_not_end_it);
    RUN(test_clicks_neither_begin_nor_prolong);
    RUN(test_noisy_room_is_learned);
    RUN(test_long_speech_does_not_become_the_room);
    RUN(test_a_cut_begins_anew);
    RUN(test_history_does_not_move_the_boundaries);
    RUN(test_where_one_starts_does_not_matter);
    return check_done();
}
