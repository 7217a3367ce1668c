#include "base/clock.h"
#include "tests/check.h"

#include <stdint.h>
#include <time.h>

static void test_known_stamps(void)
{
    static const struct {
        int64_t us;
        const char *text;
    } known[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1970-01-01T00:00:00.000Z"},
        {1769860800123456, "2026-01-31T12:00:00.123Z"},
        {951782400000000, "2000-02-29T00:00:00.000Z"},
        {1709251199999999, "2024-02-29T23:59:59.999Z"},
        {4107542400000000, "2100-03-01T00:00:00.000Z"},
        {253402300799999999, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.775Z"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        char out[CLOCK_RFC3339_BYTES];
        clock_rfc3339(known[i].us, out);
        CHECK_STR(out, known[i].text);
    }
}

/* The C library is the reference: every day of 150 years, at a moving time of day. */
static void test_calendar_against_libc(void)
{
    for (int64_t day = 0; day < 150 * 366; day++) {
        time_t second = (time_t)(day * 86400 + day * 7919 % 86400);
        struct tm tm;
        char expected[64], out[CLOCK_RFC3339_BYTES];
        gmtime_r(&second, &tm);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.042Z", &tm);
        clock_rfc3339((int64_t)second * 1000000 + 42999, out);
        CHECK(strcmp(out, expected) == 0);
    }
}

static void test_clocks_run(void)
{
    int64_t before = clock_mono_us(), wall = clock_wall_us();
    CHECK(before > 0);
    CHECK(clock_mono_us() >= before);
    CHECK(wall / 1000000 - (int64_t)time(NULL) <= 1 && (int64_t)time(NULL) - wall / 1000000 <= 1);
}

int main(void)
{
    RUN(test_known_stamps);
    RUN(test_calendar_against_libc);
    RUN(test_clocks_run);
    return check_done();
}
