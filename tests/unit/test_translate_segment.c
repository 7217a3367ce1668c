#include "base/mem.h"
#include "base/status.h"
#include "tests/check.h"
#include "translate/limits.h"
#include "translate/segment.h"

static void test_list_is_ascending(void)
{
    struct translate__segments list;
    CHECK_EQ(translate__segments_init(&list), 0);
    static const uint32_t numbers[] = {5, 9, 7, 3};
    for (size_t i = 0; i < 4; i++) {
        CHECK(translate__segments_room(&list));
        CHECK_EQ(translate__segments_add(&list, numbers[i])->number, numbers[i]);
    }
    CHECK_EQ(list.head->number, 3);
    CHECK_EQ(list.tail->number, 9);
    CHECK_EQ(translate__segments_find(&list, 7)->number, 7);
    CHECK(translate__segments_find(&list, 4) == NULL);
    uint32_t before = 0;
    while (list.head != NULL) {
        CHECK(list.head->number > before);
        before = list.head->number;
        translate__segments_drop(&list);
    }
    CHECK(list.tail == NULL && list.len == 0);
    translate__segments_deinit(&list);
}

static void test_bounded(void)
{
    struct translate__segments list;
    CHECK_EQ(translate__segments_init(&list), 0);
    for (uint32_t i = 1; i <= TRANSLATE_SEGMENTS_MAX; i++) {
        CHECK(translate__segments_room(&list));
        translate__segments_add(&list, i);
    }
    CHECK(!translate__segments_room(&list));
    translate__segments_drop(&list);
    CHECK(translate__segments_room(&list));
    translate__segments_deinit(&list);
}

static void test_asking(void)
{
    struct translate__segments list;
    CHECK_EQ(translate__segments_init(&list), 0);
    for (uint32_t i = 1; i <= 3; i++) {
        CHECK(translate__segments_room(&list));
        translate__segments_add(&list, i)->ask = i * 10;
    }
    CHECK_EQ(translate__segments_asking(&list, 20)->number, 2);
    CHECK(translate__segments_asking(&list, 2) == NULL);
    translate__segments_deinit(&list);
}

static struct translate__view view_of(const char *committed)
{
    return (struct translate__view){.committed = mem_strdup(committed),
                                    .tentative = mem_strdup("")};
}

static void test_newest_pending_replaces(void)
{
    struct translate__segments list;
    CHECK_EQ(translate__segments_init(&list), 0);
    struct translate__segment *segment = translate__segments_add(&list, 1);
    struct translate__revision first = {.rev = 1}, second = {.rev = 2};
    struct lat lat = {.start_us = 5};
    struct translate__view view = view_of("one");
    translate__pending_put(segment, &view, &first, &lat);
    view = view_of("two");
    translate__pending_put(segment, &view, &second, &lat);
    CHECK_STR(segment->pending.view.committed, "two");
    CHECK_EQ(segment->pending.source.rev, 2);
    CHECK(segment->pending.set && !segment->pending.final);
    translate__pending_clear(&segment->pending);
    CHECK(!segment->pending.set && segment->pending.view.committed == NULL);
    CHECK_STR(translate__segment_committed(segment), "");
    translate__segments_deinit(&list);
}

/* Whatever memory there is, one segment can always be had. */
static void test_no_memory(void)
{
    struct translate__segments list;
    mem_fail_nth(1);
    CHECK_EQ(translate__segments_init(&list), STATUS_NOMEM);
    mem_fail_nth(0);
    CHECK_EQ(translate__segments_init(&list), 0);
    CHECK(translate__segments_room(&list));
    translate__segments_add(&list, 1);
    mem_fail_nth(1);
    CHECK(!translate__segments_room(&list));
    mem_fail_nth(0);
    translate__segments_drop(&list);
    mem_fail_nth(1);
    CHECK(translate__segments_room(&list));
    mem_fail_nth(0);
    translate__segments_deinit(&list);
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
