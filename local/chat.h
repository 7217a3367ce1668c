/*
 * The offline chat completions API: HTTP/2 over TLS on loopback, translation by Apertium, grammar
 * by Link Grammar.
 *
 *   GET /v1/models   POST /v1/chat/completions (plain and "stream": true)
 *
 * Its own loop thread serves the connections; requests are read, translated and corrected on worker
 * threads. Full queues answer 429 with Retry-After.
 *
 * Threads: start and stop from one thread; port any. Ignores SIGPIPE in this process.
 */
#pragma once

struct local_chat;

struct local_chat_config {
    const char *host;     /* numeric address or "localhost" */
    unsigned port;        /* 0: any free one */
    const char *cert_dir; /* gets cert.pem, by which clients trust this server */
};

/* Loads the grammar dictionary (80 ms) and listens when it returns 0; translation warms up behind
 * it. STATUS_IO: address or cert_dir, STATUS_INVALID: not an address; `out` is untouched then. */
int local_chat_start(struct local_chat **out, const struct local_chat_config *config);
unsigned local_chat_port(const struct local_chat *chat);
/* Ends connections, drops what is queued, stops threads and translation programs. */
void local_chat_stop(struct local_chat *chat);
