#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "tests/check.h"
#include "translate/internal.h"

static struct translate__view view;

static void partial(const char *committed, const char *previous, const char *answer)
{
    translate__view_free(&view);
    CHECK_EQ(translate__commit_partial(committed, previous, answer, &view), 0);
}

static void final(const char *committed, const char *answer)
{
    translate__view_free(&view);
    CHECK_EQ(translate__commit_final(committed, answer, &view), 0);
}

static void shows(const char *committed, const char *tentative)
{
    CHECK_STR(view.committed, committed);
    CHECK_STR(view.tentative, tentative);
}

static void test_first_partial_is_tentative(void)
{
    partial("", NULL, " Hola, me");
    shows("", "Hola, me");
}

static void test_agreed_words_are_committed(void)
{
    partial("", "Hola.", "Hola, me llamo");
    shows("Hola", ", me llamo");
    partial("Hola", "Hola, me llamo", "Hola, me llamo Ana");
    shows("Hola, me llamo", " Ana");
    partial("Hola, me llamo", "Hola, me llamo Ana", "HOLA me llamo Eva y");
    shows("Hola, me llamo", " Eva y");
}

static void test_partial_that_contradicts_keeps_the_committed(void)
{
    partial("Me gusta", "Me gusta el", "Me gustan los gatos");
    shows("Me gusta", " los gatos");
    partial("Me gusta", "Me gustan los gatos", "Me gustan los gatos negros");
    shows("Me gusta los gatos", " negros");
    partial("uno dos", NULL, "uno");
    shows("uno dos", "");
}

static void test_final_restyles(void)
{
    final("hola me", "Hola, me llamo Ana.");
    shows("Hola, me llamo Ana.", "");
    CHECK(!view.spliced);
    final("", "  Hola.");
    shows("Hola.", "");
}

static void test_final_that_contradicts_is_spliced(void)
{
    final("the cat", "the big cat sat.");
    shows("the cat sat.", "");
    CHECK(view.spliced);
    final("I am here", "I am");
    shows("I am here", "");
    CHECK(view.spliced);
    final("a b", "...");
    CHECK(view.spliced);
    CHECK(strncmp(view.committed, "a b", 3) == 0);
}

static void test_splice_never_runs_words_together(void)
{
    final("uno dos", "\u4f60 x");
    CHECK(view.spliced);
    final("alpha", "");
    shows("alpha", "");
    CHECK(view.spliced);
    /* The committed text met nothing: the answer follows after a space. */
    partial("alpha", NULL, "\u00bfque?");
    CHECK(strncmp(view.committed, "alpha", 5) == 0);
}

static void test_unspaced_scripts_commit_letters(void)
{
    partial("", "\u6211\u559c\u6b22\u732b", "\u6211\u559c\u6b22\u72d7\u3002");
    shows("\u6211\u559c\u6b22", "\u72d7\u3002");
    final("\u6211\u559c\u6b22", "\u6211\u5f88\u559c\u6b22\u72d7");
    shows("\u6211\u559c\u6b22\u72d7", "");
    CHECK(view.spliced);
}

static int piece(struct translate__stream *stream, const char *committed, const char *text)
{
    translate__view_free(&view);
    return translate__commit_piece(stream, committed, text, &view);
}

static void test_stream_commits_complete_words(void)
{
    struct translate__stream stream = {0};
    CHECK_EQ(piece(&stream, "", "Ho"), STATUS_AGAIN);
    CHECK_EQ(piece(&stream, "", "Hola,"), STATUS_AGAIN);
    CHECK_EQ(piece(&stream, "", "Hola, me lla"), 0);
    shows("Hola, me", " lla");
    CHECK_EQ(piece(&stream, "Hola, me", "Hola, me llamo"), STATUS_AGAIN);
    CHECK_EQ(piece(&stream, "Hola, me", "Hola, me llamo Ana"), 0);
    shows("Hola, me llamo", " Ana");
}

static void test_stream_continues_the_partials(void)
{
    struct translate__stream stream = {0};
    CHECK_EQ(piece(&stream, "hola me", "Hola, "), STATUS_AGAIN);
    CHECK_EQ(piece(&stream, "hola me", "Hola, me llamo "), 0);
    shows("hola me llamo", " ");
}

static void test_stream_that_contradicts_waits_for_more(void)
{
    struct translate__stream stream = {0};
    CHECK_EQ(piece(&stream, "the cat", "The big cat "), STATUS_AGAIN);
    CHECK_EQ(piece(&stream, "the cat", "The big cat sat on a "), 0);
    shows("the cat sat on a", " ");
}

