#include "tests/upstream/speech_server.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "tests/upstream/speech_wire.h"
#include <arpa/inet.h>
#include <assert.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define METHOD          "/google.cloud.speech.v1.Speech/StreamingRecognize"
#define ACCEPTS         16 /* calls asked for in advance */
#define METADATA_MAX    8
#define DESCRIPTORS_MAX 4096

enum tag_kind { TAG_ACCEPT, TAG_RECV, TAG_SEND, TAG_CLOSE, TAG_SHUTDOWN };

struct tag {
    enum tag_kind kind;
    void *owner;
};

/* A response on its way out, or a call's end. */
struct answer {
    struct answer *next, *prev; /* in its list of times */
    struct answer *out_next;    /* in its call's outbox */
    struct call *call;
    int64_t due_us;
    struct buf bytes;
    bool ends;
    int status;
    const char *text;
};

struct answers {
    struct answer *first, *last; /* by due_us */
};

struct call {
    struct speech_server *server;
    struct speech_server_config script;
    grpc_call *grpc;
    unsigned refs; /* batches in flight and answers under way */
    struct tag recv_tag, send_tag, close_tag;
    grpc_byte_buffer *received;
    grpc_byte_buffer *sending;
    int cancelled;
    bool over;  /* the end is queued, or the peer is gone */
    bool ended; /* the end is with gRPC */
    bool sending_now;
    struct answer *outbox_first, *outbox_last;
    struct answer *limit;

    struct speech_request config;
    uint64_t audio_bytes;
    unsigned audio_messages;
    uint32_t final_ms; /* end of the last final */
    size_t next_word;
};

struct accept_slot {
    struct tag tag;
    grpc_call *grpc;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
};

struct metadata_copy {
    char key[64], value[256];
};

struct speech_server {
    grpc_server *grpc;
    grpc_completion_queue *queue;
    void *method;
    uint16_t port;
    pthread_t thread;
    struct tag shutdown_tag;
    bool stopping, accepting_down;
    unsigned accepts;
    struct accept_slot slots[ACCEPTS];
    struct answers due, limits;

    pthread_mutex_t lock; /* of what follows */
    struct speech_server_config script;
    struct speech_server_stats stats;
    uint8_t request[65536];
    size_t request_len;
    struct metadata_copy metadata[METADATA_MAX];
    size_t metadata_len;
};

/* Answers. */

static void answers_add(struct answers *list, struct answer *answer)
{
    struct answer *after = list->last;
    while (after != NULL && after->due_us > answer->due_us)
        after = after->prev;
    answer->prev = after;
    answer->next = after != NULL ? after->next : list->first;
    *(after != NULL ? &after->next : &list->first) = answer;
    *(answer->next != NULL ? &answer->next->prev : &list->last) = answer;
}

static void answers_remove(struct answers *list, struct answer *answer)
{
    *(answer->prev != NULL ? &answer->prev->next : &list->first) = answer->next;
    *(answer->next != NULL ? &answer->next->prev : &list->last) = answer->prev;
}

static struct answer *answer_create(struct call *call, uint32_t in_ms)
{
    struct answer *answer = mem_calloc(1, sizeof *answer);
    assert(answer != NULL);
    answer->call = call;
    answer->due_us = clock_mono_us() + in_ms * INT64_C(1000);
    buf_init(&answer->bytes, 1 << 20);
    call->refs++;
    return answer;
}

static void call_unref(struct call *call)
{
    assert(call->refs > 0);
    if (--call->refs > 0)
        return;
    pthread_mutex_lock(&call->server->lock);
    call->server->stats.calls_open--;
    pthread_mutex_unlock(&call->server->lock);
    grpc_call_unref(call->grpc);
    mem_free(call);
}

static void answer_free(struct answer *answer)
{
    struct call *call = answer->call;
    buf_deinit(&answer->bytes);
    mem_free(answer);
    call_unref(call);
}

