/*
 * A chat completions upstream for tests: HTTP/2 over TLS, answers by fixed rules, misbehaves on
 * demand.
 *
 * Translation requests are answered by "«target» " and the text in capitals, grammar requests by
 * the same text with "she have" made "she has". Also GET …/models, GET /stats and POST /control
 * {"fault", "latency_ms", "token_ms"}.
 *
 * A fault is "name[:argument][@probability][#count]": none 500 503 429[:seconds] quota 400 rst
 * refused goaway drop half garbage html empty stall silent slow-byte length refusal filter echo
 * error-event. Without a probability every request has it, without a count for ever.
 *
 * Threads: chat_server_run() is one thread's; stop, stats and set_fault from any. Memory: strings
 * of the configuration are borrowed until create has returned.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct chat_server;
struct test_cert;

struct chat_server_config {
    uint16_t port;                /* 0: any free one */
    const char *cert_file;        /* the certificate is written there; NULL: nowhere */
    const struct test_cert *cert; /* NULL: a new one */
    const char *key;              /* the bearer token asked for; NULL: none */
    const char *fault;            /* NULL: none */
    unsigned latency_ms, token_ms, streams_max;
    unsigned requests_limit; /* told in headers, not enforced; 0: not told */
    uint64_t seed;
};

struct chat_server_stats {
    uint64_t connections, open, handshakes, requests, models, answered, resets, goaways,
        streams_peak;
};

/* 0, or a negative enum status with the reason on stderr. Listens on 127.0.0.1. */
int chat_server_create(struct chat_server **out, const struct chat_server_config *config);
void chat_server_destroy(struct chat_server *server);
uint16_t chat_server_port(const struct chat_server *server);
/* Until chat_server_stop(). */
void chat_server_run(struct chat_server *server);
void chat_server_stop(struct chat_server *server);
/* STATUS_INVALID leaves the old one. */
int chat_server_set_fault(struct chat_server *server, const char *fault);
void chat_server_set_latency(struct chat_server *server, unsigned latency_ms, unsigned token_ms);
/* False: who connects is hung up on; connections that are there go on. */
void chat_server_accept(struct chat_server *server, bool accept);
void chat_server_stats(struct chat_server *server, struct chat_server_stats *out);
