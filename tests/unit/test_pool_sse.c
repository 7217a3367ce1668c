/* Server-sent events: every documented form, the bounds, and the same events at every split of the
 * input. */
#include "base/buf.h"
#include "base/status.h"
#include "pool/sse.h"
#include "tests/check.h"

/* Events as text: "[name|data]" each. */
static int log_event(void *ctx, const char *name, const char *data, size_t len)
{
    struct buf *log = ctx;
    CHECK_EQ(strlen(data), len);
    buf_printf(log, "[%s|", name);
    buf_append(log, data, len);
    buf_puts(log, "]");
    return strcmp(data, "stop") == 0 ? STATUS_CANCELLED : STATUS_OK;
}

static const char *parse(struct buf *log, const char *text, size_t split)
{
    struct sse sse;
    buf_reset(log);
    sse_init(&sse, log_event, log);
    size_t len = strlen(text);
    sse_feed(&sse, text, split);
    sse_feed(&sse, text + split, len - split);
    sse_deinit(&sse);
    return log->len > 0 ? log->data : "";
}

/* Two splits at every pair would be quadratic; one split and one byte at a time cover every state
 * at every byte. */
static void expect(const char *text, const char *events)
{
    struct buf log;
    buf_init(&log, 1 << 20);
    for (size_t split = 0; split <= strlen(text); split++)
        CHECK_STR(parse(&log, text, split), events);
    struct sse sse;
    buf_reset(&log);
    sse_init(&sse, log_event, &log);
    for (const char *at = text; *at != '\0'; at++)
        sse_feed(&sse, at, 1);
    CHECK_STR(log.len > 0 ? log.data : "", events);
    sse_deinit(&sse);
    buf_deinit(&log);
}

static void test_forms(void)
{
    expect("data: a\n\n", "[|a]");
    expect("data:a\n\ndata: b\n\n", "[|a][|b]");
    expect("data:  two spaces\n\n", "[| two spaces]");
    expect("data: a\ndata: b\n\n", "[|a\nb]");
    expect("data\n\n", "[|]");
    expect("event: error\ndata: x\n\ndata: y\n\n", "[error|x][|y]");
    expect("id: 7\nretry: 100\nwhat: ever\ndata: x\n\n", "[|x]");
    expect(": ping\n\n: ping\ndata: x\n\n", "[|x]");
    expect("event: lonely\n\ndata: x\n\n", "[|x]");
    expect("", "");
}

static void test_line_ends(void)
{
    expect("data: a\r\n\r\ndata: b\r\n\r\n", "[|a][|b]");
    expect("data: a\r\rdata: b\r\r", "[|a][|b]");
    expect("data: a\r\ndata: b\n\r\n", "[|a\nb]");
    expect("data: a\n\r\ndata: b\r\n\n", "[|a][|b]");
}

static void test_cut_off_event_is_dropped(void)
{
    expect("data: a\n\ndata: b\n", "[|a]");
    expect("data: a\n\ndata: b", "[|a]");
}

static void test_byte_order_mark(void)
{
    expect("\xEF\xBB\xBF"
           "data: a\n\n",
           "[|a]");
    expect("data: a\n\n\xEF\xBB\xBF"
           "data: b\n\n",
           "[|a]");
}

static void test_utf8_split(void)
{
    expect("data: \xC2\xAB\xE2\x82\xAC\xF0\x9F\x8E\xA7\n\n",
           "[|\xC2\xAB\xE2\x82\xAC\xF0\x9F\x8E\xA7]");
}

static void test_callback_stops(void)
{
    expect("data: a\n\ndata: stop\n\ndata: b\n\n", "[|a][|stop]");
    struct buf log;
    buf_init(&log, 1024);
    struct sse sse;
    sse_init(&sse, log_event, &log);
    CHECK_EQ(sse_feed(&sse, "data: stop\n\n", 12), STATUS_CANCELLED);
    CHECK_EQ(sse_feed(&sse, "data: a\n\n", 9), STATUS_CANCELLED);
    sse_reset(&sse);
    CHECK_EQ(sse_feed(&sse, "data: a\n\n", 9), STATUS_OK);
    CHECK_STR(log.data, "[|stop][|a]");
    sse_deinit(&sse);
    buf_deinit(&log);
}

static int count_event(void *ctx, const char *name, const char *data, size_t len)
{
    *(unsigned *)ctx += 1;
    return STATUS_OK;
}

static void test_bounds(void)
{
    static char line[SSE_LINE_MAX];
    memset(line, 'x', sizeof line);
    memcpy(line, "data: ", 6);
    unsigned events = 0;
    struct sse sse;
    sse_init(&sse, count_event, &events);
    CHECK_EQ(sse_feed(&sse, line, sizeof line - 8), STATUS_OK);
    CHECK_EQ(sse_feed(&sse, "\n\n", 2), STATUS_OK);
    CHECK_EQ(events, 1);
    CHECK_EQ(sse_feed(&sse, line, sizeof line), STATUS_OK);
    CHECK_EQ(sse_feed(&sse, line, sizeof line), STATUS_LIMIT);
    sse_reset(&sse);
    CHECK_EQ(sse_feed(&sse, line, sizeof line - 8), STATUS_OK);
    CHECK_EQ(sse_feed(&sse, "\n", 1), STATUS_OK);
    CHECK_EQ(sse_feed(&sse, line, 100), STATUS_OK);
    CHECK_EQ(sse_feed(&sse, "\n", 1), STATUS_LIMIT);
    CHECK_EQ(events, 1);
    sse_deinit(&sse);
}

static void test_long_name_is_cut(void)
{
    expect("event: 0123456789012345678901234567890123456789\ndata: x\n\n",
           "[01234567890123456789012345678901|x]");
}

int main(void)
{
    RUN(test_forms);
    RUN(test_line_ends);
    RUN(test_cut_off_event_is_dropped);
    RUN(test_byte_order_mark);
    RUN(test_utf8_split);
    RUN(test_callback_stops);
    RUN(test_bounds);
    RUN(test_long_name_is_cut);
    return check_done();
}
