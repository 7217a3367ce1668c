#include "base/mem.h"
#include "server/message.h"
#include "tests/check.h"

static struct client_message *parse(const char *text)
{
    return client_message_parse(text, strlen(text));
}

#define START(rest) "{\"type\":\"session.start\",\"source\":\"en-US\",\"rate\":16000" rest "}"

static void expect_code(const char *text, const char *code)
{
    struct client_message *message = parse(text);
    CHECK_STR(message->code, code);
    CHECK(message->kind == CLIENT_BAD || message->kind == CLIENT_UNKNOWN);
    CHECK(message->problem[0] != '\0');
    client_message_free(message);
}

static void test_start(void)
{
    struct client_message *message =
        parse(START(",\"targets\":[\"es\",\"pt-BR\"],\"grammar\":false,\"stability\":\"high\","
                    "\"vocabulary\":[\"gRPC\"],\"glossary\":[{\"from\":\"a\",\"to\":\"b\",\"lang\":\"es\"}],"
                    "\"name\":\"Ana\",\"class\":\"A1\""));
    CHECK_EQ(message->kind, CLIENT_START);
    CHECK_STR(message->settings.source, "en-US");
    CHECK_EQ(message->settings.targets_len, 2);
    CHECK_STR(message->settings.targets[1], "pt-BR");
    CHECK_EQ(message->settings.rate, 16000);
    CHECK(!message->settings.grammar);
    CHECK(message->settings.partials);
    CHECK_EQ(message->settings.stability, STABILITY_HIGH);
    CHECK_EQ(message->settings.vocabulary_len, 1);
    CHECK_STR(message->settings.glossary[0].to, "b");
    CHECK_STR(message->settings.name, "Ana");
    CHECK(!message->resume.wanted);
    client_message_free(message);
}

static void test_defaults(void)
{
    struct client_message *message = parse(START(""));
    CHECK_EQ(message->kind, CLIENT_START);
    CHECK_EQ(message->settings.targets_len, 0);
    CHECK(message->settings.grammar && message->settings.partials);
    CHECK_EQ(message->settings.stability, STABILITY_MEDIUM);
    client_message_free(message);
}

static void test_wrong_values(void)
{
    expect_code("{\"type\":\"session.start\",\"source\":\"en-US\",\"rate\":7}", "unsupported_rate");
    expect_code("{\"type\":\"session.start\",\"source\":\"en-US\",\"rate\":\"x\"}", "bad_message");
    expect_code("{\"type\":\"session.start\",\"rate\":16000}", "bad_message");
    expect_code("{\"type\":\"session.start\",\"source\":\"English!\",\"rate\":16000}",
                "unsupported_language");
    expect_code(START(",\"targets\":[\"en-us\"]"), "unsupported_language");
    expect_code(START(",\"targets\":[\"es\",\"ES\"]"), "bad_message");
    expect_code(START(",\"targets\":\"es\""), "bad_message");
    expect_code(START(",\"grammar\":1"), "bad_message");
    expect_code(START(",\"stability\":\"huge\""), "bad_message");
    expect_code(START(",\"vocabulary\":[1]"), "bad_message");
    expect_code(START(",\"glossary\":[\"x\"]"), "bad_message");
    expect_code("{\"type\":\"audio.activity\",\"speaking\":true}", "bad_message");
}

static void test_too_many_targets(void)
{
    char text[2048] = START(",\"targets\":[\"aa\"");
    text[strlen(text) - 1] = '\0';
    for (int i = 0; i < 64; i++) {
        char item[16];
        snprintf(item, sizeof item, ",\"b%c\"", 'a' + i % 26);
        strncat(text, item, sizeof text - strlen(text) - 1);
    }
    strncat(text, "]}", sizeof text - strlen(text) - 1);
    expect_code(text, "too_many_targets");
}

static void test_garbage(void)
{
    expect_code("", "bad_message");
    expect_code("hello", "bad_message");
    expect_code("[]", "bad_message");
    expect_code("{}", "bad_message");
    expect_code("{\"type\":1}", "bad_message");
    expect_code("{\"type\":\"session.end\",\"type\":\"session.end\"}", "bad_message");
    expect_code("{\"type\":\"no.such\"}", "unknown_type");
    expect_code("\xff\xfe", "bad_message");
    expect_code("{\"type\":\"\xc3\"}", "bad_message");
}

static void test_deep(void)
{
    char *text = mem_alloc(30001);
    memset(text, '[', 10000);
    text[10000] = '\0';
    expect_code(text, "bad_message");
    for (int i = 0; i < 5000; i++)
        memcpy(text + i * 5, "{\"a\":", 5);
    text[25000] = '\0';
    expect_code(text, "bad_message");
    mem_free(text);
}

static void test_problem_stays_utf8(void)
{
    /* The detail is cut in the middle of a character; what is said must still be text. */
    char text[400] = "{\"type\":\"";
    for (int i = 0; i < 100; i++)
        strncat(text, "é", sizeof text - strlen(text) - 1);
    strncat(text, "\"}", sizeof text - strlen(text) - 1);
    struct client_message *message = parse(text);
    CHECK_EQ(message->kind, CLIENT_UNKNOWN);
    size_t len = strlen(message->problem);
    CHECK(len > 10 && (unsigned char)message->problem[len - 1] == 0xa9);
    client_message_free(message);
}

static void test_others(void)
{
    struct client_message *message = parse("{\"type\":\"audio.flush\",\"id\":\"f1\"}");
    CHECK_EQ(message->kind, CLIENT_FLUSH);
    CHECK_STR(message->flush_id, "f1");
    client_message_free(message);
    message = parse("{\"type\":\"audio.activity\",\"speaking\":true,\"audio_samples\":480}");
    CHECK_EQ(message->kind, CLIENT_ACTIVITY);
    CHECK(message->speaking);
    CHECK_EQ(message->audio_samples, 480);
    client_message_free(message);
    message = parse("{\"type\":\"session.update\",\"targets\":[]}");
    CHECK_EQ(message->kind, CLIENT_UPDATE);
    CHECK_EQ(message->settings.has, HAS_TARGETS);
    client_message_free(message);
}

static void test_languages(void)
{
    CHECK(language_tag_valid("es"));
    CHECK(language_tag_valid("zh-Hant-TW"));
    CHECK(language_tag_valid("es-419"));
    CHECK(!language_tag_valid("e"));
    CHECK(!language_tag_valid("english"));
    CHECK(!language_tag_valid("en_US"));
    CHECK(!language_tag_valid("en-"));
    CHECK(!language_tag_valid("12"));
    CHECK(language_same_base("en-US", "EN-gb"));
    CHECK(!language_same_base("en", "es"));
}

static void test_no_memory(void)
{
    for (unsigned n = 1; n < 4; n++) {
        mem_fail_nth(n);
        struct client_message *message = parse(START(",\"name\":\"x\""));
        mem_fail_nth(0);
        if (message != NULL)
            client_message_free(message);
        CHECK(n > 1 || message == NULL);
    }
}

int main(void)
{
    RUN(test_start);
    RUN(test_defaults);
    RUN(test_wrong_values);
    RUN(test_too_many_targets);
    RUN(test_garbage);
    RUN(test_deep);
    RUN(test_problem_stays_utf8);
    RUN(test_others);
    RUN(test_languages);
    RUN(test_no_memory);
    return check_done();
}
