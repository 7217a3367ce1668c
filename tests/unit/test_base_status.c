#include "base/status.h"
#include "tests/check.h"

#include <ctype.h>

static void test_names_are_lower_case(void)
{
    CHECK_STR(status_name(STATUS_OK), "ok");
    CHECK_STR(status_name(STATUS_NOT_FOUND), "not_found");
    CHECK_STR(status_name(STATUS_INTERNAL), "internal");
    CHECK_STR(status_name(1), "unknown");
    CHECK_STR(status_name(-1000), "unknown");
}

static void test_every_status_has_name_and_text(void)
{
#define X(name, number, text)                                                                      \
    CHECK_STR(status_text(STATUS_##name), text);                                                   \
    CHECK_EQ(STATUS_##name, number);                                                               \
    CHECK(strlen(status_name(STATUS_##name)) == strlen(#name));                                    \
    for (const char *c = status_name(STATUS_##name); *c != '\0'; c++)                              \
        CHECK(islower((unsigned char)*c) || *c == '_');
    STATUS_MAP(X)
#undef X
}

static void test_numbers_are_distinct_and_never_positive(void)
{
    static const int numbers[] = {
#define X(name, number, text) number,
        STATUS_MAP(X)
#undef X
    };
    size_t count = sizeof numbers / sizeof numbers[0];
    for (size_t i = 0; i < count; i++) {
        CHECK(numbers[i] <= 0);
        for (size_t j = 0; j < i; j++)
            CHECK(numbers[i] != numbers[j]);
    }
    CHECK(status_text(7) != NULL);
}

int main(void)
{
    RUN(test_names_are_lower_case);
    RUN(test_every_status_has_name_and_text);
    RUN(test_numbers_are_distinct_and_never_positive);
    return check_done();
}
