/*
 * Which upstream and which connection takes a request. Upstreams take turns by weight; those that
 * answer errors only, have no stream free or have spent what they allow are left out, and one
 * without a weight steps in when no other can.
 */
#include "base/log.h"
#include "base/status.h"
#include "pool/internal.h"
#include <assert.h>

#define PASS_WHOLE 10000 /* what a turn costs an upstream of weight 1 */

/* A connection on which requests wait for a stream comes after all others. */
static unsigned conn_load(const struct pool__conn *conn)
{
    return conn->in_flight + (conn->waiting > 0 && !conn->kicked ? POOL_STREAMS_MAX : 0);
}

/* Among equals one that has a reset to send: the request takes it along. Then the one that has
 * waited longest for a request. */
static bool conn_before(const struct pool__conn *a, const struct pool__conn *b)
{
    unsigned load_a = conn_load(a), load_b = conn_load(b);
    if (load_a != load_b)
        return load_a < load_b;
    return a->reset_unsent != b->reset_unsent ? a->reset_unsent : a->turn < b->turn;
}

/* A connection of its upstream that a request should not have is better than none. */
static bool conn_better(const struct pool__conn *conn, const struct pool__conn *best,
                        uint64_t avoid)
{
    if (best == NULL || best->serial == avoid)
        return true;
    return conn->serial != avoid && conn_before(conn, best);
}

/* It is asked for what it allows, and by one request more when its tokens run out. */
static bool upstream_affords(struct pool__upstream *upstream, int64_t now_us)
{
    return budget_due(&upstream->budget, 1, now_us) <= now_us;
}

/* One that has not been asked for long does not get all it has missed. */
static uint64_t upstream_pass(const struct pool__upstream *upstream)
{
    uint64_t pass = upstream->pool->pass;
    return upstream->pass > pass ? upstream->pass : pass;
}

/* In order: not the one that failed, one with a weight, the one whose turn it is, the first. */
static bool upstream_before(const struct pool__upstream *a, const struct pool__upstream *b,
                            const struct pool__upstream *avoid)
{
    bool weight_a = a->config.weight > 0, weight_b = b->config.weight > 0;
    if ((a == avoid) != (b == avoid))
        return b == avoid;
    if (weight_a != weight_b)
        return weight_a;
    return upstream_pass(a) < upstream_pass(b);
}

static struct pool__conn *choose(struct pool *pool, struct pool__avoid avoid, bool affords)
{
    struct pool__conn *best[POOL_UPSTREAMS_MAX] = {0}, *chosen = NULL;
    int64_t now_us = loop_now_us(pool->loop);
    for (struct pool__conn *conn = pool->conns; conn != NULL; conn = conn->next) {
        struct pool__conn **of = &best[conn->upstream->index];
        if (pool__conn_has_room(conn) && conn_better(conn, *of, avoid.conn))
            *of = conn;
    }
    for (unsigned i = 0; i < pool->config.upstreams_len; i++) {
        if (best[i] == NULL || !pool_breaker_allows(&best[i]->upstream->breaker, now_us) ||
            (affords && !upstream_affords(best[i]->upstream, now_us)))
            continue;
        if (chosen == NULL || upstream_before(best[i]->upstream, chosen->upstream, avoid.upstream))
            chosen = best[i];
    }
    return chosen;
}

struct pool__conn *pool__conn_choose(struct pool *pool, struct pool__avoid avoid)
{
    return choose(pool, avoid, true);
}

bool pool__conns_have_room(struct pool *pool)
{
    return choose(pool, (struct pool__avoid){0}, false) != NULL;
}

bool pool__conn_chosen(struct pool__conn *conn, uint32_t tokens)
{
    struct pool__upstream *upstream = conn->upstream;
    budget_charge(&upstream->budget, tokens);
    struct pool *pool = conn->pool;
    unsigned weight = upstream->config.weight;
    conn->turn = ++pool->turns;
    if (weight > 0) {
        pool->pass = upstream_pass(upstream);
        upstream->pass = pool->pass + PASS_WHOLE / weight;
    }
    POOL_COUNT(pool, upstreams[upstream->index].sent, 1);
    return pool_breaker_sent(&upstream->breaker, loop_now_us(pool->loop));
}

/* What becomes of requests. */

void pool__upstream_answered(struct pool__upstream *upstream)
{
    if (upstream->breaker.state == POOL_BREAKER_PROBING)
        LOG_INFO(LOG_POOL, 0, "upstream answers again", "upstream=%u url=%s", upstream->index + 1,
                 upstream->config.account.url);
    pool_breaker_answer(&upstream->breaker, loop_now_us(upstream->pool->loop));
    POOL_COUNT(upstream->pool, upstreams[upstream->index].done, 1);
}

