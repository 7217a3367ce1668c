/* A stream that goes on where another was broken off: words that were final there are heard again,
 * and are not told again; what follows them is. */
#include "tests/unit/stt_kit.h"

#define MS_SAMPLES (KIT_RATE / 1000)

/* Segments 1 to `segments`, of which the newest said `text` up to `end_ms`. */
static struct kit *restored(uint64_t from_ms, const char *text, int64_t start_ms, int64_t end_ms,
                            bool exact)
{
    struct stt_stream_config config = kit_config();
    config.first_sample = from_ms * MS_SAMPLES;
    config.first_segment = 2;
    struct kit *kit = kit_create(&config);
    struct stt_transcript final = {.segment = 1,
                                   .rev = 4,
                                   .final = true,
                                   .committed = text,
                                   .tentative = "",
                                   .start_ms = start_ms,
                                   .end_ms = end_ms,
                                   .language = "en-US"};
    CHECK_EQ(stt_stream_past(kit->stream, &final, exact), STATUS_OK);
    kit->produced = config.first_sample;
    return kit;
}

static void check_last(struct kit *kit, const char *committed)
{
    const struct kit_line *line = kit_last(kit);
    CHECK(line->t.final && line->t.segment == 2);
    CHECK_STR(line->committed, committed);
    kit_destroy(kit);
}

static void test_heard_again_from_the_start(void)
{
    struct kit *kit = restored(0, "one two three", 200, 1500, true);
    kit_speak(kit, 3000);
    kit_final(kit, kit->calls_len - 1, "One two three four five.", 2800);
    check_last(kit, "four five.");
}

/* The call begins among the words of the final: those before it are not waited for. */
static void test_begins_within_a_final(void)
{
    struct kit *kit = restored(1200, "one two three", 200, 1500, true);
    kit_speak(kit, 2000);
    kit_final(kit, kit->calls_len - 1, "four five", 1800);
    check_last(kit, "four five");
}

static void test_begins_within_and_hears_the_rest(void)
{
    struct kit *kit = restored(900, "one two three", 200, 1500, false);
    kit_speak(kit, 2000);
    kit_final(kit, kit->calls_len - 1, "two three four five", 1800);
    check_last(kit, "four five");
}

/* The audio comes again in pieces: a call that ends before the words does not make them new. */
static void test_a_call_ends_before_they_were_said(void)
{
    struct kit *kit = restored(0, "one two three four", 1000, 4000, true);
    kit_speak(kit, 700);
    stt_stream_flush(kit->stream, kit->now_us);
    kit_wait(kit, 100);
    kit_closed(kit, kit->calls_len - 1, 0);
    kit_speak(kit, 5000);
    CHECK_EQ(kit->lines_len, 0);
    kit_final(kit, kit->calls_len - 1, "one two three four five", 4900);
    check_last(kit, "five");
}

/* What is new may be heard where old words were said: it begins where they end. */
static void test_begins_behind_the_last_end(void)
{
    struct kit *kit = restored(1000, "one two three", 200, 2000, true);
    kit_speak(kit, 800);
    kit_final(kit, kit->calls_len - 1, "four", 700);
    CHECK(kit_last(kit)->t.start_ms >= 2000 && kit_last(kit)->t.end_ms >= 2000);
    check_last(kit, "four");
}

int main(void)
{
    RUN(test_heard_again_from_the_start);
    RUN(test_begins_within_a_final);
    RUN(test_begins_within_and_hears_the_rest);
    RUN(test_a_call_ends_before_they_were_said);
    RUN(test_begins_behind_the_last_end);
    return check_done();
}
