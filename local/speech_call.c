/*
 * One StreamingRecognize call: the order of its messages, its queues, its end. A call is over for
 * the peer once a status is decided; it is freed when gRPC has returned every batch and the engine
 * has released it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "local/speech_internal.h"
#include <assert.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const uint8_t call_edges[] = {
    [CALL_ACCEPTING] = 1 << CALL_CONFIG | 1 << CALL_OVER,
    [CALL_CONFIG] = 1 << CALL_AUDIO | 1 << CALL_ENDING | 1 << CALL_OVER,
    [CALL_AUDIO] = 1 << CALL_FINISHING | 1 << CALL_ENDING | 1 << CALL_OVER,
    [CALL_FINISHING] = 1 << CALL_ENDING | 1 << CALL_OVER,
    [CALL_ENDING] = 1 << CALL_OVER,
    [CALL_OVER] = 0,
};

static void call_set_state(struct local_call *call, enum call_state state)
{
    assert(call_edges[call->state] & 1 << state);
    call->state = state;
}

static void news_keep(struct msg *msg)
{
    (void)msg; /* part of the call */
}

struct local_call *call__create(struct local_speech_server *server)
{
    struct local_call *call = mem_calloc(1, sizeof *call);
    if (call == NULL)
        return NULL;
    call->server = server;
    call->id = ++server->next_id;
    call->accept_tag = (struct call_tag){OP_ACCEPT, call};
    call->metadata_tag = (struct call_tag){OP_METADATA, call};
    call->recv_tag = (struct call_tag){OP_RECV, call};
    call->send_tag = (struct call_tag){OP_SEND, call};
    call->status_tag = (struct call_tag){OP_STATUS, call};
    call->closed_tag = (struct call_tag){OP_CLOSED, call};
    call->end_news = (struct news){.msg = {.kind = NEWS_END, .free_fn = news_keep}, .call = call};
    call->release_news =
        (struct news){.msg = {.kind = NEWS_RELEASE, .free_fn = news_keep}, .call = call};
    grpc_call_details_init(&call->details);
    grpc_metadata_array_init(&call->metadata);
    return call;
}

static void response_free(struct response *response)
{
    grpc_byte_buffer_destroy(response->message);
    mem_free(response);
}

void call__abandon(struct local_call *call)
{
    call_set_state(call, CALL_OVER);
    call__settle(call);
}

void call__settle(struct local_call *call)
{
    if (call->state != CALL_OVER || call->in_flight > 0 || call->engine_has)
        return;
    server__unlink(call->server, call);
    for (struct response *next, *response = call->first; response != NULL; response = next) {
        next = response->next;
        response_free(response);
    }
    grpc_call_details_destroy(&call->details);
    grpc_metadata_array_destroy(&call->metadata);
    if (call->incoming != NULL)
        grpc_byte_buffer_destroy(call->incoming);
    if (call->call != NULL)
        grpc_call_unref(call->call);
    mem_free(call);
}

/* A batch of ours is always well formed and in turn, so a refusal is a programmer's error. */
static void call_batch(struct local_call *call, grpc_op *ops, size_t count, struct call_tag *tag)
{
    grpc_call_error error = grpc_call_start_batch(call->call, ops, count, tag, NULL);
    assert(error == GRPC_CALL_OK);
    (void)error;
    call->in_flight++;
}

static void call_receive(struct local_call *call)
{
    if (call->receiving || call->queued >= LOCAL_SPEECH_QUEUE_BYTES)
        return;
    if (call->state != CALL_CONFIG && call->state != CALL_AUDIO)
        return;
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
    op.data.recv_message.recv_message = &call->incoming;
    call->receiving = true;
    call_batch(call, &op, 1, &call->recv_tag);
}

static void call_send_status(struct local_call *call)
{
    grpc_slice text = grpc_slice_from_copied_string(call->end_text);
    grpc_op op = {.op = GRPC_OP_SEND_STATUS_FROM_SERVER};
    op.data.send_status_from_server.status = (grpc_status_code)call->end_code;
    op.data.send_status_from_server.status_details = &text;
    call_set_state(call, CALL_OVER);
    call->status_sent = true;
    call_batch(call, &op, 1, &call->status_tag);
    grpc_slice_unref(text);
}

/* The next queued response, or the status once there is none. */
static void call_send(struct local_call *call)
{
    if (call->sending || call->state == CALL_OVER)
        return;
    if (call->first == NULL) {
        if (call->state == CALL_ENDING)
            call_send_status(call);
        return;
    }
    grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
    op.data.send_message.send_message = call->first->message;
    call->sending = true;
    call_batch(call, &op, 1, &call->send_tag);
}

static void call_close_engine(struct local_call *call)
{
    void *handle = call->handle;
    call->handle = NULL;
    if (handle != NULL)
        call->server->config.engine->close(handle);
}

