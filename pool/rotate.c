/*
 * Which connections there are. Each has a place at its upstream; before it gets old, and
 * when its peer says GOAWAY, another is warmed for the same place, and only when that is warm the
 * old one stops taking requests. Names are resolved anew for each.
 */
#include "base/log.h"
#include "base/status.h"
#include "pool/internal.h"
#include <assert.h>

int pool__conns_open(struct pool *pool)
{
    for (unsigned u = 0; u < pool->config.upstreams_len; u++)
        for (unsigned i = 0; i < pool->upstreams[u].config.connections; i++)
            if (pool__conn_create(&pool->upstreams[u], i) == NULL)
                return STATUS_NOMEM;
    return STATUS_OK;
}

void pool__conns_close(struct pool *pool)
{
    while (pool->conns != NULL)
        pool__conn_destroy(pool->conns);
}

void pool__conn_replace(struct pool__conn *conn)
{
    if (conn->replaced || conn->pool->closing || conn->state == CONN_RETIRING ||
        conn->pool->config.on_demand)
        return;
    struct pool__conn *next = pool__conn_create(conn->upstream, conn->place);
    if (next == NULL)
        return;
    conn->replaced = true;
    POOL_COUNT(conn->pool, replaced, 1);
    LOG_DEBUG(LOG_POOL, 0, "connection is being replaced", "conn=%llu by=%llu",
              (unsigned long long)conn->serial, (unsigned long long)next->serial);
    pool__conn_warm(next);
}

static void conn_on_age(struct loop_timer *timer)
{
    struct pool__conn *conn =
        (struct pool__conn *)((char *)timer - offsetof(struct pool__conn, age));
    /* What is not warm is opened anew, or tells so when it is warm again. */
    if (conn->state == CONN_WARM)
        pool__conn_replace(conn);
}

/* Connections opened together must not get old together: those of the start least of all. */
static int64_t life_us(struct pool *pool)
{
    int64_t most_us = (int64_t)pool->config.age_ms * 1000;
    return most_us - rng_range(&pool->rng, 0, most_us / (pool_ready(pool) ? 4 : 2));
}

void pool__conn_settle(struct pool__conn *conn, bool opened)
{
    struct pool *pool = conn->pool;
    for (struct pool__conn *old = pool->conns; old != NULL; old = old->next)
        if (old->upstream == conn->upstream && old->place == conn->place &&
            old->serial < conn->serial && old->state != CONN_RETIRING)
            pool__conn_retire(old);
    if (pool->config.age_ms == 0)
        return;
    int64_t now_us = loop_now_us(pool->loop);
    if (opened)
        loop_timer_start(pool->loop, &conn->age, now_us + life_us(pool), conn_on_age);
    else if (!loop_timer_armed(&conn->age) && !conn->replaced)
        loop_timer_start(pool->loop, &conn->age, now_us, conn_on_age);
}

void pool__conn_leave(struct pool__conn *conn)
{
    /* One that is not warm yet is opened anew, with growing pauses, when its GET fails. */
    if (!conn->going_away || conn->state != CONN_WARM || conn->pool->config.on_demand)
        return;
    POOL_COUNT(conn->pool, goaways, 1);
    LOG_INFO(LOG_POOL, 0, "upstream ends a connection", "conn=%llu in_flight=%u",
             (unsigned long long)conn->serial, conn->in_flight);
    pool__conn_replace(conn);
    if (conn->replaced)
        pool__conn_retire(conn);
    else
        pool__conn_suspect(conn);
}

void pool__conns_sweep(struct pool *pool)
{
    for (struct pool__conn *conn = pool->conns, *next; conn != NULL; conn = next) {
        next = conn->next;
        if (conn->state == CONN_RETIRING && conn->in_flight == 0)
            pool__conn_destroy(conn);
    }
}

unsigned pool__conn_streams(const struct pool__conn *conn)
{
    return conn->streams_max < conn->streams_allowed ? conn->streams_max : conn->streams_allowed;
}

/* Its own GET has a stream too. */
bool pool__conn_has_room(const struct pool__conn *conn)
{
    unsigned taken = conn->in_flight + (conn->getting ? 1 : 0);
    return conn->state == CONN_WARM && taken < pool__conn_streams(conn);
}
