/* The view, rendered to a string: lines, the partial line in place, colour, and text that must not
 * steer a terminal. */
#include "say/view.h"

#include "base/buf.h"
#include "base/status.h"
#include "say/event.h"
#include "tests/check.h"

static struct view view;
static struct buf out;

static const char *show(const char *json)
{
    struct event event;
    buf_reset(&out);
    CHECK_EQ(event_parse(&event, json, strlen(json)), STATUS_OK);
    view_event(&view, &event, &out);
    event_deinit(&event);
    CHECK_EQ(buf_status(&out), STATUS_OK);
    return out.len > 0 ? out.data : "";
}

static void begin(bool live, bool color, unsigned width)
{
    view = (struct view){.live = live, .color = color, .width = width};
}

#define FINAL_1                                                                                    \
    "{\"type\":\"transcript\",\"segment\":1,\"final\":true,\"committed\":\"She have two cats.\","  \
    "\"tentative\":\"\",\"start_ms\":61500}"
#define FINAL_2                                                                                    \
    "{\"type\":\"transcript\",\"segment\":2,\"final\":true,\"committed\":\"Yes.\","                \
    "\"tentative\":\"\",\"start_ms\":65000}"
#define PARTIAL(committed, tentative)                                                              \
    "{\"type\":\"transcript\",\"segment\":1,\"final\":false,\"committed\":\"" committed            \
    "\",\"tentative\":\"" tentative "\"}"
#define SPANISH                                                                                    \
    "{\"type\":\"translation\",\"segment\":1,\"final\":true,\"lang\":\"es\","                      \
    "\"committed\":\"Tiene dos gatos.\",\"tentative\":\"\"}"

static void test_plain_lines(void)
{
    begin(false, false, 80);
    CHECK_STR(show(PARTIAL("She", " have")), "");
    CHECK_STR(show(FINAL_1), "  1:01  She have two cats.\n");
    CHECK_STR(show(SPANISH), "        es  Tiene dos gatos.\n");
    CHECK_STR(show("{\"type\":\"grammar\",\"segment\":1,\"final\":true,\"edits\":[{\"start\":4,"
                   "\"end\":8,\"from\":\"have\",\"to\":\"has\",\"kind\":\"agreement\","
                   "\"message\":\"she has\"},{\"from\":\"\",\"to\":\"a\",\"kind\":\"article\"}]}"),
              "        have → has  agreement: she has\n        - → a  article\n");
}

/* What arrives after the next caption says which one it belongs to. */
static void test_late_translation_is_numbered(void)
{
    begin(false, false, 80);
    show(FINAL_1);
    show(FINAL_2);
    CHECK_STR(show(SPANISH), "        (1) es  Tiene dos gatos.\n");
}

static void test_partial_in_place(void)
{
    begin(true, false, 80);
    CHECK_STR(show(PARTIAL("She", " have")), "\r\033[KShe have");
    CHECK(view.painted);
    CHECK_STR(show(PARTIAL("She have", " two")), "\r\033[KShe have two");
    CHECK_STR(show(FINAL_1), "\r\033[K  1:01  She have two cats.\n");
    CHECK(!view.painted);
    show(PARTIAL("And", ""));
    CHECK_STR(show(SPANISH), "\r\033[K        es  Tiene dos gatos.\n");
}

static void test_color(void)
{
    begin(true, true, 80);
    CHECK_STR(show(PARTIAL("She", " have")), "\r\033[K\033[1mShe\033[0m\033[2m have\033[0m");
    CHECK(strstr(show(FINAL_1), "\033[1mShe have two cats.\033[0m\n") != NULL);
    CHECK_STR(show("{\"type\":\"grammar\",\"segment\":1,\"final\":true,\"edits\":[{\"from\":"
                   "\"have\",\"to\":\"has\",\"kind\":\"agreement\",\"message\":\"m\"}]}"),
              "        \033[9mhave\033[0m → \033[4mhas\033[0m  \033[2magreement: m\033[0m\n");
}

static size_t columns(const char *text)
{
    return buf_status(&out) == STATUS_OK ? strlen(text) : 0;
}

/* Too long for a line: the tail is shown, and the last column stays free. */
static void test_long_partial_keeps_its_tail(void)
{
    begin(true, false, 20);
    CHECK_STR(show(PARTIAL("0123456789", "abcdefghi")), "\r\033[K0123456789abcdefghi");
    CHECK_STR(show(PARTIAL("0123456789", "abcdefghij")), "\r\033[K…23456789abcdefghij");
    CHECK_STR(show(PARTIAL("01", "abcdefghijklmnopqrstuvwxyz")), "\r\033[K…ijklmnopqrstuvwxyz");
    begin(true, false, 1);
    CHECK(columns(show(PARTIAL("0123456789", "abcdefghij"))) <= 4 + 3 + 9);
}

/* Wide letters take two columns, and combining marks are not torn from their letter. */
static void test_wide_partial(void)
{
    begin(true, false, 12);
    CHECK_STR(show(PARTIAL("日本語", "日本")), "\r\033[K日本語日本");
    CHECK_STR(show(PARTIAL("日本語", "日本語")), "\r\033[K…本語日本語");
    CHECK_STR(show(PARTIAL("xe\xcc\x81", "0123456789")), "\r\033[K…0123456789");
}

