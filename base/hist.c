#include "base/hist.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define SUB       (1u << HIST_SUB_BITS)
#define VALUE_END ((uint64_t)1 << 40)

_Static_assert(HIST_BUCKETS == (40 - HIST_SUB_BITS + 1) * SUB, "one row a power of two");

/* Values below SUB have a bucket each; above, every power of two is cut into SUB equal buckets. */
static unsigned bucket_of(uint64_t value)
{
    if (value >= VALUE_END)
        return HIST_BUCKETS - 1;
    if (value < SUB)
        return (unsigned)value;
    unsigned power = 63 - (unsigned)__builtin_clzll(value);
    unsigned shift = power - HIST_SUB_BITS;
    return (shift + 1) * SUB + (unsigned)((value >> shift) & (SUB - 1));
}

static uint64_t bucket_last(unsigned bucket)
{
    if (bucket < SUB)
        return bucket;
    unsigned shift = bucket / SUB - 1;
    return ((uint64_t)(SUB + bucket % SUB + 1) << shift) - 1;
}

/* A full bucket stays full: a count that wrapped would move every quantile. */
static uint32_t add_saturated(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

void hist_reset(struct hist *hist)
{
    memset(hist, 0, sizeof *hist);
}

void hist_add(struct hist *hist, int64_t value)
{
    uint64_t v = value > 0 ? (uint64_t)value : 0;
    unsigned bucket = bucket_of(v);
    assert(bucket < HIST_BUCKETS);
    hist->buckets[bucket] = add_saturated(hist->buckets[bucket], 1);
    if (hist->count == 0 || v < hist->min)
        hist->min = v;
    if (v > hist->max)
        hist->max = v;
    hist->sum += v;
    hist->count++;
}

void hist_merge(struct hist *into, const struct hist *from)
{
    if (from->count == 0)
        return;
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        into->buckets[i] = add_saturated(into->buckets[i], from->buckets[i]);
    if (into->count == 0 || from->min < into->min)
        into->min = from->min;
    if (from->max > into->max)
        into->max = from->max;
    into->sum += from->sum;
    into->count += from->count;
}

uint64_t hist_quantile(const struct hist *hist, double q)
{
    assert(q >= 0 && q <= 1);
    if (hist->count == 0)
        return 0;
    uint64_t rank = (uint64_t)ceil(q * (double)hist->count);
    if (rank == 0)
        rank = 1;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        seen += hist->buckets[i];
        if (seen >= rank)
            return bucket_last(i) < hist->max ? bucket_last(i) : hist->max;
    }
    return hist->max;
}

double hist_mean(const struct hist *hist)
{
    return hist->count > 0 ? (double)hist->sum / (double)hist->count : 0;
}

uint64_t hist_count_le(const struct hist *hist, uint64_t value)
{
    if (value >= hist->max)
        return hist->count;
    uint64_t seen = 0;
    for (unsigned i = 0, last = bucket_of(value); i <= last; i++)
        seen += hist->buckets[i];
    return seen;
}
