#include "stt/call_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "stt/channel.h"
#include "stt/credentials.h"
#include "stt/failure.h"
#include "stt/guard.h"
#include "stt/limits.h"
#include <assert.h>
#include <grpc/support/alloc.h>
#include <string.h>

static const char *const state_names[STT_CALL_STATES] = {"opening", "streaming", "half_closed",
                                                         "done"};

static const bool state_edges[STT_CALL_STATES][STT_CALL_STATES] = {
    [STT_CALL_OPENING] = {[STT_CALL_STREAMING] = true, [STT_CALL_DONE] = true},
    [STT_CALL_STREAMING] = {[STT_CALL_HALF_CLOSED] = true, [STT_CALL_DONE] = true},
    [STT_CALL_HALF_CLOSED] = {[STT_CALL_DONE] = true},
};

static void uncount(_Atomic uint64_t *counter)
{
    atomic_fetch_sub_explicit(counter, 1, memory_order_relaxed);
}

void stt__event_emit(struct stt_calls *calls, struct stt_command *command, enum stt_event_kind kind)
{
    command->event.msg.kind = 0;
    command->event.kind = kind;
    calls->on_event(calls->ctx, &command->event);
}

/* The table. */

int stt_calls_init(struct stt_calls *calls, size_t calls_max)
{
    assert(calls_max > 0);
    calls->table_len = 16;
    while (calls->table_len < calls_max)
        calls->table_len *= 2;
    calls->table = mem_calloc(calls->table_len, sizeof(struct stt_call *));
    return calls->table != NULL ? 0 : STATUS_NOMEM;
}

void stt_calls_deinit(struct stt_calls *calls)
{
    assert(calls->len == 0);
    mem_free(calls->table);
    calls->table = NULL;
}

static struct stt_call **call_bucket(const struct stt_calls *calls, uint64_t session, uint32_t id)
{
    /* Fibonacci hashing: sessions are numbered densely. */
    uint64_t hash = (session ^ (uint64_t)id << 40) * UINT64_C(0x9e3779b97f4a7c15);
    return &calls->table[hash >> 32 & (calls->table_len - 1)];
}

/* The link that holds the call, or the NULL at the end of its bucket. */
static struct stt_call **call_find(const struct stt_calls *calls, uint64_t session, uint32_t id)
{
    struct stt_call **link = call_bucket(calls, session, id);
    while (*link != NULL && ((*link)->session != session || (*link)->id != id))
        link = &(*link)->bucket_next;
    return link;
}

/* NULL when the call has ended: its CLOSED event was on its way when the command was sent. */
static struct stt_call *call_of(const struct stt_calls *calls, const struct stt_command *command)
{
    return *call_find(calls, command->event.msg.session, command->event.call);
}

/* Calls that are not accepted yet, oldest first. */

static void opening_add(struct stt_calls *calls, struct stt_call *call)
{
    call->opening_prev = calls->opening_last;
    if (calls->opening_last != NULL)
        calls->opening_last->opening_next = call;
    else
        calls->opening_first = call;
    calls->opening_last = call;
    stt__count(&calls->counters->waiting, 1);
}

static void opening_remove(struct stt_calls *calls, struct stt_call *call)
{
    if (call->opening_prev != NULL)
        call->opening_prev->opening_next = call->opening_next;
    else
        calls->opening_first = call->opening_next;
    if (call->opening_next != NULL)
        call->opening_next->opening_prev = call->opening_prev;
    else
        calls->opening_last = call->opening_prev;
    call->opening_next = call->opening_prev = NULL;
    uncount(&calls->counters->waiting);
}

static void request_drop(struct stt_call *call)
{
    grpc_slice_unref(call->request);
    call->request = grpc_empty_slice();
}

