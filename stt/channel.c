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
        arg_int(GRPC_ARG_KEEPALIVE_TIME_MS, (int)channels->keepalive_ms),
        arg_int(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                (int)channels->keepalive_ms / STT_KEEPALIVE_TIMEOUT_PART),
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

static void channel_watch(struct stt_channel *channel)
{
    assert(!channel->tag.in_flight);
    channel->tag.in_flight = true;
    grpc_channel_watch_connectivity_state(channel->grpc, channel->seen,
                                          gpr_inf_future(GPR_CLOCK_MONOTONIC),
                                          channel->channels->queue, &channel->tag);
}

/* Those that drain or await their watch have places of their own. */
static unsigned channels_room(const struct stt_channels *channels)
{
    return channels->channels_max * 2;
}

static void channels_count(struct stt_channels *channels)
{
    unsigned draining = 0;
    for (unsigned i = 0; i < channels->len; i++)
        draining += channels->list[i]->state == STT_CHANNEL_DRAINING;
    struct stt_provider_counters *counters = channels->counters;
    atomic_store_explicit(&counters->channels, channels->active, memory_order_relaxed);
    atomic_store_explicit(&counters->draining, draining, memory_order_relaxed);
    atomic_store_explicit(&counters->cap, channels->cap, memory_order_relaxed);
}

static int channel_add(struct stt_channels *channels)
{
    assert(channels->active < channels->channels_max);
    if (channels->len == channels_room(channels))
        return STATUS_FULL;
    struct stt_channel *channel = mem_calloc(1, sizeof *channel);
    if (channel == NULL)
        return STATUS_NOMEM;
    channel->tag = (struct stt_tag){.kind = STT_TAG_WATCH, .owner = channel};
    channel->channels = channels;
    channel->cap = channels->cap;
    channel->grpc = channel_open(channels);
    channel->method = grpc_channel_register_call(channel->grpc, channels->wire->method, NULL, NULL);
    channel->connect_us = channel->idle_us = clock_mono_us();
    channel->seen = grpc_channel_check_connectivity_state(channel->grpc, 1);
    channel_watch(channel);
    channels->list[channels->len++] = channel;
    channels->active++;
    channels_count(channels);
    return 0;
}

int stt_channels_init(struct stt_channels *channels, const struct stt_client_config *config,
                      grpc_completion_queue *queue, struct stt_provider_counters *counters,
                      const char **why)
{
    assert(queue != NULL && counters != NULL);
    *channels = (struct stt_channels){
        .wire = config->wire != NULL ? config->wire : &stt_wire_google_v1,
        .queue = queue,
        .counters = counters,
        .open_timeout_us = config->open_timeout_ms * INT64_C(1000),
        .plaintext = config->plaintext,
        .streams_max = config->streams_per_channel,
        .cap = config->streams_per_channel,
        .keepalive_ms = config->keepalive_ms != 0 ? config->keepalive_ms : STT_KEEPALIVE_MS,
        .channels_max = config->channels_max};
    int status = stt_credentials_init(&channels->credentials, config, why);
    if (status != 0)
        return status;
    channels->target = mem_strdup(config->target);
    channels->list = mem_calloc(channels_room(channels), sizeof(struct stt_channel *));
    status =
        channels->target != NULL && channels->list != NULL ? channel_add(channels) : STATUS_NOMEM;
    if (status != 0)
        stt_channels_deinit(channels);
    return status;
}

static void channel_free(struct stt_channel *channel)
{
    struct stt_channels *channels = channel->channels;
    assert(channel->state == STT_CHANNEL_GONE && !channel->tag.in_flight);
    unsigned at = 0;
    while (channels->list[at] != channel)
        at++;
    channels->len--;
    memmove(&channels->list[at], &channels->list[at + 1],
            (channels->len - at) * sizeof channels->list[0]);
    mem_free(channel);
}

