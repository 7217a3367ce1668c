/* The life of one request in the pool: queued, sent, sent again, answered once. */
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "pool/chat.h"
#include "pool/chat_provider.h"
#include "pool/internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void exchange_on_timer(struct loop_timer *timer);

static bool is_final(const struct pool__exchange *exchange)
{
    return exchange->request.cls == POOL_FINAL_TRANSLATION ||
           exchange->request.cls == POOL_FINAL_GRAMMAR;
}

static void reply_free(struct msg *msg)
{
    struct pool_reply *reply = (struct pool_reply *)msg;
    mem_free(reply->data);
    mem_free(reply);
}

static void request_free(struct msg *msg)
{
    struct pool__exchange *exchange = (struct pool__exchange *)msg;
    mem_free(exchange->request.body);
    if (exchange->last != NULL)
        reply_free(&exchange->last->msg);
    buf_deinit(&exchange->body);
    mem_free(exchange);
}

static struct pool_reply *reply_create(void)
{
    struct pool_reply *reply = mem_calloc(1, sizeof *reply);
    if (reply != NULL)
        reply->msg.free_fn = reply_free;
    return reply;
}

struct pool_request *pool_request_create(char *body, size_t len)
{
    assert(body != NULL);
    struct pool__exchange *exchange = mem_calloc(1, sizeof *exchange);
    if (exchange == NULL)
        return NULL;
    exchange->last = reply_create();
    if (exchange->last == NULL) {
        mem_free(exchange);
        return NULL;
    }
    exchange->request.msg.free_fn = request_free;
    exchange->request.weight = 1;
    exchange->request.body = body;
    exchange->request.body_len = len;
    buf_init(&exchange->body, POOL_REPLY_MAX);
    return &exchange->request;
}

static void reply_send(struct pool__exchange *exchange, struct pool_reply *reply,
                       enum pool_reply_kind kind)
{
    struct pool *pool = exchange->pool;
    reply->msg.session = exchange->request.msg.session;
    reply->id = exchange->request.id;
    reply->kind = kind;
    reply->ctx = exchange->request.ctx;
    reply->lat = exchange->request.lat;
    pool->on_reply(pool->ctx, reply);
}

/* A ledger that measures nothing begins with the first stamp. */
static void exchange_mark(struct pool__exchange *exchange, enum lat_part part)
{
    struct lat *lat = &exchange->request.lat;
    int64_t now_us = loop_now_us(exchange->pool->loop);
    if (lat->last_us == 0)
        lat->last_us = now_us;
    lat_mark(lat, part, now_us);
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

static struct pool__slot *slot_get(struct pool__upstream *upstream)
{
    struct pool__slot *slot = upstream->slots;
    if (slot == NULL)
        return pool__slot_create(upstream, false);
    upstream->slots = slot->next;
    return slot;
}

static void slot_put(struct pool__slot *slot)
{
    if (slot->probe)
        pool_breaker_unsaid(&slot->upstream->breaker);
    slot->probe = false;
    slot->exchange = NULL;
    slot->next = slot->upstream->slots;
    slot->upstream->slots = slot;
}

/* Takes it out of wherever it is: scheduler, connection, dirty list. */
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
    if (exchange->slot != NULL) {
        struct pool__slot *slot = exchange->slot;
        pool__conn_remove(slot);
        slot_put(slot);
        exchange->slot = NULL;
    }
    pool__pump_later(pool);
}

/* The last reply; `data` is given. */
static void exchange_end(struct pool__exchange *exchange, enum pool_reply_kind kind)
{
    struct pool_reply *reply = exchange->last;
    exchange_unplace(exchange);
    table_remove(exchange);
    exchange->last = NULL;
    reply_send(exchange, reply, kind);
    exchange->request.msg.free_fn(&exchange->request.msg);
}