static void test_stream_sent_again_starts_over(void)
{
    struct translate__stream stream = {0};
    CHECK_EQ(piece(&stream, "", "one two three "), 0);
    shows("one two three", " ");
    CHECK_EQ(piece(&stream, "one two three", "one "), STATUS_AGAIN);
    CHECK_EQ(piece(&stream, "one two three", "one too three four five six seven "), 0);
    shows("one two three four five six seven", " ");
}

/* Found by the simulation: "w12" begins "w127" as bytes, not as a word. */
static void test_stream_sent_again_respects_word_ends(void)
{
    struct translate__stream stream = {0};
    CHECK_EQ(piece(&stream, "", "we w12, w4"), 0);
    shows("we w12", ", w4");
    CHECK_EQ(piece(&stream, "we w12", "we w127 w4 w5 "), STATUS_AGAIN);
    CHECK_EQ(piece(&stream, "we w12", "we w127 w4 w5 w6 w7 "), 0);
    shows("we w12 w4 w5 w6 w7", " ");
}

/* The place where the stream goes on is found anew when its beginning changes. */
static void test_stream_sent_again_before_it_added_anything(void)
{
    struct translate__stream stream = {0};
    CHECK_EQ(piece(&stream, "the cat", "the cat "), STATUS_AGAIN);
    CHECK_EQ(piece(&stream, "the cat", "\u00e9l\u00e9\u00e9\u00e9\u00e9 "), STATUS_AGAIN);
    CHECK_EQ(piece(&stream, "the cat", "THE cat sat "), 0);
    shows("the cat sat", " ");
}

/* Whatever comes, what is committed begins with what was. */
static void test_committed_only_grows(void)
{
    static const char *const words[] = {"a", "b", "c", "d,", "e.", "\u00e9", "\u4f60", "\u2014"};
    struct rng rng;
    rng_init(&rng, 11);
    for (int round = 0; round < 3000; round++) {
        char committed[1024] = "", previous[256] = "";
        for (int step = 0; step < 6; step++) {
            char answer[256] = "";
            size_t used = 0, count = rng_below(&rng, 9);
            for (size_t i = 0; i < count; i++)
                used += (size_t)snprintf(answer + used, sizeof answer - used, "%s%s",
                                         i > 0 ? " " : "", words[rng_below(&rng, 8)]);
            if (step == 5)
                final(committed, answer);
            else
                partial(committed, step > 0 ? previous : NULL, answer);
            bool restyled = step == 5 && !view.spliced;
            CHECK(restyled || strncmp(view.committed, committed, strlen(committed)) == 0);
            snprintf(committed, sizeof committed, "%s", view.committed);
            snprintf(previous, sizeof previous, "%s", answer);
        }
    }
}

static void test_no_memory_leaves_nothing(void)
{
    unsigned nth = 1;
    for (bool clean = false; !clean; nth++) {
        struct translate__view out = {0};
        mem_fail_nth(nth);
        int status =
            translate__commit_partial("Me gusta", "Me gustan los", "Me gustan los g", &out);
        mem_fail_nth(0);
        CHECK(status == STATUS_NOMEM ? out.committed == NULL : status == 0);
        clean = status == 0;
        translate__view_free(&out);
    }
    CHECK(nth > 5);
    nth = 1;
    for (bool clean = false; !clean; nth++) {
        struct translate__view out = {0};
        mem_fail_nth(nth);
        int status = translate__commit_final("the cat", "the big cat", &out);
        mem_fail_nth(0);
        CHECK(status == STATUS_NOMEM ? out.committed == NULL : status == 0);
        clean = status == 0;
        translate__view_free(&out);
    }
    CHECK(nth > 4);
}

int main(void)
{
    RUN(test_first_partial_is_tentative);
    RUN(test_agreed_words_are_committed);
    RUN(test_partial_that_contradicts_keeps_the_committed);
    RUN(test_final_restyles);
    RUN(test_final_that_contradicts_is_spliced);
    RUN(test_splice_never_runs_words_together);
    RUN(test_unspaced_scripts_commit_letters);
    RUN(test_stream_commits_complete_words);
    RUN(test_stream_continues_the_partials);
    RUN(test_stream_that_contradicts_waits_for_more);
    RUN(test_stream_sent_again_starts_over);
    RUN(test_stream_sent_again_respects_word_ends);
    RUN(test_stream_sent_again_before_it_added_anything);
    RUN(test_committed_only_grows);
    RUN(test_no_memory_leaves_nothing);
    translate__view_free(&view);
    return check_done();
}
