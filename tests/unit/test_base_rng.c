#include "base/rng.h"
#include "tests/check.h"

#include <math.h>

/* The first outputs of the published generator for the state {1, 2, 3, 4}. */
static void test_reference_sequence(void)
{
    struct rng rng = {{1, 2, 3, 4}};
    static const uint64_t expected[] = {11520,
                                        0,
                                        1509978240,
                                        1215971899390074240,
                                        1216172134540287360,
                                        607988272756665600,
                                        16172922978634559625u,
                                        8476171486693032832,
                                        10595114339597558777u,
                                        2904607092377533576};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        CHECK(rng_next(&rng) == expected[i]);
}

static void test_seed_decides(void)
{
    struct rng a, b, c;
    rng_init(&a, 0);
    rng_init(&b, 0);
    rng_init(&c, 1);
    int same = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t x = rng_next(&a);
        CHECK(x == rng_next(&b));
        same += x == rng_next(&c);
    }
    CHECK_EQ(same, 0);
    CHECK(a.s[0] != 0 || a.s[1] != 0);
}

static void test_below_is_even(void)
{
    struct rng rng;
    rng_init(&rng, 42);
    int counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t x = rng_below(&rng, 7);
        CHECK(x < 7);
        counts[x]++;
    }
    for (int i = 0; i < 7; i++)
        CHECK(counts[i] > 9500 && counts[i] < 10500);
    CHECK_EQ(rng_below(&rng, 1), 0);
    /* Two thirds of the range: with modulo, the lower half would come twice as often. */
    uint64_t n = 0xAAAAAAAAAAAAAAAA, lower = 0;
    for (int i = 0; i < 10000; i++)
        lower += rng_below(&rng, n) < n / 2;
    CHECK(lower > 4700 && lower < 5300);
}

static void test_range_reaches_its_ends(void)
{
    struct rng rng;
    rng_init(&rng, 7);
    int ends[2] = {0};
    for (int i = 0; i < 1000; i++) {
        int64_t x = rng_range(&rng, -2, 2);
        CHECK(x >= -2 && x <= 2);
        ends[0] += x == -2;
        ends[1] += x == 2;
    }
    CHECK(ends[0] > 100 && ends[1] > 100);
    CHECK_EQ(rng_range(&rng, 5, 5), 5);
    int negative = 0;
    for (int i = 0; i < 1000; i++)
        negative += rng_range(&rng, INT64_MIN, INT64_MAX) < 0;
    CHECK(negative > 400 && negative < 600);
}

static void test_unit_and_lognormal(void)
{
    struct rng rng;
    rng_init(&rng, 9);
    double sum = 0, log_sum = 0, log_square = 0;
    int below = 0, count = 20000;
    for (int i = 0; i < count; i++) {
        double u = rng_unit(&rng);
        CHECK(u >= 0 && u < 1);
        sum += u;
        double x = rng_lognormal(&rng, 200, 0.5);
        CHECK(x > 0 && isfinite(x));
        below += x < 200;
        log_sum += log(x / 200);
        log_square += log(x / 200) * log(x / 200);
    }
    CHECK(fabs(sum / count - 0.5) < 0.01);
    CHECK(fabs((double)below / count - 0.5) < 0.02);
    CHECK(fabs(log_sum / count) < 0.02);
    CHECK(fabs(sqrt(log_square / count) - 0.5) < 0.02);
    CHECK(fabs(rng_lognormal(&rng, 200, 0) - 200) < 1e-9);
}

static void test_secure_fills_all(void)
{
    unsigned char a[64] = {0}, b[64] = {0};
    rng_secure(a, sizeof a);
    rng_secure(b, sizeof b);
    CHECK(memcmp(a, b, sizeof a) != 0);
    CHECK(memcmp(a, a + 32, 32) != 0);
    unsigned char guard[3] = {1, 2, 3};
    rng_secure(guard + 1, 0);
    CHECK(guard[0] == 1 && guard[1] == 2 && guard[2] == 3);
    CHECK(rng_seed() != rng_seed());
}

int main(void)
{
    RUN(test_reference_sequence);
    RUN(test_seed_decides);
    RUN(test_below_is_even);
    RUN(test_range_reaches_its_ends);
    RUN(test_unit_and_lognormal);
    RUN(test_secure_fills_all);
    return check_done();
}
