/*
 * The simulated speech API on gRPC C core: its thread reads, the loop's thread hears and answers.
 *
 * Threads: engine_*() on the server's thread, everything else on the loop's. The server's thread
 * never waits for the loop, which may wait for it: audio is refused while the inbox is nearly full,
 * and what is left of the inbox holds the first and last words of every call. Memory: a call
 * belongs to the server's thread until its first message is sent, then to the loop until its last
 * one has come.
 */
#include "bench/sim_speech.h"

#include "base/mailbox.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "local/limits.h"
#include <assert.h>
#include <grpc/status.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define INBOX_MESSAGES 65536
#define NEVER_MS       (INT64_MAX / 1000)
/* An opening, a half-close and a close of every call, and the server's end. */
#define INBOX_RESERVED (3 * (LOCAL_SPEECH_CALLS_MAX + 1) + 1)

enum kind { CALL_OPENED, CALL_AUDIO, CALL_FINISHED, CALL_CLOSED, SERVER_STOPPED };

struct grpc_speech;

struct call_msg {
    struct msg msg;
    struct grpc_call *call;
};

struct grpc_call {
    struct sim_stream stream;
    struct grpc_speech *server;
    struct local_call *call;
    struct local_speech_config config;
    bool over; /* has its status, or never got so far */
    struct call_msg opened, finished, closed;
};

struct audio_msg {
    struct call_msg head;
    size_t bytes;
    uint8_t pcm[];
};

