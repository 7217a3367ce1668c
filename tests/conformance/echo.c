/*
 * sotto-test-echo: what comes over a WebSocket goes back. The WebSocket is the server's own: its
 * ws.c with its context, on its loop; only what a connection does with messages (server/conn.h) and
 * plain HTTP (server/http.h) is replaced, by this file, when linking. No part of the server.
 *
 *   sotto-test-echo [--port N]    prints "ready port=N"; ends at SIGTERM
 *
 * Messages of up to 16 MiB in any number of fragments, ws://127.0.0.1:N/ with subprotocol sotto.v1.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "loop/loop.h"
#include "loop/loop_uv.h"
#include "server/config.h"
#include "server/conn.h"
#include "server/front.h"
#include "server/http.h"
#include "server/intake.h"
#include "server/server.h"
#include "server/ws.h"
#include <assert.h>
#include <libwebsockets.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ECHO_BYTES_MAX  (16 << 20)
#define ECHO_QUEUED_MAX (1 << 20) /* past it nothing more is read until the peer has */
#define ECHO_TURNS      8 /* of the loop, until an answer is there: in the server a worker makes it */

struct reply {
    struct reply *next;
    size_t len;
    bool binary;
    unsigned char bytes[]; /* LWS_PRE, then the message */
};

struct echo {
    struct conn conn; /* what ws.c knows */
    struct buf message;
    bool paused;
    struct reply *head, **tail;
    size_t queued;
    unsigned turns;
};

static struct echo *echo_of(const struct conn *conn)
{
    return (struct echo *)conn;
}

/* --- the server writes text only; a binary message goes back as one --- */

static bool writing_binary;
int __real_lws_write(struct lws *wsi, unsigned char *bytes, size_t len, enum lws_write_protocol as);
int __wrap_lws_write(struct lws *wsi, unsigned char *bytes, size_t len, enum lws_write_protocol as);

int __wrap_lws_write(struct lws *wsi, unsigned char *bytes, size_t len, enum lws_write_protocol as)
{
    if (as == LWS_WRITE_TEXT && writing_binary)
        as = LWS_WRITE_BINARY;
    return __real_lws_write(wsi, bytes, len, as);
}

/* --- server/conn.h --- */

struct conn *conn_create(struct front *front, struct lws *wsi)
{
    struct echo *echo = mem_calloc(1, sizeof *echo);
    assert(echo != NULL);
    echo->conn.front = front;
    echo->conn.wsi = wsi;
    buf_init(&echo->message, ECHO_BYTES_MAX);
    echo->tail = &echo->head;
    return &echo->conn;
}

static void drop_head(struct echo *echo)
{
    struct reply *reply = echo->head;
    echo->head = reply->next;
    if (echo->head == NULL)
        echo->tail = &echo->head;
    echo->queued -= reply->len;
    mem_free(reply);
}

void conn_abandon(struct conn *conn)
{
    conn->state = CONN_CLOSED;
    while (echo_of(conn)->head != NULL)
        drop_head(echo_of(conn));
}

void conn_destroy(struct conn *conn)
{
    loop_timer_stop(&conn->timer);
    conn_abandon(conn);
    buf_deinit(&echo_of(conn)->message);
    mem_free(conn);
}

static void pace(struct echo *echo)
{
    bool pause = echo->conn.state == CONN_OPEN && echo->queued > ECHO_QUEUED_MAX;
    if (pause != echo->paused) {
        echo->paused = pause;
        ws_pause_rx(echo->conn.wsi, pause);
    }
}

static void on_turn(struct loop_timer *timer);

static void next_turn(struct conn *conn)
{
    loop_timer_start(conn->front->loop, &conn->timer, loop_now_us(conn->front->loop), on_turn);
}

static void on_turn(struct loop_timer *timer)
{
    struct conn *conn = (struct conn *)((char *)timer - offsetof(struct conn, timer));
    if (--echo_of(conn)->turns > 0)
        next_turn(conn);
    else
        ws_send(conn->wsi);
}

static void send_soon(struct conn *conn)
{
    if (loop_timer_armed(&conn->timer))
        return;
    echo_of(conn)->turns = ECHO_TURNS;
    next_turn(conn);
}

static void fail(struct conn *conn, int code)
{
    conn->close_code = code;
    conn->state = CONN_CLOSING;
    send_soon(conn);
}

static void reply(struct echo *echo)
{
    size_t len = echo->message.len;
    struct reply *made = mem_alloc(sizeof *made + LWS_PRE + len);
    assert(made != NULL);
    *made = (struct reply){.len = len, .binary = !echo->conn.intake.text};
    if (len > 0)
        memcpy(made->bytes + LWS_PRE, echo->message.data, len);
    buf_reset(&echo->message);
    *echo->tail = made;
    echo->tail = &made->next;
    echo->queued += len;
    send_soon(&echo->conn);
}

