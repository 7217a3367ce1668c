#include "base/durations.h"

#include <assert.h>
#include <stdatomic.h>

static const uint32_t bounds_us[] = {
#define X(us, seconds) us,
    DURATIONS_MAP(X)
#undef X
};

static const char *const bound_texts[DURATIONS_LEN] = {
#define X(us, seconds) seconds,
    DURATIONS_MAP(X)
#undef X
        [DURATIONS_REST] = "+Inf"};

/* The first bucket whose bound is not below `us`. */
static int bucket_of(uint64_t us)
{
    int low = 0, high = DURATIONS_REST;
    while (low < high) {
        int middle = (low + high) / 2;
        if (bounds_us[middle] < us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void durations_add(struct durations *durations, int64_t us)
{
    uint64_t value = us > 0 ? (uint64_t)us : 0;
    atomic_fetch_add_explicit(&durations->counts[bucket_of(value)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&durations->sum_us, value, memory_order_relaxed);
}

void durations_read(const struct durations *durations, struct durations_sum *sum)
{
    for (int i = 0; i < DURATIONS_LEN; i++) {
        uint64_t count = atomic_load_explicit(&durations->counts[i], memory_order_relaxed);
        sum->counts[i] += count;
        sum->count += count;
    }
    sum->sum_us += atomic_load_explicit(&durations->sum_us, memory_order_relaxed);
}

const char *durations_bound(int bucket)
{
    assert(bucket >= 0 && bucket < DURATIONS_LEN);
    return bound_texts[bucket];
}
