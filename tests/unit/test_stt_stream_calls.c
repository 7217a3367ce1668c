/* Calls come and go under a stream: failure and replay, backoff, health, back pressure, pace. */
#include "stt/limits.h"
#include "stt/stream_limits.h"
#include "tests/unit/stt_kit.h"

#define MS (KIT_RATE / 1000)

static struct kit *begin(void)
{
    struct stt_stream_config config = kit_config();
    return kit_create(&config);
}

static void test_replay_from_the_last_final(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 2000);
    kit_final(kit, 1, "first", 850);
    kit_interim(kit, 1, "second part", 1900);
    kit_interim(kit, 1, "second part", 2000);
    kit_closed(kit, 1, 11);
    /* Routine: at once, nobody is told. */
    CHECK_EQ(kit->calls_len, 3);
    CHECK_EQ(kit->health_len, 0);
    CHECK_EQ(kit->calls[2].base, 850 * MS);
    kit_wait(kit, 400);
    kit_sent(kit, 2);
    CHECK_EQ(kit->calls[2].next, 2000 * MS);
    CHECK(stt_stream_segment_open(kit->stream));
    /* Times count from the new call's first sample; the segment goes on. */
    unsigned lines = kit->lines_len;
    kit_interim(kit, 2, "second", 600);
    CHECK_EQ(kit->lines_len, lines); /* until the replay has caught up */
    kit_interim(kit, 2, "second part here", 1150);
    CHECK_STR(kit_last(kit)->committed, "second part");
    CHECK_STR(kit_last(kit)->tentative, " here");
    kit_final(kit, 2, "Second part here.", 1150);
    CHECK_EQ(kit_last(kit)->t.segment, 2);
    CHECK_EQ(kit_last(kit)->t.end_ms, 2000);
    CHECK_STR(kit_last(kit)->committed, "Second part here.");
    kit_destroy(kit);
}

static void test_old_events_are_ignored(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    kit_interim(kit, 1, "one", 900);
    kit_closed(kit, 1, 11);
    kit_final(kit, 1, "ghost", 900);
    kit_closed(kit, 1, 0);
    kit_closed(kit, 99, 0);
    CHECK_EQ(kit_finals(kit), 0);
    CHECK_EQ(kit->calls_len, 3);
    kit_destroy(kit);
}

static void test_final_before_the_last_is_dropped(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    kit_final(kit, 1, "one", 800);
    kit_final(kit, 1, "one", 800);
    kit_final(kit, 1, "on", 500);
    kit_interim(kit, 1, "old", 700);
    CHECK_EQ(kit->lines_len, 1);
    kit_destroy(kit);
}

static void test_backoff_and_health(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 300);
    kit_closed(kit, 1, 14);
    CHECK_EQ(kit->health_len, 1);
    CHECK_EQ(kit->health[0], STT_HEALTH_DEGRADED);
    CHECK_EQ(kit->health_status[0], 14);
    CHECK_EQ(kit->calls_len, 2);
    kit_wait(kit, 90);
    CHECK_EQ(kit->calls_len, 2);
    kit_wait(kit, 60);
    CHECK_EQ(kit->calls_len, 3);
    kit_closed(kit, 2, 14);
    kit_wait(kit, 120);
    CHECK_EQ(kit->calls_len, 3); /* 130 ms and more */
    kit_wait(kit, 60);
    CHECK_EQ(kit->calls_len, 4);
    CHECK_EQ(kit->health_len, 1); /* one outage, told once */
    kit_interim(kit, 3, "back", 100);
    CHECK_EQ(kit->health_len, 2);
    CHECK_EQ(kit->health[1], STT_HEALTH_OK);
    kit_destroy(kit);
}

static void test_accepted_audio_ends_an_outage(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 300);
    kit_closed(kit, 1, 14);
    kit_wait(kit, 200);
    kit_sent(kit, 2);
    kit_wait(kit, 990);
    CHECK_EQ(kit->health_len, 1);
    kit_wait(kit, 20);
    CHECK_EQ(kit->health_len, 2);
    CHECK_EQ(kit->health[1], STT_HEALTH_OK);
    kit_destroy(kit);
}

static void test_quota_waits_longer(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 300);
    kit_closed(kit, 1, 8);
    kit_wait(kit, 990);
    CHECK_EQ(kit->calls_len, 2);
    kit_wait(kit, 270);
    CHECK_EQ(kit->calls_len, 3);
    kit_closed(kit, 2, 8);
    kit_wait(kit, 1990);
    CHECK_EQ(kit->calls_len, 3);
    kit_wait(kit, 600);
    CHECK_EQ(kit->calls_len, 4);
    kit_destroy(kit);
}