void pool__exchange_fail(struct pool__exchange *exchange, int status)
{
    struct pool *pool = exchange->pool;
    exchange_mark(exchange, exchange->state == EXCHANGE_SENT ? LAT_UPSTREAM : LAT_QUEUE);
    POOL_COUNT(pool, failed, 1);
    if (status == STATUS_TIMEOUT)
        POOL_COUNT(pool, expired, 1);
    if (status == STATUS_CANCELLED)
        POOL_COUNT(pool, cancelled, 1);
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
    exchange_mark(exchange, LAT_SERVER);
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

static void exchange_arm(struct pool__exchange *exchange)
{
    const struct pool_config *config = &exchange->pool->config;
    int64_t due_us = exchange->request.deadline_us, at_us;
    if (exchange->slot->streams == 0)
        at_us = exchange->byte_us + POOL_STREAM_WAIT_MS * 1000;
    else
        at_us =
            config->stall_ms > 0 ? exchange->byte_us + (int64_t)config->stall_ms * 1000 : INT64_MAX;
    if (exchange->held && piece_due_us(exchange) < at_us)
        at_us = piece_due_us(exchange);
    loop_timer_start(exchange->pool->loop, &exchange->timer, at_us < due_us ? at_us : due_us,
                     exchange_on_timer);
}

static int exchange_place(struct pool__exchange *exchange, struct pool__conn *conn)
{
    struct pool__slot *slot = slot_get(conn->upstream);
    if (slot == NULL)
        return STATUS_NOMEM;
    /* Borrowed by libcurl: the body lives in the request until the handle is removed. */
    curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, exchange->request.body);
    curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)exchange->request.body_len);
    slot->exchange = exchange;
    int status = pool__conn_add(conn, slot);
    if (status != STATUS_OK) {
        slot_put(slot);
        return status;
    }
    exchange->slot = slot;
    slot->probe = pool__conn_chosen(conn);
    return STATUS_OK;
}

void pool__exchange_send(struct pool__exchange *exchange, struct pool__conn *conn)
{
    struct pool *pool = exchange->pool;
    exchange->sent_us = exchange->byte_us = loop_now_us(pool->loop);
    if (exchange_place(exchange, conn) != STATUS_OK) {
        pool__exchange_fail(exchange, STATUS_NOMEM);
        return;
    }
    exchange_mark(exchange, LAT_QUEUE);
    exchange->state = EXCHANGE_SENT;
    exchange->tries++;
    exchange->received = 0;
    exchange->held = false;
    pthread_mutex_lock(&pool->stats_lock);
    pool->stats.sent++;
    pool->stats.sent_by_class[exchange->request.cls]++;
    hist_add(&pool->queue_hist, exchange->sent_us - exchange->queued_us);
    pthread_mutex_unlock(&pool->stats_lock);
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
    if (!exchange->delivered || exchange->byte_us >= piece_due_us(exchange)) {
        exchange_dirty(exchange);
    } else if (!exchange->held) {
        exchange->held = true;
        exchange_arm(exchange);
    }
}

size_t pool__exchange_bytes(struct pool__exchange *exchange, const char *bytes, size_t len)
{
    struct pool *pool = exchange->pool;
    long http_status = 0;
    curl_easy_getinfo(exchange->slot->easy, CURLINFO_RESPONSE_CODE, &http_status);
    exchange->byte_us = loop_now_us(pool->loop);
    exchange->received += len;
    if (http_status < 200 || http_status >= 300) {
        size_t room = CHAT_ERROR_BODY_MAX - exchange->body.len;
        buf_append(&exchange->body, bytes, len < room ? len : room);
        return len;
    }
    if (exchange->received > POOL_REPLY_MAX || buf_append(&exchange->body, bytes, len) != 0)
        return 0;
    if (exchange->request.stream)
        exchange_pass_on(exchange);
    return len;
}

/* False: out of memory, the bytes stay. The hold is this piece's alone: what comes last has waited
 * for the provider only. */
