#include "server/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/worker.h"
#include "grammar/grammar.h"
#include "server/admission_watch.h"
#include "server/auth.h"
#include "server/config.h"
#include "server/directory.h"
#include "server/durable.h"
#include "server/front.h"
#include "server/http_limits.h"
#include "server/listen.h"
#include "server/monitor.h"
#include "server/notices.h"
#include "server/pages.h"
#include "server/peers.h"
#include "server/registry.h"
#include "server/speech.h"
#include "server/start.h"
#include "server/stop.h"
#include "server/store_path.h"
#include "server/store_query.h"
#include "server/tls.h"
#include "server/upstream.h"
#include "stt/client.h"
#include "translate/translate.h"
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ACK_MS 500
/* A full mailbox is tried again after this; the caller is a thread that may sleep. */
#define POST_RETRY_NS 200000

int server_offer(struct server *server, struct msg *msg)
{
    int front = directory_hold(server->directory, msg->session);
    int status = front >= 0 ? front_send(server->fronts[front], msg) : STATUS_NOT_FOUND;
    directory_release(server->directory);
    return status;
}

/* Without workers a front posts to itself. */
static bool is_own(const struct server *server, const struct msg *msg)
{
    int front = directory_front(server->directory, msg->session);
    return front >= 0 && loop_is_current(server->fronts[front]->loop);
}

void server_post(struct server *server, struct msg *msg)
{
    for (;;) {
        int status = server_offer(server, msg);
        if (status == STATUS_OK)
            return;
        if (status != STATUS_FULL || is_own(server, msg)) {
            if (status == STATUS_FULL)
                LOG_WARN(LOG_FRONT, msg->session, "mailbox full, message lost", "kind=%d",
                         msg->kind);
            msg->free_fn(msg);
            return;
        }
        mailbox_wake_deferred();
        nanosleep(&(struct timespec){.tv_nsec = POST_RETRY_NS}, NULL);
    }
}

static bool has_prices(const struct config *config)
{
    return (config->price_translate_in | config->price_translate_cached |
            config->price_translate_out | config->price_grammar_in | config->price_grammar_cached |
            config->price_grammar_out) != 0;
}

static struct session_config session_config_from(const struct config *config,
                                                 const struct providers *providers,
                                                 const struct chats *chats)
{
    return (struct session_config){
        .limits = {.frame_bytes_max = FRAME_BYTES_MAX,
                   .audio_speed_max = AUDIO_SPEED_MAX,
                   .idle_ms = (uint32_t)config->idle_ms,
                   .session_ms = (uint32_t)config->session_ms,
                   .targets_max = TARGETS_MAX,
                   .resume_ms = (uint32_t)config->resume_ms,
                   .flush_ms = (uint32_t)config->flush_ms,
                   .drain_ms = (uint32_t)config->drain_ms},
        .stt_provider = providers->stt,
        .stt_providers_len = providers->len,
        .punctuation = config->stt_punctuation,
        .block_ms = (uint32_t)config->stt_block_ms,
        .agreement = (unsigned)config->stt_agreement,
        .idle_close_ms = providers_idle_ms(providers, (uint32_t)config->stt_idle_close_ms),
        .silence_close_ms = (uint32_t)config->stt_silence_close_ms,
        .ring_ms = (uint32_t)config->stt_ring_ms,
        .stream_soft_ms = providers_rotate_ms(providers, (uint32_t)config->stt_soft_ms),
        .stream_hard_ms = providers_rotate_ms(providers, (uint32_t)config->stt_hard_ms),
        .translate_gap_ms = (uint32_t)config->translate_partial_gap_ms,
        .grammar_gap_ms = (uint32_t)config->grammar_partial_gap_ms,
        .partial_words = (uint32_t)config->translate_partial_words,
        .grammar_partial_words = (uint32_t)config->grammar_partial_words,
        .currency = has_prices(config) ? config->price_currency : NULL,
        .eager = (config->off & CONFIG_OFF_COALESCING) != 0,
        .translate_whole = !chat_api_follows(&chats->side[CHATS_TRANSLATE].api),
        .final_deadline_ms = (uint32_t)config->translate_final_deadline_ms,
        .partial_deadline_ms = (uint32_t)config->translate_partial_deadline_ms,
        .ack_ms = ACK_MS,
    };
}