static void call_limit_drop(struct call *call)
{
    struct answer *limit = call->limit;
    if (limit == NULL)
        return;
    call->limit = NULL;
    answers_remove(&call->server->limits, limit);
    answer_free(limit);
}

/* Batches. */

static void call_start(struct call *call, struct tag *tag, const grpc_op *ops, size_t len)
{
    call->refs++;
    grpc_call_error error = grpc_call_start_batch(call->grpc, ops, len, tag, NULL);
    assert(error == GRPC_CALL_OK);
}

static void call_recv(struct call *call)
{
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE,
                  .data = {.recv_message = {.recv_message = &call->received}}};
    call_start(call, &call->recv_tag, &op, 1);
}

static void call_send_end(struct call *call, const struct answer *answer)
{
    grpc_slice text = grpc_slice_from_copied_string(answer->text != NULL ? answer->text : "");
    grpc_metadata trailer = {.key = grpc_slice_from_static_string("grpc-status-details-bin")};
    bool detailed = answer->status != 0 && call->script.status_details != NULL;
    if (detailed)
        trailer.value = grpc_slice_from_static_buffer(call->script.status_details,
                                                      call->script.status_details_len);
    grpc_op op = {.op = GRPC_OP_SEND_STATUS_FROM_SERVER,
                  .data = {.send_status_from_server = {.trailing_metadata_count = detailed,
                                                       .trailing_metadata = &trailer,
                                                       .status = (grpc_status_code)answer->status,
                                                       .status_details = &text}}};
    call->ended = true;
    call_start(call, &call->send_tag, &op, 1);
    grpc_slice_unref(text);
}

static void call_send_bytes(struct call *call, const struct answer *answer)
{
    grpc_slice slice = grpc_slice_from_copied_buffer(answer->bytes.data, answer->bytes.len);
    call->sending = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    grpc_op op = {.op = GRPC_OP_SEND_MESSAGE,
                  .data = {.send_message = {.send_message = call->sending}}};
    call_start(call, &call->send_tag, &op, 1);
}

static void call_pump(struct call *call)
{
    struct answer *answer = call->outbox_first;
    if (answer == NULL || call->sending_now || call->ended)
        return;
    call->outbox_first = answer->out_next;
    call->sending_now = true;
    if (answer->ends)
        call_send_end(call, answer);
    else
        call_send_bytes(call, answer);
    answer_free(answer);
}

static void answer_is_due(struct answer *answer)
{
    struct call *call = answer->call;
    if (call->cancelled || call->ended) {
        answer_free(answer);
        return;
    }
    answer->out_next = NULL;
    if (call->outbox_first != NULL)
        call->outbox_last->out_next = answer;
    else
        call->outbox_first = answer;
    call->outbox_last = answer;
    call_pump(call);
}

/* What is said. */

static void call_end(struct call *call, uint32_t in_ms, int status, const char *text)
{
    if (call->over)
        return;
    call->over = true;
    struct answer *answer = answer_create(call, in_ms);
    answer->ends = true;
    answer->status = status;
    answer->text = text;
    answers_add(&call->server->due, answer);
}

static uint32_t call_audio_ms(const struct call *call)
{
    return (uint32_t)(call->audio_bytes * 1000 / (2 * (uint64_t)call->config.rate));
}

static void call_answer(struct call *call, bool final, uint32_t in_ms)
{
    struct speech_words words = {call->script.words, call->script.ms_per_word};
    uint32_t audio_ms = call_audio_ms(call);
    struct speech_result result = {.first = call->next_word,
                                   .end = (audio_ms + words.ms_per_word - 1) / words.ms_per_word,
                                   .end_ms = audio_ms,
                                   .final = final,
                                   .times = call->config.word_offsets};
    if (result.first >= result.end)
        return;
    struct answer *answer = answer_create(call, in_ms);
    if (call->script.malformed)
        buf_append(&answer->bytes, "\x12\x7f", 2);
    else
        speech_response_write(&answer->bytes, &words, &result);
    answers_add(&call->server->due, answer);
    if (final) {
        call->final_ms = audio_ms;
        call->next_word = result.end;
    }
}

