/* One try of a request on a connection. */
#include "base/status.h"
#include "pool/internal.h"

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
    buf_deinit(&slot->body);
    slot->next = slot->upstream->slots;
    slot->upstream->slots = slot;
}

void pool__slot_leave(struct pool__slot *slot)
{
    pool__conn_remove(slot);
    slot_put(slot);
}

struct pool__slot *pool__slot_place(struct pool__exchange *exchange, struct pool__conn *conn)
{
    struct pool__slot *slot = slot_get(conn->upstream);
    if (slot == NULL)
        return NULL;
    /* Borrowed by libcurl: the body lives in the request until the handle is removed. */
    curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, exchange->request.body);
    curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)exchange->request.body_len);
    slot->exchange = exchange;
    buf_init(&slot->body, POOL_REPLY_MAX);
    slot->received = 0;
    slot->sent_us = slot->byte_us = loop_now_us(exchange->pool->loop);
    if (pool__conn_add(conn, slot) != STATUS_OK) {
        slot_put(slot);
        return NULL;
    }
    slot->probe = pool__conn_chosen(conn, exchange->item.cost);
    return slot;
}

void pool__slot_count(struct pool__slot *slot)
{
    long connects = 0;
    curl_easy_getinfo(slot->easy, CURLINFO_NUM_CONNECTS, &connects);
    if (connects <= 0)
        return;
    POOL_COUNT(slot->pool, connects_total, (uint64_t)connects);
    POOL_COUNT(slot->pool, handshakes_late, (uint64_t)connects);
}
