/* The happy path: audio in, blocks out, hypotheses and finals shown, flush and end. */
#include "base/durations.h"
#include "tests/unit/stt_kit.h"

static void test_config_is_checked(void)
{
    struct stt_stream_config config = kit_config();
    struct stt_stream *stream = NULL;
    static const struct stt_stream_ops ops = {kit_open,       kit_send,    kit_finish, kit_cancel,
                                              kit_transcript, kit_settled, kit_health, kit_healthy};
    config.rate = 7999;
    CHECK_EQ(stt_stream_create(&stream, &config, &ops, NULL), STATUS_INVALID);
    config = kit_config();
    config.language = "";
    CHECK_EQ(stt_stream_create(&stream, &config, &ops, NULL), STATUS_INVALID);
    config = kit_config();
    config.agreement = 0;
    CHECK_EQ(stt_stream_create(&stream, &config, &ops, NULL), STATUS_INVALID);
    config = kit_config();
    config.stream_hard_ms = config.stream_soft_ms - 1;
    CHECK_EQ(stt_stream_create(&stream, &config, &ops, NULL), STATUS_INVALID);
    CHECK(stream == NULL);
}

static void test_opens_lazily_and_coalesces(void)
{
    struct stt_stream_config config = kit_config();
    struct kit *kit = kit_create(&config);
    kit_wait(kit, 1000);
    CHECK_EQ(kit->calls_len, 0);
    CHECK_EQ(kit_audio(kit, 40), STATUS_OK);
    CHECK_EQ(kit->calls_len, 0);
    CHECK_EQ(kit_audio(kit, 40), STATUS_OK);
    CHECK_EQ(kit_audio(kit, 40), STATUS_OK);
    CHECK_EQ(kit->calls_len, 2);
    CHECK_EQ(kit->calls[1].blocks, 1);
    CHECK_EQ(kit->calls[1].next, KIT_RATE / 10);
    CHECK_EQ(stt_stream_received(kit->stream), 120 * KIT_RATE / 1000);
    /* The 20 ms left go out after block_ms although no audio comes. */
    kit_wait(kit, 90);
    CHECK_EQ(kit->calls[1].blocks, 1);
    kit_wait(kit, 10);
    CHECK_EQ(kit->calls[1].blocks, 2);
    CHECK_EQ(kit->calls[1].next, 120 * KIT_RATE / 1000);
    CHECK_EQ(stt_stream_billed_ms(kit->stream), 120);
    kit_destroy(kit);
}

/* What is measured begins with the block complete, and replays are not measured again. */
static void test_handover_is_measured_once_a_block(void)
{
    static struct durations handover;
    struct stt_stream_config config = kit_config();
    config.handover = &handover;
    struct kit *kit = kit_create(&config);
    kit_audio(kit, 60);
    kit_wait(kit, 30);
    kit_audio(kit, 40);
    kit_wait(kit, 20);
    kit_sent(kit, 1);
    kit_audio(kit, 100);
    kit_sent(kit, 1);
    struct durations_sum sum = {0};
    durations_read(&handover, &sum);
    CHECK_EQ(sum.count, 2);
    CHECK_EQ(sum.sum_us, 20000);
    kit_closed(kit, 1, 14);
    kit_wait(kit, 3000);
    CHECK_EQ(kit->calls_len, 3);
    kit_sent(kit, 2);
    sum = (struct durations_sum){0};
    durations_read(&handover, &sum);
    CHECK_EQ(sum.count, 2);
    kit_destroy(kit);
}

static void test_blocks_stay_below_the_wire_bound(void)
{
    struct stt_stream_config config = kit_config();
    config.rate = 48000;
    config.block_ms = 400;
    struct kit *kit = kit_create(&config);
    kit_audio(kit, 2000); /* kit_send() checks the bytes */
    CHECK(kit->calls[1].blocks > 2);
    kit_destroy(kit);
}

static void test_partial_then_final(void)
{
    struct stt_stream_config config = kit_config();
    struct kit *kit = kit_create(&config);
    kit_speak(kit, 1000);
    kit_interim(kit, 1, "to", 500);
    CHECK_EQ(kit->lines_len, 1);
    CHECK_EQ(kit_last(kit)->t.segment, 1);
    CHECK_EQ(kit_last(kit)->t.rev, 1);
    CHECK_STR(kit_last(kit)->committed, "");
    CHECK_STR(kit_last(kit)->tentative, "to");
    CHECK(stt_stream_segment_open(kit->stream));
    kit_interim(kit, 1, "to be", 800);
    CHECK_STR(kit_last(kit)->committed, "to");
    CHECK_STR(kit_last(kit)->tentative, " be");
    kit_interim(kit, 1, "to be", 900);
    CHECK_STR(kit_last(kit)->committed, "to be");
    CHECK_EQ(kit_last(kit)->t.rev, 3);
    kit_final(kit, 1, "To be.", 900);
    CHECK(kit_last(kit)->t.final);
    CHECK(!kit_last(kit)->t.spliced);
    CHECK_STR(kit_last(kit)->committed, "To be.");
    CHECK_STR(kit_last(kit)->tentative, "");
    CHECK_STR(kit_last(kit)->language, "en-US");
    CHECK_EQ(kit_last(kit)->t.end_ms, 900);
    CHECK_EQ(kit->settled, 900 * KIT_RATE / 1000);
    CHECK(!stt_stream_segment_open(kit->stream));
    CHECK_EQ(stt_stream_segment(kit->stream), 2);
    kit_destroy(kit);
}

