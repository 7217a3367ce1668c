/* Answers: at once on the loop's thread, else through the inbox. */
#include "base/log.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/status.h"
#include "local/h2_internal.h"
#include "local/limits.h"
#include <assert.h>
#include <string.h>

enum { MSG_ANSWER, MSG_WRITE, MSG_RESET };

/* An answer on its way to the loop, its strings behind it in the same block. */
struct h2_msg {
    struct msg msg; /* msg.session is the request's id */
    unsigned status;
    uint32_t error_code;
    unsigned piece_bytes;
    bool last;
    size_t headers_len;
    struct h2_header headers[H2_ANSWER_HEADERS];
    size_t body_len;
    char bytes[];
};

static void h2_msg_free(struct msg *msg)
{
    mem_free(msg);
}

/* Of a stream that can still be answered; NULL: what was meant for it is dropped. */
static struct h2_stream *stream_get(struct h2_server *server, uint64_t id)
{
    struct h2_stream *stream = h2__stream_find(server, id);
    return stream != NULL && !stream->failed ? stream : NULL;
}

static int stream_done(struct h2_stream *stream, int status)
{
    if (status != 0) {
        LOG_WARN(LOG_LOCAL, stream->id, "answer not sent", "status=%s", status_name(status));
        stream->failed = true;
        h2__stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
    }
    return status;
}

static int stream_reset(struct h2_stream *stream, uint32_t error_code)
{
    stream->failed = true;
    h2__stream_reset(stream, error_code);
    return 0;
}

void h2__answer_on_msg(struct loop_inbox *inbox, struct msg *msg)
{
    struct h2_server *server =
        (struct h2_server *)((char *)inbox - offsetof(struct h2_server, inbox));
    struct h2_msg *m = (struct h2_msg *)msg;
    struct h2_stream *stream = stream_get(server, msg->session);
    if (stream != NULL && msg->kind == MSG_ANSWER) {
        struct h2_answer answer = {.status = m->status,
                                   .headers = m->headers,
                                   .headers_len = m->headers_len,
                                   .body = m->bytes,
                                   .body_len = m->body_len,
                                   .more = !m->last,
                                   .piece_bytes = m->piece_bytes};
        stream_done(stream, h2__stream_answer(stream, &answer));
    } else if (stream != NULL && msg->kind == MSG_WRITE) {
        stream_done(stream, h2__stream_write(stream, m->bytes, m->body_len, m->last));
    } else if (stream != NULL) {
        stream_reset(stream, m->error_code);
    }
    h2_msg_free(msg);
}

static struct h2_msg *msg_create(uint32_t kind, uint64_t id, size_t bytes)
{
    struct h2_msg *m = mem_calloc(1, sizeof *m + bytes);
    if (m != NULL)
        m->msg = (struct msg){.kind = kind, .session = id, .free_fn = h2_msg_free};
    return m;
}

static int msg_send(struct h2_server *server, struct h2_msg *m)
{
    int status = mailbox_send(server->inbox.mailbox, &m->msg);
    if (status != 0)
        h2_msg_free(&m->msg);
    return status;
}

static const char *put_string(char **at, const char *text)
{
    size_t len = strlen(text) + 1;
    memcpy(*at, text, len);
    *at += len;
    return *at - len;
}

static int answer_send(struct h2_server *server, uint64_t id, const struct h2_answer *answer)
{
    size_t bytes = answer->body_len;
    for (size_t i = 0; i < answer->headers_len; i++)
        bytes += strlen(answer->headers[i].name) + strlen(answer->headers[i].value) + 2;
    struct h2_msg *m = msg_create(MSG_ANSWER, id, bytes);
    if (m == NULL)
        return STATUS_NOMEM;
    m->status = answer->status;
    m->piece_bytes = answer->piece_bytes;
    m->last = !answer->more;
    m->body_len = answer->body_len;
    if (answer->body_len > 0)
        memcpy(m->bytes, answer->body, answer->body_len);
    char *at = m->bytes + answer->body_len;
    m->headers_len = answer->headers_len;
    for (size_t i = 0; i < answer->headers_len; i++) {
        m->headers[i].name = put_string(&at, answer->headers[i].name);
        m->headers[i].value = put_string(&at, answer->headers[i].value);
    }
    return msg_send(server, m);
}

int h2_server_answer(struct h2_server *server, uint64_t id, const struct h2_answer *answer)
{
    assert(answer->headers_len <= H2_ANSWER_HEADERS && answer->status >= 200);
    if (!loop_is_current(server->loop))
        return answer_send(server, id, answer);
    struct h2_stream *stream = stream_get(server, id);
    return stream != NULL ? stream_done(stream, h2__stream_answer(stream, answer)) : 0;
}

int h2_server_write(struct h2_server *server, uint64_t id, const void *bytes, size_t len, bool end)
{
    if (loop_is_current(server->loop)) {
        struct h2_stream *stream = stream_get(server, id);
        return stream != NULL ? stream_done(stream, h2__stream_write(stream, bytes, len, end)) : 0;
    }
    struct h2_msg *m = msg_create(MSG_WRITE, id, len);
    if (m == NULL)
        return STATUS_NOMEM;
    m->last = end;
    m->body_len = len;
    if (len > 0)
        memcpy(m->bytes, bytes, len);
    return msg_send(server, m);
}

int h2_server_trailers(struct h2_server *server, uint64_t id, const struct h2_header *trailers,
                       size_t len)
{
    assert(loop_is_current(server->loop) && len > 0 && len <= H2_ANSWER_HEADERS);
    struct h2_stream *stream = stream_get(server, id);
    return stream != NULL ? stream_done(stream, h2__stream_trailers(stream, trailers, len)) : 0;
}

int h2_server_reset(struct h2_server *server, uint64_t id, uint32_t error_code)
{
    if (loop_is_current(server->loop)) {
        struct h2_stream *stream = stream_get(server, id);
        return stream != NULL ? stream_reset(stream, error_code) : 0;
    }
    struct h2_msg *m = msg_create(MSG_RESET, id, 0);
    if (m == NULL)
        return STATUS_NOMEM;
    m->error_code = error_code;
    return msg_send(server, m);
}

bool h2_server_alive(const struct h2_server *server, uint64_t id)
{
    uint32_t slot = (uint32_t)id;
    return slot < server->config.streams_max && server->generation[slot] == (uint32_t)(id >> 32);
}

const char *h2_request_header(const struct h2_request *request, const char *name)
{
    for (size_t i = 0; i < request->headers_len; i++) {
        if (strcmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    }
    return NULL;
}
