/* Audio stops: what broke off inside speech is heard again, and silence is worth no call. */
#include "stt/stream_limits.h"
#include "tests/unit/stt_kit.h"

#define MS (KIT_RATE / 1000)

/* Half a sentence is open, and then nothing comes for as long as a call may idle. */
static struct kit *begin_broken(void)
{
    struct stt_stream_config config = kit_config();
    struct kit *kit = kit_create(&config);
    kit_speak(kit, 1500);
    kit_final(kit, 1, "One.", 1000);
    kit_speak(kit, 500);
    kit_interim(kit, 1, "two", 1500);
    kit_interim(kit, 1, "two thr", 1900);
    kit_wait(kit, 7900);
    CHECK(!kit->calls[1].cancelled);
    kit_wait(kit, 110);
    CHECK(kit->calls[1].cancelled && !kit->calls[1].finished);
    CHECK_EQ(kit->calls_len, 2);
    CHECK(stt_stream_segment_open(kit->stream));
    CHECK_EQ(kit->settled, 1000 * MS);
    CHECK_EQ(kit_finals(kit), 1);
    return kit;
}

/* The rest of the sentence comes from a call that has heard all since the last final. */
static void end_broken(struct kit *kit, unsigned end_ms)
{
    unsigned lines = kit->lines_len;
    kit_sent(kit, 2);
    kit_interim(kit, 2, "two", 300);
    CHECK_EQ(kit->lines_len, lines); /* what is shown stays */
    kit_final(kit, 2, "Two three four.", end_ms - 1000);
    CHECK_STR(kit_last(kit)->committed, "Two three four.");
    CHECK_EQ(kit_last(kit)->t.segment, 2);
    CHECK(!kit_last(kit)->t.spliced);
    CHECK_EQ(kit_finals(kit), 2);
    CHECK_EQ(kit->settled, end_ms * MS);
    CHECK_EQ(kit->health_len, 0);
    kit_destroy(kit);
}

static void test_audio_goes_on(void)
{
    struct kit *kit = begin_broken();
    kit_wait(kit, 5000);
    CHECK_EQ(kit->calls_len, 2);
    kit_audio(kit, 100);
    CHECK_EQ(kit->calls_len, 3);
    CHECK_EQ(kit->calls[2].base, 1000 * MS);
    kit_wait(kit, 500);
    CHECK_EQ(kit->calls[2].next, 2100 * MS);
    CHECK(!kit->calls[2].finished);
    end_broken(kit, 2100);
}

/* Less than a block is audio too. */
static void test_audio_goes_on_a_little(void)
{
    struct kit *kit = begin_broken();
    kit_audio(kit, 20);
    kit_wait(kit, 110);
    CHECK_EQ(kit->calls_len, 3);
    CHECK_EQ(kit->calls[2].base, 1000 * MS);
    kit_wait(kit, 500);
    CHECK_EQ(kit->calls[2].next, 2020 * MS);
    end_broken(kit, 2020);
}

static void test_flush_asks_for_the_rest(void)
{
    struct kit *kit = begin_broken();
    stt_stream_flush(kit->stream, kit->now_us);
    CHECK_EQ(kit->calls_len, 3);
    CHECK_EQ(kit->calls[2].base, 1000 * MS);
    CHECK_EQ(kit->calls[2].next, 2000 * MS);
    CHECK(kit->calls[2].finished);
    end_broken(kit, 2000);
}

static void test_end_asks_for_the_rest(void)
{
    struct kit *kit = begin_broken();
    stt_stream_end(kit->stream, kit->now_us);
    CHECK_EQ(kit->calls_len, 3);
    CHECK(kit->calls[2].finished);
    kit_sent(kit, 2);
    kit_closed(kit, 2, 0); /* says nothing: what is shown becomes final */
    CHECK_STR(kit_last(kit)->committed, "two thr");
    CHECK(kit_last(kit)->t.final);
    CHECK_EQ(kit->settled, 2000 * MS);
    CHECK_EQ(stt_stream_tick(kit->stream, kit->now_us), INT64_MAX);
    kit_destroy(kit);
}

static void test_time_asks_for_the_rest(void)
{
    struct kit *kit = begin_broken();
    kit_wait(kit, STT_BROKEN_HOLD_MS - 8010 - 10);
    CHECK_EQ(kit->calls_len, 2);
    kit_wait(kit, 20);
    CHECK_EQ(kit->calls_len, 3);
    CHECK(kit->calls[2].finished);
    CHECK_EQ(kit->calls[2].next, 2000 * MS);
    end_broken(kit, 2000);
}

/* While nothing comes nothing wakes the stream. */
static void test_the_hold_is_not_polled(void)
{
    struct kit *kit = begin_broken();
    int64_t due = stt_stream_tick(kit->stream, kit->now_us);
    CHECK(due > kit->now_us + (STT_BROKEN_HOLD_MS - 8200) * 1000);
    kit_destroy(kit);
}

