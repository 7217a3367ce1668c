/* Sessions that say what the script says, and servers that answer it well or badly. */
#include "bench/judge.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "bench/load_voice.h"
#include "bench/script.h"
#include "tests/check.h"
#include <math.h>

#define SEED       5
#define RATE       24000
#define FRAME_US   100000
#define START_US   1000000000LL /* the first frame is due */
#define CYCLE_MS   6000
#define SPEECH_MS  5100
#define ENDLESS_US INT64_MAX
#define LATENCY_US 250000

static const char *const spanish[] = {"es", NULL};
static struct judge *judge;
static struct judge_session *session;
static struct judge_sum sum;
static uint32_t number; /* of the session in the script */

static void begin(const char *const *targets, bool grammar)
{
    const struct judge_config config = {.seed = SEED,
                                        .rate = RATE,
                                        .source = "en",
                                        .targets = targets,
                                        .grammar = grammar,
                                        .from_us = 0,
                                        .to_us = ENDLESS_US};
    CHECK_EQ(judge_create(&judge, &config), STATUS_OK);
    number = 3;
    session = judge_session_open(judge, number);
    CHECK(session != NULL);
}

static void end(void)
{
    judge_sum(judge, &sum);
    judge_destroy(judge);
}

static int64_t due_of_ms(int64_t ms)
{
    return START_US + (ms + 99) / 100 * FRAME_US;
}

/* Frames that end at (from, to] milliseconds of the audio; each is due when it is spoken. */
static void send_audio(int64_t from_ms, int64_t to_ms)
{
    for (int64_t ms = from_ms + 100; ms <= to_ms; ms += 100)
        judge_session_audio(session, (uint64_t)ms * RATE / 1000, due_of_ms(ms));
}

/* Says one utterance to its end, its pause behind it. */
static void say(uint32_t utterance)
{
    int64_t start_ms = (utterance - 1) * (int64_t)CYCLE_MS;
    const struct load_utterance said = {.number = utterance,
                                        .words = script_utterance_len(SEED, number, utterance),
                                        .start_ms = start_ms,
                                        .end_ms = start_ms + SPEECH_MS};
    send_audio(start_ms, start_ms + CYCLE_MS);
    judge_session_said(session, &said, due_of_ms(said.end_ms));
}

static enum judge_heard hear(const char *text, int64_t now_us)
{
    return judge_session_heard(session, text, strlen(text), now_us);
}

/* What the server says of a span of one utterance. */
struct answer {
    uint32_t segment, utterance;
    unsigned first, len; /* words; len 0: all */
    int64_t late_us;     /* after the span's audio was due; 0: LATENCY_US */
    bool failed;
};

static int64_t end_ms_of(const struct answer *answer)
{
    return (answer->utterance - 1) * (int64_t)CYCLE_MS + SPEECH_MS;
}

static char *words_of(const struct answer *answer, const char *language)
{
    struct buf text;
    unsigned all = script_utterance_len(SEED, number, answer->utterance);
    const struct script_span span = {.seed = SEED,
                                     .session = number,
                                     .utterance = answer->utterance,
                                     .first = answer->first,
                                     .len = answer->len > 0 ? answer->len : all - answer->first,
                                     .sentence = true};
    buf_init(&text, 1 << 16);
    CHECK_EQ(script_span_write(&span, language, &text), STATUS_OK);
    return buf_take(&text, NULL);
}

static void hear_span(const struct answer *answer, const char *head, const char *text)
{
    char json[4096];
    int64_t late_us = answer->late_us != 0 ? answer->late_us : LATENCY_US;
    snprintf(json, sizeof json,
             "{\"t_ms\":1,\"lat\":{\"audio\":240.0,\"upstream\":200.0,\"queue\":10.0,"
             "\"hold\":20.0,\"store\":0.0,\"server\":10.0},%s,\"segment\":%u,\"rev\":4,"
             "\"final\":true,\"committed\":\"%s\",\"tentative\":\"\",\"start_ms\":0,"
             "\"end_ms\":%lld%s}",
             head, answer->segment, answer->failed ? "" : text, (long long)end_ms_of(answer),
             answer->failed ? ",\"failed\":\"deadline\"" : "");
    hear(json, due_of_ms(end_ms_of(answer)) + late_us);
}

