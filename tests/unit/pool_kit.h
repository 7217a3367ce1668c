/* A pool on a loop of its own and a misbehaving upstream on a thread, for the tests of both. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "loop/loop.h"
#include "pool/chat.h"
#include "pool/pool.h"
#include "tests/check.h"
#include "tests/upstream/chat_server.h"
#include "tests/upstream/test_cert.h"
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#define KIT_REQUESTS_MAX 4096

/* What came back for one request; ids are 1 … KIT_REQUESTS_MAX. */
struct kit_result {
    unsigned finals, restarts, pieces;
    int64_t piece_us,
        gap_min_us; /* the last piece; the least time between two; by the loop's clock */
    enum pool_reply_kind kind;
    int status, http_status;
    uint32_t retry_after_ms;
    struct buf body, error;
    struct lat lat;
    int64_t at_us;
};

static enum loop_backend kit_backend;
static struct loop *kit_loop;
static struct pool *kit_pool;
static struct pool_config kit_config;
static struct kit_result kit_results[KIT_REQUESTS_MAX + 1];
static unsigned kit_finals;
static char kit_cert[64], kit_url[64];

static struct chat_server *kit_server;
static pthread_t kit_thread;
static struct test_cert kit_authority; /* one for all servers, so that one can come back */

static void *kit_server_run(void *ctx)
{
    chat_server_run(ctx);
    return NULL;
}

static inline void kit_server_start(struct chat_server_config config)
{
    if (kit_cert[0] == '\0') {
        snprintf(kit_cert, sizeof kit_cert, "/tmp/sotto-test-XXXXXX");
        close(mkstemp(kit_cert));
        test_cert_make(&kit_authority);
    }
    config.cert_file = kit_cert;
    config.cert = &kit_authority;
    CHECK_EQ(chat_server_create(&kit_server, &config), 0);
    snprintf(kit_url, sizeof kit_url, "https://127.0.0.1:%u/v1", chat_server_port(kit_server));
    pthread_create(&kit_thread, NULL, kit_server_run, kit_server);
}

static inline void kit_server_stop(void)
{
    chat_server_stop(kit_server);
    pthread_join(kit_thread, NULL);
    chat_server_destroy(kit_server);
    kit_server = NULL;
}

static inline struct chat_server_stats kit_server_stats(void)
{
    struct chat_server_stats stats;
    chat_server_stats(kit_server, &stats);
    return stats;
}

static inline struct pool_stats kit_stats(void)
{
    struct pool_stats stats;
    pool_stats(kit_pool, &stats);
    return stats;
}

static void kit_on_reply(void *ctx, struct pool_reply *reply)
{
    struct kit_result *result = &kit_results[reply->id];
    CHECK_EQ(result->finals, 0);
    CHECK_EQ(reply->msg.session, 1000 + reply->id % 7);
    CHECK(reply->ctx == result);
    int64_t now_us = loop_now_us(kit_loop);
    if (reply->kind == POOL_DATA) {
        buf_append(&result->body, reply->data, reply->len);
        if (result->pieces++ > 0 && now_us - result->piece_us < result->gap_min_us)
            result->gap_min_us = now_us - result->piece_us;
        result->piece_us = now_us;
    } else if (reply->kind == POOL_RESTART) {
        buf_reset(&result->body);
        result->restarts++;
    } else {
        result->finals++;
        result->kind = reply->kind;
        result->status = reply->status;
        result->http_status = reply->http_status;
        result->retry_after_ms = reply->retry_after_ms;
        buf_append(reply->kind == POOL_DONE ? &result->body : &result->error,
                   reply->data != NULL ? reply->data : "", reply->len);
        kit_finals++;
    }
    result->lat = reply->lat;
    result->at_us = clock_mono_us();
    reply->msg.free_fn(&reply->msg);
}

/* Turns the loop until `done` says so or `timeout_ms` has passed; true: it said so. */
struct kit_wait {
    struct loop_timer timer;
    bool (*done)(void *ctx);
    void *ctx;
    int64_t end_us;
    bool is_done;
};

static void kit_wait_check(struct loop_timer *timer)
{
    struct kit_wait *wait = (struct kit_wait *)timer;
    wait->is_done = wait->done != NULL && wait->done(wait->ctx);
    if (wait->is_done || loop_now_us(timer->loop) >= wait->end_us)
        loop_stop(timer->loop);
    else
        loop_timer_start(timer->loop, timer, loop_now_us(timer->loop) + 1000, kit_wait_check);
}

static inline bool kit_wait(bool (*done)(void *ctx), void *ctx, int timeout_ms)
{
    int64_t now_us = clock_mono_us();
    struct kit_wait wait = {.done = done, .ctx = ctx, .end_us = now_us + timeout_ms * 1000};
    loop_timer_start(kit_loop, &wait.timer, done == NULL ? wait.end_us : now_us, kit_wait_check);
    loop_run(kit_loop);
    loop_timer_stop(&wait.timer);
    return wait.is_done;
}

static bool kit_is_ready(void *ctx)
{
    return pool_ready(kit_pool);
}

static bool kit_all_done(void *ctx)
{
    return kit_finals >= *(unsigned *)ctx;
}

static inline bool kit_wait_finals(unsigned count)
{
    return kit_wait(kit_all_done, &count, 10000);
}

/* Everything set so that a test changes what it is about. */
static inline struct pool_config kit_defaults(void)
{
    return (struct pool_config){
        .upstreams = {{.account = {.url = kit_url, .key = "test-key"},
                       .ca_file = kit_cert,
                       .weight = 1,
                       .connections = 2,
                       .streams_per_connection = 50}},
        .upstreams_len = 1,
        .connect_timeout_ms = 2000,
        .stall_ms = 5000,
        .queue_max = 2048,
    };
}

