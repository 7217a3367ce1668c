/*
 * What may be sent: requests and tokens a minute as smooth buckets, a pause the provider asked for,
 * and the provider's own word on its limits.
 *
 * A limit is the lower one of what was configured and what the provider tells
 * (x-ratelimit-limit-*); 0 in the configuration leaves it to the provider. A refusal (429) lowers
 * both by an eighth, once a second at most and to half at the least; each second without one gives
 * half a per cent back.
 *
 * Threads: one owner.
 */
#pragma once

#include "pool/bucket.h"

/* UINT32_MAX: not told. */
struct budget_told {
    uint32_t requests_limit, requests_left, tokens_limit, tokens_left;
};

struct budget_side {
    struct bucket bucket;
    uint32_t configured;
    uint32_t told; /* 0: never */
    int64_t told_us;
};

struct budget {
    struct budget_side requests, tokens;
    uint32_t cut_permille; /* what refusals have left of the limits */
    int64_t cut_us, recovered_us, pause_us;
};

/* Limits a minute, 0: none but what the provider tells. */
void budget_init(struct budget *budget, uint32_t requests, uint32_t tokens, int64_t now_us);
/* When a request of so many tokens may be sent: `now_us` or later. */
int64_t budget_due(struct budget *budget, uint32_t tokens, int64_t now_us);
/* After budget_due() has said now. */
void budget_take(struct budget *budget, uint32_t tokens);
/* Whatever is there: a debt may be left. */
void budget_charge(struct budget *budget, uint32_t tokens);
/* A request of so many tokens was not looked at. */
void budget_refund(struct budget *budget, uint32_t tokens);
/* `delta` tokens come back or, negative, are owed. */
void budget_settle(struct budget *budget, int64_t delta);
/* The provider said no; nothing is sent before `until_us`. */
void budget_refused(struct budget *budget, int64_t until_us, int64_t now_us);
void budget_observe(struct budget *budget, const struct budget_told *told, int64_t now_us);
/* What a request costs a session's share, in thousandths of an ordinary request: by the resource of
 * which it takes the larger part. */
uint32_t budget_share(const struct budget *budget, uint32_t tokens);
