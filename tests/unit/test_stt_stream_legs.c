/* Legs: flush, rotation, idleness, silence, results held for order, what a call leaves open. */
#include "stt/stream_limits.h"
#include "tests/unit/stt_kit.h"

#define MS (KIT_RATE / 1000)

static struct kit *begin(void)
{
    struct stt_stream_config config = kit_config();
    return kit_create(&config);
}

static void test_flush_opens_the_next_call_at_once(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    kit_interim(kit, 1, "one", 900);
    kit_audio(kit, 30);
    stt_stream_flush(kit->stream, kit->now_us);
    CHECK(kit->calls[1].finished);
    CHECK_EQ(kit->calls[1].next, 1030 * MS);
    CHECK_EQ(kit->calls_len, 2);
    kit_audio(kit, 100);
    CHECK_EQ(kit->calls_len, 3);
    CHECK_EQ(kit->calls[2].base, 1030 * MS);
    kit_sent(kit, 1);
    kit_final(kit, 1, "One.", 1000);
    CHECK_EQ(kit->settled, 1000 * MS);
    kit_closed(kit, 1, 0);
    CHECK_EQ(kit->settled, 1030 * MS);
    kit_destroy(kit);
}

static void test_later_results_are_held(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    kit_interim(kit, 1, "one", 900);
    stt_stream_flush(kit->stream, kit->now_us);
    kit_sent(kit, 1);
    kit_speak(kit, 1000);
    unsigned lines = kit->lines_len;
    kit_interim(kit, 2, "two", 300);
    kit_interim(kit, 2, "two t", 400);
    kit_final(kit, 2, "Two.", 500);
    kit_interim(kit, 2, "thr", 800);
    kit_interim(kit, 2, "three", 900);
    CHECK_EQ(kit->lines_len, lines);
    kit_wait(kit, 500);
    kit_final(kit, 1, "One.", 1000);
    CHECK_EQ(kit->lines_len, lines + 1);
    kit_closed(kit, 1, 0);
    CHECK_EQ(kit->lines_len, lines + 3);
    CHECK_EQ(kit->lines[lines].t.segment, 1);
    CHECK_EQ(kit->lines[lines + 1].t.segment, 2);
    CHECK_STR(kit->lines[lines + 1].committed, "Two.");
    CHECK_EQ(kit->lines[lines + 1].t.end_ms, 1500);
    CHECK_EQ(kit->lines[lines + 1].t.lat.part_us[LAT_HOLD], 500000);
    CHECK_STR(kit->lines[lines + 2].tentative, "three");
    kit_destroy(kit);
}

static void test_held_final_that_comes_twice(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    kit_interim(kit, 1, "one", 900);
    stt_stream_flush(kit->stream, kit->now_us);
    kit_speak(kit, 1000);
    kit_final(kit, 2, "Two,", 400);
    kit_interim(kit, 2, "three four", 900);
    kit_final(kit, 2, "Two,", 400);
    kit_final(kit, 1, "One.", 1000);
    kit_closed(kit, 1, 0);
    CHECK_EQ(kit_finals(kit), 2);
    CHECK_EQ(kit_last(kit)->t.segment, 3);
    CHECK_STR(kit_last(kit)->tentative, "three four");
    CHECK_EQ(kit->settled, 1400 * MS);
    kit_destroy(kit);
}

static void test_flush_with_nothing_owed(void)
{
    struct kit *kit = begin();
    stt_stream_flush(kit->stream, kit->now_us);
    CHECK_EQ(kit->calls_len, 0);
    kit_speak(kit, 1000);
    kit_final(kit, 1, "all", 1000);
    stt_stream_flush(kit->stream, kit->now_us);
    CHECK(!kit->calls[1].finished);
    CHECK_EQ(kit->settled, 1000 * MS);
    kit_destroy(kit);
}

