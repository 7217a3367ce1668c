#include "stt/call.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "stt/channel.h"
#include "stt/credentials.h"
#include "stt/failure.h"
#include "stt/guard.h"
#include "stt/limits.h"
#include "stt/wire.h"
#include <assert.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <stdatomic.h>
#include <string.h>

enum call_state {
    CALL_OPENING,     /* by open; the first request is with gRPC, which has no stream for it yet */
    CALL_STREAMING,   /* accepted; blocks go out as they come */
    CALL_HALF_CLOSED, /* finish; the last results and the status are awaited */
    CALL_DONE,        /* the status is here; batches in flight are awaited, then CLOSED */
    CALL_STATES
};

static const char *const state_names[CALL_STATES] = {"opening", "streaming", "half_closed", "done"};

static const bool state_edges[CALL_STATES][CALL_STATES] = {
    [CALL_OPENING] = {[CALL_STREAMING] = true, [CALL_DONE] = true},
    [CALL_STREAMING] = {[CALL_HALF_CLOSED] = true, [CALL_DONE] = true},
    [CALL_HALF_CLOSED] = {[CALL_DONE] = true},
};

struct stt_call {
    uint64_t session;
    uint32_t id;
    enum call_state state;
    bool finishing; /* half-close once the queue is empty */
    bool broken;    /* cancelled, or a send failed: nothing more goes out */
    bool moving;    /* OPENING only: cancelled by us, to be opened anew on another channel */
    bool accepted;  /* the peer has given it a stream */
    bool answered;  /* it has had a result */
    bool excused;   /* its end says nothing against the provider */
    unsigned provider;
    struct stt_call *bucket_next;
    struct stt_call *opening_next, *opening_prev;
    int64_t opened_us;
    int64_t begun_us;    /* on this channel */
    int64_t deadline_us; /* OPENING only */

    grpc_call *grpc;
    struct stt_channel *channel;
    struct stt_metadata *metadata;
    struct stt_tag tags[STT_CALL_TAGS];

    char *bytes; /* the first request, until it is opened */
    size_t bytes_len;
    grpc_slice request; /* holds them then, until it is accepted: they may have to go out again */
    grpc_byte_buffer *sending;
    struct stt_command *sent; /* the block in `sending` */
    struct stt_command *queue_first, *queue_last;
    unsigned queue_len;

    grpc_metadata_array initial;
    grpc_metadata_array trailing;
    grpc_byte_buffer *received;
    grpc_status_code status;
    grpc_slice details;
    int error_code; /* of the last response that held one */
    char *error_message;
    struct stt_command *closed; /* the event it ends with */
};

static void count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static void uncount(_Atomic uint64_t *counter)
{
    atomic_fetch_sub_explicit(counter, 1, memory_order_relaxed);
}

static void event_emit(struct stt_calls *calls, struct stt_command *command,
                       enum stt_event_kind kind)
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
    count(&calls->counters->waiting, 1);
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

static void call_set_state(struct stt_calls *calls, struct stt_call *call, enum call_state state)
{
    assert(state < CALL_STATES && state_edges[call->state][state]);
    LOG_TRACE(LOG_STT, call->session, "call", "call=%u from=%s to=%s", call->id,
              state_names[call->state], state_names[state]);
    if (call->state == CALL_OPENING)
        opening_remove(calls, call);
    if (state == CALL_STREAMING)
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
    count(&calls->counters->closed_by_status[status >= 0 && status <= 16 ? status : 2], 1);
    event_emit(calls, closed, STT_EVENT_CLOSED);
}

static struct stt_channels *provider_of(const struct stt_calls *calls, const struct stt_call *call)
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
    call->excused = stt_credentials_renew(&provider_of(calls, call)->credentials, call->metadata,
                                          clock_mono_us());
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

/* Frees the call once nothing of it is with gRPC. */
static void call_join(struct stt_calls *calls, struct stt_call *call)
{
    assert(call->state == CALL_DONE);
    for (int i = 0; i < STT_CALL_TAGS; i++)
        if (call->tags[i].in_flight)
            return;
    struct stt_call **link = call_find(calls, call->session, call->id);
    assert(*link == call);
    *link = call->bucket_next;
    calls->len--;
    uncount(&calls->counters->calls_open);
    uncount(&provider_of(calls, call)->counters->calls);
    channel_leave(call);

    struct stt_event *closed = &call->closed->event;
    char *details = grpc_slice_to_c_string(call->details);
    closed->grpc_status = call_final_status(calls, call);
    closed->retry_after_ms = call_retry_after_ms(call);
    stt__command_details(call->closed, call->error_message != NULL ? call->error_message : details);
    gpr_free(details);
    if (!call->excused)
        stt_guard_end(provider_of(calls, call), closed, call->answered,
                      clock_mono_us() - call->opened_us);
    closed_emit(calls, call->closed);
    stt__call_free(call);
}

