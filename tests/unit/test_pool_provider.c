/* Each provider's side of the interface: where requests go, what they say, how answers and errors
 * are read, what it calls a language. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "pool/chat.h"
#include "pool/chat_provider.h"
#include "pool/limits.h"
#include "pool/retry.h"
#include "tests/check.h"
#include <jansson.h>

static void check_url(const struct chat_account *account, const char *url, const char *probe)
{
    struct buf out;
    buf_init(&out, 1024);
    CHECK_EQ(chat_provider_url(account, false, &out), STATUS_OK);
    CHECK_STR(out.data, url);
    buf_reset(&out);
    CHECK_EQ(chat_provider_url(account, true, &out), STATUS_OK);
    CHECK_STR(out.data, probe);
    buf_deinit(&out);
}

static void test_urls(void)
{
    static const struct chat_provider *const compatible[] = {NULL, &chat_openai, &chat_vllm,
                                                             &chat_ollama, &chat_llama_cpp};
    for (size_t i = 0; i < 5; i++)
        check_url(&(struct chat_account){.provider = compatible[i], .url = "https://h/v1"},
                  "https://h/v1/chat/completions", "https://h/v1/models");
    check_url(&(struct chat_account){.provider = &chat_azure, .url = "https://n.openai.azure.com"},
              "https://n.openai.azure.com/openai/v1/chat/completions",
              "https://n.openai.azure.com/openai/v1/models");
    check_url(&(struct chat_account){.provider = &chat_azure,
                                     .url = "https://n.openai.azure.com",
                                     .deployment = "fast-4o.mini_2",
                                     .api_version = "2024-10-21"},
              "https://n.openai.azure.com/openai/deployments/fast-4o.mini_2/chat/completions"
              "?api-version=2024-10-21",
              "https://n.openai.azure.com/openai/models?api-version=2024-10-21");
    check_url(&(struct chat_account){.provider = &chat_deepl, .url = "https://api.deepl.com"},
              "https://api.deepl.com/v2/translate", "https://api.deepl.com/v2/usage");
    check_url(&(struct chat_account){.provider = &chat_deepl_write, .url = "https://api.deepl.com"},
              "https://api.deepl.com/v2/write/correct", "https://api.deepl.com/v2/usage");
    check_url(&(struct chat_account){.provider = &chat_libretranslate, .url = "http://localhost:5"},
              "http://localhost:5/translate", "http://localhost:5/languages");
}

static void test_urls_refused(void)
{
    struct buf out;
    buf_init(&out, 1024);
    struct chat_account account = {
        .provider = &chat_azure, .url = "https://n", .deployment = "a/../b", .api_version = "1"};
    CHECK_EQ(chat_provider_url(&account, false, &out), STATUS_INVALID);
    account.deployment = "a";
    account.api_version = "1&x=y";
    CHECK_EQ(chat_provider_url(&account, false, &out), STATUS_INVALID);
    account.api_version = "";
    CHECK_EQ(chat_provider_url(&account, false, &out), STATUS_INVALID);
    buf_deinit(&out);
}

/* `expected`: the headers, one a line. */
static void check_headers(const struct chat_account *account, const char *expected)
{
    struct buf all;
    buf_init(&all, 1024);
    buf_puts(&all, "");
    int status = STATUS_OK;
    for (unsigned i = 0; status == STATUS_OK; i++) {
        struct buf line;
        buf_init(&line, 256);
        status = chat_provider_header(account, i, &line);
        if (status == STATUS_OK)
            buf_printf(&all, "%s\n", line.data);
        buf_deinit(&line);
    }
    CHECK_EQ(status, STATUS_NOT_FOUND);
    CHECK_STR(all.len > 0 ? all.data : "", expected);
    buf_deinit(&all);
}

static void test_headers(void)
{
    check_headers(&(struct chat_account){.key = "k", .organization = "o"},
                  "Authorization: Bearer k\nOpenAI-Organization: o\n");
    check_headers(&(struct chat_account){.organization = "o"}, "OpenAI-Organization: o\n");
    check_headers(&(struct chat_account){.key = "", .organization = ""}, "");
    check_headers(&(struct chat_account){.provider = &chat_azure, .key = "k"}, "api-key: k\n");
    check_headers(&(struct chat_account){.provider = &chat_deepl, .key = "k:fx"},
                  "Authorization: DeepL-Auth-Key k:fx\n");
    check_headers(&(struct chat_account){.provider = &chat_deepl_write, .key = "k"},
                  "Authorization: DeepL-Auth-Key k\n");
    /* Its key is in the body and must be nowhere else. */
    check_headers(&(struct chat_account){.provider = &chat_libretranslate, .key = "k"}, "");
    struct buf out;
    buf_init(&out, 256);
    struct chat_account split = {.key = "k\r\nX-Other: 1"};
    CHECK_EQ(chat_provider_header(&split, 0, &out), STATUS_INVALID);
    buf_deinit(&out);
}

