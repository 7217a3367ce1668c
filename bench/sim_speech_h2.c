/*
 * The simulated speech API on our own HTTP/2 server: gRPC's framing by hand, which is little, and
 * every frame ours to break. Audio of a message that lies whole in one piece is heard where it
 * lies; nothing is allocated a message.
 */
#include "bench/sim_speech.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "local/h2_server.h"
#include "local/limits.h"
#include <assert.h>
#include <grpc/status.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_BYTES    5 /* compressed flag and length of a message */
#define CONNECTIONS_MAX 4096
#define STREAMS_MAX     8192
/* Far below the delay of any result; a wake for each message would be half of what it costs, and
 * the sender pays for it. */
#define GATHER_US     300
#define WINDOW_BYTES  (16 << 20)
#define TRAILER_BYTES (3 * LOCAL_SPEECH_TEXT_BYTES + 1) /* a text, percent-encoded */

struct h2_call {
    struct sim_stream stream;
    uint64_t id;
    struct buf partial; /* a message whose end has not come, prefix included */
};

struct h2_speech {
    struct h2_server *server;
    struct buf out; /* the message being written */
    void (*on_closed)(void *ctx);
    void *closed_ctx;
    struct h2_call *calls[STREAMS_MAX]; /* by the slot in their id */
};

static struct h2_server *server_of(const struct sim_speech *speech)
{
    return ((const struct h2_speech *)speech->server)->server;
}

/* The low half of an id is its slot. */
static struct h2_call **call_place(struct h2_speech *server, uint64_t id)
{
    uint32_t slot = (uint32_t)id;
    assert(slot < STREAMS_MAX);
    return &server->calls[slot];
}

static void call_free(struct h2_call *call)
{
    struct h2_speech *server = call->stream.speech->server;
    struct h2_call **place = call_place(server, call->id);
    assert(*place == call);
    *place = NULL;
    buf_deinit(&call->partial);
    mem_free(call);
}

/* -- out -- */