static inline void kit_open(struct pool_config config)
{
    kit_config = config;
    kit_finals = 0;
    for (unsigned i = 0; i <= KIT_REQUESTS_MAX; i++) {
        buf_deinit(&kit_results[i].body);
        buf_deinit(&kit_results[i].error);
        kit_results[i] = (struct kit_result){.gap_min_us = INT64_MAX};
        buf_init(&kit_results[i].body, 1 << 20);
        buf_init(&kit_results[i].error, 1 << 20);
    }
    CHECK_EQ(loop_create(&kit_loop, kit_backend), 0);
    CHECK_EQ(pool_create(&kit_pool, kit_loop, &config, kit_on_reply, NULL), 0);
}

static inline void kit_open_warm(struct pool_config config)
{
    kit_open(config);
    CHECK(kit_wait(kit_is_ready, NULL, 5000));
}

static void kit_on_closed(void *ctx)
{
    *(bool *)ctx = true;
    loop_stop(kit_loop);
}

static inline void kit_close(void)
{
    bool closed = false;
    pool_close(kit_pool, kit_on_closed, &closed);
    kit_wait(NULL, NULL, 5000); /* at most: the callback ends it */
    CHECK(closed);
    loop_destroy(kit_loop);
}

struct kit_ask {
    unsigned id;
    enum pool_class cls;
    const char *text; /* NULL: "hello there" */
    bool stream;
    unsigned retries, deadline_ms; /* 0: 8 s */
    uint32_t cost;
};

static inline int kit_send(struct kit_ask ask)
{
    struct buf body;
    buf_init(&body, 1 << 20);
    struct chat_request chat = {.model = "test",
                                .system = "[sotto:translate v1 source=en target=es]",
                                .user = ask.text != NULL ? ask.text : "hello there",
                                .stream = ask.stream,
                                .temperature = -1};
    if (chat_request_write(&chat, &body) != 0)
        abort(); /* CHECK counts on one thread only */
    size_t len;
    char *bytes = buf_take(&body, &len);
    struct pool_request *request = pool_request_create(bytes, len);
    request->msg.session = 1000 + ask.id % 7;
    request->id = ask.id;
    request->cls = ask.cls;
    request->cost_tokens = ask.cost;
    request->retries = ask.retries;
    request->stream = ask.stream;
    request->ctx = &kit_results[ask.id];
    request->deadline_us = clock_mono_us() + (ask.deadline_ms > 0 ? ask.deadline_ms : 8000) * 1000;
    lat_start(&request->lat, clock_mono_us());
    int status = pool_submit(kit_pool, request);
    if (status != STATUS_OK)
        request->msg.free_fn(&request->msg);
    return status;
}

/* What the reader makes of a result's bytes; `text` gets the content. */
static inline int kit_read(unsigned id, bool stream, char *text, size_t size)
{
    struct chat_reader *reader = chat_reader_create(stream);
    struct chat_result result;
    chat_reader_feed(reader, kit_results[id].body.data != NULL ? kit_results[id].body.data : "",
                     kit_results[id].body.len);
    int status = chat_reader_end(reader);
    chat_reader_result(reader, &result);
    snprintf(text, size, "%s", result.text);
    chat_reader_destroy(reader);
    return status;
}

static inline void kit_expect_hello(unsigned id, bool stream)
{
    char text[256];
    CHECK_EQ(kit_results[id].finals, 1);
    CHECK_EQ(kit_results[id].kind, POOL_DONE);
    CHECK_EQ(kit_read(id, stream, text, sizeof text), 0);
    CHECK_STR(text, "\xC2\xAB"
                    "es\xC2\xBB HELLO THERE");
}

static inline void kit_expect_failed(unsigned id, int status)
{
    CHECK_EQ(kit_results[id].finals, 1);
    CHECK_EQ(kit_results[id].kind, POOL_FAILED);
    CHECK_EQ(kit_results[id].status, status);
}

static inline bool is_waiting(void *ctx)
{
    return kit_stats().waiting_stream == *(unsigned *)ctx;
}

static inline bool server_saw_requests(void *ctx)
{
    return kit_server_stats().requests >= *(unsigned *)ctx;
}

static inline bool server_saw_resets(void *ctx)
{
    return kit_server_stats().resets >= *(unsigned *)ctx;
}

static inline bool both_warm_again(void *ctx)
{
    return kit_stats().connections == 2 && kit_server_stats().handshakes >= *(unsigned *)ctx;
}

static inline bool both_warm(void *ctx)
{
    return kit_stats().connections == 2;
}

static inline bool none_warm(void *ctx)
{
    return kit_stats().connections == 0;
}

static inline bool server_saw_models(void *ctx)
{
    return kit_server_stats().models >= *(unsigned *)ctx;
}

/* Runs the tests over every backend this machine has. */
static inline int kit_main(void (*run)(void))
{
    static const enum loop_backend backends[] = {LOOP_URING, LOOP_EPOLL};
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < 2; i++) {
        struct loop *probe;
        kit_backend = backends[i];
        if (loop_create(&probe, kit_backend) != 0) {
            fprintf(stderr, "skip: backend %u is not available\n", i);
            continue;
        }
        fprintf(stderr, "on %s\n", loop_backend_name(probe));
        loop_destroy(probe);
        run();
    }
    unlink(kit_cert);
    return check_done();
}
