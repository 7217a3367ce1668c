#include "pool/chat.h"

#include "base/status.h"
#include "base/utf8.h"
#include "pool/chat_provider.h"
#include "pool/internal_json.h"
#include "pool/limits.h"
#include <assert.h>
#include <string.h>

void chat__json_string(struct buf *out, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    buf_putc(out, '"');
    const char *plain = text;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_append(out, plain, (size_t)(text - plain));
        plain = text + 1;
        const char *short_form = c == '"' ? "\\\"" : c == '\\' ? "\\\\" : c == '\n' ? "\\n" : NULL;
        if (short_form != NULL) {
            buf_append(out, short_form, 2);
            continue;
        }
        char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        buf_append(out, escape, sizeof escape);
    }
    buf_append(out, plain, (size_t)(text - plain));
    buf_putc(out, '"');
}

bool chat__text_ok(const char *text)
{
    if (text == NULL)
        return true;
    size_t len = strnlen(text, CHAT_REQUEST_STRING_MAX + 1);
    return len <= CHAT_REQUEST_STRING_MAX && utf8_valid(text, len);
}

static const struct chat_provider *provider_of(const struct chat_request *request)
{
    bool named = request->api != NULL && request->api->provider != NULL;
    return named ? request->api->provider : &chat_openai;
}

static void request_format(const struct chat_request *request, struct buf *out)
{
    bool schema = request->schema_name != NULL && request->schema != NULL;
    if (schema && (provider_of(request)->can & CHAT_CAN_SCHEMA) != 0 &&
        chat_api_wants(request->api, CHAT_NO_SCHEMA)) {
        buf_puts(out, ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":");
        chat__json_string(out, request->schema_name);
        buf_puts(out, ",\"strict\":true,\"schema\":");
        buf_puts(out, request->schema);
        buf_puts(out, "}}");
    } else if ((schema || request->json_object) &&
               chat_api_wants(request->api, CHAT_NO_JSON_OBJECT)) {
        buf_puts(out, ",\"response_format\":{\"type\":\"json_object\"}");
    }
}

/* Hundredths, written without printf's locale. */
static void request_temperature(double temperature, struct buf *out)
{
    unsigned hundredths = (unsigned)((temperature > 2 ? 2 : temperature) * 100 + 0.5);
    buf_printf(out, ",\"temperature\":%u", hundredths / 100);
    if (hundredths % 100 != 0)
        buf_printf(out, ".%02u", hundredths % 100);
}

static const char *first_set(const char *a, const char *b, const char *c)
{
    if (a != NULL && a[0] != '\0')
        return a;
    return b != NULL && b[0] != '\0' ? b : c;
}

/* A model whose template knows no system message reads the instructions before the text. */
static void request_messages(const struct chat_request *request, struct buf *out)
{
    const struct chat_api *api = request->api;
    const char *role = first_set(api != NULL ? api->system_role : NULL, NULL, "system");
    bool apart = strcmp(role, "user") != 0;
    buf_puts(out, ",\"messages\":[");
    if (request->system != NULL && apart) {
        buf_puts(out, "{\"role\":");
        chat__json_string(out, role);
        buf_puts(out, ",\"content\":");
        chat__json_string(out, request->system);
        buf_puts(out, "},");
    }
    buf_puts(out, "{\"role\":\"user\",\"content\":");
    if (request->system != NULL && !apart) {
        struct buf both;
        buf_init(&both, 2 * CHAT_REQUEST_STRING_MAX + 16);
        buf_printf(&both, "%s\n\n%s", request->system, request->user);
        chat__json_string(out, buf_status(&both) == STATUS_OK ? both.data : request->user);
        buf_deinit(&both);
    } else {
        chat__json_string(out, request->user);
    }
    buf_puts(out, "}]");
}

static const char *bound_name(const struct chat_request *request)
{
    const char *field = request->api != NULL ? request->api->max_tokens_field : NULL;
    field = first_set(request->max_tokens_field, field, provider_of(request)->max_tokens_field);
    if (chat_api_wants(request->api, CHAT_OTHER_MAX_TOKENS))
        return field;
    return strcmp(field, "max_tokens") == 0 ? "max_completion_tokens" : "max_tokens";
}

