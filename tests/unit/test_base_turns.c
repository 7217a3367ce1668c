#include "base/turns.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/status.h"
#include "tests/check.h"

#define MS 1000

/* The plainest kind: an answer is a number. */
struct toy {
    struct turn turn;
    int answer; /* 0: none waits */
};

struct said {
    uint32_t segment, rev, source_rev;
    bool final;
    int answer;
    const char *failed;
};

static struct {
    struct turns turns;
    struct said said[128];
    unsigned said_len;
    struct turn_ask asked[128];
    unsigned asked_len, cancelled, cleared;
    int refuse, blank;
    int64_t now_us;
} rig;

static size_t word_count(const char *text)
{
    return strlen(text);
}

static size_t words_changed(const char *before, const char *after)
{
    return strlen(after) - strlen(before);
}

static int on_ask(void *ctx, const struct turn_ask *ask)
{
    CHECK(ctx == &rig && ask->ask != 0);
    rig.asked[rig.asked_len++] = *ask;
    return rig.refuse;
}

static void on_cancel(void *ctx, uint32_t ask)
{
    rig.cancelled++;
}

static void on_show(void *ctx, struct turn *turn)
{
    rig.said[rig.said_len++] = (struct said){.segment = turn->number,
                                             .rev = turn->rev,
                                             .source_rev = turn->pending.source.rev,
                                             .final = turn->pending.final,
                                             .answer = ((struct toy *)turn)->answer,
                                             .failed = turn->pending.failed};
    CHECK_EQ(turn->pending.lat.last_us, rig.now_us);
}

static int on_blank(struct turn *turn, const char *text)
{
    ((struct toy *)turn)->answer = -1;
    return rig.blank;
}

static void answer_clear(struct turn *turn)
{
    ((struct toy *)turn)->answer = 0;
    rig.cleared++;
}

static const struct turns_kind kind = {.turn_bytes = sizeof(struct toy),
                                       .first_words = 2,
                                       .word_count = word_count,
                                       .words_changed = words_changed,
                                       .ask = on_ask,
                                       .cancel = on_cancel,
                                       .show = on_show,
                                       .blank = on_blank,
                                       .answer_clear = answer_clear};

static void begin(void)
{
    static const struct turns_config config = {.partials = true,
                                               .partial_gap_ms = 100,
                                               .partial_words = 2,
                                               .final_deadline_ms = 1000,
                                               .partial_deadline_ms = 500};
    if (rig.turns.kind != NULL)
        turns_deinit(&rig.turns);
    memset(&rig, 0, sizeof rig);
    rig.now_us = 1000 * MS;
    CHECK_EQ(turns_init(&rig.turns, &kind, &config, &rig), STATUS_OK);
}

static void source(uint32_t segment, uint32_t rev, bool final, const char *text)
{
    struct turn_source given = {
        .segment = segment, .revision = {.rev = rev}, .final = final, .text = text};
    lat_start(&given.lat, rig.now_us - 1);
    turns_source(&rig.turns, &given, rig.now_us);
}

static void answer(unsigned index, int number)
{
    bool partial;
    struct turn *turn = turns_asked(&rig.turns, rig.asked[index].ask, &partial);
    if (turn == NULL)
        return;
    CHECK_EQ(partial, !rig.asked[index].final);
    struct turn_revision about = partial ? turns_partial_end(&rig.turns) : turn->source;
    turns_put(&rig.turns, turn, !partial, &about, &rig.asked[index].lat);
    ((struct toy *)turn)->answer = number;
    turns_settle(&rig.turns, rig.now_us);
}

static void fail(unsigned index, int status)
{
    turns_failed(&rig.turns, rig.asked[index].ask, status, NULL, rig.now_us);
}

static void test_finals_in_order_whatever_comes_first(void)
{
    begin();
    for (uint32_t i = 1; i <= 3; i++)
        source(i, 1, true, "text");
    CHECK_EQ(turns_owed(&rig.turns), 1);
    answer(2, 33);
    answer(1, 22);
    CHECK_EQ(rig.said_len, 0);
    answer(0, 11);
    CHECK_EQ(rig.said_len, 3);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(rig.said[i].segment, i + 1);
        CHECK_EQ(rig.said[i].answer, (int)(i + 1) * 11);
        CHECK(rig.said[i].final && rig.said[i].rev == 1);
    }
    CHECK_EQ(turns_owed(&rig.turns), 0);
}

