/* Commit policy of the open segment: agreement, stability, contradiction, carry. */
#include "base/mem.h"
#include "base/status.h"
#include "stt/segment.h"
#include "stt/stream_limits.h"
#include "tests/check.h"

static struct stt_segment segment;
static uint64_t clock_ms;

static void begin(unsigned agreement)
{
    stt_segment_init(&segment, agreement);
    clock_ms = 0;
}

static void end(void)
{
    stt_segment_deinit(&segment);
}

static struct stt_reading reading(const char *text, size_t stable_len)
{
    return (struct stt_reading){.text = text, .stable_len = stable_len, .at_ms = clock_ms};
}

static int hypothesis(const char *text, size_t stable_len)
{
    struct stt_reading said = reading(text, stable_len);
    return stt_segment_hypothesis(&segment, &said);
}

static void hear(const char *text, const char *committed, const char *tentative)
{
    CHECK_EQ(hypothesis(text, 0), STATUS_OK);
    CHECK_STR(stt_segment_text(&segment), committed);
    CHECK_STR(stt_segment_tentative(&segment), tentative);
}

static void final(const char *text, const char *whole, bool spliced)
{
    struct stt_reading said = reading(text, 0);
    CHECK_EQ(stt_segment_final(&segment, &said), STATUS_OK);
    CHECK_STR(stt_segment_text(&segment), whole);
    CHECK_STR(stt_segment_tentative(&segment), "");
    CHECK_EQ(segment.spliced, spliced);
}

static void test_agreement_of_two(void)
{
    begin(2);
    hear("I", "", "I");
    hear("I have", "I", " have");
    hear("I half", "I", " half");
    hear("I have two", "I", " have two");
    hear("I have two cats", "I have two", " cats");
    end();
}

static void test_agreement_of_one_commits_at_once(void)
{
    begin(1);
    hear("so what", "so what", "");
    hear("so what now", "so what now", "");
    end();
}

static void test_agreement_of_three(void)
{
    begin(3);
    hear("a", "", "a");
    hear("a b", "", "a b");
    hear("a b c", "a", " b c");
    hear("a b c", "a b", " c");
    end();
}

static void test_words_agree_whatever_their_case(void)
{
    begin(2);
    hear("hello world", "", "hello world");
    hear("Hello, world!", "Hello, world!", "");
    end();
}

static void test_stable_pieces_are_committed(void)
{
    begin(3);
    CHECK_EQ(hypothesis("to be or not", 5), STATUS_OK);
    CHECK_STR(stt_segment_text(&segment), "to be");
    CHECK_STR(stt_segment_tentative(&segment), " or not");
    /* A word glued over the boundary is not stable. */
    CHECK_EQ(hypothesis("to be order", 8), STATUS_OK);
    CHECK_STR(stt_segment_text(&segment), "to be");
    end();
}

static void test_stable_length_survives_normalisation(void)
{
    begin(3);
    /* e + combining acute shrinks by one byte. */
    CHECK_EQ(hypothesis("cafe\xcc\x81 ole\xcc\x81 x", 6), STATUS_OK);
    CHECK_STR(stt_segment_text(&segment), "caf\xc3\xa9");
    CHECK_STR(stt_segment_tentative(&segment), " ol\xc3\xa9 x");
    end();
}

static void test_committed_stays_when_contradicted(void)
{
    begin(2);
    hear("the cat sat", "", "the cat sat");
    hear("the cat sat", "the cat sat", "");
    hear("the bat sat on", "the cat sat", " on");
    hear("a bat sat on it", "the cat sat", " on it");
    hear("the", "the cat sat", "");
    hear("", "the cat sat", "");
    end();
}

static void test_shrinking_hypothesis_keeps_committed(void)
{
    begin(2);
    hear("one two three", "", "one two three");
    hear("one two three", "one two three", "");
    hear("one two", "one two three", "");
    hear("one two three four", "one two three", " four");
    end();
}

static void test_final_restyles(void)
{
    begin(2);
    hear("hello my friend", "", "hello my friend");
    hear("hello my friend", "hello my friend", "");
    final("Hello, my friend.", "Hello, my friend.", false);
    end();
}

static void test_final_without_a_hypothesis(void)
{
    begin(2);
    final("  Good   morning. ", "Good morning.", false);
    end();
}

static void test_final_that_contradicts_is_spliced(void)
{
    begin(1);
    hear("I scream every day", "I scream every day", "");
    final("ice cream every day now.", "I scream every day now.", true);
    end();
}

static void test_final_is_never_shorter(void)
{
    begin(1);
    hear("one two three four", "one two three four", "");
    final("one two", "one two three four", true);
    end();
    begin(1);
    hear("one two", "one two", "");
    final("", "one two", true);
    end();
}

static void test_carry_is_not_repeated(void)
{
    begin(1);
    hear("one two three four", "one two three four", "");
    final("one two", "one two three four", true);
    stt_segment_next(&segment, true, true);
    CHECK(stt_segment_empty(&segment));
    hear("three", "", "");
    CHECK(!stt_segment_silent(&segment));
    hear("three four five", "five", "");
    final("Three four five six.", "five six.", false);
    end();
}

