/* A session in which nobody speaks: what is streamed, counted, acknowledged, and said of it. */
#include "server/metrics.h"
#include "tests/unit/session_kit.h"

/* Silence, each block accepted at once while a call takes audio. */
static void silence(struct kit *kit, int ms)
{
    for (; ms > 0; ms -= 100) {
        uint64_t sent = kit->sent;
        kit_speak(kit, 100);
        if (kit->sent > sent)
            kit_accept(kit);
    }
}

static void start(struct kit *kit, uint32_t close_ms)
{
    kit_init(kit);
    kit->config.silence_close_ms = close_ms;
    CHECK_EQ(kit_create(kit), STATUS_OK);
}

static void test_silence_is_not_streamed_but_acknowledged(void)
{
    struct kit kit;
    start(&kit, 4000);
    uint64_t sleeps = metrics_get(METRIC_STT_SLEEPS), wakes = metrics_get(METRIC_STT_WAKES);
    uint64_t skipped = metrics_get(METRIC_STT_SKIPPED_MS);
    silence(&kit, 4500);
    CHECK_EQ(kit.finished, 1);
    kit_close(&kit, 0);
    silence(&kit, 20000);
    CHECK_EQ(kit.calls, 1);
    CHECK_EQ(metrics_get(METRIC_STT_SLEEPS), sleeps + 1);
    CHECK_EQ(metrics_get(METRIC_STT_WAKES), wakes);
    CHECK(metrics_get(METRIC_STT_SKIPPED_MS) > skipped + 17000);
    CHECK(kit_last(&kit, EVENT_ACK)->audio_samples > 22 * KIT_RATE);
    kit_message(&kit, (struct client_message){.kind = CLIENT_END});
    const struct event *ended = kit.events[kit.events_len - 1];
    CHECK_EQ(ended->kind, EVENT_ENDED);
    uint64_t stt_ms = ended->usage.stt_ms;
    CHECK_EQ(ended->usage.audio_ms, 24500);
    CHECK(stt_ms >= 4000 && stt_ms <= 4500);
    CHECK_EQ(kit_last(&kit, EVENT_ACK)->audio_samples, 24500 * KIT_RATE / 1000);
    kit_end(&kit);
    CHECK_EQ(metrics_get(METRIC_STT_WAKES), wakes + 1);
    CHECK_EQ(metrics_get(METRIC_STT_SKIPPED_MS), skipped + 24500 - stt_ms);
}

static void test_flush_while_asleep_is_answered_at_once(void)
{
    struct kit kit;
    start(&kit, 4000);
    silence(&kit, 4500);
    kit_close(&kit, 0);
    silence(&kit, 3000);
    kit_flush(&kit, "now");
    const struct event *flushed = kit_last(&kit, EVENT_FLUSHED);
    CHECK_EQ(flushed->audio_samples, 7500 * KIT_RATE / 1000);
    CHECK(!flushed->timeout);
    kit_end(&kit);
}

static void test_hint_reaches_the_stream(void)
{
    struct kit kit;
    start(&kit, 10000);
    kit_message(&kit, (struct client_message){.kind = CLIENT_ACTIVITY, .speaking = false});
    silence(&kit, 1500);
    CHECK_EQ(kit.finished, 1);
    kit_end(&kit);
    start(&kit, 10000);
    kit_message(&kit, (struct client_message){.kind = CLIENT_ACTIVITY, .speaking = true});
    silence(&kit, 1500);
    CHECK_EQ(kit.finished, 0);
    kit_end(&kit);
}

int main(void)
{
    RUN(test_silence_is_not_streamed_but_acknowledged);
    RUN(test_flush_while_asleep_is_answered_at_once);
    RUN(test_hint_reaches_the_stream);
    return check_done();
}
