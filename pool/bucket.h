/*
 * A token bucket that keeps `limit` a minute in every minute: what it holds at once and what flows
 * in during a minute add up to the limit at most, and a tenth of it is kept as a margin.
 *
 * Threads: one owner.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bucket {
    int64_t level, size; /* millionths; the level may be negative after a settlement */
    int64_t rate;        /* thousandths a minute; 0: unlimited */
    int64_t last_us;
};

/* `burst_min`: the least it holds at once (half the limit at most, but one). limit 0: unlimited.
 * Starts full. */
void bucket_init(struct bucket *bucket, uint32_t limit, uint32_t burst_min, int64_t now_us);
/* The most one take may ask for; UINT32_MAX when unlimited. */
uint32_t bucket_size(const struct bucket *bucket);
/* When `amount` will be there: `now_us` or later. */
int64_t bucket_due(struct bucket *bucket, uint32_t amount, int64_t now_us);
/* After bucket_due() has said now. */
void bucket_take(struct bucket *bucket, uint32_t amount);
void bucket_give(struct bucket *bucket, int64_t amount);
/* Never more than `amount` is there. */
void bucket_cap(struct bucket *bucket, uint32_t amount, int64_t now_us);
