/* Quotas of the simulated chat API, in virtual time. */
#include "bench/sim_quota.h"
#include "local/h2_server.h"
#include "tests/check.h"

#define SECOND INT64_C(1000000)

static const char *header(struct sim_quota *quota, int64_t now_us, const char *name)
{
    static struct sim_quota_text text;
    struct h2_header headers[SIM_QUOTA_HEADERS];
    size_t len = sim_quota_headers(quota, now_us, &text, headers);
    for (size_t i = 0; i < len; i++) {
        if (strcmp(headers[i].name, name) == 0)
            return headers[i].value;
    }
    return NULL;
}

static void test_none(void)
{
    struct sim_quota quota;
    int64_t wait_us = 1;
    sim_quota_init(&quota, 0, 0, 0);
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(sim_quota_take(&quota, UINT32_MAX, 0, &wait_us), SIM_QUOTA_TAKEN);
    CHECK_EQ(wait_us, 0);
    CHECK(header(&quota, 0, "x-ratelimit-limit-requests") == NULL);
    CHECK(header(&quota, 0, "x-ratelimit-limit-tokens") == NULL);
}

static void test_requests(void)
{
    struct sim_quota quota;
    int64_t wait_us, now_us = 5 * SECOND;
    sim_quota_init(&quota, 60, 0, now_us);
    for (int i = 0; i < 60; i++)
        CHECK_EQ(sim_quota_take(&quota, 10, now_us, &wait_us), SIM_QUOTA_TAKEN);
    CHECK_EQ(sim_quota_take(&quota, 10, now_us, &wait_us), SIM_QUOTA_NO_REQUESTS);
    CHECK_EQ(wait_us, SECOND);
    CHECK_EQ(sim_quota_take(&quota, 10, now_us + SECOND - 1, &wait_us), SIM_QUOTA_NO_REQUESTS);
    CHECK_EQ(wait_us, 1);
    CHECK_EQ(sim_quota_take(&quota, 10, now_us + SECOND, &wait_us), SIM_QUOTA_TAKEN);
    CHECK_EQ(sim_quota_take(&quota, 10, now_us + SECOND, &wait_us), SIM_QUOTA_NO_REQUESTS);
    CHECK_EQ(sim_quota_left(&quota.requests), 0);
}

static void test_tokens(void)
{
    struct sim_quota quota;
    int64_t wait_us;
    sim_quota_init(&quota, 0, 6000, 0);
    CHECK_EQ(sim_quota_take(&quota, 5900, 0, &wait_us), SIM_QUOTA_TAKEN);
    CHECK_EQ(sim_quota_take(&quota, 200, 0, &wait_us), SIM_QUOTA_NO_TOKENS);
    CHECK_EQ(wait_us, SECOND);
    CHECK_EQ(sim_quota_take(&quota, 100, 0, &wait_us), SIM_QUOTA_TAKEN);
    CHECK_EQ(sim_quota_take(&quota, 6001, 0, &wait_us), SIM_QUOTA_NO_TOKENS);
    CHECK_EQ(wait_us, -1);
    CHECK_EQ(sim_quota_take(&quota, 6000, 60 * SECOND, &wait_us), SIM_QUOTA_TAKEN);
}

/* What is refused for its tokens has not used up a request. */
static void test_refused_costs_nothing(void)
{
    struct sim_quota quota;
    int64_t wait_us;
    sim_quota_init(&quota, 2, 100, 0);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(sim_quota_take(&quota, 101, 0, &wait_us), SIM_QUOTA_NO_TOKENS);
    CHECK_EQ(sim_quota_left(&quota.requests), 2);
    CHECK_EQ(sim_quota_left(&quota.tokens), 100);
}

/* Over many minutes and odd steps exactly the limit a minute goes through. */
static void test_no_drift(void)
{
    struct sim_quota quota;
    int64_t wait_us, now_us = 0, taken = 0;
    sim_quota_init(&quota, 4500, 0, now_us);
    for (; now_us < 600 * SECOND; now_us += 997) {
        while (sim_quota_take(&quota, 1, now_us, &wait_us) == SIM_QUOTA_TAKEN)
            taken++;
    }
    /* The full bucket at the start and ten minutes of refill. */
    CHECK(taken >= 11 * 4500 - 1 && taken <= 11 * 4500);
}

static void test_idle_fills_no_further(void)
{
    struct sim_quota quota;
    int64_t wait_us;
    sim_quota_init(&quota, 30, 1800000, 0);
    CHECK_EQ(sim_quota_take(&quota, 1000, 0, &wait_us), SIM_QUOTA_TAKEN);
    CHECK_STR(header(&quota, INT64_C(86400) * SECOND, "x-ratelimit-remaining-requests"), "30");
    CHECK_STR(header(&quota, INT64_C(86400) * SECOND, "x-ratelimit-remaining-tokens"), "1800000");
    CHECK_STR(header(&quota, INT64_C(86400) * SECOND, "x-ratelimit-reset-tokens"), "0s");
}

static void test_headers(void)
{
    struct sim_quota quota;
    int64_t wait_us;
    sim_quota_init(&quota, 10000, 200000, 0);
    sim_quota_take(&quota, 20, 0, &wait_us);
    CHECK_STR(header(&quota, 0, "x-ratelimit-limit-requests"), "10000");
    CHECK_STR(header(&quota, 0, "x-ratelimit-remaining-requests"), "9999");
    CHECK_STR(header(&quota, 0, "x-ratelimit-reset-requests"), "6ms");
    CHECK_STR(header(&quota, 0, "x-ratelimit-limit-tokens"), "200000");
    CHECK_STR(header(&quota, 0, "x-ratelimit-remaining-tokens"), "199980");
    CHECK_STR(header(&quota, 0, "x-ratelimit-reset-tokens"), "6ms");
}

static void duration(int64_t duration_us, const char *expected)
{
    char text[SIM_QUOTA_TEXT_BYTES];
    sim_quota_duration(duration_us, text);
    CHECK_STR(text, expected);
}

static void test_durations(void)
{
    duration(0, "0s");
    duration(1, "1ms");
    duration(6 * 1000, "6ms");
    duration(999001, "1s");
    duration(1250 * 1000, "1.25s");
    duration(8640 * 1000, "8.64s");
    duration(60 * SECOND, "1m0s");
    duration(62 * SECOND, "1m2s");
    duration(62 * SECOND + 5000, "1m2.005s");
    duration(3600 * SECOND, "1h0m0s");
    duration(3723 * SECOND, "1h2m3s");
    duration(INT64_MAX - 1000, "2562047788h0m54.775s");
}

int main(void)
{
    RUN(test_none);
    RUN(test_requests);
    RUN(test_tokens);
    RUN(test_refused_costs_nothing);
    RUN(test_no_drift);
    RUN(test_idle_fills_no_further);
    RUN(test_headers);
    RUN(test_durations);
    return check_done();
}
