#include "server/peers.h"

#include "base/status.h"
#include "server/limits.h"
#include "tests/check.h"
#include <arpa/inet.h>
#include <stdio.h>

#define SECOND 1000000LL

static struct peers_address address_of(const char *text)
{
    struct peers_address address = {0};
    CHECK_EQ(peers_address_parse(&address, text, strlen(text)), STATUS_OK);
    return address;
}

static int connect_from(struct peers *peers, const char *text, int64_t now_us, peers_hold *hold)
{
    struct peers_address address = address_of(text);
    return peers_connect(peers, &address, now_us, hold);
}

static void test_connections_of_one_address(void)
{
    struct peers *peers = peers_create(&(struct peers_config){.connections = 2}, 100);
    peers_hold a[3], other;
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &a[0]), PEERS_OK);
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &a[1]), PEERS_OK);
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &a[2]), PEERS_CONNECTIONS);
    CHECK_EQ(a[2], 0);
    CHECK_EQ(connect_from(peers, "192.0.2.2", 0, &other), PEERS_OK);
    CHECK_EQ(peers_live(peers), 2);
    peers_disconnect(peers, a[0]);
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &a[0]), PEERS_OK);
    peers_disconnect(peers, a[0]);
    peers_disconnect(peers, a[1]);
    peers_disconnect(peers, a[2]); /* was refused: nothing */
    peers_disconnect(peers, other);
    CHECK_EQ(peers_live(peers), 0);
    peers_destroy(peers);
}

/* Of the connections of one address only so many may keep the server waiting for a request. */
static void test_unfinished_connections_of_one_address(void)
{
    struct peers *peers =
        peers_create(&(struct peers_config){.connections = 4, .unfinished = 2}, 100);
    peers_hold a[4], other, none;
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &a[0]), PEERS_OK);
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &a[1]), PEERS_OK);
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &none), PEERS_UNFINISHED);
    CHECK_EQ(none, 0);
    CHECK_EQ(connect_from(peers, "192.0.2.2", 0, &other), PEERS_OK);
    /* One has asked and stays, one is gone without a word. */
    peers_arrived(peers, a[0]);
    peers_arrived(peers, a[1]);
    peers_disconnect(peers, a[1]);
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &a[1]), PEERS_OK);
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &a[2]), PEERS_OK);
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &none), PEERS_UNFINISHED);
    peers_arrived(peers, a[1]);
    peers_arrived(peers, a[2]);
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &a[3]), PEERS_OK);
    peers_arrived(peers, a[3]);
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &none), PEERS_CONNECTIONS);
    peers_arrived(peers, 0); /* who is not counted */
    for (int i = 0; i < 4; i++)
        peers_disconnect(peers, a[i]);
    peers_arrived(peers, other);
    peers_disconnect(peers, other);
    CHECK_EQ(peers_live(peers), 0);
    peers_destroy(peers);
}

/* A subscriber has a /64 to himself and could take another address of it each time. */
static void test_ipv6_by_network(void)
{
    struct peers *peers = peers_create(&(struct peers_config){.connections = 1}, 100);
    peers_hold hold;
    CHECK_EQ(connect_from(peers, "2001:db8:0:1::1", 0, &hold), PEERS_OK);
    CHECK_EQ(connect_from(peers, "2001:db8:0:1:ffff::2", 0, &hold), PEERS_CONNECTIONS);
    CHECK_EQ(connect_from(peers, "2001:db8:0:2::1", 0, &hold), PEERS_OK);
    CHECK_EQ(connect_from(peers, "192.0.2.7", 0, &hold), PEERS_OK);
    CHECK_EQ(connect_from(peers, "::ffff:192.0.2.7", 0, &hold), PEERS_CONNECTIONS);
    CHECK_EQ(connect_from(peers, "192.0.2.8", 0, &hold), PEERS_OK);
    peers_destroy(peers);
}

static void test_handshakes_a_second(void)
{
    struct peers *peers = peers_create(&(struct peers_config){.handshakes = 5}, 1000);
    peers_hold hold;
    int64_t now_us = 77 * SECOND;
    for (int i = 0; i < 5; i++)
        CHECK_EQ(connect_from(peers, "192.0.2.1", now_us, &hold), PEERS_OK);
    CHECK_EQ(connect_from(peers, "192.0.2.1", now_us, &hold), PEERS_HANDSHAKES);
    CHECK_EQ(connect_from(peers, "192.0.2.1", now_us + SECOND / 5, &hold), PEERS_OK);
    CHECK_EQ(connect_from(peers, "192.0.2.1", now_us + SECOND / 5, &hold), PEERS_HANDSHAKES);
    int taken = 0;
    for (int ms = 1000; ms < 11000; ms++)
        taken += connect_from(peers, "192.0.2.1", now_us + ms * 1000LL, &hold) == PEERS_OK;
    CHECK(taken >= 50 && taken <= 55);
    peers_destroy(peers);
}

