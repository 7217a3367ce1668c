/* Rotation: a call is replaced while it works, by one that hears what is not final once more. */
#include "stt/stream_limits.h"
#include "tests/unit/stt_kit.h"

#define MS (KIT_RATE / 1000)

static uint32_t ring_ms = 45000;

static struct kit *begin_hand(uint32_t limit_ms)
{
    struct stt_stream_config config = kit_config();
    config.stream_soft_ms = config.stream_hard_ms = limit_ms;
    config.ring_ms = ring_ms;
    return kit_create(&config);
}

/* Somebody speaks, and the call has made all of it final up to 16 s when it grows old at 20 s. */
static struct kit *begin_old(const char *first, const char *then)
{
    struct kit *kit = begin_hand(20000);
    for (unsigned ms = 4000; ms <= 16000; ms += 4000) {
        kit_speak(kit, 2000);
        kit_interim(kit, 1, "Before", ms - 2100);
        kit_speak(kit, 2000);
        kit_final(kit, 1, "Before.", ms);
    }
    kit_speak(kit, 2000);
    kit_interim(kit, 1, first, 17900);
    kit_speak(kit, 1000);
    kit_interim(kit, 1, then, 18900);
    kit_speak(kit, 900);
    CHECK_EQ(kit->settled, 16000 * MS);
    CHECK_EQ(kit->calls_len, 2);
    return kit;
}

/* The same when the next call hears what is open once more, beside the old one. */
static struct kit *begin_beside(void)
{
    struct kit *kit = begin_old("on and", "on and on");
    kit_speak(kit, 300);
    CHECK_EQ(kit->calls_len, 3);
    CHECK_EQ(kit->calls[2].base, 16000 * MS);
    CHECK(!kit->calls[1].cancelled && !kit->calls[1].finished);
    CHECK_STR(kit_last(kit)->committed, "on and");
    CHECK_EQ(kit_last(kit)->t.segment, 5);
    kit_sent(kit, 1);
    return kit;
}

/* At the hard limit the next call hears the open segment from its beginning, beside the old one,
 * which is shown until the next has caught up. */
static void test_rotation_within_a_segment(void)
{
    struct kit *kit = begin_beside();
    kit_speak(kit, 1000);
    kit_sent(kit, 1);
    kit_interim(kit, 1, "on and on we", 20900);
    CHECK_STR(kit_last(kit)->tentative, " we");
    unsigned shown = kit->lines_len;
    kit_interim(kit, 2, "on", 1800);
    kit_wait(kit, 100);
    CHECK_EQ(kit->lines_len, shown);
    CHECK(!kit->calls[1].cancelled);
    kit_wait(kit, 500); /* at its pace it needs so long to have all the audio */
    kit_sent(kit, 2);
    kit_interim(kit, 2, "on and on we", 4900);
    kit_interim(kit, 2, "on and on we go", 5000);
    CHECK(kit->calls[1].cancelled);
    CHECK_STR(kit_last(kit)->committed, "on and on we");
    CHECK_STR(kit_last(kit)->tentative, " go");
    kit_final(kit, 2, "On and on we go.", 5000);
    CHECK_STR(kit_last(kit)->committed, "On and on we go.");
    CHECK_EQ(kit_last(kit)->t.segment, 5);
    CHECK_EQ(kit->settled, 21000 * MS);
    CHECK_EQ(kit_finals(kit), 5);
    CHECK_EQ(kit->health_len, 0);
    kit_destroy(kit);
}

/* No more than a second is heard again: nothing is opened beside. */
static void test_rotation_with_little_open(void)
{
    struct kit *kit = begin_old("yes", "yes yes");
    kit_final(kit, 1, "Yes yes.", 19300);
    kit_interim(kit, 1, "and", 19700);
    kit_speak(kit, 300);
    CHECK_EQ(kit->calls_len, 3);
    CHECK(kit->calls[1].cancelled);
    CHECK_EQ(kit->calls[2].base, 19300 * MS);
    kit_sent(kit, 2);
    kit_final(kit, 2, "And so on.", 800);
    CHECK_STR(kit_last(kit)->committed, "And so on.");
    CHECK_EQ(kit->settled, 20100 * MS);
    kit_destroy(kit);
}

