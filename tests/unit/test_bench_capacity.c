#include "bench/capacity.h"
#include "tests/check.h"
#include <math.h>

/* A round example: 10 requests and 1,000 tokens a minute, 1 ms of CPU, 100 KB a session. */
static struct capacity_input example(void)
{
    struct capacity_input input = {.cost = {[CAPACITY_COST_CPU] = 1,
                                            [CAPACITY_COST_LOOP] = 0.5,
                                            [CAPACITY_COST_RSS] = 100,
                                            [CAPACITY_COST_AUDIO] = 48000,
                                            [CAPACITY_COST_EVENTS] = 2000,
                                            [CAPACITY_COST_REQUESTS] = 10,
                                            [CAPACITY_COST_TOKENS] = 1000,
                                            [CAPACITY_COST_FINALS] = 4,
                                            [CAPACITY_COST_STREAMS] = 1,
                                            [CAPACITY_COST_DESCRIPTORS] = 1},
                                   .limit = {[CAPACITY_LIMIT_REQUESTS] = 1000,
                                             [CAPACITY_LIMIT_TOKENS] = 200000,
                                             [CAPACITY_LIMIT_CORES] = 2,
                                             [CAPACITY_LIMIT_FRONTS] = 1,
                                             [CAPACITY_LIMIT_MEMORY] = 130,
                                             [CAPACITY_LIMIT_BANDWIDTH] = 1000,
                                             [CAPACITY_LIMIT_DESCRIPTORS] = 1200,
                                             [CAPACITY_LIMIT_STREAMS] = 300,
                                             [CAPACITY_LIMIT_CHAT_STREAMS] = 400,
                                             [CAPACITY_LIMIT_HEADROOM] = 0.5,
                                             [CAPACITY_LIMIT_IDLE] = 30,
                                             [CAPACITY_LIMIT_ANSWER] = 1000,
                                             [CAPACITY_LIMIT_END] = 10,
                                             [CAPACITY_LIMIT_DEADLINE] = 10000}};
    return input;
}

static struct capacity_row row_of(const struct capacity_answer *answer,
                                  enum capacity_resource resource)
{
    struct capacity_row none = {.sessions = -1};
    for (int i = 0; i < CAPACITY_RESOURCES; i++)
        if (answer->rows[i].resource == resource)
            return answer->rows[i];
    return none;
}

static void test_each_resource_allows_what_it_divides_to(void)
{
    struct capacity_input input = example();
    struct capacity_answer answer;
    capacity_compute(&input, &answer);
    CHECK_EQ(row_of(&answer, CAPACITY_REQUESTS).sessions, 90); /* 1000 · 0.9 / 10 */
    CHECK_EQ(row_of(&answer, CAPACITY_TOKENS).sessions, 180);
    CHECK_EQ(row_of(&answer, CAPACITY_CPU).sessions, 2000);
    CHECK_EQ(row_of(&answer, CAPACITY_LOOP).sessions, 2000);
    CHECK_EQ(row_of(&answer, CAPACITY_MEMORY).sessions, 1000); /* (130 - 30) MB / 0.1 */
    CHECK_EQ(row_of(&answer, CAPACITY_DESCRIPTORS).sessions, 1000);
    CHECK_EQ(row_of(&answer, CAPACITY_STREAMS).sessions, 300);
    CHECK_EQ(row_of(&answer, CAPACITY_CHAT_STREAMS).sessions, 2400); /* 400 / (10 / 60 · 1 s) */
}

static void test_first_to_give_way_stands_first(void)
{
    struct capacity_input input = example();
    struct capacity_answer answer;
    capacity_compute(&input, &answer);
    static const enum capacity_resource order[] = {CAPACITY_REQUESTS, CAPACITY_TOKENS,
                                                   CAPACITY_STREAMS};
    for (int i = 0; i < 3; i++)
        CHECK_EQ(answer.rows[i].resource, order[i]);
    for (int i = 1; i < CAPACITY_RESOURCES; i++)
        CHECK(answer.rows[i - 1].sessions <= answer.rows[i].sessions);
    /* Once the first ceiling is lifted, the next one is what it was. */
    input.limit[CAPACITY_LIMIT_REQUESTS] *= 100;
    capacity_compute(&input, &answer);
    CHECK_EQ(answer.rows[0].resource, CAPACITY_TOKENS);
    CHECK_EQ(answer.rows[0].sessions, 180);
}