static void transcribe(struct answer answer)
{
    char *text = words_of(&answer, "en");
    hear_span(&answer, "\"type\":\"transcript\"", text);
    mem_free(text);
}

static void translate(struct answer answer, const char *language)
{
    char head[64], *text = words_of(&answer, language);
    snprintf(head, sizeof head, "\"type\":\"translation\",\"lang\":\"%s\"", language);
    hear_span(&answer, head, text);
    mem_free(text);
}

/* The corrected sentence, or (`as_it_is`) the sentence as it was said. */
static void correct(struct answer answer, bool as_it_is)
{
    char json[4096];
    int at = snprintf(json, sizeof json,
                      "{\"type\":\"grammar\",\"segment\":%u,\"rev\":1,\"final\":true%s,"
                      "\"corrected\":\"",
                      answer.segment, answer.failed ? ",\"failed\":\"budget\"" : "");
    unsigned len = script_utterance_len(SEED, number, answer.utterance);
    for (unsigned i = 0; i < len; i++) {
        unsigned word = script_utterance_word(SEED, number, answer.utterance, i);
        const char *right = as_it_is ? NULL : script_word_correction(word);
        at += snprintf(json + at, sizeof json - (size_t)at, "%s%s", i > 0 ? " " : "",
                       right != NULL ? right : script_word_text(word, "en"));
    }
    snprintf(json + at, sizeof json - (size_t)at, ".\",\"edits\":[]}");
    hear(json, due_of_ms(end_ms_of(&answer)) + LATENCY_US);
}

static void answer_all(struct answer answer)
{
    transcribe(answer);
    translate(answer, "es");
    correct(answer, false);
}

static bool has_mistake(uint32_t utterance)
{
    for (unsigned i = 0; i < script_utterance_len(SEED, number, utterance); i++)
        if (script_word_correction(script_utterance_word(SEED, number, utterance, i)) != NULL)
            return true;
    return false;
}

static void everything_is_delivered(void)
{
    begin(spanish, true);
    for (uint32_t i = 1; i <= 20; i++) {
        say(i);
        answer_all((struct answer){.segment = i, .utterance = i});
    }
    CHECK_EQ(judge_session_finals(session), 60);
    end();
    CHECK_EQ(sum.utterances, 20);
    CHECK_EQ(sum.finals_owed, 60);
    CHECK_EQ(sum.finals_got, 60);
    CHECK_EQ(sum.kind_got[JUDGE_TRANSCRIPT_FINAL], 20);
    CHECK_EQ(sum.kind_got[JUDGE_TRANSLATION_FINAL], 20);
    CHECK_EQ(sum.kind_got[JUDGE_GRAMMAR_FINAL], 20);
    CHECK(sum.words_said >= 20 * SCRIPT_SAID_MIN);
    CHECK_EQ(sum.words_lost + sum.words_repeated + sum.words_wrong, 0);
    CHECK_EQ(sum.translations_wrong + sum.corrections_wrong + sum.finals_reordered, 0);
    CHECK_EQ(sum.finals_failed + sum.committed_broken + sum.errors, 0);
    CHECK(fabs(sum.jain - 1) < 1e-9);
    CHECK(!sum.incomplete);
}

