/*
 * A front: one thread, one loop, one libwebsockets context, the connections it accepted and their
 * sessions.
 *
 * Threads: front_create() and front_join()/front_free() on main; front_send() any thread; the rest
 * on the front's own thread. Every front has its own listening socket (SO_REUSEPORT), so the kernel
 * spreads connections.
 */
#pragma once

#include "base/durations.h"
#include "loop/loop.h"
#include "server/glances.h"
#include "server/outbox.h"
#include "server/peers.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct buf;
struct conn;
struct host;
struct http_answer;
struct loop_uv;
struct lws_context;
struct lws_retry_bo;
struct lws_vhost;
struct msg;
struct server;
struct watcher;

/* The struct is visible to the files of the front only (conn.c, ws.c, http.c). */
struct front {
    struct server *server;
    unsigned index;
    struct loop *loop;
    struct loop_uv *uv;
    struct lws_context *lws;
    struct lws_vhost *vhost;
    struct lws_retry_bo *keepalive; /* owned; of the context */
    struct loop_accept accept;
    struct loop_inbox inbox;
    struct loop_timer stop_timer;
    struct outbox outbox;
    struct conn **conns; /* by directory slot, as the hosts */
    struct host **hosts;
    uint32_t slots_len;
    struct http_answer *answers;   /* server/http_answer.h: requests under way */
    struct msg *kept, **kept_tail; /* for hosts that are on their way here */
    struct msg *again;             /* to be received once more */
    struct loop_timer again_timer;
    struct loop_task again_task; /* instead, where there is no memory for the timer */
    struct glances glances;
    struct watcher *watchers; /* server/watcher.h */
    uint32_t live;            /* connections open here, watchers too */
    uint32_t sockets;         /* accepted and not yet closed */
    bool stopping, hurried, unlistening;
    bool closing;     /* the context ends */
    int64_t cut_us;   /* stopping: when what is open then is cut */
    int64_t alone_us; /* stopping, without connections and listening socket: when requests have had
                         their time */
    /* For main. Relaxed, release, release. */
    _Atomic uint64_t accepted;
    _Atomic bool unlistened, ended;
    bool started; /* has a thread */
    int listen_fd;
    pthread_t thread;
    struct durations handover; /* audio block complete → accepted by the transport */
    struct durations starting; /* session.start received → session.started handed to the socket */
};

/* Takes `listen_fd` when 0. The reason of a failure is logged. */
int front_create(struct front **out, struct server *server, unsigned index, int listen_fd);
int front_start(struct front *front);
/* After FRONT_STOP was sent: waits for the thread's end. */
void front_join(struct front *front);
/* After every sender to its mailbox has stopped. */
void front_free(struct front *front);
int front_send(struct front *front, struct msg *msg);

/* The connection `id`; NULL when gone. */
struct conn *front_find(struct front *front, uint64_t id);
void front_bind(struct front *front, uint64_t id, struct conn *conn);
void front_unbind(struct front *front, uint64_t id);
/* Whatever host is in the slot of `id`, or NULL. */
struct host *front_host(struct front *front, uint64_t id);
void front_bind_host(struct front *front, uint64_t id, struct host *host);
void front_unbind_host(struct front *front, uint64_t id);
/* A message of the mailbox; taken. */
void front_receive(struct front *front, struct msg *msg);
/* Takes `msg`, which is received again a little later. */
void front_later(struct front *front, struct msg *msg);
/* One connection fewer: a stopping front ends with its last. */
void front_conn_gone(struct front *front);
/* One accepted socket fewer. */
void front_socket_gone(struct front *front);
