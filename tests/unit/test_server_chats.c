/* Whom translations and corrections ask, by what the configuration says, and what a client may then
 * ask for. */
#include "base/status.h"
#include "server/chats.h"
#include "server/config.h"
#include "server/message.h"
#include "tests/check.h"
#include <unistd.h>

static char message[1024];
static struct config_set *set;
static struct chats chats;

/* Of a file with these lines; what is made lives until done(). */
static int init(const char *file)
{
    char path[] = "/tmp/sotto-chats-XXXXXX";
    char *argv[] = {"sotto", "--config", path};
    int fd = mkstemp(path);
    CHECK(write(fd, file, strlen(file)) == (ssize_t)strlen(file));
    close(fd);
    memset(message, 0, sizeof message);
    FILE *err = fmemopen(message, sizeof message - 1, "w");
    int status = config_load(&set, 3, argv, NULL, err);
    if (status == STATUS_OK)
        CHECK_EQ(chats_init(&chats, config_get(set), err), STATUS_OK);
    fclose(err);
    unlink(path);
    return status;
}

static void done(void)
{
    config_free(set);
}

static void check_refused(const char *file, const char *hint)
{
    CHECK_EQ(init(file), STATUS_INVALID);
    if (strstr(message, hint) == NULL)
        fprintf(stderr, "\"%s\" is not in \"%s\"\n", hint, message);
    CHECK(strstr(message, hint) != NULL);
    CHECK(strchr(message, '\n') == message + strlen(message) - 1);
}

static void check_url(const char *file, const char *url)
{
    CHECK_EQ(init(file), STATUS_OK);
    CHECK_STR(chats.pool[CHATS_TRANSLATE].upstreams[0].account.url, url);
    done();
}

static void test_default(void)
{
    CHECK_EQ(init("\n"), STATUS_OK);
    CHECK_EQ(chats.pools, 1);
    CHECK(chats.corrects);
    CHECK(chats.pool[0].upstreams[0].account.provider == &chat_openai);
    CHECK_STR(chats.pool[0].upstreams[0].account.url, "https://127.0.0.1:8446/v1");
    CHECK_EQ(chats.pool[0].upstreams[0].connections, 16);
    for (int i = 0; i < CHATS_SIDES; i++) {
        CHECK(chats.side[i].api.provider == &chat_openai);
        CHECK_STR(chats.side[i].model, "gpt-4o-mini");
        CHECK(chats.side[i].json_schema && !chats.side[i].api.no_temperature);
    }
    done();
}

static void test_urls(void)
{
    check_url("[chat]\nprovider = ollama\n[translate]\nmodel = m\n[grammar]\nmodel = m\n",
              "http://127.0.0.1:11434/v1");
    check_url("[chat]\nprovider = llama_cpp\n", "http://127.0.0.1:8080/v1");
    check_url("[chat]\nprovider = deepl\nkey = k\n[grammar]\nprovider = none\n",
              "https://api.deepl.com");
    check_url("[chat]\nprovider = deepl\nkey = k:fx\n[grammar]\nprovider = none\n",
              "https://api-free.deepl.com");
    check_url("[chat]\nprovider = deepl\nkey = k:fx\nurl = https://d\n[grammar]\nprovider = none\n",
              "https://d");
    check_url("[chat]\nurl = https://api.openai.com/v1\n", "https://api.openai.com/v1");
}