static void respond(struct sim_stream *stream, const struct local_speech_response *response)
{
    struct h2_call *call = (struct h2_call *)stream;
    struct h2_speech *server = stream->speech->server;
    buf_reset(&server->out);
    int status = buf_append(&server->out, "\0\0\0\0", PREFIX_BYTES);
    if (status == 0)
        status = local_speech_response_write(response, &server->out);
    if (status != 0) {
        h2_server_reset(server->server, call->id, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    size_t len = server->out.len - PREFIX_BYTES;
    for (int i = 0; i < 4; i++)
        server->out.data[1 + i] = (char)(len >> (24 - 8 * i));
    /* Of a peer that reads nothing the server resets the stream; it comes back by on_cancel(). */
    h2_server_write(server->server, call->id, server->out.data, server->out.len, false);
}

/* gRPC's encoding of grpc-message. */
static void percent_encode(const char *text, char out[TRAILER_BYTES])
{
    size_t len = 0;
    for (const unsigned char *c = (const unsigned char *)text;
         *c != '\0' && len < TRAILER_BYTES - 4; c++) {
        if (*c >= 0x20 && *c < 0x7f && *c != '%')
            out[len++] = (char)*c;
        else
            len += (size_t)snprintf(out + len, 4, "%%%02X", *c);
    }
    out[len] = '\0';
}

static void end(struct sim_stream *stream, int code, const char *text)
{
    struct h2_call *call = (struct h2_call *)stream;
    struct h2_server *server = server_of(stream->speech);
    uint64_t id = call->id;
    char number[12], message[TRAILER_BYTES];
    snprintf(number, sizeof number, "%d", code);
    percent_encode(text, message);
    struct h2_header trailers[] = {{"grpc-status", number}, {"grpc-message", message}};
    call_free(call);
    h2_server_trailers(server, id, trailers, message[0] != '\0' ? 2 : 1);
}

static void strike(struct sim_stream *stream, enum sim_fault fault, int64_t how)
{
    static const uint32_t codes[] = {NGHTTP2_REFUSED_STREAM, NGHTTP2_CANCEL,
                                     NGHTTP2_INTERNAL_ERROR}; /* in the order of its argument */
    struct h2_call *call = (struct h2_call *)stream;
    struct h2_server *server = server_of(stream->speech);
    uint64_t id = call->id;
    call_free(call);
    if (fault == SIM_FAULT_GOAWAY)
        h2_server_goaway(server, id, true, NGHTTP2_NO_ERROR);
    else if (fault == SIM_FAULT_RST)
        h2_server_reset(server, id, codes[how]);
    else
        h2_server_cut(server, id, true);
}

static void age(struct sim_stream *stream)
{
    uint64_t id = ((struct h2_call *)stream)->id;
    h2_server_goaway(server_of(stream->speech), id, false, NGHTTP2_NO_ERROR);
}

static void limit_streams(struct sim_speech *speech, unsigned count)
{
    h2_server_limit_streams(server_of(speech), count);
}

static uint64_t connections(const struct sim_speech *speech)
{
    struct h2_server_stats stats;
    h2_server_stats(server_of(speech), &stats);
    return stats.connections;
}

/* -- in -- */

static size_t message_bytes(const void *prefix)
{
    const uint8_t *byte = prefix;
    return PREFIX_BYTES +
           ((size_t)byte[1] << 24 | (size_t)byte[2] << 16 | (size_t)byte[3] << 8 | (size_t)byte[4]);
}

/* A whole message with its prefix. False: the stream has ended. */
static bool call_take(struct h2_call *call, const char *bytes, size_t len)
{
    if (bytes[0] == 0)
        return sim_stream_message(&call->stream, bytes + PREFIX_BYTES, len - PREFIX_BYTES);
    sim_stream_end(&call->stream, GRPC_STATUS_UNIMPLEMENTED,
                   "Compressed messages are not understood here.");
    return false;
}

static bool call_too_long(struct h2_call *call, size_t len)
{
    if (len <= LOCAL_SPEECH_MESSAGE_BYTES_MAX)
        return false;
    sim_stream_end(&call->stream, GRPC_STATUS_RESOURCE_EXHAUSTED,
                   "Received message larger than max.");
    return true;
}

/* Adds to the message that has begun, up to the end of its prefix or of itself. */
static bool call_gather(struct h2_call *call, const char **at, size_t rest)
{
    size_t wanted = PREFIX_BYTES;
    if (call->partial.len >= PREFIX_BYTES)
        wanted = message_bytes(call->partial.data);
    size_t missing = wanted - call->partial.len;
    size_t n = missing < rest ? missing : rest;
    if (buf_append(&call->partial, *at, n) != 0) {
        sim_stream_end(&call->stream, GRPC_STATUS_INTERNAL, "Out of memory.");
        return false;
    }
    *at += n;
    return call->partial.len < PREFIX_BYTES ||
           !call_too_long(call, message_bytes(call->partial.data));
}

/* The gathered message, once it is whole. Its stream may end over it and be freed with the buffer,
 * which is therefore taken out meanwhile. */
static bool call_take_gathered(struct h2_call *call)
{
    struct buf message = call->partial;
    if (message.len < PREFIX_BYTES || message.len < message_bytes(message.data))
        return true;
    buf_init(&call->partial, LOCAL_SPEECH_MESSAGE_BYTES_MAX);
    bool goes_on = call_take(call, message.data, message.len);
    buf_reset(&message);
    if (goes_on)
        call->partial = message;
    else
        buf_deinit(&message);
    return goes_on;
}

/* Takes what can be taken of the piece's front. False: the stream has ended. */
static bool call_step(struct h2_call *call, const char **at, const char *piece_end)
{
    size_t rest = (size_t)(piece_end - *at);
    if (call->partial.len == 0 && rest >= PREFIX_BYTES && message_bytes(*at) <= rest) {
        const char *message = *at;
        *at += message_bytes(message);
        return !call_too_long(call, message_bytes(message)) &&
               call_take(call, message, message_bytes(message));
    }
    return call_gather(call, at, rest) && call_take_gathered(call);
}

static void on_body(void *ctx, uint64_t id, const void *bytes, size_t len, bool end_of_body)
{
    struct sim_speech *speech = ctx;
    struct h2_call *call = *call_place(speech->server, id);
    const char *at = bytes, *piece_end = at + len;
    if (call == NULL || call->id != id)
        return; /* has its status already */
    while (at < piece_end)
        if (!call_step(call, &at, piece_end))
            return;
    if (end_of_body)
        sim_stream_finish(&call->stream);
}

static void on_request(void *ctx, const struct h2_request *request)
{
    struct sim_speech *speech = ctx;
    static const struct h2_header headers[] = {{"content-type", "application/grpc"}};
    struct h2_answer answer = {.status = 200, .headers = headers, .headers_len = 1, .more = true};
    const char *type = h2_request_header(request, "content-type");
    if (request->refused != 0 || type == NULL || strncmp(type, "application/grpc", 16) != 0) {
        answer.status = request->refused != 0 ? request->refused : 415;
        answer.more = false;
        h2_server_answer(server_of(speech), request->id, &answer);
        return;
    }
    struct h2_call *call = mem_calloc(1, sizeof *call);
    if (call == NULL || h2_server_answer(server_of(speech), request->id, &answer) != 0) {
        mem_free(call);
        h2_server_reset(server_of(speech), request->id, NGHTTP2_REFUSED_STREAM);
        return;
    }
    call->id = request->id;
    buf_init(&call->partial, LOCAL_SPEECH_MESSAGE_BYTES_MAX);
    *call_place(speech->server, call->id) = call;
    sim_stream_open(&call->stream, speech);
    if (strcmp(request->path, LOCAL_SPEECH_METHOD) != 0)
        sim_stream_end(&call->stream, GRPC_STATUS_UNIMPLEMENTED,
                       "Only " LOCAL_SPEECH_METHOD " is served here.");
}

static void on_cancel(void *ctx, uint64_t id)
{
    struct sim_speech *speech = ctx;
    struct h2_call *call = *call_place(speech->server, id);
    if (call == NULL || call->id != id)
        return;
    sim_stream_gone(&call->stream);
    call_free(call);
}

/* -- the server -- */

static int open_h2(struct sim_speech *speech)
{
    const struct h2_server_config config = {
        .host = "127.0.0.1",
        .port = (unsigned)speech->config->speech_port,
        .plaintext = true,
        .conn_streams = (unsigned)speech->config->speech_streams_max,
        .window_bytes = WINDOW_BYTES,
        .gather_us = GATHER_US,
        .connections_max = CONNECTIONS_MAX,
        .streams_max = STREAMS_MAX,
        .ops = {.on_request = on_request, .on_body = on_body, .on_cancel = on_cancel},
        .ctx = speech,
    };
    struct h2_speech *server = mem_calloc(1, sizeof *server);
    if (server == NULL)
        return STATUS_NOMEM;
    int status = h2_server_open(&server->server, speech->loop, &config);
    if (status != 0) {
        mem_free(server);
        return status;
    }
    buf_init(&server->out, LOCAL_SPEECH_RESPONSE_BYTES_MAX);
    speech->server = server;
    return 0;
}

static unsigned port(const struct sim_speech *speech)
{
    return h2_server_port(server_of(speech));
}

static void on_h2_closed(void *ctx)
{
    struct h2_speech *server = ctx;
    void (*on_closed)(void *) = server->on_closed;
    void *closed_ctx = server->closed_ctx;
    buf_deinit(&server->out);
    mem_free(server);
    on_closed(closed_ctx);
}

static void close_h2(struct sim_speech *speech, void (*on_closed)(void *ctx), void *ctx)
{
    struct h2_speech *server = speech->server;
    server->on_closed = on_closed;
    server->closed_ctx = ctx;
    h2_server_close(server->server, on_h2_closed, server);
}

const struct sim_wire sim_wire_h2 = {.open = open_h2,
                                     .port = port,
                                     .close = close_h2,
                                     .respond = respond,
                                     .end = end,
                                     .strike = strike,
                                     .age = age,
                                     .limit_streams = limit_streams,
                                     .connections = connections};
