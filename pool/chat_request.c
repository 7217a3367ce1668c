#include "pool/chat.h"

#include "base/status.h"
#include "base/utf8.h"
#include "pool/limits.h"
#include <assert.h>
#include <string.h>

/* A JSON string: text as it is but for what RFC 8259 section 7 demands. */
static void json_string(struct buf *out, const char *text)
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

static bool text_ok(const char *text)
{
    if (text == NULL)
        return true;
    size_t len = strnlen(text, CHAT_REQUEST_STRING_MAX + 1);
    return len <= CHAT_REQUEST_STRING_MAX && utf8_valid(text, len);
}

static void request_format(const struct chat_request *request, struct buf *out)
{
    if (request->schema_name != NULL && request->schema != NULL) {
        buf_puts(out, ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":");
        json_string(out, request->schema_name);
        buf_puts(out, ",\"strict\":true,\"schema\":");
        buf_puts(out, request->schema);
        buf_puts(out, "}}");
    } else if (request->json_object) {
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

int chat_request_write(const struct chat_request *request, struct buf *out)
{
    assert(request != NULL && request->model != NULL && request->user != NULL && out != NULL);
    if (!text_ok(request->model) || !text_ok(request->system) || !text_ok(request->user))
        return STATUS_INVALID;
    buf_puts(out, "{\"model\":");
    json_string(out, request->model);
    buf_puts(out, ",\"messages\":[");
    if (request->system != NULL) {
        buf_puts(out, "{\"role\":\"system\",\"content\":");
        json_string(out, request->system);
        buf_puts(out, "},");
    }
    buf_puts(out, "{\"role\":\"user\",\"content\":");
    json_string(out, request->user);
    buf_puts(out, "}]");
    if (request->stream)
        buf_puts(out, ",\"stream\":true");
    if (request->stream && request->include_usage)
        buf_puts(out, ",\"stream_options\":{\"include_usage\":true}");
    if (request->temperature >= 0)
        request_temperature(request->temperature, out);
    if (request->max_tokens > 0) {
        const char *field = request->max_tokens_field;
        buf_printf(out, ",\"%s\":%u", field != NULL ? field : "max_completion_tokens",
                   request->max_tokens);
    }
    request_format(request, out);
    buf_putc(out, '}');
    return buf_status(out);
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