/* The server's own, but for what may be large here. */
static const struct intake_limits limits = {
    .bytes_max = ECHO_BYTES_MAX,
    .fragments_max = UINT_MAX,
    .frames_per_s = 1000000,
    .frames_burst = 1,
    .texts_per_s = 1000000,
    .texts_burst = 1,
};

void conn_receive(struct conn *conn, const struct intake_piece *piece)
{
    struct echo *echo = echo_of(conn);
    if (conn->state != CONN_OPEN)
        return;
    if (piece->first)
        buf_reset(&echo->message);
    switch (intake_take(&conn->intake, &limits, piece, 0)) {
    case INTAKE_TAKEN: break;
    case INTAKE_TOO_BIG: fail(conn, 1009); return;
    case INTAKE_NOT_UTF8: fail(conn, 1007); return;
    }
    buf_append(&echo->message, piece->bytes, piece->len);
    if (piece->last)
        reply(echo);
    pace(echo);
}

bool conn_next(struct conn *conn, char **data, size_t *len)
{
    struct reply *head = echo_of(conn)->head;
    if (head == NULL)
        return false;
    writing_binary = head->binary;
    *data = (char *)head->bytes + LWS_PRE;
    *len = head->len;
    return true;
}

void conn_sent(struct conn *conn)
{
    drop_head(echo_of(conn));
    pace(echo_of(conn));
}

bool conn_may_close(const struct conn *conn)
{
    return conn->state == CONN_CLOSING && echo_of(conn)->head == NULL;
}

bool conn_has_output(const struct conn *conn)
{
    return echo_of(conn)->head != NULL || conn_may_close(conn);
}

/* --- server/ws.h: nobody watches --- */

const struct ws_ops ws_monitor_ops = {0};

/* --- server/http.h: every upgrade is welcome, and nothing else --- */

bool http_upgrade_allowed(struct front *front, struct lws *wsi)
{
    return true;
}

int http_request(struct front *front, struct lws *wsi, const char *path, struct http_reply *reply)
{
    return -1;
}

int http_writeable(struct lws *wsi, struct http_reply *reply)
{
    return -1;
}

void http_reply_free(struct http_reply *reply)
{
}

/* --- the program --- */

static struct front front;
static struct loop_poll signals;

static void on_uv_closed(void *ctx)
{
    loop_stop(front.loop);
}

/* A context ends in steps, see server/front.c. */
static void on_close_poll(struct loop_timer *timer)
{
    if (front.lws == NULL) {
        loop_uv_close(front.uv, on_uv_closed, NULL);
        return;
    }
    ws_close(&front);
    loop_timer_start(front.loop, timer, loop_now_us(front.loop) + 2000, on_close_poll);
}

static void on_signal(struct loop_poll *poll, unsigned events)
{
    loop_poll_close(poll, NULL);
    loop_accept_close(&front.accept, NULL);
    loop_timer_start(front.loop, &front.stop_timer, loop_now_us(front.loop), on_close_poll);
}

static void on_accept(struct loop_accept *accept, int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ws_adopt(&front, fd);
}

static int signals_fd(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* A socket that listens on 127.0.0.1; -1 when it cannot be had. */
static int listen_on(uint16_t *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return -1;
    *port = ntohs(address.sin_port);
    return fd;
}

static bool front_ready(uint16_t *port)
{
    front.listen_fd = listen_on(port);
    return front.listen_fd >= 0 && loop_create(&front.loop, LOOP_AUTO) == STATUS_OK &&
           loop_uv_create(&front.uv, front.loop) == STATUS_OK && ws_open(&front) == STATUS_OK &&
           loop_poll_start(front.loop, &signals, signals_fd(), LOOP_IN, on_signal) == STATUS_OK &&
           loop_accept_start(front.loop, &front.accept, front.listen_fd, on_accept) == STATUS_OK;
}

int main(int argc, char **argv)
{
    char *defaults[] = {argv[0], "--config", "/dev/null", NULL}, *nothing[] = {NULL};
    struct config_set *set;
    struct server server = {0};
    uint16_t port = argc == 3 ? (uint16_t)strtoul(argv[2], NULL, 10) : 0;
    if (argc != 1 && (argc != 3 || strcmp(argv[1], "--port") != 0)) {
        fputs("usage: sotto-test-echo [--port N]\n", stderr);
        return 2;
    }
    if (config_load(&set, 3, defaults, nothing, stderr) != STATUS_OK)
        return 1;
    server.config = config_get(set);
    front.server = &server;
    if (!front_ready(&port)) {
        fputs("sotto-test-echo: cannot listen\n", stderr);
        return 1;
    }
    printf("ready port=%u\n", port);
    fflush(stdout);
    loop_run(front.loop);
    loop_destroy(front.loop);
    mem_free(front.keepalive);
    close(front.listen_fd);
    close(signals.fd);
    config_free(set);
    return 0;
}
