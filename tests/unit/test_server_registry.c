#include "server/registry.h"
#include "tests/check.h"

#include <stdio.h>

#define NAMES 64

/* Names of a handful of homes, so that most stand behind others. */
static const char *name_of(unsigned i)
{
    static _Thread_local char names[4][33];
    static _Thread_local unsigned next;
    char *name = names[next++ % 4];
    snprintf(name, sizeof names[0], "%02x000000%024x", i % 5, i);
    return name;
}

static void test_put_get_remove(void)
{
    struct registry *registry = registry_create(NAMES);
    CHECK_EQ(registry_get(registry, name_of(1)), 0);
    CHECK_EQ(registry_put(registry, name_of(1), 7), 0);
    CHECK_EQ(registry_get(registry, name_of(1)), 7);
    CHECK_EQ(registry_put(registry, name_of(1), 8), 7);
    registry_remove(registry, name_of(1), 7); /* it stands for another one by now */
    CHECK_EQ(registry_get(registry, name_of(1)), 8);
    registry_remove(registry, name_of(1), 8);
    CHECK_EQ(registry_get(registry, name_of(1)), 0);
    registry_remove(registry, name_of(2), 1);
    registry_destroy(registry);
    registry_destroy(NULL);
}

static void test_a_gap_hides_nobody(void)
{
    for (unsigned first = 0; first < NAMES; first++) {
        struct registry *registry = registry_create(NAMES);
        for (unsigned i = 0; i < NAMES; i++)
            CHECK_EQ(registry_put(registry, name_of(i), i + 1), 0);
        for (unsigned gone = 0; gone < NAMES; gone++) {
            unsigned which = (first + gone * 7) % NAMES;
            registry_remove(registry, name_of(which), which + 1);
            CHECK_EQ(registry_get(registry, name_of(which)), 0);
            for (unsigned left = gone + 1; left < NAMES; left++) {
                unsigned other = (first + left * 7) % NAMES;
                CHECK_EQ(registry_get(registry, name_of(other)), other + 1);
            }
        }
        registry_destroy(registry);
    }
}

int main(void)
{
    RUN(test_put_get_remove);
    RUN(test_a_gap_hides_nobody);
    return check_done();
}