struct grpc_speech {
    struct sim_speech *speech;
    struct local_speech_server *server;
    struct loop_inbox inbox;
    struct call_msg stopped; /* of no call */
    pthread_t stopper;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

/* -- on the server's thread -- */

static void keep(struct msg *msg)
{
    (void)msg; /* part of its call */
}

static void audio_free(struct msg *msg)
{
    mem_free(msg);
}

static void post(struct grpc_call *call, struct msg *msg)
{
    int status = mailbox_send(call->server->inbox.mailbox, msg);
    assert(status == 0);
    (void)status;
}

static struct call_msg message(struct grpc_call *call, enum kind kind)
{
    return (struct call_msg){.msg = {.kind = kind, .free_fn = keep}, .call = call};
}

static int engine_open(void *ctx, struct local_call *call, const struct local_speech_config *config,
                       void **handle, struct local_refusal *refusal)
{
    struct grpc_call *own = mem_calloc(1, sizeof *own);
    if (own == NULL) {
        refusal->code = GRPC_STATUS_INTERNAL;
        snprintf(refusal->text, sizeof refusal->text, "Out of memory.");
        return STATUS_NOMEM;
    }
    own->server = ctx;
    own->call = call;
    own->config = *config;
    own->opened = message(own, CALL_OPENED);
    own->finished = message(own, CALL_FINISHED);
    own->closed = message(own, CALL_CLOSED);
    *handle = own;
    post(own, &own->opened.msg);
    return 0;
}

static void engine_audio(void *handle, const void *audio, size_t bytes)
{
    struct grpc_call *call = handle;
    struct audio_msg *msg = NULL;
    if (mailbox_len(call->server->inbox.mailbox) < INBOX_MESSAGES - INBOX_RESERVED)
        msg = mem_alloc(sizeof *msg + bytes);
    if (msg == NULL) {
        local_call_end(call->call, GRPC_STATUS_RESOURCE_EXHAUSTED, "The simulator is behind.");
        return;
    }
    msg->head = message(call, CALL_AUDIO);
    msg->head.msg.free_fn = audio_free;
    msg->bytes = bytes;
    memcpy(msg->pcm, audio, bytes);
    post(call, &msg->head.msg);
}

static void engine_finish(void *handle)
{
    struct grpc_call *call = handle;
    post(call, &call->finished.msg);
}

static void engine_close(void *handle)
{
    struct grpc_call *call = handle;
    post(call, &call->closed.msg);
}

static const struct local_speech_engine_ops engine = {
    .open = engine_open, .audio = engine_audio, .finish = engine_finish, .close = engine_close};

/* -- on the loop's -- */

static void on_audio(struct grpc_call *call, struct audio_msg *msg)
{
    if (!call->over)
        sim_stream_audio(&call->stream, msg->pcm, msg->bytes);
    local_call_consumed(call->call, msg->bytes);
    mem_free(msg);
}

static void on_close(struct grpc_call *call)
{
    if (!call->over)
        sim_stream_gone(&call->stream);
    local_call_release(call->call);
    mem_free(call);
}

static void on_stopped(struct grpc_speech *server)
{
    void (*on_closed)(void *) = server->on_closed;
    void *closed_ctx = server->closed_ctx;
    pthread_join(server->stopper, NULL);
    loop_inbox_close(&server->inbox);
    mem_free(server);
    on_closed(closed_ctx);
}

static void on_msg(struct loop_inbox *inbox, struct msg *msg)
{
    struct grpc_speech *server =
        (struct grpc_speech *)((char *)inbox - offsetof(struct grpc_speech, inbox));
    struct grpc_call *call = ((struct call_msg *)msg)->call;
    switch ((enum kind)msg->kind) {
    case CALL_OPENED:
        sim_stream_open(&call->stream, server->speech);
        sim_stream_config(&call->stream, &call->config);
        break;
    case CALL_AUDIO: on_audio(call, (struct audio_msg *)msg); break;
    case CALL_FINISHED:
        if (!call->over)
            sim_stream_finish(&call->stream);
        break;
    case CALL_CLOSED: on_close(call); break;
    case SERVER_STOPPED: on_stopped(server); break;
    }
}

static void respond(struct sim_stream *stream, const struct local_speech_response *response)
{
    bool final = false;
    for (size_t i = 0; i < response->results_len; i++)
        final = final || response->results[i].final;
    bool droppable = response->results_len > 0 && !final;
    local_call_respond(((struct grpc_call *)stream)->call, response, droppable);
}

/* The server answers with its close(), which frees the call. */
static void end(struct sim_stream *stream, int code, const char *text)
{
    struct grpc_call *call = (struct grpc_call *)stream;
    call->over = true;
    local_call_end(call->call, code, text);
}

/* -- the server -- */

static int open_grpc(struct sim_speech *speech)
{
    struct grpc_speech *server = mem_calloc(1, sizeof *server);
    if (server == NULL)
        return STATUS_NOMEM;
    server->speech = speech;
    int status = loop_inbox_open(speech->loop, &server->inbox, INBOX_MESSAGES, on_msg);
    if (status != 0) {
        mem_free(server);
        return status;
    }
    struct local_speech_server_config config = speech->check;
    config.host = "127.0.0.1";
    config.port = (uint16_t)speech->config->speech_port;
    config.streams_max = (unsigned)speech->config->speech_streams_max;
    config.stream_limit_ms = config.audio_timeout_ms = NEVER_MS; /* ours to tell */
    config.connection_age_ms = sim_speech_age_s(speech) * 1000;
    config.engine = &engine;
    config.engine_ctx = server;
    status = local_speech_server_start(&server->server, &config);
    if (status != 0) {
        loop_inbox_close(&server->inbox);
        mem_free(server);
        return status;
    }
    speech->server = server;
    return 0;
}

static unsigned port(const struct sim_speech *speech)
{
    return local_speech_server_port(((const struct grpc_speech *)speech->server)->server);
}

/* Waits until the loop has released every call, so it cannot wait there itself. */
static void *stop(void *ctx)
{
    struct grpc_speech *server = ctx;
    local_speech_server_stop(server->server);
    int status = mailbox_send(server->inbox.mailbox, &server->stopped.msg);
    assert(status == 0);
    (void)status;
    return NULL;
}

static void close_grpc(struct sim_speech *speech, void (*on_closed)(void *ctx), void *ctx)
{
    struct grpc_speech *server = speech->server;
    server->on_closed = on_closed;
    server->closed_ctx = ctx;
    server->stopped = message(NULL, SERVER_STOPPED);
    int status = thread_start(&server->stopper, "stop", stop, server);
    assert(status == 0);
    (void)status;
}

const struct sim_wire sim_wire_grpc = {
    .open = open_grpc, .port = port, .close = close_grpc, .respond = respond, .end = end};
