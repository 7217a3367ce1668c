/* The life of one request in the pool: queued, sent, sent again, answered once. */
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "pool/internal.h"
#include <assert.h>

static void exchange_on_timer(struct loop_timer *timer);

static bool is_final(const struct pool__exchange *exchange)
{
    return exchange->request.cls == POOL_FINAL_TRANSLATION ||
           exchange->request.cls == POOL_FINAL_GRAMMAR;
}

static struct pool__exchange **table_slot(struct pool *pool, uint64_t id)
{
    return &pool->table[(id * 0x9E3779B97F4A7C15u >> 32) & pool->table_mask];
}

static void table_remove(struct pool__exchange *exchange)
{
    struct pool__exchange **link = table_slot(exchange->pool, exchange->request.id);
    while (*link != exchange)
        link = &(*link)->chain;
    *link = exchange->chain;
    exchange->pool->exchanges--;
}

/* Takes it out of wherever it is: scheduler, connections, dirty list. */
static void exchange_unplace(struct pool__exchange *exchange)
{
    struct pool *pool = exchange->pool;
    loop_timer_stop(&exchange->timer);
    if (exchange->dirty) {
        struct pool__exchange **link = &pool->dirty;
        while (*link != exchange)
            link = &(*link)->dirty_next;
        *link = exchange->dirty_next;
        exchange->dirty = false;
    }
    if (exchange->item.home != NULL)
        scheduler_remove(pool->scheduler, &exchange->item, loop_now_us(pool->loop));
    if (exchange->slot != NULL)
        pool__slot_leave(exchange->slot);
    if (exchange->hedge != NULL)
        pool__slot_leave(exchange->hedge);
    exchange->slot = exchange->hedge = NULL;
    pool__pump_later(pool);
}

/* The last reply; `data` is given. */
static void exchange_end(struct pool__exchange *exchange, enum pool_reply_kind kind)
{
    struct pool_reply *reply = exchange->last;
    exchange_unplace(exchange);
    table_remove(exchange);
    exchange->last = NULL;
    pool__reply_send(exchange, reply, kind);
    exchange->request.msg.free_fn(&exchange->request.msg);
}

void pool__exchange_fail(struct pool__exchange *exchange, int status)
{
    struct pool *pool = exchange->pool;
    pool__exchange_mark(exchange, exchange->state == EXCHANGE_SENT ? LAT_UPSTREAM : LAT_QUEUE);
    POOL_COUNT(pool, failed, 1);
    if (status == STATUS_TIMEOUT)
        POOL_COUNT(pool, expired, 1);
    if (status == STATUS_CANCELLED)
        POOL_COUNT(pool, cancelled, 1);
    if (status == STATUS_BUDGET)
        POOL_COUNT(pool, unsent_by_class[exchange->request.cls], 1);
    exchange->last->status = status;
    exchange_end(exchange, POOL_FAILED);
}

void pool__exchange_start(struct pool__exchange *exchange)
{
    struct pool *pool = exchange->pool;
    struct pool_request *request = &exchange->request;
    struct pool__exchange **slot = table_slot(pool, request->id);
    exchange->chain = *slot;
    *slot = exchange;
    pool->exchanges++;
    pool__exchange_mark(exchange, LAT_SERVER);
    if (request->retries > POOL_RETRIES_MAX)
        request->retries = POOL_RETRIES_MAX;
    int64_t now_us = exchange->queued_us = loop_now_us(pool->loop);
    exchange->item = (struct scheduler_item){
        .session = request->msg.session,
        .cls = request->cls,
        .lane = request->lane,
        .weight = request->weight,
        .cost = request->cost_tokens,
        .deadline_us = request->deadline_us,
    };
    exchange->state = EXCHANGE_QUEUED;
    struct scheduler_item *shed = NULL;
    /* A final can wait for an upstream that comes back, not for one that somebody has to pay. */
    int status = pool__refusal(pool);
    if (status == STATUS_OK || (is_final(exchange) && status == STATUS_UNAVAILABLE))
        status = scheduler_add(pool->scheduler, &exchange->item, now_us, &shed);
    if (status != STATUS_OK)
        pool__exchange_fail(exchange, status);
    if (shed != NULL)
        pool__exchange_fail(
            (struct pool__exchange *)((char *)shed - offsetof(struct pool__exchange, item)),
            shed->status);
}