static void latencies_run_from_the_due_time(void)
{
    begin(spanish, true);
    say(1);
    answer_all((struct answer){.segment = 1, .utterance = 1});
    end();
    static const enum judge_kind kinds[] = {JUDGE_TRANSCRIPT_FINAL, JUDGE_TRANSLATION_FINAL,
                                            JUDGE_GRAMMAR_FINAL};
    for (size_t i = 0; i < 3; i++) {
        CHECK_EQ(sum.latency[kinds[i]].total.count, 1);
        CHECK_EQ(sum.latency[kinds[i]].total.max, LATENCY_US);
    }
    const struct judge_latency *latency = &sum.latency[JUDGE_TRANSLATION_FINAL];
    CHECK_EQ(latency->audio.max, 240000);
    CHECK_EQ(latency->upstream.max, 200000);
    CHECK_EQ(latency->queue.max, 10000);
    CHECK_EQ(latency->hold.max, 20000);
    CHECK_EQ(latency->server.max, 10000);
    CHECK_EQ(sum.latency[JUDGE_GRAMMAR_FINAL].server.count, 0);
}

/* A span ends inside a frame: the frame is due when it is full. */
static void a_span_ends_inside_a_frame(void)
{
    begin(spanish, false);
    send_audio(0, 2000);
    hear("{\"type\":\"transcript\",\"segment\":1,\"final\":false,\"committed\":\"\","
         "\"tentative\":\"x\",\"end_ms\":1510}",
         due_of_ms(1600) + 7000);
    hear("{\"type\":\"audio.ack\",\"audio_samples\":36000}", due_of_ms(1500) + 9000);
    /* Audio that was never sent has no latency. */
    hear("{\"type\":\"audio.ack\",\"audio_samples\":720000}", due_of_ms(2000));
    end();
    CHECK_EQ(sum.latency[JUDGE_TRANSCRIPT_PARTIAL].total.max, 7000);
    CHECK_EQ(sum.latency[JUDGE_ACK].total.count, 1);
    CHECK_EQ(sum.latency[JUDGE_ACK].total.max, 9000);
    CHECK_EQ(sum.acks, 2);
    CHECK_EQ(sum.events, 3);
}

static void only_the_window_counts(void)
{
    begin(spanish, true);
    judge_window(judge, due_of_ms(CYCLE_MS), due_of_ms(2 * CYCLE_MS));
    for (uint32_t i = 1; i <= 3; i++) {
        say(i);
        answer_all((struct answer){.segment = i, .utterance = i, .late_us = i * 1000});
    }
    end();
    CHECK_EQ(sum.utterances, 1);
    CHECK_EQ(sum.finals_owed, 3);
    CHECK_EQ(sum.finals_got, 3);
    CHECK_EQ(sum.latency[JUDGE_TRANSCRIPT_FINAL].total.count, 1);
    CHECK_EQ(sum.latency[JUDGE_TRANSCRIPT_FINAL].total.max, 2000);
    /* Words are counted over the whole run. */
    CHECK(sum.words_said >= 3 * SCRIPT_SAID_MIN);
}

static void a_transcript_that_never_comes(void)
{
    begin(spanish, true);
    for (uint32_t i = 1; i <= 3; i++) {
        say(i);
        if (i != 2)
            answer_all((struct answer){.segment = i, .utterance = i});
    }
    end();
    CHECK_EQ(sum.finals_owed, 9);
    CHECK_EQ(sum.finals_got, 6);
    CHECK_EQ(sum.words_lost, script_utterance_len(SEED, number, 2));
    CHECK_EQ(sum.words_repeated + sum.words_wrong, 0);
}

static void an_utterance_in_two_segments(void)
{
    begin(spanish, false);
    say(1);
    unsigned len = script_utterance_len(SEED, number, 1);
    struct answer first = {.segment = 1, .utterance = 1, .len = 5};
    struct answer second = {.segment = 2, .utterance = 1, .first = 5, .len = len - 5};
    transcribe(first);
    transcribe(second);
    translate(first, "es");
    second.failed = true;
    translate(second, "es");
    end();
    CHECK_EQ(sum.kind_got[JUDGE_TRANSCRIPT_FINAL], 1);
    /* Half of its translation is missing. */
    CHECK_EQ(sum.kind_got[JUDGE_TRANSLATION_FINAL], 0);
    CHECK_EQ(sum.finals_failed, 1);
    CHECK_EQ(sum.words_lost, 0);
}

