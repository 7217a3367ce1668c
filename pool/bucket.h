/*
 * A token bucket that keeps `limit` a minute in every minute: it refills at nine tenths of the
 * limit and holds a twentieth of that at once, so no minute carries more than 0.945 of it. A bucket
 * so small that it must hold more than this to hold one thing at all refills slower instead.
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
    uint32_t limit;
};

/* `burst_min`: the least it holds at once (half the limit at most, but one). limit 0: unlimited.
 * Starts full. */
void bucket_init(struct bucket *bucket, uint32_t limit, uint32_t burst_min, int64_t now_us);
/* Another limit from now on; what is there stays as far as there is room, what is owed stays owed.
 */
void bucket_resize(struct bucket *bucket, uint32_t limit, uint32_t burst_min, int64_t now_us);
/* The most one take should ask for; UINT32_MAX when unlimited. */
uint32_t bucket_size(const struct bucket *bucket);
/* When `amount` will be there, or the bucket full: `now_us` or later. */
int64_t bucket_due(struct bucket *bucket, uint32_t amount, int64_t now_us);
/* After bucket_due() has said now. More than the bucket holds (it was larger once) leaves a debt.
 */
void bucket_take(struct bucket *bucket, uint32_t amount);
void bucket_give(struct bucket *bucket, int64_t amount);
/* The provider says that `left` of the minute is left: no more is there than that; and with half
 * the limit left nothing is owed. */
void bucket_correct(struct bucket *bucket, uint32_t left, int64_t now_us);
