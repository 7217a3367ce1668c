/* What teachers saw, against what learners were shown. */
#include "bench/judge.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "bench/load_name.h"
#include "tests/check.h"
#include <stdarg.h>

#define SECOND_US 1000000

static const char *const targets[] = {NULL};
static struct judge *judge;
static struct judge_session *learners[4];
static struct judge_watcher *teacher;
static struct judge_sum sum;

__attribute__((format(printf, 3, 4))) static void hear(int learner, int64_t now_us,
                                                       const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    judge_session_heard(learners[learner], text, (size_t)len, now_us);
}

__attribute__((format(printf, 2, 3))) static enum judge_watch_heard see(int64_t now_us,
                                                                        const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return judge_watcher_heard(teacher, text, (size_t)len, now_us);
}

/* Four learners in two classes: 1A has sessions 0 and 2, 1B has 1 and 3. */
static void begin(int class_number, bool slow)
{
    struct judge_config config = {.rate = 24000,
                                  .source = "en",
                                  .targets = targets,
                                  .watched = true,
                                  .classes = 2,
                                  .from_us = 0,
                                  .to_us = 1000 * (int64_t)SECOND_US};
    CHECK_EQ(judge_create(&judge, &config), STATUS_OK);
    for (int i = 0; i < 4; i++) {
        learners[i] = judge_session_open(judge, (uint32_t)i);
        hear(i, 1, "{\"type\":\"session.started\",\"session\":\"%032x\",\"epoch\":1}", i + 10);
    }
    teacher = judge_watcher_open(judge, class_number, slow);
}

static void end(void)
{
    judge_sum(judge, &sum);
    judge_destroy(judge);
}

static void say(int learner, int64_t now_us, const char *committed, const char *tentative)
{
    hear(learner, now_us,
         "{\"type\":\"transcript\",\"segment\":1,\"rev\":1,\"final\":false,\"committed\":\"%s\","
         "\"tentative\":\"%s\"}",
         committed, tentative);
}

#define STATE "{\"session\":\"%032x\",\"class\":\"%s\",\"segment\":1,\"text\":\"%s\"}"

static void snapshot(int64_t now_us)
{
    CHECK_EQ(see(now_us,
                 "{\"type\":\"snapshot\",\"sessions\":[" STATE "," STATE "," STATE "," STATE "]}",
                 10, "1A", "a", 11, "1B", "", 12, "1A", "", 13, "1B", ""),
             JUDGE_WATCH_SNAPSHOT);
}

static void delta(int64_t now_us, int learner, const char *text)
{
    CHECK_EQ(see(now_us,
                 "{\"type\":\"delta\",\"changed\":[{\"session\":\"%032x\",\"text\":\"%s\"}],"
                 "\"gone\":[]}",
                 learner + 10, text),
             JUDGE_WATCH_DELTA);
}

/* What was passed over counts with what came in its stead. */
static void test_stale(void)
{
    begin(JUDGE_WATCH_ALL, false);
    say(0, 1000, "a", "");
    snapshot(50000);
    say(0, 100000, "a", " b");
    say(0, 300000, "a b", " c");
    delta(350000, 0, "a b c");
    delta(400000, 0, "a b c"); /* nothing new */
    CHECK_EQ(judge_watcher_heard(teacher, "{", 1, 0), JUDGE_WATCH_OTHER);
    end();
    CHECK_EQ(sum.watch.stale.count, 2);
    CHECK_EQ(sum.watch.stale.max, 250000);
    CHECK(hist_quantile(&sum.watch.stale, 0.1) <= 51000);
    CHECK_EQ(sum.watch.deltas, 2);
    CHECK_EQ(sum.watch.changes, 2);
    CHECK_EQ(sum.watch.second_max, 2);
    CHECK_EQ(sum.watch.seeing, 1);
    CHECK_EQ(sum.watch.errors, 1);
    CHECK_EQ(sum.watch.unseen + sum.watch.unmatched + sum.watch.missing, 0);
}

/* The same words in another segment are another text. */
static void test_segments(void)
{
    begin(JUDGE_WATCH_ALL, false);
    say(0, 1000, "a", "");
    snapshot(2000);
    hear(0, 5000, "{\"type\":\"transcript\",\"segment\":2,\"committed\":\"\",\"tentative\":\"a\"}");
    see(9000, "{\"type\":\"delta\",\"changed\":[{\"session\":\"%032x\",\"audio_ms\":7}]}", 10);
    CHECK_EQ(see(15000,
                 "{\"type\":\"delta\",\"changed\":[{\"session\":\"%032x\",\"segment\":2,"
                 "\"text\":\"a\"}]}",
                 10),
             JUDGE_WATCH_DELTA);
    end();
    CHECK_EQ(sum.watch.stale.count, 1);
    CHECK_EQ(sum.watch.stale.max, 10000);
}

