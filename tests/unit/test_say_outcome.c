/* Exit codes, pacing and the first message. */
#include "say/outcome.h"

#include "base/status.h"
#include "say/event.h"
#include "say/pace.h"
#include "say/resume.h"
#include "say/start.h"
#include "tests/check.h"
#include <jansson.h>

static struct options options;
static struct outcome outcome;

static void begin(unsigned targets)
{
    outcome = (struct outcome){0};
    options = (struct options){.source = "en-US", .stability = "low", .targets_count = targets};
    snprintf(options.targets[0], sizeof options.targets[0], "es");
    snprintf(options.targets[1], sizeof options.targets[1], "fr");
}

static void see(const char *json)
{
    struct event event;
    CHECK_EQ(event_parse(&event, json, strlen(json)), STATUS_OK);
    outcome_event(&outcome, &options, &event);
    event_deinit(&event);
}

static void see_translation(const char *lang, const char *rest)
{
    char json[256];
    snprintf(json, sizeof json, "{\"type\":\"translation\",\"segment\":1,\"lang\":\"%s\",%s}", lang,
             rest);
    see(json);
}

static enum say_exit code(void)
{
    return outcome_exit(&outcome, &options);
}

static void test_way_to_success(void)
{
    begin(2);
    CHECK_EQ(code(), SAY_EXIT_CONNECT);
    see("{\"type\":\"session.started\"}");
    CHECK_EQ(code(), SAY_EXIT_LOST);
    see("{\"type\":\"session.ended\"}");
    CHECK_EQ(code(), SAY_EXIT_EMPTY);
    see("{\"type\":\"transcript\",\"segment\":1,\"final\":true,\"committed\":\"a\"}");
    CHECK_EQ(code(), SAY_EXIT_EMPTY);
    see_translation("es", "\"final\":true,\"committed\":\"b\"");
    CHECK_EQ(code(), SAY_EXIT_EMPTY); /* French is still missing */
    see_translation("fr", "\"final\":true,\"committed\":\"c\"");
    CHECK_EQ(code(), SAY_EXIT_OK);
}

static void test_what_does_not_count(void)
{
    begin(1);
    see("{\"type\":\"session.started\"}");
    see("{\"type\":\"session.ended\"}");
    see("{\"type\":\"transcript\",\"segment\":1,\"final\":false,\"committed\":\"a\"}");
    see("{\"type\":\"transcript\",\"segment\":1,\"final\":true,\"committed\":\"\"}");
    CHECK_EQ(outcome.captions, 0);
    see_translation("es", "\"final\":false,\"committed\":\"b\"");
    see_translation("es", "\"final\":true,\"committed\":\"\",\"failed\":\"budget\"");
    see_translation("de", "\"final\":true,\"committed\":\"b\"");
    CHECK_EQ(outcome.translations[0], 0);
}

static void test_captions_suffice_without_targets(void)
{
    begin(0);
    see("{\"type\":\"session.started\"}");
    see("{\"type\":\"transcript\",\"segment\":1,\"final\":true,\"committed\":\"a\"}");
    see("{\"type\":\"session.ended\"}");
    CHECK_EQ(code(), SAY_EXIT_OK);
}

static void test_refusal_wins(void)
{
    begin(0);
    see("{\"type\":\"error\",\"code\":\"rate_limited\",\"fatal\":false}");
    CHECK_EQ(code(), SAY_EXIT_CONNECT);
    see("{\"type\":\"error\",\"code\":\"over_capacity\",\"fatal\":true,\"retry_after_ms\":7000}");
    CHECK_EQ(code(), SAY_EXIT_REFUSED);
    CHECK_STR(outcome.refusal, "over_capacity");
    CHECK_EQ(outcome.retry_after_ms, 7000);
}

static void test_pace(void)
{
    struct pace pace;
    pace_start(&pace, 1000000, 500, 16000, 1);
    CHECK_EQ(pace_due_us(&pace, 500), 1000000);
    CHECK_EQ(pace_due_us(&pace, 500 + 1600), 1100000);
    CHECK_EQ(pace_due_us(&pace, 500 + 16000 * 3600ULL), 1000000 + 3600 * 1000000LL);
    pace_start(&pace, 0, 0, 16000, 4);
    CHECK_EQ(pace_due_us(&pace, 16000), 250000);
    pace_start(&pace, 42, 0, 16000, 0);
    CHECK_EQ(pace_due_us(&pace, 1 << 30), 42);
}

static void test_broken_is_told(void)
{
    begin(0);
    see("{\"type\":\"session.started\"}");
    outcome.broken = true;
    CHECK_EQ(code(), SAY_EXIT_LOST);
    see("{\"type\":\"session.ended\"}");
    CHECK_EQ(code(), SAY_EXIT_BROKEN);
}

static void test_resume_message(void)
{
    char out[512];
    const struct resume resume = {.session = "ab", .token = "cd", .seq = 7};
    begin(1);
    size_t len = start_message(&options, 16000, &resume, out, sizeof out);
    json_t *start = json_loadb(out, len, 0, NULL), *ticket = json_object_get(start, "resume");
    CHECK_STR(json_string_value(json_object_get(ticket, "session")), "ab");
    CHECK_STR(json_string_value(json_object_get(ticket, "token")), "cd");
    CHECK_EQ(json_integer_value(json_object_get(ticket, "seq")), 7);
    json_decref(start);
}

static void test_start_message(void)
{
    const struct resume fresh = {0};
    char out[1024];
    begin(2);
    options.token = "secret";
    options.name = "Añä \"x\"";
    options.grammar = true;
    size_t len = start_message(&options, 44100, &fresh, out, sizeof out);
    json_t *start = json_loadb(out, len, 0, NULL);
    CHECK(start != NULL);
    CHECK_STR(json_string_value(json_object_get(start, "type")), "session.start");
    CHECK_STR(json_string_value(json_object_get(start, "token")), "secret");
    CHECK_STR(json_string_value(json_object_get(start, "source")), "en-US");
    CHECK_STR(json_string_value(json_object_get(start, "name")), "Añä \"x\"");
    CHECK_STR(json_string_value(json_object_get(start, "stability")), "low");
    CHECK_EQ(json_integer_value(json_object_get(start, "rate")), 44100);
    CHECK(json_is_true(json_object_get(start, "grammar")));
    CHECK(json_is_false(json_object_get(start, "partials")));
    CHECK_EQ(json_array_size(json_object_get(start, "targets")), 2);
    CHECK(json_object_get(start, "class") == NULL);
    json_decref(start);
    CHECK_EQ(start_message(&options, 44100, &fresh, out, 20), 0);
    options.name = "\xff";
    CHECK_EQ(start_message(&options, 44100, &fresh, out, sizeof out), 0);
}

int main(void)
{
    RUN(test_way_to_success);
    RUN(test_what_does_not_count);
    RUN(test_captions_suffice_without_targets);
    RUN(test_refusal_wins);
    RUN(test_pace);
    RUN(test_start_message);
    RUN(test_resume_message);
    RUN(test_broken_is_told);
    return check_done();
}
