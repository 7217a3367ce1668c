/*
 * A scripted google.cloud.speech.v1 server on loopback: it hears only how much audio came, answers
 * with words of a list, and misbehaves on demand. It runs on a thread of its own.
 *
 * Threads: any. Memory: config strings are borrowed for the server's life.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct speech_server;

struct speech_server_config {
    uint16_t port;                  /* 0: any free one */
    const char *cert_pem, *key_pem; /* NULL: plaintext */
    unsigned streams_max;           /* a connection; 0: no bound */
    uint32_t age_ms;                /* of a connection until GOAWAY; its calls go on; 0: no bound */
    uint32_t latency_ms;            /* audio in to its result out */
    uint32_t final_every_ms;        /* of audio; 0: 3000 */
    uint32_t ms_per_word;           /* 0: 300 */
    const char *words;              /* NULL: "word1 word2 …" */
    uint32_t late_final_ms;         /* added to the latency of the final after a half-close */
    const char *token;              /* calls without it end with UNAUTHENTICATED */
    int fail_open;                  /* status; 0: none */
    int fail_status;                /* with it a call ends past one of these, when not 0: */
    uint32_t fail_after_ms;         /* of audio */
    uint32_t fail_after_messages;   /* of audio */
    /* Goes out as grpc-status-details-bin with every status but OK; NULL: none. */
    const void *status_details;
    size_t status_details_len;
    bool fail_in_response;    /* as field `error` of a response; the call ends with OK */
    bool drop_connection;     /* instead of a status */
    uint32_t stream_limit_ms; /* OUT_OF_RANGE after it */
    bool mute;                /* never answers, never ends */
    bool malformed;           /* answers with bytes that are no response */
    bool deaf;                /* reads nothing past the first request */
};

struct speech_server_stats {
    uint64_t calls, calls_open, messages, audio_bytes, half_closes, cancelled, protocol_errors;
};

/* STATUS_INVALID, STATUS_NOMEM. */
int speech_server_create(struct speech_server **out, const struct speech_server_config *config);
void speech_server_destroy(struct speech_server *server);
uint16_t speech_server_port(const struct speech_server *server);
/* Behaviour of calls from now on; port, certificate and streams_max stay as they are. */
void speech_server_script(struct speech_server *server, const struct speech_server_config *config);
void speech_server_stats(struct speech_server *server, struct speech_server_stats *out);
/* Shuts every connection's socket, without a word of HTTP/2. */
void speech_server_drop(struct speech_server *server);
/* Copies of the newest call's first request and its metadata; returns the request's length. */
size_t speech_server_request(struct speech_server *server, uint8_t *out, size_t size);
void speech_server_metadata(struct speech_server *server, const char *key, char *out, size_t size);
