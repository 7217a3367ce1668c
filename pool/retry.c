#include "pool/retry.h"

#include "base/rng.h"
#include "base/status.h"
#include "pool/chat.h"
#include "pool/limits.h"
#include <assert.h>

enum retry_fault retry_fault_of(int http_status, const struct chat_error *error)
{
    assert(error != NULL);
    if (http_status >= 200 && http_status < 300)
        return RETRY_NONE;
    if (http_status >= 400 && http_status < 500 && error->quota)
        return RETRY_QUOTA;
    if (http_status == 503 || http_status == 529)
        return RETRY_OVERLOADED;
    if (http_status >= 500 || http_status == 408 || http_status == 409)
        return RETRY_SERVER;
    if (http_status == 429)
        return RETRY_RATE;
    return http_status >= 400 ? RETRY_REFUSED : RETRY_CONNECTION;
}

bool retry_helps(enum retry_fault fault, const struct retry_hints *hints)
{
    switch (fault) {
    case RETRY_CONNECTION:
    case RETRY_STALL: return true;
    case RETRY_SERVER:
    case RETRY_OVERLOADED:
    case RETRY_RATE: return hints->should_retry >= 0;
    case RETRY_REFUSED: return hints->should_retry > 0;
    case RETRY_NONE:
    case RETRY_QUOTA:
    case RETRY_LARGE: return false;
    }
    return false;
}

int retry_status(enum retry_fault fault)
{
    switch (fault) {
    case RETRY_NONE: return STATUS_OK;
    case RETRY_CONNECTION:
    case RETRY_STALL:
    case RETRY_SERVER:
    case RETRY_OVERLOADED: return STATUS_UNAVAILABLE;
    case RETRY_RATE:
    case RETRY_QUOTA: return STATUS_BUDGET;
    case RETRY_REFUSED: return STATUS_REFUSED;
    case RETRY_LARGE: return STATUS_LIMIT;
    }
    return STATUS_INTERNAL;
}

int64_t retry_backoff_us(enum retry_fault fault, unsigned tries, uint32_t after_ms, struct rng *rng)
{
    if (after_ms > 0 && after_ms <= POOL_RETRY_AFTER_MAX_MS)
        return (int64_t)after_ms * 1000 + rng_range(rng, 0, 50000);
    int64_t first_us;
    switch (fault) {
    case RETRY_CONNECTION:
    case RETRY_STALL: first_us = tries <= 1 ? 20000 : 200000; break;
    case RETRY_SERVER: first_us = 200000; break;
    default: first_us = 500000; break;
    }
    unsigned doublings = tries > 1 ? tries - 1 : 0;
    int64_t wait_us = first_us << (doublings < 6 ? doublings : 6);
    if (wait_us > POOL_BACKOFF_MAX_MS * 1000)
        wait_us = POOL_BACKOFF_MAX_MS * 1000;
    return wait_us - rng_range(rng, 0, wait_us / 4);
}

/* Decimal digits with blanks around them; saturates. False: something else. */
static bool number_read(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    while (*text == ' ')
        text++;
    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++)
        if (value < 1000000000)
            value = value * 10 + (uint64_t)(*text - '0');
    *out = value;
    return *text == '\0' || *text == ' ' || *text == '\r' || *text == '.';
}

uint32_t retry_after_read(const char *seconds, const char *milliseconds)
{
    uint64_t value;
    if (milliseconds != NULL && number_read(milliseconds, &value))
        return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    if (seconds != NULL && number_read(seconds, &value))
        return value > UINT32_MAX / 1000 ? UINT32_MAX : (uint32_t)value * 1000;
    return 0;
}
