#include "base/hist.h"
#include "base/rng.h"
#include "tests/check.h"

static struct hist hist, other;

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void test_empty(void)
{
    hist_reset(&hist);
    CHECK_EQ(hist_quantile(&hist, 0.5), 0);
    CHECK_EQ(hist_count_le(&hist, 100), 0);
    CHECK(hist_mean(&hist) == 0);
}

/* One value at a time: what comes back is at least the value and at most 1/32 more. */
static void test_error_bound_of_every_magnitude(void)
{
    for (uint64_t value = 0; value < (uint64_t)1 << 40; value += value / 50 + 1) {
        hist_reset(&hist);
        hist_add(&hist, (int64_t)value);
        /* A far larger one, so that the maximum does not hide the bucket's end. */
        hist_add(&hist, (int64_t)1 << 41);
        uint64_t got = hist_quantile(&hist, 0.5);
        CHECK(got >= value && got - value <= value / 32);
        if (value < (uint64_t)1 << 39)
            CHECK_EQ(hist_count_le(&hist, value), 1);
    }
}

static void test_quantiles_against_sorted_values(void)
{
    static uint64_t values[5000];
    size_t count = sizeof values / sizeof values[0];
    struct rng rng;
    rng_init(&rng, 3);
    hist_reset(&hist);
    for (size_t i = 0; i < count; i++) {
        values[i] = (uint64_t)rng_lognormal(&rng, 20000, 1.5);
        hist_add(&hist, (int64_t)values[i]);
    }
    qsort(values, count, sizeof values[0], ascending);
    static const double quantiles[] = {0, 0.01, 0.5, 0.9, 0.99, 0.999, 1};
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        size_t rank = (size_t)(quantiles[i] * (double)count + 0.999999);
        uint64_t exact = values[rank > 0 ? rank - 1 : 0], got = hist_quantile(&hist, quantiles[i]);
        CHECK(got >= exact && got - exact <= exact / 32);
    }
    CHECK_EQ(hist_quantile(&hist, 1), values[count - 1]);
    CHECK_EQ(hist.min, values[0]);
    CHECK_EQ(hist.max, values[count - 1]);
}

static void test_out_of_range_values(void)
{
    hist_reset(&hist);
    hist_add(&hist, -5);
    CHECK_EQ(hist.min, 0);
    CHECK_EQ(hist.max, 0);
    CHECK_EQ(hist_quantile(&hist, 1), 0);
    hist_add(&hist, INT64_MAX);
    CHECK(hist.max == INT64_MAX);
    CHECK_EQ(hist_quantile(&hist, 1), ((uint64_t)1 << 40) - 1);
    CHECK_EQ(hist_count_le(&hist, INT64_MAX), 2);
    CHECK_EQ(hist.count, 2);
}

static void test_merge_is_adding_all(void)
{
    static struct hist both;
    hist_reset(&hist);
    hist_reset(&other);
    hist_reset(&both);
    for (int i = 0; i < 1000; i++) {
        hist_add(i % 3 == 0 ? &hist : &other, i * 37);
        hist_add(&both, i * 37);
    }
    hist_merge(&hist, &other);
    CHECK(memcmp(&hist, &both, sizeof both) == 0);
    hist_reset(&other);
    hist_merge(&hist, &other);
    CHECK(memcmp(&hist, &both, sizeof both) == 0);
    hist_merge(&other, &both);
    CHECK(memcmp(&other, &both, sizeof both) == 0);
    CHECK(hist_mean(&both) > 18481 && hist_mean(&both) < 18482);
}

static void test_counts_at_most(void)
{
    hist_reset(&hist);
    for (int i = 1; i <= 31; i++)
        hist_add(&hist, i);
    for (uint64_t i = 0; i <= 31; i++)
        CHECK_EQ(hist_count_le(&hist, i), i);
    CHECK_EQ(hist_count_le(&hist, 1000000), 31);
}

static void test_full_bucket_saturates(void)
{
    hist_reset(&hist);
    hist.buckets[7] = UINT32_MAX;
    hist.count = UINT32_MAX;
    hist.max = 7;
    hist_add(&hist, 7);
    CHECK(hist.buckets[7] == UINT32_MAX);
    CHECK_EQ(hist_quantile(&hist, 1), 7);
}

int main(void)
{
    RUN(test_empty);
    RUN(test_error_bound_of_every_magnitude);
    RUN(test_quantiles_against_sorted_values);
    RUN(test_out_of_range_values);
    RUN(test_merge_is_adding_all);
    RUN(test_counts_at_most);
    RUN(test_full_bucket_saturates);
    return check_done();
}
