/* The pool as a whole: configuration, the mailbox, the pump that sends what may be sent, stats. */
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "pool/internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MSG_REQUEST, MSG_CANCEL };

struct cancel {
    struct msg msg;
    uint64_t id;
};

static void pump_run(struct loop_task *task);

void pool__ready_check(struct pool *pool)
{
    if (atomic_load_explicit(&pool->ready, memory_order_relaxed))
        return;
    unsigned warm = 0, all = 0;
    for (const struct pool__conn *conn = pool->conns; conn != NULL; conn = conn->next) {
        if (!conn->tried)
            return;
        warm += conn->state == CONN_WARM;
        all++;
    }
    LOG_INFO(LOG_POOL, 0, "upstream pool is ready", "warm=%u connections=%u", warm, all);
    atomic_store_explicit(&pool->ready, true, memory_order_relaxed);
}

bool pool_ready(const struct pool *pool)
{
    return atomic_load_explicit(&pool->ready, memory_order_relaxed);
}

/* The mailbox. */

static void on_msg(struct loop_inbox *inbox, struct msg *msg)
{
    struct pool *pool = (struct pool *)((char *)inbox - offsetof(struct pool, inbox));
    if (msg->kind == MSG_REQUEST) {
        struct pool__exchange *exchange = (struct pool__exchange *)msg;
        exchange->pool = pool;
        pool__exchange_start(exchange);
    } else {
        pool__exchange_cancel(pool, msg->session, ((struct cancel *)msg)->id);
        msg->free_fn(msg);
    }
    pool__pump_later(pool);
}

int pool_submit(struct pool *pool, struct pool_request *request)
{
    assert(pool != NULL && request != NULL && request->deadline_us > 0);
    request->msg.kind = MSG_REQUEST;
    return mailbox_send(pool->inbox.mailbox, &request->msg);
}

static void cancel_free(struct msg *msg)
{
    mem_free(msg);
}

int pool_cancel(struct pool *pool, uint64_t session, uint64_t id)
{
    struct cancel *cancel = mem_calloc(1, sizeof *cancel);
    if (cancel == NULL)
        return STATUS_FULL;
    cancel->msg = (struct msg){.kind = MSG_CANCEL, .session = session, .free_fn = cancel_free};
    cancel->id = id;
    int status = mailbox_send(pool->inbox.mailbox, &cancel->msg);
    if (status != STATUS_OK)
        mem_free(cancel);
    return status;
}

void pool_settle(struct pool *pool, unsigned upstream, uint32_t estimate, uint32_t used)
{
    assert(upstream < pool->config.upstreams_len);
    atomic_fetch_add_explicit(&pool->upstreams[upstream].settled, (int64_t)estimate - (int64_t)used,
                              memory_order_relaxed);
}

/* The pump. */

static struct pool__exchange *exchange_of(struct scheduler_item *item)
{
    return (struct pool__exchange *)((char *)item - offsetof(struct pool__exchange, item));
}

static void pump_expire(struct pool *pool, int64_t now_us)
{
    struct scheduler_item *item;
    while ((item = scheduler_expire(pool->scheduler, now_us)) != NULL)
        pool__exchange_fail(exchange_of(item),
                            pool__refusal(pool) == STATUS_OK ? item->status : pool__refusal(pool));
}

static void pump_on_due(struct loop_timer *timer)
{
    pool__pump_later((struct pool *)((char *)timer - offsetof(struct pool, due)));
}

static void pump_arm(struct pool *pool, int64_t now_us)
{
    bool can_send = pool__conn_choose(pool, (struct pool__avoid){0}) != NULL;
    int64_t due_us = scheduler_due(pool->scheduler, can_send, now_us);
    int64_t open_us = pool__upstreams_due(pool, now_us);
    if (!can_send && scheduler_len(pool->scheduler) > 0 && open_us < due_us)
        due_us = open_us;
    if (due_us == INT64_MAX)
        loop_timer_stop(&pool->due);
    else if (!loop_timer_armed(&pool->due) || pool->due.due_us != due_us)
        loop_timer_start(pool->loop, &pool->due, due_us, pump_on_due);
}