static void test_two(void)
{
    CHECK_EQ(init("[chat]\nprovider = deepl\nkey = a\nconnections = 3\nglossary = g\n"
                  "[grammar]\nprovider = vllm\nurl = https://v/v1\nkey = b\nmodel = m\n"
                  "requests_per_minute = 7\nsystem_role = user\ntemperature = false\n"
                  "json_schema = false\n"),
             STATUS_OK);
    CHECK_EQ(chats.pools, 2);
    CHECK(chats.corrects);
    const struct pool_config *translate = &chats.pool[CHATS_TRANSLATE];
    const struct pool_config *grammar = &chats.pool[CHATS_GRAMMAR];
    CHECK_STR(translate->upstreams[0].account.key, "a");
    CHECK_EQ(translate->upstreams[0].connections, 3);
    CHECK_EQ(translate->requests_per_minute, 4500);
    CHECK_STR(grammar->upstreams[0].account.key, "b");
    CHECK_STR(grammar->upstreams[0].account.url, "https://v/v1");
    CHECK_EQ(grammar->upstreams[0].connections, 4);
    CHECK_EQ(grammar->requests_per_minute, 7);
    CHECK_EQ(grammar->stall_ms, translate->stall_ms);
    const struct chat_side *side = &chats.side[CHATS_GRAMMAR];
    CHECK(side->api.provider == &chat_vllm && side->api.no_temperature && !side->json_schema);
    CHECK_STR(side->api.system_role, "user");
    CHECK_STR(side->model, "m");
    CHECK_STR(chats.side[CHATS_TRANSLATE].model, "latency_optimized");
    CHECK_STR(chats.side[CHATS_TRANSLATE].api.glossary, "g");
    CHECK(!chats.side[CHATS_TRANSLATE].api.no_temperature);
    done();
}

static void test_further_upstreams(void)
{
    CHECK_EQ(init("[chat]\nprovider = vllm\nurl = https://a/v1\nkey = a\nweight = 3\n"
                  "[translate]\nmodel = m\n[grammar]\nprovider = none\n"
                  "[chat.3]\nurl = https://c/v1\nkey = c\nca = f\nconnections = 2\n"),
             STATUS_OK);
    const struct pool_config *pool = &chats.pool[CHATS_TRANSLATE];
    CHECK_EQ(pool->upstreams_len, 2);
    CHECK_EQ(pool->upstreams[0].weight, 3);
    CHECK_STR(pool->upstreams[1].account.url, "https://c/v1");
    CHECK_STR(pool->upstreams[1].account.key, "c");
    CHECK_STR(pool->upstreams[1].ca_file, "f");
    CHECK_EQ(pool->upstreams[1].weight, 0);
    CHECK_EQ(pool->upstreams[1].connections, 2);
    CHECK(pool->upstreams[1].account.provider == &chat_vllm);
    done();
}

static void test_one_deepl_account(void)
{
    CHECK_EQ(
        init("[chat]\nprovider = deepl\nkey = a:fx\nca = c\n[grammar]\nprovider = deepl_write\n"),
        STATUS_OK);
    CHECK_EQ(chats.pools, 2);
    CHECK_STR(chats.pool[CHATS_GRAMMAR].upstreams[0].account.key, "a:fx");
    CHECK_STR(chats.pool[CHATS_GRAMMAR].upstreams[0].account.url, "https://api-free.deepl.com");
    CHECK_STR(chats.pool[CHATS_GRAMMAR].upstreams[0].ca_file, "c");
    done();
    CHECK_EQ(init("[chat]\nprovider = deepl\nkey = a:fx\n"
                  "[grammar]\nprovider = deepl_write\nkey = b\n"),
             STATUS_OK);
    CHECK_STR(chats.pool[CHATS_GRAMMAR].upstreams[0].account.key, "b");
    CHECK_STR(chats.pool[CHATS_GRAMMAR].upstreams[0].account.url, "https://api.deepl.com");
    done();
}

static void test_azure(void)
{
    CHECK_EQ(init("[chat]\nprovider = azure\nurl = https://n.openai.azure.com\n"
                  "deployment = d\napi_version = 2024-10-21\n"),
             STATUS_OK);
    /* The deployment is the model, of both sides. */
    CHECK_STR(chats.side[CHATS_TRANSLATE].model, "d");
    CHECK_STR(chats.side[CHATS_GRAMMAR].model, "d");
    CHECK_STR(chats.pool[0].upstreams[0].account.deployment, "d");
    CHECK_STR(chats.pool[0].upstreams[0].account.api_version, "2024-10-21");
    done();
    CHECK_EQ(init("[chat]\nprovider = azure\nurl = https://n.openai.azure.com\n"
                  "[translate]\nmodel = fast\n[grammar]\nmodel = good\n"),
             STATUS_OK);
    CHECK_STR(chats.side[CHATS_TRANSLATE].model, "fast");
    CHECK_STR(chats.side[CHATS_GRAMMAR].model, "good");
    done();
}