static bool exchange_flush(struct pool__exchange *exchange)
{
    struct pool_reply *reply = reply_create();
    if (reply == NULL)
        return false;
    struct lat so_far = exchange->request.lat;
    exchange->piece_us = loop_now_us(exchange->pool->loop);
    lat_mark(&exchange->request.lat, LAT_UPSTREAM, exchange->byte_us);
    lat_mark(&exchange->request.lat, LAT_HOLD, exchange->piece_us);
    reply->http_status = 200;
    reply->data = buf_take(&exchange->body, &reply->len);
    exchange->delivered = true;
    reply_send(exchange, reply, POOL_DATA);
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
    pthread_mutex_lock(&pool->stats_lock);
    pool->stats.done++;
    hist_add(&pool->upstream_hist, took_us);
    pthread_mutex_unlock(&pool->stats_lock);
    exchange->last->http_status = http_status;
    exchange->last->data = buf_take(&exchange->body, &exchange->last->len);
    exchange_end(exchange, POOL_DONE);
}

/* What the failed try leaves for the next or for the last reply. */
struct failure {
    enum retry_fault fault;
    int http_status;
    struct retry_hints hints;
    char code[64]; /* as the API names it, or "" */
};

/* Another connection of the same upstream would not help. */
static bool upstream_failed(enum retry_fault fault)
{
    return fault == RETRY_SERVER || fault == RETRY_OVERLOADED || fault == RETRY_RATE ||
           fault == RETRY_QUOTA;
}

static bool exchange_may_retry(const struct pool__exchange *exchange, const struct failure *failure,
                               int64_t at_us)
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
    if (exchange->slot != NULL && upstream_failed(fault))
        exchange->avoid_upstream = exchange->slot->upstream;
    exchange_unplace(exchange);
    buf_reset(&exchange->body);
    exchange->stalled = exchange->stalled || fault == RETRY_STALL;
    POOL_COUNT(pool, retried, 1);
    if (exchange->delivered) {
        struct pool_reply *reply = reply_create();
        if (reply == NULL) {
            pool__exchange_fail(exchange, STATUS_NOMEM);
            return;
        }
        exchange->delivered = false;
        reply_send(exchange, reply, POOL_RESTART);
    }
    exchange->state = EXCHANGE_BACKOFF;
    loop_timer_start(pool->loop, &exchange->timer, at_us, exchange_on_timer);
}

static int64_t pause_of(uint32_t after_ms)
{
    return after_ms > 0 && after_ms <= POOL_RETRY_AFTER_MAX_MS ? after_ms : POOL_PAUSE_MS;
}

