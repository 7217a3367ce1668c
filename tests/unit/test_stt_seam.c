/* Two hearings of the same audio: what of the second only repeats the first. */
#include "base/status.h"
#include "stt/seam.h"
#include "stt/stream_limits.h"
#include "tests/check.h"
#include <stdarg.h>
#include <stdlib.h>

/* Words with their times: "no@1000 no@1300"; with `timed` they are the words' own ends. */
static struct stt_words words_of(const char *text, bool timed)
{
    struct stt_words words = {0};
    struct stt_words_parsed parsed;
    char plain[512] = "";
    uint32_t at[64];
    size_t len = 0;
    for (const char *c = text; *c != '\0';) {
        size_t word = strcspn(c, "@ ");
        strncat(plain, c, word);
        strcat(plain, " ");
        c += word;
        at[len++] = *c == '@' ? (uint32_t)strtoul(c + 1, (char **)&c, 10) : 0;
        c += strspn(c, " ");
    }
    CHECK_EQ(stt_words_parse(&words, plain, 0, &parsed), STATUS_OK);
    CHECK_EQ(words.len, len);
    for (size_t i = 0; i < len; i++) {
        words.at[i].at_ms = at[i];
        words.at[i].timed = timed;
    }
    return words;
}

static void check(const char *past_text, const char *heard_text, bool timed, size_t repeats)
{
    struct stt_words past = words_of(past_text, timed), heard = words_of(heard_text, timed);
    struct stt_seam_bounds bounds = {0};
    struct stt_seam seam;
    stt_seam_find(&past, &heard, &bounds, &seam);
    if (seam.repeats != repeats)
        printf("past \"%s\", heard \"%s\"\n", past_text, heard_text);
    CHECK_EQ(seam.repeats, repeats);
    CHECK(seam.covered <= past.len);
    stt_words_deinit(&past);
    stt_words_deinit(&heard);
}

static void test_what_is_repeated(void)
{
    check("a cup of tea", "a cup of tea please", false, 4);
    check("I would like a cup of tea", "cup of tea please", false, 3);
    check("I would like a cup of tea", "cup of", false, 2);
    check("I would like", "something else", false, 0);
    check("", "cup of tea", false, 0);
    check("cup of tea", "", false, 0);
}

/* The call that begins within a word hears a piece of it, or another word. */
static void test_broken_first_word(void)
{
    check("international cup of tea", "national cup of tea please", false, 4);
    check("international cup of tea", "brow cup of tea please", false, 4);
    check("the cup of tea", "cup off tea please", false, 3);
}

static void test_other_spelling(void)
{
    check("at seven we leave for home", "at 7 we leave for home now", false, 6);
    check("we leave at seven", "We leave, at 7", false, 4);
    check("we leave at seven o'clock sharp", "we leave at 7 o'clock sharp then", false, 6);
    /* One more word or one less in the second hearing. */
    check("go in to town today", "go into town today maybe", false, 4);
    check("go into town today", "go in to town today maybe", false, 5);
}

static void test_genuine_repeats(void)
{
    check("it is very", "it is very very good", false, 3);
    check("it is very very", "it is very very good", false, 4);
    check("no no no", "no no no no", false, 3);
    check("no", "no yes", false, 1);
    /* Times tell which of them the second call has missed. */
    check("is@800 very@1000", "very@1010 very@1400 good@1700", true, 1);
    check("is@800 very@1000", "very@1400 good@1700", true, 0);
    check("no@1000", "no@1600", true, 0);
    check("no@1000", "no@1050", true, 1);
    check("no@1000 no@1600", "no@1590 no@2200", true, 1);
}

/* No word in common: then times decide, where both calls gave them. */
static void test_by_time(void)
{
    check("to@1000 two@1300", "through@1280 tea@1700", true, 1);
    check("to@1000", "too@1040 late@1300", true, 1);
    check("to@1000", "late@1400", true, 0);
    check("to@1000", "late@1400", false, 0);
    /* A word so long after is not one of the past, whatever it is. */
    check("the@1000", "the@9000 dog@9300", false, 0);
}

