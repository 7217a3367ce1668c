#include "base/mem.h"
#include "base/status.h"
#include "grammar/limits.h"
#include "grammar/segment.h"
#include "tests/check.h"

static void test_list_is_ascending(void)
{
    struct grammar__segments list;
    CHECK_EQ(grammar__segments_init(&list), 0);
    static const uint32_t numbers[] = {5, 9, 7, 3};
    for (size_t i = 0; i < 4; i++) {
        CHECK(grammar__segments_room(&list));
        CHECK_EQ(grammar__segments_add(&list, numbers[i])->number, numbers[i]);
    }
    CHECK_EQ(list.head->number, 3);
    CHECK_EQ(list.tail->number, 9);
    CHECK_EQ(grammar__segments_find(&list, 7)->number, 7);
    CHECK(grammar__segments_find(&list, 4) == NULL);
    uint32_t before = 0;
    while (list.head != NULL) {
        CHECK(list.head->number > before);
        before = list.head->number;
        grammar__segments_drop(&list);
    }
    CHECK(list.tail == NULL && list.len == 0);
    grammar__segments_deinit(&list);
}

static void test_bounded(void)
{
    struct grammar__segments list;
    CHECK_EQ(grammar__segments_init(&list), 0);
    for (uint32_t i = 1; i <= GRAMMAR_SEGMENTS_MAX; i++) {
        CHECK(grammar__segments_room(&list));
        grammar__segments_add(&list, i);
    }
    CHECK(!grammar__segments_room(&list));
    grammar__segments_drop(&list);
    CHECK(grammar__segments_room(&list));
    grammar__segments_deinit(&list);
}

static void test_asking(void)
{
    struct grammar__segments list;
    CHECK_EQ(grammar__segments_init(&list), 0);
    for (uint32_t i = 1; i <= 3; i++) {
        CHECK(grammar__segments_room(&list));
        grammar__segments_add(&list, i)->ask = i * 10;
    }
    CHECK_EQ(grammar__segments_asking(&list, 20)->number, 2);
    CHECK(grammar__segments_asking(&list, 2) == NULL);
    grammar__segments_deinit(&list);
}

static void test_newest_pending_replaces(void)
{
    struct grammar__segments list;
    CHECK_EQ(grammar__segments_init(&list), 0);
    struct grammar__segment *segment = grammar__segments_add(&list, 1);
    struct lat lat = {.start_us = 5};
    struct grammar_result result = {.corrected = mem_strdup("one")};
    grammar__pending_put(segment, &result, 1, &lat);
    result.corrected = mem_strdup("two");
    grammar__pending_put(segment, &result, 2, &lat);
    CHECK_STR(segment->pending.result.corrected, "two");
    CHECK_EQ(segment->pending.source_rev, 2);
    CHECK(segment->pending.set && !segment->pending.final);
    grammar__pending_clear(&segment->pending);
    CHECK(!segment->pending.set && segment->pending.result.corrected == NULL);
    grammar__segments_deinit(&list);
}

/* Whatever memory there is, one segment can always be had. */
static void test_no_memory(void)
{
    struct grammar__segments list;
    mem_fail_nth(1);
    CHECK_EQ(grammar__segments_init(&list), STATUS_NOMEM);
    mem_fail_nth(0);
    CHECK_EQ(grammar__segments_init(&list), 0);
    CHECK(grammar__segments_room(&list));
    grammar__segments_add(&list, 1);
    mem_fail_nth(1);
    CHECK(!grammar__segments_room(&list));
    mem_fail_nth(0);
    grammar__segments_drop(&list);
    mem_fail_nth(1);
    CHECK(grammar__segments_room(&list));
    mem_fail_nth(0);
    grammar__segments_deinit(&list);
}

int main(void)
{
    RUN(test_list_is_ascending);
    RUN(test_bounded);
    RUN(test_asking);
    RUN(test_newest_pending_replaces);
    RUN(test_no_memory);
    return check_done();
}
