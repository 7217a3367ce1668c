/* Each status and text of the speech API has its remedy; pauses grow, jitter and obey the API. */
#include "stt/failure.h"

#include "stt/stream_limits.h"
#include "tests/check.h"

static const char CUT[] = "Exceeded maximum allowed stream duration of 305 seconds.";
static const char CUT_V2[] = "Max duration of 5 minutes reached for stream.";
static const char MUTE[] = "Audio Timeout Error: Long duration elapsed without audio. Audio should "
                           "be sent close to real time.";
static const char MUTE_V2[] = "Stream timed out after receiving no more client requests.";

static const struct stt_failure_past fresh = {.fed = true};
static const struct stt_failure_past living = {.fed = true, .lived = true, .worked = true};

static enum stt_remedy remedy(int status, const char *details, const struct stt_failure_past *past)
{
    return stt_failure_remedy(&(struct stt_failure){.status = status, .details = details}, past);
}

static void test_limits_of_the_api(void)
{
    CHECK_EQ(remedy(STT_CODE_OUT_OF_RANGE, CUT, &living), STT_REMEDY_REPLACE);
    CHECK_EQ(remedy(STT_CODE_ABORTED, CUT_V2, &living), STT_REMEDY_REPLACE);
    CHECK_EQ(remedy(STT_CODE_OK, "", &living), STT_REMEDY_REPLACE);
    /* A provider that ends every call at once must not be asked in a tight loop. */
    CHECK_EQ(remedy(STT_CODE_OUT_OF_RANGE, CUT, &fresh), STT_REMEDY_RETRY);
    CHECK_EQ(remedy(STT_CODE_ABORTED, CUT_V2, &fresh), STT_REMEDY_RETRY);
    CHECK_EQ(remedy(STT_CODE_OK, "", &fresh), STT_REMEDY_RETRY);
}

static void test_silence(void)
{
    const struct stt_failure_past unfed = {0};
    CHECK_EQ(remedy(STT_CODE_OUT_OF_RANGE, MUTE, &living), STT_REMEDY_REOPEN);
    CHECK_EQ(remedy(STT_CODE_ABORTED, MUTE_V2, &living), STT_REMEDY_REOPEN);
    CHECK_EQ(remedy(STT_CODE_OUT_OF_RANGE, MUTE, &unfed), STT_REMEDY_REOPEN);
    CHECK_EQ(remedy(STT_CODE_ABORTED, MUTE_V2, &unfed), STT_REMEDY_REOPEN);
    CHECK_EQ(remedy(STT_CODE_OUT_OF_RANGE, MUTE, &fresh), STT_REMEDY_RETRY);
    CHECK_EQ(remedy(STT_CODE_ABORTED, MUTE_V2, &fresh), STT_REMEDY_RETRY);
}

static void test_configuration_is_never_retried(void)
{
    static const int codes[] = {STT_CODE_INVALID_ARGUMENT, STT_CODE_NOT_FOUND,
                                STT_CODE_PERMISSION_DENIED, STT_CODE_FAILED_PRECONDITION,
                                STT_CODE_UNIMPLEMENTED};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        CHECK_EQ(remedy(codes[i], "", &fresh), STT_REMEDY_REFUSE);
        CHECK_EQ(remedy(codes[i], "", &living), STT_REMEDY_REFUSE);
    }
}

static void test_credentials(void)
{
    struct stt_failure_past denied = living;
    denied.denied = 1;
    CHECK_EQ(remedy(STT_CODE_UNAUTHENTICATED, "", &fresh), STT_REMEDY_REFUSE);
    CHECK_EQ(remedy(STT_CODE_UNAUTHENTICATED, "", &living), STT_REMEDY_RETRY);
    CHECK_EQ(remedy(STT_CODE_UNAUTHENTICATED, "", &denied), STT_REMEDY_REFUSE);
    struct stt_failure_past suspect = fresh;
    suspect.denied = 1;
    CHECK_EQ(remedy(STT_CODE_CANCELLED, "", &fresh), STT_REMEDY_RETRY);
    CHECK_EQ(remedy(STT_CODE_CANCELLED, "", &suspect), STT_REMEDY_REFUSE);
    CHECK_EQ(remedy(STT_CODE_CANCELLED, "", &living), STT_REMEDY_RETRY);
}

static void test_outages(void)
{
    static const int codes[] = {STT_CODE_UNAVAILABLE, STT_CODE_DEADLINE_EXCEEDED, 2, 15, 99};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        CHECK_EQ(remedy(codes[i], "", &fresh), STT_REMEDY_RETRY);
    CHECK_EQ(remedy(STT_CODE_RESOURCE_EXHAUSTED, "", &living), STT_REMEDY_HOLD);
    struct stt_failure_past past = fresh;
    past.failures = STT_INTERNAL_TRIES - 1;
    CHECK_EQ(remedy(STT_CODE_INTERNAL, "", &past), STT_REMEDY_RETRY);
    past.failures = STT_INTERNAL_TRIES;
    CHECK_EQ(remedy(STT_CODE_INTERNAL, "", &past), STT_REMEDY_HOLD);
}

