/* The offline chat completions API over its own wire: what is answered, how it streams, what is
 * refused. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "local/chat.h"
#include "local/chat_codec.h"
#include "tests/check.h"
#include "tests/unit/h2_kit.h"
#include <jansson.h>

#define TRANSLATE "[sotto:translate v1 source=en-US target=es]\\nTranslate."
#define GRAMMAR   "[sotto:grammar v1 language=en-US]\\nCorrect."

static struct local_chat *chat;
static char dir[64], ca[96];
static bool translates, corrects;

static char *request(const char *extra, const char *system, const char *user)
{
    struct buf buf;
    buf_init(&buf, 1 << 20);
    buf_printf(
        &buf,
        "{\"model\":\"sotto-local\"%s,\"messages\":[{\"role\":\"system\",\"content\":\"%s\"},"
        "{\"role\":\"user\",\"content\":\"%s\"}]}",
        extra, system, user);
    size_t len;
    char *text = buf_take(&buf, &len);
    buf_deinit(&buf);
    return text;
}

static struct h2_kit *client(void)
{
    struct h2_kit *kit = h2_kit_open(local_chat_port(chat), ca, "localhost");
    if (kit == NULL)
        abort();
    return kit;
}

static struct h2_kit_stream *post(struct h2_kit *kit, const char *body)
{
    return h2_kit_request(kit, "POST", "/v1/chat/completions", body, strlen(body));
}

static json_t *at(json_t *root, const char *path)
{
    char part[32];
    while (root != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)len, path);
        root = part[0] >= '0' && part[0] <= '9'
                   ? json_array_get(root, (size_t)strtoul(part, NULL, 10))
                   : json_object_get(root, part);
        path += len + (path[len] == '.');
    }
    return root;
}

static const char *text_at(json_t *root, const char *path)
{
    const char *text = json_string_value(at(root, path));
    return text != NULL ? text : "";
}

static void test_models(void)
{
    struct h2_kit *kit = client();
    struct h2_kit_stream *models = h2_kit_request(kit, "GET", "/v1/models?limit=5", NULL, 0);
    CHECK(h2_kit_finish(kit));
    CHECK_EQ(models->status, 200);
    json_t *root = json_loads(models->body, 0, NULL);
    CHECK_STR(text_at(root, "object"), "list");
    CHECK_STR(text_at(root, "data.0.id"), "sotto-local");
    json_decref(root);
    h2_kit_close(kit);
}

static void test_translation(void)
{
    char *body = request("", TRANSLATE, "where is the red house?");
    struct h2_kit *kit = client();
    struct h2_kit_stream *stream = post(kit, body);
    CHECK(h2_kit_finish(kit));
    CHECK_EQ(stream->status, 200);
    CHECK_STR(stream->type, "application/json");
    json_t *root = json_loads(stream->body, 0, NULL);
    CHECK_STR(text_at(root, "object"), "chat.completion");
    CHECK_STR(text_at(root, "model"), "sotto-local");
    CHECK_STR(text_at(root, "choices.0.message.role"), "assistant");
    CHECK(strstr(text_at(root, "choices.0.message.content"), "casa roja") != NULL);
    CHECK(json_is_null(at(root, "choices.0.message.refusal")));
    CHECK_STR(text_at(root, "choices.0.finish_reason"), "stop");
    json_int_t prompt = json_integer_value(at(root, "usage.prompt_tokens"));
    json_int_t completion = json_integer_value(at(root, "usage.completion_tokens"));
    CHECK(prompt > 10 && completion > 3);
    CHECK_EQ(json_integer_value(at(root, "usage.total_tokens")), prompt + completion);
    CHECK(strncmp(text_at(root, "id"), "chatcmpl-", 9) == 0);
    json_decref(root);
    h2_kit_close(kit);
    mem_free(body);
}

struct streamed {
    char text[512];
    unsigned events, usages, roles;
    char finish[16];
    bool done, nulls;
};

static void event_read(struct streamed *out, const char *data, size_t len)
{
    json_t *root = json_loadb(data, len, 0, NULL);
    CHECK(root != NULL);
    CHECK_STR(text_at(root, "object"), "chat.completion.chunk");
    out->events++;
    out->roles += strcmp(text_at(root, "choices.0.delta.role"), "assistant") == 0;
    strncat(out->text, text_at(root, "choices.0.delta.content"),
            sizeof out->text - strlen(out->text) - 1);
    if (text_at(root, "choices.0.finish_reason")[0] != '\0')
        snprintf(out->finish, sizeof out->finish, "%s", text_at(root, "choices.0.finish_reason"));
    out->usages += json_is_object(at(root, "usage"));
    out->nulls = out->nulls || json_is_null(at(root, "usage"));
    json_decref(root);
}

static struct streamed stream_read(const char *body)
{
    struct streamed out = {0};
    while (*body != '\0') {
        const char *end = strstr(body, "\n\n");
        CHECK(end != NULL && strncmp(body, "data: ", 6) == 0);
        if (end == NULL)
            break;
        CHECK(!out.done);
        if (strncmp(body + 6, "[DONE]", 6) == 0)
            out.done = true;
        else
            event_read(&out, body + 6, (size_t)(end - body - 6));
        body = end + 2;
    }
    return out;
}

static void test_stream(void)
{
    char *with = request(",\"stream\":true,\"stream_options\":{\"include_usage\":true}", TRANSLATE,
                         "the red house is big.");
    char *without = request(",\"stream\":true", TRANSLATE, "the red house is big.");
    char *cut =
        request(",\"stream\":true,\"max_completion_tokens\":3", TRANSLATE, "the red house is big.");
    struct h2_kit *kit = client();
    struct h2_kit_stream *a = post(kit, with), *b = post(kit, without), *c = post(kit, cut);
    CHECK(h2_kit_finish(kit));
    CHECK_STR(a->type, "text/event-stream");
    struct streamed out = stream_read(a->body);
    CHECK_STR(out.text, "La casa roja es grande.");
    CHECK_EQ(out.roles, 1);
    CHECK_EQ(out.events, 1 + 5 + 1 + 1);
    CHECK_STR(out.finish, "stop");
    CHECK_EQ(out.usages, 1);
    CHECK(out.nulls && out.done);
    out = stream_read(b->body);
    CHECK_EQ(out.usages, 0);
    CHECK(!out.nulls && out.done);
    out = stream_read(c->body);
    CHECK_STR(out.finish, "length");
    CHECK_STR(out.text, "La casa roja");
    h2_kit_close(kit);
    mem_free(with);
    mem_free(without);
    mem_free(cut);
}

static void test_grammar(void)
{
    char *body = request(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":"
                         "\"x\",\"schema\":{}}}",
                         GRAMMAR, "she have two cats");
    struct h2_kit *kit = client();
    struct h2_kit_stream *stream = post(kit, body);
    CHECK(h2_kit_finish(kit));
    json_t *root = json_loads(stream->body, 0, NULL);
    json_t *content = json_loads(text_at(root, "choices.0.message.content"), 0, NULL);
    CHECK_STR(text_at(content, "corrected"), "she has two cats");
    CHECK_STR(text_at(content, "edits.0.kind"), "agreement");
    json_decref(content);
    json_decref(root);
    h2_kit_close(kit);
    mem_free(body);
}

static void test_grammar_in_spanish(void)
{
    char *body = request("", "[sotto:grammar v1 language=en-US explain=es-ES]\\nCorrect.",
                         "she have two cats");
    struct h2_kit *kit = client();
    struct h2_kit_stream *stream = post(kit, body);
    CHECK(h2_kit_finish(kit));
    json_t *root = json_loads(stream->body, 0, NULL);
    json_t *content = json_loads(text_at(root, "choices.0.message.content"), 0, NULL);
    CHECK_STR(text_at(content, "edits.0.message"), "Con 'she' se usa 'has', no 'have'.");
    json_decref(content);
    json_decref(root);
    h2_kit_close(kit);
    mem_free(body);
}

struct refusal {
    const char *body;
    const char *says;
};

#define MESSAGES(system)                                                                           \
    "\"messages\":[{\"role\":\"system\",\"content\":\"" system                                     \
    "\"},{\"role\":\"user\",\"content\":\"x\"}]"

static const struct refusal refusals[] = {
    {"", "not a JSON object"},
    {"{", "not a JSON object"},
    {"[1]", "not a JSON object"},
    {"\xff", "not a JSON object"},
    {"{\"messages\":[]}", "model"},
    {"{\"model\":\"m\"}", "messages"},
    {"{\"model\":\"m\",\"messages\":[]}", "messages"},
    {"{\"model\":\"m\",\"messages\":[1]}", "role"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}", "text content"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]}",
     "text content"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
     "[sotto:translate v1"},
    {"{\"model\":\"m\"," MESSAGES("You are a poet.") "}", "[sotto:translate v1"},
    {"{\"model\":\"m\"," MESSAGES("[sotto:translate v1 source=en]") "}", "[sotto:translate v1"},
    {"{\"model\":\"m\"," MESSAGES("[sotto:translate v1 source=en target=../x]") "}",
     "[sotto:translate v1"},
    {"{\"model\":\"m\"," MESSAGES("[sotto:translate v2 source=en target=es]") "}",
     "[sotto:translate v1"},
    {"{\"model\":\"m\"," MESSAGES("[sotto:translate v1 source=en target=tlh]") "}", "Installed: "},
    {"{\"model\":\"m\",\"n\":2," MESSAGES("[sotto:grammar v1 language=en]") "}", "n must be 1"},
    {"{\"model\":\"m\",\"stream\":1," MESSAGES("[sotto:grammar v1 language=en]") "}", "stream"},
    {"{\"model\":\"m\",\"max_tokens\":0," MESSAGES("[sotto:grammar v1 language=en]") "}",
     "token limit"},
    {"{\"model\":\"m\",\"response_format\":{\"type\":\"xml\"}," MESSAGES(
         "[sotto:grammar v1 language=en]") "}",
     "response_format"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"[sotto:grammar v1 "
     "language=en]\"}]}",
     "no user message"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\\u0000b\"}]}",
     "not a JSON object"},
};

static void test_refusals(void)
{
    struct h2_kit *kit = client();
    size_t len = sizeof refusals / sizeof refusals[0];
    for (size_t i = 0; i < len; i++)
        post(kit, refusals[i].body);
    CHECK(h2_kit_finish(kit));
    for (size_t i = 0; i < len; i++) {
        json_t *root = json_loads(kit->streams[i].body, 0, NULL);
        CHECK_EQ(kit->streams[i].status, 400);
        CHECK_STR(text_at(root, "error.type"), "invalid_request_error");
        CHECK(strstr(text_at(root, "error.message"), refusals[i].says) != NULL);
        json_decref(root);
    }
    h2_kit_close(kit);
}

static void test_paths(void)
{
    static char huge[70000];
    memset(huge, ' ', sizeof huge);
    struct h2_kit *kit = client();
    struct h2_kit_stream *none = h2_kit_request(kit, "GET", "/", NULL, 0);
    struct h2_kit_stream *near_by = h2_kit_request(kit, "POST", "/v1/chat/completionsx", "{}", 2);
    struct h2_kit_stream *get = h2_kit_request(kit, "GET", "/v1/chat/completions", NULL, 0);
    struct h2_kit_stream *remove = h2_kit_request(kit, "DELETE", "/v1/models", NULL, 0);
    struct h2_kit_stream *large =
        h2_kit_request(kit, "POST", "/v1/chat/completions", huge, sizeof huge);
    CHECK(h2_kit_finish(kit));
    CHECK_EQ(none->status, 404);
    CHECK_EQ(near_by->status, 404);
    CHECK_EQ(get->status, 405);
    CHECK_EQ(remove->status, 405);
    CHECK_EQ(large->status, 413);
    json_t *root = json_loads(large->body, 0, NULL);
    CHECK_STR(text_at(root, "error.type"), "invalid_request_error");
    json_decref(root);
    h2_kit_close(kit);
}

/* A thousand at once on one connection: each is answered with its own text, or told to come again.
 */
