/* Audio kept until it is acknowledged: against a model that keeps all of it. */
#include "say/keep.h"

#include "base/rng.h"
#include "base/status.h"
#include "tests/check.h"

static struct keep keep;

static int16_t sample_at(uint64_t position)
{
    return (int16_t)(position % 30011 + 1);
}

static void put(size_t count)
{
    int16_t samples[64];
    for (size_t i = 0; i < count; i++)
        samples[i] = sample_at(keep.to + i);
    keep_put(&keep, samples, count);
}

static void test_forget(void)
{
    int16_t got[8];
    CHECK_EQ(keep_init(&keep, 10), STATUS_OK);
    put(6);
    CHECK_EQ(keep_room(&keep), 4);
    keep_forget(&keep, 4);
    CHECK_EQ(keep_room(&keep), 8);
    keep_forget(&keep, 2); /* an older acknowledgement takes nothing back */
    CHECK_EQ(keep.from, 4);
    CHECK_EQ(keep_missing(&keep, 0), 0);
    CHECK_EQ(keep_get(&keep, 2, got, 8), 4);
    CHECK(got[0] == 0 && got[1] == 0 && got[2] == sample_at(4) && got[3] == sample_at(5));
    CHECK_EQ(keep_get(&keep, 6, got, 8), 0);
    keep_forget(&keep, 99);
    CHECK_EQ(keep.from, 6);
    keep_deinit(&keep);
}

static void test_given_up(void)
{
    CHECK_EQ(keep_init(&keep, 10), STATUS_OK);
    for (int i = 0; i < 5; i++)
        put(5);
    CHECK_EQ(keep.from, 15);
    CHECK_EQ(keep_missing(&keep, 3), 12);
    keep_forget(&keep, 7);
    CHECK_EQ(keep_missing(&keep, 3), 8);
    CHECK_EQ(keep_missing(&keep, 12), 3);
    CHECK_EQ(keep_missing(&keep, 20), 0);
    keep_deinit(&keep);
}

static void test_model(void)
{
    struct rng rng;
    int16_t got[64];
    rng_init(&rng, 7);
    CHECK_EQ(keep_init(&keep, 100), STATUS_OK);
    for (int i = 0; i < 20000; i++) {
        put((size_t)rng_below(&rng, 64));
        if (rng_below(&rng, 3) == 0 && keep.to > 0)
            keep_forget(&keep, rng_below(&rng, keep.to + 1));
        CHECK(keep.to - keep.from <= 100 && keep.from <= keep.to);
        uint64_t at = keep.to - (keep.to < 150 ? keep.to : rng_below(&rng, 150));
        size_t want = (size_t)rng_below(&rng, 64), count = keep_get(&keep, at, got, want);
        CHECK_EQ(count, want < keep.to - at ? want : keep.to - at);
        for (size_t k = 0; k < count; k++)
            CHECK(got[k] == (at + k < keep.from ? 0 : sample_at(at + k)));
    }
    keep_deinit(&keep);
}

int main(void)
{
    RUN(test_forget);
    RUN(test_given_up);
    RUN(test_model);
    return check_done();
}