/* The provider said no for now: everybody waits, unless another has room. */
static void exchange_throttled(struct pool__upstream *upstream, uint32_t after_ms)
{
    struct pool *pool = upstream->pool;
    POOL_COUNT(pool, throttled, 1);
    if (pool__upstream_has_other(upstream)) {
        upstream->pause_us = loop_now_us(pool->loop) + pause_of(after_ms) * 1000;
        return;
    }
    int64_t now_us = loop_now_us(pool->loop);
    if (after_ms > POOL_RETRY_AFTER_MAX_MS)
        after_ms = 0;
    scheduler_refused(pool->scheduler, now_us + (int64_t)after_ms * 1000, now_us);
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

static void exchange_failed(struct pool__exchange *exchange, const struct failure *failure)
{
    struct pool *pool = exchange->pool;
    if (failure->fault == RETRY_RATE)
        exchange_throttled(exchange->slot->upstream, failure->hints.after_ms);
    int64_t at_us = loop_now_us(pool->loop);
    /* Elsewhere there is nothing to wait for. */
    if (!upstream_failed(failure->fault) || !pool__upstream_has_other(exchange->slot->upstream))
        at_us +=
            retry_backoff_us(failure->fault, exchange->tries, failure->hints.after_ms, &pool->rng);
    exchange_mark(exchange, LAT_UPSTREAM);
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
        last->data = buf_take(&exchange->body, &last->len);
    exchange_end(exchange, POOL_FAILED);
}

static const char *header_of(CURL *easy, const char *name)
{
    struct curl_header *header;
    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return NULL;
    return header->value;
}

/* UINT32_MAX: not told. Some gateways send -1. */
static uint32_t told_of(CURL *easy, const char *name)
{
    const char *text = header_of(easy, name);
    if (text == NULL || text[0] < '0' || text[0] > '9')
        return UINT32_MAX;
    unsigned long value = strtoul(text, NULL, 10);
    return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

static void budget_observe_answer(struct pool *pool, CURL *easy)
{
    struct budget_told told = {
        .requests_limit = told_of(easy, "x-ratelimit-limit-requests"),
        .requests_left = told_of(easy, "x-ratelimit-remaining-requests"),
        .tokens_limit = told_of(easy, "x-ratelimit-limit-tokens"),
        .tokens_left = told_of(easy, "x-ratelimit-remaining-tokens"),
    };
    /* A limit of 0 makes no sense, and neither does what is left of it. */
    if (told.requests_limit == 0 || told.requests_limit == UINT32_MAX)
        told.requests_left = UINT32_MAX;
    if (told.tokens_limit == 0 || told.tokens_limit == UINT32_MAX)
        told.tokens_left = UINT32_MAX;
    scheduler_observe(pool->scheduler, &told, loop_now_us(pool->loop));
}

static struct failure failure_of(struct pool__exchange *exchange, CURLcode result)
{
    CURL *easy = exchange->slot->easy;
    long http_status = 0;
    struct failure failure = {.fault = RETRY_CONNECTION};
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &http_status);
    failure.http_status = (int)http_status;
    if (result == CURLE_WRITE_ERROR && http_status < 300) {
        failure.fault = RETRY_LARGE;
        return failure;
    }
    /* libcurl 7.88 reports some broken streams as complete: an answer without a byte is none. */
    if (result != CURLE_OK || (http_status < 300 && exchange->received == 0)) {
        failure.http_status = 0;
        return failure;
    }
    struct chat_error error = {0};
    if (http_status >= 300) {
        chat_provider_error(exchange->slot->upstream->config.account.provider, failure.http_status,
                            exchange->body.data, exchange->body.len, &error);
        failure.hints.after_ms =
            retry_after_read(header_of(easy, "retry-after"), header_of(easy, "retry-after-ms"));
        const char *should = header_of(easy, "x-should-retry");
        if (should != NULL)
            failure.hints.should_retry = strcmp(should, "true") == 0 ? 1 : -1;
    }
    failure.fault = retry_fault_of((int)http_status, &error);
    memcpy(failure.code, error.code, sizeof failure.code);
    if (failure.fault != RETRY_NONE)
        LOG_WARN(LOG_POOL, exchange->request.msg.session, "upstream answers with an error",
                 "status=%ld code=%s after_ms=%u", http_status, LOG_Q(error.code),
                 failure.hints.after_ms);
    return failure;
}

/* Handshakes that a request had to wait for; after warm-up there should be none. */
static void connects_count(struct pool__exchange *exchange)
{
    long connects = 0;
    curl_easy_getinfo(exchange->slot->easy, CURLINFO_NUM_CONNECTS, &connects);
    if (connects <= 0)
        return;
    POOL_COUNT(exchange->pool, connects_total, (uint64_t)connects);
    POOL_COUNT(exchange->pool, handshakes_late, (uint64_t)connects);
}

/* Onto another connection; this is no retry. */
static void exchange_transfer(struct pool__exchange *exchange, struct pool__conn *conn)
{
    POOL_COUNT(exchange->pool, moved, 1);
    exchange_unplace(exchange);
    if (exchange_place(exchange, conn) != STATUS_OK) {
        pool__exchange_fail(exchange, STATUS_NOMEM);
        return;
    }
    exchange_arm(exchange);
}

/* What a failure says about the upstream as a whole. */
static void upstream_learn(struct pool__exchange *exchange, const struct failure *failure)
{
    struct pool__upstream *upstream = exchange->slot->upstream;
    bool key = failure->http_status == 401 || failure->http_status == 403;
    switch (failure->fault) {
    case RETRY_CONNECTION:
    case RETRY_STALL:
    case RETRY_SERVER:
    case RETRY_OVERLOADED:
        pool__upstream_trouble(upstream, POOL_TROUBLE_OUTAGE, failure->code);
        break;
    case RETRY_QUOTA: pool__upstream_trouble(upstream, POOL_TROUBLE_QUOTA, failure->code); break;
    case RETRY_REFUSED:
        if (key)
            pool__upstream_trouble(upstream, POOL_TROUBLE_CREDENTIALS, failure->code);
        else
            pool__upstream_answered(upstream);
        break;
    case RETRY_RATE:
    case RETRY_LARGE:
    case RETRY_NONE: pool__upstream_answered(upstream); break;
    }
    /* What only the account's owner can end is not worth waiting for. */
    int refusal = pool__refusal(exchange->pool);
    if (refusal == STATUS_BUDGET || refusal == STATUS_REFUSED)
        pool__fail_waiting(exchange->pool, refusal);
}

/* Its connection takes no requests any more, and nothing of an answer has come. */
static bool went_away(const struct pool__exchange *exchange, CURLcode result)
{
    const struct pool__slot *slot = exchange->slot;
    return slot->barred ||
           (slot->conn->going_away && result != CURLE_OK && exchange->received == 0);
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
        exchange->byte_us = loop_now_us(pool->loop);
        exchange_transfer(exchange, conn);
        return;
    }
    POOL_COUNT(pool, moved, 1);
    exchange_unplace(exchange);
    scheduler_settle(pool->scheduler, exchange->item.cost);
    exchange->tries--;
    exchange_again(exchange);
}

