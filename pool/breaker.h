/*
 * Keeps requests away from an upstream that answers none: one breaker an upstream. Pure state, time
 * and random numbers are passed in.
 *
 *   CLOSED ──many troubles, few answers──▶ OPEN ──its time is over──▶ PROBING ──answer──▶ CLOSED
 *                                           ▲───────────trouble──────────┘
 *
 * What only the account's owner can end (quota, credentials) opens it for long.
 *
 * Threads: one owner.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rng;

enum pool_breaker_state {
    POOL_BREAKER_CLOSED,
    POOL_BREAKER_OPEN,    /* nothing is sent */
    POOL_BREAKER_PROBING, /* a request is on the way, then another; what becomes of one decides */
};

enum pool_trouble {
    POOL_TROUBLE_OUTAGE,      /* broken connections, stalls, 5xx */
    POOL_TROUBLE_QUOTA,       /* insufficient_quota and its kin: opens at once */
    POOL_TROUBLE_CREDENTIALS, /* 401, 403: the same for every request */
};

struct pool_breaker {
    enum pool_breaker_state state;
    enum pool_trouble trouble;  /* that opened it */
    unsigned troubles, answers; /* of this window */
    unsigned trips;             /* successive, without an answer between them */
    int64_t window_us;          /* its begin */
    int64_t until_us;           /* OPEN: its end; PROBING: when another probe may go */
};

/* May a request be sent? Changes nothing. */
bool pool_breaker_allows(const struct pool_breaker *breaker, int64_t now_us);
/* It is being sent, after allows() said yes. True: it is the probe. */
bool pool_breaker_sent(struct pool_breaker *breaker, int64_t now_us);
void pool_breaker_answer(struct pool_breaker *breaker, int64_t now_us);
/* True when it opened by this. `alone`: no other upstream answers, so that an outage is looked at
 * again and again after a short time. */
bool pool_breaker_trouble(struct pool_breaker *breaker, enum pool_trouble trouble, bool alone,
                          struct rng *rng, int64_t now_us);
/* The probe ended without a word, cancelled or moved: the next request is one. */
void pool_breaker_unsaid(struct pool_breaker *breaker);