static void check_body(const struct chat_request *request, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    CHECK_EQ(chat_request_write(request, &out), STATUS_OK);
    CHECK_STR(out.data, expected);
    json_t *root = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
    CHECK(root != NULL);
    json_decref(root);
    buf_deinit(&out);
}

static void check_refused(const struct chat_request *request, int expected)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    CHECK_EQ(chat_request_write(request, &out), expected);
    buf_deinit(&out);
}

static void test_compatible_body(void)
{
    struct chat_api api = {.provider = &chat_ollama};
    struct chat_request request = {
        .api = &api, .model = "m", .system = "Do.", .user = "hi", .max_tokens = 7};
    check_body(&request, "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"Do.\"},"
                         "{\"role\":\"user\",\"content\":\"hi\"}],\"temperature\":0,"
                         "\"max_tokens\":7}");
    api = (struct chat_api){.provider = &chat_azure,
                            .max_tokens_field = "",
                            .system_role = "developer",
                            .reasoning_effort = "minimal",
                            .no_temperature = true};
    check_body(&request,
               "{\"model\":\"m\",\"messages\":[{\"role\":\"developer\",\"content\":\"Do.\"},"
               "{\"role\":\"user\",\"content\":\"hi\"}],\"reasoning_effort\":\"minimal\","
               "\"max_completion_tokens\":7}");
    /* A template that knows no system message, and a field of the configuration. */
    api = (struct chat_api){
        .provider = &chat_vllm, .max_tokens_field = "n_predict", .system_role = "user"};
    check_body(&request,
               "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Do.\\n\\nhi\"}],"
               "\"temperature\":0,\"n_predict\":7}");
    /* The instructions are not told twice, and languages mean nothing here. */
    request.source = "en";
    request.target = "es";
    request.system = NULL;
    check_body(&request, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
                         "\"temperature\":0,\"n_predict\":7}");
}

static void test_deepl_body(void)
{
    struct chat_api api = {.provider = &chat_deepl, .key = "secret"};
    struct chat_request request = {.api = &api,
                                   .model = "latency_optimized",
                                   .system = "Never sent.",
                                   .user = "Say \"hi\"",
                                   .source = "en-AU",
                                   .target = "pt-BR",
                                   .max_tokens = 7};
    check_body(&request,
               "{\"text\":[\"Say \\\"hi\\\"\"],\"source_lang\":\"EN\",\"target_lang\":\"PT-BR\","
               "\"model_type\":\"latency_optimized\",\"split_sentences\":\"0\","
               "\"preserve_formatting\":true,\"show_billed_characters\":true}");
    request.model = "";
    request.context = "Before.";
    api.glossary = "g-1";
    check_body(&request,
               "{\"text\":[\"Say \\\"hi\\\"\"],\"source_lang\":\"EN\",\"target_lang\":\"PT-BR\","
               "\"context\":\"Before.\",\"glossary_id\":\"g-1\",\"split_sentences\":\"0\","
               "\"preserve_formatting\":true,\"show_billed_characters\":true}");
    request.target = "tlh";
    check_refused(&request, STATUS_UNSUPPORTED);
    request.target = NULL;
    check_refused(&request, STATUS_INVALID);
    request.target = "es";
    request.context = "\xC3(";
    check_refused(&request, STATUS_INVALID);
}

static void test_deepl_write_body(void)
{
    struct chat_api api = {.provider = &chat_deepl_write};
    struct chat_request request = {
        .api = &api, .model = "", .user = "She go.", .source = "en-GB", .system = "Never sent."};
    check_body(&request, "{\"text\":[\"She go.\"],\"target_lang\":\"en-GB\"}");
    /* Turning one variant into another is not a correction. */
    request.source = "en-AU";
    check_body(&request, "{\"text\":[\"She go.\"]}");
    request.source = "fr-CA";
    check_body(&request, "{\"text\":[\"She go.\"],\"target_lang\":\"fr\"}");
    request.source = "ru";
    check_refused(&request, STATUS_UNSUPPORTED);
}

