#include "stt/client.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "stt/call.h"
#include "stt/channel.h"
#include "stt/limits.h"
#include <assert.h>
#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <stdatomic.h>
#include <string.h>

struct stt_client {
    struct mailbox *mailbox;
    grpc_completion_queue *queue;
    /* gRPC core has no public alarm. A batch without operations completes at once, from any thread
     * and on any call: this one is of a channel that leads nowhere. */
    grpc_channel *lame;
    grpc_call *waker;
    struct stt_tag wake_tag;
    struct stt_channels providers[STT_PROVIDERS_MAX];
    unsigned providers_len;
    struct stt_calls calls;
    struct stt_counters counters;
    pthread_t thread;
    /* Set once by destroy, release; read by the thread each turn, acquire. */
    _Atomic bool stopping;
    bool stopped;     /* the thread has cancelled its calls */
    int64_t taken_us; /* when the last command was taken */
    int64_t linger_until_us;
};

/* gRPC's own words are for those who debug it. */
static void on_grpc_log(gpr_log_func_args *args)
{
    LOG_DEBUG(LOG_STT, 0, "grpc", "severity=%s file=%s line=%d text=%s",
              gpr_log_severity_string(args->severity), args->file, args->line,
              LOG_Q(args->message));
}

static void grpc_log_redirect(void)
{
    gpr_set_log_function(on_grpc_log);
    gpr_set_log_verbosity(log_on(LOG_STT, LOG_LEVEL_TRACE)   ? GPR_LOG_SEVERITY_DEBUG
                          : log_on(LOG_STT, LOG_LEVEL_DEBUG) ? GPR_LOG_SEVERITY_INFO
                                                             : GPR_LOG_SEVERITY_ERROR);
}

/* The mailbox's wake: only a sender that finds the thread asleep comes here. */
static void client_wake(void *ctx)
{
    struct stt_client *client = ctx;
    grpc_call_error error = grpc_call_start_batch(client->waker, NULL, 0, &client->wake_tag, NULL);
    assert(error == GRPC_CALL_OK);
}

static void client_on_command(struct stt_client *client, struct stt_command *command)
{
    struct stt_calls *calls = &client->calls;
    switch ((enum stt_command_kind)command->event.msg.kind) {
    case STT_COMMAND_OPEN:
        if (client->stopped)
            stt_call_refuse(calls, command, GRPC_STATUS_CANCELLED, "the server is shutting down");
        else
            stt_call_on_open(calls, command);
        return;
    case STT_COMMAND_SEND: stt_call_on_send(calls, command); return;
    case STT_COMMAND_FINISH: stt_call_on_finish(calls, command); return;
    case STT_COMMAND_CANCEL: stt_call_on_cancel(calls, command); return;
    }
    assert(!"unknown command");
}

/* How many; STT_COMMANDS_PER_TURN when there may be more. */
static unsigned client_take_commands(struct stt_client *client)
{
    unsigned taken = 0;
    while (taken < STT_COMMANDS_PER_TURN) {
        struct msg *msg = mailbox_recv(client->mailbox);
        if (msg == NULL)
            break;
        client_on_command(client, (struct stt_command *)msg);
        thread_give_way();
        taken++;
    }
    return taken;
}

static gpr_timespec deadline_in(int64_t us)
{
    if (us == INT64_MAX)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                        gpr_time_from_micros(us > 0 ? us : 0, GPR_TIMESPAN));
}

static void client_on_event(struct stt_client *client, const grpc_event *event)
{
    struct stt_tag *tag = event->tag;
    switch (tag->kind) {
    case STT_TAG_WAKE: break;
    case STT_TAG_WATCH: stt_channel_on_watch(tag->owner); break;
    default: stt_call_on_batch(&client->calls, tag, event->success != 0); break;
    }
}

/*
 * How long to sleep, with nothing left to do. While commands come thick the mailbox is not parked
 * for a moment: what comes then needs no wake and is taken together. To be woken for each costs
 * more than the message itself.
 */
static int64_t client_wait_us(struct stt_client *client, unsigned taken)
{
    /* Those were the last commands: nothing more would wake it. */
    if (client->stopped && client->calls.len == 0)
        return 0;
    int64_t now_us = clock_mono_us();
    if (taken >= STT_LINGER_COMMANDS ||
        (taken > 0 && now_us - client->taken_us < STT_LINGER_US / STT_LINGER_COMMANDS))
        client->linger_until_us = now_us + STT_LINGER_US;
    if (taken > 0)
        client->taken_us = now_us;
    int64_t due_us = stt_calls_expire(&client->calls, now_us);
    for (unsigned i = 0; i < client->providers_len; i++) {
        int64_t surplus_us = stt_channels_tick(&client->providers[i], now_us);
        due_us = surplus_us < due_us ? surplus_us : due_us;
    }
    if (now_us >= client->linger_until_us) {
        if (!mailbox_park(client->mailbox))
            return 0;
    } else if (client->linger_until_us < due_us) {
        due_us = client->linger_until_us;
    }
    return due_us == INT64_MAX ? INT64_MAX : due_us - now_us;
}

