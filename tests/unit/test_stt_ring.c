/* The audio ring: order, trimming, positions, what the provider has had. */
#include "base/status.h"
#include "stt/client.h"
#include "stt/ring.h"
#include "tests/check.h"

static void push(struct stt_ring *ring, uint64_t first, uint32_t samples)
{
    uint8_t pcm[4000] = {0};
    struct stt_block *block = stt_block_create(pcm, samples * 2, first);
    CHECK(block != NULL);
    CHECK_EQ(stt_ring_push(ring, block), STATUS_OK);
}

static void test_find(void)
{
    struct stt_ring ring = {0};
    CHECK(stt_ring_find(&ring, 0) == NULL);
    CHECK_EQ(stt_ring_end(&ring, 77), 77);
    push(&ring, 100, 50);
    push(&ring, 150, 10);
    push(&ring, 160, 40);
    CHECK_EQ(stt_ring_end(&ring, 0), 200);
    CHECK(stt_ring_find(&ring, 99) == NULL);
    CHECK_EQ(stt_ring_find(&ring, 100)->end, 150);
    CHECK_EQ(stt_ring_find(&ring, 149)->end, 150);
    CHECK_EQ(stt_ring_find(&ring, 150)->end, 160);
    CHECK_EQ(stt_ring_find(&ring, 199)->end, 200);
    CHECK(stt_ring_find(&ring, 200) == NULL);
    stt_ring_deinit(&ring);
}

static void test_trim_keeps_the_block_in_use(void)
{
    struct stt_ring ring = {0};
    push(&ring, 0, 100);
    push(&ring, 100, 100);
    stt_ring_trim(&ring, 99);
    CHECK_EQ(ring.len, 2);
    stt_ring_trim(&ring, 100);
    CHECK_EQ(ring.len, 1);
    stt_ring_trim(&ring, 150);
    CHECK_EQ(ring.len, 1);
    stt_ring_trim(&ring, 5000);
    CHECK_EQ(ring.len, 0);
    push(&ring, 200, 1);
    CHECK_EQ(stt_ring_end(&ring, 0), 201);
    stt_ring_deinit(&ring);
}

static void test_wraps_and_grows(void)
{
    struct stt_ring ring = {0};
    for (uint64_t i = 0; i < 1000; i++) {
        push(&ring, i * 10, 10);
        stt_ring_trim(&ring, i > 50 + i / 4 ? (i - 50 - i / 4) * 10 : 0);
        CHECK_EQ(stt_ring_entry(&ring, ring.len - 1)->end, (i + 1) * 10);
    }
    CHECK_EQ(stt_ring_find(&ring, 9995)->block->first_sample, 9990);
    CHECK(ring.cap <= 1024);
    stt_ring_deinit(&ring);
}

/* At every length and offset of the ring. */
static void test_every_block_is_found(void)
{
    struct stt_ring ring = {0};
    for (uint64_t i = 0; i < 150; i++) {
        push(&ring, i * 10, 10);
        uint64_t first = i > 70 ? i - 70 : 0;
        stt_ring_trim(&ring, first * 10);
        for (uint64_t sample = first * 10; sample < i * 10 + 10; sample++)
            CHECK_EQ(stt_ring_find(&ring, sample)->block->first_sample, sample / 10 * 10);
        CHECK(first == 0 || stt_ring_find(&ring, first * 10 - 1) == NULL);
        CHECK(stt_ring_find(&ring, i * 10 + 10) == NULL);
    }
    stt_ring_deinit(&ring);
}

static void test_memory_is_given_back(void)
{
    struct stt_ring ring = {0};
    for (uint64_t i = 0; i < 1100; i++) {
        push(&ring, i * 10, 10);
        if (i >= 1000)
            stt_ring_trim(&ring, i * 10 - 50);
    }
    CHECK(ring.len == 6 && ring.cap <= 32);
    CHECK_EQ(stt_ring_end(&ring, 0), 11000);
    stt_ring_deinit(&ring);
}

static void test_heard(void)
{
    struct stt_ring ring = {0};
    for (uint64_t i = 0; i < 5; i++)
        push(&ring, i * 10, 10);
    CHECK_EQ(stt_ring_heard(&ring, 0, 50, 1000), 0);
    for (size_t i = 0; i < 4; i++)
        stt_ring_entry(&ring, i)->sent_us = 100 * (int64_t)(i + 1);
    CHECK_EQ(stt_ring_heard(&ring, 0, 50, 250), 20);
    CHECK_EQ(stt_ring_heard(&ring, 5, 50, 1000), 40);
    CHECK_EQ(stt_ring_heard(&ring, 5, 35, 1000), 30);
    stt_ring_unsend(&ring, 15, 30);
    CHECK_EQ(stt_ring_heard(&ring, 0, 50, 1000), 10);
    CHECK_EQ(stt_ring_entry(&ring, 3)->sent_us, 400);
    stt_ring_deinit(&ring);
}

int main(void)
{
    RUN(test_find);
    RUN(test_trim_keeps_the_block_in_use);
    RUN(test_wraps_and_grows);
    RUN(test_every_block_is_found);
    RUN(test_memory_is_given_back);
    RUN(test_heard);
    return check_done();
}
