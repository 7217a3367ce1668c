/*
 * Counters of the process and the latency ledger by kind of event, rendered as Prometheus text.
 *
 * Threads: any; all are relaxed atomics. One process, one set.
 */
#pragma once

#include <stdint.h>

struct buf;
struct durations_sum;
struct lat;

#define METRICS_MAP(X)                                                                             \
    X(CONNECTIONS, "sotto_connections_total", "connections accepted")                              \
    X(CONNECTIONS_REFUSED, "sotto_connections_refused_total", "connections closed at the cap")     \
    X(UPGRADES_REFUSED, "sotto_upgrades_refused_total", "WebSocket handshakes refused")            \
    X(TOKENS_REFUSED, "sotto_tokens_refused_total", "tokens and tickets refused")                  \
    X(HTTP_REQUESTS, "sotto_http_requests_total", "HTTP requests that workers answered")           \
    X(HTTP_REFUSED, "sotto_http_refused_total", "of these, those answered with an error")          \
    X(SESSIONS, "sotto_sessions_total", "sessions started")                                        \
    X(SESSIONS_REFUSED, "sotto_sessions_refused_total", "sessions refused for capacity")           \
    X(RESUMES, "sotto_resumes_total", "clients that came back to their session")                   \
    X(RESUMES_REFUSED, "sotto_resumes_refused_total", "clients whose session was not to be had")   \
    X(RESTORES, "sotto_restores_total", "sessions restored from the store")                        \
    X(AUDIO_BYTES, "sotto_audio_bytes_total", "audio received, bytes")                             \
    X(TEXT_MESSAGES, "sotto_text_messages_total", "text messages received")                        \
    X(BAD_MESSAGES, "sotto_bad_messages_total", "messages that made no sense")                     \
    X(EVENTS, "sotto_events_total", "messages handed to sockets")                                  \
    X(EVENT_BYTES, "sotto_event_bytes_total", "bytes handed to sockets")                           \
    X(PARTIALS_REPLACED, "sotto_partials_replaced_total",                                          \
      "partials replaced in a socket's queue by newer ones")                                       \
    X(SLOW_CLOSED, "sotto_slow_readers_closed_total",                                              \
      "sockets closed because the client did not read")                                            \
    X(FLOODS_CLOSED, "sotto_floods_closed_total",                                                  \
      "sockets closed because of the client's pings and empty frames")                             \
    X(TEXTS_HELD, "sotto_texts_held_total", "clients whose text messages came too fast")           \
    X(FINAL_TRANSCRIPTS, "sotto_final_transcripts_total", "final transcripts")                     \
    X(FINAL_TRANSLATIONS, "sotto_final_translations_total", "final translations")                  \
    X(FINALS_FAILED, "sotto_finals_failed_total", "finals delivered as failed")                    \
    X(SPLICED, "sotto_spliced_total", "finals that contradicted committed words")                  \
    X(STT_SLEEPS, "sotto_stt_sleeps_total", "streams closed because nobody spoke")                 \
    X(STT_WAKES, "sotto_stt_wakes_total", "of these, sessions that spoke again or ended")          \
    X(STT_SKIPPED_MS, "sotto_stt_skipped_ms_total", "silence that was not streamed, ms of audio")  \
    X(CACHE_HITS, "sotto_cache_hits_total", "answers taken from the cache")                        \
    X(CACHE_MISSES, "sotto_cache_misses_total", "answers that had to be asked for")                \
    X(ANSWERS_UNUSABLE, "sotto_answers_unusable_total",                                            \
      "answers that were cut off, refused, or no translation or correction")                       \
    X(COST, "sotto_cost_nanos_total",                                                              \
      "what answers cost by the price table, thousand-millionths of its currency")                 \
    X(MONITOR_DELTAS, "sotto_monitor_deltas_total", "snapshots and deltas sent to watchers")       \
    X(MONITOR_BYTES, "sotto_monitor_bytes_total", "bytes of all messages sent to watchers")        \
    X(MONITOR_SKIPPED, "sotto_monitor_skipped_total",                                              \
      "times a watcher was passed over because it had not taken its last message")                 \
    X(MONITOR_CLOSED, "sotto_monitor_closed_total", "watchers closed because they did not read")   \
    X(TOKENS_IN, "sotto_pool_tokens_in_total", "tokens of the prompts that were answered")         \
    X(TOKENS_OUT, "sotto_pool_tokens_out_total", "tokens of answers")

enum metric {
#define X(name, text, help) METRIC_##name,
    METRICS_MAP(X)
#undef X
        METRICS
};

enum metrics_latency { LATENCY_TRANSCRIPT, LATENCY_TRANSLATION, LATENCY_GRAMMAR, LATENCIES };

void metrics_add(enum metric metric, uint64_t count);
uint64_t metrics_get(enum metric metric);
/* One message's ledger, final when handed to the socket. */
void metrics_latency(enum metrics_latency kind, const struct lat *lat);
/* Appends counters and latencies; gauges are the caller's. */
void metrics_write(struct buf *out);
/* Appends HELP and TYPE of a metric, once before all its samples. */
void metrics_head(struct buf *out, const char *name, const char *type, const char *help);
/* Appends HELP, TYPE and the one sample of a counter, whose name ends in _total, or of a gauge. */
void metrics_counter(struct buf *out, const char *name, const char *help, uint64_t value);
void metrics_gauge(struct buf *out, const char *name, const char *help, double value);
/* Appends the samples of a histogram whose head stands before; `labels` as `name="value",…` or "".
 */
void metrics_histogram(struct buf *out, const char *name, const char *labels,
                       const struct durations_sum *sum);
