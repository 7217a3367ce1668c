/* What a server does to a whole connection: nothing here ends anything at once, because handlers
 * call it from within libnghttp2's callbacks. */
#include "base/status.h"
#include "local/h2_internal.h"
#include <assert.h>

int h2_server_goaway(struct h2_server *server, uint64_t id, bool refuse, uint32_t error_code)
{
    assert(loop_is_current(server->loop));
    struct h2_stream *stream = h2__stream_find(server, id);
    if (stream == NULL)
        return STATUS_NOT_FOUND;
    struct h2_conn *conn = stream->conn;
    int32_t last = nghttp2_session_get_last_proc_stream_id(conn->session);
    if (refuse)
        last = stream->stream_id > 2 ? stream->stream_id - 2 : 0;
    if (nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE, last, error_code, NULL, 0) != 0)
        return STATUS_NOMEM;
    /* libnghttp2 closes them once the frame is out; what comes for them until then is dropped. */
    for (struct h2_stream *s = conn->streams; s != NULL; s = s->next)
        s->failed |= s->stream_id > last;
    h2__conn_touch(conn);
    return 0;
}

int h2_server_cut(struct h2_server *server, uint64_t id, bool reset)
{
    assert(loop_is_current(server->loop));
    struct h2_stream *stream = h2__stream_find(server, id);
    if (stream == NULL)
        return STATUS_NOT_FOUND;
    stream->conn->cut = reset ? H2_CUT_RESET : H2_CUT_QUIET;
    h2__conn_touch(stream->conn);
    return 0;
}

int h2_server_freeze(struct h2_server *server, uint64_t id)
{
    assert(loop_is_current(server->loop));
    struct h2_stream *stream = h2__stream_find(server, id);
    if (stream == NULL)
        return STATUS_NOT_FOUND;
    stream->conn->frozen = true;
    h2__conn_touch(stream->conn);
    return 0;
}

void h2_server_limit_streams(struct h2_server *server, unsigned conn_streams)
{
    assert(loop_is_current(server->loop));
    const nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, conn_streams};
    if (server->config.conn_streams == conn_streams)
        return;
    server->config.conn_streams = conn_streams;
    for (struct h2_conn *conn = server->conns; conn != NULL; conn = conn->next) {
        if (conn->ready &&
            nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, &entry, 1) == 0)
            h2__conn_touch(conn);
    }
}