static void test_refused(void)
{
    check_refused("[chat]\nprovider = deep\n",
                  "sotto: [chat] provider must be openai, azure, vllm, ollama, llama_cpp, deepl or "
                  "libretranslate, not \"deep\"");
    check_refused("[chat]\nprovider = deepl_write\n", "not \"deepl_write\"");
    check_refused("[grammar]\nprovider = deepl\n",
                  "sotto: [grammar] provider must be same, none, openai, azure, vllm, ollama, "
                  "llama_cpp or deepl_write, not \"deepl\"");
    check_refused("[chat]\nprovider = deepl\n", "such as deepl_write");
    check_refused("[chat]\nprovider = libretranslate\n", "corrects nothing; set provider to none");
    check_refused("[chat]\nprovider = azure\n[translate]\nmodel = m\n", "needs a url");
    check_refused("[chat]\nprovider = ollama\n", "set [translate] model to one it serves");
    check_refused("[chat]\nprovider = ollama\n[translate]\nmodel = m\n",
                  "set [grammar] model to one it serves");
    check_refused("[chat]\nprovider = libretranslate\nkey = a\n[chat.2]\nurl = https://b\nkey = b\n"
                  "[grammar]\nprovider = none\n",
                  "[chat.2] must have the same");
    check_refused("[chat]\nprovider = azure\nurl = https://n\ndeployment = d\n",
                  "deployment needs an api_version");
}

static struct client_message *parse(const char *text)
{
    struct client_message *parsed = client_message_parse(text, strlen(text));
    chats_check(&chats, parsed);
    return parsed;
}

static void check_message(const char *text, const char *problem, bool grammar)
{
    struct client_message *parsed = parse(text);
    CHECK_EQ(parsed->kind == CLIENT_BAD, problem != NULL);
    if (problem != NULL) {
        CHECK_STR(parsed->code, "unsupported_language");
        CHECK_STR(parsed->problem, problem);
    } else {
        CHECK_EQ(parsed->settings.grammar, grammar);
    }
    client_message_free(parsed);
}

#define START(source, targets)                                                                     \
    "{\"type\":\"session.start\",\"source\":\"" source "\",\"rate\":16000,\"targets\":[" targets   \
    "]}"

static void test_languages(void)
{
    CHECK_EQ(init("[chat]\nprovider = deepl\n[grammar]\nprovider = deepl_write\n"), STATUS_OK);
    check_message(START("en-US", "\"es\",\"pt-BR\""), NULL, true);
    check_message(START("en-US", "\"es\",\"tlh\""),
                  "the translation service does not know this target: tlh", false);
    check_message(START("tlh", "\"es\""), "the translation service does not know this source: tlh",
                  false);
    /* Without targets nothing is translated; what is not corrected is only not corrected. */
    check_message(START("tlh", ""), NULL, false);
    check_message(START("ru-RU", "\"es\""), NULL, false);
    check_message("{\"type\":\"session.update\",\"targets\":[\"tlh\"]}",
                  "the translation service does not know this target: tlh", false);
    check_message("{\"type\":\"session.update\",\"targets\":[\"fr\"]}", NULL, true);
    done();
}

static void test_languages_of_models(void)
{
    CHECK_EQ(init("[grammar]\nprovider = none\n"), STATUS_OK);
    CHECK(!chats.corrects);
    check_message(START("tlh", "\"x1\""), "targets holds no BCP-47 language tag: x1", false);
    check_message(START("tlh", "\"qaa-Qaaa-QM-x-southern-dialect1\""), NULL, false);
    check_message("{\"type\":\"session.update\",\"grammar\":true}", NULL, false);
    done();
}

int main(void)
{
    RUN(test_default);
    RUN(test_urls);
    RUN(test_two);
    RUN(test_further_upstreams);
    RUN(test_one_deepl_account);
    RUN(test_azure);
    RUN(test_refused);
    RUN(test_languages);
    RUN(test_languages_of_models);
    return 0;
}
