/* Buckets and the budget made of them: limits, margins, corrections. Time is a number. */
#include "pool/budget.h"
#include "pool/limits.h"
#include "tests/check.h"

#define SECOND 1000000
#define MINUTE (60 * (int64_t)SECOND)
#define QUIET  UINT32_MAX

/* What is taken one by one until `end_us`, as soon as it is there. */
static unsigned take_until(struct budget *budget, uint32_t tokens, int64_t *now_us, int64_t end_us)
{
    unsigned taken = 0;
    for (;;) {
        int64_t due_us = budget_due(budget, tokens, *now_us);
        if (due_us >= end_us)
            break;
        if (due_us > *now_us) {
            *now_us = due_us;
            continue;
        }
        budget_take(budget, tokens);
        taken++;
    }
    *now_us = end_us;
    return taken;
}

/* Whatever the limit, no minute holds more, and the long run reaches nine tenths of it or half at
 * least. */
static void test_bucket_limits(void)
{
    static const uint32_t limits[] = {1, 2, 3, 5, 9, 10, 11, 25, 60, 99, 1000, 50000};
    for (unsigned i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        for (unsigned burst = 1; burst <= 64; burst *= 8) {
            struct bucket bucket;
            bucket_init(&bucket, limits[i], burst, 0);
            uint64_t taken = 0, minute = 0;
            int64_t now = 0;
            while (now < 10 * MINUTE) {
                for (int64_t due; (due = bucket_due(&bucket, 1, now)) > now;)
                    now = due;
                minute += now < MINUTE;
                taken += now < 10 * MINUTE;
                bucket_take(&bucket, 1);
            }
            CHECK(minute <= limits[i]);
            CHECK(burst > 1 || limits[i] < 100 || minute <= (uint64_t)limits[i] * 945 / 1000 + 1);
            CHECK(taken <= (uint64_t)limits[i] * 10);
            CHECK(taken * 2 >= (uint64_t)limits[i] * 9);
        }
    }
}

static void test_bucket_unlimited(void)
{
    struct bucket bucket;
    bucket_init(&bucket, 0, 1, 0);
    for (unsigned i = 0; i < 1000; i++) {
        CHECK_EQ(bucket_due(&bucket, 1000000, 7), 7);
        bucket_take(&bucket, 1000000);
    }
    bucket_give(&bucket, -1000000);
    bucket_correct(&bucket, 0, 7);
    CHECK_EQ(bucket_due(&bucket, 1, 7), 7);
    CHECK_EQ(bucket_size(&bucket), UINT32_MAX);
}

/* A bucket that shrinks under something that was queued for a larger one lets it through once. */
static void test_bucket_shrinks(void)
{
    struct bucket bucket;
    bucket_init(&bucket, 100000, 1, 0);
    bucket_resize(&bucket, 1000, 1, 0);
    CHECK_EQ(bucket_size(&bucket), 45);
    CHECK_EQ(bucket_due(&bucket, 60, 0), 0);
    bucket_take(&bucket, 60);
    CHECK_EQ(bucket_due(&bucket, 1, 0), 16 * (int64_t)SECOND / 15 + 1); /* 15 owed, one more */
}

/* What the provider tells holds, down at once and up again, but never past the configuration. */
static void test_told_limits(void)
{
    struct budget budget;
    int64_t now_us = 0;
    budget_init(&budget, 6000, 0, now_us);
    struct budget_told told = {1200, QUIET, QUIET, QUIET};
    budget_observe(&budget, &told, now_us);
    unsigned minute = take_until(&budget, 1, &now_us, MINUTE);
    CHECK(minute > 1070 && minute <= 1134);
    told.requests_limit = 9000;
    budget_observe(&budget, &told, now_us);
    CHECK_EQ(budget.requests.bucket.limit, 6000);
    minute = take_until(&budget, 1, &now_us, 2 * MINUTE);
    CHECK(minute > 5300 && minute <= 5670);
    CHECK_EQ(budget.tokens.bucket.limit, 0);
    told.tokens_limit = 90000; /* nothing was configured */
    budget_observe(&budget, &told, now_us);
    CHECK_EQ(budget.tokens.bucket.limit, 90000);
    told.tokens_limit = 0; /* makes no sense */
    budget_observe(&budget, &told, now_us);
    CHECK_EQ(budget.tokens.bucket.limit, 90000);
}

/* Two models with limits of their own answer in turn. */
static void test_lower_of_two_told_limits(void)
{
    struct budget budget;
    budget_init(&budget, 6000, 0, 0);
    struct budget_told small = {1000, QUIET, QUIET, QUIET}, large = {3000, QUIET, QUIET, QUIET};
    for (int64_t second = 0; second < 30; second++) {
        budget_observe(&budget, &small, second * SECOND);
        budget_observe(&budget, &large, second * SECOND);
        CHECK_EQ(budget.requests.bucket.limit, 1000);
    }
    budget_observe(&budget, &large, 29 * (int64_t)SECOND + BUDGET_TOLD_KEEP_US);
    CHECK_EQ(budget.requests.bucket.limit, 3000);
}