static void pump_gauges(struct pool *pool)
{
    uint64_t in_flight[POOL_UPSTREAMS_MAX] = {0}, warm[POOL_UPSTREAMS_MAX] = {0};
    uint64_t waiting = 0, retiring = 0, streams = 0;
    bool room = pool__conns_have_room(pool);
    for (const struct pool__conn *conn = pool->conns; conn != NULL; conn = conn->next) {
        in_flight[conn->upstream->index] += conn->in_flight;
        warm[conn->upstream->index] += conn->state == CONN_WARM;
        waiting += conn->waiting;
        retiring += conn->state == CONN_RETIRING;
        if (conn->state == CONN_WARM)
            streams += pool__conn_streams(conn);
    }
    uint32_t queued = scheduler_len(pool->scheduler);
    pthread_mutex_lock(&pool->stats_lock);
    struct pool_stats *stats = &pool->stats;
    stats->connections = stats->in_flight = 0;
    for (unsigned i = 0; i < pool->config.upstreams_len; i++) {
        stats->connections += stats->upstreams[i].connections = warm[i];
        stats->in_flight += stats->upstreams[i].in_flight = in_flight[i];
        stats->upstreams[i].breaker = pool->upstreams[i].breaker.state;
        stats->upstreams[i].trouble = pool->upstreams[i].breaker.trouble;
        stats->upstreams[i].requests_limit = pool->upstreams[i].budget.requests.bucket.limit;
        stats->upstreams[i].tokens_limit = pool->upstreams[i].budget.tokens.bucket.limit;
    }
    stats->queued = queued;
    stats->retiring = retiring;
    stats->streams = streams;
    int64_t after_us = pool_hedge_after_us(&pool->hedge, false);
    stats->hedge_after_us = after_us == INT64_MAX ? 0 : (uint64_t)after_us;
    stats->requests_limit = scheduler_requests_per_minute(pool->scheduler);
    stats->tokens_limit = scheduler_tokens_per_minute(pool->scheduler);
    stats->waiting_stream = waiting + (room ? 0 : queued);
    pthread_mutex_unlock(&pool->stats_lock);
}

static void pump_send(struct pool *pool, int64_t now_us)
{
    while (pool__conn_choose(pool, (struct pool__avoid){0}) != NULL) {
        struct scheduler_item *item = scheduler_take(pool->scheduler, now_us);
        if (item == NULL)
            return;
        struct pool__exchange *exchange = exchange_of(item);
        pool__exchange_send(
            exchange, pool__conn_choose(
                          pool, (struct pool__avoid){exchange->avoid, exchange->avoid_upstream}));
    }
    /* No upstream has anything left of what it allows. */
    if (pool__conns_have_room(pool))
        scheduler_short(pool->scheduler, now_us);
}

static void pump_settle(struct pool *pool)
{
    for (unsigned i = 0; i < pool->config.upstreams_len; i++) {
        struct pool__upstream *upstream = &pool->upstreams[i];
        int64_t settled = atomic_exchange_explicit(&upstream->settled, 0, memory_order_relaxed);
        if (settled == 0)
            continue;
        scheduler_settle(pool->scheduler, settled);
        budget_settle(&upstream->budget, settled);
    }
}

static void pool_free(struct pool *pool);

static void pump_run(struct loop_task *task)
{
    struct pool *pool = (struct pool *)((char *)task - offsetof(struct pool, pump));
    if (pool->closing) {
        if (pool->sockets_open == 0)
            pool_free(pool);
        return;
    }
    int64_t now_us = loop_now_us(pool->loop);
    pump_settle(pool);
    pump_expire(pool, now_us);
    pump_send(pool, now_us);
    for (struct pool__conn *conn = pool->conns, *next; conn != NULL; conn = next) {
        next = conn->next;
        if (scheduler_len(pool->scheduler) > 0)
            pool__conn_hurry(conn);
        pool__conn_kick(conn);
    }
    pool__conns_sweep(pool);
    pump_arm(pool, now_us);
    pump_gauges(pool);
}

/* Life cycle. */

static const char *config_fault(const struct pool_config *config)
{
    if (config->upstreams_len == 0 || config->upstreams_len > POOL_UPSTREAMS_MAX)
        return "upstreams out of range";
    for (unsigned i = 0; i < config->upstreams_len; i++) {
        const char *fault = pool__upstream_fault(&config->upstreams[i]);
        if (fault != NULL)
            return fault;
        if (config->upstreams[i].account.provider != config->upstreams[0].account.provider)
            return "all upstreams must speak the same API";
    }
    if (config->queue_max == 0 || config->queue_max > POOL_QUEUE_MAX)
        return "queue_max out of range";
    if (config->hedge_percent > 100)
        return "hedge_percent out of range";
    if (config->connect_timeout_ms == 0)
        return "connect_timeout_ms must not be 0";
    return NULL;
}

static void curl_start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    pool__resets_check();
    pool__peek_check();
}

