/* The HTTP/2 server as the simulator uses it: plaintext, bodies in pieces, trailers, and
 * misbehaviour on demand. What a request asks for is in its path. */
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "local/h2_server.h"
#include "loop/loop.h"
#include "tests/check.h"
#include "tests/unit/h2_kit.h"
#include <signal.h>

#define CALLS 64

struct call {
    uint64_t id;
    char path[24];
    bool over; /* the answer has ended, or the stream was given up */
};

struct fixture {
    struct loop *loop;
    struct h2_server *server;
    struct loop_inbox inbox;
    struct msg stop;
    pthread_t thread;
    bool closed;
    struct call calls[CALLS]; /* loop's thread */
    unsigned calls_len;
    _Atomic unsigned requests, cancels, pieces, ends, late;
    _Atomic size_t bytes;
    _Atomic uint64_t held;
};

static const struct h2_header grpc_type = {"content-type", "application/grpc"};
static const struct h2_header grpc_ok = {"grpc-status", "0"};

static struct call *call_find(struct fixture *f, uint64_t id)
{
    for (unsigned i = 0; i < f->calls_len; i++) {
        if (f->calls[i].id == id)
            return &f->calls[i];
    }
    return NULL;
}

static bool is(const struct call *call, const char *path)
{
    return strcmp(call->path, path) == 0;
}

static void begin(struct fixture *f, uint64_t id, const char *body, unsigned piece_bytes)
{
    struct h2_answer answer = {.status = 200,
                               .headers = &grpc_type,
                               .headers_len = 1,
                               .body = body,
                               .body_len = body != NULL ? strlen(body) : 0,
                               .more = true,
                               .piece_bytes = piece_bytes};
    CHECK_EQ(h2_server_answer(f->server, id, &answer), 0);
}

static void finish(struct fixture *f, struct call *call)
{
    call->over = true;
    CHECK_EQ(h2_server_trailers(f->server, call->id, &grpc_ok, 1), 0);
}

static void on_request(void *ctx, const struct h2_request *request)
{
    struct fixture *f = ctx;
    struct call *call = &f->calls[f->calls_len++];
    if (f->calls_len == CALLS)
        abort();
    call->id = request->id;
    snprintf(call->path, sizeof call->path, "%s", request->path);
    f->requests++;
    CHECK_EQ(request->body_len, 0);
    if (is(call, "/echo") || is(call, "/early") || is(call, "/sink")) {
        begin(f, request->id, NULL, 0);
    } else if (is(call, "/only")) {
        begin(f, request->id, NULL, 0);
        finish(f, call);
    } else if (is(call, "/drip")) {
        begin(f, request->id, "one byte at a time", 1);
        finish(f, call);
    } else if (is(call, "/hold")) {
        f->held = request->id;
    } else if (is(call, "/reset-code")) {
        CHECK_EQ(h2_server_reset(f->server, request->id, NGHTTP2_ENHANCE_YOUR_CALM), 0);
        call->over = true;
    } else if (is(call, "/refuse")) {
        CHECK_EQ(h2_server_goaway(f->server, request->id, true, 0), 0);
        /* Too late for an answer: it is dropped. */
        begin(f, request->id, NULL, 0);
    } else if (is(call, "/age")) {
        CHECK_EQ(h2_server_goaway(f->server, request->id, false, NGHTTP2_ENHANCE_YOUR_CALM), 0);
        begin(f, request->id, NULL, 0);
    } else if (is(call, "/tcp-reset") || is(call, "/vanish")) {
        CHECK_EQ(h2_server_cut(f->server, request->id, is(call, "/tcp-reset")), 0);
    } else if (is(call, "/limit")) {
        h2_server_limit_streams(f->server, 1);
        begin(f, request->id, NULL, 0);
        finish(f, call);
    }
}

static void on_body(void *ctx, uint64_t id, const void *bytes, size_t len, bool end)
{
    struct fixture *f = ctx;
    struct call *call = call_find(f, id);
    f->late += call == NULL || call->over;
    f->bytes += len;
    f->pieces += len > 0;
    f->ends += end;
    if (is(call, "/early") && !call->over)
        finish(f, call);
    if (is(call, "/sink") && end)
        finish(f, call);
    if (!is(call, "/echo") && !is(call, "/age"))
        return;
    if (len > 0)
        CHECK_EQ(h2_server_write(f->server, id, bytes, len, false), 0);
    if (end)
        finish(f, call);
}

