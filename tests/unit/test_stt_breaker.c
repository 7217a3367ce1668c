/* When a provider's breaker opens, what it lets through, and when it closes. */
#include "stt/breaker.h"

#include "stt/limits.h"
#include "tests/check.h"

#define MS INT64_C(1000)

static struct rng rng;
static struct stt_breaker breaker;
static int64_t now_us;

static void begin(void)
{
    rng_init(&rng, 1);
    breaker = (struct stt_breaker){0};
    now_us = 1000000 * MS;
}

static bool fail(enum stt_trouble trouble, int status)
{
    return stt_breaker_trouble(&breaker, trouble, status, 0, now_us);
}

static void trip(void)
{
    for (int i = 1; i < STT_BREAKER_TROUBLES; i++)
        CHECK(!fail(STT_TROUBLE_OUTAGE, 14));
    CHECK(fail(STT_TROUBLE_OUTAGE, 14));
    CHECK_EQ(breaker.state, STT_BREAKER_OPEN);
}

static uint32_t ask(void)
{
    return stt_breaker_ask(&breaker, &rng, now_us);
}

static void test_many_failures_open_it(void)
{
    begin();
    CHECK_EQ(ask(), 0);
    trip();
    CHECK_EQ(breaker.status, 14);
    CHECK(ask() >= STT_BREAKER_OUTAGE_MS);
}

static void test_few_or_spread_failures_do_not(void)
{
    begin();
    for (int i = 0; i < 100 * STT_BREAKER_TROUBLES; i++) {
        CHECK(!fail(STT_TROUBLE_OUTAGE, 14));
        now_us += STT_BREAKER_WINDOW_MS * MS / (STT_BREAKER_TROUBLES - 1) + 1;
    }
    CHECK_EQ(ask(), 0);
}

static void test_answers_outweigh_failures(void)
{
    begin();
    for (int i = 0; i < 10 * STT_BREAKER_TROUBLES; i++) {
        stt_breaker_answer(&breaker, now_us);
        CHECK(!fail(STT_TROUBLE_QUOTA, 8));
    }
    CHECK_EQ(ask(), 0);
}

static void test_wrong_configuration_opens_it_for_all(void)
{
    begin();
    for (int i = 1; i < STT_BREAKER_REFUSALS; i++)
        CHECK(!fail(STT_TROUBLE_CONFIG, 7));
    stt_breaker_answer(&breaker, now_us); /* it is not the configuration of all */
    for (int i = 1; i < STT_BREAKER_REFUSALS; i++) {
        CHECK(!fail(STT_TROUBLE_CONFIG, 7));
        now_us += STT_BREAKER_WINDOW_MS * MS; /* however slowly they come */
    }
    CHECK(fail(STT_TROUBLE_CONFIG, 7));
    CHECK_EQ(breaker.status, 7);
    CHECK(ask() >= STT_BREAKER_CONFIG_MS);
}

static void test_those_who_wait_are_spread(void)
{
    begin();
    trip();
    uint32_t lowest = UINT32_MAX, highest = 0;
    for (int i = 0; i < 1000; i++) {
        uint32_t ms = ask();
        lowest = ms < lowest ? ms : lowest;
        highest = ms > highest ? ms : highest;
    }
    CHECK(lowest >= STT_BREAKER_OUTAGE_MS);
    CHECK(highest - lowest > (STT_BREAKER_OUTAGE_MS / 2 + STT_BREAKER_SPREAD_MS) * 9 / 10);
}

static void test_probes(void)
{
    begin();
    trip();
    now_us = breaker.until_us;
    for (int i = 0; i < STT_BREAKER_PROBES; i++)
        CHECK_EQ(ask(), 0);
    CHECK_EQ(breaker.state, STT_BREAKER_PROBING);
    CHECK(ask() >= STT_BREAKER_PROBE_MS);
    /* Silent ones: more follow. */
    now_us += STT_BREAKER_PROBE_MS * MS;
    for (int i = 0; i < 2 * STT_BREAKER_PROBES; i++)
        CHECK_EQ(ask(), 0);
    CHECK(ask() > 0);
    stt_breaker_answer(&breaker, now_us);
    CHECK_EQ(breaker.state, STT_BREAKER_CLOSED);
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(ask(), 0);
}

static void test_failed_probes_double_the_pause(void)
{
    begin();
    trip();
    int64_t pause_ms = STT_BREAKER_OUTAGE_MS;
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(breaker.until_us, now_us + pause_ms * MS);
        now_us = breaker.until_us;
        CHECK_EQ(ask(), 0);
        CHECK(fail(STT_TROUBLE_OUTAGE, 14));
        CHECK(!fail(STT_TROUBLE_OUTAGE, 14)); /* a late one changes nothing */
        pause_ms = pause_ms * 2 < STT_BREAKER_MAX_MS ? pause_ms * 2 : STT_BREAKER_MAX_MS;
    }
    now_us = breaker.until_us;
    CHECK_EQ(ask(), 0);
    stt_breaker_answer(&breaker, now_us);
    trip();
    CHECK_EQ(breaker.until_us, now_us + STT_BREAKER_OUTAGE_MS * MS);
}

static void test_the_api_asks_for_a_pause(void)
{
    begin();
    for (int i = 1; i < STT_BREAKER_TROUBLES; i++)
        CHECK(!fail(STT_TROUBLE_QUOTA, 8));
    CHECK(stt_breaker_trouble(&breaker, STT_TROUBLE_QUOTA, 8, 7000, now_us));
    CHECK_EQ(breaker.until_us, now_us + 7000 * MS);
    now_us = breaker.until_us;
    CHECK_EQ(ask(), 0);
    CHECK(stt_breaker_trouble(&breaker, STT_TROUBLE_QUOTA, 8, UINT32_MAX, now_us));
    CHECK_EQ(breaker.until_us, now_us + STT_BREAKER_ASKED_MAX_MS * MS);
}

int main(void)
{
    RUN(test_many_failures_open_it);
    RUN(test_few_or_spread_failures_do_not);
    RUN(test_answers_outweigh_failures);
    RUN(test_wrong_configuration_opens_it_for_all);
    RUN(test_those_who_wait_are_spread);
    RUN(test_probes);
    RUN(test_failed_probes_double_the_pause);
    RUN(test_the_api_asks_for_a_pause);
    return check_done();
}