static void words_repeated_after_a_cut(void)
{
    begin(spanish, false);
    say(1);
    unsigned len = script_utterance_len(SEED, number, 1);
    transcribe((struct answer){.segment = 1, .utterance = 1, .len = 8});
    transcribe((struct answer){.segment = 2, .utterance = 1, .first = 5, .len = len - 5});
    end();
    CHECK_EQ(sum.words_repeated, 3);
    CHECK_EQ(sum.words_lost + sum.words_wrong, 0);
    CHECK_EQ(sum.kind_got[JUDGE_TRANSCRIPT_FINAL], 1);
}

static void a_word_missing_is_no_delivery(void)
{
    begin(spanish, false);
    say(1);
    unsigned len = script_utterance_len(SEED, number, 1);
    struct answer answer = {.segment = 1, .utterance = 1, .len = len - 1};
    transcribe(answer);
    translate(answer, "es");
    end();
    char expected[100];
    snprintf(expected, sizeof expected, "session 3, utterance 1, word %u: %s", len,
             script_word_text(script_utterance_word(SEED, number, 1, len - 1), "en"));
    CHECK_STR(sum.first_lost, expected);
    CHECK_EQ(sum.words_lost, 1);
    CHECK_EQ(sum.finals_got, 0);
    /* Although the translation is that of its transcript. */
    CHECK_EQ(sum.translations_wrong, 0);
}

/* The session ended inside an utterance; the server has told what it had heard. */
static void an_utterance_under_way(void)
{
    begin(spanish, false);
    say(1);
    transcribe((struct answer){.segment = 1, .utterance = 1});
    transcribe((struct answer){.segment = 2, .utterance = 2, .len = 4});
    end();
    CHECK_EQ(sum.utterances, 1);
    CHECK_EQ(sum.words_said, script_utterance_len(SEED, number, 1));
    CHECK_EQ(sum.words_lost + sum.words_repeated + sum.words_wrong, 0);
}

static void wrong_translations(void)
{
    begin(spanish, false);
    for (uint32_t i = 1; i <= 3; i++)
        say(i);
    for (uint32_t i = 1; i <= 3; i++)
        transcribe((struct answer){.segment = i, .utterance = i});
    /* Of another sentence; too short; of a segment nobody knows. */
    translate((struct answer){.segment = 1, .utterance = 2}, "es");
    translate((struct answer){.segment = 2, .utterance = 2, .len = 4}, "es");
    translate((struct answer){.segment = 7, .utterance = 3}, "es");
    /* Nobody asked for this language. */
    translate((struct answer){.segment = 1, .utterance = 1}, "fr");
    end();
    CHECK_EQ(sum.translations_wrong, 3);
    CHECK_EQ(sum.kind_got[JUDGE_TRANSLATION_FINAL], 0);
    CHECK_EQ(sum.kind_owed[JUDGE_TRANSLATION_FINAL], 3);
    CHECK_EQ(sum.kind_got[JUDGE_TRANSCRIPT_FINAL], 3);
}

static void wrong_corrections(void)
{
    unsigned mistakes = 0;
    begin(spanish, true);
    for (uint32_t i = 1; i <= 30; i++) {
        say(i);
        transcribe((struct answer){.segment = i, .utterance = i});
        correct((struct answer){.segment = i, .utterance = i}, true);
        mistakes += has_mistake(i);
    }
    end();
    CHECK(mistakes > 0);
    CHECK_EQ(sum.corrections_wrong, mistakes);
    CHECK_EQ(sum.kind_got[JUDGE_GRAMMAR_FINAL], 30 - mistakes);
}

