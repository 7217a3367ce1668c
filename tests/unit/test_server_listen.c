#include "base/status.h"
#include "server/limits.h"
#include "server/listen.h"
#include "tests/check.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

static void test_addresses(void)
{
    struct sockaddr_storage address;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
    CHECK_EQ(listen_parse("127.0.0.1:8080", &address), STATUS_OK);
    CHECK_EQ(v4->sin_family, AF_INET);
    CHECK_EQ(ntohs(v4->sin_port), 8080);
    CHECK_EQ(listen_parse("127.1.2.3:0", &address), STATUS_OK);
    CHECK_EQ(listen_parse("localhost:65535", &address), STATUS_OK);
    CHECK_EQ(ntohl(v4->sin_addr.s_addr), INADDR_LOOPBACK);
    CHECK_EQ(listen_parse("[::1]:1", &address), STATUS_OK);
    CHECK_EQ(v6->sin6_family, AF_INET6);
    CHECK_EQ(ntohs(v6->sin6_port), 1);
}

static void test_only_loopback(void)
{
    struct sockaddr_storage address;
    CHECK_EQ(listen_parse("0.0.0.0:80", &address), STATUS_AUTH);
    CHECK_EQ(listen_parse("192.0.2.1:80", &address), STATUS_AUTH);
    CHECK_EQ(listen_parse("[::]:80", &address), STATUS_AUTH);
    CHECK_EQ(listen_parse("[::ffff:127.0.0.1]:80", &address), STATUS_AUTH);
}

static void test_no_address(void)
{
    static const char *const wrong[] = {":80",          "127.0.0.1:",    "127.0.0.1:+80",
                                        "127.0.0.1: 8", "127.0.0.1:-1",  "127.0.0.1:65536",
                                        "127.0.0.1:8x", "example:80",    "[]:80",
                                        "[::1:80",      "127.0.0.256:1", "[127.0.0.1:1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct sockaddr_storage address;
        CHECK_EQ(listen_parse(wrong[i], &address), STATUS_INVALID);
    }
}

static void close_all(const struct listening *listening, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        close(listening->sockets[i]);
}

static void on_loopback(struct sockaddr_storage *address, uint16_t port)
{
    CHECK_EQ(listen_parse("127.0.0.1:0", address), STATUS_OK);
    ((struct sockaddr_in *)address)->sin_port = htons(port);
}

static void test_one_port_for_all(void)
{
    struct sockaddr_storage address;
    static struct listening listening;
    on_loopback(&address, 0);
    CHECK_EQ(listen_open(&address, FRONTS_MAX, false, &listening), STATUS_OK);
    CHECK(listening.port != 0 && !listening.shared);
    for (unsigned i = 0; i < FRONTS_MAX; i++) {
        struct sockaddr_in bound;
        socklen_t len = sizeof bound;
        CHECK_EQ(getsockname(listening.sockets[i], (struct sockaddr *)&bound, &len), 0);
        CHECK_EQ(ntohs(bound.sin_port), listening.port);
    }
    close_all(&listening, FRONTS_MAX);
}

/* SO_REUSEPORT alone would let the second one in. */
static void test_a_port_in_use_is_refused(void)
{
    struct sockaddr_storage address;
    static struct listening first, second;
    on_loopback(&address, 0);
    CHECK_EQ(listen_open(&address, 2, false, &first), STATUS_OK);
    on_loopback(&address, first.port);
    errno = 0;
    CHECK_EQ(listen_open(&address, 2, false, &second), STATUS_IO);
    CHECK_EQ(errno, EADDRINUSE);
    close_all(&first, 2);
    CHECK_EQ(listen_open(&address, 2, true, &second), STATUS_OK);
    CHECK_EQ(second.port, first.port);
    CHECK(!second.shared);
    close_all(&second, 2);
}

#define CLIENTS 40

static void connect_all(const struct sockaddr_storage *address)
{
    for (int i = 0; i < CLIENTS; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(connect(fd, (const struct sockaddr *)address, sizeof(struct sockaddr_in)), 0);
        close(fd); /* it waits to be accepted all the same */
    }
}