static int64_t piece_due_us(const struct pool__exchange *exchange)
{
    return exchange->piece_us + POOL_PIECE_GAP_MS * 1000;
}

/* When it is to be asked for a second time; INT64_MAX: not at all. */
static int64_t hedge_due_us(const struct pool__exchange *exchange)
{
    bool stream = exchange->request.stream;
    int64_t after_us = pool_hedge_after_us(&exchange->pool->hedge, stream);
    if (!is_final(exchange) || exchange->hedged || after_us == INT64_MAX)
        return INT64_MAX;
    return stream && exchange->slot->received > 0 ? INT64_MAX : exchange->sent_us + after_us;
}

static int64_t stall_due_us(const struct pool__exchange *exchange)
{
    unsigned stall_ms = exchange->pool->config.stall_ms;
    if (exchange->slot->streams == 0)
        return exchange->slot->byte_us + POOL_STREAM_WAIT_MS * 1000;
    return stall_ms > 0 ? exchange->slot->byte_us + (int64_t)stall_ms * 1000 : INT64_MAX;
}

static void exchange_arm(struct pool__exchange *exchange)
{
    int64_t dues_us[] = {exchange->request.deadline_us, stall_due_us(exchange),
                         hedge_due_us(exchange),
                         exchange->held ? piece_due_us(exchange) : INT64_MAX};
    int64_t at_us = dues_us[0];
    for (size_t i = 1; i < sizeof dues_us / sizeof dues_us[0]; i++)
        at_us = dues_us[i] < at_us ? dues_us[i] : at_us;
    loop_timer_start(exchange->pool->loop, &exchange->timer, at_us, exchange_on_timer);
}

void pool__exchange_send(struct pool__exchange *exchange, struct pool__conn *conn)
{
    struct pool *pool = exchange->pool;
    exchange->sent_us = loop_now_us(pool->loop);
    exchange->slot = pool__slot_place(exchange, conn);
    if (exchange->slot == NULL) {
        pool__exchange_fail(exchange, STATUS_NOMEM);
        return;
    }
    if (is_final(exchange))
        pool_hedge_sent(&pool->hedge);
    pool__exchange_mark(exchange, LAT_QUEUE);
    exchange->state = EXCHANGE_SENT;
    exchange->tries++;
    exchange->held = exchange->hedged = false;
    pthread_mutex_lock(&pool->stats_lock);
    pool->stats.sent++;
    pool->stats.sent_by_class[exchange->request.cls]++;
    hist_add(&pool->queue_hist, exchange->sent_us - exchange->queued_us);
    pthread_mutex_unlock(&pool->stats_lock);
    exchange_arm(exchange);
}

/* The second try takes the first one's place. */
static void exchange_promote(struct pool__exchange *exchange)
{
    pool__slot_leave(exchange->slot);
    exchange->slot = exchange->hedge;
    exchange->hedge = NULL;
    pool__pump_later(exchange->pool);
}

static void hedge_drop(struct pool__exchange *exchange)
{
    pool__slot_leave(exchange->hedge);
    exchange->hedge = NULL;
    pool__pump_later(exchange->pool);
}

static void hedge_won(struct pool__exchange *exchange)
{
    POOL_COUNT(exchange->pool, hedges_won, 1);
    exchange_promote(exchange);
}

/* Rather at another upstream; one in reserve is not for this. NULL: there is none but its own
 * connection. */
