/* Decoders and who has them, on streams that are made up. */
#include "base/status.h"
#include "local/speech_places.h"
#include "tests/check.h"

#define SECOND INT64_C(1000000)
#define KEPT   (LOCAL_PLACE_KEPT_MS * INT64_C(1000))

static struct local_places places;
static struct local_place streams[8];
static char decoders[4];
static struct local_place *given[8];
static int given_len;

static void on_given(struct local_place *place)
{
    given[given_len++ % 8] = place;
}

static struct local_recognizer *decoder(int i)
{
    return (struct local_recognizer *)(void *)&decoders[i];
}

/* `count` decoders, made already, and eight streams. */
static void start(unsigned count)
{
    memset(streams, 0, sizeof streams);
    places = (struct local_places){.created = count,
                                   .decoders = count,
                                   .waiting_max = 2 * count,
                                   .wait_max_us = 5 * SECOND,
                                   .on_given = on_given};
    for (unsigned i = 0; i < count; i++)
        places.free[places.free_len++] = decoder((int)i);
    for (int i = 0; i < 8; i++)
        local_place_open(&places, &streams[i]);
    given_len = 0;
}

/* Speech begins on stream `i`. */
static int speak(int i, int64_t now_us)
{
    bool create;
    int status = local_place_take(&places, &streams[i], now_us, &create);
    CHECK(!create);
    if (status == 0) {
        CHECK(streams[i].held != NULL);
        streams[i].busy = true;
    }
    return status;
}

static void rest(int i, int64_t now_us)
{
    streams[i].busy = false;
    streams[i].spoke_us = now_us;
}

static void test_order_of_arrival(void)
{
    start(1);
    CHECK_EQ(speak(0, 0), 0);
    CHECK_EQ(speak(1, 10), STATUS_AGAIN);
    CHECK_EQ(speak(2, 20), STATUS_AGAIN);
    CHECK_EQ(speak(1, 30), STATUS_AGAIN); /* asks again */
    local_place_give(&places, &streams[0], 40);
    CHECK_EQ(given_len, 1);
    CHECK(given[0] == &streams[1] && streams[1].held == decoder(0));
    CHECK_EQ(speak(1, 50), 0);
    CHECK_EQ(speak(0, 60), STATUS_AGAIN); /* behind 2, although it was here before */
    local_place_close(&places, &streams[1], 70);
    CHECK(streams[2].held == decoder(0));
    local_place_close(&places, &streams[2], 80);
    CHECK(streams[0].held == decoder(0));
    CHECK_EQ(places.waiting, 0);
}

static void test_the_queue_is_bounded_in_length_and_time(void)
{
    start(1);
    CHECK_EQ(speak(0, 0), 0);
    CHECK_EQ(speak(1, 0), STATUS_AGAIN);
    CHECK_EQ(speak(2, SECOND), STATUS_AGAIN);
    CHECK_EQ(speak(3, SECOND), STATUS_LIMIT); /* two wait already */
    CHECK_EQ(speak(1, 5 * SECOND - 1), STATUS_AGAIN);
    CHECK_EQ(speak(1, 5 * SECOND), STATUS_LIMIT);
    CHECK_EQ(speak(3, 5 * SECOND), STATUS_AGAIN);
    local_place_give(&places, &streams[0], 5 * SECOND);
    CHECK(streams[2].held != NULL && streams[1].held == NULL);
}

static void test_a_pause_keeps_the_decoder_for_a_while(void)
{
    start(1);
    CHECK_EQ(speak(0, 0), 0);
    rest(0, SECOND);
    CHECK_EQ(speak(1, 2 * SECOND), STATUS_AGAIN);
    CHECK_EQ(speak(0, 3 * SECOND), 0); /* still its own */
    rest(0, 4 * SECOND);
    local_places_look(&places, 4 * SECOND + KEPT - 1);
    CHECK_EQ(given_len, 0);
    local_places_look(&places, 4 * SECOND + KEPT);
    CHECK(streams[1].held == decoder(0) && streams[0].held == NULL);
    streams[1].busy = true;
    local_places_look(&places, 400 * SECOND);
    CHECK(streams[1].held == decoder(0)); /* never in mid-speech */
}

