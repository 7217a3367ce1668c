/* A stream with several providers: who is asked, when it goes on elsewhere, when it comes back, and
 * that nothing said is lost on the way. */
#include "stt/stream_limits.h"
#include "stt/wire.h"
#include "tests/unit/stt_kit.h"

#define MS (KIT_RATE / 1000)

static const struct stt_provider providers[] = {
    {.wire = &stt_wire_google_v1},
    {.wire = &stt_wire_google_v2, .recognizer = "projects/p/locations/global/recognizers/_"},
};

static struct kit *begin(void)
{
    struct stt_stream_config config = kit_config();
    config.provider = providers;
    config.providers_len = 2;
    return kit_create(&config);
}

/* Waits for the next call and lets it fail with `status`. */
static void fail_next(struct kit *kit, int status)
{
    unsigned call = kit->calls_len;
    for (int i = 0; kit->calls_len == call && i < 100; i++)
        kit_wait(kit, 20);
    CHECK_EQ(kit->calls_len, call + 1);
    kit_closed(kit, call, status);
}

static void test_the_preferred_is_asked(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 300);
    CHECK_EQ(kit->calls[1].provider, 0);
    CHECK_EQ(kit->calls[1].tag, 0x0a); /* v1: streaming_config */
    CHECK_EQ(stt_stream_provider(kit->stream), 0);
    kit_destroy(kit);
}

static void test_its_breaker_is_open(void)
{
    struct kit *kit = begin();
    kit->unhealthy = 1;
    kit_speak(kit, 300);
    CHECK_EQ(kit->calls[1].provider, 1);
    CHECK_EQ(kit->calls[1].tag, 0x1a); /* v2: recognizer */
    CHECK_EQ(kit->health_len, 0);
    kit_destroy(kit);
}

/* In the middle of an utterance, when nobody is left to wait for. */
static void test_it_goes_on_elsewhere(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 2000);
    kit_final(kit, 1, "first", 850);
    kit_interim(kit, 1, "second part", 1900);
    kit_interim(kit, 1, "second part", 2000);
    kit_closed(kit, 1, 14);
    CHECK_EQ(kit->health_len, 1);
    CHECK_EQ(kit->health[0], STT_HEALTH_DEGRADED);
    for (int i = 2; i < STT_PROVIDER_TRIES; i++)
        fail_next(kit, 14);
    unsigned last = kit->calls_len;
    fail_next(kit, 14);
    /* At once: the pause was the first provider's. */
    kit_wait(kit, 1);
    CHECK_EQ(kit->calls_len, last + 2);
    CHECK_EQ(kit->calls[last].provider, 0);
    CHECK_EQ(kit->calls[last + 1].provider, 1);
    CHECK_EQ(kit->calls[last + 1].base, 850 * MS);
    kit_wait(kit, 700);
    kit_sent(kit, last + 1);
    kit_final(kit, last + 1, "Second part here.", 1150);
    CHECK_STR(kit_last(kit)->committed, "Second part here.");
    CHECK_EQ(kit->health_len, 2);
    CHECK_EQ(kit->health[1], STT_HEALTH_OK);
    kit_destroy(kit);
}

static void test_a_quota_leads_elsewhere_at_once(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 300);
    kit_closed(kit, 1, 8);
    kit_wait(kit, 1);
    CHECK_EQ(kit->calls_len, 3);
    CHECK_EQ(kit->calls[2].provider, 1);
    CHECK_EQ(kit->calls[2].base, 0);
    kit_destroy(kit);
}

/* A configuration error is one provider's; when all have one, the session is refused. */
static void test_refused_by_one_and_by_all(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 300);
    kit_closed(kit, 1, 7);
    kit_wait(kit, 1);
    CHECK_EQ(kit->calls[2].provider, 1);
    CHECK_EQ(kit->health[0], STT_HEALTH_DEGRADED);
    kit_closed(kit, 2, 3);
    CHECK_EQ(kit->health_len, 2);
    CHECK_EQ(kit->health[1], STT_HEALTH_REFUSED);
    CHECK_EQ(kit->health_status[1], 3);
    kit_wait(kit, 60000);
    CHECK_EQ(kit->calls_len, 3);
    kit_destroy(kit);
}

/* With the next call that is opened anyway, once it has rested and its breaker lets calls through.
 */
static void test_it_comes_back(void)
{
    struct kit *kit = begin();
    kit_speak(kit, 300);
    kit_closed(kit, 1, 8);
    kit_wait(kit, 1);
    kit_speak(kit, 700);
    kit_final(kit, 2, "One.", 1000);
    kit_wait(kit, STT_PROVIDER_REST_MS / 2);
    kit_speak(kit, 500);
    CHECK_EQ(kit->calls[kit->calls_len - 1].provider, 1);
    stt_stream_flush(kit->stream, kit->now_us);
    kit_wait(kit, STT_PROVIDER_REST_MS);
    kit_speak(kit, 500);
    CHECK_EQ(kit->calls[kit->calls_len - 1].provider, 0);
    kit->unhealthy = 1;
    stt_stream_flush(kit->stream, kit->now_us);
    kit_speak(kit, 500);
    CHECK_EQ(kit->calls[kit->calls_len - 1].provider, 1);
    kit_destroy(kit);
}

int main(void)
{
    RUN(test_the_preferred_is_asked);
    RUN(test_its_breaker_is_open);
    RUN(test_it_goes_on_elsewhere);
    RUN(test_a_quota_leads_elsewhere_at_once);
    RUN(test_refused_by_one_and_by_all);
    RUN(test_it_comes_back);
    return check_done();
}