static void test_refused_is_not_retried(void)
{
    static const int statuses[] = {3, 5, 7, 9, 12, 16};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct kit *kit = begin();
        kit_speak(kit, 1000);
        if (statuses[i] != 16) { /* 16 after an answer: the token may have expired */
            kit_interim(kit, 1, "half a", 800);
            kit_interim(kit, 1, "half a sentence", 900);
        }
        kit_closed(kit, 1, statuses[i]);
        CHECK_EQ(kit->health_len, 1);
        CHECK_EQ(kit->health[0], STT_HEALTH_REFUSED);
        kit_wait(kit, 60000);
        CHECK_EQ(kit->calls_len, 2);
        CHECK_EQ(kit->settled, 1000 * MS);
        CHECK_EQ(kit_finals(kit), statuses[i] != 16);
        /* What is shown became final; later audio is owed nothing. */
        CHECK_EQ(kit_audio(kit, 500), STATUS_OK);
        CHECK_EQ(kit->settled, 1500 * MS);
        stt_stream_end(kit->stream, kit->now_us);
        kit_destroy(kit);
    }
}

static void test_denied_once_is_retried_twice_is_not(void)
{
    static const int statuses[] = {1, 16};
    for (size_t i = 0; i < 2; i++) {
        struct kit *kit = begin();
        kit_speak(kit, 1000);
        if (statuses[i] == 16) /* before any answer it is refused at once */
            kit_interim(kit, 1, "hello", 900);
        kit_closed(kit, 1, statuses[i]);
        CHECK_EQ(kit->health[0], STT_HEALTH_DEGRADED);
        kit_wait(kit, 200);
        CHECK_EQ(kit->calls_len, 3);
        kit_closed(kit, 2, statuses[i]);
        CHECK_EQ(kit->health[1], STT_HEALTH_REFUSED);
        kit_destroy(kit);
    }
}

/* An answer has shown that credentials and location are right: then it is a lost call like others,
 * and none that speaks against a token which expires later. */
static void test_cancelled_after_an_answer_is_retried(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    kit_interim(kit, 1, "hello", 900);
    for (uint32_t call = 1; call <= 4; call++) {
        kit_closed(kit, call, 1);
        kit_wait(kit, 3000);
        CHECK_EQ(kit->calls_len, call + 2);
    }
    CHECK_EQ(kit->health_len, 1);
    CHECK_EQ(kit->health[0], STT_HEALTH_DEGRADED);
    CHECK_EQ(kit->calls[5].base, 0);
    kit_closed(kit, 5, 16);
    kit_wait(kit, 3000);
    CHECK_EQ(kit->calls_len, 7);
    kit_sent(kit, 6);
    kit_final(kit, 6, "hello there", 1000);
    CHECK_EQ(kit->settled, 1000 * MS);
    CHECK_EQ(kit_finals(kit), 1);
    CHECK_EQ(kit->health[kit->health_len - 1], STT_HEALTH_OK);
    kit_destroy(kit);
}

static void test_error_inside_a_response(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    kit_interim(kit, 1, "hello", 900);
    struct stt_response response = {.error_code = 11, .error_message = "305 seconds"};
    struct stt_event event = {
        .call = 1, .kind = STT_EVENT_RESPONSE, .at_us = kit->now_us, .response = &response};
    stt_stream_event(kit->stream, &event, kit->now_us);
    CHECK(kit->calls[1].cancelled);
    CHECK_EQ(kit->calls_len, 3);
    kit_closed(kit, 1, 11);
    CHECK_EQ(kit->calls_len, 3);
    CHECK_EQ(kit->health_len, 0);
    kit_destroy(kit);
}

static void test_an_end_without_any_progress_is_a_failure(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 200);
    kit_closed(kit, 1, 0); /* nobody asked for it */
    CHECK_EQ(kit->health_len, 1);
    CHECK_EQ(kit->calls_len, 2);
    kit_wait(kit, 200);
    CHECK_EQ(kit->calls_len, 3);
    kit_destroy(kit);
}

static void test_timeout_without_audio_reopens_lazily(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    kit_final(kit, 1, "done", 1000);
    kit_wait(kit, 5000);
    kit_closed(kit, 1, 10);
    kit_wait(kit, 60000);
    CHECK_EQ(kit->calls_len, 2);
    kit_audio(kit, 100);
    CHECK_EQ(kit->calls_len, 3);
    CHECK_EQ(kit->calls[2].base, 1000 * MS);
    CHECK_EQ(kit->health_len, 0);
    kit_destroy(kit);
}