static int make_store(struct server *server)
{
    const struct config *config = server->config;
    char *path, why[STORE_PATH_WHY_BYTES];
    int status = store_path_find(config->store_path, &path, why);
    if (status != STATUS_OK) {
        LOG_ERROR(LOG_MAIN, 0, "no place for the store", "path=%s error=%s",
                  LOG_Q(config->store_path), LOG_Q(why));
        return status;
    }
    const struct store_config store = {.path = path,
                                       .sync_full = strcmp(config->store_sync, "full") == 0,
                                       .group_ms = (uint32_t)config->store_group_ms,
                                       .retention_days = (uint32_t)config->store_retention_days,
                                       .resume_ms = (uint32_t)config->resume_ms,
                                       .post = durable_on_answer,
                                       .ctx = server};
    status = store_open(&server->store, &store);
    mem_free(path);
    return status;
}

static struct peers_config peers_config_from(const struct config *config)
{
    return (struct peers_config){.connections = (uint32_t)config->peers_connections,
                                 .sessions = (uint32_t)config->peers_sessions,
                                 .unfinished = (uint32_t)config->peers_unfinished,
                                 .handshakes = (uint32_t)config->peers_handshakes,
                                 .failures = (uint32_t)config->peers_failures,
                                 .subject_sessions = (uint32_t)config->peers_subject_sessions};
}

static int make_shared(struct server *server)
{
    const struct config *config = server->config;
    const struct peers_config caps = peers_config_from(config);
    server->peers = peers_create(&caps, (uint32_t)(config->connections_max + config->sessions_max));
    server->directory =
        directory_create((uint32_t)config->connections_max, (uint32_t)config->sessions_max);
    server->registry = registry_create((uint32_t)config->sessions_max);
    unsigned threads = config->off & CONFIG_OFF_WORKERS ? 0 : (unsigned)config->workers;
    server->workers = worker_pool_create(threads, WORKER_QUEUE);
    server->errands = worker_pool_create(threads > 0 ? 1 : 0, HTTP_REQUESTS_MAX);
    server->translate_cache = translate_cache_create(config->translate_cache);
    server->grammar_cache = grammar_cache_create(config->grammar_cache);
    if (server->peers == NULL || server->directory == NULL || server->registry == NULL ||
        server->workers == NULL || server->errands == NULL || server->translate_cache == NULL ||
        server->grammar_cache == NULL)
        return STATUS_NOMEM;
    return STATUS_OK;
}

