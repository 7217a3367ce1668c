#include "pool/post.h"

#include "base/clock.h"
#include "base/status.h"
#include "pool/limits.h"
#include <arpa/inet.h>
#include <assert.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Where requests may go. */

static bool private_v4(uint32_t address)
{
    static const struct {
        uint32_t net;
        unsigned bits;
    } nets[] = {
        {0x00000000, 8},  /* this network */
        {0x0A000000, 8},  /* RFC 1918 */
        {0x64400000, 10}, /* RFC 6598, behind a carrier's NAT */
        {0x7F000000, 8},  /* loopback */
        {0xA9FE0000, 16}, /* link-local, where clouds keep their metadata */
        {0xAC100000, 12}, /* RFC 1918 */
        {0xC0A80000, 16}, /* RFC 1918 */
        {0xE0000000, 3},  /* multicast, reserved, broadcast */
    };
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++)
        if ((address ^ nets[i].net) >> (32 - nets[i].bits) == 0)
            return true;
    return false;
}

static uint32_t v4_at(const uint8_t *bytes)
{
    uint32_t address;
    memcpy(&address, bytes, sizeof address);
    return ntohl(address);
}

static bool private_v6(const struct in6_addr *address)
{
    static const uint8_t translated[12] = {0x00, 0x64, 0xff, 0x9b};
    const uint8_t *bytes = address->s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(address) || memcmp(bytes, translated, sizeof translated) == 0)
        return private_v4(v4_at(bytes + 12));
    return IN6_IS_ADDR_UNSPECIFIED(address) || IN6_IS_ADDR_LOOPBACK(address) ||
           IN6_IS_ADDR_LINKLOCAL(address) || IN6_IS_ADDR_MULTICAST(address) ||
           (bytes[0] & 0xFE) == 0xFC;
}

static bool is_private(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return private_v4(
            ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
    if (address->sa_family == AF_INET6)
        return private_v6(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    return true;
}

static bool is_loopback_host(CURLU *url)
{
    char *host = NULL;
    if (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        return false;
    bool loopback = strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
                    strcmp(host, "[::1]") == 0;
    curl_free(host);
    return loopback;
}

const char *pool_post_url_fault(const char *url, bool private_ok)
{
    const char *fault = NULL;
    char *scheme = NULL, *user = NULL;
    CURLU *parsed = curl_url();
    if (parsed == NULL || curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        fault = "is no URL; write https://host/path";
    else if (curl_url_get(parsed, CURLUPART_USER, &user, 0) == CURLUE_OK)
        fault = "must not hold a user or password; the signature tells who sends";
    else if (strcmp(scheme, "http") == 0 && !(private_ok && is_loopback_host(parsed)))
        fault = "must begin with https://; http is for this machine only, with private = true";
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        fault = "must begin with https://";
    curl_free(scheme);
    curl_free(user);
    curl_url_cleanup(parsed);
    return fault;
}

/* One exchange. */

struct exchange {
    const struct pool_post *post;
    size_t received;
    bool barred;
};

/* The address is judged when it is known, so no name can stand for another one. */
static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct exchange *exchange = ctx;
    if (!exchange->post->private_ok && is_private(&address->addr)) {
        exchange->barred = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* What it says beside the status is of no interest, but it may not go on for ever. */
static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    exchange->received += size * count;
    return exchange->received <= POST_ANSWER_MAX ? size * count : 0;
}

static int on_progress(void *ctx, curl_off_t down, curl_off_t down_now, curl_off_t up,
                       curl_off_t up_now)
{
    const struct exchange *exchange = ctx;
    const _Atomic int64_t *give_up_us = exchange->post->give_up_us;
    int64_t at_us = give_up_us != NULL ? atomic_load_explicit(give_up_us, memory_order_relaxed) : 0;
    return at_us != 0 && clock_mono_us() >= at_us;
}

/* NULL: out of memory. */
static struct curl_slist *headers_create(const struct pool_post *post)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    bool made = list != NULL;
    for (size_t i = 0; made && i < post->headers_len; i++)
        made = curl_slist_append(list, post->headers[i]) != NULL;
    if (made)
        return list;
    curl_slist_free_all(list);
    return NULL;
}

static void options_set(CURL *easy, struct exchange *exchange)
{
    const struct pool_post *post = exchange->post;
    curl_easy_setopt(easy, CURLOPT_URL, post->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "sotto/" SOTTO_VERSION);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)post->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body_len);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, post->body);
    if (post->ca_file[0] != '\0')
        curl_easy_setopt(easy, CURLOPT_CAINFO, post->ca_file);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, exchange);
}

static int judge(const struct exchange *exchange, CURL *easy, CURLcode result, const char *error,
                 struct pool_posted *out)
{
    long http_status = 0;
    curl_off_t after_s = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &http_status);
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &after_s);
    if (exchange->barred) {
        snprintf(out->why, sizeof out->why, "its address is private, which is not allowed");
        return STATUS_UNAVAILABLE;
    }
    /* A status is an answer, whatever becomes of the body behind it. */
    if (http_status < 200) {
        snprintf(out->why, sizeof out->why, "%s",
                 error[0] != '\0' ? error : curl_easy_strerror(result));
        return STATUS_UNAVAILABLE;
    }
    out->http_status = (int)http_status;
    if (http_status < 300)
        return STATUS_OK;
    if (after_s > 0)
        out->retry_after_ms = after_s < 86400 ? (uint32_t)after_s * 1000 : 86400000;
    snprintf(out->why, sizeof out->why, "answered with status %ld", http_status);
    return http_status == 410 ? STATUS_CLOSED : STATUS_REFUSED;
}

int pool_post(const struct pool_post *post, struct pool_posted *out)
{
    assert(post->timeout_ms > 0 && post->ca_file != NULL);
    struct exchange exchange = {.post = post};
    char error[CURL_ERROR_SIZE] = "";
    *out = (struct pool_posted){0};
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = easy != NULL ? headers_create(post) : NULL;
    int status = STATUS_NOMEM;
    snprintf(out->why, sizeof out->why, "out of memory");
    if (headers != NULL) {
        options_set(easy, &exchange);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
        CURLcode result = curl_easy_perform(easy);
        status = judge(&exchange, easy, result, error, out);
        out->barred = exchange.barred;
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    if (status == STATUS_OK)
        out->why[0] = '\0';
    return status;
}
