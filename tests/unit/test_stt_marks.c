/* Latency stamps by position. */
#include "stt/marks.h"
#include "tests/check.h"

static void test_parts(void)
{
    struct stt_marks marks = {0};
    struct lat lat;
    stt_marks_stamp(&marks, 100, &lat);
    CHECK_EQ(lat.start_us, 0);
    stt_marks_frame(&marks, 100, 10, 1000);
    stt_marks_frame(&marks, 200, 10, 2000);
    stt_marks_block(&marks, 160, 2000);
    stt_marks_passed(&marks, 160, 2500);
    stt_marks_sent(&marks, 160, 2600);
    stt_marks_stamp(&marks, 100, &lat);
    CHECK_EQ(lat.start_us, 1000);
    CHECK_EQ(lat.part_us[LAT_HOLD], 1000);
    CHECK_EQ(lat.part_us[LAT_QUEUE], 500);
    CHECK_EQ(lat.part_us[LAT_SERVER], 100);
    CHECK_EQ(lat.last_us, 2600);
    stt_marks_stamp(&marks, 101, &lat);
    CHECK_EQ(lat.start_us, 2000);
    stt_marks_stamp(&marks, 999, &lat); /* past the newest */
    CHECK_EQ(lat.start_us, 2000);
    stt_marks_deinit(&marks);
}

static void test_only_the_first_sending_counts(void)
{
    struct stt_marks marks = {0};
    struct lat lat;
    stt_marks_frame(&marks, 100, 10, 1000);
    stt_marks_block(&marks, 100, 1000);
    stt_marks_passed(&marks, 100, 1100);
    stt_marks_passed(&marks, 100, 9000);
    CHECK_EQ(stt_marks_sent(&marks, 100, 1200), 200);
    CHECK(stt_marks_sent(&marks, 100, 9100) < 0);
    CHECK(stt_marks_sent(&marks, 50, 5000) < 0); /* no block ends there */
    stt_marks_stamp(&marks, 100, &lat);
    CHECK_EQ(lat.last_us, 1200);
    stt_marks_deinit(&marks);
}

static void test_tiny_frames_share_a_stamp(void)
{
    struct stt_marks marks = {0};
    struct lat lat;
    for (uint64_t i = 1; i <= 1000; i++)
        stt_marks_frame(&marks, i, 10, (int64_t)i * 100);
    CHECK(marks.frames.len <= 102);
    stt_marks_stamp(&marks, 500, &lat);
    CHECK(lat.start_us <= 50000 && lat.start_us >= 49000);
    stt_marks_deinit(&marks);
}

static void test_trim(void)
{
    struct stt_marks marks = {0};
    for (uint64_t i = 1; i <= 1000; i++) {
        stt_marks_frame(&marks, i * 100, 10, (int64_t)i);
        stt_marks_block(&marks, i * 100, (int64_t)i);
        stt_marks_trim(&marks, i > 10 ? (i - 10) * 100 : 0);
        CHECK(marks.frames.len <= 11 && marks.blocks.len <= 11);
    }
    CHECK_EQ(marks.frames.cap, 16);
    struct lat lat;
    stt_marks_stamp(&marks, 99500, &lat);
    CHECK_EQ(lat.start_us, 995);
    stt_marks_trim(&marks, 1000000); /* the newest stays */
    stt_marks_stamp(&marks, 100000, &lat);
    CHECK_EQ(lat.start_us, 1000);
    stt_marks_deinit(&marks);
}

/* From the newest to the oldest, at every length and offset of the queue. */
static void test_every_mark_is_found(void)
{
    struct stt_marks marks = {0};
    struct lat lat;
    for (uint64_t i = 1; i <= 150; i++) {
        stt_marks_frame(&marks, i * 100, 10, (int64_t)i);
        stt_marks_block(&marks, i * 100, (int64_t)i * 2);
        uint64_t first = i > 70 ? i - 70 : 0;
        stt_marks_trim(&marks, first * 100);
        for (uint64_t k = first + 1; k <= i; k++) {
            for (uint64_t end = k * 100 - 99; end <= k * 100; end += 99) {
                stt_marks_stamp(&marks, end, &lat);
                CHECK_EQ(lat.start_us, (int64_t)k);
                CHECK_EQ(lat.part_us[LAT_HOLD], (int64_t)k);
            }
        }
    }
    stt_marks_deinit(&marks);
}

static void test_memory_is_given_back(void)
{
    struct stt_marks marks = {0};
    for (uint64_t i = 1; i <= 2000; i++)
        stt_marks_block(&marks, i * 100, 7);
    CHECK_EQ(marks.blocks.cap, 2048);
    for (uint64_t i = 2001; i <= 2100; i++) {
        stt_marks_block(&marks, i * 100, 7);
        stt_marks_trim(&marks, (i - 10) * 100);
        CHECK(marks.blocks.len >= 10 && marks.blocks.len <= 11);
    }
    CHECK(marks.blocks.cap <= 64);
    stt_marks_deinit(&marks);
}

int main(void)
{
    RUN(test_parts);
    RUN(test_only_the_first_sending_counts);
    RUN(test_tiny_frames_share_a_stamp);
    RUN(test_trim);
    RUN(test_every_mark_is_found);
    RUN(test_memory_is_given_back);
    return check_done();
}
