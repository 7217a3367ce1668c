#include "bench/sim_quota.h"
#include "local/h2_server.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MINUTE_US INT64_C(60000000)
#define LIMIT_MAX INT64_C(100000000000) /* keeps limit × a minute's microseconds in range */

static void bucket_init(struct sim_quota_bucket *bucket, int64_t limit)
{
    bucket->limit = limit < LIMIT_MAX ? limit : LIMIT_MAX;
    bucket->level_us = bucket->limit * MINUTE_US;
}

void sim_quota_init(struct sim_quota *quota, int64_t requests_minute, int64_t tokens_minute,
                    int64_t now_us)
{
    assert(requests_minute >= 0 && tokens_minute >= 0);
    bucket_init(&quota->requests, requests_minute);
    bucket_init(&quota->tokens, tokens_minute);
    quota->last_us = now_us;
}

static void bucket_refill(struct sim_quota_bucket *bucket, int64_t elapsed_us)
{
    int64_t full = bucket->limit * MINUTE_US;
    /* A minute fills any bucket. */
    if (elapsed_us >= MINUTE_US || bucket->level_us + bucket->limit * elapsed_us > full)
        bucket->level_us = full;
    else
        bucket->level_us += bucket->limit * elapsed_us;
}

static void refill(struct sim_quota *quota, int64_t now_us)
{
    int64_t elapsed_us = now_us - quota->last_us;
    if (elapsed_us <= 0)
        return;
    quota->last_us = now_us;
    bucket_refill(&quota->requests, elapsed_us);
    bucket_refill(&quota->tokens, elapsed_us);
}

/* Until so much is there: 0 now, -1 never. */
static int64_t bucket_wait_us(const struct sim_quota_bucket *bucket, int64_t amount)
{
    if (bucket->limit == 0)
        return 0;
    if (amount > bucket->limit)
        return -1;
    int64_t missing = amount * MINUTE_US - bucket->level_us;
    return missing <= 0 ? 0 : (missing + bucket->limit - 1) / bucket->limit;
}

enum sim_quota_verdict sim_quota_take(struct sim_quota *quota, uint32_t tokens, int64_t now_us,
                                      int64_t *wait_us)
{
    refill(quota, now_us);
    *wait_us = bucket_wait_us(&quota->requests, 1);
    if (*wait_us != 0)
        return SIM_QUOTA_NO_REQUESTS;
    *wait_us = bucket_wait_us(&quota->tokens, tokens);
    if (*wait_us != 0)
        return SIM_QUOTA_NO_TOKENS;
    if (quota->requests.limit > 0)
        quota->requests.level_us -= MINUTE_US;
    if (quota->tokens.limit > 0)
        quota->tokens.level_us -= tokens * MINUTE_US;
    assert(quota->requests.level_us >= 0 && quota->tokens.level_us >= 0);
    return SIM_QUOTA_TAKEN;
}

int64_t sim_quota_left(const struct sim_quota_bucket *bucket)
{
    return bucket->level_us / MINUTE_US;
}

/* Seconds with up to three decimals, without zeros at their end. */
static int seconds_write(char *out, size_t size, int64_t ms)
{
    int len = snprintf(out, size, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
    while (out[len - 1] == '0')
        len--;
    if (out[len - 1] == '.')
        len--;
    out[len++] = 's';
    out[len] = '\0';
    return len;
}

void sim_quota_duration(int64_t duration_us, char out[SIM_QUOTA_TEXT_BYTES])
{
    assert(duration_us >= 0);
    int64_t ms = (duration_us + 999) / 1000;
    int64_t hours = ms / 3600000, minutes = ms / 60000 % 60;
    int len = 0;
    if (ms > 0 && ms < 1000) {
        snprintf(out, SIM_QUOTA_TEXT_BYTES, "%" PRId64 "ms", ms);
        return;
    }
    if (hours > 0)
        len += snprintf(out, SIM_QUOTA_TEXT_BYTES, "%" PRId64 "h", hours);
    if (hours > 0 || minutes > 0)
        len += snprintf(out + len, SIM_QUOTA_TEXT_BYTES - (size_t)len, "%" PRId64 "m", minutes);
    seconds_write(out + len, SIM_QUOTA_TEXT_BYTES - (size_t)len, ms % 60000);
}

size_t sim_quota_headers(struct sim_quota *quota, int64_t now_us, struct sim_quota_text *text,
                         struct h2_header *out)
{
    static const char *const names[2][3] = {
        {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
         "x-ratelimit-reset-requests"},
        {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"}};
    const struct sim_quota_bucket *const buckets[2] = {&quota->requests, &quota->tokens};
    size_t len = 0;
    refill(quota, now_us);
    for (int i = 0; i < 2; i++) {
        const struct sim_quota_bucket *bucket = buckets[i];
        if (bucket->limit == 0)
            continue;
        snprintf(text->text[len], SIM_QUOTA_TEXT_BYTES, "%" PRId64, bucket->limit);
        snprintf(text->text[len + 1], SIM_QUOTA_TEXT_BYTES, "%" PRId64, sim_quota_left(bucket));
        sim_quota_duration(bucket_wait_us(bucket, bucket->limit), text->text[len + 2]);
        for (size_t field = 0; field < 3; field++)
            out[len + field] = (struct h2_header){names[i][field], text->text[len + field]};
        len += 3;
    }
    return len;
}
