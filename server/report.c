#include "server/report.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/durations.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "pool/pool.h"
#include "server/admission_watch.h"
#include "server/config.h"
#include "server/directory.h"
#include "server/front.h"
#include "server/http.h"
#include "server/metrics.h"
#include "server/monitor.h"
#include "server/notices.h"
#include "server/peers.h"
#include "server/server.h"
#include "server/store_report.h"
#include "server/tls.h"
#include "server/upstream.h"
#include "stt/client.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOPS_MAX (FRONTS_MAX + 1)

/* Every loop's counters under its thread's name; samples of one metric stand together. */
struct loops {
    unsigned len;
    char names[LOOPS_MAX][20];
    struct loop_stats stats[LOOPS_MAX];
};

static void write_lag(const struct loops *loops, struct buf *out)
{
    metrics_head(out, "sotto_loop_lag_seconds", "histogram", "how long due work waited");
    for (unsigned i = 0; i < loops->len; i++) {
        char labels[40];
        snprintf(labels, sizeof labels, "loop=\"%s\"", loops->names[i]);
        metrics_histogram(out, "sotto_loop_lag_seconds", labels, &loops->stats[i].lag);
    }
    metrics_head(out, "sotto_loop_lag_max_seconds", "gauge", "the longest due work ever waited");
    for (unsigned i = 0; i < loops->len; i++)
        buf_printf(out, "sotto_loop_lag_max_seconds{loop=\"%s\"} %.6f\n", loops->names[i],
                   (double)loops->stats[i].lag_max_us / 1e6);
}

static void write_turns(const struct loops *loops, struct buf *out)
{
    metrics_head(out, "sotto_loop_turns_total", "counter", "turns of an event loop");
    for (unsigned i = 0; i < loops->len; i++)
        buf_printf(out, "sotto_loop_turns_total{loop=\"%s\"} %llu\n", loops->names[i],
                   (unsigned long long)loops->stats[i].turns);
    metrics_head(out, "sotto_loop_busy_seconds_total", "counter", "time of turns without sleep");
    for (unsigned i = 0; i < loops->len; i++)
        buf_printf(out, "sotto_loop_busy_seconds_total{loop=\"%s\"} %.6f\n", loops->names[i],
                   (double)loops->stats[i].busy_us / 1e6);
    metrics_head(out, "sotto_allocations_total", "counter", "allocations of ours, by thread");
    for (unsigned i = 0; i < loops->len; i++)
        buf_printf(out, "sotto_allocations_total{thread=\"%s\"} %llu\n", loops->names[i],
                   (unsigned long long)loops->stats[i].allocations);
    metrics_head(out, "sotto_loop_cq_overflows_total", "counter",
                 "overflows of an io_uring completion queue");
    for (unsigned i = 0; i < loops->len; i++)
        buf_printf(out, "sotto_loop_cq_overflows_total{loop=\"%s\"} %llu\n", loops->names[i],
                   (unsigned long long)loops->stats[i].cq_overflows);
}

static void write_loops(struct front *front, const struct loop_stats *upstream, struct buf *out)
{
    struct server *server = front->server;
    metrics_head(out, "sotto_loop_backend", "gauge",
                 "event loop backend; reason tells why io_uring is not used");
    buf_printf(out, "sotto_loop_backend{backend=\"%s\",reason=\"%s\"} 1\n",
               loop_backend_name(front->loop), loop_backend_reason(front->loop));
    struct loops loops;
    for (loops.len = 0; loops.len < server->fronts_len; loops.len++) {
        snprintf(loops.names[loops.len], sizeof loops.names[0], "front-%u", loops.len);
        loop_stats(server->fronts[loops.len]->loop, &loops.stats[loops.len]);
    }
    snprintf(loops.names[loops.len], sizeof loops.names[0], "upstream");
    loops.stats[loops.len++] = *upstream;
    write_turns(&loops, out);
    write_lag(&loops, out);
}