static void call_fail(struct call *call)
{
    const char *text = call->script.fail_status == GRPC_STATUS_OUT_OF_RANGE
                           ? "Exceeded maximum allowed stream duration of 305 seconds."
                           : "scripted failure";
    if (call->script.drop_connection) {
        speech_server_drop(call->server);
        return;
    }
    if (call->script.fail_in_response) {
        struct answer *answer = answer_create(call, 0);
        speech_error_write(&answer->bytes, call->script.fail_status, text);
        answers_add(&call->server->due, answer);
    }
    call_end(call, 0, call->script.fail_in_response ? 0 : call->script.fail_status, text);
}

static void call_on_audio(struct call *call, size_t bytes)
{
    const struct speech_server_config *script = &call->script;
    call->audio_bytes += bytes;
    call->audio_messages++;
    if (script->mute || call->over)
        return;
    uint32_t audio_ms = call_audio_ms(call);
    bool fails =
        (script->fail_after_ms > 0 && audio_ms >= script->fail_after_ms) ||
        (script->fail_after_messages > 0 && call->audio_messages >= script->fail_after_messages);
    bool final = audio_ms - call->final_ms >= script->final_every_ms;
    if (fails)
        call_fail(call);
    else if (final || call->config.interim_results)
        call_answer(call, final, script->latency_ms);
}

static void call_on_request(struct call *call, const uint8_t *bytes, size_t len)
{
    struct speech_server *server = call->server;
    struct speech_request request;
    bool first = call->config.rate == 0;
    bool ok = speech_request_read(bytes, len, &request) && request.is_config == first &&
              request.audio_bytes <= 25600;
    pthread_mutex_lock(&server->lock);
    server->stats.messages++;
    server->stats.audio_bytes += ok ? request.audio_bytes : 0;
    server->stats.protocol_errors += !ok;
    if (ok && first && len <= sizeof server->request) {
        memcpy(server->request, bytes, len);
        server->request_len = len;
    }
    pthread_mutex_unlock(&server->lock);
    if (!ok)
        call_end(call, 0, GRPC_STATUS_INVALID_ARGUMENT, "Invalid request.");
    else if (first)
        call->config = request;
    else
        call_on_audio(call, request.audio_bytes);
}

static void call_on_half_close(struct call *call)
{
    if (call->cancelled || call->script.mute)
        return;
    pthread_mutex_lock(&call->server->lock);
    call->server->stats.half_closes++;
    pthread_mutex_unlock(&call->server->lock);
    uint32_t in_ms = call->script.latency_ms + call->script.late_final_ms;
    if (!call->over && call->config.rate > 0)
        call_answer(call, true, in_ms);
    call_end(call, in_ms, 0, "");
}

/* Events. */