/* The next call would have to hear nearly all that a call may hear before it got further: the old
 * one has to say what it has, and the next goes on where it ends. */
static void test_too_much_to_hear_again_is_cut(void)
{
    static const uint32_t limits[] = {2000, 5000, 10000};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct kit *kit = begin_hand(limits[i]);
        kit_speak(kit, 1000);
        kit_interim(kit, 1, "one two", 900);
        kit_speak(kit, limits[i] - 800);
        CHECK_EQ(kit->calls_len, 3);
        CHECK(kit->calls[1].finished && !kit->calls[1].cancelled);
        uint64_t end = kit->calls[1].next;
        CHECK(end <= (limits[i] + 100) * MS);
        CHECK_EQ(kit->calls[2].base, end);
        kit_sent(kit, 1);
        kit_final(kit, 2, "Three.", 100);
        kit_final(kit, 1, "One two.", (unsigned)(end / MS));
        CHECK_STR(kit_last(kit)->committed, "One two.");
        kit_closed(kit, 1, 0);
        CHECK_STR(kit_last(kit)->committed, "Three.");
        CHECK_EQ(kit_finals(kit), 2);
        kit_destroy(kit);
    }
}

static void test_next_call_that_fails_does_no_harm(void)
{
    struct kit *kit = begin_beside();
    kit_interim(kit, 2, "on or", 1000);
    kit_closed(kit, 2, 8);
    CHECK_EQ(kit->health_len, 0);
    CHECK_EQ(kit->calls_len, 3);
    kit_interim(kit, 1, "on and on we", 20000);
    CHECK_STR(kit_last(kit)->committed, "on and on");
    CHECK_STR(kit_last(kit)->tentative, " we");
    kit_wait(kit, STT_HAND_RETRY_MS - 500);
    CHECK_EQ(kit->calls_len, 3);
    kit_wait(kit, 500);
    CHECK_EQ(kit->calls_len, 4);
    CHECK_EQ(kit->calls[3].base, 16000 * MS);
    kit_destroy(kit);
}

/* The old one's end makes the next the only one; what is committed stays. */
static void test_head_that_fails_is_replaced_at_once(void)
{
    static const int statuses[] = {0, 11, 14};
    for (size_t i = 0; i < 3; i++) {
        struct kit *kit = begin_beside();
        kit_interim(kit, 2, "on or", 1000);
        unsigned shown = kit->lines_len;
        kit_closed(kit, 1, statuses[i]);
        CHECK_EQ(kit->calls_len, 3);
        CHECK(!kit->calls[2].cancelled);
        CHECK_EQ(kit->lines_len, shown);
        kit_speak(kit, 1500);
        kit_interim(kit, 2, "on and on we", 4900);
        CHECK(strncmp(kit_last(kit)->committed, "on and", 6) == 0);
        kit_final(kit, 2, "On and on we go.", 5000);
        CHECK_STR(kit_last(kit)->committed, "On and on we go.");
        CHECK_EQ(kit_finals(kit), 5);
        CHECK_EQ(kit->settled, 21000 * MS);
        CHECK_EQ(kit->health_len, 0);
        kit_destroy(kit);
    }
}

/* A final of the head is shown once though the next call says it too, and nothing that the next
 * call is to hear is settled before it has. */