/* Each front counts for itself; here they are one. */
static void write_fronts(const struct server *server, struct buf *out)
{
    struct durations_sum handover = {0}, starting = {0};
    for (unsigned i = 0; i < server->fronts_len; i++) {
        durations_read(&server->fronts[i]->handover, &handover);
        durations_read(&server->fronts[i]->starting, &starting);
    }
    metrics_head(out, "sotto_audio_handover_seconds", "histogram",
                 "from a complete block of audio to its acceptance by the transport");
    metrics_histogram(out, "sotto_audio_handover_seconds", "", &handover);
    metrics_head(out, "sotto_session_start_seconds", "histogram",
                 "from session.start to session.started");
    metrics_histogram(out, "sotto_session_start_seconds", "", &starting);
}

static void write_classes(const struct pool_stats *pool, struct buf *out)
{
    static const char *const classes[POOL_CLASSES] = {
        [POOL_FINAL_TRANSLATION] = "final_translation",
        [POOL_FINAL_GRAMMAR] = "final_grammar",
        [POOL_PARTIAL_TRANSLATION] = "partial_translation",
        [POOL_PARTIAL_GRAMMAR] = "partial_grammar"};
    metrics_head(out, "sotto_pool_requests_total", "counter", "requests sent, by class");
    for (int i = 0; i < POOL_CLASSES; i++)
        buf_printf(out, "sotto_pool_requests_total{class=\"%s\"} %llu\n", classes[i],
                   (unsigned long long)pool->sent_by_class[i]);
    metrics_head(out, "sotto_pool_unsent_total", "counter",
                 "requests not sent for want of budget, by class");
    for (int i = 0; i < POOL_CLASSES; i++)
        buf_printf(out, "sotto_pool_unsent_total{class=\"%s\"} %llu\n", classes[i],
                   (unsigned long long)pool->unsent_by_class[i]);
}

static void write_pool(const struct pool_stats *pool, struct buf *out)
{
    const struct {
        const char *name, *help;
        uint64_t value;
    } gauges[] =
        {
            {"sotto_pool_connections", "warm connections", pool->connections},
            {"sotto_pool_connections_retiring", "connections that only finish what they have",
             pool->retiring},
            {"sotto_pool_streams", "requests that the warm connections can carry at once",
             pool->streams},
            {"sotto_pool_in_flight", "requests sent, not answered", pool->in_flight},
            {"sotto_pool_queued", "requests waiting for budget", pool->queued},
            {"sotto_pool_waiting_stream", "requests waiting for a stream", pool->waiting_stream},
            {"sotto_pool_requests_limit", "requests a minute that are allowed now; 0: no limit",
             pool->requests_limit},
            {"sotto_pool_tokens_limit", "tokens a minute that are allowed now; 0: no limit",
             pool->tokens_limit},
        },
      counters[] = {
          {"sotto_pool_connects_total", "connections opened", pool->connects_total},
          {"sotto_pool_handshakes_late_total", "TLS handshakes on the request path after warm-up",
           pool->handshakes_late},
          {"sotto_pool_hedged_total", "finals asked for a second time because they took long",
           pool->hedged},
          {"sotto_pool_hedges_won_total", "of them, answered by the second try", pool->hedges_won},
          {"sotto_pool_replaced_total", "connections replaced: old, or ended by GOAWAY",
           pool->replaced},
          {"sotto_pool_goaways_total", "connections that the API ended by GOAWAY", pool->goaways},
          {"sotto_pool_moved_total", "requests sent on because their connection went away",
           pool->moved},
          {"sotto_pool_sent_total", "requests sent", pool->sent},
          {"sotto_pool_done_total", "requests answered", pool->done},
          {"sotto_pool_failed_total", "requests failed", pool->failed},
          {"sotto_pool_retried_total", "requests sent again", pool->retried},
          {"sotto_pool_cancelled_total", "requests cancelled", pool->cancelled},
          {"sotto_pool_expired_total", "requests dropped unsent at their deadline", pool->expired},
          {"sotto_pool_throttled_total", "answers with status 429", pool->throttled},
      };
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++)
        metrics_gauge(out, gauges[i].name, gauges[i].help, (double)gauges[i].value);
    metrics_gauge(out, "sotto_pool_queue_p99_seconds",
                  "how long requests waited to be sent, since the start",
                  (double)pool->queue_p99_us / 1e6);
    metrics_gauge(out, "sotto_pool_upstream_p99_seconds", "how long answers took, since the start",
                  (double)pool->upstream_p99_us / 1e6);
    metrics_gauge(out, "sotto_pool_hedge_after_seconds",
                  "a final that takes longer is asked for a second time; 0: not known yet",
                  (double)pool->hedge_after_us / 1e6);
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        metrics_counter(out, counters[i].name, counters[i].help, counters[i].value);
}

