#include "base/rng.h"
#include "pool/hedge.h"
#include "tests/check.h"

static struct pool_hedge hedge;

static void test_knows_nothing_at_first(void)
{
    pool_hedge_init(&hedge, 5);
    CHECK_EQ(pool_hedge_after_us(&hedge, false), INT64_MAX);
    for (int i = 0; i < POOL_HEDGE_SAMPLES_MIN - 1; i++)
        pool_hedge_learn(&hedge, false, 1000);
    CHECK_EQ(pool_hedge_after_us(&hedge, false), INT64_MAX);
    for (int i = 0; i < POOL_HEDGE_EVERY; i++)
        pool_hedge_learn(&hedge, false, 1000);
    CHECK(pool_hedge_after_us(&hedge, false) < INT64_MAX);
    CHECK_EQ(pool_hedge_after_us(&hedge, true), INT64_MAX);
}

/* Of times spread evenly over a second few are later than what it says, and those it has not seen
 * for long do not count. */
static void test_follows_the_quantile(void)
{
    struct rng rng;
    rng_init(&rng, 7);
    pool_hedge_init(&hedge, 5);
    for (int i = 0; i < 5000; i++)
        pool_hedge_learn(&hedge, true, rng_range(&rng, 0, 1000000));
    int64_t after_us = pool_hedge_after_us(&hedge, true);
    CHECK(after_us > 950000 && after_us < 1300000);
    for (int i = 0; i < POOL_HEDGE_SAMPLES; i++)
        pool_hedge_learn(&hedge, true, rng_range(&rng, 0, 100000));
    after_us = pool_hedge_after_us(&hedge, true);
    CHECK(after_us > 80000 && after_us < 160000);
}

static void test_one_slow_in_forty_does_not_move_it(void)
{
    pool_hedge_init(&hedge, 5);
    for (int i = 0; i < 1000; i++)
        pool_hedge_learn(&hedge, false, i % 40 == 0 ? INT64_MAX : 200000);
    int64_t after_us = pool_hedge_after_us(&hedge, false);
    CHECK(after_us > 200000 && after_us < 300000);
}

static void test_no_more_than_its_part(void)
{
    unsigned taken = 0;
    pool_hedge_init(&hedge, 5);
    for (int i = 0; i < 10000; i++) {
        pool_hedge_sent(&hedge);
        if (pool_hedge_allows(&hedge)) {
            pool_hedge_take(&hedge);
            taken++;
        }
    }
    CHECK(taken >= 500 && taken <= 501);
    /* What was not used is not saved for long. */
    for (int i = 0; i < 10000; i++)
        pool_hedge_sent(&hedge);
    for (taken = 0; pool_hedge_allows(&hedge); taken++)
        pool_hedge_take(&hedge);
    CHECK_EQ(taken, POOL_HEDGE_SAVED_MAX);
}

static void test_none(void)
{
    pool_hedge_init(&hedge, 0);
    for (int i = 0; i < 1000; i++) {
        pool_hedge_sent(&hedge);
        pool_hedge_learn(&hedge, false, 5);
    }
    CHECK(!pool_hedge_allows(&hedge));
    CHECK_EQ(pool_hedge_after_us(&hedge, false), INT64_MAX);
}

int main(void)
{
    RUN(test_knows_nothing_at_first);
    RUN(test_follows_the_quantile);
    RUN(test_one_slow_in_forty_does_not_move_it);
    RUN(test_no_more_than_its_part);
    RUN(test_none);
    return check_done();
}
