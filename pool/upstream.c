/* What is set up once for an upstream: its address, its key, its headers. */
#include "base/mem.h"
#include "base/status.h"
#include "pool/internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool loopback(const char *url, const char *scheme)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    if (!starts(url, scheme))
        return false;
    url += strlen(scheme);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        char after = starts(url, hosts[i]) ? url[strlen(hosts[i])] : '?';
        if (after == ':' || after == '/' || after == '\0')
            return strchr(url, '@') == NULL;
    }
    return false;
}

const char *pool__upstream_fault(const struct pool_upstream_config *config)
{
    const char *url = config->account.url;
    /* Keys must never cross a network in the clear. */
    if (url == NULL || (!starts(url, "https://") && !loopback(url, "http://")))
        return "base_url must be https, or http to loopback";
    if (url[strlen(url) - 1] == '/' || strlen(url) > 1000)
        return "base_url must not end in a slash";
    if (config->connections == 0 || config->connections > POOL_CONNECTIONS_MAX)
        return "connections out of range";
    if (config->streams_per_connection == 0 || config->streams_per_connection > POOL_STREAMS_MAX)
        return "streams_per_connection out of range";
    return NULL;
}

/* libcurl would look for proxies in the environment at every request. */
static bool needs_no_proxy(const char *url)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    if (loopback(url, "http://") || loopback(url, "https://"))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (getenv(names[i]) != NULL)
            return false;
    return true;
}

static int strings_copy(struct pool_upstream_config *config)
{
    const char **texts[] = {&config->account.url,          &config->account.key,
                            &config->account.organization, &config->account.deployment,
                            &config->account.api_version,  &config->ca_file};
    int status = STATUS_OK;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (*texts[i] == NULL)
            continue;
        *texts[i] = mem_strdup(*texts[i]); /* the others are copied all the same: all are owned */
        if (*texts[i] == NULL)
            status = STATUS_NOMEM;
    }
    return status;
}

int pool__upstream_init(struct pool__upstream *upstream, struct pool *pool,
                        const struct pool_upstream_config *config)
{
    upstream->pool = pool;
    upstream->index = (unsigned)(upstream - pool->upstreams);
    upstream->config = *config;
    budget_init(&upstream->budget, 0, 0, loop_now_us(pool->loop));
    if (strings_copy(&upstream->config) != STATUS_OK)
        return STATUS_NOMEM;
    const char *base = upstream->config.account.url;
    upstream->plain = starts(base, "http://");
    upstream->direct = needs_no_proxy(base);
    upstream->url = pool__url_create(upstream, false);
    upstream->models_url = pool__url_create(upstream, true);
    if (upstream->url == NULL || upstream->models_url == NULL)
        return STATUS_INVALID;
    return pool__headers_create(upstream);
}

void pool__upstream_deinit(struct pool__upstream *upstream)
{
    struct pool_upstream_config *config = &upstream->config;
    while (upstream->slots != NULL) {
        struct pool__slot *slot = upstream->slots;
        upstream->slots = slot->next;
        pool__slot_destroy(slot);
    }
    curl_slist_free_all(upstream->headers);
    curl_slist_free_all(upstream->get_headers);
    curl_url_cleanup(upstream->url);
    curl_url_cleanup(upstream->models_url);
    mem_free((char *)config->account.url);
    mem_free((char *)config->account.key);
    mem_free((char *)config->account.organization);
    mem_free((char *)config->account.deployment);
    mem_free((char *)config->account.api_version);
    mem_free((char *)config->ca_file);
}
