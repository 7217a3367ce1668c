#include "server/origin.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HTTP_PORT  80
#define HTTPS_PORT 443

/* "host:port" as Host and Origin write it. */
struct authority {
    const char *host;
    size_t len;
    unsigned long port;
};

static bool host_valid(const char *host, size_t len)
{
    bool v6 = len > 2 && host[0] == '[';
    for (size_t i = v6; i + v6 < len; i++) {
        unsigned char c = (unsigned char)host[i];
        if (v6 ? !isxdigit(c) && c != ':' && c != '.'
               : !isalnum(c) && c != '-' && c != '.' && c != '_')
            return false;
    }
    return len > 0;
}

static bool parse(const char *text, unsigned long default_port, struct authority *out)
{
    const char *bracket = text[0] == '[' ? strchr(text, ']') : NULL;
    if (text[0] == '[' && bracket == NULL)
        return false;
    out->host = text;
    out->len = bracket != NULL ? (size_t)(bracket + 1 - text) : strcspn(text, ":");
    out->port = default_port;
    const char *port = text + out->len;
    if (port[0] == ':') {
        size_t digits = strspn(port + 1, "0123456789");
        if (digits == 0 || digits > 5 || port[1 + digits] != '\0')
            return false;
        out->port = strtoul(port + 1, NULL, 10);
    } else if (port[0] != '\0') {
        return false;
    }
    return host_valid(out->host, out->len) && out->port <= 65535;
}

bool origin_same(const char *origin, const char *host, bool tls)
{
    const char *scheme = tls ? "https://" : "http://";
    unsigned long port = tls ? HTTPS_PORT : HTTP_PORT;
    struct authority page, server;
    return strncasecmp(origin, scheme, strlen(scheme)) == 0 &&
           parse(origin + strlen(scheme), port, &page) && parse(host, port, &server) &&
           page.port == server.port && page.len == server.len &&
           strncasecmp(page.host, server.host, page.len) == 0;
}

bool origin_listed(const char *list, const char *origin)
{
    size_t len = strlen(origin);
    if (strcasecmp(origin, "null") == 0)
        return false;
    for (const char *at = list; *at != '\0'; at += strspn(at, ", ")) {
        size_t item = strcspn(at, ", ");
        if (item == len && strncasecmp(at, origin, len) == 0)
            return true;
        at += item;
    }
    return false;
}

bool origin_host_is_loopback(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    struct authority server;
    if (!parse(host, HTTP_PORT, &server))
        return false;
    for (int i = 0; i < 3; i++)
        if (strlen(names[i]) == server.len && strncasecmp(host, names[i], server.len) == 0)
            return true;
    return false;
}
