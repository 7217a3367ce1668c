#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "tests/check.h"

#include <stdint.h>

static void test_builds_and_terminates(void)
{
    struct buf buf;
    buf_init(&buf, 1000);
    CHECK(buf.data == NULL);
    CHECK_EQ(buf_puts(&buf, "a"), STATUS_OK);
    CHECK_EQ(buf_putc(&buf, 'b'), STATUS_OK);
    CHECK_EQ(buf_append(&buf, "c\0d", 3), STATUS_OK);
    CHECK_EQ(buf_printf(&buf, "%d-%s", 7, "x"), STATUS_OK);
    CHECK_EQ(buf.len, 8);
    CHECK(memcmp(buf.data, "abc\0d7-x", 9) == 0);
    buf_deinit(&buf);
    CHECK(buf.data == NULL && buf.len == 0);
}

static void test_empty_append_still_terminates(void)
{
    struct buf buf;
    buf_init(&buf, 10);
    CHECK_EQ(buf_append(&buf, NULL, 0), STATUS_OK);
    CHECK_STR(buf.data, "");
    CHECK_EQ(buf_printf(&buf, "%s", ""), STATUS_OK);
    CHECK_EQ(buf.len, 0);
    buf_deinit(&buf);
}

static void test_grows_byte_by_byte(void)
{
    struct buf buf;
    buf_init(&buf, 100000);
    for (int i = 0; i < 100000; i++)
        CHECK(buf_putc(&buf, (char)('a' + i % 26)) == STATUS_OK);
    for (int i = 0; i < 100000; i++)
        CHECK(buf.data[i] == 'a' + i % 26);
    CHECK_EQ(buf_putc(&buf, 'x'), STATUS_LIMIT);
    CHECK_EQ(buf.len, 100000);
    buf_deinit(&buf);
}

static void test_errors_stick_until_reset(void)
{
    struct buf buf;
    buf_init(&buf, 4);
    CHECK_EQ(buf_puts(&buf, "abcd"), STATUS_OK);
    CHECK_EQ(buf_putc(&buf, 'e'), STATUS_LIMIT);
    CHECK_EQ(buf_append(&buf, "", 0), STATUS_LIMIT);
    CHECK_EQ(buf_printf(&buf, "%s", ""), STATUS_LIMIT);
    CHECK_EQ(buf_status(&buf), STATUS_LIMIT);
    CHECK_STR(buf.data, "abcd");
    char *before = buf.data;
    buf_reset(&buf);
    CHECK(buf.data == before);
    CHECK_STR(buf.data, "");
    CHECK_EQ(buf_puts(&buf, "x"), STATUS_OK);
    CHECK_STR(buf.data, "x");
    buf_deinit(&buf);
}

/* Every length around the first allocation, so that both printing in place and printing twice are
 * met. */
static void test_printf_at_every_length(void)
{
    char text[200];
    for (size_t len = 0; len < sizeof text; len++) {
        memset(text, 'y', len);
        text[len] = '\0';
        struct buf buf;
        buf_init(&buf, 150);
        buf_puts(&buf, "12345");
        int status = buf_printf(&buf, "%s", text);
        CHECK_EQ(status, len + 5 <= 150 ? STATUS_OK : STATUS_LIMIT);
        CHECK_EQ(buf.len, status == STATUS_OK ? len + 5 : 5);
        CHECK_EQ(strlen(buf.data), buf.len);
        buf_deinit(&buf);
    }
}

static void test_consume(void)
{
    struct buf buf;
    buf_init(&buf, 100);
    buf_consume(&buf, 0);
    buf_puts(&buf, "hello world");
    buf_consume(&buf, 6);
    CHECK_STR(buf.data, "world");
    buf_consume(&buf, 5);
    CHECK_STR(buf.data, "");
    CHECK_EQ(buf.len, 0);
    buf_deinit(&buf);
}

static void test_take_gives_and_empties(void)
{
    struct buf buf;
    size_t len = 77;
    buf_init(&buf, 3);
    CHECK(buf_take(&buf, &len) == NULL);
    CHECK_EQ(len, 77);
    buf_puts(&buf, "abc");
    char *text = buf_take(&buf, &len);
    CHECK_STR(text, "abc");
    CHECK_EQ(len, 3);
    mem_free(text);
    CHECK(buf.data == NULL && buf.len == 0);
    buf_puts(&buf, "ab");
    text = buf_take(&buf, NULL);
    CHECK_STR(text, "ab");
    mem_free(text);
    buf_puts(&buf, "abcd");
    CHECK(buf_take(&buf, &len) == NULL);
    CHECK_EQ(buf_status(&buf), STATUS_LIMIT);
    buf_deinit(&buf);
}

static void test_no_memory(void)
{
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    mem_fail_nth(1);
    CHECK_EQ(buf_puts(&buf, "x"), STATUS_NOMEM);
    CHECK_EQ(buf_puts(&buf, "y"), STATUS_NOMEM);
    buf_reset(&buf);
    CHECK_EQ(buf_puts(&buf, "kept"), STATUS_OK);
    mem_fail_nth(1);
    char large[500];
    memset(large, 'z', sizeof large);
    CHECK_EQ(buf_append(&buf, large, sizeof large), STATUS_NOMEM);
    mem_fail_nth(0);
    CHECK_STR(buf.data, "kept");
    buf_deinit(&buf);
}

int main(void)
{
    RUN(test_builds_and_terminates);
    RUN(test_empty_append_still_terminates);
    RUN(test_grows_byte_by_byte);
    RUN(test_errors_stick_until_reset);
    RUN(test_printf_at_every_length);
    RUN(test_consume);
    RUN(test_take_gives_and_empties);
    RUN(test_no_memory);
    return check_done();
}
