#include "base/limits.h"
#include "base/mem.h"
#include "base/status.h"
#include "tests/check.h"
#include "translate/limits.h"
#include "translate/translate.h"
#include <stdbool.h>

#define MS 1000

struct seen {
    uint32_t segment, rev, source_rev;
    bool final, spliced;
    char text[256]; /* committed|tentative */
    char failed[16];
    struct lat lat;
    int64_t start_ms, end_ms;
};

struct asked {
    uint32_t ask, segment, source_rev;
    bool final, cancelled;
    char text[128], before[128];
    int64_t deadline_us;
    struct lat lat;
};

static struct {
    struct translate_lane *lane;
    struct seen shown[128];
    size_t shown_len;
    struct asked asked[128];
    size_t asked_len;
    int refuse;         /* status of the next asks */
    const char *answer; /* given at once, from within ask */
    int64_t now_us;
} rig;

static int on_ask(void *ctx, const struct translate_ask *ask)
{
    CHECK(ctx == &rig && rig.asked_len < 128);
    CHECK_STR(ask->source, "en-US");
    CHECK_STR(ask->target, "es");
    struct asked *asked = &rig.asked[rig.asked_len++];
    *asked = (struct asked){.ask = ask->ask,
                            .segment = ask->segment,
                            .source_rev = ask->source_rev,
                            .final = ask->final,
                            .deadline_us = ask->deadline_us,
                            .lat = ask->lat};
    snprintf(asked->text, sizeof asked->text, "%s", ask->text);
    snprintf(asked->before, sizeof asked->before, "%s", ask->before != NULL ? ask->before : "");
    if (rig.refuse == 0 && rig.answer != NULL)
        translate_lane_answer(rig.lane, ask->ask, rig.answer, true, &ask->lat, rig.now_us);
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

static void on_show(void *ctx, const struct translate_show *show)
{
    CHECK(rig.shown_len < 128);
    CHECK_STR(show->lang, "es");
    struct seen *seen = &rig.shown[rig.shown_len++];
    *seen = (struct seen){.segment = show->segment,
                          .rev = show->rev,
                          .source_rev = show->source_rev,
                          .final = show->final,
                          .spliced = show->spliced,
                          .lat = show->lat,
                          .start_ms = show->start_ms,
                          .end_ms = show->end_ms};
    snprintf(seen->text, sizeof seen->text, "%s|%s", show->committed, show->tentative);
    snprintf(seen->failed, sizeof seen->failed, "%s", show->failed != NULL ? show->failed : "");
}

static const struct translate_ops ops = {on_ask, on_cancel, on_show};

static void begin_as(bool partials, bool whole)
{
    translate_lane_destroy(rig.lane);
    memset(&rig, 0, sizeof rig);
    struct translate_config config = {.whole = whole,
                                      .source = "en-US",
                                      .target = "es",
                                      .partials = partials,
                                      .partial_gap_ms = 500,
                                      .partial_words = 2,
                                      .final_deadline_ms = 8000,
                                      .partial_deadline_ms = 3000};
    CHECK_EQ(translate_lane_create(&rig.lane, &config, &ops, &rig), 0);
    rig.now_us = 1000 * MS;
}

static void begin(bool partials)
{
    begin_as(partials, false);
}

static void source(uint32_t segment, uint32_t rev, bool final, const char *text)
{
    struct translate_source given = {.segment = segment,
                                     .rev = rev,
                                     .final = final,
                                     .text = text,
                                     .committed_len = strlen(text),
                                     .stability = TRANSLATE_STABILITY_LOW,
                                     .start_ms = segment * 1000,
                                     .end_ms = segment * 1000 + rev};
    lat_start(&given.lat, rig.now_us - 10 * MS);
    translate_lane_source(rig.lane, &given, rig.now_us);
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

/* An answer whose ledger says it waited for the provider since it was asked. */
static void answer(const struct asked *asked, const char *text, bool done)
{
    struct lat lat = asked->lat;
    lat_mark(&lat, LAT_UPSTREAM, rig.now_us);
    translate_lane_answer(rig.lane, asked->ask, text, done, &lat, rig.now_us);
}

static void fail(const struct asked *asked, int status)
{
    translate_lane_failed(rig.lane, asked->ask, status, &asked->lat, rig.now_us);
}

static int64_t wait_ms(int64_t ms)
{
    rig.now_us += ms * MS;
    return translate_lane_tick(rig.lane, rig.now_us);
}

static void test_final_is_asked_and_shown(void)
{
    begin(false);
    source(1, 4, true, "Hello, world.");
    CHECK_EQ(rig.asked_len, 1);
    CHECK(last_ask()->final);
    CHECK_STR(last_ask()->text, "Hello, world.");
    CHECK_EQ(last_ask()->deadline_us, rig.now_us + 8000 * MS);
    CHECK_EQ(translate_lane_owed(rig.lane), 1);
    wait_ms(300);
    answer(last_ask(), "Hola, mundo.", true);
    CHECK_EQ(rig.shown_len, 1);
    CHECK_STR(last_show()->text, "Hola, mundo.|");
    CHECK(last_show()->final && last_show()->failed[0] == '\0');
    CHECK_EQ(last_show()->rev, 1);
    CHECK_EQ(last_show()->source_rev, 4);
    CHECK_EQ(last_show()->start_ms, 1000);
    CHECK_EQ(last_show()->end_ms, 1004);
    CHECK_EQ(translate_lane_owed(rig.lane), 0);
    CHECK_EQ(wait_ms(1), INT64_MAX);
}

static void test_ledger_is_carried(void)
{
    begin(false);
    source(1, 1, true, "one two");
    source(2, 1, true, "three four");
    struct asked first = rig.asked[0], second = rig.asked[1];
    CHECK_EQ(first.lat.part_us[LAT_SERVER], 10 * MS);
    wait_ms(100);
    answer(&second, "tres cuatro", true);
    CHECK_EQ(rig.shown_len, 0);
    wait_ms(40);
    answer(&first, "uno dos", true);
    CHECK_EQ(rig.shown_len, 2);
    CHECK_EQ(rig.shown[0].lat.part_us[LAT_UPSTREAM], 140 * MS);
    CHECK_EQ(rig.shown[0].lat.part_us[LAT_HOLD], 0);
    CHECK_EQ(rig.shown[1].lat.part_us[LAT_UPSTREAM], 100 * MS);
    CHECK_EQ(rig.shown[1].lat.part_us[LAT_HOLD], 40 * MS);
    CHECK_EQ(rig.shown[1].lat.last_us, rig.now_us);
}

static void test_partials_are_paced(void)
{
    begin(true);
    source(1, 1, false, "I");
    CHECK_EQ(rig.asked_len, 0);
    source(1, 2, false, "I went");
    CHECK_EQ(rig.asked_len, 1);
    CHECK(!last_ask()->final);
    /* In flight: the newest revision waits, the one between is never asked. */
    source(1, 3, false, "I went to the");
    source(1, 4, false, "I went to the shop");
    CHECK_EQ(rig.asked_len, 1);
    wait_ms(100);
    answer(last_ask(), "Fui", true);
    CHECK_EQ(rig.shown_len, 1);
    CHECK_EQ(last_show()->source_rev, 2);
    CHECK_EQ(rig.asked_len, 1);
    CHECK_EQ(wait_ms(0), 1500 * MS);
    wait_ms(400);
    CHECK_EQ(rig.asked_len, 2);
    CHECK_EQ(last_ask()->source_rev, 4);
    CHECK_EQ(last_ask()->lat.part_us[LAT_HOLD], 500 * MS);
    wait_ms(600);
    answer(last_ask(), "Fui a la tienda", true);
    CHECK_STR(last_show()->text, "Fui| a la tienda");
    CHECK_EQ(last_show()->rev, 2);
    /* One word more is not worth a request. */
    source(1, 5, false, "I went to the shop yesterday");
    CHECK_EQ(rig.asked_len, 2);
    source(1, 6, false, "I went to the shop yesterday with");
    CHECK_EQ(rig.asked_len, 3);
}

static void test_partials_off_asks_none(void)
{
    begin(false);
    source(1, 1, false, "I went to the shop");
    CHECK_EQ(rig.asked_len, 0);
    CHECK_EQ(translate_lane_owed(rig.lane), 0);
}

static void test_final_source_cancels_the_partial(void)
{
    begin(true);
    source(1, 1, false, "I went to");
    struct asked partial = *last_ask();
    source(1, 2, true, "I went to school.");
    CHECK(rig.asked[0].cancelled);
    CHECK_EQ(rig.asked_len, 2);
    CHECK(last_ask()->final);
    answer(&partial, "Fui a", true);
    fail(&partial, STATUS_CANCELLED);
    CHECK_EQ(rig.shown_len, 0);
    answer(last_ask(), "Fui a la escuela.", true);
    CHECK_EQ(rig.shown_len, 1);
    /* Nothing follows a final. */
    source(1, 3, false, "I went to school. And");
    source(1, 3, true, "I went to school. And");
    answer(last_ask(), "Fui.", true);
    CHECK_EQ(rig.shown_len, 1);
    CHECK_EQ(rig.asked_len, 2);
}

static void test_partial_failures_are_silent(void)
{
    begin(true);
    source(1, 1, false, "I went to");
    fail(last_ask(), STATUS_UNAVAILABLE);
    CHECK_EQ(rig.shown_len, 0);
    CHECK_EQ(rig.asked_len, 1);
    wait_ms(600);
    rig.refuse = STATUS_BUDGET;
    source(1, 2, false, "I went to the shop");
    CHECK_EQ(rig.asked_len, 2);
    rig.refuse = 0;
    wait_ms(600);
    source(1, 3, false, "I went to the shop with my");
    CHECK_EQ(rig.asked_len, 3);
    CHECK_EQ(wait_ms(2999), last_ask()->deadline_us);
    CHECK(!last_ask()->cancelled);
    wait_ms(1);
    CHECK(last_ask()->cancelled);
    CHECK_EQ(rig.shown_len, 0);
}

static void test_streamed_final_grows(void)
{
    begin(false);
    source(1, 1, true, "Hello, my name is Ana.");
    answer(last_ask(), "Ho", false);
    CHECK_EQ(rig.shown_len, 0);
    answer(last_ask(), "Hola, me", false);
    CHECK_STR(last_show()->text, "Hola|, me");
    CHECK(!last_show()->final);
    /* Pieces come no closer than TRANSLATE_PIECE_GAP_US. */
    answer(last_ask(), "Hola, me llamo ", false);
    CHECK_EQ(rig.shown_len, 1);
    rig.now_us += TRANSLATE_PIECE_GAP_US;
    answer(last_ask(), "Hola, me llamo An", false);
    CHECK_STR(last_show()->text, "Hola, me llamo| An");
    answer(last_ask(), "Hola, me llamo Ana.", true);
    CHECK_STR(last_show()->text, "Hola, me llamo Ana.|");
    CHECK_EQ(last_show()->rev, 3);
    CHECK(!last_show()->spliced);
}

static void test_refusal_is_not_streamed(void)
{
    begin(false);
    source(1, 1, true, "Tell me a joke.");
    answer(last_ask(), "I'm sorry, but I cannot", false);
    answer(last_ask(), "Tell me a jo", false);
    CHECK_EQ(rig.shown_len, 0);
    fail(last_ask(), STATUS_FILTERED);
    answer(last_ask(), "Cu\u00e9ntame un chi", false);
    CHECK_STR(last_show()->text, "Cu\u00e9ntame un| chi");
}

static void test_final_that_contradicts_is_spliced(void)
{
    begin(true);
    source(1, 1, false, "the big");
    answer(last_ask(), "el gato negro", true);
    wait_ms(500);
    source(1, 2, false, "the big cat sat");
    answer(last_ask(), "el gato negro se", true);
    CHECK_STR(last_show()->text, "el gato negro| se");
    source(1, 3, true, "The big cat sat.");
    answer(last_ask(), "El gato grande se sent\u00f3.", true);
    CHECK_STR(last_show()->text, "el gato negro se sent\u00f3.|");
    CHECK(last_show()->spliced && last_show()->final);
}

static void test_finals_keep_order(void)
{
    begin(true);
    for (uint32_t segment = 1; segment <= 3; segment++)
        source(segment, 1, true, "some words here");
    source(4, 1, false, "and some more");
    CHECK_EQ(rig.asked_len, 4);
    answer(&rig.asked[3], "y algo", true);
    answer(&rig.asked[2], "tres", true);
    answer(&rig.asked[1], "dos y", false);
    CHECK_EQ(rig.shown_len, 0);
    CHECK_EQ(translate_lane_owed(rig.lane), 1);
    answer(&rig.asked[0], "uno", true);
    /* The piece of 2 has its turn now, and 3 still waits. */
    CHECK_EQ(rig.shown_len, 2);
    CHECK_STR(rig.shown[0].text, "uno|");
    CHECK_STR(rig.shown[1].text, "dos| y");
    answer(&rig.asked[1], "dos y dos", true);
    CHECK_EQ(rig.shown_len, 5);
    CHECK_EQ(rig.shown[2].segment, 2);
    CHECK_EQ(rig.shown[3].segment, 3);
    CHECK_EQ(rig.shown[4].segment, 4);
    CHECK(!rig.shown[4].final);
    CHECK_EQ(translate_lane_owed(rig.lane), 0);
}

static void test_held_partial_does_not_bind_the_final(void)
{
    begin(true);
    source(1, 1, true, "some words");
    source(2, 1, false, "more words");
    answer(&rig.asked[1], "otra cosa", true);
    source(2, 2, true, "more words");
    answer(&rig.asked[2], "m\u00e1s palabras", true);
    answer(&rig.asked[0], "unas palabras", true);
    CHECK_EQ(rig.shown_len, 2);
    CHECK_STR(rig.shown[1].text, "m\u00e1s palabras|");
    CHECK(!rig.shown[1].spliced);
}

static void test_held_partial_ends_with_its_source(void)
{
    begin(true);
    source(1, 1, true, "some words");
    source(2, 1, false, "more words");
    answer(&rig.asked[1], "otra cosa", true);
    source(2, 2, true, "more words");
    answer(&rig.asked[0], "unas palabras", true);
    CHECK_EQ(rig.shown_len, 1);
    CHECK_EQ(translate_lane_owed(rig.lane), 2);
}

static void test_deadline(void)
{
    begin(false);
    source(1, 1, true, "some words");
    source(2, 1, true, "more words");
    answer(&rig.asked[1], "otras", true);
    answer(&rig.asked[0], "unas pal", false);
    CHECK_EQ(wait_ms(7999), rig.asked[0].deadline_us);
    CHECK_EQ(rig.shown_len, 1);
    CHECK_EQ(wait_ms(1), INT64_MAX);
    CHECK(rig.asked[0].cancelled);
    CHECK_EQ(rig.shown_len, 3);
    CHECK_STR(rig.shown[1].failed, "deadline");
    CHECK_STR(rig.shown[1].text, "unas|");
    CHECK(rig.shown[1].final);
    CHECK_STR(rig.shown[2].text, "otras|");
    CHECK_EQ(rig.shown[2].lat.part_us[LAT_HOLD], 8000 * MS);
}

static void test_failures_are_named(void)
{
    static const struct {
        int status;
        const char *name;
    } cases[] = {{STATUS_TIMEOUT, "deadline"}, {STATUS_BUDGET, "budget"},
                 {STATUS_FULL, "budget"},      {STATUS_REFUSED, "refused"},
                 {STATUS_NOMEM, "upstream"},   {STATUS_CANCELLED, "upstream"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(false);
        source(1, 1, true, "some words");
        fail(last_ask(), cases[i].status);
        CHECK_EQ(rig.asked_len, 1);
        CHECK_STR(last_show()->failed, cases[i].name);
        CHECK_STR(last_show()->text, "|");
        CHECK(last_show()->final);
    }
}

static void test_one_more_try(void)
{
    static const struct {
        int status;
        const char *name;
    } cases[] = {{STATUS_PROTOCOL, "upstream"},
                 {STATUS_TRUNCATED, "truncated"},
                 {STATUS_FILTERED, "filtered"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(false);
        source(1, 1, true, "some words");
        fail(last_ask(), cases[i].status);
        CHECK_EQ(rig.shown_len, 0);
        CHECK_EQ(rig.asked_len, 2);
        CHECK(rig.asked[0].ask != rig.asked[1].ask);
        CHECK_EQ(rig.asked[1].deadline_us, rig.asked[0].deadline_us);
        CHECK_STR(rig.asked[1].text, "some words");
        fail(last_ask(), cases[i].status);
        CHECK_EQ(rig.asked_len, 2);
        CHECK_STR(last_show()->failed, cases[i].name);
        /* Too late for another. */
        source(2, 1, true, "more words");
        wait_ms(6001);
        fail(last_ask(), cases[i].status);
        CHECK_EQ(rig.asked_len, 3);
        CHECK_STR(last_show()->failed, cases[i].name);
    }
}

static void test_refused_ask_counts_as_failure(void)
{
    begin(false);
    rig.refuse = STATUS_UNAVAILABLE;
    source(1, 1, true, "some words");
    CHECK_EQ(rig.asked_len, 1);
    CHECK_STR(last_show()->failed, "upstream");
    rig.refuse = STATUS_FULL;
    source(2, 1, true, "more words");
    CHECK_EQ(rig.asked_len, 2);
    CHECK_STR(last_show()->failed, "budget");
    CHECK_EQ(translate_lane_owed(rig.lane), 0);
}

static void test_answer_from_within_ask(void)
{
    begin(true);
    rig.answer = "al momento";
    source(1, 1, false, "some words");
    source(1, 2, true, "some words");
    source(2, 1, true, "more words");
    CHECK_EQ(rig.asked_len, 3);
    CHECK_EQ(rig.shown_len, 3);
    CHECK(!rig.shown[0].final && rig.shown[1].final && rig.shown[2].final);
    CHECK_EQ(translate_lane_owed(rig.lane), 0);
}

static void test_too_many_owed(void)
{
    begin(true);
    for (uint32_t segment = 1; segment <= TURNS_SEGMENTS_MAX; segment++)
        source(segment, 1, true, "some words");
    CHECK_EQ(rig.shown_len, 0);
    /* A partial never costs a final its place. */
    source(TURNS_SEGMENTS_MAX + 1, 1, false, "some more words");
    CHECK_EQ(rig.shown_len, 0);
    CHECK_EQ(rig.asked_len, TURNS_SEGMENTS_MAX);
    source(TURNS_SEGMENTS_MAX + 1, 2, true, "some more words");
    CHECK_EQ(rig.shown_len, 1);
    CHECK_STR(rig.shown[0].failed, "budget");
    CHECK_EQ(rig.shown[0].segment, 1);
    CHECK(rig.asked[0].cancelled);
    CHECK_EQ(translate_lane_owed(rig.lane), 2);
}

static void test_nothing_said_nothing_asked(void)
{
    begin(true);
    source(1, 1, false, "   ");
    source(1, 2, true, " ... ");
    CHECK_EQ(rig.asked_len, 0);
    CHECK_EQ(rig.shown_len, 1);
    CHECK_STR(last_show()->text, "|");
    CHECK(last_show()->final && !last_show()->spliced);
}

static void test_empty_answer_is_filtered(void)
{
    begin(false);
    source(1, 1, true, "some words");
    answer(last_ask(), "", true);
    answer(last_ask(), "", true);
    CHECK_EQ(rig.asked_len, 2);
    CHECK_STR(last_show()->failed, "filtered");
}

static void test_segment_that_never_ends_owes_nothing(void)
{
    begin(true);
    source(1, 1, false, "lost in a restart");
    source(2, 1, true, "some words");
    CHECK_EQ(translate_lane_owed(rig.lane), 2);
    answer(&rig.asked[1], "palabras", true);
    CHECK_EQ(rig.shown_len, 1);
    CHECK_EQ(last_show()->segment, 2);
    CHECK(rig.asked[0].cancelled);
    source(1, 2, true, "lost in a restart");
    CHECK_EQ(rig.shown_len, 1);
}

static void test_earlier_segments_are_not_taken(void)
{
    begin(false);
    source(7, 1, true, "some words");
    source(6, 9, true, "older words");
    CHECK_EQ(rig.asked_len, 1);
    CHECK_EQ(translate_lane_owed(rig.lane), 7);
    CHECK_STR(translate_lane_target(rig.lane), "es");
}

static void test_destroy_cancels(void)
{
    begin(true);
    source(1, 1, true, "some words");
    source(2, 1, false, "more words");
    translate_lane_destroy(rig.lane);
    rig.lane = NULL;
    CHECK(rig.asked[0].cancelled && rig.asked[1].cancelled);
}

/* Every allocation fails once: the lane goes on, and each segment still has exactly one final. */
static void no_memory_round(unsigned nth)
{
    begin(true);
    mem_fail_nth(nth);
    for (uint32_t segment = 1; segment <= 3; segment++) {
        source(segment, 1, false, "one two three");
        if (rig.asked_len > 0 && !last_ask()->final)
            answer(last_ask(), "uno dos", true);
        wait_ms(600);
        source(segment, 2, false, "one two three four five");
        if (rig.asked_len > 0 && !last_ask()->final)
            answer(last_ask(), "uno dos tr\u00e9s", true);
        source(segment, 3, true, "One two three four five.");
        CHECK(last_ask()->final);
        answer(last_ask(), "Uno dos cuatro ci", false);
        answer(last_ask(), "Uno dos cuatro cinco.", true);
        wait_ms(9000);
    }
    mem_fail_nth(0);
    unsigned finals = 0;
    for (size_t i = 0; i < rig.shown_len; i++) {
        finals += rig.shown[i].final;
        CHECK(!rig.shown[i].final || rig.shown[i].segment == finals);
    }
    CHECK_EQ(finals, 3);
    CHECK_EQ(translate_lane_owed(rig.lane), 0);
}

static void test_no_memory(void)
{
    for (unsigned nth = 1; nth < 150; nth++)
        no_memory_round(nth);
    for (unsigned nth = 1; nth <= 4; nth++) {
        struct translate_lane *lane = NULL;
        struct translate_config config = {.source = "en", .target = "es"};
        mem_fail_nth(nth);
        CHECK_EQ(translate_lane_create(&lane, &config, &ops, &rig), STATUS_NOMEM);
        mem_fail_nth(0);
        CHECK(lane == NULL);
    }
}

/* Pieces of the rest go on behind what was committed; what fails is asked for whole. */
static void test_streamed_final_of_the_rest(void)
{
    static const char said[] = "when we were young we always went to the old town there by train";
    static const char told[] = "cuando éramos jóvenes siempre íbamos al casco antiguo en tren";
    char text[128], expected[256];
    begin(true);
    source(1, 1, false, said);
    answer(last_ask(), told, true);
    wait_ms(600);
    snprintf(text, sizeof text, "%s and bus", said);
    source(1, 2, false, text);
    snprintf(expected, sizeof expected, "%s y bus", told);
    answer(last_ask(), expected, true);
    snprintf(text, sizeof text, "%s and bus or car.", said);
    source(1, 3, true, text);
    CHECK_STR(last_ask()->text, "and bus or car.");
    answer(last_ask(), "y bus ", false);
    snprintf(expected, sizeof expected, "%s y bus| ", told);
    CHECK_STR(last_show()->text, expected);
    fail(last_ask(), STATUS_FILTERED);
    CHECK_STR(last_ask()->text, text);
    CHECK_STR(last_ask()->before, "");
    snprintf(expected, sizeof expected, "%s y bus o coche.", told);
    answer(last_ask(), expected, true);
    snprintf(expected, sizeof expected, "%s y bus o coche.|", told);
    CHECK_STR(last_show()->text, expected);
    CHECK(last_show()->final && !last_show()->spliced);
}

/* For an API that translates texts and nothing else: never the rest of one. */
static void test_whole_texts(void)
{
    static const char said[] = "aaa bbb ccc ddd eee fff ggg hhh iii jjj kkk lll mmm "
                               "nnn ooo ppp qqq rrr sss ttt uuu vvv www xxx yyy zzz";
    static const char told[] = "AAA BBB CCC DDD EEE FFF GGG HHH III JJJ KKK LLL MMM "
                               "NNN OOO PPP QQQ RRR SSS TTT UUU VVV WWW XXX YYY ZZZ";
    for (int whole = 0; whole < 2; whole++) {
        unsigned rests = 0;
        char text[128] = "";
        begin_as(true, whole);
        for (int words = 14; words <= 26; words += 4) {
            snprintf(text, sizeof text, "%.*s", 4 * words - 1, said);
            source(1, (uint32_t)words, false, text);
            rig.now_us += 600 * MS;
            translate_lane_tick(rig.lane, rig.now_us);
            const char *asked = last_ask()->text;
            size_t from = strlen(text) - strlen(asked);
            CHECK_STR(asked, text + from);
            rests += from > 0;
            CHECK_EQ(from > 0, last_ask()->before[0] != '\0');
            char answered[128];
            snprintf(answered, sizeof answered, "%.*s", (int)strlen(asked), told + from);
            answer(last_ask(), answered, true);
        }
        CHECK(whole ? rests == 0 : rests > 0);
        source(1, 100, true, text);
        source(2, 1, true, "it is open");
        CHECK_STR(last_ask()->text, "it is open");
        CHECK_STR(last_ask()->before, whole ? text : "");
    }
}

int main(void)
{
    RUN(test_final_is_asked_and_shown);
    RUN(test_ledger_is_carried);
    RUN(test_partials_are_paced);
    RUN(test_partials_off_asks_none);
    RUN(test_final_source_cancels_the_partial);
    RUN(test_partial_failures_are_silent);
    RUN(test_streamed_final_grows);
    RUN(test_refusal_is_not_streamed);
    RUN(test_final_that_contradicts_is_spliced);
    RUN(test_finals_keep_order);
    RUN(test_held_partial_does_not_bind_the_final);
    RUN(test_held_partial_ends_with_its_source);
    RUN(test_deadline);
    RUN(test_failures_are_named);
    RUN(test_one_more_try);
    RUN(test_refused_ask_counts_as_failure);
    RUN(test_answer_from_within_ask);
    RUN(test_too_many_owed);
    RUN(test_nothing_said_nothing_asked);
    RUN(test_empty_answer_is_filtered);
    RUN(test_segment_that_never_ends_owes_nothing);
    RUN(test_earlier_segments_are_not_taken);
    RUN(test_destroy_cancels);
    RUN(test_streamed_final_of_the_rest);
    RUN(test_whole_texts);
    RUN(test_no_memory);
    translate_lane_destroy(rig.lane);
    return check_done();
}
