/* Paths and queries of HTTP requests: a line "METHOD PATH", then one of each parameter. */
#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "server/http_route.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct http_route *route)
{
    assert(route->endpoint < HTTP_ENDPOINTS && route->format < TRANSCRIPT_FORMATS);
    assert(route->limit >= 1 && route->limit <= HTTP_LIST_MAX);
    assert(route->langs.len <= TRANSCRIPT_LANGS_MAX);
    assert(utf8_valid(route->class_name, strlen(route->class_name)));
    assert((route->session[0] != '\0') ==
           (route->endpoint == HTTP_SESSION || route->endpoint == HTTP_TRANSCRIPT));
    assert(route->endpoint != HTTP_EXPORT || route->class_name[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_route route;
    struct http_refusal refusal = {0};
    struct http_args args = {.len = 0};
    char *text = mem_strndup((const char *)data, size), *next = NULL;
    assert(text != NULL);
    enum http_method method = size > 0 ? data[0] % (HTTP_OTHER + 1) : HTTP_GET;
    char *path = size > 0 && text[0] != '\0' ? text + 1 : text, *end = strchr(path, '\n');
    for (char *at = end; at != NULL; at = next) {
        *at++ = '\0';
        next = strchr(at, '\n');
        (void)http_args_add(&args, at, next != NULL ? (size_t)(next - at) : strlen(at));
    }
    int status = http_route_parse(&route, method, path, &args, &refusal);
    if (status == STATUS_OK)
        check(&route);
    else
        assert(refusal.status >= 400 && refusal.status < 500 && refusal.detail[0] != '\0' &&
               (refusal.status == 405) == (refusal.allow != NULL));
    mem_free(text);
    return 0;
}
