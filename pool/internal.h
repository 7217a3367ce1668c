/*
 * What pool's files share: the pool, its connections, and the exchange, which is a request while
 * the pool owns it.
 *
 * A connection is one multi handle. Callbacks of libcurl only record (bytes into the exchange's
 * buffer, the exchange on the dirty list, sockets, timers); replies leave after the call into
 * libcurl has returned.
 *
 * Threads: the loop's own, except what `stats_lock` guards and the atomics.
 */
#pragma once

#include "base/buf.h"
#include "base/hist.h"
#include "base/rng.h"
#include "loop/loop.h"
#include "pool/breaker.h"
#include "pool/hedge.h"
#include "pool/limits.h"
#include "pool/pool.h"
#include "pool/retry.h"
#include "pool/scheduler.h"
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

struct pool__conn;
struct pool__upstream;

enum pool__state {
    EXCHANGE_NEW,     /* in the mailbox */
    EXCHANGE_QUEUED,  /* in the scheduler */
    EXCHANGE_SENT,    /* on a connection */
    EXCHANGE_BACKOFF, /* waiting to be queued again */
};

struct pool__exchange {
    struct pool_request request; /* first: the pool's callers hold this */
    struct pool_reply *last;     /* DONE or FAILED, taken with the request so that it cannot fail */
    struct pool *pool;
    struct scheduler_item item;
    struct loop_timer timer; /* SENT: deadline, stall, stream wait or piece; BACKOFF: its end */
    struct pool__exchange *chain; /* table by id */
    struct pool__exchange *dirty_next;
    struct pool__slot *slot;                     /* SENT */
    struct pool__slot *hedge;                    /* SENT: the same, asked elsewhere; or NULL */
    uint64_t avoid;                              /* serial of the connection where it failed last */
    const struct pool__upstream *avoid_upstream; /* that failed as a whole */
    int64_t queued_us, sent_us;
    int64_t piece_us; /* the last piece was passed on, when `delivered` */
    unsigned tries, moves;
    enum pool__state state;
    bool dirty, delivered, stalled, hedged;
    bool held; /* bytes of a stream wait for their turn: the timer knows */
};

/* An easy handle and whose transfer it carries. */
struct pool__slot {
    CURL *easy;
    struct pool *pool;
    struct pool__upstream *upstream;
    struct pool__conn *conn;
    struct pool__exchange *exchange; /* NULL: the connection's own GET */
    struct pool__slot *next;         /* free list */
    struct buf body;                 /* received and not passed on */
    size_t received;
    int64_t sent_us, byte_us;
    unsigned streams; /* times libcurl found a stream for it */
    bool finished;    /* the transfer has ended by itself */
    bool barred;      /* it would have had to open a connection */
    bool probe;       /* the breaker waits for what becomes of it */
    char error[CURL_ERROR_SIZE];
};

struct pool__socket {
    struct loop_poll poll;
    struct pool *pool;
    struct pool__conn *conn;
    struct pool__socket *next;
    uint64_t cookie; /* the kernel's name for it */
    bool started;
    bool ours; /* a connection's, made by our open callback; else the resolver's */
    bool idle; /* no transfer: watched for the peer's end */
};

enum pool__conn_state {
    CONN_COLD,     /* never tried */
    CONN_WARMING,  /* its GET is on the way */
    CONN_WARM,     /* takes requests */
    CONN_DOWN,     /* failed; `care` tries again */
    CONN_RETIRING, /* takes no more requests; goes when those it has are done */
};

struct pool__conn {
    struct pool *pool;
    struct pool__upstream *upstream;
    struct pool__conn *next; /* all of the pool, retiring ones too */
    CURLM *multi;
    struct pool__slot *own; /* the GET */
    struct pool__socket *sockets;
    struct loop_timer clock; /* libcurl's */
    struct loop_timer care;  /* keep-warm, or the next try */
    struct loop_timer age;   /* WARM: to be replaced then */
    int64_t used_us;         /* last byte or request */
    uint64_t serial;         /* never given again */
    uint64_t turn;           /* the newest request placed on it, as the pool counts */
    unsigned place;          /* 0 … connections - 1; a replacement has its predecessor's */
    unsigned in_flight, waiting, streams_max, failures;
    uint32_t streams_allowed; /* the peer's SETTINGS_MAX_CONCURRENT_STREAMS */
    enum pool__conn_state state;
    bool getting;      /* the GET is on the way */
    bool unread;       /* idle, with bytes that no transfer has read */
    bool reset_unsent; /* libcurl holds a RST_STREAM back until something else is sent */
    bool kicked;       /* handles were added since libcurl last ran */
    bool tried;        /* warm or failed once */
    bool multiplex;    /* speaks HTTP/2 */
    bool going_away;   /* the peer takes no new stream */
    bool replaced;     /* another is, or was, being warmed for its place */
};

