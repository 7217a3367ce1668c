#include "base/status.h"
#include "server/directory.h"
#include "tests/check.h"

static void test_names(void)
{
    struct directory *directory = directory_create(2, 1);
    uint64_t a = 0, b = 0, c = 77, s = 0;
    CHECK_EQ(directory_add(directory, DIRECTORY_CONNECTION, 0, &a), STATUS_OK);
    CHECK_EQ(directory_add(directory, DIRECTORY_CONNECTION, 2, &b), STATUS_OK);
    CHECK_EQ(directory_add(directory, DIRECTORY_CONNECTION, 0, &c), STATUS_LIMIT);
    CHECK_EQ(c, 77);
    CHECK_EQ(directory_add(directory, DIRECTORY_SESSION, 1, &s), STATUS_OK);
    CHECK(a != 0 && b != 0 && s != 0 && a != b && b != s);
    CHECK_EQ(directory_front(directory, a), 0);
    CHECK_EQ(directory_front(directory, b), 2);
    CHECK_EQ(directory_front(directory, s), 1);
    CHECK_EQ(directory_count(directory, DIRECTORY_CONNECTION), 2);
    CHECK(directory_slot(a) < 3 && directory_slot(b) < 3 && directory_slot(s) < 3);
    directory_destroy(directory);
}

static void test_old_names_are_dead(void)
{
    struct directory *directory = directory_create(1, 1);
    uint64_t old = 0, fresh = 0;
    CHECK_EQ(directory_add(directory, DIRECTORY_CONNECTION, 5, &old), STATUS_OK);
    directory_remove(directory, old);
    CHECK_EQ(directory_front(directory, old), -1);
    CHECK_EQ(directory_count(directory, DIRECTORY_CONNECTION), 0);
    CHECK_EQ(directory_add(directory, DIRECTORY_CONNECTION, 6, &fresh), STATUS_OK);
    CHECK_EQ(directory_slot(fresh), directory_slot(old));
    CHECK(fresh != old);
    CHECK_EQ(directory_front(directory, old), -1);
    CHECK_EQ(directory_front(directory, fresh), 6);
    CHECK_EQ(directory_front(directory, 0), -1);
    CHECK_EQ(directory_front(directory, UINT64_MAX), -1);
    directory_destroy(directory);
}

int main(void)
{
    RUN(test_names);
    RUN(test_old_names_are_dead);
    return check_done();
}
