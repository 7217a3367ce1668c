#include "base/status.h"
#include "pool/chat.h"
#include "pool/internal_json.h"
#include "pool/limits.h"
#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Copies printable text, cut at a character's start so that it stays UTF-8. */
static void text_copy(char *out, size_t size, const char *text)
{
    size_t len = 0;
    while (len + 1 < size && text[len] != '\0') {
        out[len] = (unsigned char)text[len] < 0x20 ? ' ' : text[len];
        len++;
    }
    if (text[len] != '\0')
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
            len--;
    out[len] = '\0';
}

static bool is_quota(const char *code)
{
    static const char *const quota[] = {
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    };
    for (size_t i = 0; i < sizeof quota / sizeof quota[0]; i++)
        if (strcmp(code, quota[i]) == 0)
            return true;
    return false;
}

/* A code may be text or a number; null and "" count as absent. */
static bool code_take(const json_t *value, struct chat_error *out)
{
    if (json_is_integer(value))
        snprintf(out->code, sizeof out->code, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_string(value))
        text_copy(out->code, sizeof out->code, json_string_value(value));
    return out->code[0] != '\0';
}

static void object_take(const json_t *object, struct chat_error *out)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    const char *message = json_string_value(json_object_get(object, "message"));
    const char *param = json_string_value(json_object_get(object, "param"));
    if (!code_take(json_object_get(object, "code"), out) && type != NULL)
        text_copy(out->code, sizeof out->code, type);
    if (message != NULL)
        text_copy(out->message, sizeof out->message, message);
    if (param != NULL)
        text_copy(out->param, sizeof out->param, param);
    out->quota = is_quota(out->code) || (type != NULL && is_quota(type));
}

/* {"detail": "text"} or {"detail": [{"msg": "text"}]}, as FastAPI servers say it. */
static void detail_take(const json_t *detail, struct chat_error *out)
{
    if (json_is_array(detail))
        detail = json_object_get(json_array_get(detail, 0), "msg");
    if (json_is_string(detail))
        text_copy(out->message, sizeof out->message, json_string_value(detail));
}

void chat__error_from(const json_t *root, struct chat_error *out)
{
    *out = (struct chat_error){0};
    const json_t *error = json_object_get(root, "error");
    if (json_is_object(error))
        object_take(error, out);
    else if (json_is_string(error))
        text_copy(out->message, sizeof out->message, json_string_value(error));
    else if (json_object_get(root, "message") != NULL)
        object_take(root, out);
    else
        detail_take(json_object_get(root, "detail"), out);
}

void chat_error_read(const void *body, size_t len, struct chat_error *out)
{
    assert(out != NULL && (body != NULL || len == 0));
    *out = (struct chat_error){0};
    if (len == 0 || len > CHAT_ERROR_BODY_MAX)
        return;
    json_t *root = json_loadb(body, len, 0, NULL);
    if (json_is_object(root))
        chat__error_from(root, out);
    json_decref(root);
}