static void write_upstreams(const struct pool_stats *pool, struct buf *out)
{
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } metrics[] = {
#define M(name, type, help, field) {name, type, help, offsetof(struct pool_upstream_stats, field)}
        M("sotto_pool_upstream_connections", "gauge",
          "warm connections, by upstream as configured: [chat], [chat.2], [chat.3]", connections),
        M("sotto_pool_upstream_in_flight", "gauge", "requests sent, not answered", in_flight),
        M("sotto_pool_upstream_sent_total", "counter", "requests sent", sent),
        M("sotto_pool_upstream_answers_total", "counter", "requests answered", done),
        M("sotto_pool_upstream_troubles_total", "counter",
          "requests that the upstream failed: broken, stalled, errors of its own", troubles),
        M("sotto_pool_upstream_breaker", "gauge",
          "0: requests go through, 1: none does, 2: one, to try", breaker),
        M("sotto_pool_upstream_breaker_trips_total", "counter", "times it was left out", trips),
        M("sotto_pool_upstream_requests_limit", "gauge",
          "requests a minute that it tells of itself, where there are several", requests_limit),
        M("sotto_pool_upstream_tokens_limit", "gauge", "tokens a minute, the same", tokens_limit),
#undef M
    };
    for (size_t m = 0; m < sizeof metrics / sizeof metrics[0]; m++) {
        metrics_head(out, metrics[m].name, metrics[m].type, metrics[m].help);
        for (unsigned i = 0; i < pool->upstreams_len; i++) {
            uint64_t value;
            memcpy(&value, (const char *)&pool->upstreams[i] + metrics[m].offset, sizeof value);
            buf_printf(out, "%s{upstream=\"%u\"} %llu\n", metrics[m].name, i + 1,
                       (unsigned long long)value);
        }
    }
}

static void write_providers(const struct stt_client_stats *stats, struct buf *out)
{
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } metrics[] = {
#define M(name, type, help, field) {name, type, help, offsetof(struct stt_provider_stats, field)}
        M("sotto_stt_provider_calls", "gauge",
          "speech streams open, by provider in order of preference", calls),
        M("sotto_stt_provider_calls_total", "counter", "speech streams opened", calls_total),
        M("sotto_stt_provider_channels", "gauge", "gRPC channels", channels),
        M("sotto_stt_provider_streams_per_channel", "gauge",
          "as configured, or fewer as learnt of the API", cap),
        M("sotto_stt_provider_breaker", "gauge",
          "0: calls go through, 1: none does, 2: a few, to try", breaker),
        M("sotto_stt_provider_breaker_trips_total", "counter", "times too many calls had failed",
          trips),
        M("sotto_stt_provider_held_off_total", "counter", "calls that the breaker answered",
          held_off),
#undef M
    };
    for (size_t m = 0; m < sizeof metrics / sizeof metrics[0]; m++) {
        metrics_head(out, metrics[m].name, metrics[m].type, metrics[m].help);
        for (unsigned i = 0; i < stats->providers_len; i++) {
            uint64_t value;
            memcpy(&value, (const char *)&stats->providers[i] + metrics[m].offset, sizeof value);
            buf_printf(out, "%s{provider=\"%u\"} %llu\n", metrics[m].name, i + 1,
                       (unsigned long long)value);
        }
    }
}

