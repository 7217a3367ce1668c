/* What is due comes in order, and frames on their way out return to where they came from. */
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "bench/load_frame.h"
#include "bench/load_schedule.h"
#include "tests/check.h"

#define ENTRIES 2000

static void test_order(void)
{
    struct load_schedule schedule;
    struct load_due due;
    struct rng rng;
    rng_init(&rng, 9);
    CHECK_EQ(load_schedule_init(&schedule, ENTRIES), STATUS_OK);
    CHECK(load_schedule_first(&schedule) == NULL);
    CHECK(!load_schedule_pop(&schedule, INT64_MAX, &due));
    uint64_t sum = 0, popped = 0;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        load_schedule_push(&schedule,
                           (struct load_due){.at_us = rng_range(&rng, 0, 500), .client = i});
        sum += i;
    }
    int64_t last = -1;
    unsigned backwards = 0;
    while (load_schedule_pop(&schedule, 500, &due)) {
        backwards += due.at_us < last;
        last = due.at_us;
        popped += due.client;
    }
    CHECK_EQ(backwards, 0);
    CHECK_EQ(popped, sum);
    CHECK_EQ(schedule.len, 0);
    load_schedule_deinit(&schedule);
}

static void test_only_what_is_due(void)
{
    struct load_schedule schedule;
    struct load_due due;
    CHECK_EQ(load_schedule_init(&schedule, 4), STATUS_OK);
    for (int64_t at_us = 30; at_us > 0; at_us -= 10)
        load_schedule_push(&schedule, (struct load_due){.at_us = at_us});
    CHECK_EQ(load_schedule_first(&schedule)->at_us, 10);
    CHECK(!load_schedule_pop(&schedule, 9, &due));
    CHECK(load_schedule_pop(&schedule, 10, &due));
    CHECK(!load_schedule_pop(&schedule, 10, &due));
    CHECK(load_schedule_pop(&schedule, 25, &due));
    CHECK_EQ(due.at_us, 20);
    CHECK_EQ(schedule.len, 1);
    load_schedule_deinit(&schedule);
}

static void test_no_memory(void)
{
    struct load_schedule schedule;
    mem_fail_nth(1);
    CHECK_EQ(load_schedule_init(&schedule, 4), STATUS_NOMEM);
    mem_fail_nth(0);
    struct load_frame_pool pool;
    struct load_frame_queue queue = {0};
    load_frame_pool_init(&pool, 16);
    mem_fail_nth(1);
    CHECK(load_frame_push(&pool, &queue) == NULL);
    mem_fail_nth(0);
    CHECK_EQ(queue.len, 0);
    CHECK(queue.head == NULL && queue.tail == NULL);
    load_frame_pool_deinit(&pool);
}

static void test_frames_return(void)
{
    struct load_frame_pool pool;
    struct load_frame_queue queue = {0};
    load_frame_pool_init(&pool, 16);
    struct load_frame *first = load_frame_push(&pool, &queue);
    struct load_frame *second = load_frame_push(&pool, &queue);
    struct load_frame *third = load_frame_push(&pool, &queue);
    CHECK(queue.head == first && first->next == second && queue.tail == third);
    load_frame_cut(&pool, &queue, 1);
    CHECK_EQ(queue.len, 1);
    CHECK(queue.head == first && queue.tail == first && first->next == NULL);
    /* Those that came back are used before memory is asked for. */
    mem_fail_nth(1);
    CHECK(load_frame_push(&pool, &queue) != NULL);
    CHECK(load_frame_push(&pool, &queue) != NULL);
    CHECK(load_frame_push(&pool, &queue) == NULL);
    mem_fail_nth(0);
    CHECK_EQ(queue.len, 3);
    load_frame_pop(&pool, &queue);
    CHECK(queue.head != first);
    load_frame_cut(&pool, &queue, 0);
    CHECK_EQ(queue.len, 0);
    CHECK(queue.head == NULL && queue.tail == NULL);
    load_frame_pool_deinit(&pool);
}

int main(void)
{
    RUN(test_order);
    RUN(test_only_what_is_due);
    RUN(test_no_memory);
    RUN(test_frames_return);
    return check_done();
}
