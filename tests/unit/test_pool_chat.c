/* The chat codec: bodies written, answers read whole and streamed at every split, errors of several
 * makes. */
#include "base/buf.h"
#include "base/status.h"
#include "pool/chat.h"
#include "pool/limits.h"
#include "tests/check.h"
#include <jansson.h>

static void check_body(const struct chat_request *request, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    CHECK_EQ(chat_request_write(request, &out), STATUS_OK);
    CHECK_STR(out.data, expected);
    json_t *root = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
    CHECK(root != NULL);
    CHECK_STR(
        json_string_value(json_object_get(
            json_array_get(json_object_get(root, "messages"), request->system ? 1 : 0), "content")),
        request->user);
    json_decref(root);
    buf_deinit(&out);
}

static void test_request(void)
{
    check_body(&(struct chat_request){.model = "m", .user = "hi", .temperature = -1},
               "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    check_body(&(struct chat_request){.model = "m",
                                      .system = "S",
                                      .user = "a\"b\\c\nd\te\x01\xC2\xAB",
                                      .stream = true,
                                      .include_usage = true,
                                      .temperature = 0.25,
                                      .max_tokens = 64,
                                      .max_tokens_field = "max_tokens"},
               "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"S\"},"
               "{\"role\":\"user\",\"content\":\"a\\\"b\\\\c\\nd\\u0009e\\u0001\xC2\xAB\"}],"
               "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"temperature\":0.25,"
               "\"max_tokens\":64}");
    check_body(
        &(struct chat_request){
            .model = "m", .user = "u", .schema_name = "n", .schema = "{}", .max_tokens = 9},
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"u\"}],\"temperature\":0,"
        "\"max_completion_tokens\":9,\"response_format\":{\"type\":\"json_schema\","
        "\"json_schema\":{\"name\":\"n\",\"strict\":true,\"schema\":{}}}}");
    check_body(
        &(struct chat_request){.model = "m", .user = "u", .json_object = true, .temperature = 1},
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"u\"}],\"temperature\":1,"
        "\"response_format\":{\"type\":\"json_object\"}}");
}

static void test_request_refuses(void)
{
    struct buf out;
    buf_init(&out, 64);
    struct chat_request request = {.model = "m", .user = "\xC3("};
    CHECK_EQ(chat_request_write(&request, &out), STATUS_INVALID);
    CHECK_EQ(out.len, 0);
    request.user = "longer than the buffer would ever allow it to be";
    CHECK(chat_request_write(&request, &out) != STATUS_OK);
    buf_deinit(&out);
}

struct outcome {
    int status;
    enum chat_finish finish;
    const char *text;
};

static void check_reader(struct chat_reader *reader, const struct outcome *expected)
{
    struct chat_result result;
    CHECK_EQ(chat_reader_end(reader), expected->status);
    CHECK_EQ(chat_reader_end(reader), expected->status);
    chat_reader_result(reader, &result);
    CHECK_EQ(result.finish, expected->finish);
    CHECK_STR(result.text, expected->text);
    CHECK_EQ(result.len, strlen(expected->text));
}

/* One reader, reset between the splits: a second body must not see the first. */
static void expect(bool stream, const char *body, struct outcome expected)
{
    struct chat_reader *reader = chat_reader_create(stream);
    size_t len = strlen(body);
    for (size_t split = 0; split <= len; split++) {
        chat_reader_feed(reader, body, split);
        chat_reader_feed(reader, body + split, len - split);
        check_reader(reader, &expected);
        chat_reader_reset(reader);
    }
    for (size_t i = 0; i < len; i++)
        chat_reader_feed(reader, body + i, 1);
    check_reader(reader, &expected);
    chat_reader_destroy(reader);
}

#define ANSWER(content, finish)                                                                    \
    "{\"id\":\"x\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{"         \
    "\"role\":\"assistant\",\"content\":" content "},\"finish_reason\":" finish "}],"              \
    "\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3,\"prompt_tokens_details\":{"          \
    "\"cached_tokens\":5}}}"
#define DELTA(delta, finish)                                                                       \
    "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":" delta       \
    ",\"finish_reason\":" finish "}],\"usage\":null}\n\n"