/* Its watch, if it has one, comes out of the queue with its end. */
static void channel_end(struct stt_channel *channel)
{
    struct stt_channels *channels = channel->channels;
    assert(channel->calls == 0 && channel->state != STT_CHANNEL_GONE);
    if (channel->state == STT_CHANNEL_ACTIVE)
        channels->active--;
    channel->state = STT_CHANNEL_GONE;
    grpc_channel_destroy(channel->grpc);
    channel->grpc = NULL;
    if (!channel->tag.in_flight)
        channel_free(channel);
    channels_count(channels);
}

void stt_channels_close(struct stt_channels *channels)
{
    assert(channels->calls == 0 && !channels->closing);
    channels->closing = true;
    for (unsigned i = channels->len; i > 0; i--)
        if (channels->list[i - 1]->state != STT_CHANNEL_GONE)
            channel_end(channels->list[i - 1]);
}

void stt_channels_deinit(struct stt_channels *channels)
{
    assert(channels->len == 0);
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
        if (channel->state != STT_CHANNEL_ACTIVE || channel->calls >= channel->cap)
            continue;
        if (channel->seen == GRPC_CHANNEL_READY)
            return channel;
        if (free_one == NULL || free_one->seen == GRPC_CHANNEL_TRANSIENT_FAILURE)
            free_one = channel;
    }
    return free_one;
}

unsigned stt__channels_needed(unsigned calls, unsigned cap)
{
    assert(cap > 0);
    unsigned ahead = calls < cap ? calls : cap;
    unsigned needed = (calls + ahead + cap - 1) / cap;
    return needed > 0 ? needed : 1;
}

/* Connecting takes a round trip or three. */
static void channels_grow(struct stt_channels *channels, unsigned calls)
{
    unsigned needed = stt__channels_needed(calls, channels->cap);
    needed = needed < channels->channels_max ? needed : channels->channels_max;
    while (channels->active < needed && channel_add(channels) == 0)
        ;
}

/* The peer may grant more by now, or was slow when it seemed to grant less. */
static struct stt_channel *channel_doubt(const struct stt_channels *channels)
{
    for (unsigned i = 0; i < channels->len; i++) {
        struct stt_channel *channel = channels->list[i];
        if (channel->state == STT_CHANNEL_ACTIVE && channel->calls < channels->streams_max) {
            channel->cap = channels->streams_max;
            return channel;
        }
    }
    return NULL;
}

struct stt_channel *stt_channels_get(struct stt_channels *channels, bool moved)
{
    assert(!channels->closing);
    channels_grow(channels, channels->calls + 1);
    struct stt_channel *channel = channel_pick(channels);
    if (channel == NULL && !moved)
        channel = channel_doubt(channels);
    if (channel == NULL)
        return NULL;
    channel->calls++;
    channels->calls++;
    return channel;
}

void stt_channel_accept(struct stt_channel *channel)
{
    assert(channel->accepted < channel->calls);
    channel->accepted++;
    channel->moved_us = clock_mono_us();
    channel->suspect_us = 0;
}

void stt_channel_put(struct stt_channel *channel, bool accepted)
{
    assert(channel->calls > 0 && channel->channels->calls > 0);
    assert(!accepted || channel->accepted > 0);
    channel->calls--;
    channel->channels->calls--;
    channel->accepted -= accepted;
    if (channel->calls > 0)
        return;
    channel->idle_us = clock_mono_us();
    if (channel->state == STT_CHANNEL_DRAINING)
        channel_end(channel);
}

/* One connection speaks for all to the same peer; those that have more streams have shown so. */
static void cap_learn(struct stt_channels *channels, unsigned cap, int64_t now_us)
{
    channels->cap = cap;
    channels->cap_us = now_us;
    for (unsigned i = 0; i < channels->len; i++) {
        struct stt_channel *channel = channels->list[i];
        unsigned least = channel->accepted > cap ? channel->accepted : cap;
        channel->cap = channel->cap < least ? channel->cap : least;
    }
    channels_count(channels);
    LOG_WARN(LOG_STT, 0, "the speech API grants fewer streams a connection",
             "target=%s configured=%u granted=%u", channels->target, channels->streams_max, cap);
}