void stt__call_set_state(struct stt_calls *calls, struct stt_call *call, enum stt_call_state state)
{
    assert(state < STT_CALL_STATES && state_edges[call->state][state]);
    LOG_TRACE(LOG_STT, call->session, "call", "call=%u from=%s to=%s", call->id,
              state_names[call->state], state_names[state]);
    if (call->state == STT_CALL_OPENING)
        opening_remove(calls, call);
    if (state == STT_CALL_STREAMING)
        request_drop(call);
    call->state = state;
}

/* Life. */

struct stt_call *stt__call_create(const struct stt_request *request)
{
    assert(request->bytes != NULL && request->len > 0 && request->len <= STT_CONFIG_BYTES_MAX);
    struct stt_call *call = mem_calloc(1, sizeof *call);
    if (call == NULL)
        return NULL;
    for (int i = 0; i < STT_CALL_TAGS; i++)
        call->tags[i] = (struct stt_tag){.kind = STT_CALL_TAG_FIRST + i, .owner = call};
    call->provider = request->provider;
    call->bytes = request->bytes;
    call->bytes_len = request->len;
    grpc_metadata_array_init(&call->initial);
    grpc_metadata_array_init(&call->trailing);
    call->details = call->request = grpc_empty_slice();
    return call;
}

void stt__call_disown(struct stt_call *call)
{
    call->bytes = NULL;
}

void stt__call_free(struct stt_call *call)
{
    if (call == NULL)
        return;
    for (int i = 0; i < STT_CALL_TAGS; i++)
        assert(!call->tags[i].in_flight);
    while (call->queue_first != NULL) {
        struct stt_command *next = call->queue_first->next;
        stt__command_free(&call->queue_first->event.msg);
        call->queue_first = next;
    }
    if (call->sent != NULL)
        stt__command_free(&call->sent->event.msg);
    if (call->grpc != NULL)
        grpc_call_unref(call->grpc);
    if (call->sending != NULL)
        grpc_byte_buffer_destroy(call->sending);
    if (call->received != NULL)
        grpc_byte_buffer_destroy(call->received);
    grpc_metadata_array_destroy(&call->initial);
    grpc_metadata_array_destroy(&call->trailing);
    grpc_slice_unref(call->details);
    request_drop(call);
    stt_metadata_put(call->metadata);
    mem_free(call->error_message);
    mem_free(call->bytes);
    mem_free(call);
}

static void closed_emit(struct stt_calls *calls, struct stt_command *closed)
{
    int status = closed->event.grpc_status;
    closed->event.at_us = clock_mono_us();
    stt__count(&calls->counters->closed_by_status[status >= 0 && status <= 16 ? status : 2], 1);
    stt__event_emit(calls, closed, STT_EVENT_CLOSED);
}

struct stt_channels *stt__call_provider(const struct stt_calls *calls, const struct stt_call *call)
{
    assert(call->provider < calls->providers_len);
    return &calls->providers[call->provider];
}

/* A refused token that has been replaced in the meantime is no reason to give up. */
static int call_final_status(struct stt_calls *calls, struct stt_call *call)
{
    int status = call->error_code != 0 ? call->error_code : (int)call->status;
    if (status != GRPC_STATUS_UNAUTHENTICATED)
        return status;
    call->excused = stt_credentials_renew(&stt__call_provider(calls, call)->credentials,
                                          call->metadata, clock_mono_us());
    return call->excused ? GRPC_STATUS_UNAVAILABLE : status;
}

/* How long the API asks to be left alone: google.rpc.RetryInfo, in a trailer that gRPC core has
 * decoded from base64. */
static uint32_t call_retry_after_ms(const struct stt_call *call)
{
    for (size_t i = 0; i < call->trailing.count; i++) {
        const grpc_metadata *entry = &call->trailing.metadata[i];
        if (grpc_slice_str_cmp(entry->key, "grpc-status-details-bin") == 0)
            return stt_failure_retry_after_ms(GRPC_SLICE_START_PTR(entry->value),
                                              GRPC_SLICE_LENGTH(entry->value));
    }
    return 0;
}

