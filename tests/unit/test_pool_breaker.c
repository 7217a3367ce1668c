#include "base/rng.h"
#include "pool/breaker.h"
#include "pool/limits.h"
#include "tests/check.h"

#define MS INT64_C(1000)

static struct rng rng;

static void fail_often(struct pool_breaker *breaker, int64_t now_us)
{
    for (int i = 0; i < POOL_BREAKER_TROUBLES - 1; i++)
        CHECK(!pool_breaker_trouble(breaker, POOL_TROUBLE_OUTAGE, false, &rng, now_us));
    CHECK(pool_breaker_allows(breaker, now_us));
    CHECK(pool_breaker_trouble(breaker, POOL_TROUBLE_OUTAGE, false, &rng, now_us));
    CHECK(!pool_breaker_allows(breaker, now_us));
}

static void test_opens_probes_closes(void)
{
    struct pool_breaker breaker = {0};
    int64_t now_us = 5000 * MS;
    fail_often(&breaker, now_us);
    CHECK(breaker.until_us > now_us + POOL_BREAKER_OUTAGE_MS * MS / 2);
    CHECK(breaker.until_us <= now_us + POOL_BREAKER_OUTAGE_MS * MS);
    now_us = breaker.until_us;
    CHECK(pool_breaker_allows(&breaker, now_us));
    CHECK(pool_breaker_sent(&breaker, now_us));
    CHECK_EQ(breaker.state, POOL_BREAKER_PROBING);
    CHECK(!pool_breaker_allows(&breaker, now_us)); /* one only */
    CHECK(!pool_breaker_allows(&breaker, now_us + POOL_BREAKER_PROBE_MS * MS - 1));
    now_us += POOL_BREAKER_PROBE_MS * MS; /* it says nothing: another */
    CHECK(pool_breaker_sent(&breaker, now_us));
    pool_breaker_answer(&breaker, now_us);
    CHECK_EQ(breaker.state, POOL_BREAKER_CLOSED);
    CHECK(!pool_breaker_sent(&breaker, now_us));
    fail_often(&breaker, now_us + POOL_BREAKER_WINDOW_MS * MS);
}

static void test_failed_probes_wait_longer(void)
{
    struct pool_breaker breaker = {0};
    int64_t now_us = 1, waits_us[12];
    fail_often(&breaker, now_us);
    for (int i = 0; i < 12; i++) {
        waits_us[i] = breaker.until_us - now_us;
        now_us = breaker.until_us;
        CHECK(pool_breaker_sent(&breaker, now_us));
        CHECK(pool_breaker_trouble(&breaker, POOL_TROUBLE_OUTAGE, false, &rng, now_us));
    }
    CHECK(waits_us[3] > waits_us[0] * 4);
    CHECK(waits_us[11] <= POOL_BREAKER_OUTAGE_MAX_MS * MS);
    CHECK(waits_us[11] >= POOL_BREAKER_OUTAGE_MAX_MS * MS * 3 / 4);
}

/* There is nobody else: it is asked again soon, however often it has failed. */
static void test_alone(void)
{
    struct pool_breaker breaker = {0};
    int64_t now_us = 1;
    fail_often(&breaker, now_us);
    for (int i = 0; i < 10; i++) {
        now_us = breaker.until_us;
        CHECK(pool_breaker_sent(&breaker, now_us));
        CHECK(pool_breaker_trouble(&breaker, POOL_TROUBLE_OUTAGE, true, &rng, now_us));
        CHECK(breaker.until_us - now_us <= POOL_BREAKER_OUTAGE_MS * MS);
    }
    now_us = breaker.until_us;
    CHECK(pool_breaker_sent(&breaker, now_us));
    CHECK(pool_breaker_trouble(&breaker, POOL_TROUBLE_QUOTA, true, &rng, now_us));
    CHECK(breaker.until_us - now_us > POOL_BREAKER_OWNER_MS * MS / 2);
}

static void test_some_troubles_among_answers(void)
{
    struct pool_breaker breaker = {0};
    for (int i = 0; i < 100; i++) {
        pool_breaker_answer(&breaker, i * MS);
        if (i % 2 == 0)
            CHECK(!pool_breaker_trouble(&breaker, POOL_TROUBLE_OUTAGE, false, &rng, i * MS));
    }
    /* Troubles of a window that has passed do not count. */
    struct pool_breaker slow = {0};
    for (int i = 0; i < 100; i++)
        CHECK(!pool_breaker_trouble(&slow, POOL_TROUBLE_OUTAGE, false, &rng,
                                    i * POOL_BREAKER_WINDOW_MS * MS / 3));
}

static void test_quota_opens_at_once_and_for_long(void)
{
    struct pool_breaker breaker = {0};
    for (int i = 0; i < 100; i++)
        pool_breaker_answer(&breaker, 1);
    CHECK(pool_breaker_trouble(&breaker, POOL_TROUBLE_QUOTA, false, &rng, 1));
    CHECK_EQ(breaker.trouble, POOL_TROUBLE_QUOTA);
    CHECK(breaker.until_us > POOL_BREAKER_OWNER_MS * MS / 2);
    CHECK(!pool_breaker_trouble(&breaker, POOL_TROUBLE_QUOTA, false, &rng, 2)); /* told once */
    pool_breaker_answer(&breaker, 3);                                           /* sent before */
    CHECK_EQ(breaker.state, POOL_BREAKER_OPEN);
}

static void test_probe_without_a_word(void)
{
    struct pool_breaker breaker = {0};
    fail_often(&breaker, 1);
    int64_t now_us = breaker.until_us;
    CHECK(pool_breaker_sent(&breaker, now_us));
    pool_breaker_unsaid(&breaker);
    CHECK(pool_breaker_allows(&breaker, now_us));
    CHECK(pool_breaker_sent(&breaker, now_us));
    pool_breaker_answer(&breaker, now_us);
    pool_breaker_unsaid(&breaker);
    CHECK_EQ(breaker.state, POOL_BREAKER_CLOSED);
}

int main(void)
{
    rng_init(&rng, 1);
    RUN(test_opens_probes_closes);
    RUN(test_failed_probes_wait_longer);
    RUN(test_alone);
    RUN(test_some_troubles_among_answers);
    RUN(test_quota_opens_at_once_and_for_long);
    RUN(test_probe_without_a_word);
    return check_done();
}
