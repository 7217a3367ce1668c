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

static struct stt_seam find(const char *past_text, const char *heard_text, bool timed,
                            const struct stt_seam_bounds *bounds)
{
    struct stt_words past = words_of(past_text, timed), heard = words_of(heard_text, timed);
    struct stt_seam seam;
    stt_seam_find(&past, &heard, bounds, &seam);
    CHECK(seam.covered <= past.len && seam.repeats <= heard.len);
    stt_words_deinit(&past);
    stt_words_deinit(&heard);
    return seam;
}

static void check_in(const char *past_text, const char *heard_text, bool timed, size_t repeats,
                     const struct stt_seam_bounds *bounds)
{
    struct stt_seam seam = find(past_text, heard_text, timed, bounds);
    if (seam.repeats != repeats)
        printf("past \"%s\", heard \"%s\"\n", past_text, heard_text);
    CHECK_EQ(seam.repeats, repeats);
}

/* Both are known to begin together. */
static void check(const char *past_text, const char *heard_text, bool timed, size_t repeats)
{
    check_in(past_text, heard_text, timed, repeats, &(struct stt_seam_bounds){0});
}

/* What is heard may begin anywhere among the past words. */
static void check_blurred(const char *past_text, const char *heard_text, bool timed, size_t repeats)
{
    check_in(past_text, heard_text, timed, repeats, &(struct stt_seam_bounds){.past_gone = true});
}

