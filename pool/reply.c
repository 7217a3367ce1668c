/* Requests and replies as the pool's callers see them. */
#include "base/mem.h"
#include "pool/internal.h"
#include <assert.h>

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
    mem_free(exchange);
}

struct pool_reply *pool__reply_create(void)
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
    exchange->last = pool__reply_create();
    if (exchange->last == NULL) {
        mem_free(exchange);
        return NULL;
    }
    exchange->request.msg.free_fn = request_free;
    exchange->request.weight = 1;
    exchange->request.body = body;
    exchange->request.body_len = len;
    return &exchange->request;
}

void pool__reply_send(struct pool__exchange *exchange, struct pool_reply *reply,
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
void pool__exchange_mark(struct pool__exchange *exchange, enum lat_part part)
{
    struct lat *lat = &exchange->request.lat;
    int64_t now_us = loop_now_us(exchange->pool->loop);
    if (lat->last_us == 0)
        lat->last_us = now_us;
    lat_mark(lat, part, now_us);
}