static struct pool__conn *hedge_conn(struct pool__exchange *exchange)
{
    const struct pool__slot *slot = exchange->slot;
    struct pool__avoid avoid = {slot->conn->serial, slot->upstream};
    struct pool__conn *conn = pool__conn_choose(exchange->pool, avoid);
    if (conn != NULL && conn->upstream->config.weight == 0) {
        avoid.upstream = NULL;
        conn = pool__conn_choose(exchange->pool, avoid);
    }
    return conn == slot->conn ? NULL : conn;
}

/* It takes long: it is asked for elsewhere too, if that can be afforded. */
static void exchange_hedge(struct pool__exchange *exchange)
{
    struct pool *pool = exchange->pool;
    struct pool__conn *conn = hedge_conn(exchange);
    exchange->hedged = true;
    if (conn != NULL && pool_hedge_allows(&pool->hedge) &&
        scheduler_spend(pool->scheduler, &exchange->item, loop_now_us(pool->loop)))
        exchange->hedge = pool__slot_place(exchange, conn);
    if (exchange->hedge != NULL) {
        pool_hedge_take(&pool->hedge);
        POOL_COUNT(pool, hedged, 1);
        pool__pump_later(pool);
    }
    exchange_arm(exchange);
}

/* Answers. */

static void exchange_dirty(struct pool__exchange *exchange)
{
    if (exchange->dirty)
        return;
    exchange->held = false;
    exchange->dirty = true;
    exchange->dirty_next = exchange->pool->dirty;
    exchange->pool->dirty = exchange;
}

/* A reader sees no more than a few pieces a second, and each costs a worker and a front. */
static void exchange_pass_on(struct pool__exchange *exchange)
{
    if (!exchange->delivered || exchange->slot->byte_us >= piece_due_us(exchange)) {
        exchange_dirty(exchange);
    } else if (!exchange->held) {
        exchange->held = true;
        exchange_arm(exchange);
    }
}

size_t pool__exchange_bytes(struct pool__slot *slot, const char *bytes, size_t len)
{
    struct pool__exchange *exchange = slot->exchange;
    long http_status = 0;
    curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &http_status);
    slot->byte_us = loop_now_us(slot->pool->loop);
    slot->received += len;
    if (http_status < 200 || http_status >= 300) {
        size_t room = CHAT_ERROR_BODY_MAX - slot->body.len;
        buf_append(&slot->body, bytes, len < room ? len : room);
        return len;
    }
    if (slot->received > POOL_REPLY_MAX || buf_append(&slot->body, bytes, len) != 0)
        return 0;
    if (exchange->request.stream)
        exchange_pass_on(exchange);
    return len;
}

/* The first byte of a streamed answer has come: whoever sent it goes on alone. */
static void exchange_first_byte(struct pool__exchange *exchange)
{
    struct pool *pool = exchange->pool;
    if (is_final(exchange))
        pool_hedge_learn(&pool->hedge, true, loop_now_us(pool->loop) - exchange->sent_us);
    if (exchange->hedge == NULL)
        return;
    if (exchange->slot->body.len == 0)
        hedge_won(exchange);
    else
        hedge_drop(exchange);
}

/* False: out of memory, the bytes stay. The hold is this piece's alone: what comes last has waited
 * for the provider only. */
static bool exchange_flush(struct pool__exchange *exchange)
{
    struct pool_reply *reply = pool__reply_create();
    if (reply == NULL)
        return false;
    if (!exchange->delivered)
        exchange_first_byte(exchange);
    struct lat so_far = exchange->request.lat;
    exchange->piece_us = loop_now_us(exchange->pool->loop);
    lat_mark(&exchange->request.lat, LAT_UPSTREAM, exchange->slot->byte_us);
    lat_mark(&exchange->request.lat, LAT_HOLD, exchange->piece_us);
    reply->http_status = 200;
    reply->data = buf_take(&exchange->slot->body, &reply->len);
    exchange->delivered = true;
    pool__reply_send(exchange, reply, POOL_DATA);
    exchange->request.lat = so_far;
    return true;
}