static void test_partial_is_one_at_a_time_and_the_newest(void)
{
    begin();
    source(1, 1, false, "x");
    CHECK_EQ(rig.asked_len, 0);
    source(1, 2, false, "xx");
    CHECK_EQ(rig.asked_len, 1);
    source(1, 3, false, "xxxx");
    source(1, 4, false, "xxxxxx");
    CHECK_EQ(rig.asked_len, 1);
    answer(0, 1);
    CHECK_EQ(rig.said_len, 1);
    CHECK_EQ(rig.said[0].source_rev, 2);
    CHECK_EQ(turns_tick(&rig.turns, rig.now_us), rig.now_us + 100 * MS);
    rig.now_us += 100 * MS;
    CHECK_EQ(turns_tick(&rig.turns, rig.now_us), rig.now_us + 500 * MS);
    CHECK_EQ(rig.asked_len, 2);
    CHECK_EQ(rig.asked[1].source_rev, 4);
    source(1, 5, true, "xxxxxx.");
    CHECK_EQ(rig.cancelled, 1);
    answer(1, 2);
    CHECK_EQ(rig.said_len, 1);
    answer(2, 3);
    CHECK_EQ(rig.said[1].rev, 2);
    CHECK_EQ(rig.said[1].source_rev, 5);
}

static void test_failure_is_tried_again_or_told(void)
{
    begin();
    source(1, 1, true, "text");
    fail(0, STATUS_PROTOCOL);
    CHECK_EQ(rig.asked_len, 2);
    fail(1, STATUS_PROTOCOL);
    CHECK_EQ(rig.asked_len, 2);
    CHECK_STR(rig.said[0].failed, "upstream");
    source(2, 1, true, "text");
    fail(2, STATUS_REFUSED);
    CHECK_STR(rig.said[1].failed, "refused");
    source(3, 1, true, "text");
    rig.now_us += 751 * MS; /* less than a quarter of the deadline is left */
    fail(3, STATUS_PROTOCOL);
    CHECK_EQ(rig.asked_len, 4);
    CHECK_EQ(rig.said_len, 3);
    rig.refuse = STATUS_FULL;
    source(4, 1, true, "text");
    CHECK_STR(rig.said[3].failed, "budget");
}

/* The pool has repeated it as often as it helps. */
static void test_no_answer_is_not_asked_for_again(void)
{
    begin();
    source(1, 1, true, "text");
    fail(0, STATUS_UNAVAILABLE);
    CHECK_EQ(rig.asked_len, 1);
    CHECK_STR(rig.said[0].failed, "upstream");
}

static void test_deadline(void)
{
    begin();
    source(1, 1, true, "text");
    rig.now_us += 1000 * MS - 1;
    CHECK_EQ(turns_tick(&rig.turns, rig.now_us), rig.now_us + 1);
    CHECK_EQ(rig.said_len, 0);
    rig.now_us++;
    CHECK_EQ(turns_tick(&rig.turns, rig.now_us), INT64_MAX);
    CHECK_STR(rig.said[0].failed, "deadline");
    CHECK_EQ(rig.cancelled, 1);
    answer(0, 1);
    CHECK_EQ(rig.said_len, 1);
}

static void test_source_without_words_is_not_asked(void)
{
    begin();
    source(1, 1, true, "");
    CHECK_EQ(rig.asked_len, 0);
    CHECK_EQ(rig.said[0].answer, -1);
    rig.blank = STATUS_NOMEM;
    source(2, 1, true, "");
    CHECK_STR(rig.said[1].failed, "upstream");
}

static void test_segments_may_come_late_but_not_twice(void)
{
    begin();
    source(5, 1, false, "five");
    source(4, 1, true, "before the first");
    source(7, 1, false, "seven");
    source(6, 1, false, "six");
    CHECK_EQ(rig.turns.head->number, 5);
    CHECK_EQ(rig.turns.tail->number, 7);
    CHECK_EQ(rig.turns.len, 3);
    source(6, 2, true, "six.");
    answer(rig.asked_len - 1, 6);
    CHECK_EQ(rig.said[rig.said_len - 1].segment, 6);
    CHECK_EQ(rig.turns.len, 1);
    unsigned said = rig.said_len, asked = rig.asked_len;
    source(5, 2, true, "five.");
    source(6, 3, true, "six again");
    CHECK_EQ(rig.said_len, said);
    CHECK_EQ(rig.asked_len, asked);
}

