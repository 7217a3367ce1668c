#include "stt/call_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "stt/channel.h"
#include "stt/credentials.h"
#include "stt/guard.h"
#include "stt/limits.h"
#include "stt/wire.h"
#include <assert.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>

static void batch_start(struct stt_call *call, enum stt_tag_kind kind, const grpc_op *ops,
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
    batch_start(call, STT_TAG_RECV, ops, first ? 2 : 1);
}

static void call_start_status(struct stt_call *call)
{
    grpc_op op = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
                  .data = {.recv_status_on_client = {.trailing_metadata = &call->trailing,
                                                     .status = &call->status,
                                                     .status_details = &call->details}}};
    batch_start(call, STT_TAG_STATUS, &op, 1);
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
    batch_start(call, STT_TAG_OPEN, ops, 2);
}

void stt__call_start(struct stt_call *call)
{
    call_start_open(call);
    call_start_recv(call, true);
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
    stt__count(&calls->counters->bytes_sent, block->bytes);
    call_sending_block(call, stt__call_provider(calls, call)->wire, block);
    call->sent = command;

    grpc_op ops[2] = {
        {.op = GRPC_OP_SEND_MESSAGE, .data = {.send_message = {.send_message = call->sending}}},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT}};
    bool last = call->finishing && call->queue_first == NULL;
    if (last)
        stt__call_set_state(calls, call, STT_CALL_HALF_CLOSED);
    batch_start(call, STT_TAG_SEND, ops, last ? 2 : 1);
}

void stt__call_pump(struct stt_calls *calls, struct stt_call *call)
{
    if (call->state != STT_CALL_STREAMING || call->broken ||
        call->tags[STT_TAG_SEND - STT_CALL_TAG_FIRST].in_flight)
        return;
    if (call->queue_first != NULL) {
        call_start_send(calls, call);
    } else if (call->finishing) {
        grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
        stt__call_set_state(calls, call, STT_CALL_HALF_CLOSED);
        batch_start(call, STT_TAG_SEND, &op, 1);
    }
}

void stt__call_cancel(struct stt_call *call, grpc_status_code status, const char *details)
{
    if (call->state == STT_CALL_DONE)
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
    if (call->state == STT_CALL_OPENING) {
        stt_channel_accept(call->channel);
        call->accepted = true;
        stt__call_set_state(calls, call, STT_CALL_STREAMING);
    }
    stt__call_pump(calls, call);
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
    stt__count(&calls->counters->blocks_sent, 1);
    stt__event_emit(calls, sent, STT_EVENT_SENT);
    stt__call_pump(calls, call);
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
    int status = response_read(stt__call_provider(calls, call)->wire, call->received, &response);
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
        stt_guard_answer(stt__call_provider(calls, call));
    }
    command->event.at_us = at_us;
    command->event.response = response;
    stt__count(&calls->counters->responses, 1);
    stt__event_emit(calls, command, STT_EVENT_RESPONSE);
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
        stt__call_cancel(call, GRPC_STATUS_INTERNAL, status_text(status));
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
    case STT_TAG_STATUS: stt__call_set_state(calls, call, STT_CALL_DONE); break;
    case STT_TAG_WAKE:
    case STT_TAG_WATCH: assert(!"no batch of a call"); break;
    }
    if (call->moving && !call->tags[0].in_flight &&
        !call->tags[STT_TAG_RECV - STT_CALL_TAG_FIRST].in_flight)
        stt__call_reopen(calls, call);
    if (call->state == STT_CALL_DONE)
        stt__call_join(calls, call);
}
