/* What watchers say, and what a token lets them see. */
#include "base/json.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/board.h"
#include "server/monitor_message.h"
#include "server/out.h"
#include "server/token.h"
#include "tests/check.h"
#include <string.h>

#define S "0123456789abcdef0123456789abcdef"
#define T "fedcba9876543210fedcba9876543210"

static struct monitor_message *parse(const char *text)
{
    struct monitor_message *message = monitor_message_parse(text, strlen(text));
    CHECK(message != NULL);
    return message;
}

static void test_watch(void)
{
    struct monitor_message *message = parse("{\"type\":\"watch\",\"token\":\"t\",\"class\":\"7b\","
                                            "\"sessions\":[\"" S "\",\"" T "\",\"" S "\"]}");
    CHECK_EQ(message->kind, MONITOR_MESSAGE_WATCH);
    CHECK_STR(message->token, "t");
    CHECK_STR(message->class_name, "7b");
    CHECK_EQ(message->sessions_len, 2);
    CHECK_STR(message->sessions[1], T);
    monitor_message_free(message);
    message = parse("{\"type\":\"watch\",\"class\":null}");
    CHECK_EQ(message->kind, MONITOR_MESSAGE_WATCH);
    CHECK_EQ(message->sessions_len, 0);
    CHECK_STR(message->class_name, "");
    monitor_message_free(message);
}

static void test_history_and_flag(void)
{
    struct monitor_message *message = parse("{\"type\":\"history\",\"session\":\"" S "\"}");
    CHECK_EQ(message->kind, MONITOR_MESSAGE_HISTORY);
    CHECK_EQ(message->before_segment, 0);
    CHECK(message->limit > 0 && message->limit <= MONITOR_HISTORY_MAX);
    monitor_message_free(message);
    /* e and an accent become one letter. */
    message = parse("{\"type\":\"flag\",\"session\":\"" S "\",\"segment\":4,"
                    "\"note\":\"caf\\u0065\\u0301\"}");
    CHECK_EQ(message->kind, MONITOR_MESSAGE_FLAG);
    CHECK_EQ(message->segment, 4);
    CHECK_STR(message->note, "caf\xc3\xa9");
    monitor_message_free(message);
}

static void test_bad(void)
{
    static const struct {
        const char *text, *code, *problem;
    } cases[] = {
        {"{\"type\":\"watch\",\"sessions\":[\"x\"]}", "bad_message",
         "sessions holds what is no id of a session"},
        {"{\"type\":\"watch\",\"class\":1}", "bad_message", "must be a string: class"},
        {"{\"type\":\"history\"}", "bad_message", "session must be the id of a session"},
        {"{\"type\":\"history\",\"session\":\"" S "\",\"limit\":101}", "bad_message",
         "must be a whole number of 1 to 100: limit"},
        {"{\"type\":\"history\",\"session\":\"" S "\",\"before_segment\":\"3\"}", "bad_message",
         "must be a whole number of 1 to 2147483647: before_segment"},
        {"{\"type\":\"flag\",\"session\":\"" S "\",\"note\":\"n\"}", "bad_message",
         "must be a whole number of 1 to 2147483647: segment"},
        {"{\"type\":\"flag\",\"session\":\"" S "\",\"segment\":1,\"note\":\" \"}", "bad_message",
         "flag needs a note, a few words for the learner"},
        {"{\"type\":\"session.start\"}", "unknown_type", "unknown type: session.start"},
        {"[3]", "bad_message", "a message is a JSON object with a string \"type\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct monitor_message *message = parse(cases[i].text);
        CHECK(message->kind == MONITOR_MESSAGE_BAD || message->kind == MONITOR_MESSAGE_UNKNOWN);
        CHECK_STR(message->code, cases[i].code);
        CHECK_STR(message->problem, cases[i].problem);
        monitor_message_free(message);
    }
}

/* What `role` with two classes sees when it names `named`; NULL: it is refused. */
static struct board_scope *scope_of(enum token_role role, const char *named)
{
    static const char *const classes[] = {"7b", "8a"};
    const struct token_claims claims = {
        .subject = "t", .id = "", .role = role, .classes = classes, .classes_len = 2};
    const struct monitor_message message = {.kind = MONITOR_MESSAGE_WATCH, .class_name = named};
    struct board_scope *scope = NULL;
    int status = monitor_message_scope(&message, &claims, &scope);
    CHECK_EQ(status, scope != NULL ? STATUS_OK : STATUS_AUTH);
    return scope;
}

static void check_scope(enum token_role role, const char *named, const char *sees,
                        const char *sees_not)
{
    struct board_scope *scope = scope_of(role, named);
    CHECK(scope != NULL);
    if (scope == NULL)
        return;
    CHECK(board_scope_sees(scope, sees));
    CHECK(sees_not == NULL || !board_scope_sees(scope, sees_not));
    board_scope_free(scope);
}

static void test_scopes(void)
{
    check_scope(TOKEN_TEACHER, "", "8a", "9c");
    check_scope(TOKEN_TEACHER, "", "7b", "");
    check_scope(TOKEN_TEACHER, "8a", "8a", "7b");
    check_scope(TOKEN_ADMIN, "", "", NULL);
    check_scope(TOKEN_ADMIN, "9c", "9c", "7b");
    CHECK(scope_of(TOKEN_TEACHER, "9c") == NULL);
    CHECK(scope_of(TOKEN_LEARNER, "") == NULL);
    CHECK(scope_of(TOKEN_LEARNER, "7b") == NULL);
}

static void check_error(const char *code, const char *session, const char *wanted, int close_code)
{
    struct out *out = monitor_message_error(code, "say \"why\"", session);
    CHECK(out != NULL);
    CHECK_EQ(out->len, strlen(wanted));
    CHECK(memcmp(out->body, wanted, out->len) == 0);
    CHECK_EQ(out->close_code, close_code);
    out_unref(out);
}

static void test_errors(void)
{
    check_error("not_found", S,
                "{\"type\":\"error\",\"code\":\"not_found\",\"message\":\"say \\\"why\\\"\","
                "\"session\":\"" S "\",\"retryable\":false,\"fatal\":false}",
                0);
    check_error("over_capacity", "",
                "{\"type\":\"error\",\"code\":\"over_capacity\",\"message\":"
                "\"say \\\"why\\\"\",\"retryable\":true,\"retry_after_ms\":1000,\"fatal\":true}",
                1013);
}

/* Whichever allocation fails, there is no message rather than another one. */
static void test_no_memory(void)
{
    static const char text[] = "{\"type\":\"flag\",\"session\":\"" S "\",\"segment\":4,"
                               "\"note\":\"a note that needs some memory of its own\"}";
    unsigned nth = 0;
    for (struct monitor_message *message = NULL; message == NULL;) {
        mem_fail_nth(++nth);
        message = monitor_message_parse(text, sizeof text - 1);
        CHECK(message == NULL || mem_failed() == 0);
        monitor_message_free(message);
    }
    mem_fail_nth(0);
    CHECK(nth > 5);
}

int main(void)
{
    RUN(test_watch);
    RUN(test_history_and_flag);
    RUN(test_bad);
    RUN(test_scopes);
    RUN(test_errors);
    RUN(test_no_memory);
    return check_done();
}
