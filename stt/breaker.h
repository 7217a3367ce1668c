/*
 * Keeps a speech API that refuses everybody from being asked by everybody: one breaker a provider,
 * shared by all sessions. Pure state, time and random numbers are passed in.
 *
 *   CLOSED ──many troubles, few answers──▶ OPEN ──its time is over──▶ PROBING ──answer──▶ CLOSED
 *                                           ▲───────────trouble──────────┘
 *
 * Only calls that were never answered count as trouble: what ends after having worked, even all of
 * a lost connection, is no reason not to open the next.
 *
 * Threads: one owner.
 */
#pragma once

#include "base/rng.h"
#include <stdbool.h>
#include <stdint.h>

enum stt_breaker_state {
    STT_BREAKER_CLOSED,
    STT_BREAKER_OPEN,    /* opens are answered here */
    STT_BREAKER_PROBING, /* a few calls go through, then more; an answer or a trouble decides */
};

enum stt_trouble {
    STT_TROUBLE_OUTAGE, /* unavailable, no stream in time, internal errors */
    STT_TROUBLE_QUOTA,  /* asked too much */
    STT_TROUBLE_CONFIG, /* credentials, permissions, paths: the same for everybody */
};

struct stt_breaker {
    enum stt_breaker_state state;
    int status;           /* of the newest trouble; what opens are answered with */
    unsigned troubles;    /* of this window */
    unsigned answers;     /* of this window */
    unsigned refusals;    /* successive troubles with the configuration */
    int64_t window_us;    /* its begin */
    unsigned trips;       /* successive, without an answer between them */
    int64_t until_us;     /* OPEN: its end; PROBING: when more probes may go */
    unsigned probes;      /* PROBING: that may go until then */
    unsigned probes_sent; /* of them */
};

/* 0: the call may be opened. Else how long to wait, in milliseconds: at least as long as it stays
 * open, and some time more, so that those who wait do not come back together. */
uint32_t stt_breaker_ask(struct stt_breaker *breaker, struct rng *rng, int64_t now_us);
/* A call has had its first answer. */
void stt_breaker_answer(struct stt_breaker *breaker, int64_t now_us);
/* A call ended without one; `retry_after_ms` is what the API asked for, or 0. True when the breaker
 * opened by it. */
bool stt_breaker_trouble(struct stt_breaker *breaker, enum stt_trouble trouble, int status,
                         uint32_t retry_after_ms, int64_t now_us);
const char *stt_breaker_state_name(enum stt_breaker_state state);