void call__end(struct local_call *call, int code, const char *text)
{
    if (call->state == CALL_ENDING || call->state == CALL_OVER)
        return;
    if (code != GRPC_STATUS_OK)
        LOG_INFO(LOG_LOCAL, call->id, "speech call ends", "code=%d text=%s", code, LOG_Q(text));
    call_set_state(call, CALL_ENDING);
    call->end_code = code;
    snprintf(call->end_text, sizeof call->end_text, "%s", text);
    call_close_engine(call);
    call_send(call);
}

static const struct local_speech_wire *wire_of(grpc_slice method)
{
    if (grpc_slice_str_cmp(method, local_speech_v1.method) == 0)
        return &local_speech_v1;
    return grpc_slice_str_cmp(method, local_speech_v2.method) == 0 ? &local_speech_v2 : NULL;
}

void call__begin(struct local_call *call, int64_t now_us)
{
    assert(call->state == CALL_ACCEPTING && call->call != NULL);
    call_set_state(call, CALL_CONFIG);
    call->started_us = call->audio_us = now_us;
    grpc_op closed = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
    closed.data.recv_close_on_server.cancelled = &call->cancelled;
    call_batch(call, &closed, 1, &call->closed_tag);
    grpc_op metadata = {.op = GRPC_OP_SEND_INITIAL_METADATA};
    call->sending = true;
    call_batch(call, &metadata, 1, &call->metadata_tag);
    call->wire = wire_of(call->details.method);
    if (call->wire == NULL)
        call__end(call, GRPC_STATUS_UNIMPLEMENTED,
                  "Only " LOCAL_SPEECH_METHOD " and " LOCAL_SPEECH_METHOD_V2 " are served here.");
    else
        call_receive(call);
}

static void call_on_config(struct local_call *call, const struct local_speech_config *config)
{
    struct local_speech_server *server = call->server;
    struct local_refusal refusal = {.code = GRPC_STATUS_INTERNAL};
    int status = local_speech_config_check(&server->config, config, &refusal);
    if (status == 0)
        status = server->config.engine->open(server->config.engine_ctx, call, config, &call->handle,
                                             &refusal);
    if (status != 0) {
        call->handle = NULL;
        call__end(call, refusal.code, refusal.text);
        return;
    }
    call->engine_has = true;
    call_set_state(call, CALL_AUDIO);
}