static void on_recv(struct call *call)
{
    if (call->received == NULL) {
        call_on_half_close(call);
        return;
    }
    grpc_byte_buffer_reader reader;
    grpc_byte_buffer_reader_init(&reader, call->received);
    grpc_slice slice = grpc_byte_buffer_reader_readall(&reader);
    call_on_request(call, GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
    grpc_slice_unref(slice);
    grpc_byte_buffer_reader_destroy(&reader);
    grpc_byte_buffer_destroy(call->received);
    call->received = NULL;
    if (!call->script.deaf)
        call_recv(call);
}

static void on_send(struct call *call)
{
    if (call->sending != NULL)
        grpc_byte_buffer_destroy(call->sending);
    call->sending = NULL;
    call->sending_now = false;
    call_pump(call);
}

/* The peer has its status, or is gone. */
static void on_close(struct call *call)
{
    call->over = true;
    call->ended = true;
    call_limit_drop(call);
    while (call->outbox_first != NULL) {
        struct answer *next = call->outbox_first->out_next;
        answer_free(call->outbox_first);
        call->outbox_first = next;
    }
    for (struct answer *answer = call->server->due.first, *next; answer != NULL; answer = next) {
        next = answer->next;
        if (answer->call == call) {
            answers_remove(&call->server->due, answer);
            answer_free(answer);
        }
    }
    pthread_mutex_lock(&call->server->lock);
    call->server->stats.cancelled += call->cancelled != 0;
    pthread_mutex_unlock(&call->server->lock);
}

static bool token_ok(const char *token, const grpc_metadata_array *metadata)
{
    if (token == NULL)
        return true;
    char bearer[512];
    snprintf(bearer, sizeof bearer, "Bearer %s", token);
    for (size_t i = 0; i < metadata->count; i++)
        if (grpc_slice_str_cmp(metadata->metadata[i].key, "authorization") == 0 &&
            grpc_slice_str_cmp(metadata->metadata[i].value, bearer) == 0)
            return true;
    return false;
}

static void slice_copy(char *out, size_t size, grpc_slice slice)
{
    snprintf(out, size, "%.*s", (int)GRPC_SLICE_LENGTH(slice), GRPC_SLICE_START_PTR(slice));
}

/* Counts the call and takes the script it will follow. */
static void server_enter(struct speech_server *server, struct call *call,
                         const grpc_metadata_array *metadata)
{
    pthread_mutex_lock(&server->lock);
    call->script = server->script;
    server->stats.calls++;
    server->stats.calls_open++;
    server->metadata_len = 0;
    for (size_t i = 0; i < metadata->count && i < METADATA_MAX; i++) {
        struct metadata_copy *copy = &server->metadata[server->metadata_len++];
        slice_copy(copy->key, sizeof copy->key, metadata->metadata[i].key);
        slice_copy(copy->value, sizeof copy->value, metadata->metadata[i].value);
    }
    pthread_mutex_unlock(&server->lock);
}

static void call_begin(struct call *call, bool token)
{
    grpc_op close = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
                     .data = {.recv_close_on_server = {.cancelled = &call->cancelled}}};
    call_start(call, &call->close_tag, &close, 1);
    grpc_op open = {.op = GRPC_OP_SEND_INITIAL_METADATA};
    call->sending_now = true;
    call_start(call, &call->send_tag, &open, 1);
    call_recv(call);
    if (!token)
        call_end(call, 0, GRPC_STATUS_UNAUTHENTICATED, "Request had invalid credentials.");
    if (call->script.fail_open != 0)
        call_end(call, 0, call->script.fail_open, "scripted refusal");
    if (call->script.stream_limit_ms > 0) {
        call->limit = answer_create(call, call->script.stream_limit_ms);
        answers_add(&call->server->limits, call->limit);
    }
}

static void server_accept(struct speech_server *server, struct accept_slot *slot)
{
    slot->tag = (struct tag){TAG_ACCEPT, slot};
    grpc_metadata_array_init(&slot->metadata);
    grpc_call_error error = grpc_server_request_registered_call(
        server->grpc, server->method, &slot->grpc, &slot->deadline, &slot->metadata, NULL,
        server->queue, server->queue, &slot->tag);
    assert(error == GRPC_CALL_OK);
    server->accepts++;
}

static void on_accept(struct speech_server *server, struct accept_slot *slot, bool ok)
{
    server->accepts--;
    if (ok) {
        struct call *call = mem_calloc(1, sizeof *call);
        assert(call != NULL);
        call->server = server;
        call->grpc = slot->grpc;
        call->recv_tag = (struct tag){TAG_RECV, call};
        call->send_tag = (struct tag){TAG_SEND, call};
        call->close_tag = (struct tag){TAG_CLOSE, call};
        server_enter(server, call, &slot->metadata);
        call_begin(call, token_ok(call->script.token, &slot->metadata));
    }
    grpc_metadata_array_destroy(&slot->metadata);
    if (!server->accepting_down && ok)
        server_accept(server, slot);
}

