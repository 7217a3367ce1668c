/* The HTTP/2 session of a connection: libnghttp2's callbacks record and submit, the connection is
 * flushed after they have returned. */
#include "base/status.h"
#include "local/h2_internal.h"
#include "local/limits.h"

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_conn *conn = ctx;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_stream *stream = h2__stream_create(conn, frame->hd.stream_id);
    if (stream == NULL)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_REFUSED_STREAM);
    else
        nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *ctx)
{
    struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream == NULL || stream->refused != 0 || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    /* Both are free of NUL: libnghttp2 has checked them. */
    buf_append(&stream->head, name, name_len + 1);
    buf_append(&stream->head, value, value_len + 1);
    stream->fields++;
    if (buf_status(&stream->head) != 0 || stream->fields > H2_HEADER_FIELDS)
        stream->refused = 431;
    return 0;
}

/* A refused body is read on for a while, so that the peer sees the answer instead of a reset. */
static void body_discard(struct h2_stream *stream, size_t len)
{
    if (!stream->handed)
        h2__stream_hand_over(stream);
    stream->discarded += len;
    if (stream->discarded > H2_DISCARD_MAX)
        h2__stream_reset(stream, NGHTTP2_CANCEL);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *bytes,
                   size_t len, void *ctx)
{
    struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, stream_id);
    if (stream == NULL)
        return 0;
    const struct h2_server_config *config = &stream->conn->server->config;
    if (stream->refused == 0 && config->ops.on_body != NULL) {
        if (!stream->failed && !stream->ended)
            config->ops.on_body(config->ctx, stream->id, bytes, len, false);
        return 0;
    }
    if (stream->refused == 0 && buf_append(&stream->body, bytes, len) != 0)
        stream->refused = 413;
    if (stream->refused != 0)
        body_discard(stream, len);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream == NULL)
        return 0;
    const struct h2_server_config *config = &stream->conn->server->config;
    bool pieces = config->ops.on_body != NULL;
    stream->body_ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!stream->handed && (pieces || stream->body_ended || stream->refused != 0))
        h2__stream_hand_over(stream);
    if (pieces && stream->body_ended && stream->refused == 0 && !stream->failed && !stream->ended)
        config->ops.on_body(config->ctx, stream->id, "", 0, true);
    return 0;
}

/* An answer that ended before its request asks the peer to stop sending (RFC 9113 §8.1). */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream != NULL && !stream->body_ended && stream->refused == 0)
        h2__stream_reset(stream, NGHTTP2_NO_ERROR);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code,
                           void *ctx)
{
    struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, stream_id);
    if (stream == NULL)
        return 0;
    nghttp2_session_set_stream_user_data(session, stream_id, NULL);
    h2__stream_end(stream, error_code == NGHTTP2_NO_ERROR && stream->ended && stream->out.len == 0);
    return 0;
}

int h2__session_setup(struct h2_server *server)
{
    if (nghttp2_session_callbacks_new(&server->callbacks) != 0 ||
        nghttp2_option_new(&server->options) != 0)
        return STATUS_NOMEM;
    nghttp2_session_callbacks *callbacks = server->callbacks;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_option_set_no_closed_streams(server->options, 1);
    nghttp2_option_set_stream_reset_rate_limit(server->options, H2_RESETS_BURST, H2_RESETS_S);
    return 0;
}

int h2__session_create(struct h2_conn *conn)
{
    const struct h2_server_config *config = &conn->server->config;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, config->conn_streams},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADERS_MAX},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, config->window_bytes},
    };
    if (nghttp2_session_server_new2(&conn->session, conn->server->callbacks, conn,
                                    conn->server->options) != 0 ||
        nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, settings,
                                sizeof settings / sizeof settings[0]) != 0 ||
        nghttp2_session_set_local_window_size(conn->session, NGHTTP2_FLAG_NONE, 0,
                                              (int32_t)config->window_bytes) != 0)
        return STATUS_NOMEM;
    return 0;
}
