/*
 * What went wrong with a request, whether it may be sent again and when. Pure.
 *
 * Threads: any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct chat_error;
struct rng;

enum retry_fault {
    RETRY_NONE,       /* 2xx */
    RETRY_CONNECTION, /* refused, reset, TLS, GOAWAY: elsewhere, soon */
    RETRY_STALL,      /* no byte for too long: elsewhere, soon, once */
    RETRY_SERVER,     /* 408, 409, 5xx */
    RETRY_OVERLOADED, /* 503, 529: the longer delay */
    RETRY_RATE,       /* 429 */
    RETRY_QUOTA,      /* 4xx that only the account's owner can end */
    RETRY_REFUSED,    /* other 4xx: the same request would be refused again */
    RETRY_LARGE,      /* more bytes than allowed */
};

/* What a provider's response headers say about it; zero: nothing. */
struct retry_hints {
    uint32_t after_ms;
    int should_retry; /* x-should-retry: 1 yes, -1 no, 0 not said */
};

/* Status 1xx, 3xx and 0 count as a broken connection. */
enum retry_fault retry_fault_of(int http_status, const struct chat_error *error);
/* Whether sending again can help at all. */
bool retry_helps(enum retry_fault fault, const struct retry_hints *hints);
/* The status of a request that failed for good. */
int retry_status(enum retry_fault fault);
/* Wait before try number `tries` + 1, jitter included. */
int64_t retry_backoff_us(enum retry_fault fault, unsigned tries, uint32_t after_ms,
                         struct rng *rng);
/* Reads Retry-After (whole seconds; dates count as absent) and retry-after-ms; NULL: no such
 * header. */
uint32_t retry_after_read(const char *seconds, const char *milliseconds);
