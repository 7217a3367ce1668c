#include "base/clock.h"

#include <time.h>

#define SECOND_US 1000000
#define DAY_S     86400
/* The last second of the year 9999: past it the text would not fit. */
#define WALL_S_MAX 253402300799

static int64_t read_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

/* Right-aligned decimal digits, and the byte that follows them. */
static char *put(char *at, int digits, int64_t value, char after)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    at[digits] = after;
    return at + digits + 1;
}

/*
 * The calendar is computed here because gmtime_r() takes the C library's time zone lock, and every
 * log line of every thread needs a stamp. Years begin in March, so the leap day is the last of its
 * year; an era is 400 years.
 */
void clock_rfc3339(int64_t wall_us, char out[CLOCK_RFC3339_BYTES])
{
    int64_t second = wall_us / SECOND_US, ms = wall_us % SECOND_US / 1000;
    if (wall_us < 0)
        second = ms = 0;
    if (second > WALL_S_MAX)
        second = WALL_S_MAX;
    int64_t day = second / DAY_S + 719468; /* days since 0000-03-01 */
    int64_t era = day / 146097, of_era = day % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153; /* 0 is March */
    int64_t of_month = of_year - (153 * month + 2) / 5 + 1;
    year += era * 400 + (month >= 10);
    second %= DAY_S;

    char *at = put(out, 4, year, '-');
    at = put(at, 2, month < 10 ? month + 3 : month - 9, '-');
    at = put(at, 2, of_month, 'T');
    at = put(at, 2, second / 3600, ':');
    at = put(at, 2, second / 60 % 60, ':');
    at = put(at, 2, second % 60, '.');
    at = put(at, 3, ms, 'Z');
    *at = '\0';
}
