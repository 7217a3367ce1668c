#include "base/limits.h"
#include "base/mem.h"
#include "base/status.h"
#include "grammar/grammar.h"
#include "grammar/limits.h"
#include "tests/check.h"
#include "tests/unit/grammar_kit.h"

#define MS 1000

struct seen {
    uint32_t segment, rev, source_rev;
    bool final;
    char text[1280]; /* corrected/edits, or the failure */
    struct lat lat;
};

struct asked {
    uint32_t ask, segment, source_rev;
    bool final, cancelled;
    char text[128], explain_in[8];
    int64_t deadline_us;
    struct lat lat;
};

static struct {
    struct grammar_lane *lane;
    struct seen shown[128];
    size_t shown_len;
    struct asked asked[128];
    size_t asked_len;
    int refuse;         /* status of the next asks */
    const char *answer; /* given at once, from within ask */
    int64_t now_us;
} rig;

static void give(uint32_t ask, const char *text, const char *corrected, const struct lat *lat)
{
    struct grammar_result result = {0};
    /* A lack of memory that a test asks for is the lane's to meet, not ours. */
    while (grammar_diff(text, corrected, &result) != 0) {
    }
    grammar_lane_answer(rig.lane, ask, &result, lat, rig.now_us);
    grammar_result_free(&result);
}

static int on_ask(void *ctx, const struct grammar_ask *ask)
{
    CHECK(ctx == &rig && rig.asked_len < 128);
    CHECK_STR(ask->language, "en-US");
    struct asked *asked = &rig.asked[rig.asked_len++];
    *asked = (struct asked){.ask = ask->ask,
                            .segment = ask->segment,
                            .source_rev = ask->source_rev,
                            .final = ask->final,
                            .deadline_us = ask->deadline_us,
                            .lat = ask->lat};
    snprintf(asked->text, sizeof asked->text, "%s", ask->text);
    snprintf(asked->explain_in, sizeof asked->explain_in, "%s", ask->explain_in);
    if (rig.refuse == 0 && rig.answer != NULL)
        give(ask->ask, ask->text, rig.answer, &ask->lat);
    return rig.refuse;
}

static void on_cancel(void *ctx, uint32_t ask)
{
    for (size_t i = 0; i < rig.asked_len; i++) {
        if (rig.asked[i].ask == ask) {
            CHECK(!rig.asked[i].cancelled);
            rig.asked[i].cancelled = true;
            return;
        }
    }
    CHECK(!"cancelled what was never asked");
}

static void on_show(void *ctx, const struct grammar_show *show)
{
    CHECK(rig.shown_len < 128);
    CHECK((show->result != NULL) == (show->failed == NULL));
    struct seen *seen = &rig.shown[rig.shown_len++];
    *seen = (struct seen){.segment = show->segment,
                          .rev = show->rev,
                          .source_rev = show->source_rev,
                          .final = show->final,
                          .lat = show->lat};
    if (show->failed != NULL)
        snprintf(seen->text, sizeof seen->text, "!%s", show->failed);
    else
        snprintf(seen->text, sizeof seen->text, "%s/%s", show->result->corrected,
                 edits_text(show->result));
}

static const struct grammar_ops ops = {on_ask, on_cancel, on_show};

static void begin(bool partials)
{
    grammar_lane_destroy(rig.lane);
    memset(&rig, 0, sizeof rig);
    struct grammar_config config = {.language = "en-US",
                                    .partials = partials,
                                    .partial_gap_ms = 2000,
                                    .partial_words = 4,
                                    .final_deadline_ms = 10000,
                                    .partial_deadline_ms = 4000};
    CHECK_EQ(grammar_lane_create(&rig.lane, &config, &ops, &rig), 0);
    rig.now_us = 1000 * MS;
}

static void source(uint32_t segment, uint32_t rev, bool final, const char *text)
{
    struct grammar_source given = {.segment = segment, .rev = rev, .final = final, .text = text};
    lat_start(&given.lat, rig.now_us - 10 * MS);
    grammar_lane_source(rig.lane, &given, rig.now_us);
}

static struct asked *last_ask(void)
{
    CHECK(rig.asked_len > 0);
    return &rig.asked[rig.asked_len - 1];
}

static struct seen *last_show(void)
{
    CHECK(rig.shown_len > 0);
    return &rig.shown[rig.shown_len - 1];
}

static void answer(const struct asked *asked, const char *corrected)
{
    struct lat lat = asked->lat;
    lat_mark(&lat, LAT_UPSTREAM, rig.now_us);
    give(asked->ask, asked->text, corrected, &lat);
}