static int make_fronts(struct server *server, const int *listening)
{
    for (unsigned i = 0; i < server->config->fronts; i++) {
        int status = front_create(&server->fronts[i], server, i, listening[i]);
        if (status != STATUS_OK)
            return status;
        server->fronts_len++;
    }
    /* Before anybody can ask it. */
    int status = admission_create(&server->admission, server);
    if (status != STATUS_OK)
        return status;
    for (unsigned i = 0; i < server->fronts_len; i++) {
        status = front_start(server->fronts[i]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

int server_loop_create(const struct server *server, struct loop **out)
{
    enum loop_backend backend = LOOP_AUTO;
    const char *name = server->config->loop;
    loop_backend_parse(name, &backend);
    if (server->config->off & CONFIG_OFF_URING)
        backend = LOOP_EPOLL;
    int status = loop_create(out, backend);
    if (status != STATUS_OK)
        LOG_ERROR(LOG_LOOP, 0, "cannot make an event loop", "loop=%s status=%s hint=%s", name,
                  status_name(status), LOG_Q("try --loop epoll"));
    return status;
}

/* Who is let in, and what the server shows for itself. */
static int make_trust(struct server *server)
{
    struct token_keys *keys = NULL;
    struct tls_pair *pair = NULL;
    atomic_init(&server->origins, server->config->origins);
    int status = auth_load(server->config, &keys);
    if (status == STATUS_OK)
        status = tls_load(server->config, &pair);
    if (status == STATUS_OK && (server->auth = auth_create(keys)) == NULL)
        status = STATUS_NOMEM;
    if (status == STATUS_OK && pair != NULL && (server->tls = tls_create(pair)) == NULL)
        status = STATUS_NOMEM;
    if (server->auth == NULL)
        token_keys_unref(keys);
    if (server->tls == NULL)
        tls_pair_free(pair);
    return status;
}

/* --- the monitor's ways out --- */

static int to_front(void *ctx, unsigned front, struct msg *msg)
{
    return front_send(((struct server *)ctx)->fronts[front], msg);
}

static int to_host(void *ctx, struct msg *msg)
{
    return server_offer(ctx, msg);
}

static int front_of(void *ctx, uint64_t watcher)
{
    return directory_front(((struct server *)ctx)->directory, watcher);
}

static int query(void *ctx, const struct store_query *question)
{
    return store_query(((struct server *)ctx)->store, MONITOR_ASKER, question);
}

/* Before there are fronts, to which it speaks only when one has spoken to it. */
static int make_monitor(struct server *server)
{
    /* It hears of an end a tick later than others hear that there is room again. */
    uint32_t sessions_max = 2 * (uint32_t)server->config->sessions_max;
    const struct monitor_config config = {.fronts = (unsigned)server->config->fronts,
                                          .sessions_max = sessions_max,
                                          .tick_ms = MONITOR_TICK_MS,
                                          .to_front = to_front,
                                          .to_host = to_host,
                                          .front_of = front_of,
                                          .query = query,
                                          .ctx = server};
    return monitor_create(&server->monitor, &config);
}

/* What can be made without asking the system for ports. */
static int make_rest(struct server *server, const int *listening)
{
    int status = make_trust(server);
    if (status == STATUS_OK)
        status = pages_open(&server->pages, server->config->web_path);
    if (status == STATUS_OK)
        status = make_store(server);
    if (status == STATUS_OK)
        status = make_shared(server);
    if (status == STATUS_OK)
        status = speech_start(server);
    if (status == STATUS_OK)
        status = upstream_create(&server->upstream, server);
    if (status == STATUS_OK)
        status = notices_open(&server->notices, server);
    if (status == STATUS_OK)
        status = make_monitor(server);
    return status == STATUS_OK ? make_fronts(server, listening) : status;
}

int server_start(struct server **out, const struct config *config)
{
    struct sockaddr_storage address;
    if (!start_listen_ok(config, &address) || !start_files_ok(config) || !notices_config_ok(config))
        return STATUS_INVALID;
    struct server *server = mem_calloc(1, sizeof *server);
    if (server == NULL)
        return STATUS_NOMEM;
    int made = providers_init(&server->providers, config, stderr);
    if (made == STATUS_OK)
        made = chats_init(&server->chats, config, stderr);
    if (made != STATUS_OK) {
        mem_free(server);
        return made;
    }
    server->config = config;
    made = peers_proxies_parse(&server->proxies, config->proxies);
    assert(made == STATUS_OK); /* checked when it was read */
    if (config->off != 0)
        LOG_WARN(LOG_MAIN, 0, "running without parts of it, for measuring only", "without=%s",
                 LOG_Q(config->without));
    server->session_config = session_config_from(config, &server->providers, &server->chats);
    server->started_us = clock_mono_us();
    /* The ports first: that they are taken is the likeliest failure, and then nothing else has
     * begun. */
    struct listening listening;
    unsigned fronts = (unsigned)config->fronts;
    int status = listen_open(&address, fronts, config->takeover, &listening);
    if (status != STATUS_OK) {
        LOG_ERROR(LOG_FRONT, 0, "cannot listen", "listen=%s error=%s hint=%s", config->listen,
                  LOG_Q(strerror(errno)),
                  LOG_Q("is another server on this port? choose one with --listen, or take its "
                        "place with --takeover"));
        mem_free(server);
        return status;
    }
    server->port = listening.port;
    if (listening.shared)
        LOG_INFO(LOG_FRONT, 0, "taking over from the server on this port", "listen=%s",
                 config->listen);
    status = make_rest(server, listening.sockets);
    if (status == STATUS_OK) {
        *out = server;
        return STATUS_OK;
    }
    /* A front that was made closes its own. */
    for (unsigned i = server->fronts_len; i < fronts; i++)
        close(listening.sockets[i]);
    server_stop(server);
    return status;
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

void server_stop(struct server *server)
{
    notices_quiet(server->notices);
    stop_now(server);
    for (unsigned i = 0; i < server->fronts_len; i++)
        front_join(server->fronts[i]);
    if (server->admission != NULL)
        admission_stop(server->admission);
    if (server->monitor != NULL)
        monitor_stop(server->monitor);
    /* From here nobody holds an id: what the other threads still send is freed by server_post(). */
    if (server->stt != NULL)
        stt_client_destroy(server->stt);
    if (server->upstream != NULL)
        upstream_close(server->upstream);
    worker_pool_destroy(server->workers);
    worker_pool_destroy(server->errands);
    /* Workers have told it of the last ends of sessions. */
    notices_close(server->notices);
    if (server->upstream != NULL)
        upstream_destroy(server->upstream);
    /* What sessions have said last is in its mailbox; its answers find nobody. */
    if (server->store != NULL)
        store_close(server->store);
    monitor_free(server->monitor);
    for (unsigned i = 0; i < server->fronts_len; i++)
        front_free(server->fronts[i]);
    translate_cache_destroy(server->translate_cache);
    grammar_cache_destroy(server->grammar_cache);
    if (server->admission != NULL)
        admission_free(server->admission);
    peers_destroy(server->peers);
    registry_destroy(server->registry);
    directory_destroy(server->directory);
    pages_close(server->pages);
    tls_destroy(server->tls);
    auth_destroy(server->auth);
    mem_free(server);
}