static void channel_leave(struct stt_call *call)
{
    if (call->channel != NULL)
        stt_channel_put(call->channel, call->accepted);
    call->channel = NULL;
    call->accepted = false;
}

void stt__call_join(struct stt_calls *calls, struct stt_call *call)
{
    assert(call->state == STT_CALL_DONE);
    for (int i = 0; i < STT_CALL_TAGS; i++)
        if (call->tags[i].in_flight)
            return;
    struct stt_call **link = call_find(calls, call->session, call->id);
    assert(*link == call);
    *link = call->bucket_next;
    calls->len--;
    uncount(&calls->counters->calls_open);
    uncount(&stt__call_provider(calls, call)->counters->calls);
    channel_leave(call);

    struct stt_event *closed = &call->closed->event;
    char *details = grpc_slice_to_c_string(call->details);
    closed->grpc_status = call_final_status(calls, call);
    closed->retry_after_ms = call_retry_after_ms(call);
    stt__command_details(call->closed, call->error_message != NULL ? call->error_message : details);
    gpr_free(details);
    if (!call->excused)
        stt_guard_end(stt__call_provider(calls, call), closed, call->answered,
                      clock_mono_us() - call->opened_us);
    closed_emit(calls, call->closed);
    stt__call_free(call);
}

/* Commands. */

void stt_call_refuse(struct stt_calls *calls, struct stt_command *command, int grpc_status,
                     const char *details)
{
    assert(command->event.msg.kind == STT_COMMAND_OPEN && command->opened != NULL);
    stt__call_free(command->opened);
    command->opened = NULL;
    command->event.grpc_status = grpc_status;
    stt__command_details(command, details);
    closed_emit(calls, command);
}

static const char no_stream[] = "every stream of every channel to the speech API is taken";

