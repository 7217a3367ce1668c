#include "base/status.h"
#include "server/limits.h"
#include "server/listen.h"
#include "tests/check.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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

static void close_all(const int *sockets, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        close(sockets[i]);
}

static void test_one_port_for_all(void)
{
    struct sockaddr_storage address;
    int sockets[FRONTS_MAX];
    uint16_t port = 0;
    CHECK_EQ(listen_parse("127.0.0.1:0", &address), STATUS_OK);
    CHECK_EQ(listen_open(&address, FRONTS_MAX, sockets, &port), STATUS_OK);
    CHECK(port != 0);
    for (unsigned i = 0; i < FRONTS_MAX; i++) {
        struct sockaddr_in bound;
        socklen_t len = sizeof bound;
        CHECK_EQ(getsockname(sockets[i], (struct sockaddr *)&bound, &len), 0);
        CHECK_EQ(ntohs(bound.sin_port), port);
    }
    close_all(sockets, FRONTS_MAX);
}

/* SO_REUSEPORT alone would let the second one in. */
static void test_a_port_in_use_is_refused(void)
{
    struct sockaddr_storage address;
    int first[2], second[2];
    uint16_t port = 0, other = 0;
    CHECK_EQ(listen_parse("127.0.0.1:0", &address), STATUS_OK);
    CHECK_EQ(listen_open(&address, 2, first, &port), STATUS_OK);
    ((struct sockaddr_in *)&address)->sin_port = htons(port);
    errno = 0;
    CHECK_EQ(listen_open(&address, 2, second, &other), STATUS_IO);
    CHECK_EQ(errno, EADDRINUSE);
    close_all(first, 2);
    CHECK_EQ(listen_open(&address, 2, second, &other), STATUS_OK);
    CHECK_EQ(other, port);
    close_all(second, 2);
}

int main(void)
{
    RUN(test_addresses);
    RUN(test_only_loopback);
    RUN(test_no_address);
    RUN(test_one_port_for_all);
    RUN(test_a_port_in_use_is_refused);
    return check_done();
}
