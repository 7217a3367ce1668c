#include "bench/judge_event.h"

#include "base/clock.h"
#include "base/status.h"
#include "tests/check.h"
#include <jansson.h>

static struct judge_event event;
static char scratch[8192];

static int parse(const char *text)
{
    return judge_event_parse(text, strlen(text), scratch, &event);
}

static void a_partial(void)
{
    CHECK_EQ(parse("{\"t_ms\":5,\"lat\":{\"audio\":468.3,\"upstream\":460.1,\"queue\":1.0,"
                   "\"hold\":3.3,\"store\":0.0,\"server\":3.9},\"type\":\"translation\","
                   "\"segment\":12,\"rev\":7,\"source_rev\":3,\"lang\":\"es\",\"final\":false,"
                   "\"committed\":\"la casa\",\"tentative\":\" era\",\"start_ms\":100,"
                   "\"end_ms\":64500}"),
             STATUS_OK);
    CHECK_EQ(event.type, JUDGE_EVENT_TRANSLATION);
    CHECK_EQ(event.segment, 12);
    CHECK(!event.final && !event.failed && !event.fatal && event.has_lat);
    CHECK(judge_text_is(event.committed, "la casa"));
    CHECK(judge_text_is(event.tentative, " era"));
    CHECK(judge_text_is(event.lang, "es"));
    CHECK_EQ(event.end_ms, 64500);
    CHECK_EQ(event.audio_samples, -1);
    CHECK_EQ(event.audio_us, 468300);
    CHECK_EQ(event.upstream_us, 460100);
    CHECK_EQ(event.queue_us, 1000);
    CHECK_EQ(event.hold_us, 3300);
    CHECK_EQ(event.server_us, 3900);
}

static void other_kinds(void)
{
    CHECK_EQ(parse(" { \"type\" : \"audio.ack\" , \"audio_samples\" : 2400000 } \n"), STATUS_OK);
    CHECK_EQ(event.type, JUDGE_EVENT_ACK);
    CHECK_EQ(event.audio_samples, 2400000);
    CHECK_EQ(parse("{\"type\":\"grammar\",\"final\":true,\"failed\":\"deadline\","
                   "\"corrected\":\"x\",\"edits\":[{\"segment\":9,\"final\":false},[]]}"),
             STATUS_OK);
    CHECK(event.final && event.failed && judge_text_is(event.corrected, "x"));
    CHECK_EQ(event.segment, 0);
    CHECK_EQ(parse("{\"type\":\"error\",\"code\":\"idle\",\"message\":\"m\",\"fatal\":true}"),
             STATUS_OK);
    CHECK(event.fatal && judge_text_is(event.code, "idle") && judge_text_is(event.message, "m"));
    CHECK_EQ(parse("{\"type\":\"session.updated\"}"), STATUS_OK);
    CHECK_EQ(event.type, JUDGE_EVENT_OTHER);
    CHECK_EQ(parse("{}"), STATUS_OK);
    CHECK_EQ(event.type, JUDGE_EVENT_OTHER);
}

static void escapes_are_read(void)
{
    CHECK_EQ(parse("{\"committed\":\"a\\\"b\\\\c\\/d\\n\\u00e9\\ud83d\\ude00\","
                   "\"tentative\":\"\\tx\"}"),
             STATUS_OK);
    CHECK(judge_text_is(event.committed, "a\"b\\c/d\n\u00e9\U0001F600"));
    CHECK(judge_text_is(event.tentative, "\tx"));
}

static void nonsense_is_refused(void)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "{\"a\":1}x",
        "{\"a\":\"b}",
        "{\"a\":\"\\x\"}",
        "{\"a\":tru}",
        "{\"a\":-}",
        "{\"a\":1.}",
        "{\"a\":1e}",
        "{\"a\":[1,2}",
        "{\"a\":\"\\ud83d\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\n\"}",
        "{\"lat\":{\"audio\":1}",
        "{\"a\":{\"b\":1,}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        CHECK_EQ(parse(texts[i]), STATUS_INVALID);
}

static void depth_is_bounded(void)
{
    char text[256] = "{\"a\":";
    size_t at = 5;
    memset(text + at, '[', 100);
    memset(text + at + 100, ']', 100);
    memcpy(text + at + 200, "}", 2);
    CHECK_EQ(parse(text), STATUS_INVALID);
    memset(text + at, '[', 20);
    memset(text + at + 20, ']', 20);
    memcpy(text + at + 40, "}", 2);
    CHECK_EQ(parse(text), STATUS_OK);
}

/* Cut anywhere a message is not one; nothing is read behind its end (the sanitizer looks). */
static void cut_anywhere(void)
{
    static const char whole[] = "{\"lat\":{\"audio\":1.5},\"type\":\"error\",\"a\":[{\"b\":null}],"
                                "\"code\":\"x\\u00e9\",\"fatal\":false,\"n\":-1.5e+3}";
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char *cut = malloc(len + 1);
        memcpy(cut, whole, len);
        CHECK_EQ(judge_event_parse(cut, len, scratch, &event), STATUS_INVALID);
        free(cut);
    }
    CHECK_EQ(parse(whole), STATUS_OK);
}

/* A regression would be felt by the generator, which shares a core with the simulator. */
static void faster_than_a_parser(void)
{
    char text[4096];
    int len = snprintf(text, sizeof text,
                       "{\"t_ms\":123456,\"seq\":3,\"lat\":{\"audio\":468.3,\"upstream\":464.4,"
                       "\"queue\":0.0,\"hold\":0.0,\"store\":0.0,\"server\":3.9},"
                       "\"type\":\"transcript\",\"segment\":12,\"rev\":7,\"final\":true,"
                       "\"committed\":\"The small house behind the river was very quiet.\","
                       "\"tentative\":\"\",\"start_ms\":61200,\"end_ms\":64500,"
                       "\"language\":\"en\",\"words\":[{\"w\":\"The\"}");
    for (int i = 0; i < 15; i++)
        len += snprintf(text + len, sizeof text - (size_t)len,
                        ",{\"w\":\"morning\",\"start_ms\":6100,\"end_ms\":6200}");
    len += snprintf(text + len, sizeof text - (size_t)len, "]}");
    int64_t start_us = clock_mono_us();
    for (int i = 0; i < 2000; i++)
        json_decref(json_loadb(text, (size_t)len, 0, NULL));
    int64_t parser_us = clock_mono_us() - start_us;
    start_us = clock_mono_us();
    for (int i = 0; i < 2000; i++)
        CHECK_EQ(judge_event_parse(text, (size_t)len, scratch, &event), STATUS_OK);
    int64_t own_us = clock_mono_us() - start_us;
    fprintf(stderr, "     %d bytes: %.2f us, jansson %.2f us\n", len, (double)own_us / 2000,
            (double)parser_us / 2000);
    CHECK(own_us < parser_us);
}

int main(void)
{
    RUN(a_partial);
    RUN(other_kinds);
    RUN(escapes_are_read);
    RUN(nonsense_is_refused);
    RUN(depth_is_bounded);
    RUN(cut_anywhere);
    RUN(faster_than_a_parser);
    return check_done();
}