static void test_many(void)
{
    static char *bodies[1000];
    struct h2_kit *kit = client();
    for (unsigned i = 0; i < 1000; i++) {
        char text[64];
        snprintf(text, sizeof text, "number %u is red.", i);
        bodies[i] =
            request(i % 2 != 0 ? ",\"stream\":true" : "", i % 3 != 0 ? TRANSLATE : GRAMMAR, text);
        post(kit, bodies[i]);
    }
    int64_t begin_us = clock_mono_us();
    CHECK(h2_kit_finish(kit));
    int64_t took_us = clock_mono_us() - begin_us;
    unsigned answered = 0, later = 0;
    for (unsigned i = 0; i < 1000; i++) {
        char own[16];
        struct h2_kit_stream *stream = &kit->streams[i];
        snprintf(own, sizeof own, "%u", i);
        if (stream->status == 200)
            answered += strstr(stream->body, own) != NULL;
        later += stream->status == 429 && strcmp(stream->retry_after, "1") == 0;
        mem_free(bodies[i]);
    }
    fprintf(stderr, "%u answered, %u told to come again, %lld us each\n", answered, later,
            (long long)took_us / 1000);
    CHECK_EQ(answered + later, 1000);
    CHECK(answered > 500);
    h2_kit_close(kit);
}