/* Batches. */

static void call_start(struct stt_call *call, enum stt_tag_kind kind, const grpc_op *ops,
                       size_t ops_len)
{
    struct stt_tag *tag = &call->tags[kind - STT_CALL_TAG_FIRST];
    assert(!tag->in_flight);
    tag->in_flight = true;
    grpc_call_error error = grpc_call_start_batch(call->grpc, ops, ops_len, tag, NULL);
    assert(error == GRPC_CALL_OK);
}

static void call_start_recv(struct stt_call *call, bool first)
{
    grpc_op ops[2] = {
        {.op = GRPC_OP_RECV_MESSAGE, .data = {.recv_message = {.recv_message = &call->received}}},
        {.op = GRPC_OP_RECV_INITIAL_METADATA,
         .data = {.recv_initial_metadata = {.recv_initial_metadata = &call->initial}}}};
    call_start(call, STT_TAG_RECV, ops, first ? 2 : 1);
}

static void call_start_status(struct stt_call *call)
{
    grpc_op op = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
                  .data = {.recv_status_on_client = {.trailing_metadata = &call->trailing,
                                                     .status = &call->status,
                                                     .status_details = &call->details}}};
    call_start(call, STT_TAG_STATUS, &op, 1);
}

/* Takes the slices. */
static void call_sending(struct stt_call *call, grpc_slice *slices, size_t slices_len)
{
    assert(call->sending == NULL);
    call->sending = grpc_raw_byte_buffer_create(slices, slices_len);
    for (size_t i = 0; i < slices_len; i++)
        grpc_slice_unref(slices[i]);
}

static void call_start_open(struct stt_call *call)
{
    grpc_slice request = grpc_slice_ref(call->request);
    call_sending(call, &request, 1);
    grpc_op ops[2] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA,
         .data = {.send_initial_metadata = {.count = call->metadata->len,
                                            .metadata = call->metadata->entries}}},
        {.op = GRPC_OP_SEND_MESSAGE, .data = {.send_message = {.send_message = call->sending}}}};
    call_start(call, STT_TAG_OPEN, ops, 2);
}

static void block_release(void *block)
{
    stt_block_unref(block);
}

/* gRPC reads the block where it lies: its slice holds a reference, the command keeps its own until
 * the batch is done. What stands before the PCM differs between wires, so it is not in the block;
 * it is so short that its slice needs no memory. */
static void call_sending_block(struct stt_call *call, const struct stt_wire *wire,
                               struct stt_block *block)
{
    uint8_t head[STT_AUDIO_HEAD_MAX];
    size_t head_len = stt_wire_audio_head(wire, block->bytes, head);
    grpc_slice slices[] = {grpc_slice_from_copied_buffer((const char *)head, head_len),
                           grpc_slice_new_with_user_data(block->pcm, block->bytes, block_release,
                                                         stt_block_ref(block))};
    call_sending(call, slices, 2);
}

static void call_start_send(struct stt_calls *calls, struct stt_call *call)
{
    struct stt_command *command = call->queue_first;
    call->queue_first = command->next;
    if (call->queue_first == NULL)
        call->queue_last = NULL;
    call->queue_len--;

    struct stt_block *block = command->block;
    command->next = NULL;
    command->event.end_sample = block->first_sample + block->bytes / 2;
    command->event.at_us = clock_mono_us();
    count(&calls->counters->bytes_sent, block->bytes);
    call_sending_block(call, provider_of(calls, call)->wire, block);
    call->sent = command;

    grpc_op ops[2] = {
        {.op = GRPC_OP_SEND_MESSAGE, .data = {.send_message = {.send_message = call->sending}}},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT}};
    bool last = call->finishing && call->queue_first == NULL;
    if (last)
        call_set_state(calls, call, CALL_HALF_CLOSED);
    call_start(call, STT_TAG_SEND, ops, last ? 2 : 1);
}

