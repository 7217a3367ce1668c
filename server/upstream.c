#include "server/upstream.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "base/worker.h"
#include "loop/loop.h"
#include "pool/pool.h"
#include "server/ask.h"
#include "server/chats.h"
#include "server/outbox.h"
#include "server/server.h"
#include <assert.h>
#include <string.h>

struct upstream {
    struct server *server;
    struct loop *loop;
    /* Held for reading by whoever uses the pool from another thread, for writing while the pool
     * goes away: workers still run what the fronts have left them. */
    pthread_rwlock_t lock;
    struct pool *pools[CHATS_SIDES]; /* that of the grammar is the last */
    unsigned pools_len;              /* 0 once they close */
    unsigned closing;                /* pools that are; the loop's */
    struct outbox outbox;
    pthread_t thread;
    struct loop_inbox control; /* main asks for the close here: pools are closed on their loop */
};

static void on_reply(void *ctx, struct pool_reply *reply)
{
    struct upstream *upstream = ctx;
    ask_on_reply(&upstream->outbox, reply);
}

static void on_pool_closed(void *ctx)
{
    struct upstream *upstream = ctx;
    if (--upstream->closing == 0)
        loop_stop(upstream->loop);
}

static void close_pools(struct upstream *upstream)
{
    struct pool *pools[CHATS_SIDES];
    pthread_rwlock_wrlock(&upstream->lock);
    unsigned len = upstream->closing = upstream->pools_len;
    memcpy(pools, upstream->pools, sizeof pools);
    upstream->pools_len = 0;
    pthread_rwlock_unlock(&upstream->lock);
    for (unsigned i = 0; i < len; i++)
        pool_close(pools[i], on_pool_closed, upstream);
}

static void on_control(struct loop_inbox *inbox, struct msg *msg)
{
    struct upstream *upstream =
        (struct upstream *)((char *)inbox - offsetof(struct upstream, control));
    msg->free_fn(msg);
    close_pools(upstream);
}

static void *run(void *ctx)
{
    struct upstream *upstream = ctx;
    thread_prompt();
    loop_run(upstream->loop);
    return NULL;
}

static int add_pool(struct upstream *upstream, const struct pool_config *config)
{
    struct pool **pool = &upstream->pools[upstream->pools_len];
    int status = pool_create(pool, upstream->loop, config, on_reply, upstream);
    upstream->pools_len += status == STATUS_OK;
    return status;
}

int upstream_create(struct upstream **out, struct server *server)
{
    struct upstream *upstream = mem_calloc(1, sizeof *upstream);
    if (upstream == NULL)
        return STATUS_NOMEM;
    upstream->server = server;
    pthread_rwlock_init(&upstream->lock, NULL);
    int status = server_loop_create(server, &upstream->loop);
    if (status != STATUS_OK)
        goto fail;
    outbox_init(&upstream->outbox, upstream->loop, server->workers);
    while (status == STATUS_OK && upstream->pools_len < server->chats.pools)
        status = add_pool(upstream, &server->chats.pool[upstream->pools_len]);
    if (status == STATUS_OK)
        status = loop_inbox_open(upstream->loop, &upstream->control, 2, on_control);
    if (status == STATUS_OK)
        status = thread_start(&upstream->thread, "upstream", run, upstream);
    if (status != STATUS_OK)
        goto fail_pools;
    *out = upstream;
    return STATUS_OK;
fail_pools:
    if (upstream->control.mailbox != NULL)
        loop_inbox_close(&upstream->control);
    close_pools(upstream);
    if (upstream->closing > 0)
        loop_run(upstream->loop);
    loop_destroy(upstream->loop);
fail:
    pthread_rwlock_destroy(&upstream->lock);
    mem_free(upstream);
    return status;
}

static void control_free(struct msg *msg)
{
    mem_free(msg);
}

void upstream_close(struct upstream *upstream)
{
    struct msg *msg = mem_calloc(1, sizeof *msg);
    assert(msg != NULL);
    msg->free_fn = control_free;
    int status = mailbox_send(upstream->control.mailbox, msg);
    assert(status == STATUS_OK);
    pthread_join(upstream->thread, NULL);
}