static void test_plain(void)
{
    expect(false, ANSWER("\"hola\"", "\"stop\""), (struct outcome){0, CHAT_STOP, "hola"});
    expect(false, " \r\n" ANSWER("\"\\ud83c\\udfa7\"", "\"stop\""),
           (struct outcome){0, CHAT_STOP, "\xF0\x9F\x8E\xA7"});
    expect(false, ANSWER("\"ho\"", "\"length\""),
           (struct outcome){STATUS_TRUNCATED, CHAT_LENGTH, "ho"});
    expect(false, ANSWER("\"ho\"", "null"), (struct outcome){STATUS_TRUNCATED, CHAT_OPEN, "ho"});
    expect(false, ANSWER("null", "\"content_filter\""),
           (struct outcome){STATUS_FILTERED, CHAT_FILTER, ""});
    expect(false, ANSWER("null,\"refusal\":\"I will not\"", "\"stop\""),
           (struct outcome){STATUS_FILTERED, CHAT_REFUSED, ""});
    expect(false, ANSWER("null", "\"stop\""), (struct outcome){0, CHAT_STOP, ""});
    expect(false, ANSWER("null", "\"tool_calls\""),
           (struct outcome){STATUS_PROTOCOL, CHAT_OPEN, ""});
    expect(true, ANSWER("\"hola\"", "\"stop\""), (struct outcome){0, CHAT_STOP, "hola"});
}

static void test_plain_broken(void)
{
    expect(false, "", (struct outcome){STATUS_TRUNCATED, CHAT_OPEN, ""});
    expect(false, "{\"choices\":[{\"index\":0,\"mess",
           (struct outcome){STATUS_TRUNCATED, CHAT_OPEN, ""});
    expect(false, "{not json}", (struct outcome){STATUS_PROTOCOL, CHAT_OPEN, ""});
    expect(false, "<html>busy</html>", (struct outcome){STATUS_PROTOCOL, CHAT_OPEN, ""});
    expect(false, "[]", (struct outcome){STATUS_PROTOCOL, CHAT_OPEN, ""});
    expect(false, "{}", (struct outcome){STATUS_PROTOCOL, CHAT_OPEN, ""});
    expect(false, "{\"choices\":[]} trailing", (struct outcome){STATUS_PROTOCOL, CHAT_OPEN, ""});
    expect(false, "{\"choices\":[]}", (struct outcome){STATUS_TRUNCATED, CHAT_OPEN, ""});
    expect(false, ANSWER("\"\\ud83c\"", "\"stop\""),
           (struct outcome){STATUS_PROTOCOL, CHAT_OPEN, ""});
    expect(false, ANSWER("[1]", "\"stop\""), (struct outcome){STATUS_PROTOCOL, CHAT_OPEN, ""});
    expect(false, "{\"error\":{\"message\":\"no\",\"code\":\"c\"}}",
           (struct outcome){STATUS_UNAVAILABLE, CHAT_ERROR, ""});
}

static void test_stream(void)
{
    expect(true,
           DELTA("{\"role\":\"assistant\",\"content\":\"\"}", "null") ": ping\n\n" DELTA(
               "{\"content\":\"ho\"}", "null") DELTA("{\"content\":\"la \xC2\xA1\"}", "null")
               DELTA("{}", "\"stop\"") "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7}}\n\n"
                                       "data: [DONE]\n\n",
           (struct outcome){0, CHAT_STOP, "hola \xC2\xA1"});
    /* No [DONE]: the finish reason is what counts. */
    expect(true, DELTA("{\"content\":\"a\"}", "null") DELTA("{}", "\"stop\""),
           (struct outcome){0, CHAT_STOP, "a"});
    expect(true, DELTA("{\"content\":\"a\"}", "\"stop\""), (struct outcome){0, CHAT_STOP, "a"});
    expect(true, DELTA("{\"content\":\"a\"}", "null"),
           (struct outcome){STATUS_TRUNCATED, CHAT_OPEN, "a"});
    expect(true, DELTA("{\"content\":\"a\"}", "null") "data: [DONE]\n\n",
           (struct outcome){STATUS_TRUNCATED, CHAT_OPEN, "a"});
    expect(true, DELTA("{\"content\":\"a\"}", "\"length\""),
           (struct outcome){STATUS_TRUNCATED, CHAT_LENGTH, "a"});
    expect(true, DELTA("{\"refusal\":\"I\"}", "null") DELTA("{}", "\"stop\""),
           (struct outcome){STATUS_FILTERED, CHAT_REFUSED, ""});
    /* What other choices say is not the answer; nothing counts after [DONE]. */
    expect(true,
           "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}}]}\n\n" DELTA(
               "{\"content\":\"a\"}", "\"stop\"") "data: [DONE]\n\ndata: rubbish\n\n",
           (struct outcome){0, CHAT_STOP, "a"});
}

