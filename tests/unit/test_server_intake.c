#include "server/intake.h"

#include "tests/check.h"
#include <stdint.h>

static const struct intake_limits limits = {
    .bytes_max = 100,
    .fragments_max = 4,
    .frames_per_s = 100,
    .frames_burst = 10,
    .texts_per_s = 10,
    .texts_burst = 3,
    .control_bytes_per_s = 1000,
    .control_burst_bytes = 5000,
};

static enum intake_verdict take(struct intake *intake, struct intake_piece piece, int64_t now_us)
{
    return intake_take(intake, &limits, &piece, now_us);
}

/* A whole message in one piece. */
static enum intake_verdict whole(struct intake *intake, bool text, size_t len, int64_t now_us)
{
    static const char bytes[200] = {0};
    return take(intake,
                (struct intake_piece){
                    .bytes = bytes, .len = len, .text = text, .first = true, .last = true},
                now_us);
}

static void test_bytes(void)
{
    struct intake intake = {0};
    CHECK_EQ(whole(&intake, false, 100, 0), INTAKE_TAKEN);
    CHECK_EQ(whole(&intake, false, 101, 0), INTAKE_TOO_BIG);
    CHECK_EQ(whole(&intake, false, 0, 0), INTAKE_TAKEN);
}

static void test_announced_bytes_count(void)
{
    static const size_t left[] = {91, (size_t)1 << 31, (size_t)1 << 62, SIZE_MAX};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        struct intake intake = {0};
        struct intake_piece piece = {.bytes = "0123456789", .len = 10, .left = 90, .first = true};
        CHECK_EQ(take(&intake, piece, 0), INTAKE_TAKEN);
        piece.left = left[i];
        CHECK_EQ(take(&intake, piece, 0), INTAKE_TOO_BIG);
    }
}

/* Fragments count by their frames, not by the pieces in which those arrive. */
static void test_fragments(void)
{
    struct intake intake = {0};
    CHECK_EQ(take(&intake, (struct intake_piece){.first = true}, 0), INTAKE_TAKEN);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(take(&intake, (struct intake_piece){.bytes = "x", .len = 1, .left = 1}, 0),
                 INTAKE_TAKEN);
    for (int i = 1; i < 4; i++)
        CHECK_EQ(take(&intake, (struct intake_piece){0}, 0), INTAKE_TAKEN);
    CHECK_EQ(take(&intake, (struct intake_piece){0}, 0), INTAKE_TOO_BIG);
    CHECK_EQ(take(&intake, (struct intake_piece){.first = true}, 0), INTAKE_TAKEN);
}

/* Text, at every place where it may be cut in two, is judged at its first wrong byte. */
static void check_cuts(const char *text, size_t len, size_t wrong_at)
{
    for (size_t cut = 0; cut <= len; cut++) {
        struct intake intake = {0};
        struct intake_piece first = {.bytes = text, .len = cut, .text = true, .first = true};
        struct intake_piece rest = {
            .bytes = text + cut, .len = len - cut, .text = true, .last = true};
        enum intake_verdict verdict = take(&intake, first, 0);
        CHECK_EQ(verdict, wrong_at < cut ? INTAKE_NOT_UTF8 : INTAKE_TAKEN);
        if (verdict == INTAKE_TAKEN)
            CHECK_EQ(take(&intake, rest, 0), wrong_at <= len ? INTAKE_NOT_UTF8 : INTAKE_TAKEN);
    }
}

static void test_text(void)
{
    check_cuts("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z", 11, SIZE_MAX);
    check_cuts("ab\xff", 3, 2);
    check_cuts("a\xed\xa0\x80z", 5, 2);
    check_cuts("ab\xc3", 3, 3); /* half a code point: known at the end only */
}

/* The empty last fragment must not hide half a code point, nor leave it to the next message. */
static void test_half_a_code_point(void)
{
    struct intake intake = {0};
    struct intake_piece half = {.bytes = "\xc3", .len = 1, .text = true, .first = true};
    CHECK_EQ(take(&intake, half, 0), INTAKE_TAKEN);
    CHECK_EQ(take(&intake, (struct intake_piece){.text = true, .last = true}, 0), INTAKE_NOT_UTF8);
    CHECK_EQ(whole(&intake, true, 2, 0), INTAKE_TAKEN);
}

static void test_audio_is_not_text(void)
{
    struct intake intake = {0};
    struct intake_piece piece = {.bytes = "\xff\xfe", .len = 2, .first = true, .last = true};
    CHECK_EQ(take(&intake, piece, 0), INTAKE_TAKEN);
}