/* Half of the requests are given up in the middle; the others are answered. */
static void test_resets(void)
{
    char *body = request("", TRANSLATE, "the house is red.");
    struct h2_kit *kit = client();
    for (unsigned i = 0; i < 90; i++)
        post(kit, body);
    h2_kit_turn(kit);
    for (unsigned i = 0; i < 90; i += 2) {
        if (!kit->streams[i].closed)
            nghttp2_submit_rst_stream(kit->session, 0, kit->streams[i].id, NGHTTP2_CANCEL);
    }
    CHECK(h2_kit_finish(kit));
    for (unsigned i = 1; i < 90; i += 2)
        CHECK_EQ(kit->streams[i].status, 200);
    h2_kit_close(kit);
    mem_free(body);
}

/* More slow work than may wait: what is over is told at once, and what nobody waits for any more is
 * not done. */
static void test_full_queue(void)
{
    struct buf text;
    buf_init(&text, 4096);
    /* A hundred of them fit the connection's window. */
    for (unsigned i = 0; i < 4; i++)
        buf_puts(&text,
                 "i car goes the blue quickly of been and he them was to sing under it why so. ");
    char *body = request("", GRAMMAR, text.data);
    struct h2_kit *kits[5];
    unsigned later = 0;
    for (unsigned k = 0; k < 5; k++) {
        kits[k] = client();
        for (unsigned i = 0; i < 100; i++)
            post(kits[k], body);
        CHECK(h2_kit_send(kits[k]));
    }
    /* The last connection's requests found the queue full, or wait at its end. */
    while (later == 0 && h2_kit_turn(kits[4])) {
        for (unsigned i = 0; i < 100; i++)
            later += kits[4]->streams[i].status == 429;
    }
    CHECK(later > 0);
    for (unsigned k = 0; k < 5; k++)
        h2_kit_close(kits[k]);
    char *quick = request("", GRAMMAR, "she have two cats");
    struct h2_kit *kit = client();
    struct h2_kit_stream *stream = post(kit, quick);
    int64_t begin_us = clock_mono_us();
    while (h2_kit_finish(kit) && stream->status == 429)
        stream = post(kit, quick);
    CHECK_EQ(stream->status, 200);
    CHECK(clock_mono_us() - begin_us < 5000000);
    h2_kit_close(kit);
    mem_free(quick);
    mem_free(body);
    buf_deinit(&text);
}