static void test_stream_broken(void)
{
    expect(true, "", (struct outcome){STATUS_TRUNCATED, CHAT_OPEN, ""});
    expect(true, "<html>\n\n<p>busy\n", (struct outcome){STATUS_PROTOCOL, CHAT_OPEN, ""});
    expect(true, "data: {oops\n\n", (struct outcome){STATUS_PROTOCOL, CHAT_OPEN, ""});
    expect(true, DELTA("{\"content\":\"a\"}", "\"stop\"") DELTA("{\"content\":\"b\"}", "null"),
           (struct outcome){STATUS_PROTOCOL, CHAT_STOP, "a"});
    expect(true,
           DELTA("{\"content\":\"a\"}",
                 "null") "data: {\"error\":{\"message\":\"m\",\"type\":\"t\"}}\n\n",
           (struct outcome){STATUS_UNAVAILABLE, CHAT_ERROR, "a"});
    expect(true, "event: error\ndata: overloaded\n\n",
           (struct outcome){STATUS_UNAVAILABLE, CHAT_ERROR, ""});
}

static void test_usage_and_errors_in_results(void)
{
    struct chat_reader *reader = chat_reader_create(false);
    const char *body = ANSWER("\"hola\"", "\"stop\"");
    struct chat_result result;
    chat_reader_feed(reader, body, strlen(body));
    CHECK_EQ(chat_reader_end(reader), 0);
    chat_reader_result(reader, &result);
    CHECK_EQ(result.prompt_tokens, 12);
    CHECK_EQ(result.completion_tokens, 3);
    CHECK_EQ(result.cached_tokens, 5);
    CHECK_STR(result.error_code, "");
    chat_reader_reset(reader);
    body = "{\"error\":{\"message\":\"slow\",\"type\":\"t\",\"code\":null}}";
    chat_reader_feed(reader, body, strlen(body));
    CHECK_EQ(chat_reader_end(reader), STATUS_UNAVAILABLE);
    chat_reader_result(reader, &result);
    CHECK_STR(result.error_code, "t");
    CHECK_STR(result.error_message, "slow");
    CHECK_EQ(result.prompt_tokens, 0);
    chat_reader_destroy(reader);
}

static void test_answer_bounds(void)
{
    struct chat_reader *reader = chat_reader_create(true);
    static char piece[4096];
    int status = 0;
    snprintf(piece, sizeof piece, "data: {\"choices\":[{\"delta\":{\"content\":\"%03000d\"}}]}\n\n",
             7);
    unsigned fed = 0;
    while (status == 0 && fed < 100) {
        status = chat_reader_feed(reader, piece, strlen(piece));
        fed++;
    }
    CHECK_EQ(status, STATUS_LIMIT);
    CHECK_EQ(fed, CHAT_ANSWER_MAX / 3000 + 1);
    CHECK_EQ(chat_reader_feed(reader, piece, 1), STATUS_LIMIT);
    CHECK_EQ(chat_reader_end(reader), STATUS_LIMIT);
    chat_reader_reset(reader);
    for (fed = 0, status = 0; status == 0 && fed < CHAT_BODY_MAX / 8 + 2; fed++)
        status = chat_reader_feed(reader, ": ping\n\n", 8);
    CHECK_EQ(status, STATUS_LIMIT);
    CHECK_EQ(fed, CHAT_BODY_MAX / 8 + 1);
    chat_reader_destroy(reader);
}

