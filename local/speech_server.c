/* The thread that sits in grpc_completion_queue_next: accepting, the engine's news, ages, the stop.
 */
#include "local/speech_server.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "local/speech_internal.h"
#include <assert.h>
#include <grpc/byte_buffer.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define CHECK_US   50000   /* between looks at ages and silences */
#define IDLE_US    1000000 /* … when there are no calls */
#define NEWS_BATCH 64      /* engine messages handled between two events */

/* The server whose thread this is. */
static _Thread_local const struct local_speech_server *current;

static void server_wake(void *ctx)
{
    struct local_speech_server *server = ctx;
    grpc_call_error error = grpc_call_start_batch(server->wake, NULL, 0, &server->wake_tag, NULL);
    assert(error == GRPC_CALL_OK);
    (void)error;
}

static void server_link(struct local_speech_server *server, struct local_call *call)
{
    call->next = server->calls;
    if (call->next != NULL)
        call->next->prev = call;
    server->calls = call;
    atomic_fetch_add_explicit(&server->open, 1, memory_order_relaxed);
}

void server__unlink(struct local_speech_server *server, struct local_call *call)
{
    if (call->prev != NULL)
        call->prev->next = call->next;
    else
        server->calls = call->next;
    if (call->next != NULL)
        call->next->prev = call->prev;
    atomic_fetch_sub_explicit(&server->open, 1, memory_order_relaxed);
}

/* Asks gRPC for the next call. Without memory nothing is asked; the next look tries again. */
static void server_accept(struct local_speech_server *server)
{
    if (server->accepting != NULL || server->cancelled)
        return;
    struct local_call *call = call__create(server);
    if (call == NULL)
        return;
    grpc_call_error error =
        grpc_server_request_call(server->server, &call->call, &call->details, &call->metadata,
                                 server->queue, server->queue, &call->accept_tag);
    assert(error == GRPC_CALL_OK);
    (void)error;
    call->in_flight++;
    server->accepting = call;
    server_link(server, call);
}

static void server_on_accept(struct local_speech_server *server, struct local_call *call, bool ok)
{
    assert(server->accepting == call);
    server->accepting = NULL;
    call->in_flight--;
    if (!ok) {
        call__abandon(call);
        return;
    }
    call__begin(call, clock_mono_us());
    unsigned open = atomic_load_explicit(&server->open, memory_order_relaxed);
    if (server->cancelled)
        grpc_call_cancel(call->call, NULL);
    else if (open > LOCAL_SPEECH_CALLS_MAX)
        call__end(call, GRPC_STATUS_RESOURCE_EXHAUSTED, "Too many open streams on this server.");
    server_accept(server);
}

static void server_check(struct local_speech_server *server, int64_t now_us)
{
    if (now_us < server->next_check_us)
        return;
    server->next_check_us = now_us + CHECK_US;
    server_accept(server);
    struct local_call *next;
    for (struct local_call *call = server->calls; call != NULL; call = next) {
        next = call->next;
        call__check(call, now_us);
    }
}

/* True when there may be more. */
static bool server_news(struct local_speech_server *server)
{
    for (int i = 0; i < NEWS_BATCH; i++) {
        struct news *news = server->own_first;
        if (news != NULL)
            server->own_first = news->next;
        else
            news = (struct news *)mailbox_recv(server->news);
        if (news == NULL)
            return false;
        call__on_news(news);
    }
    return true;
}

static void server_cancel_all(struct local_speech_server *server)
{
    if (server->cancelled)
        return;
    server->cancelled = true;
    grpc_server_shutdown_and_notify(server->server, server->queue, &server->shutdown_tag);
    grpc_server_cancel_all_calls(server->server);
}

static void server_on_event(struct local_speech_server *server, const grpc_event *event)
{
    struct call_tag *tag = event->tag;
    assert(event->type == GRPC_OP_COMPLETE);
    if (tag->op == OP_SHUTDOWN)
        server->shut_down = true;
    else if (tag->op == OP_ACCEPT)
        server_on_accept(server, tag->call, event->success != 0);
    else if (tag->op != OP_WAKE)
        call__on_op(tag->call, tag->op, event->success != 0);
}

static void *server_run(void *ctx)
{
    struct local_speech_server *server = ctx;
    current = server;
    while (!server->shut_down || server->calls != NULL) {
        bool more = server_news(server);
        if (atomic_load_explicit(&server->stopping, memory_order_relaxed))
            server_cancel_all(server);
        server_check(server, clock_mono_us());
        more = more || server->own_first != NULL || !mailbox_park(server->news);
        int64_t sleep_us = local_speech_server_calls(server) > 0 ? CHECK_US : IDLE_US;
        gpr_timespec wait = gpr_time_from_micros(more ? 0 : sleep_us, GPR_TIMESPAN);
        gpr_timespec until = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), wait);
        grpc_event event = grpc_completion_queue_next(server->queue, until, NULL);
        if (event.type != GRPC_QUEUE_TIMEOUT)
            server_on_event(server, &event);
    }
    return NULL;
}