static int pool_init(struct pool *pool, const struct pool_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, curl_start);
    int status = STATUS_OK;
    pool->config = *config;
    pool_hedge_init(&pool->hedge, config->hedge_percent);
    pool->stats.upstreams_len = config->upstreams_len;
    for (unsigned i = 0; i < config->upstreams_len && status == STATUS_OK; i++)
        status = pool__upstream_init(&pool->upstreams[i], pool, &config->upstreams[i]);
    if (status != STATUS_OK)
        return status;
    uint32_t slots = 64;
    while (slots < config->queue_max)
        slots *= 2;
    pool->table_mask = slots - 1;
    pool->table = mem_calloc(slots, sizeof(struct pool__exchange *));
    pool->scheduler = scheduler_create(
        &(struct scheduler_config){config->requests_per_minute, config->tokens_per_minute,
                                   config->queue_max, config->first_come},
        loop_now_us(pool->loop));
    if (pool->table == NULL || pool->scheduler == NULL)
        return STATUS_NOMEM;
    if (status == STATUS_OK)
        status = pool__conns_open(pool);
    if (status != STATUS_OK)
        return status;
    return loop_inbox_open(pool->loop, &pool->inbox, config->queue_max, on_msg);
}

static void pool_free(struct pool *pool)
{
    void (*on_closed)(void *ctx) = pool->on_closed;
    void *ctx = pool->closed_ctx;
    if (pool->scheduler != NULL)
        scheduler_destroy(pool->scheduler);
    for (unsigned i = 0; i < POOL_UPSTREAMS_MAX; i++)
        pool__upstream_deinit(&pool->upstreams[i]);
    mem_free(pool->table);
    pthread_mutex_destroy(&pool->stats_lock);
    mem_free(pool);
    if (on_closed != NULL)
        on_closed(ctx);
}

int pool_create(struct pool **out, struct loop *loop, const struct pool_config *config,
                pool_reply_fn *on_reply, void *ctx)
{
    assert(out != NULL && loop != NULL && config != NULL && on_reply != NULL);
    const char *fault = config_fault(config);
    if (fault != NULL) {
        LOG_ERROR(LOG_POOL, 0, "pool configuration is not valid", "reason=%s", LOG_Q(fault));
        return STATUS_INVALID;
    }
    struct pool *pool = mem_calloc(1, sizeof *pool);
    if (pool == NULL)
        return STATUS_NOMEM;
    pool->loop = loop;
    pool->on_reply = on_reply;
    pool->ctx = ctx;
    pool->pump.run = pump_run;
    rng_init(&pool->rng, rng_seed());
    pthread_mutex_init(&pool->stats_lock, NULL);
    int status = pool_init(pool, config);
    if (status != STATUS_OK) {
        if (status == STATUS_INVALID)
            LOG_ERROR(LOG_POOL, 0, "pool configuration is not valid", "reason=%s",
                      LOG_Q("base_url, api_key or organization cannot be sent"));
        pool__conns_close(pool);
        pool_free(pool);
        return status;
    }
    for (struct pool__conn *conn = pool->conns; conn != NULL; conn = conn->next)
        pool__conn_warm(conn);
    *out = pool;
    return STATUS_OK;
}

/* Requests still in the mailbox are answered like those inside. */
static void close_mailbox(struct pool *pool)
{
    struct msg *msg;
    mailbox_close(pool->inbox.mailbox);
    while ((msg = mailbox_recv(pool->inbox.mailbox)) != NULL)
        on_msg(&pool->inbox, msg);
    loop_inbox_close(&pool->inbox);
}

void pool__fail_waiting(struct pool *pool, int status)
{
    for (uint32_t i = 0; i <= pool->table_mask; i++)
        for (struct pool__exchange *e = pool->table[i], *next; e != NULL; e = next) {
            next = e->chain;
            if (e->state == EXCHANGE_QUEUED || e->state == EXCHANGE_BACKOFF)
                pool__exchange_fail(e, status);
        }
}

void pool_close(struct pool *pool, void (*on_closed)(void *ctx), void *ctx)
{
    assert(pool != NULL && !pool->closing && !pool->in_turn);
    close_mailbox(pool);
    pool->closing = true;
    pool->on_closed = on_closed;
    pool->closed_ctx = ctx;
    for (uint32_t i = 0; i <= pool->table_mask; i++)
        while (pool->table[i] != NULL)
            pool__exchange_fail(pool->table[i], STATUS_CLOSED);
    assert(pool->exchanges == 0);
    pool__conns_close(pool);
    loop_timer_stop(&pool->due);
    pool__pump_later(pool);
}

void pool_stats(struct pool *pool, struct pool_stats *out)
{
    pthread_mutex_lock(&pool->stats_lock);
    *out = pool->stats;
    out->queue_p99_us = hist_quantile(&pool->queue_hist, 0.99);
    out->upstream_p99_us = hist_quantile(&pool->upstream_hist, 0.99);
    pthread_mutex_unlock(&pool->stats_lock);
}