/* Sends what may be sent now. */
static void call_pump(struct stt_calls *calls, struct stt_call *call)
{
    if (call->state != CALL_STREAMING || call->broken ||
        call->tags[STT_TAG_SEND - STT_CALL_TAG_FIRST].in_flight)
        return;
    if (call->queue_first != NULL) {
        call_start_send(calls, call);
    } else if (call->finishing) {
        grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
        call_set_state(calls, call, CALL_HALF_CLOSED);
        call_start(call, STT_TAG_SEND, &op, 1);
    }
}

/* `details` lives for ever. */
static void call_cancel(struct stt_call *call, grpc_status_code status, const char *details)
{
    if (call->state == CALL_DONE)
        return;
    call->broken = true;
    if (call->moving) {
        call->status = status;
        call->details = grpc_slice_from_static_string(details);
        return;
    }
    grpc_call_error error = grpc_call_cancel_with_status(call->grpc, status, details, NULL);
    assert(error == GRPC_CALL_OK);
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
    assert(call->state == CALL_OPENING && call->channel != NULL);
    call->begun_us = clock_mono_us();
    call->grpc = grpc_channel_create_registered_call(
        call->channel->grpc, NULL, GRPC_PROPAGATE_DEFAULTS, calls->queue, call->channel->method,
        gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    call_start_open(call);
    call_start_recv(call, true);
}

/* Leaves a channel that has no stream for it; goes on in call_reopen(). */
static void call_move(struct stt_calls *calls, struct stt_call *call)
{
    assert(call->state == CALL_OPENING && !call->moving && !call->broken);
    call->moving = true;
    count(&calls->counters->moved, 1);
    LOG_DEBUG(LOG_STT, call->session, "call moves to another channel", "call=%u", call->id);
    grpc_call_error error = grpc_call_cancel(call->grpc, NULL);
    assert(error == GRPC_CALL_OK);
}

/* Nothing of the first attempt is with gRPC any more. The session has not noticed: its blocks are
 * still queued here. */
static void call_reopen(struct stt_calls *calls, struct stt_call *call)
{
    grpc_call_unref(call->grpc);
    call->grpc = NULL;
    grpc_metadata_array_destroy(&call->initial);
    grpc_metadata_array_init(&call->initial);
    channel_leave(call);
    if (!call->broken) {
        call->channel = stt_channels_get(provider_of(calls, call));
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
    call_set_state(calls, call, CALL_DONE);
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
    count(&calls->counters->calls_open, 1);
    count(&provider_of(calls, call)->counters->calls, 1);
    opening_add(calls, call);
}

void stt_call_on_open(struct stt_calls *calls, struct stt_command *command)
{
    struct stt_call *call = command->opened;
    assert(call != NULL && call_of(calls, command) == NULL);
    struct stt_channels *provider = provider_of(calls, call);
    count(&calls->counters->calls_total, 1);
    count(&provider->counters->calls_total, 1);
    uint32_t wait_ms = stt_guard_ask(provider, &calls->rng);
    if (wait_ms > 0) {
        command->event.retry_after_ms = wait_ms;
        stt_call_refuse(calls, command, provider->breaker.status, held_off);
        return;
    }
    call->channel = stt_channels_get(provider);
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
    call_pump(calls, call);
}

void stt_call_on_finish(struct stt_calls *calls, struct stt_command *command)
{
    struct stt_call *call = call_of(calls, command);
    stt__command_free(&command->event.msg);
    if (call == NULL)
        return;
    call->finishing = true;
    call_pump(calls, call);
}

void stt_call_on_cancel(struct stt_calls *calls, struct stt_command *command)
{
    struct stt_call *call = call_of(calls, command);
    stt__command_free(&command->event.msg);
    if (call != NULL)
        call_cancel(call, GRPC_STATUS_CANCELLED, "cancelled by the session");
}

/* Completions. */

static void call_on_opened(struct stt_calls *calls, struct stt_call *call, bool ok)
{
    grpc_byte_buffer_destroy(call->sending);
    call->sending = NULL;
    if (call->moving)
        return;
    if (!ok) {
        call->broken = true;
        return;
    }
    if (call->state == CALL_OPENING) {
        stt_channel_accept(call->channel);
        call->accepted = true;
        call_set_state(calls, call, CALL_STREAMING);
    }
    call_pump(calls, call);
}

static void call_on_sent(struct stt_calls *calls, struct stt_call *call, bool ok)
{
    struct stt_command *sent = call->sent;
    if (call->sending != NULL)
        grpc_byte_buffer_destroy(call->sending);
    call->sending = NULL;
    call->sent = NULL;
    if (!ok)
        call->broken = true;
    if (sent == NULL)
        return;
    if (!ok) {
        stt__command_free(&sent->event.msg);
        return;
    }
    stt_block_unref(sent->block);
    sent->block = NULL;
    count(&calls->counters->blocks_sent, 1);
    event_emit(calls, sent, STT_EVENT_SENT);
    call_pump(calls, call);
}

/* A message is usually one slice, and is then read where it lies. */
static int response_read(const struct stt_wire *wire, grpc_byte_buffer *bytes,
                         struct stt_response **out)
{
    grpc_byte_buffer_reader reader;
    if (!grpc_byte_buffer_reader_init(&reader, bytes))
        return STATUS_PROTOCOL;
    grpc_slice slice;
    if (bytes->type != GRPC_BB_RAW || bytes->data.raw.slice_buffer.count != 1 ||
        !grpc_byte_buffer_reader_next(&reader, &slice))
        slice = grpc_byte_buffer_reader_readall(&reader);
    int status = wire->response_read(GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice), out);
    grpc_slice_unref(slice);
    grpc_byte_buffer_reader_destroy(&reader);
    return status;
}

static void call_note_error(struct stt_call *call, const struct stt_response *response)
{
    if (response->error_code == 0)
        return;
    call->error_code = response->error_code;
    mem_free(call->error_message);
    call->error_message = mem_strdup(response->error_message);
}

static int call_respond(struct stt_calls *calls, struct stt_call *call)
{
    int64_t at_us = clock_mono_us();
    struct stt_response *response = NULL;
    int status = response_read(provider_of(calls, call)->wire, call->received, &response);
    if (status != 0)
        return status;
    struct stt_command *command = stt__command_create(STT_COMMAND_SEND, call->session, call->id);
    if (command == NULL) {
        stt_response_free(response);
        return STATUS_NOMEM;
    }
    call_note_error(call, response);
    if (!call->answered && response->error_code == 0) {
        call->answered = true;
        stt_guard_answer(provider_of(calls, call));
    }
    command->event.at_us = at_us;
    command->event.response = response;
    count(&calls->counters->responses, 1);
    event_emit(calls, command, STT_EVENT_RESPONSE);
    return 0;
}

/* A response that is lost would lose words for good: the call ends instead, and its audio is
 * recognised again. */
static void call_on_received(struct stt_calls *calls, struct stt_call *call)
{
    if (call->received == NULL) {
        if (!call->moving)
            call_start_status(call);
        return;
    }
    int status = call_respond(calls, call);
    grpc_byte_buffer_destroy(call->received);
    call->received = NULL;
    if (status != 0) {
        LOG_WARN(LOG_STT, call->session, "speech response refused", "call=%u status=%s", call->id,
                 status_name(status));
        call_cancel(call, GRPC_STATUS_INTERNAL, status_text(status));
    }
    call_start_recv(call, false);
}

void stt_call_on_batch(struct stt_calls *calls, struct stt_tag *tag, bool ok)
{
    struct stt_call *call = tag->owner;
    assert(tag->in_flight && tag == &call->tags[tag->kind - STT_CALL_TAG_FIRST]);
    tag->in_flight = false;
    switch (tag->kind) {
    case STT_TAG_OPEN: call_on_opened(calls, call, ok); break;
    case STT_TAG_SEND: call_on_sent(calls, call, ok); break;
    case STT_TAG_RECV: call_on_received(calls, call); break;
    case STT_TAG_STATUS: call_set_state(calls, call, CALL_DONE); break;
    case STT_TAG_WAKE:
    case STT_TAG_WATCH: assert(!"no batch of a call"); break;
    }
    if (call->moving && !call->tags[0].in_flight &&
        !call->tags[STT_TAG_RECV - STT_CALL_TAG_FIRST].in_flight)
        call_reopen(calls, call);
    if (call->state == CALL_DONE)
        call_join(calls, call);
}

int64_t stt_calls_expire(struct stt_calls *calls, int64_t now_us)
{
    int64_t due_us = INT64_MAX;
    /* What is cancelled leaves the list when its status comes. */
    for (struct stt_call *call = calls->opening_first; call != NULL; call = call->opening_next) {
        if (call->broken)
            continue;
        if (call->deadline_us <= now_us)
            call_cancel(call, GRPC_STATUS_DEADLINE_EXCEEDED, "no stream to the speech API in time");
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
            call_cancel(call, GRPC_STATUS_CANCELLED, "the server is shutting down");
}