/* Sound behind the last final may be a word that nobody has told yet. */
static void test_sound_without_words_is_asked_for(void)
{
    struct stt_stream_config config = kit_config();
    struct kit *kit = kit_create(&config);
    kit_speak(kit, 1000);
    kit_final(kit, 1, "One.", 500);
    kit_wait(kit, STT_BROKEN_HOLD_MS + 100);
    CHECK_EQ(kit->calls_len, 3);
    CHECK_EQ(kit->calls[2].base, 500 * MS);
    CHECK(kit->calls[2].finished);
    kit_sent(kit, 2);
    kit_final(kit, 2, "Two.", 500);
    kit_closed(kit, 2, 0);
    CHECK_EQ(kit_finals(kit), 2);
    CHECK_EQ(kit->settled, 1000 * MS);
    kit_destroy(kit);
}

static void test_no_call_where_all_is_final(void)
{
    struct stt_stream_config config = kit_config();
    struct kit *kit = kit_create(&config);
    kit_speak(kit, 1000);
    kit_final(kit, 1, "One.", 1000);
    kit_wait(kit, 2 * STT_BROKEN_HOLD_MS);
    CHECK_EQ(kit->calls_len, 2);
    CHECK_EQ(kit->settled, 1000 * MS);
    CHECK_EQ(stt_stream_tick(kit->stream, kit->now_us), INT64_MAX);
    kit_destroy(kit);
}

static void test_no_call_for_a_silent_rest(void)
{
    struct stt_stream_config config = kit_config();
    struct kit *kit = kit_create(&config);
    kit->hush = 1000 * MS;
    kit_speak(kit, 1500);
    kit_final(kit, 1, "One.", 1000);
    kit_speak(kit, 3000);
    kit_wait(kit, 2 * STT_BROKEN_HOLD_MS);
    CHECK_EQ(kit->calls_len, 2);
    CHECK(kit->calls[1].cancelled || kit->calls[1].finished);
    CHECK_EQ(kit->settled, 4500 * MS);
    CHECK_EQ(stt_stream_tick(kit->stream, kit->now_us), INT64_MAX);
    kit_destroy(kit);
}

/* Words are open and it has been quiet since: the call says them, and the next one begins a little
 * before its end, where a word may have begun. */
static void test_open_words_before_a_pause(void)
{
    struct stt_stream_config config = kit_config();
    struct kit *kit = kit_create(&config);
    kit->hush = 1000 * MS;
    kit_speak(kit, 2500);
    kit_interim(kit, 1, "one", 900);
    kit_wait(kit, 8010);
    CHECK(kit->calls[1].finished && !kit->calls[1].cancelled);
    kit_final(kit, 1, "One.", 1000);
    kit_closed(kit, 1, 0);
    CHECK_EQ(kit->settled, (2500 - STT_BROKEN_OFF_MS) * MS);
    CHECK_EQ(kit->calls_len, 2);
    kit_audio(kit, 100);
    CHECK_EQ(kit->calls_len, 3);
    CHECK_EQ(kit->calls[2].base, (2500 - STT_BROKEN_OFF_MS) * MS);
    kit_wait(kit, 100);
    CHECK_EQ(kit->calls[2].next, 2600 * MS);
    kit_sent(kit, 2);
    kit_final(kit, 2, "Two.", 100 + STT_BROKEN_OFF_MS);
    CHECK_STR(kit_last(kit)->committed, "Two.");
    CHECK_EQ(kit->settled, 2600 * MS);
    kit_destroy(kit);
}

/* A call that fails while it is asked for the rest is tried again, to the same end. */
static void test_the_rest_outlives_a_failure(void)
{
    struct kit *kit = begin_broken();
    stt_stream_flush(kit->stream, kit->now_us);
    kit_closed(kit, 2, 14);
    kit_wait(kit, 500);
    CHECK_EQ(kit->calls_len, 4);
    CHECK_EQ(kit->calls[3].base, 1000 * MS);
    CHECK(kit->calls[3].finished);
    kit_sent(kit, 3);
    kit_final(kit, 3, "Two three.", 1000);
    kit_closed(kit, 3, 0);
    CHECK_STR(kit_last(kit)->committed, "Two three.");
    CHECK_EQ(kit->settled, 2000 * MS);
    kit_destroy(kit);
}

int main(void)
{
    RUN(test_audio_goes_on);
    RUN(test_audio_goes_on_a_little);
    RUN(test_flush_asks_for_the_rest);
    RUN(test_end_asks_for_the_rest);
    RUN(test_time_asks_for_the_rest);
    RUN(test_the_hold_is_not_polled);
    RUN(test_sound_without_words_is_asked_for);
    RUN(test_no_call_where_all_is_final);
    RUN(test_no_call_for_a_silent_rest);
    RUN(test_open_words_before_a_pause);
    RUN(test_the_rest_outlives_a_failure);
    return check_done();
}