static void test_final_while_the_next_call_catches_up(void)
{
    struct kit *kit = begin_beside();
    kit_interim(kit, 2, "on and", 1000);
    kit_final(kit, 1, "On and on.", 19000);
    CHECK_STR(kit_last(kit)->committed, "On and on.");
    CHECK_EQ(kit_finals(kit), 5);
    CHECK_EQ(kit->settled, 16000 * MS);
    kit_interim(kit, 1, "we", 20100);
    kit_speak(kit, 1500);
    CHECK(!kit->calls[1].cancelled);
    kit_final(kit, 2, "On and on.", 3000);
    kit_interim(kit, 2, "we", 5600);
    CHECK(kit->calls[1].cancelled);
    CHECK_EQ(kit_finals(kit), 5);
    CHECK_EQ(kit->settled, 19000 * MS);
    CHECK_STR(kit_last(kit)->committed, "");
    CHECK_STR(kit_last(kit)->tentative, "we");
    CHECK_EQ(kit_last(kit)->t.segment, 6);
    kit_destroy(kit);
}

/* A flush comes first: the next call is dropped, and the old one says what it has. */
static void test_flush_ends_a_hand_over(void)
{
    struct kit *kit = begin_beside();
    stt_stream_flush(kit->stream, kit->now_us);
    CHECK(kit->calls[2].cancelled);
    CHECK(kit->calls[1].finished);
    kit_final(kit, 1, "On and on.", 20200);
    kit_closed(kit, 1, 0);
    CHECK_EQ(kit->settled, stt_stream_received(kit->stream));
    CHECK_EQ(kit_finals(kit), 5);
    kit_destroy(kit);
}

/* One that takes audio more slowly than somebody speaks is given up, and the old one goes on. */
static void test_next_call_that_does_not_catch_up(void)
{
    struct kit *kit = begin_beside();
    unsigned ms = 0;
    for (; ms < STT_HAND_RETRY_MS + STT_HAND_MAX_MS && !kit->calls[2].cancelled; ms += 200) {
        for (int i = 0; i < 2; i++) {
            kit_wait(kit, 100);
            CHECK_EQ(kit_audio(kit, 100), STATUS_OK);
            kit_sent_one(kit, 1);
        }
        kit_sent_one(kit, 2);
        if (ms % 5000 == 0)
            kit_final(kit, 1, "More.", (unsigned)(kit->calls[1].sent / MS));
        if (ms % 5000 == 1000)
            kit_interim(kit, 1, "we", (unsigned)(kit->calls[1].sent / MS));
    }
    CHECK(kit->calls[2].cancelled);
    CHECK(ms > STT_HAND_MAX_MS - 1000);
    CHECK_EQ(kit->health_len, 0);
    CHECK(!kit->calls[1].cancelled || kit->calls_len > 3);
    kit_destroy(kit);
}

/* While two calls hear the audio none of it is let go: the next call gives way before the ring is
 * full, and no audio is refused. */
static void test_next_call_gives_way_to_the_ring(void)
{
    ring_ms = 30000;
    struct kit *kit = begin_beside();
    ring_ms = 45000;
    unsigned ms = 0;
    for (; ms < STT_HAND_MAX_MS && !kit->calls[2].cancelled; ms += 100) {
        kit_wait(kit, 100);
        CHECK_EQ(kit_audio(kit, 100), STATUS_OK);
        kit_sent_one(kit, 1);
    }
    CHECK(kit->calls[2].cancelled && ms < STT_HAND_MAX_MS - 5000);
    CHECK_EQ(kit->health_len, 0);
    kit_destroy(kit);
}

int main(void)
{
    RUN(test_rotation_within_a_segment);
    RUN(test_rotation_with_little_open);
    RUN(test_too_much_to_hear_again_is_cut);
    RUN(test_next_call_that_fails_does_no_harm);
    RUN(test_head_that_fails_is_replaced_at_once);
    RUN(test_final_while_the_next_call_catches_up);
    RUN(test_flush_ends_a_hand_over);
    RUN(test_next_call_that_does_not_catch_up);
    RUN(test_next_call_gives_way_to_the_ring);
    return check_done();
}
