/* Going on with a session on another socket: what is known already, when to try, when to stop. */
#include "say/resume.h"

#include "base/rng.h"
#include "base/status.h"
#include "say/event.h"
#include "say/limits.h"
#include "tests/check.h"

static struct resume resume;
static struct rng rng;

static bool start(unsigned epoch, const char *token)
{
    char json[512];
    struct event event;
    snprintf(json, sizeof json,
             "{\"type\":\"session.started\",\"session\":\"ab12\",\"epoch\":%u,\"open_segment\":3,"
             "\"resume_token\":\"%s\",\"limits\":{\"resume_ms\":60000}}",
             epoch, token);
    CHECK_EQ(event_parse(&event, json, strlen(json)), STATUS_OK);
    bool is_void = resume_started(&resume, &event);
    event_deinit(&event);
    return is_void;
}

static enum resume_verdict see(const char *type, unsigned seq)
{
    char json[128];
    struct event event;
    snprintf(json, sizeof json, "{\"type\":\"%s\",\"seq\":%u}", type, seq);
    CHECK_EQ(event_parse(&event, json, strlen(json)), STATUS_OK);
    enum resume_verdict verdict = resume_event(&resume, &event);
    event_deinit(&event);
    return verdict;
}

static void begin(void)
{
    resume = (struct resume){0};
    rng_init(&rng, 1);
}

static void test_epochs(void)
{
    begin();
    CHECK(!start(1, "one"));
    CHECK_EQ(resume.resumed, 0);
    CHECK_EQ(resume.hold_ms, 60000);
    resume_lost(&resume, 5);
    CHECK(!start(1, "two"));
    CHECK_STR(resume.token, "two");
    CHECK_EQ(resume.lost_us, 0);
    CHECK(start(2, "three"));
    CHECK_EQ(resume.resumed, 2);
}

static void test_sequence(void)
{
    begin();
    CHECK_EQ(see("transcript", 0), RESUME_NEWS); /* a partial */
    CHECK_EQ(see("transcript", 1), RESUME_NEWS);
    CHECK_EQ(see("translation", 2), RESUME_NEWS);
    CHECK_EQ(see("transcript", 1), RESUME_REPEAT);
    CHECK_EQ(see("translation", 2), RESUME_REPEAT);
    CHECK_EQ(resume.seq, 2);
    CHECK_EQ(see("grammar", 5), RESUME_GAP);
    CHECK_EQ(resume.gaps, 2);
    CHECK_EQ(resume.repeats, 2);
    CHECK_EQ(see("note", 6), RESUME_NEWS);
}

/* The waits grow to a bound, each somewhere in its upper half, and end with the server's patience.
 */
static void test_back_off(void)
{
    begin();
    start(1, "t");
    int64_t now_us = 1000, bound_ms = SAY_RETRY_MS, total_ms = 0, wait_ms;
    resume_lost(&resume, now_us);
    while ((wait_ms = resume_wait_ms(&resume, &rng, -1, now_us)) >= 0) {
        CHECK(wait_ms >= bound_ms / 2 && wait_ms <= bound_ms);
        bound_ms = bound_ms * 2 < SAY_RETRY_MAX_MS ? bound_ms * 2 : SAY_RETRY_MAX_MS;
        now_us += wait_ms * 1000;
        total_ms += wait_ms;
        resume_lost(&resume, now_us); /* a try that failed: the loss was earlier */
        CHECK(resume.attempts < 100);
    }
    CHECK(total_ms > 60000 - SAY_RETRY_MAX_MS && total_ms <= 60000);
}

static void test_retry_after(void)
{
    begin();
    start(1, "t");
    resume_lost(&resume, 1000);
    int64_t wait_ms = resume_wait_ms(&resume, &rng, 5000, 1000);
    CHECK(wait_ms >= 5000 && wait_ms <= 5000 + SAY_RETRY_MS);
    CHECK_EQ(resume_wait_ms(&resume, &rng, 3600000, 1000), -1);
}

/* Being welcomed is not enough to begin with short waits again: the session must do something. */
static void test_back_off_begins_again(void)
{
    begin();
    start(1, "t");
    resume_lost(&resume, 1000);
    for (int i = 0; i < 4; i++)
        resume_wait_ms(&resume, &rng, -1, 1000);
    start(1, "u");
    CHECK_EQ(resume.attempts, 4);
    see("error", 0);
    see("session.goaway", 0);
    CHECK_EQ(resume.attempts, 4);
    see("audio.ack", 0);
    CHECK_EQ(resume.attempts, 0);
}

static void test_leaving_is_spread(void)
{
    begin();
    bool early = false, late = false;
    for (int i = 0; i < 200; i++) {
        int64_t ms = resume_leave_ms(&rng, 10000);
        CHECK(ms >= 0 && ms <= 8000);
        early = early || ms < 2000;
        late = late || ms > 6000;
    }
    CHECK(early && late);
    CHECK_EQ(resume_leave_ms(&rng, 0), 0);
}

static void test_what_can_be_resumed(void)
{
    begin();
    CHECK(!resume_possible(&resume, 0, 0)); /* there is no session yet */
    start(1, "");
    CHECK(!resume_possible(&resume, 0, 0)); /* the server gives no tokens */
    start(1, "t");
    static const unsigned held[] = {0, 1001, 1002, 1005, 1006, 1011, 1012, 1013};
    static const unsigned over[] = {1000, 1003, 1007, 1008, 1009, 4000};
    for (unsigned i = 0; i < sizeof held / sizeof held[0]; i++)
        CHECK(resume_possible(&resume, held[i], 0));
    for (unsigned i = 0; i < sizeof over / sizeof over[0]; i++)
        CHECK(!resume_possible(&resume, over[i], 0));
    CHECK(resume_possible(&resume, 0, 503) && resume_possible(&resume, 0, 429));
    CHECK(!resume_possible(&resume, 0, 403) && !resume_possible(&resume, 0, 404));
}

/* A token that does not fit is not used, cut or not. */
static void test_token_too_long(void)
{
    char token[200];
    begin();
    memset(token, 'x', sizeof token - 1);
    token[sizeof token - 1] = '\0';
    start(1, token);
    CHECK_STR(resume.token, "");
}

int main(void)
{
    RUN(test_epochs);
    RUN(test_sequence);
    RUN(test_back_off);
    RUN(test_retry_after);
    RUN(test_back_off_begins_again);
    RUN(test_leaving_is_spread);
    RUN(test_what_can_be_resumed);
    RUN(test_token_too_long);
    return check_done();
}
