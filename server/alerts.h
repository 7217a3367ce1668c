/*
 * What somebody should be woken for: facts looked at once a second become `alert` letters, one when
 * a fact has held for a while, one when it has been over for a while. Pure but for the gathering.
 *
 * Threads: one owner, the webhook's thread.
 */
#pragma once

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

struct server;

/* X(NAME, "name", milliseconds until it is told, "what it means and what to do") */
#define ALERTS_MAP(X)                                                                              \
    X(CHAT_QUOTA, "chat_quota", 0,                                                                 \
      "an upstream's quota is used up: see to the account's billing and limits")                   \
    X(CHAT_KEY, "chat_key", 0, "an upstream refuses the key: see to url and key of [chat]")        \
    X(CHAT_DOWN, "chat_down", 10000,                                                               \
      "an upstream of translations or corrections does not answer and is left out")                \
    X(SPEECH_DOWN, "speech_down", 10000, "a speech API fails for everybody and is left out")       \
    X(STORE_FAILING, "store_failing", 0,                                                           \
      "the store takes no writes: captions go on, nothing new survives the process")               \
    X(NOT_READY, "not_ready", 30000, "no sessions are taken; GET /readyz tells why")

enum alert {
#define X(name, text, hold_ms, help) ALERT_##name,
    ALERTS_MAP(X)
#undef X
        ALERTS
};

#define ALERT_DETAIL_BYTES 200

struct alert_facts {
    bool on[ALERTS];
    char detail[ALERTS][ALERT_DETAIL_BYTES]; /* which one, or why; may be "" */
};

struct alerts {
    struct {
        bool told;
        int64_t since_us; /* on, untold: since when; told, off: since when it is over; else 0 */
    } state[ALERTS];
};

/* Calls `tell` with the data of each letter that is due, a JSON object. */
void alerts_update(struct alerts *alerts, const struct alert_facts *facts, int64_t now_us,
                   void (*tell)(void *ctx, const char *data), void *ctx);
/* What is so now. Waits for locks of statistics. */
void alerts_gather(struct server *server, struct alert_facts *out);