/* Takes `news`. Decoder threads may wait for room: the server's thread never waits for them. */
static void server_post(struct local_speech_server *server, struct news *news)
{
    if (current == server) {
        news->next = NULL;
        if (server->own_first == NULL)
            server->own_first = news;
        else
            server->own_last->next = news;
        server->own_last = news;
        return;
    }
    atomic_fetch_add_explicit(&server->posting, 1, memory_order_relaxed);
    while (mailbox_send(server->news, &news->msg) != 0)
        sched_yield();
    /* A loop's thread may owe the wake still; afterwards the server may be gone. */
    mailbox_wake_deferred();
    atomic_fetch_sub_explicit(&server->posting, 1, memory_order_release);
}

static void news_free(struct msg *msg)
{
    struct news *news = (struct news *)msg;
    if (news->response != NULL) {
        grpc_byte_buffer_destroy(news->response->message);
        mem_free(news->response);
    }
    mem_free(news);
}

static struct news *news_create(struct local_call *call, enum news_kind kind)
{
    struct news *news = mem_calloc(1, sizeof *news);
    if (news != NULL) {
        news->msg = (struct msg){.kind = kind, .free_fn = news_free};
        news->call = call;
    }
    return news;
}

/* The encoded message in gRPC's own memory. STATUS_NOMEM also when it is too long; STATUS_CLOSED:
 * the wire has no words for it. */
static int response_create(const struct local_speech_wire *wire,
                           const struct local_speech_response *response, struct response **out)
{
    struct response *made = NULL;
    struct buf buf;
    buf_init(&buf, LOCAL_SPEECH_RESPONSE_BYTES_MAX);
    int status = wire->write(response, &buf);
    if (status == 0 && buf.len == 0)
        status = STATUS_CLOSED;
    if (status == 0 && (made = mem_calloc(1, sizeof *made)) == NULL)
        status = STATUS_NOMEM;
    if (status == 0) {
        grpc_slice slice = grpc_slice_from_copied_buffer(buf.data, buf.len);
        made->message = grpc_raw_byte_buffer_create(&slice, 1);
        grpc_slice_unref(slice);
        *out = made;
    }
    buf_deinit(&buf);
    return status;
}

void local_call_respond(struct local_call *call, const struct local_speech_response *response,
                        bool droppable)
{
    struct news *news = news_create(call, NEWS_RESPONSE);
    int status =
        news != NULL ? response_create(call->wire, response, &news->response) : STATUS_NOMEM;
    if (status != 0) {
        mem_free(news);
        if (status != STATUS_CLOSED && !droppable)
            local_call_end(call, GRPC_STATUS_INTERNAL, "A result could not be sent.");
        return;
    }
    news->droppable = droppable;
    server_post(call->server, news);
}

void local_call_end(struct local_call *call, int code, const char *text)
{
    if (atomic_exchange_explicit(&call->end_posted, true, memory_order_relaxed))
        return;
    call->end_news.code = code;
    snprintf(call->end_news.text, sizeof call->end_news.text, "%s", text);
    server_post(call->server, &call->end_news);
}

void local_call_consumed(struct local_call *call, size_t bytes)
{
    struct news *news = news_create(call, NEWS_CONSUMED);
    if (news == NULL) {
        local_call_end(call, GRPC_STATUS_INTERNAL, "Out of memory.");
        return;
    }
    news->bytes = bytes;
    server_post(call->server, news);
}

void local_call_release(struct local_call *call)
{
    server_post(call->server, &call->release_news);
}

uint64_t local_call_id(const struct local_call *call)
{
    return call->id;
}

