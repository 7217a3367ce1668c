#include "server/front.h"

#include "base/log.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "loop/loop_uv.h"
#include "server/ask.h"
#include "server/config.h"
#include "server/conn.h"
#include "server/conn_job.h"
#include "server/directory.h"
#include "server/durable.h"
#include "server/glances.h"
#include "server/host.h"
#include "server/http_answer.h"
#include "server/peers_gate.h"
#include "server/resume.h"
#include "server/server.h"
#include "server/watcher.h"
#include "server/watcher_job.h"
#include "server/ws.h"
#include "stt/client.h"
#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* While a context ends: how often its progress is looked at. */
#define CLOSE_POLL_US 2000
#define AGAIN_US      1000

struct conn *front_find(struct front *front, uint64_t id)
{
    uint32_t slot = directory_slot(id);
    struct conn *conn = id != 0 && slot < front->slots_len ? front->conns[slot] : NULL;
    return conn != NULL && conn->id == id ? conn : NULL;
}

void front_bind(struct front *front, uint64_t id, struct conn *conn)
{
    assert(directory_slot(id) < front->slots_len);
    front->conns[directory_slot(id)] = conn;
}

void front_unbind(struct front *front, uint64_t id)
{
    front->conns[directory_slot(id)] = NULL;
}

struct host *front_host(struct front *front, uint64_t id)
{
    uint32_t slot = directory_slot(id);
    return id != 0 && slot < front->slots_len ? front->hosts[slot] : NULL;
}

void front_bind_host(struct front *front, uint64_t id, struct host *host)
{
    assert(directory_slot(id) < front->slots_len);
    front->hosts[directory_slot(id)] = host;
}

void front_unbind_host(struct front *front, uint64_t id)
{
    front->hosts[directory_slot(id)] = NULL;
}

/* --- the end of a front: sessions drained, context destroyed, uv closed, loop stopped --- */

static void on_uv_closed(void *ctx)
{
    struct front *front = ctx;
    loop_stop(front->loop);
}

static void on_close_poll(struct loop_timer *timer)
{
    struct front *front = (struct front *)((char *)timer - offsetof(struct front, stop_timer));
    if (front->lws != NULL) {
        ws_close(front);
        loop_timer_start(front->loop, timer, loop_now_us(front->loop) + CLOSE_POLL_US,
                         on_close_poll);
        return;
    }
    loop_uv_close(front->uv, on_uv_closed, front);
}

static void front_close(struct front *front)
{
    front->closing = true;
    if (front->lws != NULL)
        ws_close(front);
    loop_timer_start(front->loop, &front->stop_timer, loop_now_us(front->loop), on_close_poll);
}

static void on_accept(struct loop_accept *accept, int fd);

static void front_stop_soon(struct front *front);

