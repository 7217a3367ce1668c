/*
 * Upstream HTTP/2: pre-warmed connections (libcurl multi handles, one connection each, driven by
 * our loop), a scheduler that shares budget fairly between sessions, cancel by RST_STREAM,
 * deadlines, bounded retries.
 *
 * Threads: pool_submit() and pool_cancel() from any thread (a mailbox on the pool's loop); on_reply
 * runs on that loop's thread and must only pass the reply on; the rest on the loop's thread or
 * before it runs. Memory: requests are given to the pool, replies are given to on_reply.
 */
#pragma once

#include "base/lat.h"
#include "base/mailbox.h"
#include "pool/chat_provider.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct pool;

/* In order of precedence inside a session. */
enum pool_class {
    POOL_FINAL_TRANSLATION,
    POOL_FINAL_GRAMMAR,
    POOL_PARTIAL_TRANSLATION,
    POOL_PARTIAL_GRAMMAR,
    POOL_CLASSES
};

#define POOL_UPSTREAMS_MAX 4

/* Where requests go. Its strings are copied. */
struct pool_upstream_config {
    struct chat_account account;
    const char *ca_file;  /* PEM; NULL: the system's roots */
    unsigned weight;      /* its part of the requests; 0: only when those with a part fail */
    unsigned connections; /* opened and warmed before pool_ready() */
    unsigned streams_per_connection;
};

struct pool_config {
    struct pool_upstream_config upstreams[POOL_UPSTREAMS_MAX]; /* all of one provider's API */
    unsigned upstreams_len;
    unsigned requests_per_minute,
        tokens_per_minute; /* of all upstreams; 0: what they tell. A 10 % margin is kept, also of
                              what each tells of itself. */
    unsigned connect_timeout_ms;
    unsigned stall_ms; /* no byte for so long: cancelled; finals are tried once more elsewhere */
    unsigned hedge_percent; /* of the finals at most are asked for twice when they take long */
    unsigned age_ms;        /* a connection is replaced before it is so old; 0: never */
    unsigned keepalive_ms;  /* an idle connection is used (GET /models) this often; 0: never */
    unsigned queue_max;     /* requests waiting, over all sessions */
    /* For measuring: connections are opened by the requests that need them and closed when idle;
     * requests go first come, first served, whatever their session and class. */
    bool on_demand, first_come;
};

struct pool_request {
    struct msg msg; /* msg.session: whose share; free_fn frees the request and its body */
    uint64_t id;    /* unique in the process, the submitter's; for cancel */
    enum pool_class cls;
    uint32_t lane;   /* of the session; a newer request replaces its waiting partial; 0: none */
    uint32_t weight; /* of the session, 1 by default */
    uint32_t cost_tokens; /* estimate, prompt and answer; settled from usage by pool_settle() */
    int64_t deadline_us;  /* CLOCK_MONOTONIC; what would arrive later is dropped unsent, answered by
                             STATUS_BUDGET where it waited for budget, else STATUS_TIMEOUT */
    unsigned retries;     /* how often it may be sent again */
    bool stream;          /* SSE: DATA replies as bytes arrive, the first at once and then one every
                             POOL_PIECE_GAP_MS at most; else none before DONE */
    char *body;           /* JSON; owned */
    size_t body_len;
    void *ctx;      /* comes back with every reply */
    struct lat lat; /* the ledger so far */
};

enum pool_reply_kind {
    POOL_DATA,    /* bytes of a 2xx body, more to come */
    POOL_RESTART, /* the request is sent again: forget the bytes so far */
    POOL_DONE,    /* the body's last bytes; completeness is the reader's to judge */
    POOL_FAILED,  /* status, http_status and, when there was one, the error's body in data */
};

/* DATA* then exactly one of DONE and FAILED, for every submitted request, a cancelled one too
 * (STATUS_CANCELLED, or STATUS_BUDGET where it had waited for budget). */
struct pool_reply {
    struct msg msg; /* msg.session as in the request */
    uint64_t id;
    enum pool_reply_kind kind;
    int status;      /* FAILED: TIMEOUT, CANCELLED, BUDGET, REFUSED (4xx), UNAVAILABLE, FULL … */
    int http_status; /* 0 when none came */
    unsigned upstream;       /* DONE: which answered */
    uint32_t retry_after_ms; /* FAILED: from Retry-After, or 0 */
    char *data;              /* owned */
    size_t len;
    void *ctx;
    struct lat lat; /* QUEUE and UPSTREAM booked up to this reply */
};

typedef void pool_reply_fn(void *ctx, struct pool_reply *reply);

/* NULL: out of memory. Body is taken, freed with the request. */
struct pool_request *pool_request_create(char *body, size_t len);

/* STATUS_INVALID (with the reason logged), STATUS_NOMEM. Connections open when the loop runs. */
int pool_create(struct pool **out, struct loop *loop, const struct pool_config *config,
                pool_reply_fn *on_reply, void *ctx);
/* Fails what is in flight, closes the connections; `on_closed` on the loop, then the pool is gone.
 */
void pool_close(struct pool *pool, void (*on_closed)(void *ctx), void *ctx);

/* Any thread; takes the request when 0. STATUS_FULL: the caller keeps it, no reply will come. */
int pool_submit(struct pool *pool, struct pool_request *request);
/* Any thread. The reply is FAILED/CANCELLED unless another was already on its way. Unknown ids are
 * ignored. STATUS_FULL: try again or let the deadline do it. */
int pool_cancel(struct pool *pool, uint64_t session, uint64_t id);
/* Any thread: tokens really used by a request that was charged `estimate`; `upstream` as in its
 * reply. */
void pool_settle(struct pool *pool, unsigned upstream, uint32_t estimate, uint32_t used);
/* True once every connection is warm (or has failed once). Any thread. */
bool pool_ready(const struct pool *pool);

struct pool_upstream_stats {
    uint64_t connections, in_flight;
    uint64_t sent, done;
    uint64_t troubles;       /* requests that broke, stalled, or met an error of its own */
    uint64_t breaker, trips; /* enum pool_breaker_state; times it opened */
    uint64_t trouble;        /* enum pool_trouble that opened it last */
    uint64_t requests_limit, tokens_limit; /* a minute, its own, in force; 0: it told none */
};

/* uint64_t and nothing else: several pools' are added up. */
struct pool_stats {
    struct pool_upstream_stats upstreams[POOL_UPSTREAMS_MAX];
    uint64_t upstreams_len;
    uint64_t connections, connects_total,
        handshakes_late; /* late: on the request path after warm-up */
    uint64_t retiring;   /* connections that only finish what they have */
    uint64_t streams;    /* requests that warm connections may carry, as their peers allow */
    uint64_t in_flight, queued, waiting_stream;
    uint64_t replaced, goaways; /* connections; GOAWAY of the peer */
    uint64_t moved;             /* sent on because their connection went away, unanswered */
    uint64_t sent, done, failed, retried, cancelled, expired, throttled; /* throttled: 429 */
    uint64_t sent_by_class[POOL_CLASSES];
    uint64_t hedged, hedges_won; /* asked for a second time; answered by that */
    uint64_t hedge_after_us;     /* a whole answer that takes longer is hedged; 0: not known yet */
    uint64_t unsent_by_class[POOL_CLASSES]; /* for want of budget */
    uint64_t requests_limit, tokens_limit;  /* a minute, of all, in force; 0: none */
    uint64_t queue_p99_us, upstream_p99_us;
};
/* A copy, any thread. */
void pool_stats(struct pool *pool, struct pool_stats *out);