bool stt_channel_capped(struct stt_channel *channel, int64_t since_us, int64_t now_us,
                        int64_t *due_us)
{
    if (channel->seen != GRPC_CHANNEL_READY || channel->accepted == 0)
        return false;
    if (channel->accepted >= channel->cap)
        return true;
    int64_t until = since_us > channel->moved_us ? since_us : channel->moved_us;
    until += STT_CAP_WAIT_MS * INT64_C(1000);
    if (now_us >= until && channel->suspect_us == 0)
        channel->suspect_us = now_us;
    /* Completions may lie in the queue unseen, if it was this thread that was held up. */
    if (channel->suspect_us != 0)
        until = channel->suspect_us + STT_CAP_LOOK_MS * INT64_C(1000);
    if (now_us < until) {
        *due_us = until < *due_us ? until : *due_us;
        return false;
    }
    channel->suspect_us = 0;
    cap_learn(channel->channels, channel->accepted, now_us);
    return true;
}

/* What a peer grants may have changed since it was learnt. */
static void caps_forget(struct stt_channels *channels)
{
    channels->cap = channels->streams_max;
    for (unsigned i = 0; i < channels->len; i++)
        channels->list[i]->cap = channels->streams_max;
    channels_count(channels);
}

int64_t stt_channels_tick(struct stt_channels *channels, int64_t now_us)
{
    int64_t due_us = INT64_MAX;
    if (channels->cap < channels->streams_max &&
        now_us - channels->cap_us >= STT_CAP_KEEP_MS * INT64_C(1000))
        caps_forget(channels);
    if (channels->active <= stt__channels_needed(channels->calls, channels->cap))
        return due_us;
    for (unsigned i = channels->len; i > 0; i--) {
        struct stt_channel *channel = channels->list[i - 1];
        if (channel->state != STT_CHANNEL_ACTIVE || channel->calls > 0)
            continue;
        int64_t until = channel->idle_us + STT_CHANNEL_IDLE_MS * INT64_C(1000);
        if (now_us >= until) {
            channel_end(channel);
            return now_us;
        }
        due_us = until < due_us ? until : due_us;
    }
    return due_us;
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

/* Calls stay with the connection they were opened on; new ones get another channel. */
static void channel_drain(struct stt_channel *channel, bool rested)
{
    struct stt_channels *channels = channel->channels;
    channel->state = STT_CHANNEL_DRAINING;
    channels->active--;
    channels_count(channels);
    if (rested)
        channels_grow(channels, channels->calls);
}

void stt_channel_on_watch(struct stt_channel *channel)
{
    struct stt_channels *channels = channel->channels;
    assert(channel->tag.in_flight);
    channel->tag.in_flight = false;
    if (channel->state == STT_CHANNEL_GONE) {
        channel_free(channel);
        return;
    }
    /* A peer that drops every connection at once must not be dialled in a tight loop: then the next
     * call dials. */
    int64_t now_us = clock_mono_us();
    bool rested = now_us - channel->connect_us >= STT_RECONNECT_MS * INT64_C(1000);
    grpc_connectivity_state before = channel->seen;
    bool leaves = before == GRPC_CHANNEL_READY && channel->calls > 0;
    channel->seen = grpc_channel_check_connectivity_state(channel->grpc, rested && !leaves);
    if (channel->seen == GRPC_CHANNEL_IDLE && rested)
        channel->connect_us = now_us;
    if (channel->seen == GRPC_CHANNEL_READY)
        channel->moved_us = now_us;
    if (channel->seen != before)
        LOG_INFO(LOG_STT, 0, "speech channel", "state=%s before=%s calls=%u",
                 state_name(channel->seen), state_name(before), channel->calls);
    if (leaves && channel->seen != GRPC_CHANNEL_READY && channels->len < channels_room(channels)) {
        channel_drain(channel, rested);
        return;
    }
    channel_watch(channel);
}