static void fail(const struct asked *asked, int status)
{
    grammar_lane_failed(rig.lane, asked->ask, status, &asked->lat, rig.now_us);
}

static int64_t wait_ms(int64_t ms)
{
    rig.now_us += ms * MS;
    return grammar_lane_tick(rig.lane, rig.now_us);
}

static void test_final_is_asked_and_shown(void)
{
    begin(false);
    source(1, 1, false, "she have two cats");
    CHECK_EQ(rig.asked_len, 0);
    source(1, 3, true, "she have two cats");
    CHECK(last_ask()->final);
    CHECK_EQ(last_ask()->deadline_us, rig.now_us + 10000 * MS);
    CHECK_EQ(grammar_lane_owed(rig.lane), 1);
    wait_ms(200);
    answer(last_ask(), "she has two cats");
    CHECK_EQ(rig.shown_len, 1);
    CHECK_STR(last_show()->text, "she has two cats/4-8:have>has");
    CHECK(last_show()->final);
    CHECK_EQ(last_show()->rev, 1);
    CHECK_EQ(last_show()->source_rev, 3);
    CHECK_EQ(last_show()->lat.part_us[LAT_SERVER], 10 * MS);
    CHECK_EQ(last_show()->lat.part_us[LAT_UPSTREAM], 200 * MS);
    CHECK_EQ(grammar_lane_owed(rig.lane), 0);
    CHECK_EQ(wait_ms(1), INT64_MAX);
}

static void test_partials_are_paced(void)
{
    begin(true);
    source(1, 1, false, "she have");
    CHECK_EQ(rig.asked_len, 0);
    source(1, 2, false, "she have two");
    CHECK_EQ(rig.asked_len, 1);
    source(1, 3, false, "she have two cats and three dogs");
    answer(last_ask(), "she has two");
    CHECK_STR(last_show()->text, "she has two/4-8:have>has");
    CHECK(!last_show()->final);
    CHECK_EQ(last_show()->source_rev, 2);
    CHECK_EQ(rig.asked_len, 1);
    CHECK_EQ(wait_ms(1999), 3000 * MS);
    CHECK_EQ(rig.asked_len, 1);
    wait_ms(1);
    CHECK_EQ(rig.asked_len, 2);
    CHECK_EQ(last_ask()->source_rev, 3);
    CHECK_EQ(last_ask()->lat.part_us[LAT_HOLD], 2000 * MS);
    /* A failed partial says nothing, a late one is cancelled. */
    fail(last_ask(), STATUS_UNAVAILABLE);
    wait_ms(2000);
    CHECK_EQ(rig.asked_len, 2);
    source(1, 4, false, "she have two cats and three dogs and a bird too");
    CHECK_EQ(rig.asked_len, 3);
    wait_ms(4000);
    CHECK(last_ask()->cancelled);
    CHECK_EQ(rig.shown_len, 1);
}

static void test_final_source_cancels_the_partial(void)
{
    begin(true);
    source(1, 1, false, "she have two");
    struct asked partial = *last_ask();
    source(1, 2, true, "she have two cats");
    CHECK(rig.asked[0].cancelled);
    answer(&partial, "she has two");
    fail(&partial, STATUS_CANCELLED);
    CHECK_EQ(rig.shown_len, 0);
    answer(last_ask(), "she has two cats");
    CHECK_EQ(rig.shown_len, 1);
    source(1, 3, true, "she have two cats");
    answer(last_ask(), "she has two cats");
    CHECK_EQ(rig.shown_len, 1);
    CHECK_EQ(rig.asked_len, 2);
}

static void test_finals_keep_order(void)
{
    begin(true);
    for (uint32_t segment = 1; segment <= 3; segment++)
        source(segment, 1, true, "she have cats");
    source(4, 1, false, "he have dogs");
    answer(&rig.asked[3], "he has dogs");
    answer(&rig.asked[2], "she has cats");
    CHECK_EQ(rig.shown_len, 0);
    CHECK_EQ(grammar_lane_owed(rig.lane), 1);
    wait_ms(50);
    answer(&rig.asked[0], "she has cats");
    CHECK_EQ(rig.shown_len, 1);
    answer(&rig.asked[1], "she has cats");
    CHECK_EQ(rig.shown_len, 4);
    for (uint32_t i = 0; i < 4; i++)
        CHECK_EQ(rig.shown[i].segment, i + 1);
    CHECK(!rig.shown[3].final);
    CHECK_EQ(rig.shown[2].lat.part_us[LAT_HOLD], 50 * MS);
}

