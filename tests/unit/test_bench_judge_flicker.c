#include "bench/judge_flicker.h"

#include "base/mem.h"
#include "base/status.h"
#include "tests/check.h"

static struct judge_view view;
static struct judge_shown shown;
static int64_t now_us = 1000;

static struct judge_text text_of(const char *text)
{
    return (struct judge_text){text, strlen(text)};
}

/* The next revision; returns whether committed words were taken back. */
static bool show(const char *committed, const char *tentative)
{
    bool broken = false;
    judge_shown_read(&shown, text_of(committed), text_of(tentative));
    CHECK_EQ(judge_view_show(&view, &shown, now_us, &broken), STATUS_OK);
    return broken;
}

static void text_that_grows_erases_nothing(void)
{
    judge_view_begin(&view, 1, 1000);
    CHECK(!show("", "the"));
    CHECK(!show("", "the house"));
    CHECK(!show("the", " house was"));
    CHECK(!show("the house", " was green"));
    CHECK(!show("The house was green.", ""));
    CHECK_EQ(view.erased, 0);
    CHECK_EQ(view.len, 4);
}

/* A word stands since it was shown last, wherever the others went. */
static void words_tell_since_when_they_stand(void)
{
    judge_view_begin(&view, 1, 500);
    now_us = 1000;
    CHECK(!show("", "the mouse was"));
    now_us = 2000;
    CHECK(!show("", "the house was"));
    now_us = 3000;
    CHECK(!show("the house", " was"));
    CHECK_EQ(view.begun_us, 500);
    CHECK_EQ(view.shown_us, 2000);
    CHECK_EQ(view.since_us[0], 1000);
    CHECK_EQ(view.since_us[1], 2000);
    CHECK_EQ(view.since_us[2], 2000);
}

static void a_changed_tail_is_erased(void)
{
    judge_view_begin(&view, 1, 1000);
    CHECK(!show("", "the mouse was"));
    /* "mouse was" is taken back. */
    CHECK(!show("", "the house was"));
    CHECK_EQ(view.erased, 2);
    CHECK(!show("", "the house"));
    CHECK_EQ(view.erased, 3);
    CHECK(!show("A", " house"));
    CHECK_EQ(view.erased, 5);
}

static void committed_words_taken_back(void)
{
    judge_view_begin(&view, 1, 1000);
    CHECK(!show("the house", " was"));
    CHECK(show("the mouse", " was"));
    CHECK(show("the", " mouse was"));
    CHECK(!show("the mouse", ""));
    CHECK(!show("The mouse, was!", ""));
}

static void a_new_segment_starts_anew(void)
{
    judge_view_begin(&view, 1, 1000);
    CHECK(!show("the house", ""));
    judge_view_begin(&view, 2, 1000);
    CHECK(!show("a garden", ""));
    CHECK_EQ(view.erased, 0);
}

/* Both texts stand without a separator. */
static void a_word_half_committed(void)
{
    judge_view_begin(&view, 1, 1000);
    CHECK(!show("the hou", "se was"));
    CHECK_EQ(shown.len, 3);
    CHECK_EQ(shown.committed, 2);
    uint32_t house = shown.words[1];
    CHECK(!show("the hou", "se was"));
    CHECK_EQ(view.erased, 0);
    judge_shown_read(&shown, text_of("the house"), text_of(" was"));
    CHECK_EQ(shown.words[1], house);
    /* Punctuation behind a committed word is no other word. */
    judge_shown_read(&shown, text_of("the house"), text_of(". was"));
    CHECK_EQ(shown.words[1], house);
    CHECK_EQ(shown.len, 3);
    CHECK_EQ(shown.committed_last, house);
    /* A quote that is committed, the word not. */
    judge_shown_read(&shown, text_of("the \""), text_of("house"));
    CHECK_EQ(shown.len, 2);
    CHECK_EQ(shown.committed, 1);
    CHECK_EQ(shown.words[1], house);
}

static void long_texts_are_cut(void)
{
    static char text[JUDGE_SHOWN_MAX * 4 + 1];
    memset(text, 'a', sizeof text - 1);
    for (size_t i = 1; i < sizeof text - 1; i += 2)
        text[i] = ' ';
    judge_view_begin(&view, 1, 1000);
    CHECK(!show(text, "aa"));
    CHECK_EQ(view.len, JUDGE_SHOWN_MAX);
    CHECK(!show(text, "a b"));
    CHECK_EQ(view.erased, 0);
}

static void no_memory(void)
{
    struct judge_view other = {0};
    bool broken = false;
    judge_shown_read(&shown, text_of("one two"), text_of(""));
    mem_fail_nth(1);
    CHECK_EQ(judge_view_show(&other, &shown, now_us, &broken), STATUS_NOMEM);
    mem_fail_nth(0);
    CHECK_EQ(other.len, 0);
    CHECK_EQ(judge_view_show(&other, &shown, now_us, &broken), STATUS_OK);
    CHECK_EQ(other.len, 2);
    judge_view_deinit(&other);
}

int main(void)
{
    RUN(text_that_grows_erases_nothing);
    RUN(words_tell_since_when_they_stand);
    RUN(a_changed_tail_is_erased);
    RUN(committed_words_taken_back);
    RUN(a_new_segment_starts_anew);
    RUN(a_word_half_committed);
    RUN(long_texts_are_cut);
    RUN(no_memory);
    judge_view_deinit(&view);
    return check_done();
}