/* One turn: commands, what is overdue, sleep, completions. What they post is told to its receivers
 * before the next sleep. */
static void client_turn(struct stt_client *client)
{
    unsigned taken = client_take_commands(client);
    int64_t wait_us = taken < STT_COMMANDS_PER_TURN ? client_wait_us(client, taken) : 0;
    if (wait_us > 0)
        mailbox_wake_deferred();
    grpc_event event = grpc_completion_queue_next(client->queue, deadline_in(wait_us), NULL);
    for (unsigned i = 1; event.type == GRPC_OP_COMPLETE; i++) {
        client_on_event(client, &event);
        thread_give_way();
        if (i == STT_EVENTS_PER_TURN)
            break;
        event = grpc_completion_queue_next(client->queue, gpr_inf_past(GPR_CLOCK_MONOTONIC), NULL);
    }
}

/* Watches and late wakes are still in the queue. */
static void client_drain(struct stt_client *client)
{
    for (unsigned i = 0; i < client->providers_len; i++) {
        stt_channels_close(&client->providers[i]);
        while (client->providers[i].len > 0) {
            grpc_event event = grpc_completion_queue_next(
                client->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
            if (event.type == GRPC_OP_COMPLETE)
                client_on_event(client, &event);
        }
    }
}

static void *client_run(void *ctx)
{
    struct stt_client *client = ctx;
    thread_prompt();
    mailbox_defer_wakes(true);
    while (!client->stopped || client->calls.len > 0 || mailbox_len(client->mailbox) > 0) {
        client_turn(client);
        if (!client->stopped && atomic_load_explicit(&client->stopping, memory_order_acquire)) {
            client->stopped = true;
            stt_calls_cancel_all(&client->calls);
        }
    }
    mailbox_defer_wakes(false);
    client_drain(client);
    return NULL;
}

static bool config_valid(const struct stt_client_config *config)
{
    return config->target != NULL && config->target[0] != '\0' && config->channels_max > 0 &&
           config->channels_max <= STT_CHANNELS_MAX && config->streams_per_channel > 0 &&
           config->streams_per_channel <= STT_STREAMS_MAX;
}

/* Calls there may be at a time; 0: something is not valid. */
static size_t calls_max(const struct stt_providers *providers)
{
    size_t max = 0;
    for (unsigned i = 0; i < providers->len; i++) {
        const struct stt_client_config *config = &providers->list[i];
        if (!config_valid(config))
            return 0;
        max += (size_t)config->channels_max * config->streams_per_channel;
    }
    return providers->len <= STT_PROVIDERS_MAX ? max : 0;
}

/* What has no thread yet; safe on a half-made client. */
static void client_free(struct stt_client *client)
{
    if (client->mailbox != NULL)
        mailbox_destroy(client->mailbox);
    if (client->calls.table != NULL)
        stt_calls_deinit(&client->calls);
    grpc_call_unref(client->waker);
    grpc_channel_destroy(client->lame);
    grpc_completion_queue_shutdown(client->queue);
    while (
        grpc_completion_queue_next(client->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type !=
        GRPC_QUEUE_SHUTDOWN)
        ;
    grpc_completion_queue_destroy(client->queue);
    mem_free(client);
    grpc_shutdown();
}

static struct stt_client *client_alloc(size_t calls)
{
    struct stt_client *client = mem_calloc(1, sizeof *client);
    if (client == NULL)
        return NULL;
    grpc_log_redirect();
    grpc_init();
    client->wake_tag = (struct stt_tag){.kind = STT_TAG_WAKE, .owner = client};
    client->queue = grpc_completion_queue_create_for_next(NULL);
    client->lame = grpc_lame_client_channel_create(NULL, GRPC_STATUS_UNAVAILABLE, "wakes only");
    client->waker = grpc_channel_create_call(client->lame, NULL, GRPC_PROPAGATE_DEFAULTS,
                                             client->queue, grpc_slice_from_static_string("/wake"),
                                             NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    client->mailbox = mailbox_create(STT_COMMANDS_MAX, client_wake, client);
    int status = stt_calls_init(&client->calls, calls);
    if (client->mailbox == NULL || status != 0) {
        client_free(client);
        return NULL;
    }
    client->calls.providers = client->providers;
    client->calls.queue = client->queue;
    client->calls.counters = &client->counters;
    rng_init(&client->calls.rng, rng_seed());
    return client;
}

static int client_add_provider(struct stt_client *client, const struct stt_client_config *config)
{
    unsigned at = client->providers_len;
    const char *why = NULL;
    int status = stt_channels_init(&client->providers[at], config, client->queue,
                                   &client->counters.providers[at], &why);
    if (status == STATUS_INVALID)
        LOG_ERROR(LOG_STT, 0, "cannot use the speech API as configured",
                  "provider=%u target=%s error=%s", at + 1, config->target, LOG_Q(why));
    if (status == 0)
        client->calls.providers_len = ++client->providers_len;
    return status;
}

static void client_remove_providers(struct stt_client *client)
{
    for (unsigned i = 0; i < client->providers_len; i++)
        stt_channels_deinit(&client->providers[i]);
}

int stt_client_create(struct stt_client **out, const struct stt_providers *providers,
                      stt_event_fn *on_event, void *ctx)
{
    assert(out != NULL && providers != NULL && on_event != NULL);
    size_t calls = calls_max(providers);
    if (calls == 0)
        return STATUS_INVALID;
    struct stt_client *client = client_alloc(calls);
    if (client == NULL)
        return STATUS_NOMEM;
    client->calls.on_event = on_event;
    client->calls.ctx = ctx;
    int status = 0;
    for (unsigned i = 0; i < providers->len && status == 0; i++)
        status = client_add_provider(client, &providers->list[i]);
    if (status == 0)
        status = thread_start(&client->thread, "stt", client_run, client);
    if (status != 0) {
        client_drain(client);
        client_remove_providers(client);
        client_free(client);
        return status;
    }
    *out = client;
    return 0;
}

void stt_client_destroy(struct stt_client *client)
{
    if (client == NULL)
        return;
    mailbox_close(client->mailbox);
    atomic_store_explicit(&client->stopping, true, memory_order_release);
    client_wake(client);
    pthread_join(client->thread, NULL);
    client_remove_providers(client);
    client_free(client);
}

static int client_command(struct stt_client *client, struct stt_command *command)
{
    if (command == NULL)
        return STATUS_NOMEM;
    int status = mailbox_send(client->mailbox, &command->event.msg);
    if (status != 0)
        stt__command_free(&command->event.msg);
    return status;
}

int stt_client_open(struct stt_client *client, uint64_t session, uint32_t call,
                    const struct stt_request *request)
{
    assert(client != NULL && request->provider < client->providers_len);
    struct stt_command *command = stt__command_create(STT_COMMAND_OPEN, session, call);
    if (command == NULL)
        return STATUS_NOMEM;
    struct stt_call *opened = stt__call_create(request);
    if (opened == NULL) {
        stt__command_free(&command->event.msg);
        return STATUS_NOMEM;
    }
    command->opened = opened;
    int status = mailbox_send(client->mailbox, &command->event.msg);
    if (status == 0)
        return 0;
    stt__call_disown(opened);
    stt__command_free(&command->event.msg);
    return status;
}

int stt_client_send(struct stt_client *client, uint64_t session, uint32_t call,
                    struct stt_block *block)
{
    assert(client != NULL && block != NULL);
    struct stt_command *command = stt__command_create(STT_COMMAND_SEND, session, call);
    if (command != NULL)
        command->block = stt_block_ref(block);
    return client_command(client, command);
}

int stt_client_finish(struct stt_client *client, uint64_t session, uint32_t call)
{
    assert(client != NULL);
    return client_command(client, stt__command_create(STT_COMMAND_FINISH, session, call));
}

int stt_client_cancel(struct stt_client *client, uint64_t session, uint32_t call)
{
    assert(client != NULL);
    return client_command(client, stt__command_create(STT_COMMAND_CANCEL, session, call));
}

unsigned stt_client_healthy(struct stt_client *client)
{
    unsigned healthy = 0;
    int64_t now_us = clock_mono_us();
    for (unsigned i = 0; i < client->providers_len; i++)
        if (atomic_load_explicit(&client->counters.providers[i].healthy_us, memory_order_relaxed) <=
            now_us)
            healthy |= 1u << i;
    return healthy;
}

#define READ(name) out->name = atomic_load_explicit(&counters->name, memory_order_relaxed)

static void provider_stats(struct stt_provider_counters *counters, struct stt_provider_stats *out)
{
    READ(calls);
    READ(calls_total);
    READ(channels);
    READ(draining);
    READ(cap);
    READ(breaker);
    READ(trips);
    READ(held_off);
}

void stt_client_stats(struct stt_client *client, struct stt_client_stats *out)
{
    assert(client != NULL && out != NULL);
    *out = (struct stt_client_stats){.providers_len = client->providers_len,
                                     .queued = mailbox_len(client->mailbox)};
    struct stt_counters *counters = &client->counters;
    READ(calls_open);
    READ(calls_total);
    READ(blocks_sent);
    READ(bytes_sent);
    READ(responses);
    READ(waiting);
    READ(moved);
    for (int i = 0; i < 17; i++)
        READ(closed_by_status[i]);
    for (unsigned i = 0; i < client->providers_len; i++) {
        provider_stats(&counters->providers[i], &out->providers[i]);
        out->channels += out->providers[i].channels;
        out->draining += out->providers[i].draining;
    }
}

#undef READ