/* The worst of handlers: one stream's end makes it lay hands on all the others. */
static void on_cancel(void *ctx, uint64_t id)
{
    struct fixture *f = ctx;
    f->cancels++;
    call_find(f, id)->over = true;
    CHECK_EQ(h2_server_cut(f->server, id, true), STATUS_NOT_FOUND);
    CHECK_EQ(h2_server_goaway(f->server, id, true, 0), STATUS_NOT_FOUND);
    for (unsigned i = 0; i < f->calls_len; i++) {
        struct call *call = &f->calls[i];
        if (!is(call, "/bully") || call->over)
            continue;
        begin(f, call->id, "x", 0);
        h2_server_goaway(f->server, call->id, true, 0);
        h2_server_reset(f->server, call->id, NGHTTP2_CANCEL);
        h2_server_cut(f->server, call->id, true);
        call->over = true;
    }
}

static void on_closed(void *ctx)
{
    struct fixture *f = ctx;
    f->closed = true;
    loop_stop(f->loop);
}

static void on_stop(struct loop_inbox *inbox, struct msg *msg)
{
    struct fixture *f = (struct fixture *)((char *)inbox - offsetof(struct fixture, inbox));
    h2_server_close(f->server, on_closed, f);
}

static void *run(void *ctx)
{
    loop_run(((struct fixture *)ctx)->loop);
    return NULL;
}

static struct fixture *fixture_create(struct h2_server_config config)
{
    struct fixture *f = mem_calloc(1, sizeof *f);
    config.host = "127.0.0.1";
    config.plaintext = true;
    config.ops.on_request = on_request;
    config.ops.on_body = on_body;
    config.ops.on_cancel = on_cancel;
    config.ctx = f;
    CHECK_EQ(loop_create(&f->loop, LOOP_AUTO), 0);
    CHECK_EQ(loop_inbox_open(f->loop, &f->inbox, 2, on_stop), 0);
    CHECK_EQ(h2_server_open(&f->server, f->loop, &config), 0);
    CHECK_EQ(thread_start(&f->thread, "h2", run, f), 0);
    return f;
}

static struct h2_kit *client(struct fixture *f)
{
    return h2_kit_open_plain(h2_server_port(f->server));
}

static void fixture_destroy(struct fixture *f)
{
    CHECK_EQ(mailbox_send(f->inbox.mailbox, &f->stop), 0);
    pthread_join(f->thread, NULL);
    CHECK(f->closed);
    CHECK_EQ(f->late, 0);
    loop_inbox_close(&f->inbox);
    loop_destroy(f->loop);
    mem_free(f);
}