static void test_libretranslate_body(void)
{
    struct chat_api api = {.provider = &chat_libretranslate, .key = "k\"1"};
    struct chat_request request = {.api = &api,
                                   .model = "",
                                   .user = "hi",
                                   .system = "Never sent.",
                                   .source = "en-US",
                                   .target = "zh-TW"};
    check_body(&request, "{\"q\":\"hi\",\"source\":\"en\",\"target\":\"zt\",\"format\":\"text\","
                         "\"api_key\":\"k\\\"1\"}");
    api.key = "";
    request.target = "nb-NO";
    check_body(&request, "{\"q\":\"hi\",\"source\":\"en\",\"target\":\"nb\",\"format\":\"text\"}");
    request.target = "tlh";
    check_refused(&request, STATUS_UNSUPPORTED);
}

static void test_costs(void)
{
    struct chat_api api = {.provider = &chat_openai};
    struct chat_request request = {
        .api = &api, .user = "\u00e9t\u00e9", .system = "system", .max_tokens = 100};
    uint32_t prompt = chat_tokens_estimate("system", 6) + chat_tokens_estimate("\u00e9t\u00e9", 5);
    CHECK_EQ(chat_request_cost(&request), prompt + 100);
    request.max_tokens = UINT32_MAX;
    CHECK_EQ(chat_request_cost(&request), UINT32_MAX);
    /* Characters of the text are billed, nothing else. */
    api.provider = &chat_deepl;
    CHECK_EQ(chat_request_cost(&request), 3);
}

static void expect(const struct chat_provider *provider, const char *body, int status,
                   const char *text)
{
    struct chat_reader *reader = chat_provider_reader(provider, false);
    struct chat_result result;
    size_t len = strlen(body);
    for (size_t split = 0; split <= len; split++) {
        chat_reader_feed(reader, body, split);
        chat_reader_feed(reader, body + split, len - split);
        CHECK_EQ(chat_reader_end(reader), status);
        chat_reader_result(reader, &result);
        CHECK_STR(result.text, text);
        chat_reader_reset(reader);
    }
    chat_reader_destroy(reader);
}

static void test_answers(void)
{
    expect(&chat_deepl,
           "{\"translations\":[{\"detected_source_language\":\"EN\",\"text\":\"Hola \\u00e9\","
           "\"billed_characters\":12}]}",
           STATUS_OK, "Hola \u00e9");
    expect(&chat_deepl_write,
           "{\"improvements\":[{\"detected_source_language\":\"en\",\"target_language\":\"en-GB\","
           "\"text\":\"She goes.\"}]}",
           STATUS_OK, "She goes.");
    expect(&chat_libretranslate, "{\"translatedText\":\"Hola\",\"alternatives\":[]}", STATUS_OK,
           "Hola");
    expect(&chat_azure,
           "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hola\"},\"finish_reason\":"
           "\"stop\",\"content_filter_results\":{}}],\"prompt_filter_results\":[]}",
           STATUS_OK, "Hola");
}

static void test_answers_broken(void)
{
    static const struct chat_provider *const own[] = {&chat_deepl, &chat_deepl_write,
                                                      &chat_libretranslate};
    for (size_t i = 0; i < 3; i++) {
        expect(own[i], "", STATUS_TRUNCATED, "");
        expect(own[i], "{}", STATUS_PROTOCOL, "");
        expect(own[i], "[]", STATUS_PROTOCOL, "");
        expect(own[i], "<html>", STATUS_PROTOCOL, "");
        expect(own[i], "{\"error\":\"down\"}", STATUS_UNAVAILABLE, "");
        /* What another API would say. */
        expect(own[i],
               "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hola\"},"
               "\"finish_reason\":\"stop\"}]}",
               STATUS_PROTOCOL, "");
    }
    expect(&chat_deepl, "{\"translations\":[]}", STATUS_PROTOCOL, "");
    expect(&chat_deepl, "{\"translations\":[{\"text\":\"a\"},{\"text\":\"b\"}]}", STATUS_PROTOCOL,
           "");
    expect(&chat_deepl, "{\"translations\":[{\"text\":7}]}", STATUS_PROTOCOL, "");
    expect(&chat_deepl, "{\"translations\":[{\"text\":\"Ho", STATUS_TRUNCATED, "");
    expect(&chat_libretranslate, "{\"translatedText\":[\"a\"]}", STATUS_PROTOCOL, "");
    expect(&chat_libretranslate, "{\"translatedText\":null}", STATUS_PROTOCOL, "");
    expect(&chat_deepl, "{\"translations\":[{\"text\":\"a\\u0000b\"}]}", STATUS_PROTOCOL, "");
}

