/* The most in any minute: spread, bunched, after a gap. */
#include "bench/sim_minute.h"
#include "tests/check.h"

#define SECOND ((int64_t)1000000)

static void test_steady(void)
{
    struct sim_minute minute = {0};
    for (int64_t i = 0; i < 3000; i++) /* ten a second for five minutes */
        sim_minute_add(&minute, 7 * SECOND + i * SECOND / 10);
    CHECK_EQ(minute.peak, 600);
    CHECK_EQ(minute.last, 600);
}

static void test_a_bunch_across_full_minutes(void)
{
    struct sim_minute minute = {0};
    for (int i = 0; i < 50; i++)
        sim_minute_add(&minute, 59 * SECOND);
    for (int i = 0; i < 40; i++)
        sim_minute_add(&minute, 61 * SECOND);
    CHECK_EQ(minute.peak, 90);
    sim_minute_add(&minute, 119 * SECOND + SECOND / 2); /* the first bunch is past */
    CHECK_EQ(minute.last, 41);
    sim_minute_add(&minute, 500 * SECOND);
    CHECK_EQ(minute.last, 1);
    CHECK_EQ(minute.peak, 90);
}

int main(void)
{
    RUN(test_steady);
    RUN(test_a_bunch_across_full_minutes);
    return check_done();
}