static void test_start_failures(void)
{
    struct local_chat *other = NULL;
    struct local_chat_config config = {
        .host = "127.0.0.1", .port = local_chat_port(chat), .cert_dir = dir};
    config.cert_dir = "/proc/nowhere";
    config.port = 0;
    CHECK_EQ(local_chat_start(&other, &config), STATUS_IO);
    config.host = "example.org";
    CHECK_EQ(local_chat_start(&other, &config), STATUS_INVALID);
    CHECK(other == NULL);
}

static void test_codec_texts(void)
{
    struct local_chat_question question = {0};
    struct local_chat_fault fault;
    const char *parts =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"developer\",\"content\":[{\"type\":\"text\","
        "\"text\":"
        "\"[sotto:translate v1 \"},{\"type\":\"text\",\"text\":\"source=en target=es-MX]\"}]},"
        "{\"role\":\"user\",\"content\":\"first\"},{\"role\":\"assistant\",\"content\":\"x\"},"
        "{\"role\":\"user\",\"content\":\"last\"}],\"temperature\":0}";
    CHECK_EQ(local_chat_question_read(parts, strlen(parts), &question, &fault), 0);
    CHECK_STR(question.text, "last");
    CHECK_STR(question.target, "es-MX");
    CHECK_EQ(question.kind, LOCAL_CHAT_TRANSLATE);
    local_chat_question_deinit(&question);
    CHECK_EQ(local_chat_text_tokens("", 0), 0);
    CHECK_EQ(local_chat_text_tokens("four", 4), 1);
    CHECK_EQ(local_chat_text_tokens("\xe6\x97\xa5\xe6\x9c\xac", 6), 1);
}