static void test_usage(void)
{
    static const char body[] = "{\"translations\":[{\"text\":\"Hola\",\"billed_characters\":12}]}";
    struct chat_reader *reader = chat_provider_reader(&chat_deepl, false);
    struct chat_result result;
    chat_reader_feed(reader, body, sizeof body - 1);
    CHECK_EQ(chat_reader_end(reader), STATUS_OK);
    chat_reader_result(reader, &result);
    CHECK_EQ(result.prompt_tokens, 12);
    CHECK_EQ(result.completion_tokens, 0);
    /* A second answer does not count the first one's. */
    chat_reader_reset(reader);
    chat_reader_feed(reader, "{\"translations\":[{\"text\":\"a\",\"billed_characters\":-4}]}", 54);
    CHECK_EQ(chat_reader_end(reader), STATUS_OK);
    chat_reader_result(reader, &result);
    CHECK_EQ(result.prompt_tokens, 0);
    chat_reader_destroy(reader);
}

static void test_answer_too_long(void)
{
    struct buf body;
    buf_init(&body, CHAT_BODY_MAX);
    buf_puts(&body, "{\"translatedText\":\"");
    for (int i = 0; i <= CHAT_ANSWER_MAX; i++)
        buf_putc(&body, 'a');
    buf_puts(&body, "\"}");
    struct chat_reader *reader = chat_provider_reader(&chat_libretranslate, false);
    chat_reader_feed(reader, body.data, body.len);
    CHECK_EQ(chat_reader_end(reader), STATUS_LIMIT);
    chat_reader_destroy(reader);
    buf_deinit(&body);
}

/* What an error means: whether it is tried again, and as what it is reported. */
static void check_error(const struct chat_provider *provider, int http_status, const char *body,
                        enum retry_fault fault)
{
    struct chat_error error;
    chat_provider_error(provider, http_status, body, strlen(body), &error);
    CHECK_EQ(retry_fault_of(http_status, &error), fault);
}

static void test_errors(void)
{
    static const char message[] = "{\"message\":\"Quota for this billing period exceeded\"}";
    check_error(&chat_deepl, 456, message, RETRY_QUOTA);
    check_error(&chat_deepl, 456, "", RETRY_QUOTA);
    check_error(&chat_deepl_write, 456, "<html>", RETRY_QUOTA);
    check_error(&chat_deepl, 429, "{\"message\":\"Too many requests\"}", RETRY_RATE);
    check_error(&chat_deepl, 529, "", RETRY_OVERLOADED);
    check_error(&chat_deepl, 403, "{\"message\":\"Forbidden\"}", RETRY_REFUSED);
    check_error(&chat_deepl, 500, "", RETRY_SERVER);
    /* Elsewhere the number says nothing. */
    check_error(&chat_openai, 456, message, RETRY_REFUSED);
    check_error(NULL, 456, message, RETRY_REFUSED);
    check_error(&chat_libretranslate, 429, "{\"error\":\"Slowdown: 80 per 1 minute\"}", RETRY_RATE);
    check_error(&chat_libretranslate, 400, "{\"error\":\"xx is not supported\"}", RETRY_REFUSED);
    check_error(&chat_libretranslate, 403, "{\"error\":\"Invalid API key\"}", RETRY_REFUSED);
    check_error(&chat_vllm, 400, "{\"object\":\"error\",\"message\":\"m\",\"code\":400}",
                RETRY_REFUSED);
    check_error(&chat_llama_cpp, 503,
                "{\"error\":{\"code\":503,\"message\":\"Loading model\","
                "\"type\":\"unavailable_error\"}}",
                RETRY_OVERLOADED);
    check_error(&chat_openai, 402, "{\"error\":{\"code\":\"insufficient_quota\"}}", RETRY_QUOTA);
    struct chat_error error;
    chat_provider_error(&chat_deepl, 456, message, strlen(message), &error);
    CHECK_STR(error.code, "quota_exceeded");
    CHECK_STR(error.message, "Quota for this billing period exceeded");
    CHECK(!retry_helps(RETRY_QUOTA, &(struct retry_hints){.should_retry = 1}));
}

