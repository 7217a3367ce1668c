/* Which of several providers a session's next call goes to. */
#include "stt/choice.h"

#include "stt/stream_limits.h"
#include "tests/check.h"

#define ALL     7u
#define REST_US (STT_PROVIDER_REST_MS * INT64_C(1000))

static const struct stt_failure_past fed = {.fed = true};

static enum stt_remedy fail(struct stt_choice *choice, unsigned provider, int status,
                            int64_t now_us)
{
    const struct stt_failure failure = {.status = status, .details = ""};
    return stt_choice_failed(choice, provider, &failure, fed, now_us);
}

static void test_the_first_is_preferred(void)
{
    struct stt_choice choice = {.len = 3};
    CHECK_EQ(stt_choice_next(&choice, ALL, 0), 0);
    CHECK_EQ(stt_choice_next(&choice, 6, 0), 1);
    CHECK_EQ(stt_choice_next(&choice, 4, 0), 2);
    CHECK_EQ(stt_choice_next(&choice, 0, 0), 0);
}

static void test_several_failures_lead_on(void)
{
    struct stt_choice choice = {.len = 2};
    for (int i = 1; i < STT_PROVIDER_TRIES; i++)
        CHECK_EQ(fail(&choice, 0, STT_CODE_UNAVAILABLE, 0), STT_REMEDY_RETRY);
    CHECK_EQ(stt_choice_next(&choice, ALL, 0), 0);
    fail(&choice, 0, STT_CODE_UNAVAILABLE, 0);
    CHECK_EQ(stt_choice_next(&choice, ALL, 1), 1);
    /* Rested and healthy it is preferred again, unhealthy it is not. */
    CHECK_EQ(stt_choice_next(&choice, ALL, REST_US), 0);
    CHECK_EQ(stt_choice_next(&choice, 2, REST_US), 1);
}

static void test_an_answer_forgives(void)
{
    struct stt_choice choice = {.len = 2};
    for (int i = 0; i < 10 * STT_PROVIDER_TRIES; i++) {
        fail(&choice, 0, STT_CODE_UNAVAILABLE, 0);
        stt_choice_answered(&choice, 0);
        CHECK_EQ(stt_choice_next(&choice, ALL, 0), 0);
    }
}

static void test_a_quota_leads_on_at_once(void)
{
    struct stt_choice choice = {.len = 2};
    CHECK_EQ(fail(&choice, 0, STT_CODE_RESOURCE_EXHAUSTED, 0), STT_REMEDY_HOLD);
    CHECK_EQ(stt_choice_next(&choice, ALL, 1), 1);
    /* Both rest: a healthy one all the same. */
    fail(&choice, 1, STT_CODE_RESOURCE_EXHAUSTED, 0);
    CHECK_EQ(stt_choice_next(&choice, ALL, 1), 0);
    CHECK_EQ(stt_choice_next(&choice, 2, 1), 1);
}

static void test_a_refusal_is_for_good(void)
{
    struct stt_choice choice = {.len = 2};
    CHECK_EQ(fail(&choice, 0, STT_CODE_INVALID_ARGUMENT, 0), STT_REMEDY_REFUSE);
    CHECK_EQ(stt_choice_next(&choice, ALL, 1000 * REST_US), 1);
    CHECK_EQ(stt_choice_next(&choice, 1, 1000 * REST_US), 1);
    fail(&choice, 1, STT_CODE_PERMISSION_DENIED, 0);
    CHECK_EQ(stt_choice_next(&choice, ALL, 0), -1);
}

/* What one provider has shown does not speak for another. */
static void test_credentials_are_each_providers_own(void)
{
    struct stt_choice choice = {.len = 2};
    stt_choice_answered(&choice, 1);
    CHECK_EQ(fail(&choice, 0, STT_CODE_UNAUTHENTICATED, 0), STT_REMEDY_REFUSE);
    CHECK_EQ(fail(&choice, 1, STT_CODE_UNAUTHENTICATED, 0), STT_REMEDY_RETRY);
    CHECK_EQ(fail(&choice, 1, STT_CODE_UNAUTHENTICATED, 0), STT_REMEDY_REFUSE);
}

static void test_alone_it_never_rests(void)
{
    struct stt_choice choice = {.len = 1};
    for (int i = 0; i < 10 * STT_PROVIDER_TRIES; i++)
        fail(&choice, 0, STT_CODE_UNAVAILABLE, 0);
    CHECK_EQ(choice.of[0].failures, 10 * STT_PROVIDER_TRIES);
    CHECK_EQ(stt_choice_next(&choice, ALL, 0), 0);
}

int main(void)
{
    RUN(test_the_first_is_preferred);
    RUN(test_several_failures_lead_on);
    RUN(test_an_answer_forgives);
    RUN(test_a_quota_leads_on_at_once);
    RUN(test_a_refusal_is_for_good);
    RUN(test_credentials_are_each_providers_own);
    RUN(test_alone_it_never_rests);
    return check_done();
}
