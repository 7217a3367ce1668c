/* The pool of channels by itself, with a clock of the test's: how many, what a peer grants, what is
 * closed. Nobody listens at the target. */
#include "stt/channel.h"

#include "base/clock.h"
#include "base/mem.h"
#include "stt/limits.h"
#include "tests/check.h"

#define SECOND INT64_C(1000000)

static grpc_completion_queue *queue;
static struct stt_provider_counters counters;
static struct stt_channels channels;

static void up(unsigned channels_max)
{
    grpc_init();
    queue = grpc_completion_queue_create_for_next(NULL);
    const struct stt_client_config config = {.target = "127.0.0.1:1",
                                             .plaintext = true,
                                             .channels_max = channels_max,
                                             .streams_per_channel = 80};
    const char *why = NULL;
    CHECK_EQ(stt_channels_init(&channels, &config, queue, &counters, &why), 0);
}

static void down(void)
{
    stt_channels_close(&channels);
    while (channels.len > 0)
        stt_channel_on_watch(((struct stt_tag *)grpc_completion_queue_next(
                                  queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL)
                                  .tag)
                                 ->owner);
    stt_channels_deinit(&channels);
    grpc_completion_queue_shutdown(queue);
    while (grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type !=
           GRPC_QUEUE_SHUTDOWN)
        ;
    grpc_completion_queue_destroy(queue);
    grpc_shutdown();
}

static void test_needed(void)
{
    CHECK_EQ(stt__channels_needed(0, 80), 1);
    CHECK_EQ(stt__channels_needed(1, 80), 1);
    CHECK_EQ(stt__channels_needed(40, 80), 1);
    CHECK_EQ(stt__channels_needed(41, 80), 2);
    CHECK_EQ(stt__channels_needed(80, 80), 2);
    CHECK_EQ(stt__channels_needed(81, 80), 3);
    CHECK_EQ(stt__channels_needed(960, 80), 13);
    CHECK_EQ(stt__channels_needed(1000, 80), 14);
    CHECK_EQ(stt__channels_needed(7, 1), 8);
}

static void test_opened_ahead_and_filled_in_order(void)
{
    static struct stt_channel *taken[1000];
    up(32);
    for (unsigned i = 0; i < 1000; i++) {
        taken[i] = stt_channels_get(&channels, false);
        CHECK_EQ(channels.active, stt__channels_needed(i + 1, 80));
        CHECK(taken[i] == channels.list[i / 80]);
    }
    CHECK_EQ(counters.channels, 14);
    for (unsigned i = 0; i < 1000; i++)
        stt_channel_put(taken[i], false);
    down();
}

static void test_bounded(void)
{
    static struct stt_channel *taken[160];
    up(2);
    for (unsigned i = 0; i < 160; i++)
        taken[i] = stt_channels_get(&channels, false);
    CHECK(stt_channels_get(&channels, false) == NULL);
    stt_channel_put(taken[5], false);
    taken[5] = stt_channels_get(&channels, false);
    CHECK(taken[5] == channels.list[0]);
    CHECK_EQ(channels.active, 2);
    for (unsigned i = 0; i < 160; i++)
        stt_channel_put(taken[i], false);
    down();
}

static void test_idle_channels_are_closed(void)
{
    static struct stt_channel *taken[200];
    up(32);
    for (unsigned i = 0; i < 200; i++)
        taken[i] = stt_channels_get(&channels, false);
    CHECK_EQ(channels.active, 4);
    int64_t now_us = clock_mono_us();
    CHECK_EQ(stt_channels_tick(&channels, now_us + 3600 * SECOND), INT64_MAX);
    for (unsigned i = 1; i < 200; i++)
        stt_channel_put(taken[i], false);
    now_us = clock_mono_us();
    int64_t due_us = stt_channels_tick(&channels, now_us);
    CHECK(due_us > now_us && due_us <= now_us + STT_CHANNEL_IDLE_MS * INT64_C(1000));
    CHECK_EQ(channels.active, 4);
    now_us += STT_CHANNEL_IDLE_MS * INT64_C(1000);
    while (stt_channels_tick(&channels, now_us) == now_us)
        ;
    /* The one with the call stays. */
    CHECK_EQ(channels.active, 1);
    CHECK(channels.list[0] == taken[0]);
    CHECK_EQ(counters.channels, 1);
    stt_channel_put(taken[0], false);
    CHECK_EQ(stt_channels_tick(&channels, now_us + 3600 * SECOND), INT64_MAX);
    CHECK_EQ(channels.active, 1);
    down();
}

