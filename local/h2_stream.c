#include "base/mem.h"
#include "base/status.h"
#include "local/h2_internal.h"
#include "local/limits.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

struct h2_stream *h2__stream_create(struct h2_conn *conn, int32_t stream_id)
{
    struct h2_server *server = conn->server;
    if (server->free_len == 0)
        return NULL;
    struct h2_stream *stream = mem_calloc(1, sizeof *stream);
    if (stream == NULL)
        return NULL;
    uint32_t slot = server->free_slots[--server->free_len];
    assert(server->slots[slot] == NULL);
    server->slots[slot] = stream;
    stream->id = (uint64_t)server->generation[slot] << 32 | slot;
    stream->conn = conn;
    stream->stream_id = stream_id;
    stream->opened_us = loop_now_us(server->loop);
    buf_init(&stream->head, H2_HEADERS_MAX);
    buf_init(&stream->body, server->config.body_max);
    buf_init(&stream->out, H2_UNSENT_MAX);
    stream->next = conn->streams;
    if (stream->next != NULL)
        stream->next->prev = stream;
    conn->streams = stream;
    conn->streams_len++;
    server->stats.streams_open++;
    return stream;
}

void h2__stream_end(struct h2_stream *stream, bool complete)
{
    struct h2_conn *conn = stream->conn;
    struct h2_server *server = conn->server;
    uint32_t slot = (uint32_t)stream->id;
    uint64_t id = stream->id;
    bool cancelled = stream->handed && !complete;
    assert(server->slots[slot] == stream && conn->streams_len > 0);

    server->slots[slot] = NULL;
    uint32_t generation = server->generation[slot] + 1;
    server->generation[slot] = generation != 0 ? generation : 1;
    server->free_slots[server->free_len++] = slot;
    if (stream->prev != NULL)
        stream->prev->next = stream->next;
    else
        conn->streams = stream->next;
    if (stream->next != NULL)
        stream->next->prev = stream->prev;
    conn->streams_len--;
    server->stats.streams_open--;
    if (!complete)
        server->stats.resets++;
    buf_deinit(&stream->head);
    buf_deinit(&stream->body);
    buf_deinit(&stream->out);
    mem_free(stream);
    if (cancelled && server->config.ops.on_cancel != NULL)
        server->config.ops.on_cancel(server->config.ctx, id);
}

struct h2_stream *h2__stream_find(struct h2_server *server, uint64_t id)
{
    uint32_t slot = (uint32_t)id;
    if (slot >= server->config.streams_max || server->slots[slot] == NULL)
        return NULL;
    return server->slots[slot]->id == id ? server->slots[slot] : NULL;
}

void h2__stream_hand_over(struct h2_stream *stream)
{
    struct h2_server *server = stream->conn->server;
    struct h2_header headers[H2_HEADER_FIELDS];
    struct h2_request request = {.id = stream->id, .headers = headers, .refused = stream->refused};
    assert(!stream->handed);

    request.method = request.path = "";
    const char *at = stream->head.data;
    const char *end = at != NULL ? at + stream->head.len : NULL;
    while (at < end) {
        const char *name = at, *value = name + strlen(name) + 1;
        at = value + strlen(value) + 1;
        if (strcmp(name, ":method") == 0)
            request.method = value;
        else if (strcmp(name, ":path") == 0)
            request.path = value;
        else if (name[0] != ':' && request.headers_len < H2_HEADER_FIELDS)
            headers[request.headers_len++] = (struct h2_header){name, value};
    }
    request.body = stream->body.len > 0 ? stream->body.data : "";
    request.body_len = stream->body.len;
    stream->head_only = strcmp(request.method, "HEAD") == 0;
    stream->handed = true;
    server->stats.requests++;
    server->config.ops.on_request(server->config.ctx, &request);
}

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){.name = (uint8_t *)name,
                        .value = (uint8_t *)value,
                        .namelen = strlen(name),
                        .valuelen = strlen(value)};
}