void pool__dirty_flush(struct pool *pool)
{
    while (pool->dirty != NULL) {
        struct pool__exchange *exchange = pool->dirty;
        pool->dirty = exchange->dirty_next;
        exchange->dirty = false;
        if (!exchange_flush(exchange))
            pool__exchange_fail(exchange, STATUS_NOMEM);
    }
}

static void exchange_whole(struct pool__exchange *exchange, int http_status)
{
    struct pool *pool = exchange->pool;
    int64_t took_us = loop_now_us(pool->loop) - exchange->sent_us;
    scheduler_learn(pool->scheduler, exchange->request.cls, took_us);
    if (is_final(exchange) && !exchange->request.stream)
        pool_hedge_learn(&pool->hedge, false, took_us);
    pthread_mutex_lock(&pool->stats_lock);
    pool->stats.done++;
    hist_add(&pool->upstream_hist, took_us);
    pthread_mutex_unlock(&pool->stats_lock);
    exchange->last->http_status = http_status;
    exchange->last->upstream = exchange->slot->upstream->index;
    exchange->last->data = buf_take(&exchange->slot->body, &exchange->last->len);
    exchange_end(exchange, POOL_DONE);
}

static bool exchange_may_retry(const struct pool__exchange *exchange,
                               const struct pool__failure *failure, int64_t at_us)
{
    if (exchange->pool->closing)
        return false;
    /* Where a quota is used up nothing is sent again: elsewhere it may. */
    if (!retry_helps(failure->fault, &failure->hints) &&
        !(failure->fault == RETRY_QUOTA && pool__upstream_has_other(exchange->slot->upstream)))
        return false;
    if (failure->fault == RETRY_STALL && (exchange->stalled || !is_final(exchange)))
        return false;
    return exchange->tries <= exchange->request.retries && at_us < exchange->request.deadline_us;
}

static void exchange_retry(struct pool__exchange *exchange, enum retry_fault fault, int64_t at_us)
{
    struct pool *pool = exchange->pool;
    if (exchange->slot != NULL)
        exchange->avoid = exchange->slot->conn->serial;
    exchange->avoid_upstream = NULL;
    if (exchange->slot != NULL && pool__upstream_failed(fault))
        exchange->avoid_upstream = exchange->slot->upstream;
    exchange_unplace(exchange);
    exchange->stalled = exchange->stalled || fault == RETRY_STALL;
    POOL_COUNT(pool, retried, 1);
    if (exchange->delivered) {
        struct pool_reply *reply = pool__reply_create();
        if (reply == NULL) {
            pool__exchange_fail(exchange, STATUS_NOMEM);
            return;
        }
        exchange->delivered = false;
        pool__reply_send(exchange, reply, POOL_RESTART);
    }
    exchange->state = EXCHANGE_BACKOFF;
    loop_timer_start(pool->loop, &exchange->timer, at_us, exchange_on_timer);
}

static void exchange_again(struct pool__exchange *exchange)
{
    struct pool *pool = exchange->pool;
    int64_t now_us = exchange->queued_us = loop_now_us(pool->loop);
    exchange->state = EXCHANGE_QUEUED;
    int status = scheduler_add_again(pool->scheduler, &exchange->item, now_us);
    if (status != STATUS_OK)
        pool__exchange_fail(exchange, status);
    pool__pump_later(pool);
}