static void test_what_a_peer_grants(void)
{
    up(32);
    struct stt_channel *first = stt_channels_get(&channels, false);
    for (unsigned i = 1; i < 5; i++)
        CHECK(stt_channels_get(&channels, false) == first);
    stt_channel_accept(first);
    stt_channel_accept(first);
    const int64_t now_us = first->moved_us, wait_us = STT_CAP_WAIT_MS * INT64_C(1000);
    const int64_t look_us = STT_CAP_LOOK_MS * INT64_C(1000);
    int64_t due_us = INT64_MAX;
    /* Not connected: it waits for that. */
    CHECK(!stt_channel_capped(first, now_us, now_us + 10 * wait_us, &due_us));
    CHECK_EQ(due_us, INT64_MAX);
    first->seen = GRPC_CHANNEL_READY;
    CHECK(!stt_channel_capped(first, now_us - wait_us, now_us + wait_us - 1, &due_us));
    CHECK_EQ(due_us, now_us + wait_us);
    /* However late the first look is, it may be the thread that was late. */
    int64_t late_us = now_us + 5 * wait_us;
    due_us = INT64_MAX;
    CHECK(!stt_channel_capped(first, now_us, late_us, &due_us));
    CHECK_EQ(due_us, late_us + look_us);
    CHECK(!stt_channel_capped(first, now_us, late_us + look_us - 1, &due_us));
    CHECK(stt_channel_capped(first, now_us, late_us + look_us, &due_us));
    CHECK_EQ(first->cap, 2);
    CHECK_EQ(counters.cap, 2);
    /* The others that wait there need not wait as long. */
    CHECK(stt_channel_capped(first, late_us + look_us, late_us + look_us, &due_us));
    for (unsigned i = 0; i < 3; i++)
        stt_channel_put(first, false);
    struct stt_channel *second = stt_channels_get(&channels, false);
    CHECK(second != first && second->cap == 2);
    CHECK_EQ(channels.active, stt__channels_needed(3, 2));
    /* It is tried again after a while. */
    stt_channels_tick(&channels, late_us + look_us + STT_CAP_KEEP_MS * INT64_C(1000));
    CHECK_EQ(first->cap, 80);
    CHECK_EQ(counters.cap, 80);
    stt_channel_put(first, true);
    stt_channel_put(first, true);
    stt_channel_put(second, false);
    first->seen = GRPC_CHANNEL_CONNECTING;
    down();
}

/* A call is to find its place in one move, not to try every channel in turn. */
static void test_one_connection_speaks_for_all(void)
{
    static struct stt_channel *taken[240];
    up(32);
    for (unsigned i = 0; i < 240; i++)
        taken[i] = stt_channels_get(&channels, false);
    struct stt_channel *first = channels.list[0], *second = channels.list[1];
    for (unsigned i = 0; i < 5; i++)
        stt_channel_accept(first);
    for (unsigned i = 0; i < 7; i++)
        stt_channel_accept(second);
    first->seen = GRPC_CHANNEL_READY;
    int64_t due_us = INT64_MAX, now_us = first->moved_us + SECOND;
    CHECK(!stt_channel_capped(first, 0, now_us, &due_us));
    CHECK(stt_channel_capped(first, 0, due_us, &due_us));
    CHECK_EQ(first->cap, 5);
    CHECK_EQ(second->cap, 7);
    CHECK_EQ(channels.list[2]->cap, 5);
    for (unsigned i = 0; i < 240; i++)
        stt_channel_put(taken[i], i < 5 || (i >= 80 && i < 87));
    first->seen = GRPC_CHANNEL_CONNECTING;
    down();
}

/* Before a call is turned away one tries again what the peer was believed not to grant. */
static void test_doubt(void)
{
    up(1);
    struct stt_channel *channel = stt_channels_get(&channels, false);
    CHECK(stt_channels_get(&channels, false) == channel);
    stt_channel_accept(channel);
    channel->seen = GRPC_CHANNEL_READY;
    int64_t due_us = INT64_MAX, now_us = channel->moved_us + SECOND;
    CHECK(!stt_channel_capped(channel, 0, now_us, &due_us));
    CHECK(stt_channel_capped(channel, 0, due_us, &due_us));
    stt_channel_put(channel, false);
    CHECK_EQ(channel->cap, 1);
    CHECK(stt_channels_get(&channels, true) == NULL);
    CHECK(stt_channels_get(&channels, false) == channel);
    CHECK_EQ(channel->cap, 80);
    stt_channel_accept(channel); /* it was wrong: there is room again */
    CHECK(stt_channels_get(&channels, true) == channel);
    channel->seen = GRPC_CHANNEL_CONNECTING;
    stt_channel_put(channel, true);
    stt_channel_put(channel, true);
    stt_channel_put(channel, false);
    down();
}

/* As long as calls get their streams, others may wait. */
static void test_progress_is_no_bound(void)
{
    up(32);
    struct stt_channel *channel = stt_channels_get(&channels, false);
    CHECK(stt_channels_get(&channels, false) == channel &&
          stt_channels_get(&channels, false) == channel);
    channel->seen = GRPC_CHANNEL_READY;
    stt_channel_accept(channel);
    int64_t since_us = channel->moved_us, due_us = INT64_MAX;
    CHECK(!stt_channel_capped(channel, since_us, since_us + SECOND, &due_us));
    stt_channel_accept(channel);
    CHECK(!stt_channel_capped(channel, since_us, since_us + 2 * SECOND, &due_us));
    CHECK(!stt_channel_capped(channel, since_us, since_us + 2 * SECOND + 1, &due_us));
    CHECK_EQ(channel->cap, 80);
    channel->seen = GRPC_CHANNEL_CONNECTING;
    stt_channel_put(channel, true);
    stt_channel_put(channel, true);
    stt_channel_put(channel, false);
    down();
}

/* Silence of all calls on a connection is not a bound on streams. */
static void test_a_stalled_connection_is_no_bound(void)
{
    up(32);
    struct stt_channel *channel = stt_channels_get(&channels, false);
    int64_t due_us = INT64_MAX;
    channel->seen = GRPC_CHANNEL_READY;
    CHECK(!stt_channel_capped(channel, 0, 3600 * SECOND, &due_us));
    CHECK_EQ(channel->cap, 80);
    channel->seen = GRPC_CHANNEL_CONNECTING;
    stt_channel_put(channel, false);
    down();
}

int main(void)
{
    RUN(test_needed);
    RUN(test_opened_ahead_and_filled_in_order);
    RUN(test_bounded);
    RUN(test_idle_channels_are_closed);
    RUN(test_what_a_peer_grants);
    RUN(test_one_connection_speaks_for_all);
    RUN(test_doubt);
    RUN(test_progress_is_no_bound);
    RUN(test_a_stalled_connection_is_no_bound);
    return check_done();
}
