#include "pool/bucket.h"

#include <assert.h>

#define MILLION   1000000
#define MINUTE_US (60 * (int64_t)MILLION)

static void measure(struct bucket *bucket, uint32_t limit, uint32_t burst_min)
{
    int64_t half = limit / 2 > 1 ? limit / 2 : 1;
    int64_t least = burst_min < half ? burst_min : half;
    int64_t burst = (int64_t)limit * 45 / 1000;
    int64_t size = burst > least ? burst : least;
    int64_t rate = (int64_t)limit * 900;
    int64_t rest = ((int64_t)limit - size) * 1000;
    /* A bucket of one whole item keeps its limit at nine tenths too: parts of an item cannot be
     * taken. */
    if (size > 1 && rate > rest)
        rate = rest;
    bucket->limit = limit;
    bucket->size = size * MILLION;
    bucket->rate = rate;
}

void bucket_init(struct bucket *bucket, uint32_t limit, uint32_t burst_min, int64_t now_us)
{
    *bucket = (struct bucket){.last_us = now_us};
    measure(bucket, limit, burst_min);
    bucket->level = bucket->size;
}

uint32_t bucket_size(const struct bucket *bucket)
{
    return bucket->rate == 0 ? UINT32_MAX : (uint32_t)(bucket->size / MILLION);
}

static void refill(struct bucket *bucket, int64_t now_us)
{
    int64_t elapsed_us = now_us - bucket->last_us;
    if (elapsed_us <= 0)
        return;
    bucket->last_us = now_us;
    /* A minute fills any bucket that owes less than its limit; the bound keeps the product in
     * range. */
    if (elapsed_us > 2 * MINUTE_US)
        elapsed_us = 2 * MINUTE_US;
    bucket->level += elapsed_us * (bucket->rate / 100) / 600;
    if (bucket->level > bucket->size)
        bucket->level = bucket->size;
}

void bucket_resize(struct bucket *bucket, uint32_t limit, uint32_t burst_min, int64_t now_us)
{
    if (bucket->rate == 0) {
        bucket_init(bucket, limit, burst_min, now_us);
        return;
    }
    refill(bucket, now_us);
    measure(bucket, limit, burst_min);
    if (bucket->level > bucket->size)
        bucket->level = bucket->size;
}

int64_t bucket_due(struct bucket *bucket, uint32_t amount, int64_t now_us)
{
    if (bucket->rate == 0)
        return now_us;
    refill(bucket, now_us);
    int64_t wanted = (int64_t)amount * MILLION;
    int64_t missing = (wanted < bucket->size ? wanted : bucket->size) - bucket->level;
    if (missing <= 0)
        return now_us;
    return now_us + missing * 600 / (bucket->rate / 100) + 1;
}

void bucket_take(struct bucket *bucket, uint32_t amount)
{
    if (bucket->rate == 0)
        return;
    int64_t taken = (int64_t)amount * MILLION;
    assert(bucket->level >= taken || bucket->level == bucket->size);
    bucket->level -= taken;
}

void bucket_give(struct bucket *bucket, int64_t amount)
{
    if (bucket->rate == 0)
        return;
    bucket->level += amount * MILLION;
    if (bucket->level > bucket->size)
        bucket->level = bucket->size;
}

void bucket_correct(struct bucket *bucket, uint32_t left, int64_t now_us)
{
    if (bucket->rate == 0)
        return;
    refill(bucket, now_us);
    if (bucket->level > (int64_t)left * MILLION)
        bucket->level = (int64_t)left * MILLION;
    else if (bucket->level < 0 && left > bucket->limit / 2)
        bucket->level = 0;
}
