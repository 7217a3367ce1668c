/* What may be sent again, when, and what the failure is called in the end. */
#include "base/rng.h"
#include "base/status.h"
#include "pool/chat.h"
#include "pool/limits.h"
#include "pool/retry.h"
#include "tests/check.h"

static void test_faults_of_statuses(void)
{
    static const struct {
        int http_status;
        bool quota;
        enum retry_fault fault;
        int status;
    } cases[] = {
        {200, false, RETRY_NONE, STATUS_OK},
        {204, false, RETRY_NONE, STATUS_OK},
        {0, false, RETRY_CONNECTION, STATUS_UNAVAILABLE},
        {302, false, RETRY_CONNECTION, STATUS_UNAVAILABLE},
        {400, false, RETRY_REFUSED, STATUS_REFUSED},
        {401, false, RETRY_REFUSED, STATUS_REFUSED},
        {404, false, RETRY_REFUSED, STATUS_REFUSED},
        {408, false, RETRY_SERVER, STATUS_UNAVAILABLE},
        {409, false, RETRY_SERVER, STATUS_UNAVAILABLE},
        {413, false, RETRY_REFUSED, STATUS_REFUSED},
        {429, false, RETRY_RATE, STATUS_BUDGET},
        {429, true, RETRY_QUOTA, STATUS_BUDGET},
        {500, false, RETRY_SERVER, STATUS_UNAVAILABLE},
        {503, false, RETRY_OVERLOADED, STATUS_UNAVAILABLE},
        {520, false, RETRY_SERVER, STATUS_UNAVAILABLE},
        {529, false, RETRY_OVERLOADED, STATUS_UNAVAILABLE},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chat_error error = {.quota = cases[i].quota};
        enum retry_fault fault = retry_fault_of(cases[i].http_status, &error);
        CHECK_EQ(fault, cases[i].fault);
        CHECK_EQ(retry_status(fault), cases[i].status);
    }
    CHECK_EQ(retry_status(RETRY_LARGE), STATUS_LIMIT);
}

static void test_what_helps(void)
{
    struct retry_hints none = {0}, yes = {.should_retry = 1}, no = {.should_retry = -1};
    CHECK(retry_helps(RETRY_CONNECTION, &none));
    CHECK(retry_helps(RETRY_STALL, &none));
    CHECK(retry_helps(RETRY_SERVER, &none));
    CHECK(retry_helps(RETRY_RATE, &none));
    CHECK(!retry_helps(RETRY_QUOTA, &yes));
    CHECK(!retry_helps(RETRY_REFUSED, &none));
    CHECK(retry_helps(RETRY_REFUSED, &yes));
    CHECK(!retry_helps(RETRY_SERVER, &no));
    CHECK(!retry_helps(RETRY_RATE, &no));
    CHECK(!retry_helps(RETRY_LARGE, &none));
}

static void test_backoff(void)
{
    struct rng rng;
    rng_init(&rng, 7);
    for (unsigned i = 0; i < 1000; i++) {
        int64_t first = retry_backoff_us(RETRY_SERVER, 1, 0, &rng);
        CHECK(first >= 150000 && first <= 200000);
        int64_t second = retry_backoff_us(RETRY_SERVER, 2, 0, &rng);
        CHECK(second >= 300000 && second <= 400000);
        CHECK(retry_backoff_us(RETRY_CONNECTION, 1, 0, &rng) <= 20000);
        int64_t far = retry_backoff_us(RETRY_RATE, 40, 0, &rng);
        CHECK(far >= 6000000 && far <= POOL_BACKOFF_MAX_MS * 1000);
        int64_t told = retry_backoff_us(RETRY_RATE, 1, 3000, &rng);
        CHECK(told >= 3000000 && told <= 3050000);
        /* More than a minute is not believed. */
        CHECK(retry_backoff_us(RETRY_RATE, 1, 61000, &rng) <= 500000);
    }
}

static void test_retry_after(void)
{
    CHECK_EQ(retry_after_read(NULL, NULL), 0);
    CHECK_EQ(retry_after_read("2", NULL), 2000);
    CHECK_EQ(retry_after_read(" 20 ", NULL), 20000);
    CHECK_EQ(retry_after_read("2", "1500"), 1500);
    CHECK_EQ(retry_after_read("2", "soon"), 2000);
    CHECK_EQ(retry_after_read("Wed, 21 Oct 2026 07:28:00 GMT", NULL), 0);
    CHECK_EQ(retry_after_read("-1", NULL), 0);
    CHECK_EQ(retry_after_read("", ""), 0);
    CHECK_EQ(retry_after_read("99999999999999999999", NULL), UINT32_MAX);
}

int main(void)
{
    RUN(test_faults_of_statuses);
    RUN(test_what_helps);
    RUN(test_backoff);
    RUN(test_retry_after);
    return check_done();
}