static void test_flushes_pile_up(void)
{
    struct kit *kit = begin();
    for (int i = 0; i < 12; i++) {
        kit_audio(kit, 100);
        kit_wait(kit, 50);
        stt_stream_flush(kit->stream, kit->now_us);
    }
    /* Three calls at a time; the rest waits its turn. */
    CHECK_EQ(kit->calls_len, 1 + STT_CALLS_MAX);
    for (uint32_t call = 1; kit->settled < 1200 * MS && call < 20; call++) {
        CHECK(call < kit->calls_len);
        kit_sent(kit, call);
        kit_closed(kit, call, 0);
        CHECK_EQ(kit->settled, kit->calls[call].next);
    }
    CHECK_EQ(kit->settled, 1200 * MS);
    CHECK_EQ(kit_finals(kit), 0);
    kit_destroy(kit);
}

static void test_missing_final_is_promoted(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    kit_interim(kit, 1, "left", 500);
    kit_interim(kit, 1, "left open", 900);
    stt_stream_end(kit->stream, kit->now_us);
    kit_sent(kit, 1);
    kit_closed(kit, 1, 0);
    CHECK(kit_last(kit)->t.final);
    CHECK_STR(kit_last(kit)->committed, "left open");
    CHECK_EQ(kit_last(kit)->t.end_ms, 900);
    CHECK(!kit_last(kit)->t.spliced);
    CHECK_EQ(kit->settled, 1000 * MS);
    kit_destroy(kit);
}

static void test_silent_drain_is_given_up(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    kit_interim(kit, 1, "left open", 900);
    stt_stream_end(kit->stream, kit->now_us);
    kit_sent(kit, 1);
    kit_wait(kit, STT_DRAIN_MS - 10);
    CHECK(!kit->calls[1].cancelled);
    kit_wait(kit, 20);
    CHECK(kit->calls[1].cancelled);
    CHECK_EQ(kit_finals(kit), 1);
    CHECK_EQ(kit->settled, 1000 * MS);
    CHECK_EQ(stt_stream_tick(kit->stream, kit->now_us), INT64_MAX);
    kit_destroy(kit);
}

static void test_talkative_drain_is_given_up_too(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    stt_stream_end(kit->stream, kit->now_us);
    kit_sent(kit, 1);
    for (int i = 0; i < STT_DRAIN_TOTAL_MS / 1000; i++) {
        CHECK(!kit->calls[1].cancelled);
        kit_wait(kit, 1000);
        kit_interim(kit, 1, "and on and on", 900);
    }
    CHECK(kit->calls[1].cancelled);
    CHECK_EQ(kit_finals(kit), 1);
    kit_destroy(kit);
}

static void test_failed_drain_is_replayed_to_its_end(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    kit_interim(kit, 1, "one", 900);
    stt_stream_flush(kit->stream, kit->now_us);
    kit_sent(kit, 1);
    kit_speak(kit, 200);
    kit_final(kit, 2, "Two.", 200);
    kit_closed(kit, 1, 14);
    kit_wait(kit, 200);
    CHECK_EQ(kit->calls_len, 4);
    CHECK_EQ(kit->calls[3].base, 0);
    CHECK_EQ(kit->calls[3].next, 1000 * MS);
    CHECK(kit->calls[3].finished);
    kit_sent(kit, 3);
    kit_final(kit, 3, "One.", 1000);
    kit_closed(kit, 3, 0);
    CHECK_EQ(kit_finals(kit), 2);
    CHECK_STR(kit_last(kit)->committed, "Two.");
    CHECK_EQ(kit->settled, 1200 * MS);
    kit_destroy(kit);
}

static void test_close_that_fails_after_everything_is_final(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    stt_stream_end(kit->stream, kit->now_us);
    kit_sent(kit, 1);
    kit_final(kit, 1, "all", 1000);
    kit_closed(kit, 1, 14);
    kit_wait(kit, 1000);
    CHECK_EQ(kit->calls_len, 2);
    CHECK_EQ(kit->health_len, 0);
    CHECK_EQ(kit->settled, 1000 * MS);
    kit_destroy(kit);
}