/* Said once each time: this is what an alert is to look for. */
static void breaker_tell(const struct pool__upstream *upstream, const char *code, int64_t pause_us)
{
    static const char *const what[] = {
        [POOL_TROUBLE_OUTAGE] = "it does not answer",
        [POOL_TROUBLE_QUOTA] = "its quota is used up: see to the account's billing and limits",
        [POOL_TROUBLE_CREDENTIALS] = "it refuses the key: see to url and key",
    };
    enum pool_trouble trouble = upstream->breaker.trouble;
    if (trouble == POOL_TROUBLE_OUTAGE)
        LOG_WARN(LOG_POOL, 0, "upstream is left out", "upstream=%u url=%s reason=%s pause_ms=%lld",
                 upstream->index + 1, upstream->config.account.url, LOG_Q(what[trouble]),
                 (long long)(pause_us / 1000));
    else
        LOG_ERROR(LOG_POOL, 0, "upstream is left out",
                  "upstream=%u url=%s reason=%s code=%s pause_ms=%lld", upstream->index + 1,
                  upstream->config.account.url, LOG_Q(what[trouble]), LOG_Q(code),
                  (long long)(pause_us / 1000));
}

void pool__upstream_trouble(struct pool__upstream *upstream, enum pool_trouble trouble,
                            const char *code)
{
    struct pool *pool = upstream->pool;
    int64_t now_us = loop_now_us(pool->loop);
    POOL_COUNT(pool, upstreams[upstream->index].troubles, 1);
    bool alone = !pool__upstream_has_other(upstream);
    if (!pool_breaker_trouble(&upstream->breaker, trouble, alone, &pool->rng, now_us))
        return;
    POOL_COUNT(pool, upstreams[upstream->index].trips, 1);
    breaker_tell(upstream, code, upstream->breaker.until_us - now_us);
    pool__pump_later(pool);
}

bool pool__upstream_has_other(const struct pool__upstream *upstream)
{
    const struct pool *pool = upstream->pool;
    int64_t now_us = loop_now_us(pool->loop);
    for (const struct pool__conn *conn = pool->conns; conn != NULL; conn = conn->next)
        if (conn->upstream != upstream && conn->state == CONN_WARM &&
            pool_breaker_allows(&conn->upstream->breaker, now_us) &&
            now_us >= conn->upstream->budget.pause_us)
            return true;
    return false;
}

int64_t pool__upstreams_due(struct pool *pool, int64_t now_us)
{
    int64_t due_us = INT64_MAX;
    for (unsigned i = 0; i < pool->config.upstreams_len; i++) {
        struct pool__upstream *upstream = &pool->upstreams[i];
        int64_t at_us = budget_due(&upstream->budget, 1, now_us);
        if (upstream->breaker.state != POOL_BREAKER_CLOSED && upstream->breaker.until_us > at_us)
            at_us = upstream->breaker.until_us;
        if (at_us > now_us && at_us < due_us)
            due_us = at_us;
    }
    return due_us;
}

static int upstream_refusal(const struct pool__upstream *upstream, int64_t now_us)
{
    const struct pool_breaker *breaker = &upstream->breaker;
    if (breaker->state != POOL_BREAKER_CLOSED && !pool_breaker_allows(breaker, now_us))
        return breaker->trouble == POOL_TROUBLE_QUOTA         ? STATUS_BUDGET
               : breaker->trouble == POOL_TROUBLE_CREDENTIALS ? STATUS_REFUSED
                                                              : STATUS_UNAVAILABLE;
    for (const struct pool__conn *conn = upstream->pool->conns; conn != NULL; conn = conn->next) {
        if (conn->upstream != upstream || conn->state == CONN_RETIRING)
            continue;
        if (conn->state == CONN_WARM || conn->failures == 0)
            return STATUS_OK;
    }
    return STATUS_UNAVAILABLE;
}

/* Of several reasons the one that passes soonest. */
int pool__refusal(const struct pool *pool)
{
    int64_t now_us = loop_now_us(pool->loop);
    int status = upstream_refusal(&pool->upstreams[0], now_us);
    for (unsigned i = 1; i < pool->config.upstreams_len && status != STATUS_OK; i++) {
        int next = upstream_refusal(&pool->upstreams[i], now_us);
        if (next == STATUS_OK || next == STATUS_UNAVAILABLE)
            status = next;
    }
    return status;
}
