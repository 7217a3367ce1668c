/* Easy handles and what is set on them once; a request then changes only its body. */
#include "base/mem.h"
#include "base/status.h"
#include "pool/chat_provider.h"
#include "pool/internal.h"
#include <assert.h>
#include <string.h>

#define URL_BYTES_MAX    2048
#define HEADER_BYTES_MAX 1024

#define IDLE_MAX_S                                                                                 \
    (365L * 24 * 3600) /* libcurl would drop idle connections after 118 s; ours are kept warm */

static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
    struct pool__slot *slot = ctx;
    slot->conn->used_us = loop_now_us(slot->pool->loop);
    slot->conn->reset_unsent = false; /* libcurl writes after it has read */
    if (slot->exchange == NULL)
        return size * count;
    return pool__exchange_bytes(slot, bytes, size * count);
}

/* A stream was found. Called again when libcurl sends a refused request again by itself: that must
 * not stay silent. */
static int on_stream(void *ctx, char *peer, char *local, int peer_port, int local_port)
{
    struct pool__slot *slot = ctx;
    slot->streams++;
    if (slot->exchange == NULL)
        return CURL_PREREQFUNC_OK;
    slot->byte_us = loop_now_us(slot->pool->loop);
    if (slot->streams == 1)
        slot->conn->waiting--;
    else
        POOL_COUNT(slot->pool, retried, 1);
    return CURL_PREREQFUNC_OK;
}

CURLU *pool__url_create(const struct pool__upstream *upstream, bool probe)
{
    struct buf text;
    buf_init(&text, URL_BYTES_MAX);
    CURLU *url = curl_url();
    bool ok = url != NULL &&
              chat_provider_url(&upstream->config.account, probe, &text) == STATUS_OK &&
              curl_url_set(url, CURLUPART_URL, text.data, 0) == CURLUE_OK;
    buf_deinit(&text);
    if (ok)
        return url;
    curl_url_cleanup(url);
    return NULL;
}

static int header_append(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer == NULL)
        return STATUS_NOMEM;
    *list = longer;
    return STATUS_OK;
}

static int headers_of(const struct chat_account *account, struct curl_slist **list)
{
    int status = STATUS_OK;
    for (unsigned i = 0; status == STATUS_OK; i++) {
        struct buf line;
        buf_init(&line, HEADER_BYTES_MAX);
        status = chat_provider_header(account, i, &line);
        if (status == STATUS_OK)
            status = header_append(list, line.data);
        buf_deinit(&line);
    }
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    return status == STATUS_NOMEM ? status : STATUS_INVALID;
}

int pool__headers_create(struct pool__upstream *upstream)
{
    int status = headers_of(&upstream->config.account, &upstream->get_headers);
    if (status == STATUS_OK)
        status = headers_of(&upstream->config.account, &upstream->headers);
    if (status == STATUS_OK)
        status = header_append(&upstream->headers, "Content-Type: application/json");
    /* Without a value: libcurl then leaves the header out, and never waits for 100 Continue. */
    if (status == STATUS_OK)
        status = header_append(&upstream->headers, "Expect:");
    return status;
}

static void set_connection(struct pool__slot *slot)
{
    const struct pool_config *config = &slot->pool->config;
    CURL *easy = slot->easy;
    bool plain = slot->upstream->plain;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     (long)(plain ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, plain ? 0L : 1L);
    if (slot->upstream->direct)
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (slot->upstream->config.ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, slot->upstream->config.ca_file);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)config->connect_timeout_ms);
    /* A new connection resolves anew in any case; this is for one that is opened again. */
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, (long)POOL_DNS_KEEP_S);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_MAX_S);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, config->on_demand ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, pool__socket_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, slot);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, pool__socket_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, slot->pool);
}

static void set_request(struct pool__slot *slot, bool get)
{
    const struct pool__upstream *upstream = slot->upstream;
    CURL *easy = slot->easy;
    curl_easy_setopt(easy, CURLOPT_CURLU, get ? upstream->models_url : upstream->url);
    curl_easy_setopt(easy, get ? CURLOPT_HTTPGET : CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, get ? upstream->get_headers : upstream->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "sotto/" SOTTO_VERSION);
    if (get)
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                         2L * (long)slot->pool->config.connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_stream);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, slot);
}

struct pool__slot *pool__slot_create(struct pool__upstream *upstream, bool get)
{
    struct pool__slot *slot = mem_calloc(1, sizeof *slot);
    if (slot == NULL)
        return NULL;
    slot->pool = upstream->pool;
    slot->upstream = upstream;
    slot->easy = curl_easy_init();
    if (slot->easy == NULL) {
        mem_free(slot);
        return NULL;
    }
    set_connection(slot);
    set_request(slot, get);
    return slot;
}

void pool__slot_destroy(struct pool__slot *slot)
{
    if (slot == NULL)
        return;
    curl_easy_cleanup(slot->easy);
    mem_free(slot);
}
