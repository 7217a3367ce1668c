/*
 * sotto-sim: a simulated speech API and a simulated chat completions API in one process, for
 * measuring and for misbehaving. Nothing is recognised or translated; what they say follows from
 * the script (bench/script.h) and from what they hear and read.
 *
 * Threads: everything on the simulator's loop thread unless a function says otherwise; the gRPC
 * engine's callbacks cross over by an inbox. Memory: configuration is borrowed for the life of what
 * it configures.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct loop;
struct sim_config;

/* Counters, by loop thread; printed at the end, served at GET /sim/stats of the chat port as JSON,
 * and changed by POST /sim/control. */
struct sim_stats {
    struct {
        uint64_t streams, streams_open, streams_peak, messages, audio_bytes, results, finals,
            half_closes, protocol_errors, connections;
    } speech;
    struct {
        uint64_t requests, answered, partials, finals, translations, corrections, cancelled,
            throttled, bad_requests, prompt_tokens, answer_tokens, connections, in_flight,
            in_flight_peak, minute_peak; /* the last: requests in any minute, at most */
    } chat;
};
/* Appends them as a JSON object: {"speech": {"streams": 12, …}, "chat": {…}}. */
void sim_stats_write(const struct sim_stats *stats, struct buf *out);

/* -- the speech API -- */
struct sim_speech;
/* On config->speech_server: "h2" (libnghttp2, cheap, frame-level faults) or "grpc" (gRPC core:
 * statuses, connection age). STATUS_IO: the address cannot be had. */
int sim_speech_open(struct sim_speech **out, struct loop *loop, const struct sim_config *config,
                    struct sim_stats *stats);
unsigned sim_speech_port(const struct sim_speech *speech);
void sim_speech_close(struct sim_speech *speech, void (*on_closed)(void *ctx), void *ctx);
/* Faults from now on; the list as in sim_fault.h, "" for none. STATUS_INVALID leaves the old. */
int sim_speech_faults(struct sim_speech *speech, const char *list, char *error, unsigned size);
/* Appends a JSON object: what was heard (sim_audit_sum), faults that struck. */
void sim_speech_report(const struct sim_speech *speech, struct buf *out);

/* -- the chat completions API -- */
struct sim_chat;
/* HTTP/2 over TLS; config->cert_dir gets cert.pem. */
int sim_chat_open(struct sim_chat **out, struct loop *loop, const struct sim_config *config,
                  struct sim_stats *stats);
unsigned sim_chat_port(const struct sim_chat *chat);
void sim_chat_close(struct sim_chat *chat, void (*on_closed)(void *ctx), void *ctx);
int sim_chat_faults(struct sim_chat *chat, const char *list, char *error, unsigned size);
void sim_chat_report(const struct sim_chat *chat, struct buf *out);
/* What GET /sim/stats and POST /sim/control need of the other half; set by sim_main.c. Control is
 * {"speech_faults": "…", "chat_faults": "…"}, either may be missing. */
void sim_chat_control(struct sim_chat *chat, struct sim_speech *speech);
