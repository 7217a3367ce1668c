#include "server/listen.h"

#include "base/status.h"
#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LISTEN_BACKLOG 4096
#define LISTEN_WAIT_MS 1000 /* for a port that is in use */
#define LISTEN_LOOK_MS 20

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

/* A process that was killed keeps its port for a moment: io_uring closes its sockets behind its
 * end. It must not keep the next one from starting. */
static bool port_gets_free(const struct sockaddr_storage *address)
{
    const struct timespec pause = {.tv_nsec = LISTEN_LOOK_MS * 1000000L};
    for (int waited_ms = 0; waited_ms < LISTEN_WAIT_MS; waited_ms += LISTEN_LOOK_MS) {
        if (port_is_free(address))
            return true;
        nanosleep(&pause, NULL);
    }
    return port_is_free(address);
}

int listen_open(const struct sockaddr_storage *address, unsigned count, bool takeover,
                struct listening *out)
{
    struct sockaddr_storage bound = *address;
    unsigned made = 0;
    bool shared =
        *port_of(&bound) != 0 && !(takeover ? port_is_free(&bound) : port_gets_free(&bound));
    if (shared && !takeover)
        return STATUS_IO;
    for (; made < count; made++) {
        int fd = bind_one(&bound, true);
        /* Joins the port's group here, behind those that joined before: listen_divert(). */
        if (fd >= 0 && listen(fd, LISTEN_BACKLOG) != 0)
            fd = close_keeping_errno(fd);
        if (fd < 0)
            goto fail;
        out->sockets[made] = fd;
    }
    out->port = ntohs(*port_of(&bound));
    out->shared = shared;
    return STATUS_OK;
fail:
    while (made > 0)
        (void)close_keeping_errno(out->sockets[--made]);
    return STATUS_IO;
}

int listen_divert(int fd, unsigned first, unsigned count)
{
    /* first + random % count */
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count),
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, first),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    assert(count > 0);
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0
               ? STATUS_OK
               : STATUS_IO;
}

void listen_undivert(int fd)
{
    int unused = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &unused, sizeof unused);
}

/* A line of /proc/net/tcp: where a socket is bound, its state, and the number by which fstat()
 * knows it. */
struct line {
    char local[48];
    bool listening;
    unsigned long long inode;
};

static bool read_line(FILE *file, struct line *out)
{
    char text[256], *rest, *fields[10];
    if (fgets(text, sizeof text, file) == NULL)
        return false;
    for (int i = 0; i < 10; i++)
        if ((fields[i] = strtok_r(i == 0 ? text : NULL, " \n", &rest)) == NULL)
            return false;
    snprintf(out->local, sizeof out->local, "%s", fields[1]);
    out->listening = strcmp(fields[3], "0A") == 0;
    out->inode = strtoull(fields[9], NULL, 10);
    return true;
}

/* Listening sockets come first: the rest, which may be long, is not read. Without `local` it
 * becomes the place of the socket `inode`; with it, those bound to it are counted. */
static unsigned count_listening(const char *path, unsigned long long inode, char local[48])
{
    unsigned count = 0;
    char head[256];
    struct line line;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fgets(head, sizeof head, file) != NULL)
        while (read_line(file, &line) && line.listening) {
            if (local[0] != '\0' && strcmp(line.local, local) == 0)
                count++;
            if (inode != 0 && line.inode == inode)
                memcpy(local, line.local, sizeof line.local);
        }
    fclose(file);
    return count;
}

unsigned listen_others(int fd, unsigned own)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    struct stat stat_of;
    char local[48] = "";
    if (fstat(fd, &stat_of) != 0 || getsockname(fd, (struct sockaddr *)&bound, &len) != 0)
        return 0;
    const char *path = bound.ss_family == AF_INET6 ? "/proc/self/net/tcp6" : "/proc/self/net/tcp";
    count_listening(path, stat_of.st_ino, local);
    unsigned all = count_listening(path, 0, local);
    return all > own ? all - own : 0;
}