static int trailers_submit(struct h2_stream *stream)
{
    nghttp2_nv fields[H2_ANSWER_HEADERS];
    size_t len = 0;
    const char *at = stream->head.data, *end = at + stream->head.len;
    while (at < end && len < H2_ANSWER_HEADERS) {
        const char *value = at + strlen(at) + 1;
        fields[len++] = field(at, value);
        at = value + strlen(value) + 1;
    }
    return nghttp2_submit_trailer(stream->conn->session, stream->stream_id, fields, len);
}

static ssize_t out_read(nghttp2_session *session, int32_t stream_id, uint8_t *bytes, size_t len,
                        uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    struct h2_stream *stream = source->ptr;
    size_t rest = stream->out.len - stream->out_at;
    size_t n = rest < len ? rest : len;
    if (stream->piece_bytes > 0 && n > stream->piece_bytes)
        n = stream->piece_bytes;
    if (n > 0)
        memcpy(bytes, stream->out.data + stream->out_at, n);
    stream->out_at += n;
    if (n == 0 && !stream->ended) {
        stream->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (n == rest) {
        buf_reset(&stream->out);
        stream->out_at = 0;
        if (stream->ended)
            *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (stream->trailers) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (trailers_submit(stream) != 0)
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
    }
    return (ssize_t)n;
}

static void out_resume(struct h2_stream *stream)
{
    if (stream->deferred) {
        stream->deferred = false;
        nghttp2_session_resume_data(stream->conn->session, stream->stream_id);
    }
    h2__conn_touch(stream->conn);
}

int h2__stream_answer(struct h2_stream *stream, const struct h2_answer *answer)
{
    if (stream->answered)
        return STATUS_INVALID;
    char status[8], length[24];
    nghttp2_nv fields[H2_ANSWER_HEADERS + 2];
    size_t len = 0;
    snprintf(status, sizeof status, "%u", answer->status);
    fields[len++] = field(":status", status);
    for (size_t i = 0; i < answer->headers_len; i++)
        fields[len++] = field(answer->headers[i].name, answer->headers[i].value);
    if (!answer->more) {
        snprintf(length, sizeof length, "%zu", answer->body_len);
        fields[len++] = field("content-length", length);
    }
    bool empty = stream->head_only || (!answer->more && answer->body_len == 0);
    if (!empty && buf_append(&stream->out, answer->body, answer->body_len) != 0)
        return STATUS_LIMIT;
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = out_read};
    if (nghttp2_submit_response(stream->conn->session, stream->stream_id, fields, len,
                                empty ? NULL : &provider) != 0)
        return STATUS_INTERNAL;
    stream->answered = true;
    stream->ended = empty || !answer->more;
    stream->piece_bytes = answer->piece_bytes;
    h2__conn_touch(stream->conn);
    return 0;
}

int h2__stream_write(struct h2_stream *stream, const void *bytes, size_t len, bool end)
{
    if (!stream->answered || (stream->ended && !stream->head_only))
        return STATUS_INVALID;
    if (stream->head_only)
        return 0;
    if (stream->out_at > 0) {
        buf_consume(&stream->out, stream->out_at);
        stream->out_at = 0;
    }
    if (len > 0 && buf_append(&stream->out, bytes, len) != 0)
        return STATUS_LIMIT;
    stream->ended = end;
    out_resume(stream);
    return 0;
}

int h2__stream_trailers(struct h2_stream *stream, const struct h2_header *trailers, size_t len)
{
    if (!stream->answered || (stream->ended && !stream->head_only))
        return STATUS_INVALID;
    if (stream->head_only)
        return 0;
    buf_reset(&stream->head);
    for (size_t i = 0; i < len; i++) {
        buf_append(&stream->head, trailers[i].name, strlen(trailers[i].name) + 1);
        buf_append(&stream->head, trailers[i].value, strlen(trailers[i].value) + 1);
    }
    if (buf_status(&stream->head) != 0)
        return buf_status(&stream->head);
    stream->ended = stream->trailers = true;
    out_resume(stream);
    return 0;
}

void h2__stream_reset(struct h2_stream *stream, uint32_t error_code)
{
    nghttp2_submit_rst_stream(stream->conn->session, NGHTTP2_FLAG_NONE, stream->stream_id,
                              error_code);
    h2__conn_touch(stream->conn);
}