static void failed_finals_are_not_got(void)
{
    begin(spanish, true);
    say(1);
    struct answer answer = {.segment = 1, .utterance = 1};
    transcribe(answer);
    answer.failed = true;
    translate(answer, "es");
    correct(answer, false);
    end();
    CHECK_EQ(sum.finals_failed, 2);
    CHECK_EQ(sum.finals_got, 1);
    CHECK_EQ(sum.latency[JUDGE_TRANSLATION_FINAL].total.count, 0);
}

static void finals_out_of_order(void)
{
    begin(spanish, true);
    say(1);
    say(2);
    transcribe((struct answer){.segment = 1, .utterance = 1});
    transcribe((struct answer){.segment = 2, .utterance = 2});
    transcribe((struct answer){.segment = 2, .utterance = 2});
    translate((struct answer){.segment = 2, .utterance = 2}, "es");
    translate((struct answer){.segment = 1, .utterance = 1}, "es");
    correct((struct answer){.segment = 1, .utterance = 1}, false);
    correct((struct answer){.segment = 1, .utterance = 1}, false);
    end();
    CHECK_EQ(sum.finals_reordered, 3);
    CHECK_EQ(sum.words_repeated, 0);
    CHECK_EQ(sum.kind_got[JUDGE_TRANSCRIPT_FINAL], 2);
    CHECK_EQ(sum.kind_got[JUDGE_TRANSLATION_FINAL], 1);
}

static void show(const char *type, unsigned segment, bool final, const char *texts)
{
    char json[512];
    snprintf(json, sizeof json, "{\"type\":%s,\"segment\":%u,\"final\":%s,%s,\"end_ms\":100}", type,
             segment, final ? "true" : "false", texts);
    hear(json, START_US);
}

static void flicker_and_broken_promises(void)
{
    static const char transcript[] = "\"transcript\"";
    static const char translation[] = "\"translation\",\"lang\":\"es\"";
    begin(spanish, false);
    show(transcript, 1, false, "\"committed\":\"\",\"tentative\":\"one two three\"");
    show(transcript, 1, false, "\"committed\":\"one\",\"tentative\":\" three four\"");
    show(translation, 1, false, "\"committed\":\"uno\",\"tentative\":\" dos\"");
    show(transcript, 1, true, "\"committed\":\"One, three four five.\",\"tentative\":\"\"");
    show(translation, 1, true, "\"committed\":\"dos tres\",\"tentative\":\"\"");
    /* A segment without a final does not count for flicker. */
    show(transcript, 2, false, "\"committed\":\"\",\"tentative\":\"a b c\"");
    show(transcript, 2, false, "\"committed\":\"\",\"tentative\":\"\"");
    end();
    /* "two three" of four words; "uno dos" of two. */
    CHECK(fabs(sum.erasure_transcript - 0.5) < 1e-9);
    CHECK(fabs(sum.erasure_translation - 1) < 1e-9);
    CHECK_EQ(sum.committed_broken, 1);
}

static void fairness(void)
{
    begin(spanish, false);
    say(1);
    transcribe((struct answer){.segment = 1, .utterance = 1});
    translate((struct answer){.segment = 1, .utterance = 1}, "es");
    for (int i = 0; i < 3; i++) {
        session = judge_session_open(judge, ++number);
        say(1);
        if (i > 0)
            continue;
        transcribe((struct answer){.segment = 1, .utterance = 1});
        translate((struct answer){.segment = 1, .utterance = 1}, "es");
    }
    end();
    /* 2, 2, 0, 0: half of them have all. */
    CHECK(fabs(sum.jain - 0.5) < 1e-9);
    CHECK_EQ(sum.finals_owed, 8);
    CHECK_EQ(sum.finals_got, 4);
}

