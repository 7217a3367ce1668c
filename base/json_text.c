#include "base/json_text.h"

#include "base/buf.h"
#include "base/utf8.h"
#include <assert.h>
#include <string.h>

#define KEY_CHARS_MAX 32

char *json_print_unsigned(char *at, uint64_t value)
{
    char digits[JSON_INT_CHARS];
    size_t len = 0;
    do
        digits[len++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (len > 0)
        *at++ = digits[--len];
    return at;
}

char *json_print_int(char *at, int64_t value)
{
    if (value < 0)
        *at++ = '-';
    return json_print_unsigned(at, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

static void put_escape(struct buf *out, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF", named[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    for (size_t i = 0; i < sizeof named - 1; i += 2) {
        if (named[i] != (char)c)
            continue;
        text[1] = named[i + 1];
        buf_append(out, text, 2);
        return;
    }
    buf_append(out, text, sizeof text);
}

/* What reaches us is NFC already: text that is not UTF-8 is our bug, and "" only hides it from the
 * client. */
void json_put_text(struct buf *out, const char *text)
{
    text = text != NULL ? text : "";
    size_t len = strlen(text), plain = 0;
    if (!utf8_valid(text, len))
        len = 0;
    buf_putc(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_append(out, text + plain, i - plain);
        put_escape(out, c);
        plain = i + 1;
    }
    buf_append(out, text + plain, len - plain);
    buf_putc(out, '"');
}

/* A value other than the first of its object or list is led by a comma. */
static bool is_first(const struct buf *out)
{
    return out->len > 0 && (out->data[out->len - 1] == '{' || out->data[out->len - 1] == '[');
}

void json_put_key(struct buf *out, const char *key)
{
    char text[KEY_CHARS_MAX + 4], *at = text;
    size_t len = strlen(key);
    assert(len <= KEY_CHARS_MAX);
    if (!is_first(out))
        *at++ = ',';
    *at++ = '"';
    memcpy(at, key, len);
    at += len;
    *at++ = '"';
    *at++ = ':';
    buf_append(out, text, (size_t)(at - text));
}

void json_set_int(struct buf *out, const char *key, int64_t value)
{
    char text[JSON_INT_CHARS + 1];
    json_put_key(out, key);
    buf_append(out, text, (size_t)(json_print_int(text, value) - text));
}

void json_set_text(struct buf *out, const char *key, const char *text)
{
    json_put_key(out, key);
    json_put_text(out, text);
}

void json_set_bool(struct buf *out, const char *key, bool value)
{
    json_put_key(out, key);
    buf_puts(out, value ? "true" : "false");
}

/* Begins an object or a list under `key`; its closing character ends it. */
void json_set_open(struct buf *out, const char *key, char open)
{
    json_put_key(out, key);
    buf_putc(out, open);
}

void json_list_object(struct buf *out)
{
    buf_puts(out, is_first(out) ? "{" : ",{");
}

void json_set_texts(struct buf *out, const char *key, const char *const *texts, unsigned len)
{
    json_set_open(out, key, '[');
    for (unsigned i = 0; i < len; i++) {
        if (i > 0)
            buf_putc(out, ',');
        json_put_text(out, texts[i]);
    }
    buf_putc(out, ']');
}