/* Where requests go. */
struct pool__upstream {
    struct pool *pool;
    unsigned index;
    struct pool_upstream_config config; /* strings owned */
    CURLU *url, *models_url;            /* parsed once */
    bool plain;                         /* http to loopback: HTTP/1.1 */
    bool direct;                        /* no proxy: loopback, or none in the environment */
    struct curl_slist *headers, *get_headers;
    struct pool__slot *slots; /* free */
    struct pool_breaker breaker;
    struct budget budget;    /* what it tells of itself; the scheduler's is that of all */
    uint64_t pass;           /* where it stands in its turn among the upstreams */
    _Atomic int64_t settled; /* relaxed: tokens that came back, taken when there is time */
};

struct pool {
    struct loop *loop;
    struct loop_inbox inbox;
    struct loop_task pump;
    struct loop_timer due; /* the scheduler's */
    struct scheduler *scheduler;
    struct pool_config config; /* but the upstreams */
    struct pool__upstream upstreams[POOL_UPSTREAMS_MAX];
    uint64_t pass; /* of the upstream that was chosen last */
    struct pool__conn *conns;
    uint64_t serials, turns; /* given to connections */
    unsigned sockets_open;
    struct pool__exchange **table;
    uint32_t table_mask, exchanges;
    struct pool__exchange *dirty;
    pool_reply_fn *on_reply;
    void *ctx;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
    bool closing, in_turn;
    struct rng rng;
    struct pool_hedge hedge;
    _Atomic bool ready;         /* relaxed: a hint */
    pthread_mutex_t stats_lock; /* guards what follows */
    struct pool_stats stats;
    struct hist queue_hist, upstream_hist;
};

#define POOL_COUNT(pool, field, n)                                                                 \
    do {                                                                                           \
        pthread_mutex_lock(&(pool)->stats_lock);                                                   \
        (pool)->stats.field += (n);                                                                \
        pthread_mutex_unlock(&(pool)->stats_lock);                                                 \
    } while (0)

/* curl.c: easy handles. */
struct pool__slot *pool__slot_create(struct pool__upstream *upstream, bool get);
void pool__slot_destroy(struct pool__slot *slot);
int pool__headers_create(struct pool__upstream *upstream);
/* Where requests go, or the GET that keeps connections warm; NULL: no URL, or no memory. */
CURLU *pool__url_create(const struct pool__upstream *upstream, bool probe);

/* conn.c */
/* Cold, on the pool's list; NULL: out of memory. */
struct pool__conn *pool__conn_create(struct pool__upstream *upstream, unsigned place);
/* It has no request. */
void pool__conn_destroy(struct pool__conn *conn);
/* Begins to warm it unless that is under way. */
void pool__conn_warm(struct pool__conn *conn);
/* The connection broke under a request, or may have. */
void pool__conn_suspect(struct pool__conn *conn);
/* Requests wait: a connection that is down is tried again sooner. */
void pool__conn_hurry(struct pool__conn *conn);
int pool__conn_add(struct pool__conn *conn, struct pool__slot *slot);
/* Takes the slot off its connection; a transfer on the way is reset, the frame on the wire within
 * POOL_RESET_WAIT_MS. */
void pool__conn_remove(struct pool__slot *slot);
/* Its GET opens a connection: until it is answered no request is to wait for that. */
void pool__conn_opens(struct pool__conn *conn);
/* Runs libcurl after handles were added; completions are handled inside. */
void pool__conn_kick(struct pool__conn *conn);
/* It takes no more requests; what it has goes on. */
void pool__conn_retire(struct pool__conn *conn);

/* rotate.c: which connections there are, and which takes a request. */
int pool__conns_open(struct pool *pool);
void pool__conns_close(struct pool *pool);
/* Warms another for its place, which it keeps until then. */
void pool__conn_replace(struct pool__conn *conn);
/* It is warm: whoever had its place before retires; it is replaced itself when its time has come.
 */
void pool__conn_settle(struct pool__conn *conn, bool opened);
/* Does what is to be done if the peer has said GOAWAY. */
void pool__conn_leave(struct pool__conn *conn);
/* Frees retired connections without requests; not within a call into libcurl. */
void pool__conns_sweep(struct pool *pool);
/* What it may carry at once: as configured, or fewer as its peer allows. */
unsigned pool__conn_streams(const struct pool__conn *conn);
bool pool__conn_has_room(const struct pool__conn *conn);

/* upstream.c: where requests can go, and what is known of it. */
/* The reason why the configuration cannot be; NULL: it can. */
const char *pool__upstream_fault(const struct pool_upstream_config *config);
int pool__upstream_init(struct pool__upstream *upstream, struct pool *pool,
                        const struct pool_upstream_config *config);