static void test_headroom_counts_on_the_limit_not_beside_what_is_fixed(void)
{
    struct capacity_input input = example();
    struct capacity_answer answer;
    capacity_compute(&input, &answer);
    CHECK_EQ(row_of(&answer, CAPACITY_REQUESTS).safe, 45);
    CHECK_EQ(row_of(&answer, CAPACITY_MEMORY).safe, 350); /* (65 - 30) MB / 0.1 */
    CHECK_EQ(row_of(&answer, CAPACITY_MEMORY).tripwire, 65);
    CHECK_EQ(row_of(&answer, CAPACITY_REQUESTS).tripwire, 450);
}

static void test_what_costs_nothing_is_no_limit(void)
{
    struct capacity_input input = example();
    struct capacity_answer answer;
    input.cost[CAPACITY_COST_CPU] = 0;
    capacity_compute(&input, &answer);
    CHECK(isinf(row_of(&answer, CAPACITY_CPU).sessions));
    CHECK_EQ(answer.rows[CAPACITY_RESOURCES - 1].resource, CAPACITY_CPU);
}

static void test_no_room_beside_the_idle_server_is_no_session(void)
{
    struct capacity_input input = example();
    struct capacity_answer answer;
    input.limit[CAPACITY_LIMIT_MEMORY] = 20;
    capacity_compute(&input, &answer);
    CHECK_EQ(answer.rows[0].resource, CAPACITY_MEMORY);
    CHECK_EQ(answer.rows[0].sessions, 0);
}

static void test_finals_alone_need_less(void)
{
    struct capacity_input input = example();
    struct capacity_answer answer;
    capacity_compute(&input, &answer);
    CHECK_EQ(answer.finals_only, 225); /* 900 / 4; tokens would allow 450 */
}

static void test_small_lesson_ends_without_waiting(void)
{
    struct capacity_input input = example();
    struct capacity_end end;
    capacity_burst(&input, 100, &end);
    CHECK_EQ(end.requests * 10, 400);
    CHECK_EQ(end.late_s, 0);
    CHECK_EQ(end.drain_s, 11); /* the end's ten seconds and an answer */
}

static void test_large_lesson_waits_for_the_budget(void)
{
    struct capacity_input input = example();
    struct capacity_end end;
    /* 400 requests: 100 at once, then 15 a second: the last is sent after 20 s, 10 s late. */
    capacity_burst(&input, 1000, &end);
    CHECK_EQ(end.late_s, 10);
    CHECK_EQ(end.drain_s, 21);
    CHECK_EQ(end.by, CAPACITY_REQUESTS);
    /* In time: 10 s of the end and 9 s of patience: 100 + 15 · 19 = 385 requests. */
    CHECK_EQ(end.sessions, 962);
}

static void test_largest_lesson_in_time_is_in_time(void)
{
    struct capacity_input input = example();
    struct capacity_end end, again;
    capacity_burst(&input, 1, &end);
    capacity_burst(&input, end.sessions, &again);
    CHECK(again.late_s <= 9.0);
    capacity_burst(&input, end.sessions + 10, &again);
    CHECK(again.late_s > 9.0);
}

static void test_slow_answers_hold_up_by_streams(void)
{
    struct capacity_input input = example();
    struct capacity_end end;
    input.limit[CAPACITY_LIMIT_REQUESTS] = 1e6;
    input.limit[CAPACITY_LIMIT_TOKENS] = 1e9;
    input.limit[CAPACITY_LIMIT_CHAT_STREAMS] = 10;
    capacity_burst(&input, 1000, &end);
    CHECK_EQ(end.by, CAPACITY_CHAT_STREAMS);
    CHECK_EQ(end.late_s, 29); /* 400 requests, 10 at a time, a second each */
    input.limit[CAPACITY_LIMIT_ANSWER] = 11000;
    capacity_burst(&input, 1, &end);
    CHECK_EQ(end.sessions, 0); /* an answer takes longer than the deadline */
}

int main(void)
{
    RUN(test_each_resource_allows_what_it_divides_to);
    RUN(test_first_to_give_way_stands_first);
    RUN(test_headroom_counts_on_the_limit_not_beside_what_is_fixed);
    RUN(test_what_costs_nothing_is_no_limit);
    RUN(test_no_room_beside_the_idle_server_is_no_session);
    RUN(test_finals_alone_need_less);
    RUN(test_small_lesson_ends_without_waiting);
    RUN(test_large_lesson_waits_for_the_budget);
    RUN(test_largest_lesson_in_time_is_in_time);
    RUN(test_slow_answers_hold_up_by_streams);
    return check_done();
}
