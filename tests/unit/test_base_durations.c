#include "base/durations.h"

#include "tests/check.h"
#include <pthread.h>
#include <stdlib.h>

static struct durations_sum read_all(const struct durations *durations)
{
    struct durations_sum sum = {0};
    durations_read(durations, &sum);
    return sum;
}

static void test_bounds_belong_to_their_bucket(void)
{
    struct durations durations = {0};
    durations_add(&durations, -5);
    durations_add(&durations, 50);
    durations_add(&durations, 51);
    durations_add(&durations, 2000);
    durations_add(&durations, 2001);
    durations_add(&durations, 10000000);
    durations_add(&durations, 10000001);
    durations_add(&durations, INT64_C(1) << 40);
    struct durations_sum sum = read_all(&durations);
    CHECK_EQ(sum.counts[DURATIONS_BUCKET_50], 2);
    CHECK_EQ(sum.counts[DURATIONS_BUCKET_100], 1);
    CHECK_EQ(sum.counts[DURATIONS_BUCKET_2000], 1);
    CHECK_EQ(sum.counts[DURATIONS_BUCKET_3000], 1);
    CHECK_EQ(sum.counts[DURATIONS_BUCKET_10000000], 1);
    CHECK_EQ(sum.counts[DURATIONS_REST], 2);
    CHECK_EQ(sum.count, 8);
    CHECK_EQ(sum.sum_us, 50 + 51 + 2000 + 2001 + 10000000 + 10000001 + (UINT64_C(1) << 40));
}

/* Scrapers read them as numbers: each text must be its bound, and they must grow. */
static void test_bounds_as_text(void)
{
    double last = 0;
    for (int i = 0; i < DURATIONS_REST; i++) {
        double bound = strtod(durations_bound(i), NULL);
        CHECK(bound > last);
        last = bound;
        struct durations durations = {0};
        durations_add(&durations, (int64_t)(bound * 1e6 + 0.5));
        CHECK_EQ(read_all(&durations).counts[i], 1);
    }
    CHECK_STR(durations_bound(DURATIONS_REST), "+Inf");
}

static void *add_many(void *ctx)
{
    for (int i = 0; i < 10000; i++)
        durations_add(ctx, 10);
    return NULL;
}

static void test_threads_lose_nothing(void)
{
    static struct durations durations;
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, add_many, &durations), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(read_all(&durations).count, 30000);
    CHECK_EQ(read_all(&durations).sum_us, 300000);
}

static void test_sums_add_up(void)
{
    struct durations a = {0}, b = {0};
    durations_add(&a, 10);
    durations_add(&b, 20);
    struct durations_sum sum = read_all(&a);
    durations_read(&b, &sum);
    CHECK_EQ(sum.count, 2);
    CHECK_EQ(sum.sum_us, 30);
    CHECK_EQ(sum.counts[0], 2);
}

int main(void)
{
    RUN(test_bounds_belong_to_their_bucket);
    RUN(test_bounds_as_text);
    RUN(test_threads_lose_nothing);
    RUN(test_sums_add_up);
    return check_done();
}
