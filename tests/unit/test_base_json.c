#include "base/json.h"
#include "base/status.h"
#include "tests/oom.h"

static int status_of(const char *text, size_t flags)
{
    json_t *root;
    int status = json_read(text, strlen(text), flags, &root);
    CHECK((root != NULL) == (status == STATUS_OK));
    json_decref(root);
    return status;
}

static void test_what_is_told(void)
{
    CHECK_EQ(status_of("{\"a\":[1,2]}", 0), STATUS_OK);
    CHECK_EQ(status_of("{\"a\":[1,2", 0), STATUS_TRUNCATED);
    CHECK_EQ(status_of("", 0), STATUS_TRUNCATED);
    CHECK_EQ(status_of("{a}", 0), STATUS_PROTOCOL);
    CHECK_EQ(status_of("{\"a\":1,\"a\":2}", 0), STATUS_OK);
    CHECK_EQ(status_of("{\"a\":1,\"a\":2}", JSON_REJECT_DUPLICATES), STATUS_PROTOCOL);
}

/* Never a text that lacks a letter. */
static void test_no_memory(void)
{
    static const char text[] =
        "{\"word\":\"as long as it takes to grow a buffer\",\"list\":[1,\"b\"]}";
    CHECK_EQ(status_of(text, 0), STATUS_OK);
    unsigned refused = 0;
    for (struct oom oom = {.len = 1}; oom_next(&oom);) {
        json_t *root;
        int status = json_read(text, sizeof text - 1, 0, &root);
        bool failed = oom_end(&oom);
        CHECK_EQ(status, failed ? STATUS_NOMEM : STATUS_OK);
        refused += failed;
        if (status == STATUS_OK)
            CHECK_STR(json_string_value(json_object_get(root, "word")),
                      "as long as it takes to grow a buffer");
        json_decref(root);
    }
    CHECK(refused > 10);
}

int main(void)
{
    RUN(test_what_is_told);
    RUN(test_no_memory);
    return check_done();
}