static void excused_sessions_are_not_judged(void)
{
    begin(spanish, false);
    judge_session_excuse(session);
    say(1);
    say(2);
    transcribe((struct answer){.segment = 2, .utterance = 1});
    transcribe((struct answer){.segment = 1, .utterance = 1});
    end();
    CHECK_EQ(sum.words_said + sum.words_lost + sum.finals_owed + sum.finals_reordered, 0);
    CHECK_EQ(sum.latency[JUDGE_TRANSCRIPT_FINAL].total.count, 0);
    CHECK_EQ(sum.events, 2);
}

static void sessions_are_counted(void)
{
    begin(spanish, false);
    judge_session_asked(session, START_US);
    CHECK_EQ(hear("{\"type\":\"session.started\",\"session\":\"s\"}", START_US + 3000),
             JUDGE_HEARD_STARTED);
    CHECK_EQ(hear("{\"type\":\"session.goaway\"}", START_US), JUDGE_HEARD_GOAWAY);
    CHECK_EQ(hear("{\"type\":\"session.updated\"}", START_US), JUDGE_OTHER);
    CHECK_EQ(hear("{\"type\":\"error\",\"code\":\"rate_limited\",\"message\":\"slow down\","
                  "\"fatal\":false}",
                  START_US),
             JUDGE_OTHER);
    CHECK_EQ(hear("{\"type\":\"session.ended\",\"reason\":\"ended\"}", START_US),
             JUDGE_HEARD_ENDED);
    judge_session_closed(session, true);
    session = judge_session_open(judge, 4);
    CHECK_EQ(hear("{\"type\":\"error\",\"code\":\"over_capacity\",\"message\":\"full\","
                  "\"fatal\":true}",
                  START_US),
             JUDGE_HEARD_FATAL);
    judge_session_closed(session, false);
    session = judge_session_open(judge, 5);
    CHECK_EQ(hear("hello", START_US), JUDGE_OTHER);
    judge_session_closed(session, false);
    judge_session_closed(session, false);
    end();
    CHECK_EQ(sum.sessions_started, 1);
    CHECK_EQ(sum.sessions_refused, 1);
    CHECK_EQ(sum.sessions_lost, 1);
    CHECK_EQ(sum.errors, 3);
    CHECK_STR(sum.first_error, "rate_limited: slow down");
    CHECK_EQ(sum.latency[JUDGE_STARTED].total.max, 3000);
    CHECK_EQ(sum.jain, 1);
}

/* Older audio than is remembered counts as at least that old; positions stay right when the low
 * halves of their numbers have wrapped. */
static void hours_of_audio(void)
{
    begin(spanish, false);
    int64_t ms = 0;
    for (; ms < 5 * 3600 * 1000; ms += 100)
        judge_session_audio(session, (uint64_t)(ms + 100) * RATE / 1000, due_of_ms(ms + 100));
    char json[256];
    snprintf(json, sizeof json, "{\"type\":\"audio.ack\",\"audio_samples\":%lld}",
             (long long)(ms - 80000) * RATE / 1000);
    hear(json, due_of_ms(ms));
    judge_sum(judge, &sum);
    CHECK_EQ(sum.latency[JUDGE_ACK].total.max, 80000000);
    hear("{\"type\":\"audio.ack\",\"audio_samples\":2400}", due_of_ms(ms));
    end();
    CHECK(sum.latency[JUDGE_ACK].total.max >= 90000000);
    CHECK(sum.latency[JUDGE_ACK].total.max < 120000000);
}

/* What a thousand judged sessions of five minutes take. */
static void small_and_quick(void)
{
    begin(spanish, true);
    size_t rss = mem_rss();
    int64_t start_us = clock_mono_us();
    for (int i = 0; i < 50; i++) {
        if (i > 0)
            session = judge_session_open(judge, ++number);
        for (uint32_t u = 1; u <= 50; u++) {
            say(u);
            answer_all((struct answer){.segment = u, .utterance = u});
        }
    }
    int64_t heard_us = clock_mono_us() - start_us;
    size_t grown = mem_rss() - rss;
    start_us = clock_mono_us();
    end();
    fprintf(stderr, "     %.1f us an answer with its making, %.1f KB a session, sum %.2f ms\n",
            (double)heard_us / (50 * 50 * 3), (double)grown / 50 / 1024,
            (double)(clock_mono_us() - start_us) / 1e3);
    CHECK_EQ(sum.finals_got, 50 * 50 * 3);
#ifndef SOTTO_SANITIZED
    CHECK(grown / 50 < 64 * 1024);
#endif
}