static void server_on_event(struct speech_server *server, const grpc_event *event)
{
    struct tag *tag = event->tag;
    struct call *call = tag->owner;
    switch (tag->kind) {
    case TAG_ACCEPT: on_accept(server, tag->owner, event->success != 0); return;
    case TAG_SHUTDOWN: server->accepting_down = true; return;
    case TAG_RECV: on_recv(call); break;
    case TAG_SEND: on_send(call); break;
    case TAG_CLOSE: on_close(call); break;
    }
    call_unref(call);
}

/* Sends what is due; the next time, or INT64_MAX. */
static int64_t server_tick(struct speech_server *server)
{
    int64_t now_us = clock_mono_us();
    while (server->due.first != NULL && server->due.first->due_us <= now_us) {
        struct answer *answer = server->due.first;
        answers_remove(&server->due, answer);
        answer_is_due(answer);
    }
    while (server->limits.first != NULL && server->limits.first->due_us <= now_us) {
        struct call *call = server->limits.first->call;
        call_end(call, 0, GRPC_STATUS_OUT_OF_RANGE,
                 "Exceeded maximum allowed stream duration of 305 seconds.");
        call_limit_drop(call);
    }
    int64_t next_us = INT64_MAX;
    if (server->due.first != NULL)
        next_us = server->due.first->due_us;
    if (server->limits.first != NULL && server->limits.first->due_us < next_us)
        next_us = server->limits.first->due_us;
    return next_us;
}

static void *server_run(void *ctx)
{
    struct speech_server *server = ctx;
    for (;;) {
        int64_t next_us = server_tick(server);
        gpr_timespec until = gpr_inf_future(GPR_CLOCK_MONOTONIC);
        if (next_us != INT64_MAX)
            until = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                 gpr_time_from_micros(next_us - clock_mono_us(), GPR_TIMESPAN));
        grpc_event event = grpc_completion_queue_next(server->queue, until, NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        if (event.type == GRPC_OP_COMPLETE)
            server_on_event(server, &event);
        /* Nothing may be asked of a queue that is shut: first the calls, then the queue. */
        if (server->accepting_down && server->accepts == 0 && !server->stopping) {
            server->stopping = true;
            grpc_completion_queue_shutdown(server->queue);
        }
    }
}

/* Life. */

static int server_bind(struct speech_server *server, const struct speech_server_config *config)
{
    grpc_server_credentials *credentials;
    if (config->cert_pem != NULL) {
        grpc_ssl_pem_key_cert_pair pair = {config->key_pem, config->cert_pem};
        credentials = grpc_ssl_server_credentials_create(NULL, &pair, 1, 0, NULL);
    } else {
        credentials = grpc_insecure_server_credentials_create();
    }
    if (credentials == NULL)
        return STATUS_INVALID;
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%u", config->port);
    int port = grpc_server_add_http2_port(server->grpc, address, credentials);
    grpc_server_credentials_release(credentials);
    if (port <= 0)
        return STATUS_INVALID;
    server->port = (uint16_t)port;
    return 0;
}

static void server_free(struct speech_server *server)
{
    grpc_server_destroy(server->grpc);
    grpc_completion_queue_destroy(server->queue);
    pthread_mutex_destroy(&server->lock);
    mem_free(server);
    grpc_shutdown();
}