static void request_sampling(const struct chat_request *request, struct buf *out)
{
    const struct chat_api *api = request->api;
    if (request->temperature >= 0 && (api == NULL || !api->no_temperature) &&
        chat_api_wants(request->api, CHAT_NO_TEMPERATURE))
        request_temperature(request->temperature, out);
    if (api != NULL && api->reasoning_effort != NULL && api->reasoning_effort[0] != '\0' &&
        chat_api_wants(request->api, CHAT_NO_REASONING_EFFORT)) {
        buf_puts(out, ",\"reasoning_effort\":");
        chat__json_string(out, api->reasoning_effort);
    }
}

static void completion_write(const struct chat_request *request, struct buf *out)
{
    buf_puts(out, "{\"model\":");
    chat__json_string(out, request->model);
    request_messages(request, out);
    if (request->stream)
        buf_puts(out, ",\"stream\":true");
    bool usage = request->include_usage && (provider_of(request)->can & CHAT_CAN_STREAM_USAGE) != 0;
    if (request->stream && usage && chat_api_wants(request->api, CHAT_NO_STREAM_OPTIONS))
        buf_puts(out, ",\"stream_options\":{\"include_usage\":true}");
    request_sampling(request, out);
    if (request->max_tokens > 0)
        buf_printf(out, ",\"%s\":%u", bound_name(request), request->max_tokens);
    request_format(request, out);
    buf_putc(out, '}');
}

int chat_request_write(const struct chat_request *request, struct buf *out)
{
    assert(request != NULL && request->model != NULL && request->user != NULL && out != NULL);
    if (!chat__text_ok(request->model) || !chat__text_ok(request->system) ||
        !chat__text_ok(request->user) || !chat__text_ok(request->context))
        return STATUS_INVALID;
    const struct chat_provider *provider = provider_of(request);
    if (provider->request_write != NULL)
        return provider->request_write(request, out);
    completion_write(request, out);
    return buf_status(out);
}

static uint32_t characters(const char *text)
{
    uint32_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

uint32_t chat_request_cost(const struct chat_request *request)
{
    assert(request->user != NULL);
    if ((provider_of(request)->can & CHAT_CAN_FOLLOW) == 0)
        return characters(request->user);
    uint64_t cost = chat_tokens_estimate(request->user, strlen(request->user));
    if (request->system != NULL)
        cost += chat_tokens_estimate(request->system, strlen(request->system));
    cost += request->max_tokens;
    return cost < UINT32_MAX ? (uint32_t)cost : UINT32_MAX;
}

/* Tokens in hundredths a code point: what common tokenizers make of the script, rounded up. */
static uint32_t script_weight(uint32_t code)
{
    static const struct {
        uint32_t first, weight;
    } scripts[] = {
        {0x0000, 27},  /* ASCII: English about 4 characters a token, other languages about 3.3 */
        {0x0080, 60},  /* Latin with diacritics */
        {0x0370, 45},  /* Greek, Cyrillic */
        {0x0530, 55},  /* Armenian, Hebrew, Arabic */
        {0x0900, 60},  /* Indic, Thai, Lao */
        {0x1E00, 60},  /* more Latin, punctuation, symbols */
        {0x2E80, 85},  /* CJK, Hangul */
        {0xD7B0, 100}, /* presentation forms */
        {0x10000, 200} /* emoji and rare scripts */
    };
    uint32_t weight = 0;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0] && code >= scripts[i].first; i++)
        weight = scripts[i].weight;
    return weight;
}

uint32_t chat_tokens_estimate(const char *text, size_t len)
{
    uint64_t hundredths = 0;
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)text[i];
        size_t step = c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        uint32_t code = c < 0x80 ? c : c < 0xC0 ? 0x80 : c < 0xE0 ? c & 0x1Fu : c & 0x0Fu;
        for (size_t k = 1; k < step && i + k < len; k++)
            code = code << 6 | ((unsigned char)text[i + k] & 0x3Fu);
        hundredths += script_weight(code);
        i += step;
    }
    uint64_t tokens = (hundredths + 99) / 100;
    return tokens > UINT32_MAX ? UINT32_MAX : (uint32_t)tokens;
}
