#include "server/chats.h"

#include "base/status.h"
#include "server/config.h"
#include "server/message.h"
#include <stdarg.h>
#include <string.h>

/* What a section of the configuration says, before it is understood. */
struct section {
    const char *name, *model_section; /* for complaints */
    const char *provider, *url, *key, *organization, *ca, *deployment, *api_version, *model;
    unsigned can; /* what is needed of it */
    FILE *err;
};

/* One line for the operator; returns STATUS_INVALID. */
static int __attribute__((format(printf, 2, 3)))
complain(const struct section *section, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(section->err, "sotto: [%s] ", section->name);
    vfprintf(section->err, format, args);
    fputc('\n', section->err);
    va_end(args);
    return STATUS_INVALID;
}

static int complain_choice(const struct section *section, const char *before)
{
    struct buf names;
    buf_init(&names, 256);
    chat_provider_names(section->can, &names);
    int status =
        complain(section, "provider must be %s%s, not \"%s\"", before,
                 buf_status(&names) == STATUS_OK ? names.data : "another", section->provider);
    buf_deinit(&names);
    return status;
}

static bool ends(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static int side_init(const struct section *section, struct chat_side *side,
                     struct pool_config *pool)
{
    const struct chat_provider *provider = side->api.provider;
    const char *url = section->url[0] != '\0' ? section->url : provider->default_url;
    if (section->url[0] == '\0' && provider->free_suffix != NULL &&
        ends(section->key, provider->free_suffix))
        url = provider->free_url;
    if (url == NULL)
        return complain(section, "provider %s needs a url, such as https://NAME.openai.azure.com",
                        provider->name);
    if (section->deployment[0] != '\0' && section->api_version[0] == '\0')
        return complain(section, "deployment needs an api_version; or leave it empty and name the "
                                 "deployment as model");
    const char *model = section->model[0] != '\0' ? section->model : section->deployment;
    if (model[0] == '\0' && provider->default_model == NULL)
        return complain(section, "provider %s needs a model; set [%s] model to one it serves",
                        provider->name, section->model_section);
    side->model = model[0] != '\0' ? model : provider->default_model;
    side->api.key = section->key;
    struct pool_upstream_config *upstream = &pool->upstreams[0];
    upstream->account = (struct chat_account){.provider = provider,
                                              .url = url,
                                              .key = section->key,
                                              .organization = section->organization,
                                              .deployment = section->deployment,
                                              .api_version = section->api_version};
    upstream->ca_file = section->ca[0] != '\0' ? section->ca : NULL;
    return STATUS_OK;
}

/* Upstreams beside that of [chat]: the same API, perhaps another host, region or account. */
static int further_init(struct pool_config *pool, const struct config *config,
                        const struct section *section)
{
    _Static_assert(1 + CONFIG_CHAT_FURTHER + 1 <= POOL_UPSTREAMS_MAX, "and one of the grammar");
    for (unsigned i = 0; i < CONFIG_CHAT_FURTHER; i++) {
        const struct config_chat *chat = &config->chat_further[i];
        if (chat->url[0] == '\0')
            continue;
        bool in_body = pool->upstreams[0].account.provider->key_header == NULL;
        if (in_body && chat->key[0] != '\0' && strcmp(chat->key, section->key) != 0)
            return complain(section,
                            "provider %s takes its key with the text: [chat.%u] must have "
                            "the same, or none",
                            section->provider, i + 2);
        pool->upstreams[pool->upstreams_len++] = (struct pool_upstream_config){
            .account = {.provider = pool->upstreams[0].account.provider,
                        .url = chat->url,
                        .key = chat->key,
                        .organization = chat->organization,
                        .deployment = chat->deployment,
                        .api_version = chat->api_version},
            .ca_file = chat->ca[0] != '\0' ? chat->ca : NULL,
            .weight = (unsigned)chat->weight,
            .connections = (unsigned)chat->connections,
            .streams_per_connection = (unsigned)chat->streams,
        };
    }
    return STATUS_OK;
}

static int translate_init(struct chats *chats, const struct config *config, FILE *err)
{
    const struct section section = {
        .name = "chat",
        .model_section = "translate",
        .provider = config->chat_provider,
        .url = config->chat_url,
        .key = config->chat_key,
        .organization = config->chat_organization,
        .ca = config->chat_ca,
        .deployment = config->chat_deployment,
        .api_version = config->chat_api_version,
        .model = config->translate_model,
        .can = CHAT_CAN_TRANSLATE,
        .err = err,
    };
    struct chat_side *side = &chats->side[CHATS_TRANSLATE];
    const struct chat_provider *provider = chat_provider_find(section.provider);
    if (provider == NULL || (provider->can & section.can) == 0)
        return complain_choice(&section, "");
    side->api = (struct chat_api){
        .provider = provider,
        .glossary = config->chat_glossary,
        .max_tokens_field = config->chat_max_tokens_field,
        .system_role = config->chat_system_role,
        .reasoning_effort = config->chat_reasoning_effort,
        .no_temperature = !config->chat_temperature,
    };
    side->json_schema = config->chat_json_schema;
    chats->pool[CHATS_TRANSLATE] = (struct pool_config){
        .upstreams = {{.weight = (unsigned)config->chat_weight,
                       .connections = (unsigned)config->chat_connections,
                       .streams_per_connection = (unsigned)config->chat_streams}},
        .upstreams_len = 1,
        .requests_per_minute = (unsigned)config->chat_requests_per_minute,
        .tokens_per_minute = (unsigned)config->chat_tokens_per_minute,
        .connect_timeout_ms = (unsigned)config->chat_connect_ms,
        .stall_ms = (unsigned)config->chat_stall_ms,
        .hedge_percent = (unsigned)config->chat_hedge_percent,
        .age_ms = (unsigned)config->chat_age_ms,
        .keepalive_ms = (unsigned)config->chat_keepalive_ms,
        .queue_max = (unsigned)config->chat_queue_max,
        .on_demand = (config->off & CONFIG_OFF_PREWARM) != 0,
        .first_come = (config->off & CONFIG_OFF_FAIR_SHARE) != 0,
    };
    chats->pools = 1;
    int status = side_init(&section, side, &chats->pool[CHATS_TRANSLATE]);
    if (status == STATUS_OK)
        status = further_init(&chats->pool[CHATS_TRANSLATE], config, &section);
    return status;
}

/* The grammar side asks whom the translations ask, perhaps for another model. */
static int grammar_same(struct chats *chats, const struct section *section)
{
    struct chat_side *side = &chats->side[CHATS_GRAMMAR];
    struct pool_config unused = {0};
    *side = chats->side[CHATS_TRANSLATE];
    if ((side->api.provider->can & CHAT_CAN_CORRECT) == 0)
        return complain(section,
                        "provider %s of [chat] corrects nothing; set provider to none, or to an "
                        "API that does, such as %s",
                        side->api.provider->name,
                        side->api.provider == &chat_deepl ? "deepl_write" : "ollama");
    chats->corrects = true;
    return side_init(section, side, &unused);
}

static int grammar_own(struct chats *chats, const struct config *config,
                       const struct section *section)
{
    struct chat_side *side = &chats->side[CHATS_GRAMMAR];
    struct pool_config *pool = &chats->pool[CHATS_GRAMMAR];
    const struct chat_provider *provider = chat_provider_find(section->provider);
    if (provider == NULL || (provider->can & section->can) == 0)
        return complain_choice(section, "same, none, ");
    side->api = (struct chat_api){
        .provider = provider,
        .max_tokens_field = config->grammar_max_tokens_field,
        .system_role = config->grammar_system_role,
        .reasoning_effort = config->grammar_reasoning_effort,
        .no_temperature = !config->grammar_temperature,
    };
    side->json_schema = config->grammar_json_schema;
    *pool = chats->pool[CHATS_TRANSLATE];
    pool->upstreams_len = 1;
    pool->upstreams[0].weight = 1;
    pool->upstreams[0].connections = (unsigned)config->grammar_connections;
    pool->requests_per_minute = (unsigned)config->grammar_requests_per_minute;
    pool->tokens_per_minute = (unsigned)config->grammar_tokens_per_minute;
    chats->pools = 2;
    chats->corrects = true;
    return side_init(section, side, pool);
}

static int grammar_init(struct chats *chats, const struct config *config, FILE *err)
{
    struct section section = {
        .name = "grammar",
        .model_section = "grammar",
        .provider = config->grammar_provider,
        .url = config->grammar_url,
        .key = config->grammar_key,
        .organization = "",
        .ca = config->grammar_ca,
        .deployment = config->grammar_deployment,
        .api_version = config->grammar_api_version,
        .model = config->grammar_model,
        .can = CHAT_CAN_CORRECT,
        .err = err,
    };
    if (strcmp(section.provider, "none") == 0) {
        chats->side[CHATS_GRAMMAR] = chats->side[CHATS_TRANSLATE];
        return STATUS_OK;
    }
    bool deepl = chats->side[CHATS_TRANSLATE].api.provider == &chat_deepl &&
                 strcmp(section.provider, chat_deepl_write.name) == 0;
    /* One account of DeepL does both. */
    if (deepl && section.key[0] == '\0' && section.url[0] == '\0') {
        section.key = config->chat_key;
        section.url = chats->pool[CHATS_TRANSLATE].upstreams[0].account.url;
        section.ca = config->chat_ca;
    }
    if (strcmp(section.provider, "same") != 0)
        return grammar_own(chats, config, &section);
    section.url = chats->pool[CHATS_TRANSLATE].upstreams[0].account.url;
    section.key = config->chat_key;
    section.deployment = config->chat_deployment;
    section.api_version = config->chat_api_version;
    return grammar_same(chats, &section);
}

int chats_init(struct chats *chats, const struct config *config, FILE *err)
{
    *chats = (struct chats){0};
    int status = translate_init(chats, config, err);
    if (status == STATUS_OK)
        status = grammar_init(chats, config, err);
    for (int i = 0; i < CHATS_SIDES; i++)
        chats->side[i].api.unwanted = &chats->unwanted[i];
    return status;
}

static bool knows(const struct chat_api *api, bool target, const char *tag)
{
    char code[CHAT_LANGUAGE_BYTES];
    const struct chat_provider *provider = api->provider;
    /* Whoever has no table is told the tag itself, whatever its length. */
    if ((target ? provider->targets : provider->sources) == NULL)
        return true;
    return chat_provider_language(provider, target, tag, code) == STATUS_OK;
}

void chats_check(const struct chats *chats, struct client_message *message)
{
    struct client_settings *settings = &message->settings;
    const struct chat_api *translate = &chats->side[CHATS_TRANSLATE].api;
    const struct chat_api *grammar = &chats->side[CHATS_GRAMMAR].api;
    if (message->kind != CLIENT_START && message->kind != CLIENT_UPDATE)
        return;
    bool start = message->kind == CLIENT_START;
    if (!chats->corrects || (start && !knows(grammar, false, settings->source)))
        settings->grammar = false;
    const char *unknown = NULL;
    if (start && settings->targets_len > 0 && !knows(translate, false, settings->source))
        unknown = settings->source;
    for (unsigned i = 0; unknown == NULL && i < settings->targets_len; i++)
        if (!knows(translate, true, settings->targets[i]))
            unknown = settings->targets[i];
    if (unknown == NULL)
        return;
    client_message_refuse(message, "unsupported_language",
                          unknown == settings->source
                              ? "the translation service does not know this source"
                              : "the translation service does not know this target",
                          unknown);
}