static void test_same_text_is_not_shown_twice(void)
{
    struct stt_stream_config config = kit_config();
    config.agreement = 3;
    struct kit *kit = kit_create(&config);
    kit_speak(kit, 1000);
    kit_interim(kit, 1, "hello", 500);
    kit_interim(kit, 1, " hello ", 600);
    CHECK_EQ(kit->lines_len, 1);
    kit_interim(kit, 1, "hello", 700);
    CHECK_EQ(kit->lines_len, 2); /* committed now */
    kit_interim(kit, 1, "hello", 800);
    CHECK_EQ(kit->lines_len, 2);
    kit_destroy(kit);
}

static void test_agreement_changes_with_the_segment(void)
{
    struct stt_stream_config config = kit_config();
    struct kit *kit = kit_create(&config);
    kit_speak(kit, 2000);
    kit_interim(kit, 1, "one", 500);
    stt_stream_agreement(kit->stream, 1);
    kit_interim(kit, 1, "one two", 700);
    CHECK_STR(kit_last(kit)->tentative, " two");
    kit_final(kit, 1, "one two", 800);
    kit_interim(kit, 1, "three", 1500);
    CHECK_STR(kit_last(kit)->committed, "three");
    kit_destroy(kit);
}

static void test_final_and_interims_in_one_response(void)
{
    struct stt_stream_config config = kit_config();
    struct kit *kit = kit_create(&config);
    kit_speak(kit, 2000);
    const struct stt_result results[] = {
        {.is_final = true, .result_end_us = 800000, .transcript = "first", .language = "de-de"},
        {.result_end_us = 1200000, .transcript = " second", .language = "", .stability = 0.9f},
        {.result_end_us = 1500000, .transcript = " third", .language = "", .stability = 0.1f},
    };
    kit_response(kit, 1, results, 3);
    CHECK_EQ(kit->lines_len, 2);
    CHECK_STR(kit->lines[0].committed, "first");
    CHECK_STR(kit->lines[0].language, "de-de");
    CHECK_STR(kit->lines[1].committed, "second"); /* stable */
    CHECK_STR(kit->lines[1].tentative, " third");
    CHECK_EQ(kit->lines[1].t.segment, 2);
    CHECK(kit->lines[1].t.start_ms >= kit->lines[0].t.end_ms);
    CHECK_EQ(kit->lines[1].t.end_ms, 1500);
    kit_destroy(kit);
}

static void test_empty_final_only_settles(void)
{
    struct stt_stream_config config = kit_config();
    struct kit *kit = kit_create(&config);
    kit_speak(kit, 1000);
    kit_final(kit, 1, " ", 600);
    CHECK_EQ(kit->lines_len, 0);
    CHECK_EQ(kit->settled, 600 * KIT_RATE / 1000);
    CHECK_EQ(stt_stream_segment(kit->stream), 1);
    kit_destroy(kit);
}

static void test_word_times(void)
{
    struct stt_stream_config config = kit_config();
    struct kit *kit = kit_create(&config);
    kit_speak(kit, 2000);
    const struct stt_response_word words[] = {{"cafe\xcc\x81", 300000, 700000},
                                              {"noir", 700000, 1100000}};
    const struct stt_result result = {.is_final = true,
                                      .result_end_us = 1200000,
                                      .transcript = "cafe\xcc\x81 noir",
                                      .language = "",
                                      .words = words,
                                      .words_len = 2};
    kit_response(kit, 1, &result, 1);
    CHECK_STR(kit_last(kit)->committed, "caf\xc3\xa9 noir");
    CHECK_STR(kit_last(kit)->word0, "caf\xc3\xa9");
    CHECK_EQ(kit_last(kit)->t.words_len, 2);
    CHECK_EQ(kit_last(kit)->t.start_ms, 300);
    CHECK_EQ(kit_last(kit)->t.end_ms, 1100); /* of its last word, not of the pause behind */
    kit_destroy(kit);
}