static void test_what_is_left_corrects(void)
{
    struct budget budget;
    budget_init(&budget, 1000, 100000, 0);
    struct budget_told told = {QUIET, 0, QUIET, QUIET};
    CHECK_EQ(budget_due(&budget, 100, 0), 0);
    budget_observe(&budget, &told, 0);
    CHECK(budget_due(&budget, 100, 0) > 0);
    budget_init(&budget, 1000, 100000, 0);
    budget_settle(&budget, -50000);
    CHECK(budget_due(&budget, 100, 0) > 20 * SECOND);
    told = (struct budget_told){QUIET, QUIET, QUIET, 40000}; /* others may have used it */
    budget_observe(&budget, &told, 0);
    CHECK(budget_due(&budget, 100, 0) > 20 * SECOND);
    told.tokens_left = 60000; /* what we thought to owe was never charged */
    budget_observe(&budget, &told, 0);
    CHECK(budget_due(&budget, 100, 0) < SECOND);
}

/* A provider that says nothing but no: the rate finds its way below, and back. */
/* An answer that tells nothing of what is left forgives nothing. */
static void test_silence_leaves_the_debt(void)
{
    struct budget budget;
    budget_init(&budget, 1000, 100000, 0);
    budget_settle(&budget, -50000);
    int64_t due_us = budget_due(&budget, 100, 0);
    struct budget_told told = {1000, QUIET, 100000, QUIET};
    budget_observe(&budget, &told, 0);
    CHECK_EQ(budget_due(&budget, 100, 0), due_us);
    /* What was not looked at comes back, whatever is there. */
    budget_charge(&budget, 10000);
    CHECK(budget_due(&budget, 100, 0) > due_us);
    budget_refund(&budget, 10000);
    CHECK_EQ(budget_due(&budget, 100, 0), due_us);
}

static void test_refusals_slow_down(void)
{
    struct budget budget;
    int64_t now_us = 0;
    budget_init(&budget, 6000, 0, now_us);
    for (unsigned i = 0; i < 50; i++)
        budget_refused(&budget, now_us, now_us); /* one, of those that were under way */
    CHECK_EQ(budget.requests.bucket.limit, 5250);
    for (now_us = SECOND; now_us <= 30 * SECOND; now_us += SECOND)
        budget_refused(&budget, now_us, now_us);
    CHECK_EQ(budget.requests.bucket.limit, 3000);
    CHECK(budget_due(&budget, 1, now_us + 10 * SECOND) > 0);
    CHECK(budget.requests.bucket.limit > 3000 && budget.requests.bucket.limit < 3600);
    budget_due(&budget, 1, now_us + 3 * MINUTE);
    CHECK_EQ(budget.requests.bucket.limit, 6000);
}

/* The real quota is two thirds of the configured one and nobody says so: few are refused. */
static void test_refusals_find_the_quota(void)
{
    struct budget budget;
    struct bucket provider = {0};
    int64_t now_us = 0;
    unsigned accepted = 0, refused = 0;
    budget_init(&budget, 6000, 0, now_us);
    bucket_init(&provider, 4444, 1, now_us); /* a rate of 4000 a minute */
    while (now_us < 30 * MINUTE) {
        int64_t due_us = budget_due(&budget, 1, now_us);
        if (due_us > now_us) {
            now_us = due_us;
            continue;
        }
        budget_take(&budget, 1);
        int64_t wait_us = bucket_due(&provider, 1, now_us) - now_us;
        if (wait_us == 0) {
            bucket_take(&provider, 1);
            accepted++;
        } else {
            budget_refused(&budget, now_us + wait_us, now_us);
            refused++;
        }
    }
    CHECK(refused * 200 < accepted);
    CHECK(accepted > 30 * 4000 * 9 / 10);
}

static void test_share(void)
{
    struct budget budget;
    budget_init(&budget, 4500, 1800000, 0);
    CHECK_EQ(budget_share(&budget, 10), 1000);
    CHECK_EQ(budget_share(&budget, 400), 1000);
    CHECK_EQ(budget_share(&budget, 800), 2000);
    CHECK_EQ(budget_share(&budget, 1000000), SCHEDULER_SHARE_MAX);
    budget_init(&budget, 0, 0, 0);
    CHECK_EQ(budget_share(&budget, 0), 1);
    CHECK_EQ(budget_share(&budget, SCHEDULER_QUANTUM), 1000);
    budget_init(&budget, 100, 0, 0);
    CHECK_EQ(budget_share(&budget, 5000), 1000);
}

int main(void)
{
    RUN(test_bucket_limits);
    RUN(test_bucket_unlimited);
    RUN(test_bucket_shrinks);
    RUN(test_told_limits);
    RUN(test_lower_of_two_told_limits);
    RUN(test_what_is_left_corrects);
    RUN(test_silence_leaves_the_debt);
    RUN(test_refusals_slow_down);
    RUN(test_refusals_find_the_quota);
    RUN(test_share);
    return check_done();
}