/* The engines start behind the listening socket; what is not installed is not tested. */
static void probe(void)
{
    char *a = request("", TRANSLATE, "hello"), *b = request("", GRAMMAR, "hello");
    struct h2_kit *kit = client();
    struct h2_kit_stream *one = post(kit, a), *two = post(kit, b);
    CHECK(h2_kit_finish(kit));
    translates = one->status == 200;
    corrects = two->status == 200;
    CHECK(translates || one->status == 400);
    CHECK(corrects || two->status == 503);
    h2_kit_close(kit);
    mem_free(a);
    mem_free(b);
}

int main(void)
{
    snprintf(dir, sizeof dir, "/tmp/test_local_chat.XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
    snprintf(ca, sizeof ca, "%s/cert.pem", dir);
    int64_t begin_us = clock_mono_us();
    if (local_chat_start(&chat,
                         &(struct local_chat_config){.host = "localhost", .cert_dir = dir}) != 0)
        abort();
    fprintf(stderr, "started in %lld us\n", (long long)(clock_mono_us() - begin_us));
    RUN(probe);
    fprintf(stderr, "engines ready after %lld us, RSS %zu MB\n",
            (long long)(clock_mono_us() - begin_us), mem_rss() >> 20);
    RUN(test_models);
    RUN(test_refusals);
    RUN(test_paths);
    RUN(test_codec_texts);
    RUN(test_start_failures);
    if (corrects) {
        RUN(test_grammar);
        RUN(test_grammar_in_spanish);
        RUN(test_full_queue);
    }
    if (translates) {
        RUN(test_translation);
        RUN(test_stream);
        RUN(test_resets);
    }
    if (translates && corrects)
        RUN(test_many);
    fprintf(stderr, "RSS %zu MB\n", mem_rss() >> 20);
    local_chat_stop(chat);
    unlink(ca);
    rmdir(dir);
    return check_done();
}