/* Whichever allocation fails, nothing breaks, and the sum says that it is not all. */
static void no_memory(void)
{
    for (unsigned nth = 1; nth < 60; nth++) {
        begin(spanish, true);
        say(1);
        struct answer answer = {.segment = 1, .utterance = 1};
        char *text = words_of(&answer, "en");
        mem_fail_nth(nth);
        hear_span(&answer, "\"type\":\"transcript\"", text);
        judge_sum(judge, &sum);
        mem_fail_nth(0);
        mem_free(text);
        CHECK(sum.incomplete || sum.kind_got[JUDGE_TRANSCRIPT_FINAL] == 1);
        judge_destroy(judge);
        if (!sum.incomplete)
            return;
    }
    CHECK(!"an end of allocations");
}

/* From the first thing that is degraded to the last that is restored, or to the last message. */
static void test_degraded(void)
{
    static const char degraded[] = "{\"type\":\"session.degraded\",\"what\":[\"grammar\"]}";
    static const char restored[] = "{\"type\":\"session.restored\",\"what\":[\"grammar\"]}";
    begin(spanish, false);
    hear(degraded, START_US + 1000000);
    hear(degraded, START_US + 2000000);
    hear(restored, START_US + 3000000);
    hear(restored, START_US + 5000000);
    hear(degraded, START_US + 10000000);
    hear("{\"type\":\"session.ended\"}", START_US + 13000000);
    end();
    CHECK_EQ(sum.sessions_degraded, 1);
    CHECK_EQ(sum.sessions_restored, 1);
    CHECK_EQ(sum.degraded_median_us, 7000000);
    CHECK_EQ(sum.degraded_max_us, 7000000);
}

static void hear_text(const char *fields, int64_t at_us)
{
    char json[512];
    snprintf(json, sizeof json, "{\"rev\":1,\"tentative\":\"\",\"start_ms\":0,\"end_ms\":900,%s}",
             fields);
    hear(json, at_us);
}

static void hear_started(unsigned epoch, unsigned open_segment, int64_t at_us)
{
    char json[128];
    snprintf(json, sizeof json, "{\"type\":\"session.started\",\"epoch\":%u,\"open_segment\":%u}",
             epoch, open_segment);
    CHECK_EQ(hear(json, at_us), JUDGE_HEARD_STARTED);
}

/* What was shown and is not final is void in a new epoch; what is durable stands once. */
static void a_session_goes_on(void)
{
    begin(spanish, false);
    hear_started(1, 1, START_US);
    send_audio(0, 1000);
    hear_text(
        "\"type\":\"transcript\",\"segment\":1,\"committed\":\"she\",\"final\":true,\"seq\":1",
        START_US + 1000000);
    hear_text("\"type\":\"transcript\",\"segment\":2,\"committed\":\"one two\"",
              START_US + 1100000);
    judge_session_lost(session, START_US + 1200000);
    judge_session_lost(session, START_US + 1300000); /* a try in vain */
    hear_started(2, 2, START_US + 4200000);
    CHECK_EQ(judge_session_seq(session), 1);
    hear_text("\"type\":\"transcript\",\"segment\":2,\"committed\":\"three\"", START_US + 5000000);
    hear_text(
        "\"type\":\"transcript\",\"segment\":1,\"committed\":\"she\",\"final\":true,\"seq\":1",
        START_US + 5100000);
    hear_text(
        "\"type\":\"transcript\",\"segment\":2,\"committed\":\"three\",\"final\":true,\"seq\":4",
        START_US + 5200000);
    CHECK_EQ(judge_session_seq(session), 4);
    end();
    CHECK_EQ(sum.sessions_started, 1);
    CHECK_EQ(sum.resumes, 1);
    CHECK_EQ(sum.epochs, 1);
    CHECK_EQ(sum.latency[JUDGE_RESUMED].total.count, 1);
    CHECK_EQ(sum.latency[JUDGE_RESUMED].total.max, 3000000);
    CHECK_EQ(sum.latency[JUDGE_CAPTION_GAP].total.max, 3900000);
    CHECK_EQ(sum.committed_broken, 0);
    CHECK_EQ(sum.finals_repeated, 1);
    CHECK_EQ(sum.finals_missing, 2);
    CHECK_EQ(sum.finals_reordered, 0);
}