int speech_server_create(struct speech_server **out, const struct speech_server_config *config)
{
    struct speech_server *server = mem_calloc(1, sizeof *server);
    if (server == NULL)
        return STATUS_NOMEM;
    grpc_init();
    pthread_mutex_init(&server->lock, NULL);
    speech_server_script(server, config);
    server->shutdown_tag = (struct tag){TAG_SHUTDOWN, server};
    server->queue = grpc_completion_queue_create_for_next(NULL);
    grpc_arg args[] = {
        {GRPC_ARG_INTEGER,
         (char *)GRPC_ARG_MAX_CONCURRENT_STREAMS,
         {.integer = config->streams_max > 0 ? (int)config->streams_max : 1 << 30}},
        {GRPC_ARG_INTEGER,
         (char *)GRPC_ARG_MAX_CONNECTION_AGE_MS,
         {.integer = config->age_ms > 0 ? (int)config->age_ms : INT_MAX}},
        {GRPC_ARG_INTEGER, (char *)GRPC_ARG_ALLOW_REUSEPORT, {.integer = 0}},
        /* Otherwise a fast wire earns a window of megabytes, read or not. */
        {GRPC_ARG_INTEGER, (char *)GRPC_ARG_HTTP2_BDP_PROBE, {.integer = config->deaf ? 0 : 1}},
    };
    server->grpc =
        grpc_server_create(&(grpc_channel_args){sizeof args / sizeof args[0], args}, NULL);
    grpc_server_register_completion_queue(server->grpc, server->queue, NULL);
    server->method =
        grpc_server_register_method(server->grpc, METHOD, NULL, GRPC_SRM_PAYLOAD_NONE, 0);
    int status = server_bind(server, config);
    if (status != 0) {
        server_free(server);
        return status;
    }
    grpc_server_start(server->grpc);
    for (int i = 0; i < ACCEPTS; i++)
        server_accept(server, &server->slots[i]);
    status = thread_start(&server->thread, "speech", server_run, server);
    assert(status == 0);
    *out = server;
    return 0;
}

void speech_server_destroy(struct speech_server *server)
{
    if (server == NULL)
        return;
    grpc_server_shutdown_and_notify(server->grpc, server->queue, &server->shutdown_tag);
    grpc_server_cancel_all_calls(server->grpc);
    pthread_join(server->thread, NULL);
    server_free(server);
}

uint16_t speech_server_port(const struct speech_server *server)
{
    return server->port;
}

void speech_server_script(struct speech_server *server, const struct speech_server_config *config)
{
    pthread_mutex_lock(&server->lock);
    server->script = *config;
    if (config->final_every_ms == 0)
        server->script.final_every_ms = 3000;
    if (config->ms_per_word == 0)
        server->script.ms_per_word = 300;
    pthread_mutex_unlock(&server->lock);
}

void speech_server_stats(struct speech_server *server, struct speech_server_stats *out)
{
    pthread_mutex_lock(&server->lock);
    *out = server->stats;
    pthread_mutex_unlock(&server->lock);
}

/* gRPC listens on sockets of both families. */
static uint16_t local_port(int fd)
{
    struct sockaddr_storage any;
    socklen_t len = sizeof any;
    if (getsockname(fd, (struct sockaddr *)&any, &len) != 0)
        return 0;
    if (any.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&any)->sin_port);
    return any.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&any)->sin6_port) : 0;
}

/* gRPC does not tell its descriptors; they are found by the port they are bound to. */
void speech_server_drop(struct speech_server *server)
{
    for (int fd = 3; fd < DESCRIPTORS_MAX; fd++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer;
        if (local_port(fd) == server->port && getpeername(fd, (struct sockaddr *)&peer, &len) == 0)
            shutdown(fd, SHUT_RDWR);
    }
}

size_t speech_server_request(struct speech_server *server, uint8_t *out, size_t size)
{
    pthread_mutex_lock(&server->lock);
    size_t len = server->request_len;
    memcpy(out, server->request, len < size ? len : size);
    pthread_mutex_unlock(&server->lock);
    return len;
}

void speech_server_metadata(struct speech_server *server, const char *key, char *out, size_t size)
{
    out[0] = '\0';
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->metadata_len; i++)
        if (strcmp(server->metadata[i].key, key) == 0)
            snprintf(out, size, "%s", server->metadata[i].value);
    pthread_mutex_unlock(&server->lock);
}