static void test_held_partial_ends_with_its_source(void)
{
    begin(true);
    source(1, 1, true, "she have cats");
    source(2, 1, false, "he have dogs");
    answer(&rig.asked[1], "he has dogs");
    source(2, 2, true, "he have dogs");
    answer(&rig.asked[0], "she has cats");
    CHECK_EQ(rig.shown_len, 1);
    CHECK_EQ(grammar_lane_owed(rig.lane), 2);
}

static void test_deadline(void)
{
    begin(false);
    source(1, 1, true, "she have cats");
    source(2, 1, true, "he have dogs");
    answer(&rig.asked[1], "he has dogs");
    CHECK_EQ(wait_ms(9999), rig.asked[0].deadline_us);
    CHECK_EQ(rig.shown_len, 0);
    wait_ms(1);
    CHECK(rig.asked[0].cancelled);
    CHECK_EQ(rig.shown_len, 2);
    CHECK_STR(rig.shown[0].text, "!deadline");
    CHECK(rig.shown[0].final);
    CHECK_STR(rig.shown[1].text, "he has dogs/3-7:have>has");
}

static void test_failures(void)
{
    static const struct {
        int status;
        unsigned asks;
        const char *text;
    } cases[] = {{STATUS_TIMEOUT, 1, "!deadline"},  {STATUS_BUDGET, 1, "!budget"},
                 {STATUS_FULL, 1, "!budget"},       {STATUS_REFUSED, 1, "!refused"},
                 {STATUS_INTERNAL, 1, "!upstream"}, {STATUS_UNAVAILABLE, 1, "!upstream"},
                 {STATUS_PROTOCOL, 2, "!upstream"}, {STATUS_TRUNCATED, 2, "!truncated"},
                 {STATUS_FILTERED, 2, "!filtered"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(false);
        source(1, 1, true, "she have cats");
        for (unsigned k = 0; k < cases[i].asks; k++) {
            CHECK_EQ(rig.asked_len, k + 1);
            CHECK_EQ(rig.shown_len, 0);
            fail(last_ask(), cases[i].status);
        }
        CHECK_EQ(rig.asked_len, cases[i].asks);
        CHECK_STR(last_show()->text, cases[i].text);
        /* Refused at once counts the same; too late there is no second try. */
        rig.refuse = cases[i].status;
        source(2, 1, true, "she have cats");
        CHECK_EQ(rig.asked_len, 2 * cases[i].asks);
        CHECK_STR(last_show()->text, cases[i].text);
        rig.refuse = 0;
        source(3, 1, true, "she have cats");
        wait_ms(7501);
        fail(last_ask(), cases[i].status);
        CHECK_EQ(rig.asked_len, 2 * cases[i].asks + 1);
        CHECK_STR(last_show()->text, cases[i].text);
    }
}

static void test_answer_from_within_ask(void)
{
    begin(true);
    rig.answer = "she has cats";
    source(1, 1, false, "she have cats");
    source(1, 2, true, "she have cats");
    source(2, 1, true, "she have cats");
    CHECK_EQ(rig.shown_len, 3);
    CHECK_EQ(grammar_lane_owed(rig.lane), 0);
}

static void test_too_many_owed(void)
{
    begin(true);
    for (uint32_t segment = 1; segment <= TURNS_SEGMENTS_MAX; segment++)
        source(segment, 1, true, "she have cats");
    source(TURNS_SEGMENTS_MAX + 1, 1, false, "she have cats");
    CHECK_EQ(rig.shown_len, 0);
    source(TURNS_SEGMENTS_MAX + 1, 2, true, "she have cats");
    CHECK_EQ(rig.shown_len, 1);
    CHECK_STR(rig.shown[0].text, "!budget");
    CHECK(rig.asked[0].cancelled);
    CHECK_EQ(grammar_lane_owed(rig.lane), 2);
}

static void test_nothing_said_nothing_asked(void)
{
    begin(true);
    source(1, 1, true, " ... ");
    CHECK_EQ(rig.asked_len, 0);
    CHECK_STR(last_show()->text, " ... /");
    CHECK(last_show()->final);
}

static void test_segment_that_never_ends_owes_nothing(void)
{
    begin(true);
    source(1, 1, false, "lost in restart");
    source(2, 1, true, "she have cats");
    CHECK_EQ(grammar_lane_owed(rig.lane), 2);
    answer(&rig.asked[1], "she has cats");
    CHECK_EQ(rig.shown_len, 1);
    CHECK(rig.asked[0].cancelled);
    source(1, 2, true, "lost in restart");
    CHECK_EQ(rig.shown_len, 1);
}

static void test_explanations(void)
{
    begin(false);
    source(1, 1, true, "she have");
    CHECK_STR(last_ask()->explain_in, "en-US");
    grammar_lane_explain(rig.lane, "es");
    source(2, 1, true, "they has");
    CHECK_STR(last_ask()->explain_in, "es");
    grammar_lane_explain(rig.lane, "");
    source(3, 1, true, "we has");
    CHECK_STR(last_ask()->explain_in, "en-US");
    mem_fail_nth(1);
    grammar_lane_explain(rig.lane, "de");
    mem_fail_nth(0);
    source(4, 1, true, "you has");
    CHECK_STR(last_ask()->explain_in, "en-US");
}

/* A later correction of a segment replaces the one before it: its number only grows, and the final
 * has the last word. */
static void test_corrections_are_revised(void)
{
    begin(true);
    source(1, 1, false, "yesterday she go");
    answer(last_ask(), "yesterday she goes");
    CHECK_STR(last_show()->text, "yesterday she goes/14-16:go>goes");
    uint32_t rev = last_show()->rev;
    wait_ms(3000);
    source(1, 2, false, "yesterday she go to the market with him");
    answer(last_ask(), "yesterday she went to the market with him");
    CHECK_STR(last_show()->text, "yesterday she went to the market with him/14-16:go>went");
    CHECK(!last_show()->final && last_show()->rev > rev);
    rev = last_show()->rev;
    struct asked stale = *last_ask();
    source(1, 3, true, "yesterday she go to the market with hims");
    answer(last_ask(), "yesterday she went to the market with him");
    CHECK(last_show()->final && last_show()->rev > rev);
    CHECK_EQ(last_show()->source_rev, 3);
    size_t shown = rig.shown_len;
    answer(&stale, "yesterday she goes");
    CHECK_EQ(rig.shown_len, shown);
}

static void test_destroy_cancels(void)
{
    begin(true);
    source(1, 1, true, "she have cats");
    source(2, 1, false, "he have dogs");
    grammar_lane_destroy(rig.lane);
    rig.lane = NULL;
    CHECK(rig.asked[0].cancelled && rig.asked[1].cancelled);
}

static void no_memory_round(unsigned nth)
{
    begin(true);
    mem_fail_nth(nth);
    for (uint32_t segment = 1; segment <= 3; segment++) {
        source(segment, 1, false, "she have two");
        if (rig.asked_len > 0 && !last_ask()->final)
            answer(last_ask(), "she has two");
        source(segment, 3, true, "she have two cats");
        CHECK(last_ask()->final);
        answer(last_ask(), "she has two cats");
        wait_ms(11000);
    }
    mem_fail_nth(0);
    unsigned finals = 0;
    for (size_t i = 0; i < rig.shown_len; i++) {
        finals += rig.shown[i].final;
        CHECK(!rig.shown[i].final || rig.shown[i].segment == finals);
    }
    CHECK_EQ(finals, 3);
    CHECK_EQ(grammar_lane_owed(rig.lane), 0);
}

static void test_no_memory(void)
{
    for (unsigned nth = 1; nth < 150; nth++)
        no_memory_round(nth);
    for (unsigned nth = 1; nth <= 3; nth++) {
        struct grammar_lane *lane = NULL;
        struct grammar_config config = {.language = "en"};
        mem_fail_nth(nth);
        CHECK_EQ(grammar_lane_create(&lane, &config, &ops, &rig), STATUS_NOMEM);
        mem_fail_nth(0);
        CHECK(lane == NULL);
    }
}

int main(void)
{
    RUN(test_final_is_asked_and_shown);
    RUN(test_partials_are_paced);
    RUN(test_final_source_cancels_the_partial);
    RUN(test_finals_keep_order);
    RUN(test_held_partial_ends_with_its_source);
    RUN(test_deadline);
    RUN(test_failures);
    RUN(test_answer_from_within_ask);
    RUN(test_too_many_owed);
    RUN(test_nothing_said_nothing_asked);
    RUN(test_segment_that_never_ends_owes_nothing);
    RUN(test_explanations);
    RUN(test_corrections_are_revised);
    RUN(test_destroy_cancels);
    RUN(test_no_memory);
    grammar_lane_destroy(rig.lane);
    return check_done();
}