/* A call that has caught up brings many words at once: the last ones may be dated too late. */
static void test_run_dated_late(void)
{
    check("one@1000 two@1400 three@1800", "one@3800 two@4400 three@5000 four@5600", false, 3);
    check("one@1000 two@1400 three@1800", "one@4000 two@4600 three@5200", false, 3);
    /* A run begins with a word that may be repeated,. */
    check("one@1000 two@1400 three@1800", "one@9000 two@9600 three@10200", false, 0);
    check("one@1000 two@1400", "one@1000 two@1400 one@5000 two@5400", false, 2);
    check("no@1000 no@1400", "no@1000 no@1400 no@5000", false, 2);
}

static void test_long_utterance_said_again(void)
{
    char past_text[512] = "", heard_text[1024] = "";
    struct stt_words past, heard;
    struct stt_seam seam;
    for (int i = 0; i < 60; i++)
        sprintf(heard_text + strlen(heard_text), "w%d ", i);
    for (int i = 30; i < 50; i++)
        sprintf(past_text + strlen(past_text), "w%d ", i);
    past = words_of(past_text, false);
    struct stt_words_parsed parsed;
    heard = (struct stt_words){0};
    CHECK_EQ(stt_words_parse(&heard, heard_text, 0, &parsed), STATUS_OK);
    struct stt_seam_bounds bounds = {.past_gone = true};
    stt_seam_find(&past, &heard, &bounds, &seam);
    CHECK(seam.found);
    CHECK_EQ(seam.repeats, 50);
    CHECK_EQ(seam.covered, 20);
    bounds.heard_first = 25;
    stt_seam_find(&past, &heard, &bounds, &seam);
    CHECK_EQ(seam.repeats, 50);
    /* Of the past only the rest may be repeated. */
    bounds = (struct stt_seam_bounds){.past_first = 20};
    stt_seam_find(&past, &heard, &bounds, &seam);
    CHECK_EQ(seam.repeats, 0);
    stt_words_deinit(&past);
    stt_words_deinit(&heard);
}

static void test_covered_within_the_past(void)
{
    struct stt_words past = words_of("one two three four five", false);
    struct stt_words heard = words_of("two three", false);
    struct stt_seam_bounds bounds = {0};
    struct stt_seam seam;
    stt_seam_find(&past, &heard, &bounds, &seam);
    CHECK_EQ(seam.repeats, 2);
    CHECK_EQ(seam.covered, 3);
    stt_words_deinit(&past);
    stt_words_deinit(&heard);
}

/* The word that is being spoken at the seam belongs to the second call. */
static void test_before_the_seam(void)
{
    struct stt_words told = words_of("one@1000 two@1400 three@1800", false);
    CHECK_EQ(stt_seam_before(told.at, told.len, 999), 0);
    CHECK_EQ(stt_seam_before(told.at, told.len, 1400), 2);
    CHECK_EQ(stt_seam_before(told.at, told.len, 9999), 3);
    stt_words_deinit(&told);
    struct stt_words timed = words_of("one@1000 two@1400 three@1800", true);
    CHECK_EQ(stt_seam_before(timed.at, timed.len, 1400 - STT_SEAM_HALF_WORD_MS), 2);
    CHECK_EQ(stt_seam_before(timed.at, timed.len, 1400 - STT_SEAM_HALF_WORD_MS - 1), 1);
    stt_words_deinit(&timed);
}

int main(void)
{
    RUN(test_what_is_repeated);
    RUN(test_broken_first_word);
    RUN(test_other_spelling);
    RUN(test_genuine_repeats);
    RUN(test_by_time);
    RUN(test_run_dated_late);
    RUN(test_long_utterance_said_again);
    RUN(test_covered_within_the_past);
    RUN(test_before_the_seam);
    return check_done();
}