static int server_listen(struct local_speech_server *server)
{
    grpc_arg args[] = {
        /* Two servers on one port would share its connections silently. */
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_ALLOW_REUSEPORT, .value.integer = 0},
        {.type = GRPC_ARG_INTEGER,
         .key = GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
         .value.integer = LOCAL_SPEECH_MESSAGE_BYTES_MAX},
        {.type = GRPC_ARG_INTEGER,
         .key = GRPC_ARG_MAX_CONCURRENT_STREAMS,
         .value.integer = (int)server->config.streams_max},
        {.type = GRPC_ARG_INTEGER,
         .key = GRPC_ARG_MAX_CONNECTION_AGE_MS,
         .value.integer = server->config.connection_age_ms > 0
                              ? (int)server->config.connection_age_ms
                              : INT_MAX},
        /* What a peer may send ahead of our reading; left to probing, loopback grows it to
           megabytes a stream. */
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_HTTP2_BDP_PROBE, .value.integer = 0},
        {.type = GRPC_ARG_INTEGER,
         .key = GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
         .value.integer = LOCAL_SPEECH_AHEAD_BYTES},
        {.type = GRPC_ARG_INTEGER,
         .key = GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
         .value.integer = 10000},
    };
    grpc_channel_args channel_args = {.num_args = sizeof args / sizeof args[0], .args = args};
    char address[96];
    const char *host = server->config.host;
    bool v6 = strchr(host, ':') != NULL;
    snprintf(address, sizeof address, v6 ? "[%s]:%u" : "%s:%u", host, server->config.port);
    server->server = grpc_server_create(&channel_args, NULL);
    grpc_server_register_completion_queue(server->server, server->queue, NULL);
    grpc_server_credentials *plain = grpc_insecure_server_credentials_create();
    int port = grpc_server_add_http2_port(server->server, address, plain);
    grpc_server_credentials_release(plain);
    server->port = (uint16_t)port;
    return port > 0 ? 0 : STATUS_IO;
}

/* Everything of gRPC's, in the order it wants. */
static void server_free(struct local_speech_server *server)
{
    if (server->server != NULL)
        grpc_server_destroy(server->server);
    grpc_call_unref(server->wake);
    grpc_channel_destroy(server->lame);
    grpc_completion_queue_shutdown(server->queue);
    grpc_event event;
    do {
        event = grpc_completion_queue_next(server->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    } while (event.type != GRPC_QUEUE_SHUTDOWN);
    grpc_completion_queue_destroy(server->queue);
    mailbox_destroy(server->news);
    mem_free(server);
    grpc_shutdown();
}

/* A server that never ran still wants its shutdown before it can be destroyed. */
static void server_abandon(struct local_speech_server *server)
{
    grpc_server_shutdown_and_notify(server->server, server->queue, &server->shutdown_tag);
    grpc_completion_queue_next(server->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    server_free(server);
}

static struct local_speech_server *server_create(const struct local_speech_server_config *config)
{
    struct local_speech_server *server = mem_calloc(1, sizeof *server);
    if (server == NULL)
        return NULL;
    server->news = mailbox_create(LOCAL_SPEECH_NEWS, server_wake, server);
    if (server->news == NULL) {
        mem_free(server);
        return NULL;
    }
    server->config = *config;
    if (server->config.stream_limit_ms == 0)
        server->config.stream_limit_ms = (int64_t)LOCAL_SPEECH_STREAM_S * 1000;
    if (server->config.audio_timeout_ms == 0)
        server->config.audio_timeout_ms = LOCAL_SPEECH_AUDIO_TIMEOUT_MS;
    if (server->config.streams_max == 0)
        server->config.streams_max = LOCAL_SPEECH_CALL_STREAMS;
    server->wake_tag = (struct call_tag){OP_WAKE, NULL};
    server->shutdown_tag = (struct call_tag){OP_SHUTDOWN, NULL};
    grpc_init();
    server->queue = grpc_completion_queue_create_for_next(NULL);
    server->lame = grpc_lame_client_channel_create(NULL, GRPC_STATUS_UNAVAILABLE, "wakes only");
    server->wake = grpc_channel_create_call(server->lame, NULL, GRPC_PROPAGATE_DEFAULTS,
                                            server->queue, grpc_slice_from_static_string("/wake"),
                                            NULL, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    return server;
}

int local_speech_server_start(struct local_speech_server **out,
                              const struct local_speech_server_config *config)
{
    assert(config->host != NULL && config->engine != NULL);
    struct local_speech_server *server = server_create(config);
    if (server == NULL)
        return STATUS_NOMEM;
    int status = server_listen(server);
    if (status != 0) {
        server_abandon(server);
        return status;
    }
    grpc_server_start(server->server);
    server_accept(server);
    status = thread_start(&server->thread, "speech", server_run, server);
    assert(status == 0);
    *out = server;
    return 0;
}

uint16_t local_speech_server_port(const struct local_speech_server *server)
{
    return server->port;
}

unsigned local_speech_server_calls(const struct local_speech_server *server)
{
    unsigned open = atomic_load_explicit(&server->open, memory_order_relaxed);
    return open > 0 ? open - 1 : 0; /* one waits to be accepted */
}

void local_speech_server_stop(struct local_speech_server *server)
{
    atomic_store_explicit(&server->stopping, true, memory_order_relaxed);
    server_wake(server);
    pthread_join(server->thread, NULL);
    while (atomic_load_explicit(&server->posting, memory_order_acquire) > 0)
        sched_yield();
    server_free(server);
}