static void test_sessions_outlive_connections(void)
{
    struct peers *peers = peers_create(&(struct peers_config){.sessions = 1}, 100);
    peers_hold first, second, session, none;
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &first), PEERS_OK);
    CHECK_EQ(peers_enter(peers, first, &session), PEERS_OK);
    peers_disconnect(peers, first);
    CHECK_EQ(peers_live(peers), 1);
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &second), PEERS_OK);
    CHECK_EQ(peers_enter(peers, second, &none), PEERS_SESSIONS);
    peers_leave(peers, session);
    CHECK_EQ(peers_enter(peers, second, &session), PEERS_OK);
    peers_leave(peers, session);
    peers_disconnect(peers, second);
    /* Whom nobody counts has no cap. */
    CHECK_EQ(peers_enter(peers, 0, &session), PEERS_OK);
    CHECK_EQ(session, 0);
    peers_leave(peers, session);
    peers_destroy(peers);
}

static void test_sessions_of_one_subject(void)
{
    struct peers *peers = peers_create(&(struct peers_config){.subject_sessions = 2}, 100);
    peers_hold a, b, c;
    CHECK_EQ(peers_enter_subject(peers, "ana", &a), PEERS_OK);
    CHECK_EQ(peers_enter_subject(peers, "ana", &b), PEERS_OK);
    CHECK_EQ(peers_enter_subject(peers, "ana", &c), PEERS_SUBJECT);
    CHECK_EQ(peers_enter_subject(peers, "ben", &c), PEERS_OK);
    peers_leave(peers, a);
    CHECK_EQ(peers_enter_subject(peers, "ana", &a), PEERS_OK);
    peers_leave(peers, a);
    peers_leave(peers, b);
    peers_leave(peers, c);
    CHECK_EQ(peers_live(peers), 0);
    peers_destroy(peers);
}

static void test_failed_tokens_a_minute(void)
{
    struct peers *peers = peers_create(&(struct peers_config){.failures = 3}, 100);
    peers_hold hold, other;
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &hold), PEERS_OK);
    CHECK_EQ(peers_failed(peers, hold, 0), PEERS_OK);
    CHECK_EQ(peers_failed(peers, hold, 0), PEERS_OK);
    CHECK_EQ(peers_failed(peers, hold, 0), PEERS_FAILURES);
    peers_disconnect(peers, hold);
    /* It is remembered without a connection. */
    CHECK_EQ(connect_from(peers, "192.0.2.1", SECOND, &hold), PEERS_FAILURES);
    CHECK_EQ(connect_from(peers, "192.0.2.2", SECOND, &other), PEERS_OK);
    CHECK_EQ(connect_from(peers, "192.0.2.1", 20 * SECOND, &hold), PEERS_OK);
    peers_destroy(peers);
}

/* More addresses than the table has room for: those that hold something are kept, the others
 * forgotten, longest ago first. */
static void test_table_is_bounded(void)
{
    struct peers *peers = peers_create(&(struct peers_config){.failures = 1}, 10);
    peers_hold kept, barred, hold;
    char text[32];
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &kept), PEERS_OK);
    CHECK_EQ(connect_from(peers, "192.0.2.2", 0, &barred), PEERS_OK);
    CHECK_EQ(peers_failed(peers, barred, 0), PEERS_FAILURES);
    peers_disconnect(peers, barred);
    for (int i = 0; i < PEERS_IDLE_MAX + 100; i++) {
        snprintf(text, sizeof text, "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        CHECK_EQ(connect_from(peers, text, 0, &hold), PEERS_OK);
        peers_disconnect(peers, hold);
    }
    CHECK_EQ(connect_from(peers, "192.0.2.2", 0, &hold), PEERS_OK);
    CHECK_EQ(peers_failed(peers, kept, 0), PEERS_FAILURES);
    CHECK_EQ(connect_from(peers, "192.0.2.1", 0, &hold), PEERS_FAILURES);
    CHECK_EQ(peers_live(peers), 2);
    peers_destroy(peers);
}

/* One address after another in turn, as an attacker with many would: nothing is lost or counted
 * twice. */
static void test_holds_add_up(void)
{
    struct peers *peers = peers_create(&(struct peers_config){.connections = 3}, 4000);
    static peers_hold holds[3000];
    char text[32];
    for (int i = 0; i < 3000; i++) {
        snprintf(text, sizeof text, "10.0.%d.%d", i % 1000 >> 8, i % 1000 & 255);
        CHECK_EQ(connect_from(peers, text, 0, &holds[i]), PEERS_OK);
    }
    peers_hold none;
    CHECK_EQ(peers_live(peers), 1000);
    CHECK_EQ(connect_from(peers, "10.0.0.17", 0, &none), PEERS_CONNECTIONS);
    for (int i = 0; i < 3000; i++)
        peers_disconnect(peers, holds[i]);
    CHECK_EQ(peers_live(peers), 0);
    peers_destroy(peers);
}

