/*
 * What all threads of the process share: configuration, directory, workers, upstreams, fronts. Made
 * by server_start(), read-only afterwards but for the atomics that are named.
 *
 * Threads: main starts and stops it; server_post() from the stt thread and the workers.
 */
#pragma once

#include "server/chats.h"
#include "server/limits.h"
#include "server/peers_address.h"
#include "server/provider.h"
#include "server/session.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct auth;
struct admission;
struct config;
struct directory;
struct front;
struct grammar_cache;
struct loop;
struct monitor;
struct msg;
struct peers;
struct notices;
struct pages;
struct registry;
struct store;
struct pool;
struct stt_client;
struct tls;
struct translate_cache;
struct upstream;
struct worker_pool;

/* Kinds of message a front receives; all name a connection or a session in msg.session. */
enum front_msg {
    FRONT_PARSED,     /* server/conn.h: a client's message, parsed */
    FRONT_BODY,       /* server/conn.h: an event, serialised */
    FRONT_STT,        /* stt/client.h: struct stt_event */
    FRONT_ANSWER,     /* server/ask.h: a translation or correction */
    FRONT_STORED,     /* server/store.h: struct store_done */
    FRONT_REPLAY,     /* server/store.h: struct store_replay */
    FRONT_CLAIMED,    /* server/store.h: struct store_claim */
    FRONT_STORE_PAGE, /* server/store_query.h: struct store_page */
    FRONT_HTTP,       /* an HTTP answer that was made on a worker */
    /* server/resume.h: a session moves between fronts. */
    FRONT_WANTED,
    FRONT_LEAVE,
    FRONT_ARRIVE,
    FRONT_REFUSED,
    FRONT_PROBE,    /* server/admission_watch.h: only that it arrives counts */
    FRONT_STOP,     /* server/stop.h: clients are told to go; the loop ends with the last */
    FRONT_UNLISTEN, /* accept what is queued, then close the listening socket */
    FRONT_HURRY,    /* end at once */
    /* server/monitor.h */
    FRONT_WATCH,
    FRONT_DETAIL,
    FRONT_FLAG,
    FRONT_MONITOR,
    FRONT_HEARD, /* server/watcher_job.h: what a watcher said, parsed */
};

struct server {
    const struct config *config;
    struct providers providers;
    struct chats chats;
    struct session_config session_config;
    struct auth *auth; /* server/auth.h */
    struct tls *tls;   /* server/tls.h; NULL: none */
    /* Acquire: allowed values of Origin, "": the server's own; replaced by reloads. */
    _Atomic(const char *) origins;
    struct admission *admission;
    struct peers *peers;
    struct peers_proxies proxies;
    struct directory *directory;
    struct registry *registry;
    struct store *store;
    struct notices *notices; /* server/notices.h; NULL: nobody is told */
    struct monitor *monitor; /* server/monitor.h */
    struct pages *pages;     /* server/pages.h */
    struct worker_pool *workers;
    struct worker_pool *errands; /* one thread, for what takes long and nobody speaks behind */
    struct stt_client *stt;
    struct upstream *upstream; /* server/upstream.h */
    struct translate_cache *translate_cache;
    struct grammar_cache *grammar_cache;
    struct front *fronts[FRONTS_MAX];
    unsigned fronts_len;
    uint16_t port;
    int64_t started_us;
    /* Relaxed: set once by main, read by /readyz and by new connections. */
    _Atomic bool stopping;
    /* Relaxed: sockets that watch. */
    _Atomic unsigned watchers;
    /* Relaxed: the next session's serial, for ids that are unique in the process. */
    _Atomic uint32_t serial;
};

/* Starts every thread and listens. On failure everything is undone and the reason logged. */
int server_start(struct server **out, const struct config *config);
/* The configured kind of loop; the reason of a failure is logged. */
int server_loop_create(const struct server *server, struct loop **out);
/* The port in use (a configured port 0 is chosen by the kernel). */
uint16_t server_port(const struct server *server);
/* Ends what stop_run() (server/stop.h) has not, at once; stops every thread, frees everything. */
void server_stop(struct server *server);

/* As server_post(), from a loop, which must not wait. Takes `msg` when 0; STATUS_FULL,
 * STATUS_NOT_FOUND: nobody holds it. */
int server_offer(struct server *server, struct msg *msg);
/*
 * Sends `msg` to the front that holds msg->session; frees it when nobody does. Waits while that
 * front's mailbox is full (back pressure on the caller), so never from a loop thread. Without
 * workers fronts post to themselves: then a full mailbox loses the message.
 */
void server_post(struct server *server, struct msg *msg);