static void call_refuse(struct local_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void call_refuse(struct local_call *call, const char *format, ...)
{
    char text[LOCAL_SPEECH_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    call__end(call, GRPC_STATUS_INVALID_ARGUMENT, text);
}

static void call_on_audio(struct local_call *call, const uint8_t *audio, size_t bytes)
{
    call->audio_us = clock_mono_us();
    if (bytes > LOCAL_SPEECH_AUDIO_BYTES_MAX) {
        call_refuse(
            call,
            "Audio chunk can be of a maximum of %d bytes. Received audio of %zu bytes instead.",
            LOCAL_SPEECH_AUDIO_BYTES_MAX, bytes);
    } else if (bytes > 0) {
        call->queued += bytes;
        call->server->config.engine->audio(call->handle, audio, bytes);
    }
}

static void call_on_request(struct local_call *call, const struct local_speech_request *request)
{
    if (call->state == CALL_CONFIG && request->kind == LOCAL_REQUEST_CONFIG)
        call_on_config(call, &request->config);
    else if (call->state == CALL_CONFIG)
        call__end(
            call, GRPC_STATUS_INVALID_ARGUMENT,
            "Malformed orchestration: the first message must contain 'streaming_config', audio "
            "follows it.");
    else if (request->kind == LOCAL_REQUEST_AUDIO)
        call_on_audio(call, request->audio, request->audio_len);
    else if (request->kind == LOCAL_REQUEST_CONFIG)
        call__end(call, GRPC_STATUS_INVALID_ARGUMENT,
                  "Malformed orchestration: 'streaming_config' may be sent only once, in the first "
                  "message.");
    else
        call_refuse(call, "Malformed request: neither 'streaming_config' nor '%s' is set.",
                    call->wire->audio);
}

static void call_on_half_close(struct local_call *call)
{
    if (call->state == CALL_CONFIG) {
        call__end(call, GRPC_STATUS_INVALID_ARGUMENT,
                  "Malformed request: the stream ended before 'streaming_config' was received.");
        return;
    }
    call_set_state(call, CALL_FINISHING);
    call->server->config.engine->finish(call->handle);
}

/* The message as one piece; NULL slices cannot come, an empty message is an empty slice. */
static void call_on_message(struct local_call *call, grpc_byte_buffer *incoming)
{
    grpc_byte_buffer_reader reader;
    struct local_speech_request request;
    if (!grpc_byte_buffer_reader_init(&reader, incoming)) {
        call__end(call, GRPC_STATUS_INTERNAL, "The message could not be decompressed.");
        return;
    }
    grpc_slice slice = grpc_byte_buffer_reader_readall(&reader);
    int status = call->wire->read(GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice), &request);
    if (status == 0)
        call_on_request(call, &request);
    else
        call_refuse(call, "Malformed request: not a StreamingRecognizeRequest of %s.",
                    call->wire->package);
    grpc_slice_unref(slice);
    grpc_byte_buffer_reader_destroy(&reader);
}

static void call_on_recv(struct local_call *call, bool ok)
{
    grpc_byte_buffer *incoming = call->incoming;
    call->receiving = false;
    call->incoming = NULL;
    bool reading = call->state == CALL_CONFIG || call->state == CALL_AUDIO;
    if (reading && ok && incoming != NULL)
        call_on_message(call, incoming);
    else if (reading && ok && !call->closed_seen)
        call_on_half_close(call);
    if (incoming != NULL)
        grpc_byte_buffer_destroy(incoming);
    call_receive(call);
}

static void call_on_metadata(struct local_call *call, bool ok)
{
    call->sending = false;
    if (ok)
        call_send(call);
}

static void call_on_sent(struct local_call *call, bool ok)
{
    struct response *sent = call->first;
    assert(call->sending && sent != NULL && call->responses > 0);
    call->sending = false;
    call->first = sent->next;
    call->responses--;
    response_free(sent);
    if (ok)
        call_send(call);
}

/* The transport is done with the call: its peer is gone, or has our status. */
static void call_on_closed(struct local_call *call)
{
    call->closed_seen = true;
    if (call->state == CALL_OVER)
        return;
    call_set_state(call, CALL_OVER);
    call_close_engine(call);
}

void call__on_op(struct local_call *call, enum call_op op, bool ok)
{
    assert(call->in_flight > 0);
    call->in_flight--;
    switch (op) {
    case OP_METADATA: call_on_metadata(call, ok); break;
    case OP_RECV: call_on_recv(call, ok); break;
    case OP_SEND: call_on_sent(call, ok); break;
    case OP_CLOSED: call_on_closed(call); break;
    case OP_STATUS: break;
    case OP_ACCEPT:
    case OP_WAKE:
    case OP_SHUTDOWN: assert(!"not a call's"); break;
    }
    call__settle(call);
}

/* Takes `response`. A reader that is behind loses interim results first, then the call. */
static void call_queue(struct local_call *call, struct response *response, bool droppable)
{
    bool over = call->state == CALL_ENDING || call->state == CALL_OVER;
    if (over || (droppable && call->responses >= LOCAL_SPEECH_RESPONSES_SOFT)) {
        response_free(response);
        return;
    }
    if (call->responses >= LOCAL_SPEECH_RESPONSES_MAX) {
        response_free(response);
        call__end(call, GRPC_STATUS_RESOURCE_EXHAUSTED, "Responses are not being read.");
        return;
    }
    response->next = NULL;
    struct response **last = &call->first;
    while (*last != NULL)
        last = &(*last)->next;
    *last = response;
    call->responses++;
    call_send(call);
}

static void call_on_consumed(struct local_call *call, size_t bytes)
{
    assert(bytes <= call->queued);
    call->queued -= bytes;
    /* A stream we would not read from was not silent. */
    if (!call->receiving)
        call->audio_us = clock_mono_us();
    call_receive(call);
}

void call__on_news(struct news *news)
{
    struct local_call *call = news->call;
    switch ((enum news_kind)news->msg.kind) {
    case NEWS_RESPONSE:
        call_queue(call, news->response, news->droppable);
        mem_free(news);
        break;
    case NEWS_CONSUMED:
        call_on_consumed(call, news->bytes);
        mem_free(news);
        break;
    case NEWS_END: call__end(call, news->code, news->text); break;
    case NEWS_RELEASE:
        assert(call->handle == NULL && call->engine_has);
        call->engine_has = false;
        call__settle(call);
        break;
    }
}

void call__check(struct local_call *call, int64_t now_us)
{
    const struct local_speech_server_config *config = &call->server->config;
    char text[LOCAL_SPEECH_TEXT_BYTES];
    if (call->state != CALL_CONFIG && call->state != CALL_AUDIO && call->state != CALL_FINISHING)
        return;
    if (now_us - call->started_us >= config->stream_limit_ms * 1000) {
        call->wire->too_old(config->stream_limit_ms, text, sizeof text);
        call__end(call, call->wire->too_old_code, text);
    } else if (call->receiving && now_us - call->audio_us >= config->audio_timeout_ms * 1000) {
        call__end(call, call->wire->idle_code, call->wire->idle);
    }
}