static const char *code_of(const struct chat_provider *provider, bool target, const char *tag)
{
    static char code[CHAT_LANGUAGE_BYTES];
    return chat_provider_language(provider, target, tag, code) == STATUS_OK ? code : "?";
}

static void test_languages(void)
{
    static const struct {
        const char *tag, *source, *target, *libre, *written;
    } cases[] = {
        {"en", "EN", "EN-US", "en", ""},
        {"en-US", "EN", "EN-US", "en", "en-US"},
        {"EN-gb", "EN", "EN-GB", "en", "en-GB"},
        {"en-ZA", "EN", "EN-GB", "en", ""},
        {"es-MX", "ES", "ES-419", "es", "es"},
        {"es-ES", "ES", "ES", "es", "es"},
        {"pt", "PT", "PT-BR", "pt", ""},
        {"pt-PT", "PT", "PT-PT", "pt", "pt-PT"},
        {"pt-BR", "PT", "PT-BR", "pb", "pt-BR"},
        {"zh", "ZH", "ZH-HANS", "zh", "zh"},
        {"zh-CN", "ZH", "ZH-HANS", "zh", "zh"},
        {"zh-Hant-TW", "ZH", "ZH-HANT", "zt", "zh"},
        {"zh-HK", "ZH", "ZH-HANT", "zt", "zh"},
        {"no", "NB", "NB", "nb", "?"},
        {"de-AT", "DE", "DE", "de", "de"},
        {"hi", "?", "?", "hi", "?"},
        {"tlh", "?", "?", "?", "?"},
        {"e", "?", "?", "?", "?"},
        {"enx", "?", "?", "?", "?"},
        {"", "?", "?", "?", "?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_STR(code_of(&chat_deepl, false, cases[i].tag), cases[i].source);
        CHECK_STR(code_of(&chat_deepl, true, cases[i].tag), cases[i].target);
        CHECK_STR(code_of(&chat_libretranslate, true, cases[i].tag), cases[i].libre);
        CHECK_STR(code_of(&chat_deepl_write, false, cases[i].tag), cases[i].written);
    }
    CHECK_STR(code_of(&chat_openai, true, "x-any"), "x-any");
}

#define UNSUPPORTED(param)                                                                         \
    "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"param\":\"" param          \
    "\",\"code\":\"unsupported_parameter\"}}"

/* What was learnt of an error with this body. */
static bool learn(const struct chat_api *api, int http_status, const char *body, bool expected_news)
{
    struct chat_error error;
    bool news = true;
    chat_provider_error(api->provider, http_status, body, strlen(body), &error);
    bool learnt = chat_api_learn(api, http_status, &error, &news);
    CHECK_EQ(news, expected_news);
    return learnt;
}

static void test_fields_that_are_refused(void)
{
    _Atomic unsigned unwanted = 0;
    struct chat_api api = {
        .provider = &chat_openai, .reasoning_effort = "low", .unwanted = &unwanted};
    struct chat_request request = {.api = &api,
                                   .model = "m",
                                   .user = "hi",
                                   .max_tokens = 7,
                                   .stream = true,
                                   .include_usage = true};
    CHECK(!learn(&api, 400, UNSUPPORTED("messages"), false));
    CHECK(!learn(&api, 500, UNSUPPORTED("temperature"), false));
    CHECK(!learn(&api, 400, "{\"error\":{\"param\":\"temperature\",\"code\":\"other\"}}", false));
    CHECK_EQ(atomic_load(&unwanted), 0);
    CHECK(learn(&api, 400, UNSUPPORTED("max_completion_tokens"), true));
    /* One that was under way meanwhile is worth asking again, too. */
    CHECK(learn(&api, 400, UNSUPPORTED("max_completion_tokens"), false));
    check_body(&request,
               "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
               "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"temperature\":0,"
               "\"reasoning_effort\":\"low\",\"max_tokens\":7}");
    CHECK(learn(&api, 400, UNSUPPORTED("temperature"), true));
    CHECK(learn(&api, 400, UNSUPPORTED("reasoning_effort"), true));
    CHECK(learn(&api, 400, UNSUPPORTED("stream_options"), true));
    check_body(&request, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
                         "\"stream\":true,\"max_tokens\":7}");
    api.provider = &chat_ollama;
    request.stream = false;
    check_body(&request, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
                         "\"max_completion_tokens\":7}");
    api.unwanted = NULL;
    CHECK(!learn(&api, 400, UNSUPPORTED("temperature"), false));
}

/* A model that knows no schemas says so in words; then it is asked for any object, then for text.
 */
static void test_formats_that_are_refused(void)
{
    _Atomic unsigned unwanted = 0;
    struct chat_api api = {.provider = &chat_openai, .no_temperature = true, .unwanted = &unwanted};
    struct chat_request request = {
        .api = &api, .model = "m", .user = "hi", .schema_name = "grammar", .schema = "{}"};
    CHECK(chat_api_wants(&api, CHAT_NO_SCHEMA));
    CHECK(!learn(&api, 400, "{\"error\":{\"message\":\"The model does not exist\"}}", false));
    CHECK(learn(&api, 400,
                "{\"error\":{\"message\":\"Invalid parameter: 'response_format' of type "
                "'json_schema' is not supported with this model.\",\"param\":null,\"code\":null}}",
                true));
    CHECK(!chat_api_wants(&api, CHAT_NO_SCHEMA));
    CHECK(chat_api_wants(&api, CHAT_NO_JSON_OBJECT));
    check_body(&request, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
                         "\"response_format\":{\"type\":\"json_object\"}}");
    CHECK(learn(&api, 422,
                "{\"error\":{\"message\":\"response_format json_object is unknown here\"}}", true));
    check_body(&request, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    atomic_store(&unwanted, 0);
    CHECK(learn(&api, 400, UNSUPPORTED("response_format"), true));
    CHECK(!chat_api_wants(&api, CHAT_NO_SCHEMA));
}

/* One allocation fails, each in turn. */
static void test_no_memory(void)
{
    struct chat_api api = {.provider = &chat_deepl};
    struct chat_request request = {
        .api = &api, .model = "", .user = "hi", .source = "en", .target = "es"};
    static const char answer[] = "{\"translations\":[{\"text\":\"Hola\"}]}";
    unsigned nth = 1;
    for (bool clean = false; !clean; nth++) {
        struct buf body;
        buf_init(&body, 1024);
        mem_fail_nth(nth);
        int status = chat_request_write(&request, &body);
        struct chat_reader *reader = chat_provider_reader(&chat_deepl, false);
        if (status == STATUS_OK && reader != NULL) {
            chat_reader_feed(reader, answer, sizeof answer - 1);
            status = chat_reader_end(reader);
        }
        mem_fail_nth(0);
        clean = status == STATUS_OK && reader != NULL;
        CHECK(clean || reader == NULL || status == STATUS_NOMEM);
        chat_reader_destroy(reader);
        buf_deinit(&body);
    }
    CHECK(nth > 3);
}

static void test_names(void)
{
    struct buf out;
    buf_init(&out, 256);
    chat_provider_names(CHAT_CAN_TRANSLATE, &out);
    CHECK_STR(out.data, "openai, azure, vllm, ollama, llama_cpp, deepl or libretranslate");
    buf_reset(&out);
    chat_provider_names(CHAT_CAN_CORRECT, &out);
    CHECK_STR(out.data, "openai, azure, vllm, ollama, llama_cpp or deepl_write");
    buf_deinit(&out);
    CHECK(chat_provider_find("deepl_write") == &chat_deepl_write);
    CHECK(chat_provider_find("DeepL") == NULL && chat_provider_find("") == NULL);
}

int main(void)
{
    RUN(test_urls);
    RUN(test_urls_refused);
    RUN(test_headers);
    RUN(test_compatible_body);
    RUN(test_deepl_body);
    RUN(test_deepl_write_body);
    RUN(test_libretranslate_body);
    RUN(test_costs);
    RUN(test_answers);
    RUN(test_answers_broken);
    RUN(test_usage);
    RUN(test_answer_too_long);
    RUN(test_errors);
    RUN(test_languages);
    RUN(test_fields_that_are_refused);
    RUN(test_formats_that_are_refused);
    RUN(test_no_memory);
    RUN(test_names);
    return 0;
}