static void test_session_taken_up_again(void)
{
    struct stt_stream_config config = kit_config();
    config.first_sample = 90 * KIT_RATE;
    config.first_segment = 12;
    struct kit *kit = kit_create(&config);
    kit->produced = config.first_sample;
    CHECK_EQ(stt_stream_received(kit->stream), config.first_sample);
    CHECK_EQ(stt_stream_segment(kit->stream), 12);
    kit_speak(kit, 1000);
    CHECK_EQ(kit->calls[1].base, config.first_sample);
    kit_final(kit, 1, "again", 900);
    CHECK_EQ(kit_last(kit)->t.segment, 12);
    CHECK(kit_last(kit)->t.start_ms >= 90000);
    CHECK_EQ(kit_last(kit)->t.end_ms, 90900);
    CHECK_EQ(kit->settled, config.first_sample + 900 * KIT_RATE / 1000);
    kit_destroy(kit);
}

static void test_language_keeps_its_spelling(void)
{
    struct stt_stream_config config = kit_config();
    struct kit *kit = kit_create(&config);
    kit_speak(kit, 1000);
    struct stt_result result = {
        .is_final = true, .result_end_us = 500000, .transcript = "one", .language = "en-us"};
    kit_response(kit, 1, &result, 1);
    CHECK_STR(kit_last(kit)->language, "en-US");
    result.result_end_us = 900000;
    result.language = "es-es";
    kit_response(kit, 1, &result, 1);
    CHECK_STR(kit_last(kit)->language, "es-es");
    kit_destroy(kit);
}

static void test_end_drains(void)
{
    struct stt_stream_config config = kit_config();
    struct kit *kit = kit_create(&config);
    kit_speak(kit, 1000);
    kit_audio(kit, 50);
    stt_stream_end(kit->stream, kit->now_us);
    CHECK(kit->calls[1].finished);
    CHECK_EQ(kit->calls[1].next, 1050 * KIT_RATE / 1000);
    CHECK_EQ(kit_audio(kit, 10), STATUS_CLOSED);
    CHECK_EQ(stt_stream_room(kit->stream), 0);
    kit_sent(kit, 1);
    kit_final(kit, 1, "bye", 1000);
    CHECK_EQ(kit->settled, 1000 * KIT_RATE / 1000);
    kit_closed(kit, 1, 0);
    CHECK_EQ(kit->settled, 1050 * KIT_RATE / 1000);
    CHECK_EQ(kit_finals(kit), 1);
    CHECK_EQ(kit->calls_len, 2);
    kit_destroy(kit);
}

static void test_latency_ledger(void)
{
    struct stt_stream_config config = kit_config();
    struct kit *kit = kit_create(&config);
    int64_t start = kit->now_us;
    kit_audio(kit, 60); /* frame 1 holds the span's end, the block waits for frame 2 */
    kit->now_us = start + 40000;
    kit_audio(kit, 40);
    struct stt_event sent = {
        .call = 1, .kind = STT_EVENT_SENT, .at_us = start + 42000, .end_sample = KIT_RATE / 10};
    kit->now_us = start + 43000;
    stt_stream_event(kit->stream, &sent, kit->now_us);
    const struct stt_result result = {
        .is_final = true, .result_end_us = 50000, .transcript = "so", .language = ""};
    struct stt_response response = {.results = &result, .results_len = 1};
    struct stt_event event = {
        .call = 1, .kind = STT_EVENT_RESPONSE, .at_us = start + 142000, .response = &response};
    stt_stream_event(kit->stream, &event, start + 145000);
    const struct lat *lat = &kit_last(kit)->t.lat;
    CHECK_EQ(lat->start_us, start);
    CHECK_EQ(lat->last_us, start + 145000);
    CHECK_EQ(lat->part_us[LAT_HOLD], 40000);
    CHECK_EQ(lat->part_us[LAT_SERVER], 2000 + 3000);
    CHECK_EQ(lat->part_us[LAT_UPSTREAM], 100000);
    CHECK_EQ(lat->part_us[LAT_QUEUE], 0);
    kit_destroy(kit);
}

int main(void)
{
    RUN(test_config_is_checked);
    RUN(test_opens_lazily_and_coalesces);
    RUN(test_handover_is_measured_once_a_block);
    RUN(test_blocks_stay_below_the_wire_bound);
    RUN(test_partial_then_final);
    RUN(test_same_text_is_not_shown_twice);
    RUN(test_agreement_changes_with_the_segment);
    RUN(test_final_and_interims_in_one_response);
    RUN(test_empty_final_only_settles);
    RUN(test_word_times);
    RUN(test_session_taken_up_again);
    RUN(test_language_keeps_its_spelling);
    RUN(test_end_drains);
    RUN(test_latency_ledger);
    return check_done();
}