static void write_speech(struct server *server, struct buf *out)
{
    struct stt_client_stats stats;
    stt_client_stats(server->stt, &stats);
    metrics_gauge(out, "sotto_stt_calls", "speech streams open", (double)stats.calls_open);
    metrics_gauge(out, "sotto_stt_channels", "gRPC channels", (double)stats.channels);
    metrics_gauge(out, "sotto_stt_channels_draining", "gRPC channels that only end their streams",
                  (double)stats.draining);
    metrics_gauge(out, "sotto_stt_waiting", "speech streams waiting for a channel",
                  (double)stats.waiting);
    metrics_counter(out, "sotto_stt_moved_total",
                    "speech streams that waited behind a full connection and went to another",
                    stats.moved);
    /* Wakes first: the other way round a session might be counted as less than none. */
    uint64_t wakes = metrics_get(METRIC_STT_WAKES), sleeps = metrics_get(METRIC_STT_SLEEPS);
    metrics_gauge(out, "sotto_stt_asleep", "silent sessions, whose audio is not streamed",
                  (double)(sleeps - wakes));
    metrics_gauge(out, "sotto_audio_held_bytes", "audio kept until its finals have come",
                  (double)stt_blocks_held_bytes());
    metrics_counter(out, "sotto_stt_calls_total", "speech streams opened", stats.calls_total);
    metrics_counter(out, "sotto_stt_sent_bytes_total", "audio sent to the speech API",
                    stats.bytes_sent);
    metrics_head(out, "sotto_stt_closed_total", "counter", "streams closed, by gRPC status");
    for (int i = 0; i < 17; i++)
        if (i == 0 || stats.closed_by_status[i] > 0)
            buf_printf(out, "sotto_stt_closed_total{status=\"%d\"} %llu\n", i,
                       (unsigned long long)stats.closed_by_status[i]);
    write_providers(&stats, out);
}

static void write_webhook(const struct server *server, struct buf *out)
{
    struct webhook_stats stats;
    notices_stats(server->notices, &stats);
    metrics_counter(out, "sotto_webhook_delivered_total", "letters that the webhook took",
                    stats.delivered);
    metrics_counter(out, "sotto_webhook_failed_total", "tries that failed", stats.failed);
    metrics_counter(out, "sotto_webhook_dead_total", "letters given up, kept as dead ones",
                    stats.dead);
    metrics_counter(out, "sotto_webhook_lost_total", "letters for which there was no room",
                    stats.lost);
    metrics_gauge(out, "sotto_webhook_waiting", "letters to be sent", (double)stats.waiting);
}

static void write_off(unsigned off, struct buf *out)
{
    static const struct {
        const char *name;
        unsigned bit;
    } parts[] = {
#define X(name, bit, text) {text, bit},
        CONFIG_OFF_MAP(X)
#undef X
    };
    metrics_head(out, "sotto_bench_without", "gauge", "1: switched off, for measuring only");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        buf_printf(out, "sotto_bench_without{what=\"%s\"} %d\n", parts[i].name,
                   (off & parts[i].bit) != 0);
}

void report_write(struct front *front, struct buf *out)
{
    struct server *server = front->server;
    metrics_write(out);
    metrics_gauge(out, "sotto_connections", "connections open",
                  directory_count(server->directory, DIRECTORY_CONNECTION));
    metrics_gauge(out, "sotto_sessions", "live sessions",
                  directory_count(server->directory, DIRECTORY_SESSION));
    metrics_gauge(out, "sotto_sessions_max", "configured limit",
                  (double)server->config->sessions_max);
    admission_report(server->admission, out);
    peers_report(server->peers, out);
    metrics_gauge(out, "sotto_ready", "1 when /readyz says ready", http_not_ready(server) == NULL);
    metrics_gauge(out, "sotto_rss_bytes", "resident set", (double)mem_rss());
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    metrics_head(out, "sotto_cpu_seconds_total", "counter", "CPU time of the process");
    buf_printf(out, "sotto_cpu_seconds_total %.6f\n",
               (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    metrics_gauge(out, "sotto_uptime_seconds", "since the start",
                  (double)(clock_mono_us() - server->started_us) / 1e6);
    metrics_gauge(out, "sotto_tls_certificate_end_seconds",
                  "when the certificate in force ends, since 1970; 0: no TLS",
                  server->tls != NULL ? (double)tls_expires_s(server->tls) : 0);
    write_off(server->config->off, out);
    metrics_counter(out, "sotto_log_dropped_total", "log lines dropped", log_dropped());
    struct pool_stats pool;
    struct loop_stats loop;
    upstream_stats(server->upstream, &pool, &loop);
    write_loops(front, &loop, out);
    write_fronts(server, out);
    write_pool(&pool, out);
    write_classes(&pool, out);
    write_upstreams(&pool, out);
    write_speech(server, out);
    write_webhook(server, out);
    store_report_write(server->store, out);
    monitor_report(server->monitor, out);
}