static void test_text_cannot_steer(void)
{
    begin(true, true, 80);
    const char *line = show("{\"type\":\"transcript\",\"segment\":1,\"final\":true,\"committed\":"
                            "\"a\\u001b[2Jb\\rc\\u009bd\\u202ee\\nf\",\"tentative\":\"\"}");
    CHECK(strstr(line, "a [2Jb c d e f") != NULL);
    line = show("{\"type\":\"note\",\"segment\":1,\"note\":\"x\\u001by\",\"by\":\"t\\u0007\"}");
    CHECK(strstr(line, "x y") != NULL && strchr(line, 7) == NULL);
    line = show("{\"type\":\"translation\",\"segment\":1,\"final\":true,\"lang\":\"e\\u001bs\","
                "\"failed\":\"\\u001bX\"}");
    CHECK(strstr(line, "\033X") == NULL && strstr(line, "e\033s") == NULL);
}

static void test_failed_and_service(void)
{
    begin(false, false, 80);
    CHECK_STR(show("{\"type\":\"translation\",\"segment\":3,\"final\":true,\"lang\":\"es\","
                   "\"failed\":\"deadline\"}"),
              "        (3) es  no translation: deadline\n");
    CHECK_STR(show("{\"type\":\"session.degraded\",\"what\":[\"partial_translation\",\"grammar\"],"
                   "\"reason\":\"budget\"}"),
              "(for now without partial_translation, grammar: budget)\n");
    CHECK_STR(show("{\"type\":\"session.restored\",\"what\":[\"grammar\"]}"),
              "(again in service: grammar)\n");
    CHECK_STR(show("{\"type\":\"session.goaway\",\"reason\":\"drain\",\"within_ms\":5000}"),
              "(the server goes away within 5 s: drain)\n");
    CHECK_STR(show("{\"type\":\"audio.ack\",\"audio_samples\":1}"), "");
    CHECK_STR(show("{\"type\":\"transcript\",\"segment\":1,\"final\":true,\"committed\":\"\"}"),
              "");
}

static void test_event_fields(void)
{
    struct event event;
    static const char *const bad[] = {"", "[]", "{}", "{\"type\":1}", "{\"type\":\"a\"", "null"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_EQ(event_parse(&event, bad[i], strlen(bad[i])), STATUS_PROTOCOL);
    const char *error = "{\"type\":\"error\",\"code\":\"over_capacity\",\"message\":\"m\","
                        "\"fatal\":true,\"retry_after_ms\":1500}";
    CHECK_EQ(event_parse(&event, error, strlen(error)), STATUS_OK);
    CHECK_EQ(event.type, EVENT_ERROR);
    CHECK(event.fatal);
    CHECK_EQ(event.retry_after_ms, 1500);
    event_deinit(&event);
    const char *odd = "{\"type\":\"transcript\",\"segment\":-5,\"final\":\"yes\",\"committed\":7,"
                      "\"edits\":3,\"limits\":[]}";
    CHECK_EQ(event_parse(&event, odd, strlen(odd)), STATUS_OK);
    CHECK_EQ(event.segment, 0);
    CHECK(!event.final);
    CHECK_STR(event.committed, "");
    CHECK_EQ(event.edits_count, 0);
    CHECK_EQ(event.retry_after_ms, -1);
    event_deinit(&event);
    const char *huge = "{\"type\":\"error\",\"retry_after_ms\":1e300,\"start_ms\":-1e300}";
    CHECK_EQ(event_parse(&event, huge, strlen(huge)), STATUS_OK);
    CHECK_EQ(event.retry_after_ms, 1LL << 53);
    CHECK_EQ(event.start_ms, -(1LL << 53));
    event_deinit(&event);
    const char *future = "{\"type\":\"session.dance\",\"x\":1}";
    CHECK_EQ(event_parse(&event, future, strlen(future)), STATUS_OK);
    CHECK_EQ(event.type, EVENT_OTHER);
    event_deinit(&event);
}

/* While there is no connection; and what a new epoch makes void leaves the screen. */
static void test_connection(void)
{
    begin(true, false, 40);
    show(PARTIAL("She", " have"));
    buf_reset(&out);
    view_void(&view, 2, &out);
    CHECK_EQ(out.len, 0);
    view_status(&view, "reconnecting", &out);
    CHECK_STR(out.data, "\r\033[Kreconnecting");
    buf_reset(&out);
    view_status(&view, "reconnecting", &out); /* over itself */
    CHECK_STR(out.data, "\r\033[Kreconnecting");
    show(PARTIAL("She", " have"));
    buf_reset(&out);
    view_void(&view, 1, &out);
    CHECK_STR(out.data, "\r\033[K");
    begin(false, false, 40);
    buf_reset(&out);
    view_status(&view, "reconnecting", &out);
    view_void(&view, 1, &out);
    CHECK_STR(out.data, "reconnecting\n");
}

int main(void)
{
    buf_init(&out, 1 << 20);
    RUN(test_plain_lines);
    RUN(test_late_translation_is_numbered);
    RUN(test_partial_in_place);
    RUN(test_color);
    RUN(test_long_partial_keeps_its_tail);
    RUN(test_wide_partial);
    RUN(test_text_cannot_steer);
    RUN(test_failed_and_service);
    RUN(test_event_fields);
    RUN(test_connection);
    buf_deinit(&out);
    return check_done();
}