static void test_full_makes_room_by_failing_the_oldest(void)
{
    begin();
    for (uint32_t i = 1; i <= TURNS_SEGMENTS_MAX; i++)
        source(i, 1, true, "text");
    source(TURNS_SEGMENTS_MAX + 1, 1, false, "a partial gives way");
    CHECK_EQ(rig.said_len, 0);
    source(TURNS_SEGMENTS_MAX + 1, 2, true, "a final does not");
    CHECK_EQ(rig.said_len, 1);
    CHECK_STR(rig.said[0].failed, "budget");
    CHECK_EQ(turns_owed(&rig.turns), 2);
    turns_give_up(&rig.turns, rig.now_us);
    CHECK_EQ(rig.said_len, TURNS_SEGMENTS_MAX + 1);
    CHECK_EQ(turns_owed(&rig.turns), 0);
}

/* Whatever memory there is, one segment can always be had. */
static void test_without_memory(void)
{
    struct turns_config config = {.final_deadline_ms = 1000};
    struct turns turns = {0};
    begin();
    mem_fail_nth(1);
    CHECK_EQ(turns_init(&turns, &kind, &config, &rig), STATUS_NOMEM);
    mem_fail_nth(0);
    turns_deinit(&turns);
    source(1, 1, true, "text");
    mem_fail_nth(1);
    source(2, 1, true, "text");
    mem_fail_nth(0);
    CHECK_EQ(rig.said_len, 1);
    CHECK_STR(rig.said[0].failed, "budget");
    CHECK_EQ(turns_owed(&rig.turns), 2);
    answer(1, 2);
    CHECK_EQ(rig.said[1].answer, 2);
    mem_fail_nth(1); /* the text that a second try would need */
    source(3, 1, true, "text");
    mem_fail_nth(0);
    fail(2, STATUS_PROTOCOL);
    CHECK_STR(rig.said[2].failed, "upstream");
}

static void test_end_cancels_what_is_asked(void)
{
    begin();
    source(1, 1, true, "text");
    source(2, 1, false, "text");
    CHECK_EQ(rig.asked_len, 2);
    turns_deinit(&rig.turns);
    CHECK_EQ(rig.cancelled, 2);
    rig.turns.kind = NULL;
}

/* Every revision is asked for at once and nothing is cancelled; what comes late is not shown. */
static void test_eager(void)
{
    static const struct turns_config config = {.partials = true,
                                               .eager = true,
                                               .partial_gap_ms = 100,
                                               .partial_words = 2,
                                               .final_deadline_ms = 1000,
                                               .partial_deadline_ms = 500};
    begin();
    turns_deinit(&rig.turns);
    CHECK_EQ(turns_init(&rig.turns, &kind, &config, &rig), STATUS_OK);
    source(1, 1, false, "a");
    source(1, 2, false, "ab");
    source(1, 3, false, "abc");
    source(1, 4, false, "abcd");
    CHECK_EQ(rig.asked_len, 4);
    answer(1, 22);
    answer(0, 11);
    answer(3, 44);
    answer(2, 33);
    CHECK_EQ(rig.said_len, 2);
    CHECK_EQ(rig.said[0].source_rev, 2);
    CHECK_EQ(rig.said[0].answer, 22);
    CHECK_EQ(rig.said[1].source_rev, 4);
    source(1, 5, false, "abcde");
    source(2, 1, false, "x");
    source(1, 6, true, "abcdef");
    answer(4, 55); /* the segment is closed: nobody waits */
    answer(5, 66); /* waits behind the final */
    CHECK_EQ(rig.said_len, 2);
    answer(6, 77);
    CHECK_EQ(rig.said_len, 4);
    CHECK(rig.said[2].final && rig.said[2].answer == 77);
    CHECK_EQ(rig.said[3].segment, 2);
    CHECK_EQ(rig.cancelled, 0);
    for (unsigned i = 0; i < 2 * TURNS_EAGER_MAX; i++)
        source(2, 2 + i, false, "more and more");
    CHECK_EQ(rig.asked_len, 7 + 2 * TURNS_EAGER_MAX);
    fail(7, STATUS_TIMEOUT); /* forgotten: too many came after it */
    fail(rig.asked_len - 1, STATUS_TIMEOUT);
    CHECK_EQ(turns_tick(&rig.turns, rig.now_us), INT64_MAX);
    CHECK_EQ(rig.said_len, 4);
}

int main(void)
{
    RUN(test_eager);
    RUN(test_finals_in_order_whatever_comes_first);
    RUN(test_partial_is_one_at_a_time_and_the_newest);
    RUN(test_failure_is_tried_again_or_told);
    RUN(test_no_answer_is_not_asked_for_again);
    RUN(test_deadline);
    RUN(test_source_without_words_is_not_asked);
    RUN(test_segments_may_come_late_but_not_twice);
    RUN(test_full_makes_room_by_failing_the_oldest);
    RUN(test_without_memory);
    RUN(test_end_cancels_what_is_asked);
    return check_done();
}