static void test_lost_connection_without_audio_is_nobodys_concern(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 1000);
    kit_final(kit, 1, "done", 1000);
    kit_closed(kit, 1, 14);
    kit_wait(kit, 5000);
    CHECK_EQ(kit->calls_len, 2);
    CHECK_EQ(kit->health_len, 0);
    kit_audio(kit, 100);
    CHECK_EQ(kit->calls_len, 3);
    kit_destroy(kit);
}

static void test_open_that_fails(void)
{
    struct kit *kit = begin();
    kit->open_status = STATUS_FULL;
    kit_audio(kit, 200);
    CHECK_EQ(kit->calls_len, 0);
    CHECK_EQ(kit->health[0], STT_HEALTH_DEGRADED);
    CHECK_EQ(kit->health_status[0], 14);
    kit->open_status = STATUS_OK;
    kit_wait(kit, 200);
    CHECK(kit->calls_len > 0);
    CHECK_EQ(kit->calls[kit->calls_len - 1].next, 200 * MS);
    kit_destroy(kit);
}

static void test_client_that_is_full(void)
{
    struct kit *kit = begin();
    kit->send_status = STATUS_FULL;
    kit_audio(kit, 300);
    CHECK_EQ(kit->calls[1].blocks, 0);
    int64_t due = stt_stream_tick(kit->stream, kit->now_us);
    CHECK(due <= kit->now_us + STT_AGAIN_MS * 1000);
    kit->send_status = STATUS_OK;
    kit_wait(kit, 10);
    CHECK_EQ(kit->calls[1].blocks, 3);
    kit->finish_status = STATUS_FULL;
    stt_stream_flush(kit->stream, kit->now_us);
    CHECK(!kit->calls[1].finished);
    kit->finish_status = STATUS_OK;
    kit_wait(kit, 10);
    CHECK(kit->calls[1].finished);
    kit_destroy(kit);
}

static void test_credit(void)
{
    struct kit *kit = begin();
    kit_audio(kit, 900);
    kit_wait(kit, 1000);
    CHECK_EQ(kit_audio(kit, 900), STATUS_OK);
    kit_wait(kit, 1000);
    CHECK_EQ(kit->calls[1].blocks, STT_CALL_BLOCKS_MAX);
    kit_sent_one(kit, 1);
    CHECK_EQ(kit->calls[1].blocks, STT_CALL_BLOCKS_MAX + 1);
    kit_destroy(kit);
}

static void test_back_pressure_when_nothing_is_accepted(void)
{
    struct kit *kit = begin();
    size_t whole = stt_stream_room(kit->stream);
    CHECK_EQ(whole, 30000 * MS * 2);
    for (int i = 0; i < 36; i++) {
        kit_wait(kit, 100);
        CHECK_EQ(kit_audio(kit, 100), STATUS_OK);
    }
    /* 1.6 s are under way, 2 s wait. */
    CHECK_EQ(stt_stream_room(kit->stream), 0);
    CHECK_EQ(stt_stream_received(kit->stream), 3600 * MS);
    kit_sent_one(kit, 1);
    CHECK_EQ(stt_stream_room(kit->stream), 100 * MS * 2);
    kit_destroy(kit);
}

/* The first block opens the call, and the bound becomes that of a call that takes audio. */
static void test_room_once_told_is_kept(void)
{
    struct kit *kit = begin();
    size_t room = stt_stream_room(kit->stream);
    CHECK_EQ(kit_audio(kit, 100), STATUS_OK);
    CHECK(stt_stream_room(kit->stream) < room - 100 * MS * 2);
    CHECK_EQ(kit_audio(kit, (unsigned)(room / 2 / MS) - 100), STATUS_OK);
    CHECK_EQ(stt_stream_room(kit->stream), 0);
    kit_destroy(kit);
}

static void test_ring_is_the_bound_in_an_outage(void)
{
    struct kit *kit = begin();
    kit->open_status = STATUS_FULL;
    unsigned given = 0;
    while (kit_audio(kit, 100) == STATUS_OK) {
        given += 100;
        kit_wait(kit, 100);
    }
    CHECK_EQ(given, 30000);
    CHECK_EQ(kit_audio(kit, 1), STATUS_FULL);
    CHECK_EQ(stt_stream_received(kit->stream), 30000 * MS);
    CHECK_EQ(stt_stream_room(kit->stream), 0);
    CHECK_EQ(kit->settled_calls, 0);
    kit_destroy(kit);
}