static void test_soft_limit_rotates_at_a_final(void)
{
    struct stt_stream_config config = kit_config();
    config.stream_soft_ms = 5000;
    config.stream_hard_ms = 60000;
    struct kit *kit = kit_create(&config);
    kit_speak(kit, 4000);
    kit_final(kit, 1, "early", 3900);
    CHECK_EQ(kit->calls_len, 2);
    kit_speak(kit, 2000);
    kit_interim(kit, 1, "late", 5700);
    CHECK_EQ(kit->calls_len, 2);
    kit_final(kit, 1, "late", 5750);
    CHECK_EQ(kit->calls_len, 3);
    CHECK_EQ(kit->calls[2].base, 5750 * MS);
    CHECK_EQ(kit->calls[2].next, 6000 * MS);
    CHECK(kit->calls[1].cancelled);
    kit_wait(kit, 300);
    kit_audio(kit, 100);
    CHECK_EQ(kit->calls[2].next, 6100 * MS);
    CHECK_EQ(kit->health_len, 0);
    kit_final(kit, 2, "new", 200);
    CHECK_EQ(kit_last(kit)->t.end_ms, 5950);
    kit_destroy(kit);
}

/* A thousand sessions begin at once, and no provider sees them rotate at once. */
static void test_rotations_are_spread(void)
{
    unsigned seconds[64] = {0}, most = 0;
    for (unsigned i = 0; i < 100; i++) {
        struct stt_stream_config config = kit_config();
        config.seed = i + 1;
        config.block_ms = 400;
        struct kit *kit = kit_create(&config);
        for (unsigned second = 0; second < 256 && kit->calls_len < 3; second++) {
            kit_speak(kit, 1000);
            kit_final(kit, 1, "word", (second + 1) * 1000);
            if (kit->calls_len == 3 && second >= 220)
                most = ++seconds[second - 220] > most ? seconds[second - 220] : most;
        }
        CHECK_EQ(kit->calls_len, 3);
        kit_destroy(kit);
    }
    CHECK(most <= 15);
}

static void test_endless_segment_is_ended(void)
{
    struct stt_stream_config config = kit_config();
    config.ring_ms = 20000;
    struct kit *kit = kit_create(&config);
    for (int i = 1; i <= 200 && kit->calls_len < 3; i++) {
        kit_speak(kit, 100);
        char text[32];
        snprintf(text, sizeof(text), "word%d", i);
        kit_interim(kit, 1, text, (unsigned)i * 100);
    }
    CHECK_EQ(kit->calls_len, 3);
    CHECK_EQ(kit->calls[1].next, config.ring_ms * STT_RING_FULL_PERCENT / 100 * MS);
    CHECK(kit->calls[1].finished);
    CHECK_EQ(kit->calls[2].base, kit->calls[1].next);
    kit_destroy(kit);
}

/* Nobody has spoken just now: the call says what it has. */
static void test_idle_call_is_closed(void)
{
    struct kit *kit = begin();
    kit->hush = 1000 * MS;
    kit_speak(kit, 2500);
    kit_interim(kit, 1, "um", 900);
    kit_wait(kit, 7900);
    CHECK(!kit->calls[1].finished);
    kit_wait(kit, 110);
    CHECK(kit->calls[1].finished);
    kit_final(kit, 1, "um", 900);
    kit_closed(kit, 1, 0);
    kit_wait(kit, STT_BROKEN_HOLD_MS);
    CHECK_EQ(kit->settled, 2500 * MS);
    CHECK_EQ(stt_stream_tick(kit->stream, kit->now_us), INT64_MAX);
    CHECK_EQ(kit->calls_len, 2);
    kit_audio(kit, 100);
    CHECK_EQ(kit->calls_len, 3);
    kit_destroy(kit);
}

static void test_silence_settles(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 20000);
    CHECK(kit->settled >= (20000 - STT_SETTLE_MS - 2 * STT_SETTLE_STEP_MS - 100) * MS);
    CHECK(kit->settled <= (20000 - STT_SETTLE_MS) * MS);
    CHECK_EQ(kit_finals(kit), 0);
    CHECK_EQ(kit->calls_len, 2);
    kit_destroy(kit);
}