void pool__exchange_done(struct pool__exchange *exchange, CURLcode result)
{
    struct pool__slot *slot = exchange->slot;
    struct pool__conn *conn = slot->conn;
    slot->finished = true;
    if (went_away(exchange, result) && exchange->moves < POOL_MOVES_MAX) {
        exchange_move_on(exchange);
        return;
    }
    connects_count(exchange);
    budget_observe_answer(exchange->pool, slot->easy);
    struct failure failure = failure_of(exchange, result);
    exchange_mark(exchange, LAT_UPSTREAM);
    if (failure.fault == RETRY_NONE) {
        pool__upstream_answered(slot->upstream);
        exchange_whole(exchange, failure.http_status);
        return;
    }
    if (result != CURLE_OK)
        LOG_WARN(LOG_POOL, exchange->request.msg.session, "request failed",
                 "conn=%llu try=%u error=%s", (unsigned long long)conn->serial, exchange->tries,
                 LOG_Q(slot->error[0] != '\0' ? slot->error : curl_easy_strerror(result)));
    upstream_learn(exchange, &failure);
    /* A reset stream says nothing about its connection; anything else may. */
    if (failure.fault == RETRY_CONNECTION && result != CURLE_HTTP2_STREAM)
        pool__conn_suspect(conn);
    exchange_failed(exchange, &failure);
}

/* No stream for a while: another connection may have one. It was never sent, so this is no retry.
 */
static void exchange_move(struct pool__exchange *exchange)
{
    struct pool__conn *conn =
        pool__conn_choose(exchange->pool, (struct pool__avoid){exchange->slot->conn->serial, NULL});
    exchange->byte_us = loop_now_us(exchange->pool->loop);
    if (conn == NULL || conn == exchange->slot->conn || conn->waiting > 0) {
        exchange_arm(exchange);
        return;
    }
    exchange_transfer(exchange, conn);
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
        if (exchange->received == 0 && now_us - exchange->sent_us > POOL_SILENCE_MS * 1000)
            pool__upstream_trouble(exchange->slot->upstream, POOL_TROUBLE_OUTAGE, "");
        pool__exchange_fail(exchange, STATUS_TIMEOUT);
    } else if (exchange->slot->streams == 0) {
        exchange_move(exchange);
    } else if (exchange->held && now_us >= piece_due_us(exchange)) {
        exchange_dirty(exchange);
        exchange_arm(exchange);
        pool__dirty_flush(pool);
    } else if (now_us - exchange->byte_us >= (int64_t)pool->config.stall_ms * 1000) {
        LOG_WARN(LOG_POOL, exchange->request.msg.session, "answer stalled",
                 "conn=%llu received=%zu", (unsigned long long)exchange->slot->conn->serial,
                 exchange->received);
        struct failure failure = {.fault = RETRY_STALL};
        upstream_learn(exchange, &failure);
        pool__conn_suspect(exchange->slot->conn);
        exchange_failed(exchange, &failure);
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