/* Without a new epoch nothing may be taken back. */
static void a_session_goes_on_as_it_was(void)
{
    begin(spanish, false);
    hear_started(1, 1, START_US);
    hear_text("\"type\":\"transcript\",\"segment\":1,\"committed\":\"one two\"",
              START_US + 1000000);
    hear_started(1, 1, START_US + 2000000);
    hear_text("\"type\":\"transcript\",\"segment\":1,\"committed\":\"three\"", START_US + 3000000);
    end();
    CHECK_EQ(sum.epochs, 0);
    CHECK_EQ(sum.committed_broken, 1);
}

static void text_is_written(void)
{
    const struct judge_config config = {
        .rate = RATE, .source = "en", .targets = spanish, .keep_text = true, .to_us = ENDLESS_US};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    CHECK_EQ(judge_create(&judge, &config), STATUS_OK);
    session = judge_session_open(judge, 7);
    hear_text(
        "\"type\":\"transcript\",\"segment\":1,\"committed\":\"She\",\"final\":true,\"seq\":1", 1);
    hear_text("\"type\":\"transcript\",\"segment\":2,\"committed\":\"on\"", 2);
    hear_text(
        "\"type\":\"transcript\",\"segment\":2,\"committed\":\"runs.\",\"final\":true,\"seq\":2",
        3);
    hear_text("\"type\":\"translation\",\"segment\":1,\"lang\":\"es\",\"committed\":\"Ella\","
              "\"final\":true,\"seq\":3",
              4);
    hear_text("\"type\":\"translation\",\"segment\":2,\"lang\":\"es\",\"failed\":\"deadline\","
              "\"final\":true,\"seq\":4",
              5);
    CHECK_EQ(judge_write_text(judge, out), STATUS_OK);
    fclose(out);
    CHECK_STR(text, "{\"session\":7,\"text\":\"She runs.\",\"translations\":{\"es\":\"Ella\"},"
                    "\"corrected\":\"\",\"failed\":1,\"finals\":4}\n");
    free(text);
    judge_destroy(judge);
}

int main(void)
{
    RUN(everything_is_delivered);
    RUN(latencies_run_from_the_due_time);
    RUN(a_span_ends_inside_a_frame);
    RUN(only_the_window_counts);
    RUN(a_transcript_that_never_comes);
    RUN(an_utterance_in_two_segments);
    RUN(words_repeated_after_a_cut);
    RUN(a_word_missing_is_no_delivery);
    RUN(an_utterance_under_way);
    RUN(wrong_translations);
    RUN(wrong_corrections);
    RUN(failed_finals_are_not_got);
    RUN(finals_out_of_order);
    RUN(flicker_and_broken_promises);
    RUN(fairness);
    RUN(excused_sessions_are_not_judged);
    RUN(sessions_are_counted);
    RUN(hours_of_audio);
    RUN(small_and_quick);
    RUN(no_memory);
    RUN(test_degraded);
    RUN(a_session_goes_on);
    RUN(a_session_goes_on_as_it_was);
    RUN(text_is_written);
    return check_done();
}