static void test_replay_keeps_the_pace(void)
{
    struct kit *kit = begin();
    kit->open_status = STATUS_FULL;
    for (int i = 0; i < 100; i++) {
        kit_audio(kit, 100);
        kit_wait(kit, 100);
    }
    kit->open_status = STATUS_OK;
    while (kit->calls_len == 0)
        kit_wait(kit, 10);
    int64_t opened = kit->now_us;
    uint32_t call = kit->calls_len - 1;
    while (kit->calls[call].next < 10000 * MS && kit->now_us < opened + 10000000) {
        kit_wait(kit, 10);
        kit_sent(kit, call);
        int64_t passed_ms = (kit->now_us - opened) / 1000;
        CHECK((int64_t)(kit->calls[call].next / MS) <=
              STT_PACE_BURST_MS + STT_PACE_SPEED * passed_ms);
    }
    /* 9 s behind the burst, at three times real time. */
    int64_t took_ms = (kit->now_us - opened) / 1000;
    CHECK(took_ms >= 2900 && took_ms <= 3200);
    kit_destroy(kit);
}

static void test_dead_call_is_replaced(void)
{
    struct stt_stream_config config = kit_config();
    config.idle_close_ms = 2 * STT_STALL_MS;
    struct kit *kit = kit_create(&config);
    kit_audio(kit, 300);
    kit_wait(kit, STT_STALL_MS - 10);
    CHECK(!kit->calls[1].cancelled);
    kit_wait(kit, 20);
    CHECK(kit->calls[1].cancelled);
    CHECK_EQ(kit->health_status[0], 4);
    kit_wait(kit, 200);
    CHECK_EQ(kit->calls_len, 3);
    CHECK_EQ(kit->calls[2].base, 0);
    kit_destroy(kit);
}

static void test_cancel_is_tried_again(void)
{
    struct kit *kit = begin();
    kit_audio(kit, 300);
    kit->cancel_status = STATUS_FULL;
    kit_wait(kit, STT_STALL_MS + 50);
    CHECK(!kit->calls[1].cancelled);
    kit->cancel_status = STATUS_OK;
    kit_wait(kit, 20);
    CHECK(kit->calls[1].cancelled);
    kit_destroy(kit);
}

static void test_memory_is_given_back(void)
{
    struct stt_stream_config config = kit_config();
    struct stt_stream *stream = NULL;
    static const struct stt_stream_ops ops = {kit_open,       kit_send,    kit_finish, kit_cancel,
                                              kit_transcript, kit_settled, kit_health, kit_healthy};
    const char *const words[] = {"Kubernetes", "", "\xff", "gRPC"};
    config.vocabulary = words;
    config.vocabulary_len = 4;
    for (unsigned nth = 1; nth <= 4; nth++) {
        mem_fail_nth(nth);
        CHECK_EQ(stt_stream_create(&stream, &config, &ops, NULL), STATUS_NOMEM);
        mem_fail_nth(0);
        CHECK(stream == NULL);
    }
    CHECK_EQ(stt_stream_create(&stream, &config, &ops, NULL), STATUS_OK);
    CHECK_EQ(stt_stream_vocabulary(stream, NULL, 0), STATUS_OK);
    stt_stream_destroy(stream);
}

int main(void)
{
    RUN(test_replay_from_the_last_final);
    RUN(test_old_events_are_ignored);
    RUN(test_final_before_the_last_is_dropped);
    RUN(test_backoff_and_health);
    RUN(test_accepted_audio_ends_an_outage);
    RUN(test_quota_waits_longer);
    RUN(test_refused_is_not_retried);
    RUN(test_denied_once_is_retried_twice_is_not);
    RUN(test_cancelled_after_an_answer_is_retried);
    RUN(test_error_inside_a_response);
    RUN(test_an_end_without_any_progress_is_a_failure);
    RUN(test_timeout_without_audio_reopens_lazily);
    RUN(test_lost_connection_without_audio_is_nobodys_concern);
    RUN(test_open_that_fails);
    RUN(test_client_that_is_full);
    RUN(test_credit);
    RUN(test_back_pressure_when_nothing_is_accepted);
    RUN(test_room_once_told_is_kept);
    RUN(test_ring_is_the_bound_in_an_outage);
    RUN(test_replay_keeps_the_pace);
    RUN(test_dead_call_is_replaced);
    RUN(test_cancel_is_tried_again);
    RUN(test_memory_is_given_back);
    return check_done();
}