/* Connections that wait at the first `len` sockets; at each in `counts` when not NULL. */
static unsigned waiting(const struct listening *at, unsigned len, unsigned *counts)
{
    unsigned all = 0;
    for (unsigned i = 0; i < len; i++) {
        unsigned before = all;
        for (int fd; (fd = accept4(at->sockets[i], NULL, NULL, SOCK_CLOEXEC)) >= 0; all++)
            close(fd);
        if (counts != NULL)
            counts[i] = all - before;
    }
    return all;
}

static void *close_soon(void *ctx)
{
    const struct timespec soon = {.tv_nsec = 50000000};
    nanosleep(&soon, NULL);
    close(*(int *)ctx);
    return NULL;
}

/* The sockets of a process that was killed are closed a moment after it has ended. */
static void test_a_port_that_gets_free(void)
{
    struct sockaddr_storage address;
    static struct listening old, new;
    pthread_t thread;
    on_loopback(&address, 0);
    CHECK_EQ(listen_open(&address, 1, false, &old), STATUS_OK);
    on_loopback(&address, old.port);
    CHECK_EQ(pthread_create(&thread, NULL, close_soon, &old.sockets[0]), 0);
    CHECK_EQ(listen_open(&address, 1, false, &new), STATUS_OK);
    pthread_join(thread, NULL);
    CHECK(!new.shared);
    close_all(&new, 1);
}

/* The way of a rolling restart: the successor joins, everybody is sent to it, the old one closes
 * its sockets from the last to the first. */
static void test_takeover(void)
{
    struct sockaddr_storage address;
    static struct listening old, new;
    unsigned counts[3];
    on_loopback(&address, 0);
    CHECK_EQ(listen_open(&address, 3, false, &old), STATUS_OK);
    on_loopback(&address, old.port);
    CHECK_EQ(listen_others(old.sockets[1], 3), 0);
    CHECK_EQ(listen_divert(old.sockets[0], 3, 3), STATUS_OK);
    connect_all(&address); /* nobody follows: they stay */
    CHECK_EQ(waiting(&old, 3, NULL), CLIENTS);
    listen_undivert(old.sockets[0]);
    CHECK_EQ(listen_open(&address, 3, true, &new), STATUS_OK);
    CHECK(new.shared);
    connect_all(&address);
    unsigned mine = waiting(&old, 3, NULL);
    CHECK(mine > 0 && mine < CLIENTS);
    CHECK_EQ(waiting(&new, 3, NULL), CLIENTS - mine);
    CHECK_EQ(listen_others(old.sockets[1], 3), 3);
    CHECK_EQ(listen_divert(old.sockets[0], 3, 3), STATUS_OK);
    connect_all(&address);
    CHECK_EQ(waiting(&old, 3, NULL), 0);
    CHECK_EQ(waiting(&new, 3, counts), CLIENTS);
    CHECK(counts[0] > 0 && counts[1] > 0 && counts[2] > 0);
    for (unsigned left = 3; left-- > 0;) {
        CHECK_EQ(listen_divert(old.sockets[0], left > 0 ? left + 1 : 3, 1), STATUS_OK);
        connect_all(&address);
        CHECK_EQ(waiting(&old, left + 1, NULL), 0);
        CHECK_EQ(waiting(&new, 3, NULL), CLIENTS);
        close(old.sockets[left]);
        connect_all(&address);
        CHECK_EQ(waiting(&old, left, NULL), 0);
        CHECK_EQ(waiting(&new, 3, NULL), CLIENTS);
    }
    /* What was said of the order no longer fits: it is even again. */
    connect_all(&address);
    CHECK_EQ(waiting(&new, 3, counts), CLIENTS);
    CHECK(counts[0] > 0 && counts[1] > 0 && counts[2] > 0);
    close_all(&new, 3);
}

int main(void)
{
    RUN(test_addresses);
    RUN(test_only_loopback);
    RUN(test_no_address);
    RUN(test_one_port_for_all);
    RUN(test_a_port_in_use_is_refused);
    RUN(test_a_port_that_gets_free);
    RUN(test_takeover);
    return check_done();
}