void upstream_destroy(struct upstream *upstream)
{
    assert(upstream->pools_len == 0);
    outbox_deinit(&upstream->outbox);
    loop_inbox_close(&upstream->control);
    loop_destroy(upstream->loop);
    pthread_rwlock_destroy(&upstream->lock);
    mem_free(upstream);
}

/* NULL: they close. Under the lock. */
static struct pool *pool_of(const struct upstream *upstream, enum pool_class cls)
{
    bool grammar = cls == POOL_FINAL_GRAMMAR || cls == POOL_PARTIAL_GRAMMAR;
    if (upstream->pools_len == 0)
        return NULL;
    return upstream->pools[grammar ? upstream->pools_len - 1 : 0];
}

int upstream_submit(struct upstream *upstream, struct pool_request *request)
{
    pthread_rwlock_rdlock(&upstream->lock);
    struct pool *pool = pool_of(upstream, request->cls);
    int status = pool != NULL ? pool_submit(pool, request) : STATUS_CLOSED;
    pthread_rwlock_unlock(&upstream->lock);
    return status;
}

void upstream_cancel(struct upstream *upstream, uint64_t session, uint64_t id)
{
    pthread_rwlock_rdlock(&upstream->lock);
    /* Whoever does not know the id ignores it; a full mailbox only means that the request ends by
     * its deadline instead. */
    for (unsigned i = 0; i < upstream->pools_len; i++)
        (void)pool_cancel(upstream->pools[i], session, id);
    pthread_rwlock_unlock(&upstream->lock);
}

void upstream_settle(struct upstream *upstream, enum pool_class cls, unsigned which,
                     uint32_t estimate, uint32_t used)
{
    pthread_rwlock_rdlock(&upstream->lock);
    struct pool *pool = pool_of(upstream, cls);
    if (pool != NULL)
        pool_settle(pool, which, estimate, used);
    pthread_rwlock_unlock(&upstream->lock);
}

bool upstream_ready(struct upstream *upstream)
{
    pthread_rwlock_rdlock(&upstream->lock);
    bool ready = upstream->pools_len > 0;
    for (unsigned i = 0; i < upstream->pools_len; i++)
        ready = ready && pool_ready(upstream->pools[i]);
    pthread_rwlock_unlock(&upstream->lock);
    return ready;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

_Static_assert(sizeof(struct pool_stats) % sizeof(uint64_t) == 0, "it holds nothing else");

/* Counts add up; of the quantiles the larger is told; upstreams follow one another. */
static void stats_add(struct pool_stats *sum, const struct pool_stats *more)
{
    uint64_t queue_us = larger(sum->queue_p99_us, more->queue_p99_us);
    uint64_t upstream_us = larger(sum->upstream_p99_us, more->upstream_p99_us);
    uint64_t hedge_us = larger(sum->hedge_after_us, more->hedge_after_us);
    struct pool_stats before = *sum;
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)more;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
    sum->queue_p99_us = queue_us;
    sum->upstream_p99_us = upstream_us;
    sum->hedge_after_us = hedge_us;
    memcpy(sum->upstreams, before.upstreams, sizeof sum->upstreams);
    assert(sum->upstreams_len <= POOL_UPSTREAMS_MAX);
    for (size_t i = 0; i < more->upstreams_len; i++)
        sum->upstreams[before.upstreams_len + i] = more->upstreams[i];
}

void upstream_stats(struct upstream *upstream, struct pool_stats *pool, struct loop_stats *loop)
{
    *pool = (struct pool_stats){0};
    pthread_rwlock_rdlock(&upstream->lock);
    for (unsigned i = 0; i < upstream->pools_len; i++) {
        struct pool_stats stats;
        pool_stats(upstream->pools[i], &stats);
        stats_add(pool, &stats);
    }
    pthread_rwlock_unlock(&upstream->lock);
    loop_stats(upstream->loop, loop);
}