static void test_pieces_both_ways(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *kit = client(f);
    struct h2_kit_stream *stream = h2_kit_begin(kit, "/echo");
    /* The header fields come before anything of the body has gone. */
    while (stream->status == 0 && h2_kit_turn(kit))
        continue;
    CHECK_EQ(stream->status, 200);
    CHECK_STR(stream->type, "application/grpc");
    h2_kit_body(kit, stream, "one ", 4, false);
    while (stream->len < 4 && h2_kit_turn(kit))
        continue;
    CHECK_STR(stream->body, "one ");
    h2_kit_body(kit, stream, "two", 3, false);
    while (stream->len < 7 && h2_kit_turn(kit))
        continue;
    CHECK_STR(stream->body, "one two");
    CHECK(!stream->closed && f->ends == 0);
    h2_kit_body(kit, stream, "", 0, true);
    CHECK(h2_kit_finish(kit));
    CHECK_EQ(stream->error_code, 0);
    CHECK_STR(stream->grpc_status, "0");
    CHECK(!stream->content_length);
    CHECK_EQ(f->pieces, 2);
    CHECK_EQ(f->ends, 1);
    CHECK_EQ(f->cancels, 0);
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_trailers_only(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *kit = client(f);
    struct h2_kit_stream *streams[8];
    for (unsigned i = 0; i < 8; i++)
        streams[i] = h2_kit_request(kit, "POST", "/only", i % 2 == 0 ? "x" : NULL, 1);
    CHECK(h2_kit_finish(kit));
    for (unsigned i = 0; i < 8; i++) {
        CHECK_EQ(streams[i]->status, 200);
        CHECK_EQ(streams[i]->len, 0);
        CHECK_STR(streams[i]->grpc_status, "0");
        CHECK_EQ(streams[i]->error_code, 0);
    }
    CHECK_EQ(f->cancels, 0);
    h2_kit_close(kit);
    fixture_destroy(f);
}

/* The peer is told to stop, and nothing of what it sent meanwhile reaches the handler. */
static void test_answer_ends_before_request(void)
{
    static char bytes[60000];
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *kit = client(f);
    struct h2_kit_stream *early = h2_kit_begin(kit, "/early");
    h2_kit_body(kit, early, bytes, sizeof bytes, false);
    CHECK(h2_kit_finish(kit));
    CHECK_STR(early->grpc_status, "0");
    CHECK_EQ(early->error_code, NGHTTP2_NO_ERROR);
    CHECK_EQ(f->pieces, 1);
    CHECK_EQ(f->ends, 0);
    CHECK_EQ(f->cancels, 0);
    /* The connection is none the worse. */
    struct h2_kit_stream *next = h2_kit_request(kit, "POST", "/echo", bytes, sizeof bytes);
    CHECK(h2_kit_finish(kit));
    CHECK_EQ(next->len, sizeof bytes);
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_byte_a_frame(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *kit = client(f);
    struct h2_kit_stream *drip = h2_kit_request(kit, "GET", "/drip", NULL, 0);
    CHECK(h2_kit_finish(kit));
    CHECK_STR(drip->body, "one byte at a time");
    CHECK_EQ(drip->frames, strlen("one byte at a time"));
    CHECK_STR(drip->grpc_status, "0");
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_windows(void)
{
    static char bytes[3 << 20];
    const struct {
        uint32_t bytes;
        int32_t told;
    } cases[] = {{0, 65535}, {20000, 20000}, {1 << 20, 1 << 20}};
    for (unsigned i = 0; i < 3; i++) {
        struct fixture *f =
            fixture_create((struct h2_server_config){.window_bytes = cases[i].bytes});
        struct h2_kit *kit = client(f);
        struct h2_kit_stream *hold = h2_kit_request(kit, "GET", "/only", NULL, 0);
        CHECK(h2_kit_finish(kit));
        CHECK_STR(hold->grpc_status, "0");
        CHECK_EQ(
            nghttp2_session_get_remote_settings(kit->session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE),
            cases[i].told);
        /* A connection's window cannot be told smaller than HTTP/2's. */
        if (cases[i].told >= 65535)
            CHECK_EQ(nghttp2_session_get_remote_window_size(kit->session), cases[i].told);
        /* Windows open again as their bytes are taken. */
        struct h2_kit_stream *sink = h2_kit_request(kit, "POST", "/sink", bytes, sizeof bytes);
        CHECK(h2_kit_finish(kit));
        CHECK_STR(sink->grpc_status, "0");
        CHECK_EQ(f->bytes, sizeof bytes);
        h2_kit_close(kit);
        fixture_destroy(f);
    }
}

static void test_goaway_refuses(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *kit = client(f);
    struct h2_kit_stream *before = h2_kit_begin(kit, "/echo");
    struct h2_kit_stream *refused = h2_kit_begin(kit, "/refuse");
    struct h2_kit_stream *after = h2_kit_begin(kit, "/echo");
    while (!kit->goaway && h2_kit_turn(kit))
        continue;
    CHECK_EQ(kit->goaway_last, before->id);
    CHECK_EQ(kit->goaway_error, 0);
    CHECK_EQ(refused->error_code, NGHTTP2_REFUSED_STREAM);
    CHECK_EQ(refused->status, 0);
    CHECK_EQ(after->error_code, NGHTTP2_REFUSED_STREAM);
    CHECK(!before->closed);
    h2_kit_body(kit, before, "still here", 10, true);
    CHECK(h2_kit_finish(kit));
    CHECK_STR(before->body, "still here");
    CHECK_STR(before->grpc_status, "0");
    /* The third may have come too late to be handed over at all. */
    CHECK_EQ(f->cancels, f->requests - 1);
    /* Nothing is left to do for it. */
    while (h2_kit_turn(kit))
        continue;
    CHECK(kit->gone);
    h2_kit_close(kit);
    kit = client(f);
    refused = h2_kit_begin(kit, "/refuse");
    while (!kit->goaway && h2_kit_turn(kit))
        continue;
    CHECK_EQ(kit->goaway_last, 0);
    CHECK_EQ(refused->error_code, NGHTTP2_REFUSED_STREAM);
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_goaway_lets_streams_end(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *kit = client(f);
    struct h2_kit_stream *one = h2_kit_begin(kit, "/echo");
    struct h2_kit_stream *two = h2_kit_begin(kit, "/age");
    while (!kit->goaway && h2_kit_turn(kit))
        continue;
    CHECK_EQ(kit->goaway_last, two->id);
    CHECK_EQ(kit->goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
    h2_kit_body(kit, one, "1", 1, true);
    h2_kit_body(kit, two, "2", 1, true);
    CHECK(h2_kit_finish(kit));
    CHECK_STR(one->body, "1");
    CHECK_STR(two->body, "2");
    CHECK_EQ(f->cancels, 0);
    while (h2_kit_turn(kit))
        continue;
    CHECK(kit->gone);
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_reset(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *kit = client(f);
    static char bytes[50000];
    struct h2_kit_stream *reset = h2_kit_begin(kit, "/reset-code");
    h2_kit_body(kit, reset, bytes, sizeof bytes, true);
    struct h2_kit_stream *other = h2_kit_request(kit, "POST", "/echo", "x", 1);
    CHECK(h2_kit_finish(kit));
    CHECK_EQ(reset->error_code, NGHTTP2_ENHANCE_YOUR_CALM);
    CHECK_STR(other->grpc_status, "0");
    CHECK_EQ(f->cancels, 1);
    h2_kit_close(kit);
    fixture_destroy(f);
}

/* What a read gives once everything sent before has been read. */
static ssize_t last_read(int fd)
{
    char bytes[4096];
    ssize_t n;
    do
        n = recv(fd, bytes, sizeof bytes, 0);
    while (n > 0 || (n < 0 && errno == EINTR));
    return n;
}

static void test_cuts(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *kit = client(f);
    h2_kit_begin(kit, "/echo");
    h2_kit_begin(kit, "/tcp-reset");
    CHECK(h2_kit_send(kit));
    CHECK_EQ(last_read(kit->fd), -1);
    CHECK_EQ(errno, ECONNRESET);
    h2_kit_close(kit);
    kit = client(f);
    h2_kit_begin(kit, "/echo");
    h2_kit_begin(kit, "/vanish");
    while (h2_kit_turn(kit))
        continue;
    CHECK(kit->gone && !kit->goaway);
    CHECK_EQ(kit->open, 2);
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_stream_limit_changes(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){.conn_streams = 7});
    struct h2_kit *open = client(f), *later;
    struct h2_kit_stream *stream = h2_kit_request(open, "GET", "/only", NULL, 0);
    CHECK(h2_kit_finish(open));
    CHECK_STR(stream->grpc_status, "0");
    CHECK_EQ(open->peer_streams_max, 7);
    /* Streams beyond the new limit go on; told again, it is not sent again. */
    for (unsigned i = 0; i < 3; i++)
        h2_kit_begin(open, "/echo");
    h2_kit_request(open, "GET", "/limit", NULL, 0);
    h2_kit_request(open, "GET", "/limit", NULL, 0);
    while (open->open > 3 && h2_kit_turn(open))
        continue;
    CHECK_EQ(open->peer_streams_max, 1);
    for (unsigned i = 0; i < 3; i++)
        h2_kit_body(open, &open->streams[1 + i], "x", 1, true);
    CHECK(h2_kit_finish(open));
    CHECK_STR(open->streams[3].grpc_status, "0");
    later = client(f);
    h2_kit_request(later, "GET", "/only", NULL, 0);
    CHECK(h2_kit_finish(later));
    CHECK_EQ(later->peer_streams_max, 1);
    h2_kit_close(open);
    h2_kit_close(later);
    fixture_destroy(f);
}

static void test_answers_of_another_thread(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *kit = client(f);
    struct h2_kit_stream *hold = h2_kit_begin(kit, "/hold");
    struct h2_kit_stream *only = h2_kit_request(kit, "GET", "/only", NULL, 0);
    while (!only->closed && h2_kit_turn(kit))
        continue;
    uint64_t id = f->held;
    struct h2_answer answer = {.status = 200, .body = "ab", .body_len = 2, .more = true};
    answer.piece_bytes = 1;
    CHECK_EQ(h2_server_answer(f->server, id, &answer), 0);
    CHECK_EQ(h2_server_write(f->server, id, "cd", 2, true), 0);
    CHECK(h2_kit_finish(kit));
    CHECK_STR(hold->body, "abcd");
    CHECK_EQ(hold->frames, 4);
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_quiet_connections(void)
{
    struct fixture *f =
        fixture_create((struct h2_server_config){.idle_ms = 200, .handshake_ms = 200});
    struct h2_kit *busy = client(f), *idle = client(f);
    int silent = h2_kit_connect(h2_server_port(f->server));
    struct h2_kit_stream *stream = h2_kit_begin(busy, "/echo");
    while (stream->status == 0 && h2_kit_turn(busy))
        continue;
    h2_kit_request(idle, "GET", "/only", NULL, 0);
    while (h2_kit_turn(idle))
        continue;
    CHECK(idle->goaway);
    CHECK_EQ(last_read(silent), 0);
    /* As quiet as they were, but with a stream. */
    h2_kit_body(busy, stream, "x", 1, true);
    CHECK(h2_kit_finish(busy));
    CHECK_STR(stream->grpc_status, "0");
    close(silent);
    h2_kit_close(busy);
    h2_kit_close(idle);
    fixture_destroy(f);
}

static void test_not_http2(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    int fd = h2_kit_connect(h2_server_port(f->server));
    CHECK_EQ(send(fd, "GET / HTTP/1.1\r\nhost: a\r\n\r\n", 28, MSG_NOSIGNAL), 28);
    ssize_t n = last_read(fd);
    CHECK(n == 0 || errno == ECONNRESET);
    close(fd);
    struct h2_kit *kit = client(f);
    struct h2_kit_stream *stream = h2_kit_request(kit, "GET", "/only", NULL, 0);
    CHECK(h2_kit_finish(kit));
    CHECK_STR(stream->grpc_status, "0");
    h2_kit_close(kit);
    fixture_destroy(f);
}

/* Streams end one by one while their handler answers, resets and cuts the rest. */
static void test_handler_reacts_to_ends(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *leaves = client(f), *other = client(f), *stays = client(f);
    for (unsigned i = 0; i < 5; i++) {
        h2_kit_begin(leaves, "/bully");
        h2_kit_begin(other, "/bully");
    }
    h2_kit_request(leaves, "GET", "/only", NULL, 0);
    h2_kit_request(other, "GET", "/only", NULL, 0);
    while (leaves->open > 5 && h2_kit_turn(leaves))
        continue;
    while (other->open > 5 && h2_kit_turn(other))
        continue;
    h2_kit_close(leaves);
    CHECK_EQ(last_read(other->fd), -1);
    CHECK_EQ(errno, ECONNRESET);
    for (unsigned i = 0; i < 5; i++)
        h2_kit_begin(stays, "/bully");
    h2_kit_request(stays, "GET", "/only", NULL, 0);
    while (stays->open > 5 && h2_kit_turn(stays))
        continue;
    CHECK_EQ(f->cancels, 10);
    fixture_destroy(f);
    h2_kit_close(other);
    h2_kit_close(stays);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    RUN(test_pieces_both_ways);
    RUN(test_trailers_only);
    RUN(test_answer_ends_before_request);
    RUN(test_byte_a_frame);
    RUN(test_windows);
    RUN(test_goaway_refuses);
    RUN(test_goaway_lets_streams_end);
    RUN(test_reset);
    RUN(test_cuts);
    RUN(test_stream_limit_changes);
    RUN(test_answers_of_another_thread);
    RUN(test_quiet_connections);
    RUN(test_not_http2);
    RUN(test_handler_reacts_to_ends);
    return check_done();
}
