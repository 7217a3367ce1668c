#include "server/http_route.h"

#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include <assert.h>
#include <string.h>

#define SESSIONS_PATH "/v1/sessions"
#define CLASSES_PATH  "/v1/classes/"
#define EXPORT_NAME   "/export."
#define NUMBER_DIGITS 19 /* fit 64 bits */

bool http_args_add(struct http_args *args, const char *text, size_t len)
{
    if (len >= sizeof args->bytes - args->len || memchr(text, '\0', len) != NULL)
        return false;
    memcpy(args->bytes + args->len, text, len);
    args->len += len;
    args->bytes[args->len++] = '\0';
    return true;
}

static int refuse(struct http_refusal *refusal, int status, const char *detail)
{
    *refusal = (struct http_refusal){.status = status, .detail = detail};
    return status == 404 ? STATUS_NOT_FOUND : STATUS_INVALID;
}

/* --- paths --- */

static bool read_session(char out[STORE_NAME_BYTES], const char *text, size_t len)
{
    if (len != STORE_NAME_BYTES - 1 || strspn(text, "0123456789abcdef") < len)
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

/* As the store has it: NFC. */
static bool read_class(char out[NAME_BYTES_MAX + 1], const char *text, size_t len)
{
    if (len == 0 || len > NAME_BYTES_MAX || !utf8_valid(text, len))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    char *nfc = utf8_nfc(text, len);
    bool fits = nfc != NULL && strlen(nfc) <= NAME_BYTES_MAX;
    if (fits)
        memcpy(out, nfc, strlen(nfc) + 1);
    mem_free(nfc);
    return fits;
}

/* "{id}" or "{id}/transcript.{format}". */
static bool read_session_path(struct http_route *route, const char *rest)
{
    static const char name[] = "transcript.";
    size_t len = strcspn(rest, "/");
    if (!read_session(route->session, rest, len))
        return false;
    route->endpoint = HTTP_SESSION;
    rest += len;
    if (*rest == '\0')
        return true;
    if (strncmp(++rest, name, sizeof name - 1) != 0)
        return false;
    rest += sizeof name - 1;
    route->endpoint = HTTP_TRANSCRIPT;
    route->format = transcript_format_find(rest, strlen(rest));
    return route->format < TRANSCRIPT_FORMATS && route->format != TRANSCRIPT_CSV;
}

/* "{class}/export.{format}": a class may have slashes in its name, the last part counts. */
static bool read_class_path(struct http_route *route, const char *rest)
{
    const char *last = strrchr(rest, '/');
    if (last == NULL || strncmp(last, EXPORT_NAME, sizeof EXPORT_NAME - 1) != 0)
        return false;
    const char *format = last + sizeof EXPORT_NAME - 1;
    route->endpoint = HTTP_EXPORT;
    route->format = transcript_format_find(format, strlen(format));
    return (route->format == TRANSCRIPT_JSON || route->format == TRANSCRIPT_CSV) &&
           read_class(route->class_name, rest, (size_t)(last - rest));
}

static bool read_path(struct http_route *route, const char *path)
{
    if (strcmp(path, "/v1/tokens") == 0) {
        route->endpoint = HTTP_TOKENS;
        return true;
    }
    if (strncmp(path, CLASSES_PATH, sizeof CLASSES_PATH - 1) == 0)
        return read_class_path(route, path + sizeof CLASSES_PATH - 1);
    if (strncmp(path, SESSIONS_PATH, sizeof SESSIONS_PATH - 1) != 0)
        return false;
    const char *rest = path + sizeof SESSIONS_PATH - 1;
    route->endpoint = HTTP_SESSIONS;
    return *rest == '\0' || (*rest == '/' && read_session_path(route, rest + 1));
}

/* --- methods --- */

static const struct {
    unsigned methods;
    const char *allow;
} allowed[HTTP_ENDPOINTS] = {
    [HTTP_TRANSCRIPT] = {1U << HTTP_GET | 1U << HTTP_HEAD, "GET, HEAD"},
    [HTTP_EXPORT] = {1U << HTTP_GET | 1U << HTTP_HEAD, "GET, HEAD"},
    [HTTP_SESSIONS] = {1U << HTTP_GET | 1U << HTTP_HEAD, "GET, HEAD"},
    [HTTP_SESSION] = {1U << HTTP_GET | 1U << HTTP_HEAD | 1U << HTTP_DELETE, "GET, HEAD, DELETE"},
    [HTTP_TOKENS] = {1U << HTTP_POST, "POST"},
};

/* --- the query --- */

enum arg { ARG_LANG, ARG_AFTER, ARG_LIMIT, ARG_CLASS, ARG_BEFORE, ARGS };

static const char *const arg_names[ARGS] = {"lang", "after", "limit", "class", "before"};

static bool read_number(uint64_t *out, const char *text, uint64_t most)
{
    uint64_t value = 0;
    size_t len = strlen(text);
    if (len == 0 || len > NUMBER_DIGITS || strspn(text, "0123456789") != len)
        return false;
    for (; *text != '\0'; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    if (value > most)
        return false;
    *out = value;
    return true;
}

static const char *read_arg(struct http_route *route, enum arg arg, const char *value)
{
    uint64_t number;
    switch (arg) {
    case ARG_LANG:
        return transcript_langs_parse(&route->langs, value, strlen(value)) == STATUS_OK
                   ? NULL
                   : "lang is a list of language tags, such as es or en,es";
    case ARG_AFTER:
        return read_number(&route->after, value, INT64_MAX) ? NULL
                                                            : "after is the seq of a message";
    case ARG_LIMIT:
        if (!read_number(&number, value, HTTP_LIST_MAX) || number == 0)
            return "limit is a number from 1 to 500";
        route->limit = (uint32_t)number;
        return NULL;
    case ARG_CLASS:
        return read_class(route->class_name, value, strlen(value)) ? NULL
                                                                   : "class is no name of a class";
    case ARG_BEFORE:
        return read_session(route->before, value, strlen(value)) ? NULL
                                                                 : "before is the id of a session";
    case ARGS: break;
    }
    return NULL;
}

static unsigned known_args(const struct http_route *route)
{
    switch (route->endpoint) {
    case HTTP_TRANSCRIPT:
        return route->format == TRANSCRIPT_JSON ? 1U << ARG_LANG | 1U << ARG_AFTER | 1U << ARG_LIMIT
                                                : 1U << ARG_LANG;
    case HTTP_EXPORT: return 1U << ARG_LANG;
    case HTTP_SESSIONS: return 1U << ARG_CLASS | 1U << ARG_BEFORE | 1U << ARG_LIMIT;
    case HTTP_SESSION:
    case HTTP_TOKENS:
    case HTTP_ENDPOINTS: break;
    }
    return 0;
}

static const char *read_args(struct http_route *route, const struct http_args *args)
{
    unsigned known = known_args(route), seen = 0;
    for (const char *at = args->bytes; at < args->bytes + args->len; at += strlen(at) + 1) {
        enum arg arg = 0;
        size_t len = strcspn(at, "=");
        if (*at == '\0')
            continue;
        while (arg < ARGS &&
               (strlen(arg_names[arg]) != len || memcmp(arg_names[arg], at, len) != 0))
            arg++;
        if (arg == ARGS || (known & 1U << arg) == 0)
            return "the query has a parameter that is not known here";
        if ((seen & 1U << arg) != 0)
            return "the query names a parameter twice";
        seen |= 1U << arg;
        const char *wrong = read_arg(route, arg, at[len] == '=' ? at + len + 1 : "");
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

int http_route_parse(struct http_route *out, enum http_method method, const char *path,
                     const struct http_args *args, struct http_refusal *refusal)
{
    struct http_route route = {.limit = HTTP_LIST_DEFAULT};
    if (!read_path(&route, path))
        return refuse(refusal, 404, "there is nothing here");
    assert(route.endpoint < HTTP_ENDPOINTS);
    if ((allowed[route.endpoint].methods & 1U << method) == 0) {
        int status = refuse(refusal, 405, "this method is not served here; see Allow");
        refusal->allow = allowed[route.endpoint].allow;
        return status;
    }
    const char *wrong = read_args(&route, args);
    if (wrong != NULL)
        return refuse(refusal, 400, wrong);
    *out = route;
    return STATUS_OK;
}