static bool same(const struct peers_address *a, const char *text)
{
    struct peers_address b = address_of(text);
    return memcmp(a, &b, sizeof b) == 0;
}

static void test_addresses(void)
{
    static const char *const wrong[] = {
        "",       "x",      "1.2.3", "1.2.3.4:", "1.2.3.4:x", "[::1",
        "[::1]x", "[::1]:", "::1::", "unknown",  "_hidden",   "1.2.3.4.5"};
    struct peers_address address;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_EQ(peers_address_parse(&address, wrong[i], strlen(wrong[i])), STATUS_INVALID);
    address = address_of("192.0.2.1:8080");
    CHECK(same(&address, "192.0.2.1"));
    address = address_of("[2001:db8::1]:443");
    CHECK(same(&address, "2001:db8::1"));
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201)};
    CHECK_EQ(peers_address_from(&address, (struct sockaddr *)&v4), STATUS_OK);
    CHECK(same(&address, "192.0.2.1"));
    struct sockaddr other = {.sa_family = AF_UNIX};
    CHECK_EQ(peers_address_from(&address, &other), STATUS_UNSUPPORTED);
    address = address_of("127.8.8.8");
    CHECK(peers_address_loopback(&address));
    address = address_of("::1");
    CHECK(peers_address_loopback(&address));
    address = address_of("128.0.0.1");
    CHECK(!peers_address_loopback(&address));
}

static void test_proxies(void)
{
    struct peers_proxies proxies;
    CHECK_EQ(peers_proxies_parse(&proxies, " 127.0.0.1, 10.0.0.0/9,2001:db8::/33 "), STATUS_OK);
    static const struct {
        const char *text;
        bool known;
    } cases[] = {{"127.0.0.1", true},        {"127.0.0.2", false},     {"10.0.0.1", true},
                 {"10.127.255.255", true},   {"10.128.0.0", false},    {"2001:db8:7fff::1", true},
                 {"2001:db8:8000::", false}, {"::ffff:10.1.1.1", true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct peers_address address = address_of(cases[i].text);
        CHECK_EQ(peers_proxies_have(&proxies, &address), cases[i].known);
    }
    CHECK_EQ(peers_proxies_parse(&proxies, ""), STATUS_OK);
    CHECK_EQ(proxies.len, 0);
    CHECK_EQ(peers_proxies_parse(&proxies, "10.0.0.0/33"), STATUS_INVALID);
    CHECK_EQ(peers_proxies_parse(&proxies, "10.0.0.0/"), STATUS_INVALID);
    CHECK_EQ(peers_proxies_parse(&proxies, "proxy.example"), STATUS_INVALID);
    CHECK_EQ(peers_proxies_parse(&proxies,
                                 "1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 "
                                 "1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 "
                                 "1.1.1.1 1.1.1.1 1.1.1.1"),
             STATUS_LIMIT);
}

static void test_forwarded(void)
{
    static const struct {
        const char *header, *client; /* NULL: nobody */
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"203.0.113.9, 192.0.2.1", "192.0.2.1"}, /* the first is the client's own invention */
        {"192.0.2.1, 10.1.2.3, 10.9.9.9", "192.0.2.1"},
        {"192.0.2.1:4711", "192.0.2.1"},
        {"2001:db8::7", "2001:db8::7"},
        {"for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"},
        {"for=1.1.1.1, For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"},
        {"proto=https; for=192.0.2.60", "192.0.2.60"},
        {"for=192.0.2.60, for=10.0.0.1", "192.0.2.60"},
        {"", NULL},
        {"10.0.0.1", NULL},
        {"192.0.2.1, unknown", NULL},
        {"for=_hidden", NULL},
        {"for=", NULL},
        {"proto=https", NULL},
        {",,,", NULL},
        {"192.0.2.1,", NULL},
    };
    struct peers_proxies proxies;
    CHECK_EQ(peers_proxies_parse(&proxies, "10.0.0.0/8"), STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct peers_address address;
        int status = peers_forwarded(&proxies, cases[i].header, &address);
        CHECK_EQ(status, cases[i].client != NULL ? STATUS_OK : STATUS_NOT_FOUND);
        if (status == STATUS_OK)
            CHECK(same(&address, cases[i].client));
    }
}

int main(void)
{
    RUN(test_connections_of_one_address);
    RUN(test_unfinished_connections_of_one_address);
    RUN(test_ipv6_by_network);
    RUN(test_handshakes_a_second);
    RUN(test_sessions_outlive_connections);
    RUN(test_sessions_of_one_subject);
    RUN(test_failed_tokens_a_minute);
    RUN(test_table_is_bounded);
    RUN(test_holds_add_up);
    RUN(test_addresses);
    RUN(test_proxies);
    RUN(test_forwarded);
    return check_done();
}
