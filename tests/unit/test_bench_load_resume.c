/* Going on with a session of the load on another socket. */
#include "bench/load_resume.h"

#include "base/rng.h"
#include "tests/check.h"
#include <stdbool.h>

static struct load_resume resume;
static struct rng rng;

#define STARTED                                                                                    \
    "{\"type\":\"session.started\",\"session\":\"0123456789abcdef0123456789abcdef\",\"epoch\":2,"  \
    "\"resume_token\":\"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG\",\"audio_samples\":%s}"

static bool start(const char *position)
{
    char text[512];
    snprintf(text, sizeof text, STARTED, position);
    return load_resume_started(&resume, text, strlen(text));
}

static void refuse(const char *text)
{
    load_resume_refused(&resume, text, strlen(text));
}

static void test_message(void)
{
    char out[512];
    static const char plain[] = "{\"type\":\"session.start\"}";
    resume = (struct load_resume){0};
    CHECK(start("4801"));
    CHECK_EQ(resume.position, 4801);
    size_t len = load_resume_message(&resume, 12, plain, sizeof plain - 1, out, sizeof out);
    CHECK_EQ(len, strlen(out));
    CHECK_STR(out, "{\"type\":\"session.start\",\"resume\":{\"session\":"
                   "\"0123456789abcdef0123456789abcdef\",\"token\":"
                   "\"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG\",\"seq\":12}}");
    CHECK(!load_resume_started(&resume, "{\"type\":\"session.started\"}", 26));
    CHECK_STR(resume.token, "");
}

static void test_waits(void)
{
    resume = (struct load_resume){0};
    rng_init(&rng, 3);
    int64_t bound_us = LOAD_RETRY_MS * 1000, now_us = 1;
    for (int i = 0; i < 10; i++) {
        int64_t wait_us = load_resume_wait_us(&resume, now_us, &rng);
        CHECK(wait_us >= bound_us / 2 && wait_us <= bound_us);
        bound_us =
            bound_us * 2 < LOAD_RETRY_MAX_MS * 1000 ? bound_us * 2 : LOAD_RETRY_MAX_MS * 1000;
    }
    refuse(
        "{\"type\":\"error\",\"code\":\"over_capacity\",\"fatal\":true,\"retry_after_ms\":9000}");
    CHECK_EQ(load_resume_wait_us(&resume, now_us, &rng), 9000000);
    CHECK(load_resume_wait_us(&resume, now_us, &rng) <= LOAD_RETRY_MAX_MS * 1000);
    now_us += (int64_t)LOAD_HOLD_MS * 1000 + 1;
    CHECK_EQ(load_resume_wait_us(&resume, now_us, &rng), -1);
    start("0");
    CHECK(load_resume_wait_us(&resume, now_us, &rng) > 0);
    refuse("{\"type\":\"error\",\"code\":\"resume_refused\",\"fatal\":true}");
    CHECK_EQ(load_resume_wait_us(&resume, now_us, &rng), -1);
}

static void test_leave(void)
{
    static const char text[] = "{\"type\":\"session.goaway\",\"within_ms\":5000}";
    for (int i = 0; i < 100; i++) {
        int64_t at_us = load_resume_leave_us(text, sizeof text - 1, &rng);
        CHECK(at_us >= 0 && at_us <= 4000000);
    }
    CHECK_EQ(load_resume_leave_us("{}", 2, &rng), 0);
}

static void test_codes(void)
{
    CHECK(load_resume_code(0) && load_resume_code(1001) && load_resume_code(1012) &&
          load_resume_code(1013));
    CHECK(!load_resume_code(1000) && !load_resume_code(1002) && !load_resume_code(1008));
}

int main(void)
{
    RUN(test_message);
    RUN(test_waits);
    RUN(test_leave);
    RUN(test_codes);
    return check_done();
}
