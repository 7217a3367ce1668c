/* One lesson with the nth allocation failing, for every n: nothing breaks a promise, everything is
 * given back. */
#include "tests/unit/stt_kit.h"

/* What is committed grows, finals come in order and once. */
static void check_lines(const struct kit *kit)
{
    uint32_t segment = 1;
    const char *committed = "";
    for (unsigned i = 0; i < kit->lines_len; i++) {
        const struct kit_line *line = &kit->lines[i];
        CHECK_EQ(line->t.segment, segment);
        CHECK(strncasecmp(line->committed, committed, strlen(committed)) == 0);
        committed = line->t.final ? "" : line->committed;
        segment += line->t.final;
    }
}

/* Answers whatever call is there, from what it was given. */
static void answer(struct kit *kit, const char *text, bool final)
{
    if (kit->calls_len == 0)
        return;
    uint32_t call = kit->calls_len - 1;
    if (kit->calls[call].base == UINT64_MAX || kit->calls[call].cancelled)
        return;
    kit_sent(kit, call);
    const struct stt_response_word words[] = {{"A", 10000, 20000}};
    const struct stt_result result = {.is_final = final,
                                      .transcript = text,
                                      .language = "en-us",
                                      .words = words,
                                      .words_len = final ? 1 : 0};
    kit_response(kit, call, &result, 1);
}

static void speak(struct kit *kit)
{
    kit_wait(kit, 300);
    kit_audio(kit, 300);
    kit->produced = stt_stream_received(kit->stream);
    kit_wait(kit, 300);
}

static unsigned lesson(unsigned nth)
{
    struct stt_stream_config config = kit_config();
    config.idle_close_ms = 60000;
    struct kit *kit = kit_create(&config);
    mem_fail_nth(nth);
    speak(kit);
    answer(kit, "one \xc3\xa9t\xc3\xa9", false);
    answer(kit, "one \xc3\xa9t\xc3\xa9 three", false);
    speak(kit);
    answer(kit, "one \xc3\xa9t\xc3\xa9 three four", false);
    answer(kit, "One \xc3\xa9t\xc3\xa9 three four.", true);
    speak(kit);
    answer(kit, "five", false);
    stt_stream_flush(kit->stream, kit->now_us);
    uint32_t old = kit->calls_len > 0 ? kit->calls_len - 1 : 0;
    speak(kit);
    answer(kit, "six", true); /* held */
    if (old > 0)
        kit_closed(kit, old, 0);
    mem_fail_nth(0);
    stt_stream_end(kit->stream, kit->now_us);
    for (int i = 0; i < 60 && kit->settled < stt_stream_received(kit->stream); i++) {
        kit_wait(kit, 1000);
        for (uint32_t call = 1; call < kit->calls_len; call++) {
            if (kit->calls[call].base != UINT64_MAX && !kit->calls[call].cancelled)
                kit_sent(kit, call);
            if (kit->calls[call].finished)
                kit_closed(kit, call, 0);
        }
    }
    CHECK_EQ(kit->settled, stt_stream_received(kit->stream));
    CHECK(!stt_stream_segment_open(kit->stream));
    check_lines(kit);
    unsigned finals = kit_finals(kit);
    kit_destroy(kit);
    return finals;
}

static void test_every_allocation(void)
{
    CHECK_EQ(lesson(0), 3);
    for (unsigned nth = 1; nth < 200; nth++)
        CHECK(lesson(nth) <= 3);
}

int main(void)
{
    RUN(test_every_allocation);
    return check_done();
}