static struct chat_error error_of(const char *body)
{
    struct chat_error error;
    chat_error_read(body, strlen(body), &error);
    return error;
}

static void test_errors(void)
{
    struct chat_error e =
        error_of("{\"error\":{\"message\":\"Rate limit\",\"type\":\"requests\",\"param\":null,"
                 "\"code\":\"rate_limit_exceeded\"}}");
    CHECK_STR(e.code, "rate_limit_exceeded");
    CHECK_STR(e.message, "Rate limit");
    CHECK(!e.quota);
    CHECK(error_of("{\"error\":{\"message\":\"x\",\"type\":\"insufficient_quota\",\"code\":null}}")
              .quota);
    CHECK(error_of("{\"error\":{\"type\":\"insufficient_quota\",\"code\":\"other\"}}").quota);
    CHECK(error_of("{\"error\":{\"code\":\"credit_balance_exhausted\"}}").quota);
    CHECK_STR(error_of("{\"error\":{\"code\":503,\"message\":\"\"}}").code, "503");
    CHECK_STR(error_of("{\"error\":\"Slowdown: 10 per minute\"}").message,
              "Slowdown: 10 per minute");
    CHECK_STR(error_of("{\"detail\":\"Not Found\"}").message, "Not Found");
    CHECK_STR(error_of("{\"detail\":[{\"loc\":[],\"msg\":\"field required\"}]}").message,
              "field required");
    e = error_of("{\"object\":\"error\",\"message\":\"no such "
                 "model\",\"type\":\"NotFoundError\",\"code\":404}");
    CHECK_STR(e.code, "404");
    CHECK_STR(e.message, "no such model");
}

static void test_errors_nothing_found(void)
{
    static const char *const bodies[] = {"",
                                         "<html><h1>502</h1></html>",
                                         "[]",
                                         "{",
                                         "7",
                                         "null",
                                         "{\"detail\":7}",
                                         "{\"error\":[]}",
                                         "{\"error\":null}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct chat_error e = error_of(bodies[i]);
        CHECK_STR(e.code, "");
        CHECK_STR(e.message, "");
        CHECK(!e.quota);
    }
}

static void test_error_text_is_bounded_and_printable(void)
{
    struct chat_error e =
        error_of("{\"error\":{\"message\":\"a\\nb\",\"code\":"
                 "\"0123456789012345678901234567890123456789012345678901234567890123\"}}");
    CHECK_EQ(strlen(e.code), sizeof e.code - 1);
    CHECK_STR(e.message, "a b");
    char body[600] = "{\"error\":\"";
    size_t len = strlen(body);
    for (int i = 0; i < 150; i++, len += 2)
        memcpy(body + len, "\xC2\xAB", 2);
    memcpy(body + len, "\"}", 3);
    e = error_of(body);
    CHECK_EQ(strlen(e.message), sizeof e.message - 2); /* 199 would cut a character in two */
}

static void test_tokens(void)
{
    CHECK_EQ(chat_tokens_estimate("", 0), 0);
    CHECK_EQ(chat_tokens_estimate("a", 1), 1);
    const char *english = "The quick brown fox jumps over the lazy dog near the river bank.";
    uint32_t tokens = chat_tokens_estimate(english, strlen(english));
    CHECK(tokens >= 14 && tokens <= 20);
    const char *japanese = "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E";
    CHECK_EQ(chat_tokens_estimate(japanese, strlen(japanese)), 3);
    CHECK_EQ(chat_tokens_estimate("\xF0\x9F\x8E\xA7", 4), 2);
    CHECK(chat_tokens_estimate("\xF0\x9F", 2) > 0);
}

int main(void)
{
    RUN(test_request);
    RUN(test_request_refuses);
    RUN(test_plain);
    RUN(test_plain_broken);
    RUN(test_stream);
    RUN(test_stream_broken);
    RUN(test_usage_and_errors_in_results);
    RUN(test_answer_bounds);
    RUN(test_errors);
    RUN(test_errors_nothing_found);
    RUN(test_error_text_is_bounded_and_printable);
    RUN(test_tokens);
    return check_done();
}