static void test_carry_outlives_a_final_of_its_own(void)
{
    begin(1);
    hear("a b c d", "a b c d", "");
    final("a", "a b c d", true);
    stt_segment_next(&segment, true, true);
    final("b c", "", false);
    CHECK(segment.passed);
    final("d e", "e", false);
    end();
}

static void test_carry_that_is_not_heard_again_is_forgotten(void)
{
    begin(1);
    hear("one two three", "one two three", "");
    final("one two", "one two three", true);
    stt_segment_next(&segment, false, true);
    hear("three cheers", "three cheers", "");
    end();
    begin(1);
    hear("one two three", "one two three", "");
    final("one two", "one two three", true);
    stt_segment_next(&segment, true, true);
    clock_ms = STT_SEAM_GUESS_MS + 2000; /* too late to be a reading of it */
    hear("other words", "other words", "");
    end();
}

static void note(const char *text)
{
    struct stt_reading said = reading(text, 0);
    CHECK_EQ(stt_segment_note(&segment, &said), STATUS_OK);
}

/* Words that the next call said while it was behind are known by when they came first. */
static void test_words_are_dated_while_behind(void)
{
    begin(1);
    clock_ms = 1000;
    hear("one two", "one two", "");
    final("One two.", "One two.", false);
    stt_segment_next(&segment, false, false);
    stt_segment_rebase(&segment);
    note("one tool");
    note("one two");
    clock_ms = 1200;
    note("one");
    clock_ms = 9000;
    final("One two three.", "three.", false);
    end();
}

/* So are those that a final leaves to the next utterance. */
static void test_words_behind_a_final_keep_their_times(void)
{
    begin(1);
    clock_ms = 1000;
    hear("one two three", "one two three", "");
    clock_ms = 400;
    final("One.", "one two three", true);
    stt_segment_next(&segment, true, true);
    clock_ms = 9000;
    hear("two three four", "four", "");
    end();
}

static void test_promotion(void)
{
    begin(2);
    hear("left open", "", "left open");
    hear("left open here", "left open", " here");
    CHECK_EQ(stt_segment_promote(&segment), STATUS_OK);
    CHECK_STR(stt_segment_text(&segment), "left open here");
    CHECK_STR(stt_segment_tentative(&segment), "");
    end();
}

static void test_next_forgets(void)
{
    begin(1);
    hear("first words", "first words", "");
    final("other things", "first words", true);
    stt_segment_next(&segment, false, true);
    CHECK(stt_segment_silent(&segment));
    CHECK(!segment.spliced);
    hear("second", "second", "");
    end();
}

static void test_han_is_committed_by_character(void)
{
    begin(2);
    hear("\xe6\x88\x91\xe6\x98\xaf", "", "\xe6\x88\x91\xe6\x98\xaf");
    hear("\xe6\x88\x91\xe6\x98\xaf\xe8\xb0\x81", "\xe6\x88\x91\xe6\x98\xaf", "\xe8\xb0\x81");
    final("\xe6\x88\x91\xe6\x98\xaf\xe8\xb0\x81\xe3\x80\x82",
          "\xe6\x88\x91\xe6\x98\xaf\xe8\xb0\x81\xe3\x80\x82", false);
    end();
}

/* Any failed allocation leaves what was committed, and the next reading works. */
static void test_out_of_memory(void)
{
    for (unsigned nth = 1; nth < 40; nth++) {
        begin(1);
        hear("we begin", "we begin", "");
        mem_fail_nth(nth);
        int status = hypothesis("we begin \xc3\xa9t\xc3\xa9 again", 0);
        mem_fail_nth(0);
        CHECK(status == STATUS_OK || status == STATUS_NOMEM);
        CHECK(strncmp(stt_segment_text(&segment), "we begin", 8) == 0);
        CHECK_EQ(hypothesis("we begin \xc3\xa9t\xc3\xa9 again", 0), STATUS_OK);
        CHECK_STR(stt_segment_text(&segment), "we begin \xc3\xa9t\xc3\xa9 again");
        end();
    }
}

int main(void)
{
    RUN(test_agreement_of_two);
    RUN(test_agreement_of_one_commits_at_once);
    RUN(test_agreement_of_three);
    RUN(test_words_agree_whatever_their_case);
    RUN(test_stable_pieces_are_committed);
    RUN(test_stable_length_survives_normalisation);
    RUN(test_committed_stays_when_contradicted);
    RUN(test_shrinking_hypothesis_keeps_committed);
    RUN(test_final_restyles);
    RUN(test_final_without_a_hypothesis);
    RUN(test_final_that_contradicts_is_spliced);
    RUN(test_final_is_never_shorter);
    RUN(test_carry_is_not_repeated);
    RUN(test_carry_outlives_a_final_of_its_own);
    RUN(test_carry_that_is_not_heard_again_is_forgotten);
    RUN(test_words_are_dated_while_behind);
    RUN(test_words_behind_a_final_keep_their_times);
    RUN(test_promotion);
    RUN(test_next_forgets);
    RUN(test_han_is_committed_by_character);
    RUN(test_out_of_memory);
    return check_done();
}
