#include "stt/channel.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "stt/limits.h"
#include "stt/wire.h"
#include <assert.h>
#include <grpc/grpc_security.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>

/* The message around a first request or a block is small beside them. */
_Static_assert(STT_CONFIG_BYTES_MAX > STT_BLOCK_BYTES_MAX + STT_AUDIO_HEAD_MAX,
               "one bound covers both");

static grpc_arg arg_int(const char *key, int value)
{
    return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)key, .value = {.integer = value}};
}

static grpc_channel *channel_open(const struct stt_channels *channels)
{
    grpc_arg args[] = {
        {.type = GRPC_ARG_STRING,
         .key = (char *)GRPC_ARG_PRIMARY_USER_AGENT_STRING,
         .value = {.string = (char *)"sotto/" SOTTO_VERSION}},
        /* Transparent retries keep sent audio, up to 256 KB a call; the session's own ring is what
           is replayed. */
        arg_int(GRPC_ARG_ENABLE_RETRIES, 0),
        /* Otherwise channels to one address share one connection. */
        arg_int(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
        arg_int(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, STT_RESPONSE_BYTES_MAX),
        arg_int(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, STT_CONFIG_BYTES_MAX),
        /* Calls have no deadline and PCM does not compress: their filters would only cost. */
        arg_int(GRPC_ARG_ENABLE_DEADLINE_CHECKS, 0),
        arg_int(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
        arg_int(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
        /* Responses are small; probing for bandwidth would ping for each. */
        arg_int(GRPC_ARG_HTTP2_BDP_PROBE, 0),
        arg_int(GRPC_ARG_HTTP2_WRITE_BUFFER_SIZE, STT_WRITE_BUFFER_BYTES),
        /* Pings only while calls are open and nothing at all is received; idle connections stay
           silent. */
        arg_int(GRPC_ARG_KEEPALIVE_TIME_MS, STT_KEEPALIVE_MS),
        arg_int(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, STT_KEEPALIVE_TIMEOUT_MS),
        arg_int(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0),
        arg_int(GRPC_ARG_CLIENT_IDLE_TIMEOUT_MS, INT_MAX),
        arg_int(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, STT_RECONNECT_MS),
        arg_int(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, STT_RECONNECT_MAX_MS),
        arg_int(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, STT_RECONNECT_MS),
        arg_int(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
        arg_int(GRPC_ARG_ENABLE_CHANNELZ, 0),
        arg_int(GRPC_ARG_MAX_CHANNEL_TRACE_EVENT_MEMORY_PER_NODE, 0),
        arg_int(GRPC_ARG_ENABLE_HTTP_PROXY, channels->plaintext ? 0 : 1),
    };
    grpc_channel_args list = {.num_args = sizeof args / sizeof args[0], .args = args};
    return grpc_channel_create(channels->target, channels->credentials.channel, &list);
}

static void channel_watch(struct stt_channels *channels, struct stt_channel *channel)
{
    assert(!channel->tag.in_flight);
    channel->tag.in_flight = true;
    grpc_channel_watch_connectivity_state(channel->grpc, channel->seen,
                                          gpr_inf_future(GPR_CLOCK_MONOTONIC), channels->queue,
                                          &channel->tag);
}

static int channel_add(struct stt_channels *channels)
{
    assert(channels->len < channels->channels_max);
    struct stt_channel *channel = mem_calloc(1, sizeof *channel);
    if (channel == NULL)
        return STATUS_NOMEM;
    channel->tag = (struct stt_tag){.kind = STT_TAG_WATCH, .owner = channel};
    channel->grpc = channel_open(channels);
    channel->method = grpc_channel_register_call(channel->grpc, channels->wire->method, NULL, NULL);
    channel->connect_us = clock_mono_us();
    channel->seen = grpc_channel_check_connectivity_state(channel->grpc, 1);
    channel_watch(channels, channel);
    channels->list[channels->len++] = channel;
    atomic_store_explicit(&channels->counters->channels, channels->len, memory_order_relaxed);
    return 0;
}

int stt_channels_init(struct stt_channels *channels, const struct stt_client_config *config,
                      grpc_completion_queue *queue, struct stt_counters *counters)
{
    assert(queue != NULL && counters != NULL);
    *channels = (struct stt_channels){.wire = config->wire != NULL ? config->wire
                                                                     : &stt_wire_google_v1,
                                      .queue = queue,
                                      .counters = counters,
                                      .plaintext = config->plaintext,
                                      .streams_max = config->streams_per_channel,
                                      .channels_max = config->channels_max};
    int status = stt_credentials_init(&channels->credentials, config);
    if (status != 0)
        return status;
    channels->target = mem_strdup(config->target);
    channels->list = mem_calloc(config->channels_max, sizeof(struct stt_channel *));
    status =
        channels->target != NULL && channels->list != NULL ? channel_add(channels) : STATUS_NOMEM;
    if (status != 0)
        stt_channels_deinit(channels);
    return status;
}

void stt_channels_close(struct stt_channels *channels)
{
    assert(channels->calls == 0 && !channels->closing);
    channels->closing = true;
    for (unsigned i = 0; i < channels->len; i++)
        grpc_channel_destroy(channels->list[i]->grpc);
}

void stt_channels_deinit(struct stt_channels *channels)
{
    assert(channels->closing || channels->len == 0);
    for (unsigned i = 0; i < channels->len; i++) {
        assert(!channels->list[i]->tag.in_flight);
        mem_free(channels->list[i]);
    }
    mem_free(channels->list);
    mem_free(channels->target);
    stt_credentials_deinit(&channels->credentials);
}

/* Filling the first channels before the later ones keeps connections few and busy. */
static struct stt_channel *channel_pick(const struct stt_channels *channels)
{
    struct stt_channel *free_one = NULL;
    for (unsigned i = 0; i < channels->len; i++) {
        struct stt_channel *channel = channels->list[i];
        if (channel->calls >= channels->streams_max)
            continue;
        if (channel->seen == GRPC_CHANNEL_READY)
            return channel;
        if (free_one == NULL || free_one->seen == GRPC_CHANNEL_TRANSIENT_FAILURE)
            free_one = channel;
    }
    return free_one;
}

/* Connecting takes a round trip or three: the next channel starts when a quarter of one is left. */
static void channels_grow(struct stt_channels *channels)
{
    unsigned room = channels->len * channels->streams_max - channels->calls;
    if (channels->len < channels->channels_max && room <= channels->streams_max / 4)
        channel_add(channels);
}

struct stt_channel *stt_channels_get(struct stt_channels *channels)
{
    assert(!channels->closing);
    channels_grow(channels);
    struct stt_channel *channel = channel_pick(channels);
    if (channel == NULL)
        return NULL;
    channel->calls++;
    channels->calls++;
    return channel;
}

void stt_channels_put(struct stt_channels *channels, struct stt_channel *channel)
{
    assert(channel->calls > 0 && channels->calls > 0);
    channel->calls--;
    channels->calls--;
}

static const char *state_name(grpc_connectivity_state state)
{
    switch (state) {
    case GRPC_CHANNEL_IDLE: return "idle";
    case GRPC_CHANNEL_CONNECTING: return "connecting";
    case GRPC_CHANNEL_READY: return "ready";
    case GRPC_CHANNEL_TRANSIENT_FAILURE: return "failing";
    case GRPC_CHANNEL_SHUTDOWN: return "shut";
    }
    return "unknown";
}

void stt_channels_on_watch(struct stt_channels *channels, struct stt_channel *channel)
{
    assert(channel->tag.in_flight);
    channel->tag.in_flight = false;
    if (channels->closing)
        return;
    /* A peer that drops every connection at once must not be dialled in a tight loop: then the next
     * call dials. */
    int64_t now_us = clock_mono_us();
    bool rested = now_us - channel->connect_us >= STT_RECONNECT_MS * INT64_C(1000);
    grpc_connectivity_state before = channel->seen;
    channel->seen = grpc_channel_check_connectivity_state(channel->grpc, rested);
    if (channel->seen == GRPC_CHANNEL_IDLE && rested)
        channel->connect_us = now_us;
    if (channel->seen != before)
        LOG_INFO(LOG_STT, 0, "speech channel", "state=%s before=%s calls=%u",
                 state_name(channel->seen), state_name(before), channel->calls);
    channel_watch(channels, channel);
}
