/* When an alert is told, and when that it is over. */
#include "server/alerts.h"
#include "server/limits.h"
#include "tests/check.h"
#include <string.h>

#define SECOND 1000000ll

static char told[8][512];
static unsigned told_len;
static struct alerts alerts;
static struct alert_facts facts;

static void tell(void *ctx, const char *data)
{
    snprintf(told[told_len++ % 8], sizeof told[0], "%s", data);
}

static void begin(void)
{
    told_len = 0;
    alerts = (struct alerts){0};
    facts = (struct alert_facts){0};
}

static unsigned at(int64_t second)
{
    alerts_update(&alerts, &facts, second * SECOND, tell, NULL);
    return told_len;
}

static void test_told_once_and_its_end(void)
{
    begin();
    CHECK_EQ(at(100), 0);
    facts.on[ALERT_CHAT_QUOTA] = true;
    strcpy(facts.detail[ALERT_CHAT_QUOTA], "upstream \"2\"");
    CHECK_EQ(at(101), 1);
    CHECK(strstr(told[0], "\"alert\":\"chat_quota\"") != NULL);
    CHECK(strstr(told[0], "\"state\":\"raised\"") != NULL);
    CHECK(strstr(told[0], "upstream \\\"2\\\"") != NULL);
    for (int64_t s = 102; s < 200; s++)
        CHECK_EQ(at(s), 1);
    facts.on[ALERT_CHAT_QUOTA] = false;
    facts.detail[ALERT_CHAT_QUOTA][0] = '\0';
    CHECK_EQ(at(200), 1);
    CHECK_EQ(at(200 + ALERT_OVER_MS / 1000 - 1), 1);
    CHECK_EQ(at(200 + ALERT_OVER_MS / 1000), 2);
    CHECK(strstr(told[1], "\"state\":\"over\"") != NULL);
    CHECK_EQ(at(1000), 2);
}

static void test_what_passes_at_once_is_not_told(void)
{
    begin();
    for (int64_t s = 100; s < 160; s++) {
        facts.on[ALERT_CHAT_DOWN] = s % 10 != 0; /* nine seconds, never ten */
        CHECK_EQ(at(s), 0);
    }
    facts.on[ALERT_CHAT_DOWN] = false;
    CHECK_EQ(at(160), 0);
    facts.on[ALERT_CHAT_DOWN] = true;
    CHECK_EQ(at(161), 0);
    CHECK_EQ(at(170), 0);
    CHECK_EQ(at(171), 1);
    /* A short calm is no end. */
    facts.on[ALERT_CHAT_DOWN] = false;
    CHECK_EQ(at(180), 1);
    facts.on[ALERT_CHAT_DOWN] = true;
    CHECK_EQ(at(190), 1);
    facts.on[ALERT_CHAT_DOWN] = false;
    CHECK_EQ(at(200), 1);
    CHECK_EQ(at(229), 1);
    CHECK_EQ(at(230), 2);
}

static void test_each_has_its_own_time(void)
{
    begin();
    for (unsigned i = 0; i < ALERTS; i++)
        facts.on[i] = true;
    CHECK_EQ(at(100), 3); /* quota, key, store */
    CHECK_EQ(at(110), 5); /* and those that are down */
    CHECK_EQ(at(130), ALERTS);
}

int main(void)
{
    RUN(test_told_once_and_its_end);
    RUN(test_what_passes_at_once_is_not_told);
    RUN(test_each_has_its_own_time);
    return check_done();
}
