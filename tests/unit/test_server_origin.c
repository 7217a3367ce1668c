#include "server/origin.h"
#include "tests/check.h"

static void test_same(void)
{
    CHECK(origin_same("http://localhost:8080", "localhost:8080", false));
    CHECK(origin_same("HTTP://LocalHost:8080", "localhost:8080", false));
    CHECK(origin_same("http://example.com", "example.com", false));
    CHECK(origin_same("http://example.com", "example.com:80", false));
    CHECK(origin_same("https://example.com", "example.com:443", true));
    CHECK(origin_same("https://example.com:443", "example.com", true));
    CHECK(origin_same("https://[2001:db8::1]:8443", "[2001:db8::1]:8443", true));
}

static void test_scheme_and_port_count(void)
{
    CHECK(!origin_same("http://example.com", "example.com", true));
    CHECK(!origin_same("https://example.com", "example.com", false));
    CHECK(!origin_same("https://example.com", "example.com:80", true));
    CHECK(!origin_same("http://localhost:3000", "localhost:8080", false));
    CHECK(!origin_same("http://localhost", "localhost:8080", false));
    CHECK(!origin_same("https://example.com:444", "example.com", true));
}

/* What begins or ends like ours is not ours. */
static void test_tricks(void)
{
    static const char *const others[] = {
        "null",
        "",
        "http://",
        "example.com",
        "http:example.com",
        "http://example.com.evil.org",
        "http://evil-example.com",
        "http://evil.org/example.com",
        "http://example.com/",
        "http://example.com/path",
        "http://example.com:80:80",
        "http://example.com:",
        "http://example.com:080x",
        "http://example.com:999999",
        "http://evil.org@example.com",
        "http://example.com@evil.org",
        "http://example.com#evil.org",
        "http://example.com?",
        "http://example.com evil.org",
        "http://example.com\t",
        "http://example.com.",
        "http://[example.com",
        "http://[::1]evil.org",
        "file://example.com",
        "http://example.co",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (origin_same(others[i], "example.com", false)) {
            fprintf(stderr, "%s\n", others[i]);
            CHECK(false);
        }
    CHECK(!origin_same("http://", "", false));
    CHECK(!origin_same("http://a b", "a b", false));
}

static void test_list(void)
{
    const char *list = "https://app.example, http://localhost:3000,null";
    CHECK(origin_listed(list, "https://app.example"));
    CHECK(origin_listed(list, "https://App.Example"));
    CHECK(origin_listed(list, "http://localhost:3000"));
    CHECK(!origin_listed(list, "null"));
    CHECK(!origin_listed(list, "https://app.example.evil.org"));
    CHECK(!origin_listed(list, "https://app"));
    CHECK(!origin_listed(list, "http://app.example"));
    CHECK(!origin_listed(list, ""));
    CHECK(!origin_listed("", "https://app.example"));
}

static void test_loopback_hosts(void)
{
    static const char *const ours[] = {"localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]",
                                       "[::1]:8080"};
    static const char *const others[] = {"localhost.evil.org",
                                         "127.0.0.1.evil.org",
                                         "127.0.0.2",
                                         "evil.org",
                                         "[::1",
                                         "[::1]x",
                                         "localhost:8080x",
                                         "",
                                         "[::2]"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        CHECK(origin_host_is_loopback(ours[i]));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK(!origin_host_is_loopback(others[i]));
}

int main(void)
{
    RUN(test_same);
    RUN(test_scheme_and_port_count);
    RUN(test_tricks);
    RUN(test_list);
    RUN(test_loopback_hosts);
    return check_done();
}