static void test_what_is_repeated(void)
{
    check_blurred("a cup of tea", "a cup of tea please", false, 4);
    check_blurred("I would like a cup of tea", "cup of tea please", false, 3);
    check_blurred("I would like a cup of tea", "cup of", false, 2);
    check_blurred("I would like", "something else", false, 0);
    check_blurred("", "cup of tea", false, 0);
    check_blurred("cup of tea", "", false, 0);
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

/* Where both begin together the same words come at the same places, however they are written. */
static void test_begin_together(void)
{
    check("a cup of tea", "a cup of tea please", false, 4);
    check("I would like", "eye wood lick some", false, 3);
    check("nine ten", "9 10 eleven", false, 2);
    check("one nine two", "1 9 2 3", false, 3);
    check("at nine", "at 9", false, 2);
    check("nine", "9 times", false, 1);
    /* It has not caught up. */
    check("nine ten eleven", "9 10", false, 2);
    check("I would like a cup of tea", "I would", false, 2);
    /* One word more in either. */
    check("nine ten eleven twelve", "9 ten and eleven 12 and", false, 5);
    check("so nine ten eleven twelve", "9 ten 11 twelve then", false, 4);
    check("", "cup of tea", false, 0);
    check("cup of tea", "", false, 0);
}

/* Words that come too late for any of the past are new, though the call has missed the past ones.
 */
static void test_past_that_is_not_heard_again(void)
{
    check("the@1000", "the@9000 dog@9300", false, 0);
    check("the@1000", "dog@9000", false, 0);
    check("a@500 the@1000", "dog@9000", false, 0);
    check("a@500 the@1000", "dog@9000 barks@9500 loud@9900", false, 0);
    check("the@1000", "dog@1300", true, 0);
    check("a@500 the@1000", "dog@1300 barks@1700", true, 0);
    check_blurred("a@500 the@1000", "dog@9000", false, 0);
    check_blurred("a@500 the@1000", "dog@1300 barks@1700", true, 0);
}

/* No word in common: then times decide, where both calls gave them. */
static void test_by_time(void)
{
    check("to@1000 two@1300", "through@1280 tea@1700", true, 1);
    check("to@1000", "too@1040 late@1300", true, 1);
    check("to@1000", "late@1400", true, 0);
    check_blurred("to@1000", "late@1400", true, 0);
    check_blurred("to@1000", "late@1400", false, 0);
    /* A word so long after is not one of the past, whatever it is. */
    check_blurred("the@1000", "the@9000 dog@9300", false, 0);
}

/* Where it may begin anywhere, a word is only the same at about the same time. */
static void test_blurred_is_bounded_by_time(void)
{
    char text[64];
    snprintf(text, sizeof text, "yes@%d and@%d", 20000 - STT_SEAM_EARLY_MS,
             20400 - STT_SEAM_EARLY_MS);
    check_blurred("yes@20000 and@20400 then@20800", text, false, 2);
    snprintf(text, sizeof text, "yes@%d and@%d", 19990 - STT_SEAM_EARLY_MS,
             20390 - STT_SEAM_EARLY_MS);
    check_blurred("yes@20000 and@20400 then@20800", text, false, 0);
    /* Of two that sound alike it is the one of that time. */
    struct stt_seam_bounds bounds = {.past_gone = true};
    struct stt_seam seam =
        find("go@1000 on@1400 up@1800 go@9000 on@9400 in@9800", "go@9100 on@9500", false, &bounds);
    CHECK_EQ(seam.repeats, 2);
    CHECK_EQ(seam.first, 3);
    CHECK_EQ(seam.covered, 5);
    seam =
        find("go@1000 on@1400 up@1800 go@9000 on@9400 in@9800", "go@1100 on@1500", false, &bounds);
    CHECK_EQ(seam.repeats, 2);
    CHECK_EQ(seam.first, 0);
    CHECK_EQ(seam.covered, 2);
    /* The call that said them itself begins with them for certain. */
    bounds = (struct stt_seam_bounds){.past_gone = true, .same_call = true};
    seam = find("yes@20000 and@20400", "yes@3000 and@3400", false, &bounds);
    CHECK_EQ(seam.repeats, 2);
}

static void test_where_it_begins_and_how_sure(void)
{
    struct stt_seam_bounds bounds = {.past_gone = true};
    const char *past = "a@1000 b@1400 c@1800 d@2200 e@2600 f@3000 g@3400";
    struct stt_seam seam = find(past, "c@1800 d@2200 e@2600 f@3000 g@3400 h@3800", false, &bounds);
    CHECK(seam.found && seam.sure);
    CHECK_EQ(seam.first, 2);
    CHECK_EQ(seam.covered, 7);
    CHECK_EQ(seam.repeats, 5);
    /* Four may be chance. */
    seam = find(past, "d@2200 e@2600 f@3000 g@3400 h@3800", false, &bounds);
    CHECK(seam.found && !seam.sure);
    CHECK_EQ(seam.first, 3);
    /* Nor is it one that has nothing in common. */
    seam = find(past, "x@2200 y@2600", false, &bounds);
    CHECK(!seam.sure);
    /* Where both begin together it is the first, unless the call has missed it. */
    bounds = (struct stt_seam_bounds){0};
    seam = find(past, "a@1000 b@1400 c@1800 d@2200 e@2600", false, &bounds);
    CHECK(seam.sure);
    CHECK_EQ(seam.first, 0);
    CHECK_EQ(seam.covered, 5);
}

/* A call that has caught up brings many words at once: the last ones may be dated too late. */
static void test_run_dated_late(void)
{
    check("one@1000 two@1400 three@1800", "one@3800 two@4400 three@5000 four@5600", false, 3);
    check("one@1000 two@1400 three@1800", "one@4000 two@4600 three@5200", false, 3);
    /* A run begins with a word that may be repeated. */
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

int main(void)
{
    RUN(test_what_is_repeated);
    RUN(test_broken_first_word);
    RUN(test_other_spelling);
    RUN(test_genuine_repeats);
    RUN(test_begin_together);
    RUN(test_past_that_is_not_heard_again);
    RUN(test_by_time);
    RUN(test_blurred_is_bounded_by_time);
    RUN(test_where_it_begins_and_how_sure);
    RUN(test_run_dated_late);
    RUN(test_long_utterance_said_again);
    RUN(test_covered_within_the_past);
    return check_done();
}
