#include "pool/chat_provider.h"

#include "base/status.h"
#include "pool/chat.h"
#include "pool/internal_json.h"
#include <assert.h>
#include <string.h>
#include <strings.h>

static const struct chat_provider *const providers[] = {
    &chat_openai,    &chat_azure, &chat_vllm,        &chat_ollama,
    &chat_llama_cpp, &chat_deepl, &chat_deepl_write, &chat_libretranslate,
};
#define PROVIDERS (sizeof providers / sizeof providers[0])

const struct chat_provider *chat_provider_find(const char *name)
{
    for (size_t i = 0; i < PROVIDERS; i++)
        if (strcmp(providers[i]->name, name) == 0)
            return providers[i];
    return NULL;
}

void chat_provider_names(unsigned can, struct buf *out)
{
    size_t last = 0, told = 0;
    for (size_t i = 0; i < PROVIDERS; i++)
        if ((providers[i]->can & can) == can)
            last = i;
    for (size_t i = 0; i <= last; i++) {
        if ((providers[i]->can & can) != can)
            continue;
        const char *between = told++ == 0 ? "" : i == last ? " or " : ", ";
        buf_printf(out, "%s%s", between, providers[i]->name);
    }
}

/* There is no code for a model that knows no schemas: some name the field, some say it in words. */
static unsigned unwanted_format(const struct chat_error *error)
{
    if (strncmp(error->param, "response_format", strlen("response_format")) != 0 &&
        strstr(error->message, "response_format") == NULL &&
        strstr(error->message, "json_schema") == NULL)
        return 0;
    return strstr(error->message, "json_object") != NULL &&
                   strstr(error->message, "json_schema") == NULL
               ? CHAT_NO_JSON_OBJECT
               : CHAT_NO_SCHEMA;
}

/* The bit of the field that an error is about; 0: it is about none of them. */
static unsigned unwanted_of(const struct chat_error *error)
{
    static const struct {
        const char *param;
        unsigned bit;
    } fields[] = {
        {"temperature", CHAT_NO_TEMPERATURE},
        {"reasoning_effort", CHAT_NO_REASONING_EFFORT},
        {"stream_options", CHAT_NO_STREAM_OPTIONS},
        {"max_tokens", CHAT_OTHER_MAX_TOKENS},
        {"max_completion_tokens", CHAT_OTHER_MAX_TOKENS},
    };
    if (strcmp(error->code, "unsupported_parameter") != 0 &&
        strcmp(error->code, "unsupported_value") != 0)
        return unwanted_format(error);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strcmp(error->param, fields[i].param) == 0)
            return fields[i].bit;
    return unwanted_format(error);
}

bool chat_api_learn(const struct chat_api *api, int http_status, const struct chat_error *error,
                    bool *news)
{
    bool refused = http_status == 400 || http_status == 422;
    unsigned bit = refused && api->unwanted != NULL ? unwanted_of(error) : 0;
    *news = false;
    if (bit == 0)
        return false;
    *news = (atomic_fetch_or_explicit(api->unwanted, bit, memory_order_relaxed) & bit) == 0;
    return true;
}

bool chat_api_wants(const struct chat_api *api, enum chat_unwanted bit)
{
    return api == NULL || api->unwanted == NULL ||
           (atomic_load_explicit(api->unwanted, memory_order_relaxed) & bit) == 0;
}

bool chat_api_follows(const struct chat_api *api)
{
    return api == NULL || api->provider == NULL || (api->provider->can & CHAT_CAN_FOLLOW) != 0;
}

static const struct chat_provider *provider_of(const struct chat_account *account)
{
    return account->provider != NULL ? account->provider : &chat_openai;
}

int chat_provider_url(const struct chat_account *account, bool probe, struct buf *out)
{
    assert(account->url != NULL);
    const struct chat_provider *provider = provider_of(account);
    buf_puts(out, account->url);
    if (provider->path_write != NULL)
        return provider->path_write(account, probe, out);
    return buf_puts(out, probe ? provider->probe : provider->path);
}

static int header_write(const char *name, const char *prefix, const char *value, struct buf *out)
{
    if (strpbrk(value, "\r\n") != NULL)
        return STATUS_INVALID;
    return buf_printf(out, "%s: %s%s", name, prefix, value);
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

int chat_provider_header(const struct chat_account *account, unsigned number, struct buf *out)
{
    const struct chat_provider *provider = provider_of(account);
    bool keyed = provider->key_header != NULL && is_set(account->key);
    if (keyed && number == 0)
        return header_write(provider->key_header, provider->key_prefix, account->key, out);
    if (number == (keyed ? 1 : 0) && is_set(account->organization))
        return header_write("OpenAI-Organization", "", account->organization, out);
    return STATUS_NOT_FOUND;
}

/* The entry whose tag is the longest that ends in `tag` at its end or before a hyphen. */
static const char *language_find(const struct chat_language *list, const char *tag)
{
    const char *found = NULL;
    size_t longest = 0;
    for (; list->tag != NULL; list++) {
        size_t len = strlen(list->tag);
        if (len > longest && strncasecmp(list->tag, tag, len) == 0 &&
            (tag[len] == '\0' || tag[len] == '-')) {
            found = list->code;
            longest = len;
        }
    }
    return found;
}

int chat_provider_language(const struct chat_provider *provider, bool target, const char *tag,
                           char out[CHAT_LANGUAGE_BYTES])
{
    const struct chat_language *list = target ? provider->targets : provider->sources;
    const char *code = list != NULL ? language_find(list, tag) : tag;
    if (code == NULL || strlen(code) >= CHAT_LANGUAGE_BYTES)
        return STATUS_NOT_FOUND;
    memcpy(out, code, strlen(code) + 1);
    return STATUS_OK;
}

struct chat_reader *chat_provider_reader(const struct chat_provider *provider, bool stream)
{
    struct chat_reader *reader = chat_reader_create(stream);
    if (reader != NULL && provider != NULL)
        chat__reader_set_answer(reader, provider->answer_read);
    return reader;
}

void chat_provider_error(const struct chat_provider *provider, int http_status, const void *body,
                         size_t len, struct chat_error *out)
{
    chat_error_read(body, len, out);
    if (provider != NULL && provider->error_judge != NULL)
        provider->error_judge(http_status, out);
}