/* The teacher's socket was the first to be read. */
static void test_ahead(void)
{
    begin(JUDGE_WATCH_ALL, false);
    say(0, 1000, "a", "");
    snapshot(2000);
    delta(10000, 0, "a b");
    say(0, 12000, "a", " b");
    say(0, 20000, "a b", " c");
    delta(30000, 0, "a b c");
    delta(40000, 0, "nobody said this");
    delta(50000, 0, "nor this");
    end();
    CHECK_EQ(sum.watch.stale.count, 2);
    CHECK_EQ(sum.watch.stale.max, 10000);
    CHECK_EQ(sum.watch.unmatched, 1); /* the newest may still be said */
}

static void test_unseen(void)
{
    begin(JUDGE_WATCH_ALL, false);
    say(0, 1000, "a", "");
    say(1, 1000, "a", "");
    snapshot(2000);
    delta(3000, 1, "a");
    say(0, 10000, "a", " b");
    say(1, 2 * SECOND_US, "a", " b");
    see(2 * SECOND_US + 100000,
        "{\"type\":\"delta\",\"changed\":[],\"gone\":[\"%032x\",\"%032x\"]}", 10, 11);
    end();
    CHECK_EQ(sum.watch.unseen, 1); /* the other one had no time left */
}

/* Slow ones see late and little; that is what they are for. */
static void test_slow(void)
{
    begin(JUDGE_WATCH_ALL, true);
    say(0, 1000, "a", "");
    snapshot(2000);
    for (int i = 0; i < 100; i++) {
        char text[16];
        snprintf(text, sizeof text, "a %d", i);
        say(0, 10000 + i, text, "");
    }
    delta(5 * SECOND_US, 0, "a 99");
    judge_watcher_closed(teacher, false, 6 * SECOND_US);
    end();
    CHECK_EQ(sum.watch.stale.count, 0);
    CHECK_EQ(sum.watch.unseen, 0);
    CHECK_EQ(sum.watch.deltas, 0);
    CHECK_EQ(sum.watch.slow_deltas, 1);
    CHECK_EQ(sum.watch.slow_closed, 1);
    CHECK_EQ(sum.watch.closed, 0);
}

static void test_missing(void)
{
    begin(JUDGE_WATCH_ALL, false);
    see(SECOND_US, "{\"type\":\"snapshot\",\"sessions\":[" STATE "]}", 10, "1A", "");
    CHECK_EQ(see(9 * SECOND_US, "{\"type\":\"snapshot\",\"sessions\":[" STATE "]}", 10, "1A", ""),
             JUDGE_WATCH_SNAPSHOT);
    end();
    CHECK_EQ(sum.watch.missing, 3); /* in the first one they may still have been starting */
    CHECK_EQ(sum.watch.snapshots, 2);
}

static void test_foreign(void)
{
    begin(0, false);
    see(9 * SECOND_US, "{\"type\":\"snapshot\",\"sessions\":[" STATE "," STATE "]}", 10, "1A", "",
        12, "1A", "");
    end();
    CHECK_EQ(sum.watch.foreign, 0);
    CHECK_EQ(sum.watch.missing, 0);
    begin(0, false);
    snapshot(2000);
    delta(3000, 2, "own");
    delta(4000, 3, "another's");
    end();
    CHECK_EQ(sum.watch.foreign, 3);
}

static void final(int learner, int64_t now_us, unsigned seq)
{
    hear(learner, now_us, "{\"type\":\"note\",\"segment\":1,\"seq\":%u,\"note\":\"n\"}", seq);
}

static void see_final(int learner, unsigned seq)
{
    CHECK_EQ(see(5000,
                 "{\"type\":\"delta\",\"changed\":[],\"finals\":[{\"session\":\"%032x\","
                 "\"type\":\"note\",\"seq\":%u}]}",
                 learner + 10, seq),
             JUDGE_WATCH_DELTA);
}

