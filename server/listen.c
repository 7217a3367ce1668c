#include "server/listen.h"

#include "base/status.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTEN_BACKLOG 4096

int listen_parse(const char *text, struct sockaddr_storage *out)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    size_t len = (size_t)(colon - text);
    const char *begin = text;
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        begin++;
        len -= 2;
    }
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (len == 0 || len >= sizeof host || !isdigit((unsigned char)colon[1]) || *end != '\0' ||
        port > 65535)
        return STATUS_INVALID;
    snprintf(host, sizeof host, "%.*s", (int)len, begin);
    if (strcmp(host, "localhost") == 0)
        snprintf(host, sizeof host, "127.0.0.1");
    memset(out, 0, sizeof *out);
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127 ? STATUS_OK : STATUS_AUTH;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ? STATUS_OK : STATUS_AUTH;
    }
    return STATUS_INVALID;
}

static in_port_t *port_of(struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)address)->sin6_port
                                          : &((struct sockaddr_in *)address)->sin_port;
}

static int close_keeping_errno(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* A socket bound to `address`, whose port is filled in. */
static int bind_one(struct sockaddr_storage *address, bool shared)
{
    socklen_t len =
        address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int on = 1;
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)address, len) != 0 ||
        getsockname(fd, (struct sockaddr *)address, &len) != 0)
        return close_keeping_errno(fd);
    return fd;
}

/* SO_REUSEPORT would let a second server of the same user in, and each would get half of the
 * connections: who shares nothing is told whether somebody is there. */
static bool port_is_free(const struct sockaddr_storage *address)
{
    struct sockaddr_storage copy = *address;
    int fd = bind_one(&copy, false);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

int listen_open(const struct sockaddr_storage *address, unsigned count, int *sockets,
                uint16_t *port)
{
    struct sockaddr_storage bound = *address;
    unsigned made = 0;
    if (*port_of(&bound) != 0 && !port_is_free(&bound))
        return STATUS_IO;
    for (; made < count; made++) {
        int fd = bind_one(&bound, true);
        if (fd >= 0 && listen(fd, LISTEN_BACKLOG) != 0)
            fd = close_keeping_errno(fd);
        if (fd < 0)
            goto fail;
        sockets[made] = fd;
    }
    *port = ntohs(*port_of(&bound));
    return STATUS_OK;
fail:
    while (made > 0)
        (void)close_keeping_errno(sockets[--made]);
    return STATUS_IO;
}
