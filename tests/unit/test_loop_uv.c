/* libuv nested in our loop: timers, sockets, work added from outside, an end that leaves nothing
 * behind. */
#include "tests/unit/loop_kit.h"

#include "loop/loop_uv.h"
#include <uv.h>

static struct loop_uv *nest;
static uv_loop_t *uv;
static struct loop_timer later;
static int fired, closed;
static char received[16];
static size_t received_len;

static bool begin(void)
{
    fired = closed = 0;
    received_len = 0;
    memset(&later, 0, sizeof later);
    CHECK_EQ(loop_uv_create(&nest, kit_loop), STATUS_OK);
    uv = loop_uv_get(nest);
    return uv != NULL;
}

static void on_nest_closed(void *ctx)
{
    closed++;
    loop_stop(ctx);
}

static void end(void)
{
    loop_uv_close(nest, on_nest_closed, kit_loop);
    kit_run();
    CHECK_EQ(closed, 1);
}

static void on_uv_timer(uv_timer_t *timer)
{
    CHECK(loop_is_current(kit_loop));
    if (++fired == 3) {
        uv_close((uv_handle_t *)timer, NULL);
        loop_stop(kit_loop);
    }
}

/* Three repeats of 10 ms take 30 ms and hardly more turns than three: nobody polls. */
static void test_timer(void)
{
    struct loop_stats stats;
    uv_timer_t timer;
    begin();
    uv_timer_init(uv, &timer);
    uv_update_time(uv);
    int64_t start_us = loop_now_us(kit_loop);
    uv_timer_start(&timer, on_uv_timer, 10, 10);
    kit_run();
    CHECK_EQ(fired, 3);
    CHECK(loop_now_us(kit_loop) - start_us >= 28000);
    loop_stats(kit_loop, &stats);
    CHECK(stats.turns <= 16);
    end();
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    *out = uv_buf_init(received + received_len, (unsigned)(sizeof received - received_len));
}

static uv_tcp_t server, server_side, client;
static uv_connect_t connecting;
static uv_write_t write_request, echo_request;

static void on_client_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *bytes)
{
    CHECK(len > 0);
    received_len += len > 0 ? (size_t)len : 0;
    if (len > 0 && received_len < 5)
        return;
    uv_close((uv_handle_t *)&server, NULL);
    uv_close((uv_handle_t *)&server_side, NULL);
    uv_close((uv_handle_t *)&client, NULL);
    loop_stop(kit_loop);
}

static char echo_bytes[16];

static void on_echo_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    *out = uv_buf_init(echo_bytes, sizeof echo_bytes);
}

static void on_server_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *bytes)
{
    CHECK_EQ(len, 5);
    uv_buf_t answer = uv_buf_init(echo_bytes, (unsigned)len);
    uv_write(&echo_request, stream, &answer, 1, NULL);
}

static void on_connection(uv_stream_t *stream, int status)
{
    uv_tcp_init(uv, &server_side);
    CHECK_EQ(uv_accept(stream, (uv_stream_t *)&server_side), 0);
    uv_read_start((uv_stream_t *)&server_side, on_echo_alloc, on_server_read);
}

static void on_connect(uv_connect_t *request, int status)
{
    CHECK_EQ(status, 0);
    uv_buf_t hello = uv_buf_init((char[]){"hello"}, 5);
    uv_read_start((uv_stream_t *)&client, on_alloc, on_client_read);
    uv_write(&write_request, (uv_stream_t *)&client, &hello, 1, NULL);
}

static void test_tcp_echo(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int len = sizeof address;
    begin();
    uv_tcp_init(uv, &server);
    uv_tcp_init(uv, &client);
    CHECK_EQ(uv_tcp_bind(&server, (struct sockaddr *)&address, 0), 0);
    CHECK_EQ(uv_listen((uv_stream_t *)&server, 8, on_connection), 0);
    CHECK_EQ(uv_tcp_getsockname(&server, (struct sockaddr *)&address, &len), 0);
    CHECK_EQ(uv_tcp_connect(&connecting, &client, (struct sockaddr *)&address, on_connect), 0);
    kit_run();
    CHECK_EQ(received_len, 5);
    CHECK(memcmp(received, "hello", 5) == 0);
    end();
}

static uv_poll_t watcher;
static int fds[2];

static void on_uv_poll(uv_poll_t *poll, int status, int events)
{
    char byte;
    CHECK_EQ(read(fds[0], &byte, 1), 1);
    fired++;
    uv_close((uv_handle_t *)poll, NULL);
    loop_stop(kit_loop);
}

static void add_watcher(struct loop_timer *timer)
{
    uv_poll_init(uv, &watcher, fds[0]);
    uv_poll_start(&watcher, UV_READABLE, on_uv_poll);
    CHECK_EQ(write(fds[1], "x", 1), 1);
}

static void add_watcher_and_kick(struct loop_timer *timer)
{
    add_watcher(timer);
    loop_uv_kick(nest);
    loop_uv_kick(nest);
}

/* A watcher added by a callback of ours, not of libuv's: seen at once, with a kick or without. */
static void added_outside(void (*add)(struct loop_timer *timer))
{
    begin();
    kit_pair(fds);
    int64_t start_us = loop_now_us(kit_loop);
    loop_timer_start(kit_loop, &later, start_us + 1000, add);
    kit_run();
    CHECK_EQ(fired, 1);
    CHECK(loop_now_us(kit_loop) - start_us < 5 * 1000000);
    end();
    close(fds[0]);
    close(fds[1]);
}

static void test_added_outside(void)
{
    added_outside(add_watcher);
}

static void test_added_outside_and_kicked(void)
{
    added_outside(add_watcher_and_kick);
}

static uv_async_t async;

static void on_async(uv_async_t *handle)
{
    fired++;
    uv_close((uv_handle_t *)handle, NULL);
    loop_stop(kit_loop);
}

static void *async_main(void *ctx)
{
    uv_async_send(&async);
    return NULL;
}

/* uv_async_send() is what lws_cancel_service() uses: it must wake our sleep. */
static void test_async_from_thread(void)
{
    pthread_t thread;
    begin();
    uv_async_init(uv, &async, on_async);
    pthread_create(&thread, NULL, async_main, NULL);
    kit_run();
    pthread_join(thread, NULL);
    CHECK_EQ(fired, 1);
    end();
}

static void on_end(struct loop_timer *timer)
{
    loop_stop(timer->loop);
}

/* An empty nest costs nothing while it waits. */
static void test_idle(void)
{
    struct loop_stats stats;
    begin();
    loop_timer_start(kit_loop, &later, loop_now_us(kit_loop) + 30000, on_end);
    kit_run();
    loop_stats(kit_loop, &stats);
    CHECK(stats.turns <= 4);
    end();
}

int main(void)
{
    RUN_BOTH(test_timer);
    RUN_BOTH(test_tcp_echo);
    RUN_BOTH(test_added_outside);
    RUN_BOTH(test_added_outside_and_kicked);
    RUN_BOTH(test_async_from_thread);
    RUN_BOTH(test_idle);
    return check_done();
}