static void test_finals(void)
{
    char ids[2][JUDGE_WATCH_ID_BYTES];
    begin(JUDGE_WATCH_ALL, false);
    judge_session_excuse(learners[1]);
    CHECK_EQ(judge_watcher_name(teacher, 2, ids), 0);
    snapshot(2000);
    CHECK_EQ(judge_watcher_name(teacher, 2, ids), 2);
    CHECK_STR(ids[0], "0000000000000000000000000000000a");
    CHECK_STR(ids[1], "0000000000000000000000000000000c");
    for (unsigned seq = 1; seq <= 9; seq++)
        final(0, 3000, seq);
    see_final(0, 3);
    see_final(0, 4);
    see_final(0, 4);
    see_final(0, 7);                                                           /* 5, 6 */
    see_final(3, 1);                                                           /* not named */
    see(6000, "{\"type\":\"delta\",\"changed\":[],\"gone\":[\"%032x\"]}", 10); /* 8, 9 */
    end();
    CHECK_EQ(sum.watch.finals, 3);
    CHECK_EQ(sum.watch.finals_missing, 4);
    CHECK_EQ(sum.watch.finals_repeated, 1);
}

/* None came at all; but its host may have heard late that somebody listens. */
static void test_no_finals(void)
{
    char ids[1][JUDGE_WATCH_ID_BYTES];
    begin(JUDGE_WATCH_ALL, false);
    snapshot(2000);
    CHECK_EQ(judge_watcher_name(teacher, 1, ids), 1);
    final(0, 3000, 1);
    final(0, 3000, 2);
    judge_watcher_closed(teacher, true, 9000);
    CHECK_EQ(judge_watcher_name(teacher, 1, ids), 0);
    snapshot(10000);
    CHECK_EQ(judge_watcher_name(teacher, 1, ids), 1);
    for (unsigned seq = 3; seq <= 8; seq++)
        final(0, 11000, seq);
    judge_watcher_closed(teacher, true, 12000);
    end();
    CHECK_EQ(sum.watch.finals, 0);
    CHECK_EQ(sum.watch.finals_missing, 3);
}

/* What all teachers get is read once: 50 of them, 1,000 sessions of which a third has changed. */
static void test_quick(void)
{
    enum { TEACHERS = 50, CHANGES = 300, ROUNDS = 20 };
    static char text[CHANGES * 200];
    struct judge_watcher *teachers[TEACHERS];
    begin(JUDGE_WATCH_ALL, false);
    for (int i = 0; i < TEACHERS; i++)
        teachers[i] = judge_watcher_open(judge, JUDGE_WATCH_ALL, false);
    int64_t took_us = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int len = snprintf(text, sizeof text, "{\"type\":\"delta\",\"changed\":[");
        for (int i = 0; i < CHANGES; i++)
            len += snprintf(text + len, sizeof text - (size_t)len,
                            "%s{\"session\":\"%032x\",\"text\":\"words of a sentence %d\","
                            "\"audio_ms\":1000,\"translations\":{\"es\":\"palabras de una\"}}",
                            i > 0 ? "," : "", i % 4 + 10, round);
        len += snprintf(text + len, sizeof text - (size_t)len, "],\"gone\":[]}");
        int64_t before_us = clock_mono_us();
        for (int i = 0; i < TEACHERS; i++)
            judge_watcher_heard(teachers[i], text, (size_t)len, round * 100000);
        took_us += clock_mono_us() - before_us;
    }
    end();
    printf("     %.1f us a delta of %d sessions and teacher\n", (double)took_us / TEACHERS / ROUNDS,
           CHANGES);
    CHECK_EQ(sum.watch.deltas, TEACHERS * ROUNDS);
}

static void test_no_memory(void)
{
    bool failed = true;
    for (unsigned nth = 1; failed; nth++) {
        begin(JUDGE_WATCH_ALL, false);
        mem_fail_nth(nth);
        say(0, 1000, "a", "");
        see(9000, "{\"type\":\"snapshot\",\"sessions\":[" STATE "]}", 10, "1A", "a");
        see(9000, "{\"type\":\"delta\",\"gone\":[\"%032x\"],\"finals\":[{\"session\":\"\"}]}", 10);
        failed = mem_failed() > 0;
        mem_fail_nth(0);
        judge_sum(judge, &sum);
        CHECK(!failed || sum.incomplete);
        judge_destroy(judge);
    }
}

int main(void)
{
    RUN(test_stale);
    RUN(test_segments);
    RUN(test_ahead);
    RUN(test_unseen);
    RUN(test_slow);
    RUN(test_missing);
    RUN(test_foreign);
    RUN(test_finals);
    RUN(test_no_finals);
    RUN(test_quick);
    RUN(test_no_memory);
    return check_done();
}
