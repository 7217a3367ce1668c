#include "server/peers_address.h"

#include "base/status.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_v4(const struct peers_address *address)
{
    return memcmp(address->bytes, mapped, sizeof mapped) == 0;
}

static void from_v4(struct peers_address *out, const struct in_addr *address)
{
    memcpy(out->bytes, mapped, sizeof mapped);
    memcpy(out->bytes + sizeof mapped, address, 4);
}

int peers_address_from(struct peers_address *out, const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        from_v4(out, &((const struct sockaddr_in *)address)->sin_addr);
        return STATUS_OK;
    }
    if (address->sa_family != AF_INET6)
        return STATUS_UNSUPPORTED;
    memcpy(out->bytes, &((const struct sockaddr_in6 *)address)->sin6_addr, sizeof out->bytes);
    return STATUS_OK;
}

static bool all_digits(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isdigit((unsigned char)text[i]))
            return false;
    return len > 0;
}

int peers_address_parse(struct peers_address *out, const char *text, size_t len)
{
    char host[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;
    const char *end = text + len, *close = memchr(text, ']', len);
    const char *colon = memchr(text, ':', len);
    if (len > 0 && text[0] == '[') {
        if (close == NULL ||
            (close + 1 < end &&
             (close[1] != ':' || !all_digits(close + 2, (size_t)(end - close - 2)))))
            return STATUS_INVALID;
        text++;
        len = (size_t)(close - text);
    } else if (colon != NULL && memchr(colon + 1, ':', (size_t)(end - colon - 1)) == NULL) {
        /* One colon: an IPv4 address with its port. */
        if (!all_digits(colon + 1, (size_t)(end - colon - 1)))
            return STATUS_INVALID;
        len = (size_t)(colon - text);
    }
    if (len == 0 || len >= sizeof host)
        return STATUS_INVALID;
    memcpy(host, text, len);
    host[len] = '\0';
    if (inet_pton(AF_INET, host, &v4) == 1)
        from_v4(out, &v4);
    else if (inet_pton(AF_INET6, host, &v6) == 1)
        memcpy(out->bytes, &v6, sizeof out->bytes);
    else
        return STATUS_INVALID;
    return STATUS_OK;
}

bool peers_address_loopback(const struct peers_address *address)
{
    static const uint8_t one[16] = {[15] = 1};
    return is_v4(address) ? address->bytes[12] == 127
                          : memcmp(address->bytes, one, sizeof one) == 0;
}

struct peers_address peers_address_network(const struct peers_address *address)
{
    struct peers_address network = *address;
    if (!is_v4(address))
        memset(network.bytes + 8, 0, 8);
    return network;
}

/* "10.0.0.0/8" or an address alone. */
static int parse_proxy(struct peers_proxy *out, const char *text, size_t len)
{
    const char *slash = memchr(text, '/', len);
    size_t host = slash != NULL ? (size_t)(slash - text) : len;
    if (peers_address_parse(&out->address, text, host) != STATUS_OK)
        return STATUS_INVALID;
    unsigned offset = is_v4(&out->address) ? 96 : 0, bits = 128 - offset;
    if (slash != NULL) {
        size_t digits = len - host - 1;
        if (digits > 3 || !all_digits(slash + 1, digits))
            return STATUS_INVALID;
        unsigned value = 0;
        for (size_t i = 1; i <= digits; i++)
            value = value * 10 + (unsigned)(slash[i] - '0');
        if (value > bits)
            return STATUS_INVALID;
        bits = value;
    }
    out->bits = (uint8_t)(offset + bits);
    return STATUS_OK;
}

int peers_proxies_parse(struct peers_proxies *out, const char *text)
{
    static const char space[] = ", \t";
    struct peers_proxies proxies = {0};
    for (const char *at = text + strspn(text, space); *at != '\0'; at += strspn(at, space)) {
        size_t len = strcspn(at, space);
        if (proxies.len == sizeof proxies.of / sizeof proxies.of[0])
            return STATUS_LIMIT;
        if (parse_proxy(&proxies.of[proxies.len], at, len) != STATUS_OK)
            return STATUS_INVALID;
        proxies.len++;
        at += len;
    }
    *out = proxies;
    return STATUS_OK;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned bytes = bits / 8, rest = bits % 8;
    return memcmp(a, b, bytes) == 0 && (rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0);
}

bool peers_proxies_have(const struct peers_proxies *proxies, const struct peers_address *address)
{
    for (unsigned i = 0; i < proxies->len; i++)
        if (same_bits(proxies->of[i].address.bytes, address->bytes, proxies->of[i].bits))
            return true;
    return false;
}

/* The address within one element: itself, or the value of its "for" parameter. */
static void narrow(const char **text, size_t *len)
{
    const char *at = *text, *end = at + *len;
    const char *value = memchr(at, '=', *len) != NULL ? NULL : at;
    while (value == NULL && at < end) {
        at += strspn(at, " \t;");
        if (end - at > 4 && strncasecmp(at, "for=", 4) == 0)
            value = at + 4;
        else
            at += strcspn(at, ";");
    }
    if (value == NULL || value > end)
        value = end;
    *len = (size_t)(end - value);
    const char *semicolon = memchr(value, ';', *len);
    if (semicolon != NULL)
        *len = (size_t)(semicolon - value);
    while (*len > 0 && strchr(" \t\"", value[0]) != NULL) {
        value++;
        --*len;
    }
    while (*len > 0 && strchr(" \t\"", value[*len - 1]) != NULL)
        --*len;
    *text = value;
}

int peers_forwarded(const struct peers_proxies *proxies, const char *header,
                    struct peers_address *out)
{
    struct peers_address address;
    const char *end = header + strlen(header);
    while (end > header) {
        const char *begin = end;
        while (begin > header && begin[-1] != ',')
            begin--;
        const char *text = begin;
        size_t len = (size_t)(end - begin);
        narrow(&text, &len);
        if (peers_address_parse(&address, text, len) != STATUS_OK)
            return STATUS_NOT_FOUND;
        if (!peers_proxies_have(proxies, &address)) {
            *out = address;
            return STATUS_OK;
        }
        end = begin > header ? begin - 1 : header;
    }
    return STATUS_NOT_FOUND;
}
