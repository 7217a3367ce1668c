#include "server/upstream.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "base/worker.h"
#include "loop/loop.h"
#include "pool/pool.h"
#include "server/ask.h"
#include "server/config.h"
#include "server/outbox.h"
#include "server/server.h"
#include <assert.h>

struct upstream {
    struct server *server;
    struct loop *loop;
    /* Held for reading by whoever uses the pool from another thread, for writing while the pool
     * goes away: workers still run what the fronts have left them. */
    pthread_rwlock_t lock;
    struct pool *pool;    /* NULL once it closes */
    struct pool *closing; /* the loop's */
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
    upstream->closing = NULL;
    loop_stop(upstream->loop);
}

static void on_control(struct loop_inbox *inbox, struct msg *msg)
{
    struct upstream *upstream =
        (struct upstream *)((char *)inbox - offsetof(struct upstream, control));
    msg->free_fn(msg);
    pthread_rwlock_wrlock(&upstream->lock);
    upstream->closing = upstream->pool;
    upstream->pool = NULL;
    pthread_rwlock_unlock(&upstream->lock);
    pool_close(upstream->closing, on_pool_closed, upstream);
}

static void *run(void *ctx)
{
    struct upstream *upstream = ctx;
    thread_prompt();
    loop_run(upstream->loop);
    return NULL;
}

static struct pool_config pool_config_from(const struct config *config)
{
    return (struct pool_config){
        .base_url = config->chat_url,
        .api_key = config->chat_key,
        .organization = config->chat_organization[0] != '\0' ? config->chat_organization : NULL,
        .ca_file = config->chat_ca[0] != '\0' ? config->chat_ca : NULL,
        .connections = (unsigned)config->chat_connections,
        .streams_per_connection = (unsigned)config->chat_streams,
        .requests_per_minute = (unsigned)config->chat_requests_per_minute,
        .tokens_per_minute = (unsigned)config->chat_tokens_per_minute,
        .connect_timeout_ms = (unsigned)config->chat_connect_ms,
        .stall_ms = (unsigned)config->chat_stall_ms,
        .age_ms = (unsigned)config->chat_age_ms,
        .keepalive_ms = (unsigned)config->chat_keepalive_ms,
        .queue_max = (unsigned)config->chat_queue_max,
        .on_demand = (config->off & CONFIG_OFF_PREWARM) != 0,
        .first_come = (config->off & CONFIG_OFF_FAIR_SHARE) != 0,
    };
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
    struct pool_config config = pool_config_from(server->config);
    status = pool_create(&upstream->pool, upstream->loop, &config, on_reply, upstream);
    if (status != STATUS_OK)
        goto fail_loop;
    status = loop_inbox_open(upstream->loop, &upstream->control, 2, on_control);
    if (status == STATUS_OK)
        status = thread_start(&upstream->thread, "upstream", run, upstream);
    if (status != STATUS_OK)
        goto fail_pool;
    *out = upstream;
    return STATUS_OK;
fail_pool:
    if (upstream->control.mailbox != NULL)
        loop_inbox_close(&upstream->control);
    pool_close(upstream->pool, on_pool_closed, upstream);
    loop_run(upstream->loop);
fail_loop:
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
    assert(upstream->pool == NULL);
    outbox_deinit(&upstream->outbox);
    loop_inbox_close(&upstream->control);
    loop_destroy(upstream->loop);
    pthread_rwlock_destroy(&upstream->lock);
    mem_free(upstream);
}

int upstream_submit(struct upstream *upstream, struct pool_request *request)
{
    pthread_rwlock_rdlock(&upstream->lock);
    int status = upstream->pool != NULL ? pool_submit(upstream->pool, request) : STATUS_CLOSED;
    pthread_rwlock_unlock(&upstream->lock);
    return status;
}

void upstream_cancel(struct upstream *upstream, uint64_t session, uint64_t id)
{
    pthread_rwlock_rdlock(&upstream->lock);
    /* A full mailbox only means that the request ends by its deadline instead. */
    if (upstream->pool != NULL)
        (void)pool_cancel(upstream->pool, session, id);
    pthread_rwlock_unlock(&upstream->lock);
}

void upstream_settle(struct upstream *upstream, uint32_t estimate, uint32_t used)
{
    pthread_rwlock_rdlock(&upstream->lock);
    if (upstream->pool != NULL)
        pool_settle(upstream->pool, estimate, used);
    pthread_rwlock_unlock(&upstream->lock);
}

bool upstream_ready(struct upstream *upstream)
{
    pthread_rwlock_rdlock(&upstream->lock);
    bool ready = upstream->pool != NULL && pool_ready(upstream->pool);
    pthread_rwlock_unlock(&upstream->lock);
    return ready;
}

void upstream_stats(struct upstream *upstream, struct pool_stats *pool, struct loop_stats *loop)
{
    *pool = (struct pool_stats){0};
    pthread_rwlock_rdlock(&upstream->lock);
    if (upstream->pool != NULL)
        pool_stats(upstream->pool, pool);
    pthread_rwlock_unlock(&upstream->lock);
    loop_stats(upstream->loop, loop);
}