static void test_decoders_are_made_when_needed(void)
{
    bool create = false;
    start(2);
    places.created = 1;
    places.free_len = 1;
    CHECK_EQ(speak(0, 0), 0);
    CHECK_EQ(local_place_take(&places, &streams[1], 0, &create), 0);
    CHECK(create && streams[1].held == NULL);
    CHECK_EQ(speak(2, 0), STATUS_AGAIN);
    local_place_created(&places, &streams[1], decoder(1), 0);
    CHECK(streams[1].held == decoder(1));
    CHECK_EQ(places.created, 2);
    /* No memory for it: those there are have to do. */
    start(2);
    places.created = 1;
    places.free_len = 1;
    CHECK_EQ(speak(0, 0), 0);
    CHECK_EQ(local_place_take(&places, &streams[1], 0, &create), 0);
    local_place_created(&places, &streams[1], NULL, 0);
    CHECK_EQ(places.created, 1);
    CHECK(streams[1].held == NULL);
}

/* A message of sound that only `which` and those who replay it have. */
static const int16_t *sound(int which)
{
    static int16_t pcm[160];
    for (int i = 0; i < 160; i++)
        pcm[i] = (int16_t)(which * 1000 + i * i % 97);
    return pcm;
}

static void hear(int i, int which)
{
    local_place_hear(&places, &streams[i], sound(which), 320);
}

static void test_a_stream_that_goes_on_comes_first(void)
{
    start(1);
    hear(0, 1);
    hear(0, 2);
    hear(3, 9);
    CHECK_EQ(speak(0, 0), 0);
    CHECK_EQ(speak(3, 10), STATUS_AGAIN);
    hear(1, 2); /* begins with what 0 has heard */
    CHECK_EQ(speak(1, 20), STATUS_AGAIN);
    local_place_close(&places, &streams[0], 30);
    CHECK(streams[1].held == decoder(0) && streams[3].held == NULL);
    CHECK_EQ(given_len, 1);
    /* And so does the next, here before it speaks: the stream before rests. */
    rest(1, 40);
    hear(2, 2);
    CHECK_EQ(speak(2, 50), 0);
    CHECK(streams[1].held == NULL && streams[3].held == NULL);
    local_place_close(&places, &streams[1], 60);
    local_place_close(&places, &streams[2], 70);
    CHECK(streams[3].held == decoder(0));
}

static void test_a_silent_heir_keeps_the_place_for_a_while(void)
{
    start(1);
    hear(0, 1);
    CHECK_EQ(speak(0, 0), 0);
    hear(1, 1);
    CHECK_EQ(speak(2, 10), STATUS_AGAIN);
    local_place_close(&places, &streams[0], 20);
    CHECK(streams[1].held == decoder(0));
    CHECK_EQ(given_len, 0); /* it does not wait */
    local_places_look(&places, 20 + KEPT);
    CHECK(streams[2].held == decoder(0));
}

static void test_silence_and_own_sound_make_no_heir(void)
{
    static const int16_t nothing[160];
    start(1);
    local_place_hear(&places, &streams[0], nothing, sizeof nothing);
    local_place_hear(&places, &streams[1], nothing, sizeof nothing);
    CHECK(streams[1].elder == NULL);
    hear(0, 1);
    hear(0, 1);
    hear(0, 50);
    CHECK(streams[0].elder == NULL);
    hear(1, 2);
    hear(1, 1); /* not its first: another who says the same */
    CHECK(streams[1].elder == NULL);
    for (int i = 0; i < LOCAL_PLACE_MESSAGES - 1; i++)
        hear(0, 2 + i % 20);
    hear(2, 50);
    CHECK(streams[2].elder == &streams[0]);
    hear(3, 50); /* the newest who has heard it, as streams follow each other */
    CHECK(streams[3].elder == &streams[2]);
    local_place_close(&places, &streams[2], 0);
    CHECK(streams[0].heir == NULL && streams[3].elder == NULL);
    local_place_close(&places, &streams[3], 0);
    hear(0, 1);
    hear(4, 50); /* long ago */
    CHECK(streams[4].elder == NULL);
}

int main(void)
{
    RUN(test_order_of_arrival);
    RUN(test_the_queue_is_bounded_in_length_and_time);
    RUN(test_a_pause_keeps_the_decoder_for_a_while);
    RUN(test_decoders_are_made_when_needed);
    RUN(test_a_stream_that_goes_on_comes_first);
    RUN(test_a_silent_heir_keeps_the_place_for_a_while);
    RUN(test_silence_and_own_sound_make_no_heir);
    return check_done();
}