static void test_pace_of_texts(void)
{
    struct intake intake = {0};
    int64_t now_us = 5000000;
    for (int i = 0; i < 3; i++) {
        CHECK(intake_due_us(&intake, &limits) <= now_us);
        CHECK(!intake_tell(&intake, &limits, now_us));
        CHECK_EQ(whole(&intake, true, 1, now_us), INTAKE_TAKEN);
    }
    CHECK_EQ(intake_due_us(&intake, &limits), now_us + 100000);
    CHECK(intake_tell(&intake, &limits, now_us));
    CHECK(!intake_tell(&intake, &limits, now_us));
    /* What was read already is taken all the same, and waited for. */
    CHECK_EQ(whole(&intake, true, 1, now_us), INTAKE_TAKEN);
    CHECK_EQ(intake_due_us(&intake, &limits), now_us + 200000);
}

/* Who goes on as fast as it may is told once, and again only after a rest. */
static void test_told_once(void)
{
    struct intake intake = {0};
    int64_t now_us = 0;
    unsigned told = 0;
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(whole(&intake, true, 1, now_us), INTAKE_TAKEN);
        told += intake_tell(&intake, &limits, now_us);
        if (intake_due_us(&intake, &limits) > now_us)
            now_us = intake_due_us(&intake, &limits);
    }
    CHECK_EQ(told, 1);
    now_us += 300000;
    for (int i = 0; i < 3; i++)
        CHECK_EQ(whole(&intake, true, 1, now_us), INTAKE_TAKEN);
    CHECK(intake_tell(&intake, &limits, now_us));
}

static void test_steady_pace_is_never_held(void)
{
    struct intake intake = {0};
    for (int64_t i = 0; i < 1000; i++) {
        int64_t now_us = i * 100000;
        CHECK_EQ(whole(&intake, true, 1, now_us), INTAKE_TAKEN);
        CHECK(intake_due_us(&intake, &limits) <= now_us);
    }
}

/* Empty fragments carry nothing and cost as much as others. */
static void test_pace_of_frames(void)
{
    struct intake intake = {0};
    for (int i = 0; i < 10; i++) {
        CHECK(intake_due_us(&intake, &limits) <= 0);
        CHECK_EQ(whole(&intake, false, 0, 0), INTAKE_TAKEN);
    }
    CHECK_EQ(intake_due_us(&intake, &limits), 10000);
    CHECK(!intake_tell(&intake, &limits, 0));
}

/* Bytes of frames that were told of are no flood, however many; others are when they are many. */
static void test_flood(void)
{
    struct intake intake = {0};
    uint64_t received = 0;
    for (int i = 1; i <= 1000; i++) {
        CHECK_EQ(whole(&intake, false, 100, i * 10000), INTAKE_TAKEN);
        received += 100 + 8;
        CHECK(!intake_flooded(&intake, &limits, received, i * 10000));
    }
    /* Silence, and pings at the pace allowed. */
    int64_t now_us = 20000000;
    received = intake.explained;
    for (int i = 0; i < 100; i++) {
        now_us += 1000000;
        received += 900;
        CHECK(!intake_flooded(&intake, &limits, received, now_us));
    }
    now_us += 1000000;
    CHECK(!intake_flooded(&intake, &limits, received + 4900, now_us));
    CHECK(intake_flooded(&intake, &limits, received + 5100, now_us));
    CHECK(intake_flooded(&intake, &limits, UINT64_MAX, now_us));
}

/* What the socket has and the library has not read yet may be told of later. */
static void test_flood_counts_once(void)
{
    struct intake intake = {0};
    CHECK(!intake_flooded(&intake, &limits, 4000, 0));
    CHECK(!intake_flooded(&intake, &limits, 4000, 0));
    CHECK_EQ(whole(&intake, false, 100, 0), INTAKE_TAKEN);
    CHECK(!intake_flooded(&intake, &limits, 4100, 0));
    CHECK(intake_flooded(&intake, &limits, 5300, 0));
}

int main(void)
{
    RUN(test_bytes);
    RUN(test_announced_bytes_count);
    RUN(test_fragments);
    RUN(test_text);
    RUN(test_half_a_code_point);
    RUN(test_audio_is_not_text);
    RUN(test_pace_of_texts);
    RUN(test_told_once);
    RUN(test_steady_pace_is_never_held);
    RUN(test_pace_of_frames);
    RUN(test_flood);
    RUN(test_flood_counts_once);
    return check_done();
}