static void test_silence_settles_to_its_end(void)
{
    struct kit *kit = begin();
    kit->hush = 300 * MS;
    kit_speak(kit, 1100);
    unsigned ticks = 0;
    int64_t due = stt_stream_tick(kit->stream, kit->now_us);
    for (; kit->settled < 1100 * MS && ticks < 100; ticks++) {
        CHECK(due > kit->now_us && due <= 2100000 + STT_BROKEN_HOLD_MS * 1000);
        kit->now_us = due;
        due = stt_stream_tick(kit->stream, kit->now_us);
    }
    CHECK_EQ(kit->settled, 1100 * MS);
    CHECK(ticks < 12);
    kit_destroy(kit);
}

static void test_open_hypothesis_is_not_silence(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 500);
    kit_interim(kit, 1, "well", 400);
    kit_speak(kit, 6000);
    CHECK_EQ(kit->settled, 0);
    kit_final(kit, 1, "well", 400);
    CHECK_EQ(kit->settled, 400 * MS);
    /* And right after it the provider gets its time again. */
    kit_speak(kit, 1000);
    CHECK_EQ(kit->settled, 400 * MS);
    kit_speak(kit, 3000);
    CHECK(kit->settled > 400 * MS);
    kit_destroy(kit);
}

static void test_finals_only(void)
{
    struct stt_stream_config config = kit_config();
    config.partials = false;
    struct kit *kit = kit_create(&config);
    kit_speak(kit, 1000);
    kit_interim(kit, 1, "one", 900);
    CHECK_EQ(kit->lines_len, 0);
    kit_speak(kit, 5000);
    CHECK_EQ(kit->settled, 0); /* the hypothesis is known */
    kit_final(kit, 1, "One.", 1000);
    CHECK_EQ(kit->lines_len, 1);
    CHECK_EQ(kit_last(kit)->t.rev, 1);
    kit_destroy(kit);
}

static void test_hypothesis_taken_back(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    kit_interim(kit, 1, "noise", 500);
    kit_final(kit, 1, "", 800);
    CHECK_EQ(kit_finals(kit), 0);
    CHECK_STR(kit_last(kit)->tentative, "");
    CHECK_EQ(kit_last(kit)->t.rev, 2);
    CHECK(!stt_stream_segment_open(kit->stream));
    kit_speak(kit, 1000);
    kit_interim(kit, 1, "words", 1900);
    CHECK_EQ(kit_last(kit)->t.segment, 1);
    CHECK_EQ(kit_last(kit)->t.rev, 3);
    CHECK(kit_last(kit)->t.start_ms >= 800);
    kit_destroy(kit);
}

static void test_result_without_a_time_ends_at_the_newest_block(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    kit_final(kit, 1, "no time", 0);
    CHECK_EQ(kit_last(kit)->t.end_ms, 1000);
    CHECK_EQ(kit->settled, 1000 * MS);
    kit_destroy(kit);
}

static void test_result_past_the_audio_is_cut(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    kit_final(kit, 1, "future", 99000);
    CHECK_EQ(kit_last(kit)->t.end_ms, 1000);
    kit_destroy(kit);
}

int main(void)
{
    RUN(test_flush_opens_the_next_call_at_once);
    RUN(test_later_results_are_held);
    RUN(test_held_final_that_comes_twice);
    RUN(test_flush_with_nothing_owed);
    RUN(test_flushes_pile_up);
    RUN(test_missing_final_is_promoted);
    RUN(test_silent_drain_is_given_up);
    RUN(test_talkative_drain_is_given_up_too);
    RUN(test_failed_drain_is_replayed_to_its_end);
    RUN(test_close_that_fails_after_everything_is_final);
    RUN(test_soft_limit_rotates_at_a_final);
    RUN(test_rotations_are_spread);
    RUN(test_endless_segment_is_ended);
    RUN(test_idle_call_is_closed);
    RUN(test_silence_settles);
    RUN(test_silence_settles_to_its_end);
    RUN(test_open_hypothesis_is_not_silence);
    RUN(test_finals_only);
    RUN(test_hypothesis_taken_back);
    RUN(test_result_without_a_time_ends_at_the_newest_block);
    RUN(test_result_past_the_audio_is_cut);
    return check_done();
}