static void on_accept_closed(struct loop_accept *accept)
{
    struct front *front = (struct front *)((char *)accept - offsetof(struct front, accept));
    /* Whoever was queued since the loop last looked would be reset by the close. */
    for (int fd; !front->closing &&
                 (fd = accept4(accept->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;)
        on_accept(accept, fd);
    close(accept->fd);
    atomic_store_explicit(&front->unlistened, true, memory_order_release);
    front_stop_soon(front);
}

static void front_unlisten(struct front *front)
{
    if (front->unlistening)
        return;
    front->unlistening = true;
    front->accept.keep_late = true;
    loop_accept_close(&front->accept, on_accept_closed);
}

static void on_stop_timer(struct loop_timer *timer);

/* Ends the front once nobody is left: no connection, no listening socket, no request that is being
 * answered; or when the time is over. */
static void front_stop_look(struct front *front)
{
    int64_t now_us = loop_now_us(front->loop), due_us = front->cut_us;
    if (front->closing)
        return;
    /* Relaxed: written on this thread. */
    bool alone = front->live == 0 && atomic_load_explicit(&front->unlistened, memory_order_relaxed);
    if (alone && front->alone_us == 0)
        front->alone_us = now_us + STOP_ANSWER_MS * 1000LL;
    if (alone && front->alone_us < due_us)
        due_us = front->alone_us;
    if (now_us >= due_us || front->hurried || (alone && front->sockets == 0)) {
        if (front->live > 0)
            LOG_WARN(LOG_FRONT, 0, "stopping with connections open", "connections=%u", front->live);
        front_unlisten(front);
        front_close(front);
        return;
    }
    loop_timer_start(front->loop, &front->stop_timer, due_us, on_stop_timer);
}

static void on_stop_timer(struct loop_timer *timer)
{
    front_stop_look((struct front *)((char *)timer - offsetof(struct front, stop_timer)));
}

/* What ended may still be in the library's hands: the timer runs after this callback. */
static void front_stop_soon(struct front *front)
{
    if (front->stopping && !front->closing)
        loop_timer_start(front->loop, &front->stop_timer, loop_now_us(front->loop), on_stop_timer);
}

void front_conn_gone(struct front *front)
{
    assert(front->live > 0);
    front->live--;
    front_stop_soon(front);
}

void front_socket_gone(struct front *front)
{
    assert(front->sockets > 0);
    front->sockets--;
    front_stop_soon(front);
}

/* Deadlines are spread: who leaves at the first word is no storm for those who take over. */
static uint32_t goaway_within_ms(uint32_t stop_ms, uint32_t index, uint32_t of)
{
    uint32_t last_ms = stop_ms > 2 * STOP_GOAWAY_MS ? stop_ms - STOP_GOAWAY_MS : stop_ms / 2;
    return last_ms / 2 + (uint32_t)((uint64_t)last_ms / 2 * (index + 1) / of);
}

static void front_goaway(struct front *front)
{
    uint32_t stop_ms = (uint32_t)front->server->config->stop_ms, told = 0, of = front->live;
    for (uint32_t i = 0; i < front->slots_len; i++)
        if (front->conns[i] != NULL)
            conn_goaway(front->conns[i], goaway_within_ms(stop_ms, told++, of));
    for (struct watcher *watcher = front->watchers; watcher != NULL; watcher = watcher->next)
        watcher_goaway(watcher, goaway_within_ms(stop_ms, told++, of));
    for (uint32_t i = 0; i < front->slots_len; i++)
        if (front->hosts[i] != NULL && front->hosts[i]->conn == NULL)
            host_goaway(front->hosts[i], 0);
}

static void front_stop(struct front *front)
{
    if (front->stopping)
        return;
    front->stopping = true;
    int64_t stop_ms = (int64_t)front->server->config->stop_ms;
    int64_t wait_ms = stop_ms > 2 * STOP_CUT_MS ? stop_ms - STOP_CUT_MS : stop_ms / 2;
    front->cut_us = loop_now_us(front->loop) + wait_ms * 1000;
    front_goaway(front);
    front_stop_look(front);
}

/* --- the mailbox --- */

/* For a host, which may be on its way here. */
static void receive_host(struct front *front, struct msg *msg)
{
    struct host *host = host_find(front, msg->session);
    if (host == NULL) {
        if (resume_keep(front, msg))
            return;
        if ((enum front_msg)msg->kind == FRONT_FLAG)
            glances_on_flag_lost(front, msg);
        else
            msg->free_fn(msg);
        return;
    }
    switch ((enum front_msg)msg->kind) {
    case FRONT_BODY: host_on_body(host, (struct conn_body *)msg); return;
    case FRONT_STT: host_on_stt(host, (struct stt_event *)msg); return;
    case FRONT_REPLAY: host_on_replay(host, (struct resume_replayed *)msg); return;
    case FRONT_DETAIL: glances_on_detail(host, msg); return;
    case FRONT_FLAG: glances_on_flag(host, msg); return;
    case FRONT_ANSWER: host_on_answer(host, &((struct ask_answer *)msg)->answer); break;
    case FRONT_STORED: host_on_stored(host, (struct store_done *)msg); break;
    default: break;
    }
    msg->free_fn(msg);
}

static void receive_conn(struct conn *conn, struct msg *msg)
{
    switch ((enum front_msg)msg->kind) {
    case FRONT_PARSED: conn_on_parsed(conn, (struct conn_parsed *)msg); return;
    case FRONT_BODY: conn_on_body(conn, (struct conn_body *)msg); return;
    case FRONT_CLAIMED: resume_on_claimed(conn, (struct resume_claimed *)msg); return;
    case FRONT_REFUSED: resume_on_refused(conn, msg); return;
    default: break;
    }
    msg->free_fn(msg);
}

void front_receive(struct front *front, struct msg *msg)
{
    switch ((enum front_msg)msg->kind) {
    case FRONT_STOP:
        msg->free_fn(msg);
        front_stop(front);
        return;
    case FRONT_UNLISTEN:
        msg->free_fn(msg);
        front_unlisten(front);
        return;
    case FRONT_HURRY:
        msg->free_fn(msg);
        front->hurried = true;
        front_stop_soon(front);
        return;
    case FRONT_PROBE: msg->free_fn(msg); return;
    case FRONT_HTTP: http_on_work(front, (struct http_work *)msg); return;
    case FRONT_STORE_PAGE: http_on_page(front, (struct store_page *)msg); return;
    case FRONT_WANTED: resume_on_wanted(front, msg); return;
    case FRONT_LEAVE: resume_on_leave(front, msg); return;
    case FRONT_ARRIVE: resume_on_arrive(front, msg); return;
    case FRONT_WATCH: glances_on_watch(front, msg); return;
    case FRONT_MONITOR: watcher_on_monitor(front, msg); return;
    case FRONT_HEARD: watcher_on_heard(front, (struct watcher_heard *)msg); return;
    default: break;
    }
    struct conn *conn = front_find(front, msg->session);
    if (conn != NULL)
        receive_conn(conn, msg);
    else
        receive_host(front, msg);
}

static void on_msg(struct loop_inbox *inbox, struct msg *msg)
{
    front_receive((struct front *)((char *)inbox - offsetof(struct front, inbox)), msg);
}

static void receive_again(struct front *front)
{
    struct msg *again = front->again;
    front->again = NULL;
    while (again != NULL) {
        struct msg *msg = again;
        again = msg->next;
        msg->next = NULL;
        front_receive(front, msg);
    }
}

static void on_again(struct loop_timer *timer)
{
    receive_again((struct front *)((char *)timer - offsetof(struct front, again_timer)));
}

static void on_again_task(struct loop_task *task)
{
    receive_again((struct front *)((char *)task - offsetof(struct front, again_task)));
}

void front_later(struct front *front, struct msg *msg)
{
    int64_t due_us = loop_now_us(front->loop) + AGAIN_US;
    struct msg **tail = &front->again;
    assert(msg->next == NULL);
    while (*tail != NULL)
        tail = &(*tail)->next;
    *tail = msg;
    front->again_task.run = on_again_task;
    if (loop_timer_start(front->loop, &front->again_timer, due_us, on_again) != STATUS_OK)
        loop_defer(front->loop, &front->again_task);
}

int front_send(struct front *front, struct msg *msg)
{
    return mailbox_send(front->inbox.mailbox, msg);
}

/* --- the start --- */

static void on_accept(struct loop_accept *accept, int fd)
{
    struct front *front = (struct front *)((char *)accept - offsetof(struct front, accept));
    int on = 1;
    peers_hold hold;
    /* Relaxed: for main, which only looks whether it grows. */
    atomic_fetch_add_explicit(&front->accepted, 1, memory_order_relaxed);
    if (front->closing || front->lws == NULL) {
        close(fd);
        return;
    }
    if (!peers_gate_accept(front, fd, &hold))
        return;
    /* Captions are small and late ones are worthless: no waiting for more (Nagle). */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* A peer that is given up with its window closed would keep the kernel's buffers for minutes.
     */
    unsigned unread_ms = (unsigned)front->server->config->ping_s * 2000;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unread_ms, sizeof unread_ms);
    struct lws *wsi = ws_adopt(front, fd);
    front->sockets += wsi != NULL;
    peers_gate_keep(front, wsi, hold);
}

static int front_open(struct front *front)
{
    int status = server_loop_create(front->server, &front->loop);
    if (status != STATUS_OK)
        return status;
    outbox_init(&front->outbox, front->loop, front->server->workers);
    if ((status = loop_uv_create(&front->uv, front->loop)) != STATUS_OK ||
        (status = loop_inbox_open(front->loop, &front->inbox, FRONT_INBOX, on_msg)) != STATUS_OK ||
        (status = ws_open(front)) != STATUS_OK ||
        (status = loop_accept_start(front->loop, &front->accept, front->listen_fd, on_accept)) !=
            STATUS_OK)
        LOG_ERROR(LOG_FRONT, 0, "cannot make a front", "front=%u status=%s", front->index,
                  status_name(status));
    return status;
}

/* Undoes what front_open() got to: what libwebsockets and libuv hold is given back by turns of the
 * loop only. */
static void front_abort(struct front *front)
{
    if (front->uv != NULL) {
        front_close(front);
        loop_run(front->loop);
    }
    if (front->inbox.mailbox != NULL)
        loop_inbox_close(&front->inbox);
    if (front->loop != NULL)
        loop_destroy(front->loop);
    mem_free(front->keepalive);
    mem_free(front->conns);
    mem_free(front->hosts);
    mem_free(front);
}

int front_create(struct front **out, struct server *server, unsigned index, int listen_fd)
{
    struct front *front = mem_calloc(1, sizeof *front);
    if (front == NULL)
        return STATUS_NOMEM;
    front->server = server;
    front->index = index;
    front->listen_fd = listen_fd;
    front->kept_tail = &front->kept;
    glances_init(&front->glances);
    front->slots_len = directory_slots(server->directory);
    front->conns = mem_calloc(front->slots_len, sizeof(struct conn *));
    front->hosts = mem_calloc(front->slots_len, sizeof(struct host *));
    bool made = front->conns != NULL && front->hosts != NULL;
    int status = made ? front_open(front) : STATUS_NOMEM;
    if (status != STATUS_OK) {
        front_abort(front);
        return status;
    }
    *out = front;
    return STATUS_OK;
}

static void *run(void *ctx)
{
    struct front *front = ctx;
    thread_prompt();
    loop_run(front->loop);
    atomic_store_explicit(&front->ended, true, memory_order_release);
    return NULL;
}

int front_start(struct front *front)
{
    char name[16];
    snprintf(name, sizeof name, "front-%u", front->index);
    int status = thread_start(&front->thread, name, run, front);
    front->started = status == STATUS_OK;
    if (!front->started)
        LOG_ERROR(LOG_FRONT, 0, "cannot start a thread", "name=%s", name);
    return status;
}

void front_join(struct front *front)
{
    if (front->started)
        pthread_join(front->thread, NULL);
    else
        run(front); /* the start failed elsewhere: it ends here as it would there */
}

void front_free(struct front *front)
{
    resume_forget(front);
    glances_forget(front);
    loop_timer_stop(&front->again_timer);
    outbox_deinit(&front->outbox);
    loop_inbox_close(&front->inbox);
    loop_destroy(front->loop);
    mem_free(front->keepalive);
    mem_free(front->conns);
    mem_free(front->hosts);
    mem_free(front);
}
