/* What an answer says: whether it is one, what it tells of the budget and of its upstream. */
#include "base/log.h"
#include "base/status.h"
#include "pool/budget.h"
#include "pool/chat.h"
#include "pool/chat_provider.h"
#include "pool/internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

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

/* What all with a part of the requests allow together; UINT32_MAX as long as one has told none. */
static struct budget_told told_of_all(const struct pool *pool)
{
    uint64_t requests = 0, tokens = 0;
    for (unsigned i = 0; i < pool->config.upstreams_len; i++) {
        const struct pool__upstream *upstream = &pool->upstreams[i];
        const struct budget *budget = &upstream->budget;
        if (upstream->config.weight == 0)
            continue;
        requests += budget->requests.told > 0 ? budget->requests.told : UINT32_MAX;
        tokens += budget->tokens.told > 0 ? budget->tokens.told : UINT32_MAX;
    }
    return (struct budget_told){
        .requests_limit = requests < UINT32_MAX ? (uint32_t)requests : UINT32_MAX,
        .requests_left = UINT32_MAX,
        .tokens_limit = tokens < UINT32_MAX ? (uint32_t)tokens : UINT32_MAX,
        .tokens_left = UINT32_MAX,
    };
}

/* Each upstream tells of itself only: what is left there is left there. */
void pool__budget_observe(struct pool__slot *slot)
{
    struct pool *pool = slot->pool;
    CURL *easy = slot->easy;
    int64_t now_us = loop_now_us(pool->loop);
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
    if (pool->config.upstreams_len > 1) {
        budget_observe(&slot->upstream->budget, &told, now_us);
        told = told_of_all(pool);
    }
    scheduler_observe(pool->scheduler, &told, now_us);
}

struct pool__failure pool__failure_of(struct pool__slot *slot, CURLcode result)
{
    CURL *easy = slot->easy;
    long http_status = 0;
    struct pool__failure failure = {.fault = RETRY_CONNECTION};
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &http_status);
    failure.http_status = (int)http_status;
    if (result == CURLE_WRITE_ERROR && http_status < 300) {
        failure.fault = RETRY_LARGE;
        return failure;
    }
    /* libcurl 7.88 reports some broken streams as complete: an answer without a byte is none. */
    if (result != CURLE_OK || (http_status < 300 && slot->received == 0)) {
        failure.http_status = 0;
        return failure;
    }
    struct chat_error error = {0};
    if (http_status >= 300) {
        chat_provider_error(slot->upstream->config.account.provider, failure.http_status,
                            slot->body.data, slot->body.len, &error);
        failure.hints.after_ms =
            retry_after_read(header_of(easy, "retry-after"), header_of(easy, "retry-after-ms"));
        const char *should = header_of(easy, "x-should-retry");
        if (should != NULL)
            failure.hints.should_retry = strcmp(should, "true") == 0 ? 1 : -1;
    }
    failure.fault = retry_fault_of((int)http_status, &error);
    memcpy(failure.code, error.code, sizeof failure.code);
    if (failure.fault != RETRY_NONE)
        LOG_WARN(LOG_POOL, slot->exchange->request.msg.session, "upstream answers with an error",
                 "status=%ld code=%s after_ms=%u", http_status, LOG_Q(error.code),
                 failure.hints.after_ms);
    return failure;
}

/* Another connection of the same upstream would not help. */
bool pool__upstream_failed(enum retry_fault fault)
{
    return fault == RETRY_SERVER || fault == RETRY_OVERLOADED || fault == RETRY_RATE ||
           fault == RETRY_QUOTA;
}

static int64_t pause_of(uint32_t after_ms)
{
    return after_ms > 0 && after_ms <= POOL_RETRY_AFTER_MAX_MS ? after_ms : POOL_PAUSE_MS;
}

/* The provider said no for now: everybody waits, unless another has room. */
static void upstream_throttled(struct pool__upstream *upstream, uint32_t after_ms)
{
    struct pool *pool = upstream->pool;
    int64_t now_us = loop_now_us(pool->loop);
    POOL_COUNT(pool, throttled, 1);
    if (pool__upstream_has_other(upstream)) {
        budget_refused(&upstream->budget, now_us + pause_of(after_ms) * 1000, now_us);
        return;
    }
    if (after_ms > POOL_RETRY_AFTER_MAX_MS)
        after_ms = 0;
    scheduler_refused(pool->scheduler, now_us + (int64_t)after_ms * 1000, now_us);
}

void pool__upstream_learn(struct pool__upstream *upstream, const struct pool__failure *failure)
{
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
        upstream_throttled(upstream, failure->hints.after_ms);
        pool__upstream_answered(upstream);
        break;
    case RETRY_LARGE:
    case RETRY_NONE: pool__upstream_answered(upstream); break;
    }
    /* What only the account's owner can end is not worth waiting for. */
    int refusal = pool__refusal(upstream->pool);
    if (refusal == STATUS_BUDGET || refusal == STATUS_REFUSED)
        pool__fail_waiting(upstream->pool, refusal);
}
