#include "server/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/worker.h"
#include "grammar/grammar.h"
#include "server/config.h"
#include "server/directory.h"
#include "server/front.h"
#include "server/speech.h"
#include "server/upstream.h"
#include "stt/client.h"
#include "translate/translate.h"
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ACK_MS 500
/* A full mailbox is tried again after this; the caller is a thread that may sleep. */
#define POST_RETRY_NS 200000

void server_post(struct server *server, struct msg *msg)
{
    for (;;) {
        int front = directory_front(server->directory, msg->session);
        if (front < 0) {
            msg->free_fn(msg);
            return;
        }
        int status = front_send(server->fronts[front], msg);
        if (status == STATUS_OK)
            return;
        if (status != STATUS_FULL) {
            msg->free_fn(msg);
            return;
        }
        nanosleep(&(struct timespec){.tv_nsec = POST_RETRY_NS}, NULL);
    }
}

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080". Until token keys exist only loopback is
 * allowed. */
static int parse_listen(const char *text, struct sockaddr_storage *out)
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
    if (len == 0 || len >= sizeof host || colon[1] == '\0' || *end != '\0' || port > 65535)
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

static struct session_config session_config_from(const struct config *config)
{
    return (struct session_config){
        .limits = {.frame_bytes_max = FRAME_BYTES_MAX,
                   .audio_speed_max = AUDIO_SPEED_MAX,
                   .idle_ms = (uint32_t)config->idle_ms,
                   .session_ms = (uint32_t)config->session_ms,
                   .targets_max = TARGETS_MAX,
                   .resume_ms = 0,
                   .flush_ms = (uint32_t)config->flush_ms,
                   .drain_ms = (uint32_t)config->drain_ms},
        .stt_model = config->stt_model,
        .punctuation = config->stt_punctuation,
        .block_ms = (uint32_t)config->stt_block_ms,
        .idle_close_ms = (uint32_t)config->stt_idle_close_ms,
        .ring_ms = (uint32_t)config->stt_ring_ms,
        .stream_soft_ms = (uint32_t)config->stt_soft_ms,
        .stream_hard_ms = (uint32_t)config->stt_hard_ms,
        .partial_gap_ms = (uint32_t)config->translate_partial_gap_ms,
        .partial_words = (uint32_t)config->translate_partial_words,
        .final_deadline_ms = (uint32_t)config->translate_final_deadline_ms,
        .partial_deadline_ms = (uint32_t)config->translate_partial_deadline_ms,
        .ack_ms = ACK_MS,
    };
}

static int make_shared(struct server *server)
{
    const struct config *config = server->config;
    server->directory =
        directory_create((uint32_t)config->connections_max, (uint32_t)config->sessions_max);
    server->workers = worker_pool_create((unsigned)config->workers, WORKER_QUEUE);
    server->translate_cache = translate_cache_create(config->translate_cache);
    server->grammar_cache = grammar_cache_create(config->grammar_cache);
    if (server->directory == NULL || server->workers == NULL || server->translate_cache == NULL ||
        server->grammar_cache == NULL)
        return STATUS_NOMEM;
    return STATUS_OK;
}

static int make_fronts(struct server *server, const struct sockaddr_storage *address)
{
    uint16_t port = 0;
    for (unsigned i = 0; i < server->config->fronts; i++) {
        int status = front_create(&server->fronts[i], server, i, address, &port);
        if (status != STATUS_OK)
            return status;
        server->fronts_len++;
    }
    server->port = port;
    for (unsigned i = 0; i < server->fronts_len; i++) {
        int status = front_start(server->fronts[i]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

int server_start(struct server **out, const struct config *config)
{
    struct sockaddr_storage address;
    int status = parse_listen(config->listen, &address);
    if (status == STATUS_AUTH)
        LOG_ERROR(LOG_MAIN, 0, "refusing to listen beyond loopback without token keys",
                  "listen=%s hint=%s", config->listen,
                  LOG_Q("anyone could speak here; listen on 127.0.0.1 and put a proxy in front"));
    else if (status != STATUS_OK)
        LOG_ERROR(LOG_MAIN, 0, "listen is not ADDRESS:PORT", "listen=%s", LOG_Q(config->listen));
    if (status != STATUS_OK)
        return status;
    struct server *server = mem_calloc(1, sizeof *server);
    if (server == NULL)
        return STATUS_NOMEM;
    server->config = config;
    server->session_config = session_config_from(config);
    server->started_us = clock_mono_us();
    /* A failed start ends the process, which frees what was made; nothing is served before all of
     * it stands. */
    if ((status = make_shared(server)) != STATUS_OK ||
        (status = speech_start(server)) != STATUS_OK ||
        (status = upstream_create(&server->upstream, server)) != STATUS_OK ||
        (status = make_fronts(server, &address)) != STATUS_OK)
        return status;
    *out = server;
    return STATUS_OK;
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

static void stop_free(struct msg *msg)
{
    mem_free(msg);
}

static void stop_fronts(struct server *server)
{
    for (unsigned i = 0; i < server->fronts_len; i++) {
        struct msg *msg = mem_calloc(1, sizeof *msg);
        assert(msg != NULL);
        *msg = (struct msg){.kind = FRONT_STOP, .free_fn = stop_free};
        while (front_send(server->fronts[i], msg) == STATUS_FULL)
            nanosleep(&(struct timespec){.tv_nsec = POST_RETRY_NS}, NULL);
    }
    for (unsigned i = 0; i < server->fronts_len; i++)
        front_join(server->fronts[i]);
}

void server_stop(struct server *server)
{
    /* Relaxed: readers only need to see it soon. */
    atomic_store_explicit(&server->stopping, true, memory_order_relaxed);
    stop_fronts(server);
    /* From here nobody holds an id: what the other threads still send is freed by server_post(). */
    stt_client_destroy(server->stt);
    upstream_destroy(server->upstream);
    worker_pool_destroy(server->workers);
    for (unsigned i = 0; i < server->fronts_len; i++)
        front_free(server->fronts[i]);
    translate_cache_destroy(server->translate_cache);
    grammar_cache_destroy(server->grammar_cache);
    directory_destroy(server->directory);
    mem_free(server);
}