static void call_begin(struct stt_calls *calls, struct stt_call *call)
{
    assert(call->state == STT_CALL_OPENING && call->channel != NULL);
    call->begun_us = clock_mono_us();
    call->grpc = grpc_channel_create_registered_call(
        call->channel->grpc, NULL, GRPC_PROPAGATE_DEFAULTS, calls->queue, call->channel->method,
        gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    stt__call_start(call);
}

/* Leaves a channel that has no stream for it; goes on in stt__call_reopen(). */
static void call_move(struct stt_calls *calls, struct stt_call *call)
{
    assert(call->state == STT_CALL_OPENING && !call->moving && !call->broken);
    call->moving = true;
    stt__count(&calls->counters->moved, 1);
    LOG_DEBUG(LOG_STT, call->session, "call moves to another channel", "call=%u", call->id);
    grpc_call_error error = grpc_call_cancel(call->grpc, NULL);
    assert(error == GRPC_CALL_OK);
}

void stt__call_reopen(struct stt_calls *calls, struct stt_call *call)
{
    grpc_call_unref(call->grpc);
    call->grpc = NULL;
    grpc_metadata_array_destroy(&call->initial);
    grpc_metadata_array_init(&call->initial);
    channel_leave(call);
    if (!call->broken) {
        call->channel = stt_channels_get(stt__call_provider(calls, call), true);
        call->moving = false;
    }
    if (call->channel != NULL) {
        call_begin(calls, call);
        return;
    }
    if (!call->broken) {
        call->excused = true;
        call->status = GRPC_STATUS_RESOURCE_EXHAUSTED;
        call->details = grpc_slice_from_static_string(no_stream);
    }
    stt__call_set_state(calls, call, STT_CALL_DONE);
}

static const char held_off[] = "the speech API has failed too often and is not asked for a while";

static void call_add(struct stt_calls *calls, struct stt_call *call, struct stt_command *command)
{
    command->opened = NULL;
    call->closed = command;
    call->session = command->event.msg.session;
    call->id = command->event.call;
    struct stt_call **link = call_bucket(calls, call->session, call->id);
    call->bucket_next = *link;
    *link = call;
    calls->len++;
    stt__count(&calls->counters->calls_open, 1);
    stt__count(&stt__call_provider(calls, call)->counters->calls, 1);
    opening_add(calls, call);
}

void stt_call_on_open(struct stt_calls *calls, struct stt_command *command)
{
    struct stt_call *call = command->opened;
    assert(call != NULL && call_of(calls, command) == NULL);
    struct stt_channels *provider = stt__call_provider(calls, call);
    stt__count(&calls->counters->calls_total, 1);
    stt__count(&provider->counters->calls_total, 1);
    uint32_t wait_ms = stt_guard_ask(provider, &calls->rng);
    if (wait_ms > 0) {
        command->event.retry_after_ms = wait_ms;
        stt_call_refuse(calls, command, provider->breaker.status, held_off);
        return;
    }
    call->channel = stt_channels_get(provider, false);
    if (call->channel == NULL) {
        stt_call_refuse(calls, command, GRPC_STATUS_RESOURCE_EXHAUSTED, no_stream);
        return;
    }
    call_add(calls, call, command);
    call->opened_us = clock_mono_us();
    call->deadline_us =
        provider->open_timeout_us > 0 ? call->opened_us + provider->open_timeout_us : INT64_MAX;
    call->metadata = stt_credentials_metadata(&provider->credentials);
    call->request =
        grpc_slice_new_with_user_data(call->bytes, call->bytes_len, mem_free, call->bytes);
    call->bytes = NULL;
    call_begin(calls, call);
}

void stt_call_on_send(struct stt_calls *calls, struct stt_command *command)
{
    struct stt_call *call = call_of(calls, command);
    /* Closed meanwhile: CLOSED has said so. */
    if (call == NULL || call->broken) {
        stt__command_free(&command->event.msg);
        return;
    }
    assert(!call->finishing && call->queue_len < STT_CALL_BLOCKS_MAX);
    if (call->queue_last != NULL)
        call->queue_last->next = command;
    else
        call->queue_first = command;
    call->queue_last = command;
    call->queue_len++;
    stt__call_pump(calls, call);
}

void stt_call_on_finish(struct stt_calls *calls, struct stt_command *command)
{
    struct stt_call *call = call_of(calls, command);
    stt__command_free(&command->event.msg);
    if (call == NULL)
        return;
    call->finishing = true;
    stt__call_pump(calls, call);
}

void stt_call_on_cancel(struct stt_calls *calls, struct stt_command *command)
{
    struct stt_call *call = call_of(calls, command);
    stt__command_free(&command->event.msg);
    if (call != NULL)
        stt__call_cancel(call, GRPC_STATUS_CANCELLED, "cancelled by the session");
}

int64_t stt_calls_expire(struct stt_calls *calls, int64_t now_us)
{
    int64_t due_us = INT64_MAX;
    /* What is cancelled leaves the list when its status comes. */
    for (struct stt_call *call = calls->opening_first; call != NULL; call = call->opening_next) {
        if (call->broken)
            continue;
        if (call->deadline_us <= now_us)
            stt__call_cancel(call, GRPC_STATUS_DEADLINE_EXCEEDED,
                             "no stream to the speech API in time");
        else if (!call->moving &&
                 stt_channel_capped(call->channel, call->begun_us, now_us, &due_us))
            call_move(calls, call);
        else
            due_us = call->deadline_us < due_us ? call->deadline_us : due_us;
    }
    return due_us;
}

void stt_calls_cancel_all(struct stt_calls *calls)
{
    for (size_t i = 0; i < calls->table_len; i++)
        for (struct stt_call *call = calls->table[i]; call != NULL; call = call->bucket_next)
            stt__call_cancel(call, GRPC_STATUS_CANCELLED, "the server is shutting down");
}