static void exchange_failed(struct pool__exchange *exchange, const struct pool__failure *failure)
{
    struct pool *pool = exchange->pool;
    int64_t at_us = loop_now_us(pool->loop);
    /* Elsewhere there is nothing to wait for. */
    if (!pool__upstream_failed(failure->fault) ||
        !pool__upstream_has_other(exchange->slot->upstream))
        at_us +=
            retry_backoff_us(failure->fault, exchange->tries, failure->hints.after_ms, &pool->rng);
    pool__exchange_mark(exchange, LAT_UPSTREAM);
    if (exchange_may_retry(exchange, failure, at_us)) {
        exchange_retry(exchange, failure->fault, at_us);
        return;
    }
    POOL_COUNT(pool, failed, 1);
    struct pool_reply *last = exchange->last;
    last->status = retry_status(failure->fault);
    last->http_status = failure->http_status;
    last->retry_after_ms = failure->hints.after_ms;
    if (failure->http_status >= 300)
        last->data = buf_take(&exchange->slot->body, &last->len);
    exchange_end(exchange, POOL_FAILED);
}

/* Onto another connection; this is no retry. */
static void exchange_transfer(struct pool__exchange *exchange, struct pool__conn *conn)
{
    POOL_COUNT(exchange->pool, moved, 1);
    budget_refund(&exchange->slot->upstream->budget, exchange->item.cost);
    pool__slot_leave(exchange->slot);
    exchange->slot = pool__slot_place(exchange, conn);
    if (exchange->slot == NULL) {
        pool__exchange_fail(exchange, STATUS_NOMEM);
        return;
    }
    exchange_arm(exchange);
    pool__pump_later(exchange->pool);
}

/* Its connection takes no requests any more, and nothing of an answer has come. */
static bool went_away(const struct pool__slot *slot, CURLcode result)
{
    return slot->barred || (slot->conn->going_away && result != CURLE_OK && slot->received == 0);
}

/*
 * The peer has most likely not looked at it, so this is no retry and needs no wait. Where there is
 * no room it is queued before the others of its session, and gets its tokens back until it is taken
 * again.
 */
static void exchange_move_on(struct pool__exchange *exchange)
{
    struct pool *pool = exchange->pool;
    struct pool__conn *gone = exchange->slot->conn;
    exchange->moves++;
    pool__conn_suspect(gone);
    struct pool__conn *conn = pool__conn_choose(pool, (struct pool__avoid){gone->serial, NULL});
    if (conn != NULL && conn != gone) {
        exchange_transfer(exchange, conn);
        return;
    }
    POOL_COUNT(pool, moved, 1);
    budget_refund(&gone->upstream->budget, exchange->item.cost);
    exchange_unplace(exchange);
    scheduler_settle(pool->scheduler, exchange->item.cost);
    exchange->tries--;
    exchange_again(exchange);
}

/* One of two tries has failed: the other goes on. */
static void exchange_half_failed(struct pool__exchange *exchange, const struct pool__slot *slot)
{
    if (slot == exchange->hedge)
        hedge_drop(exchange);
    else
        exchange_promote(exchange);
    exchange_arm(exchange);
}

static void exchange_broken(struct pool__slot *slot, CURLcode result,
                            const struct pool__failure *failure)
{
    struct pool__exchange *exchange = slot->exchange;
    if (result != CURLE_OK)
        LOG_WARN(LOG_POOL, exchange->request.msg.session, "request failed",
                 "conn=%llu try=%u error=%s", (unsigned long long)slot->conn->serial,
                 exchange->tries,
                 LOG_Q(slot->error[0] != '\0' ? slot->error : curl_easy_strerror(result)));
    pool__upstream_learn(slot->upstream, failure);
    /* A reset stream says nothing about its connection; anything else may. */
    if (failure->fault == RETRY_CONNECTION && result != CURLE_HTTP2_STREAM)
        pool__conn_suspect(slot->conn);
    if (exchange->hedge != NULL)
        exchange_half_failed(exchange, slot);
    else
        exchange_failed(exchange, failure);
}