/* After its connections. */
void pool__upstream_deinit(struct pool__upstream *upstream);

/* choose.c: which upstream and which connection takes a request. */
/* What a request should keep away from, where it can. */
struct pool__avoid {
    uint64_t conn; /* serial; 0: nothing */
    const struct pool__upstream *upstream;
};
/* The upstream whose turn it is among those that answer and whose own budget has room, of it the
 * least loaded warm connection with a stream free; NULL: none. */
struct pool__conn *pool__conn_choose(struct pool *pool, struct pool__avoid avoid);
/* There is a connection that would be chosen if there were budget. */
bool pool__conns_have_room(struct pool *pool);
/* A request of so many tokens goes to `conn`: it is charged, the turn passes on. True: the
 * upstream's breaker waits for it. */
bool pool__conn_chosen(struct pool__conn *conn, uint32_t tokens);
/* What became of a request there. */
void pool__upstream_answered(struct pool__upstream *upstream);
void pool__upstream_trouble(struct pool__upstream *upstream, enum pool_trouble trouble,
                            const char *code);
/* Does another answer, and take requests now? */
bool pool__upstream_has_other(const struct pool__upstream *upstream);
/* When one that takes no requests now may take some again; INT64_MAX: not by itself. */
int64_t pool__upstreams_due(struct pool *pool, int64_t now_us);
/* What a request gets when no upstream is going to answer soon; STATUS_OK: one may. */
int pool__refusal(const struct pool *pool);

/* peek.c: what HTTP/2 says to a connection and libcurl does not tell. */
void pool__peek_check(void);
void pool__peek_begin(struct pool__conn *conn);
void pool__peek_end(void);

/* sockets.c: libcurl's sockets on our loop. */
int pool__socket_watch(CURL *easy, curl_socket_t fd, int what, void *ctx, void *assigned);
curl_socket_t pool__socket_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address);
int pool__socket_close(void *ctx, curl_socket_t fd);
/* After its multi handle is gone: forgets what libcurl closed without a word. */
void pool__sockets_drop(struct pool__conn *conn);
/* True when the connection's socket has seen the peer's end. */
bool pool__sockets_dead(const struct pool__conn *conn);
void pool__conn_ready(struct pool__conn *conn, curl_socket_t fd, int events);
void pool__conn_idle_readable(struct pool__conn *conn);

/* resets.c */
void pool__resets_check(void);

/* slot.c: one try of a request. */
/* NULL: out of memory. */
struct pool__slot *pool__slot_place(struct pool__exchange *exchange, struct pool__conn *conn);
/* Off its connection and free; a transfer that is still on the way is reset. */
void pool__slot_leave(struct pool__slot *slot);
/* Handshakes that the request had to wait for; after warm-up there should be none. */
void pool__slot_count(struct pool__slot *slot);

/* reply.c: what goes back. */
/* NULL: out of memory. */
struct pool_reply *pool__reply_create(void);
void pool__reply_send(struct pool__exchange *exchange, struct pool_reply *reply,
                      enum pool_reply_kind kind);
/* Books the time up to now. */
void pool__exchange_mark(struct pool__exchange *exchange, enum lat_part part);

/* answer.c: what an answer says. */
struct pool__failure {
    enum retry_fault fault;
    int http_status;
    struct retry_hints hints;
    char code[64]; /* as the API names it, or "" */
};
/* Of a transfer that has ended; RETRY_NONE: it is an answer. */
struct pool__failure pool__failure_of(struct pool__slot *slot, CURLcode result);
/* What its headers say of the budget. */
void pool__budget_observe(struct pool__slot *slot);
/* What it says about the upstream as a whole. */
void pool__upstream_learn(struct pool__upstream *upstream, const struct pool__failure *failure);
/* Another connection of the same upstream would not help. */
bool pool__upstream_failed(enum retry_fault fault);

/* exchange.c */
void pool__exchange_start(struct pool__exchange *exchange);
/* On `conn`; the scheduler has let it go. */
void pool__exchange_send(struct pool__exchange *exchange, struct pool__conn *conn);
/* The transfer has ended; the slot is free again after this. */
void pool__exchange_done(struct pool__slot *slot, CURLcode result);
/* The last reply; the exchange is gone after this. */
void pool__exchange_fail(struct pool__exchange *exchange, int status);
void pool__exchange_cancel(struct pool *pool, uint64_t session, uint64_t id);
size_t pool__exchange_bytes(struct pool__slot *slot, const char *bytes, size_t len);
void pool__dirty_flush(struct pool *pool);

/* pool.c */
static inline void pool__pump_later(struct pool *pool)
{
    loop_defer(pool->loop, &pool->pump);
}
void pool__ready_check(struct pool *pool);
/* Requests that wait are failed by `status`. */
void pool__fail_waiting(struct pool *pool, int status);