static void test_backoff(void)
{
    struct rng rng;
    rng_init(&rng, 7);
    int64_t lowest = INT64_MAX, highest = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t ms = stt_failure_backoff_ms(STT_REMEDY_RETRY, 0, 0, &rng);
        lowest = ms < lowest ? ms : lowest;
        highest = ms > highest ? ms : highest;
    }
    CHECK_EQ(lowest, STT_BACKOFF_MS);
    CHECK_EQ(highest, STT_BACKOFF_MS + STT_BACKOFF_MS / 4);
    int64_t third = stt_failure_backoff_ms(STT_REMEDY_RETRY, 2, 0, &rng);
    CHECK(third >= 169 && third <= 212);
    int64_t last = stt_failure_backoff_ms(STT_REMEDY_RETRY, 1000, 0, &rng);
    CHECK(last >= STT_BACKOFF_MAX_MS && last <= STT_BACKOFF_MAX_MS * 5 / 4);
    int64_t held = stt_failure_backoff_ms(STT_REMEDY_HOLD, 3, 0, &rng);
    CHECK(held >= 8000 && held <= 10000);
    last = stt_failure_backoff_ms(STT_REMEDY_HOLD, 1000, 0, &rng);
    CHECK(last >= STT_BACKOFF_QUOTA_MAX_MS && last <= STT_BACKOFF_QUOTA_MAX_MS * 5 / 4);
}

static void test_the_api_asks_for_a_pause(void)
{
    struct rng rng;
    rng_init(&rng, 7);
    int64_t ms = stt_failure_backoff_ms(STT_REMEDY_RETRY, 0, 4000, &rng);
    CHECK(ms >= 4000 && ms <= 5000);
    ms = stt_failure_backoff_ms(STT_REMEDY_HOLD, 0, UINT32_MAX, &rng);
    CHECK(ms >= STT_RETRY_AFTER_MAX_MS && ms <= STT_RETRY_AFTER_MAX_MS * 5 / 4);
    ms = stt_failure_backoff_ms(STT_REMEDY_HOLD, 2, 1, &rng);
    CHECK(ms >= 4000 && ms <= 5000);
}

#define ANY_RETRY_INFO "\x0a\x28type.googleapis.com/google.rpc.RetryInfo"
#define AFTER(text)    stt_failure_retry_after_ms((const uint8_t *)(text), sizeof(text) - 1)

static void test_retry_info(void)
{
    /* 2 s; half a millisecond; an hour. */
    CHECK_EQ(AFTER("\x1a\x30" ANY_RETRY_INFO "\x12\x04\x0a\x02\x08\x02"), 2000);
    CHECK_EQ(AFTER("\x1a\x32" ANY_RETRY_INFO "\x12\x06\x0a\x04\x10\xa0\xc2\x1e"), 1);
    CHECK_EQ(AFTER("\x1a\x31" ANY_RETRY_INFO "\x12\x05\x0a\x03\x08\x90\x1c"),
             STT_RETRY_AFTER_MAX_MS);
    /* None: no details, another kind, nothing in it, less than nothing, cut short. */
    CHECK_EQ(AFTER(""), 0);
    CHECK_EQ(AFTER("\x08\x08\x12\x02no"), 0);
    CHECK_EQ(AFTER("\x1a\x30\x0a\x28type.googleapis.com/google.rpc.DebugInfo"
                   "\x12\x04\x0a\x02\x08\x02"),
             0);
    CHECK_EQ(AFTER("\x1a\x2c" ANY_RETRY_INFO "\x12\x00"), 0);
    CHECK_EQ(AFTER("\x1a\x39" ANY_RETRY_INFO
                   "\x12\x0d\x0a\x0b\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
             0);
    CHECK_EQ(AFTER("\x1a\x30" ANY_RETRY_INFO "\x12\x04\x0a\x02\x08"), 0);
}

static void test_trouble(void)
{
    enum stt_trouble trouble;
    static const int none[] = {STT_CODE_OK, STT_CODE_CANCELLED, STT_CODE_INVALID_ARGUMENT,
                               STT_CODE_ABORTED, STT_CODE_OUT_OF_RANGE};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        CHECK(!stt_failure_trouble(none[i], &trouble));
    CHECK(stt_failure_trouble(STT_CODE_UNAVAILABLE, &trouble) && trouble == STT_TROUBLE_OUTAGE);
    CHECK(stt_failure_trouble(STT_CODE_RESOURCE_EXHAUSTED, &trouble));
    CHECK_EQ(trouble, STT_TROUBLE_QUOTA);
    CHECK(stt_failure_trouble(STT_CODE_PERMISSION_DENIED, &trouble));
    CHECK_EQ(trouble, STT_TROUBLE_CONFIG);
}

int main(void)
{
    RUN(test_retry_info);
    RUN(test_trouble);
    RUN(test_limits_of_the_api);
    RUN(test_silence);
    RUN(test_configuration_is_never_retried);
    RUN(test_credentials);
    RUN(test_outages);
    RUN(test_backoff);
    RUN(test_the_api_asks_for_a_pause);
    return check_done();
}