void pool__exchange_done(struct pool__slot *slot, CURLcode result)
{
    struct pool__exchange *exchange = slot->exchange;
    slot->finished = true;
    if (went_away(slot, result) && exchange->moves < POOL_MOVES_MAX) {
        if (exchange->hedge != NULL)
            exchange_half_failed(exchange, slot);
        else
            exchange_move_on(exchange);
        return;
    }
    pool__slot_count(slot);
    pool__budget_observe(slot);
    struct pool__failure failure = pool__failure_of(slot, result);
    pool__exchange_mark(exchange, LAT_UPSTREAM);
    if (failure.fault != RETRY_NONE) {
        exchange_broken(slot, result, &failure);
        return;
    }
    pool__upstream_answered(slot->upstream);
    if (slot == exchange->hedge)
        hedge_won(exchange);
    exchange_whole(exchange, failure.http_status);
}

/* No stream for a while: another connection may have one. It was never sent, so this is no retry.
 */
static void exchange_move(struct pool__exchange *exchange)
{
    struct pool__conn *conn =
        pool__conn_choose(exchange->pool, (struct pool__avoid){exchange->slot->conn->serial, NULL});
    exchange->slot->byte_us = loop_now_us(exchange->pool->loop);
    if (conn == NULL || conn == exchange->slot->conn || conn->waiting > 0) {
        exchange_arm(exchange);
        return;
    }
    exchange_transfer(exchange, conn);
}

/* No byte for too long. */
static void exchange_stalled(struct pool__exchange *exchange)
{
    struct pool__slot *slot = exchange->slot;
    const struct pool__failure failure = {.fault = RETRY_STALL};
    LOG_WARN(LOG_POOL, exchange->request.msg.session, "answer stalled", "conn=%llu received=%zu",
             (unsigned long long)slot->conn->serial, slot->received);
    pool__upstream_learn(slot->upstream, &failure);
    /* It may take its GET long to find out that the connection hangs: another is made meanwhile. */
    pool__conn_replace(slot->conn);
    pool__conn_suspect(slot->conn);
    if (exchange->hedge != NULL)
        exchange_half_failed(exchange, slot);
    else
        exchange_failed(exchange, &failure);
}

static void exchange_waits(struct pool__exchange *exchange)
{
    if (exchange->slot->streams == 0)
        exchange_move(exchange);
    else
        exchange_stalled(exchange);
}

static void exchange_on_timer(struct loop_timer *timer)
{
    struct pool__exchange *exchange =
        (struct pool__exchange *)((char *)timer - offsetof(struct pool__exchange, timer));
    struct pool *pool = exchange->pool;
    int64_t now_us = loop_now_us(pool->loop);
    if (exchange->state == EXCHANGE_BACKOFF) {
        exchange_again(exchange);
        return;
    }
    assert(exchange->state == EXCHANGE_SENT);
    if (now_us >= exchange->request.deadline_us) {
        if (exchange->slot->received == 0 && now_us - exchange->sent_us > POOL_SILENCE_MS * 1000)
            pool__upstream_trouble(exchange->slot->upstream, POOL_TROUBLE_OUTAGE, "");
        pool__exchange_fail(exchange, STATUS_TIMEOUT);
    } else if (exchange->held && now_us >= piece_due_us(exchange)) {
        exchange_dirty(exchange);
        exchange_arm(exchange);
        pool__dirty_flush(pool);
    } else if (now_us >= stall_due_us(exchange)) {
        exchange_waits(exchange);
    } else if (now_us >= hedge_due_us(exchange)) {
        exchange_hedge(exchange);
    } else {
        exchange_arm(exchange);
    }
}

void pool__exchange_cancel(struct pool *pool, uint64_t session, uint64_t id)
{
    struct pool__exchange *exchange = *table_slot(pool, id);
    while (exchange != NULL &&
           (exchange->request.id != id || exchange->request.msg.session != session))
        exchange = exchange->chain;
    if (exchange == NULL)
        return;
    int status = STATUS_CANCELLED;
    if (exchange->item.home != NULL)
        status =
            scheduler_unsent(pool->scheduler, &exchange->item, status, loop_now_us(pool->loop));
    pool__exchange_fail(exchange, status);
}
