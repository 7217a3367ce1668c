/*
 * The gRPC side of speech: one thread that sits in grpc_completion_queue_next(), starts every batch
 * and carries all calls. Each provider of speech recognition (stt/wire.h) has a pool of channels,
 * at most `streams_per_channel` calls each, and a breaker that answers calls here when too many in
 * short time have failed. Who opens a call chooses the provider; stt_client_healthy() helps.
 *
 * A call is named by (session, call): the opener chooses `call`, unique within the session.
 *
 * Threads: stt_client_* from any thread, except that nobody may call when destroy is called;
 * on_event runs on the stt thread and must only pass the event on.
 * Memory: events are given to on_event, which frees them with msg.free_fn (or sends them on).
 */
#pragma once

#include "base/mailbox.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stt_client;
struct stt_response; /* stt/codec.h */
struct stt_wire;     /* stt/wire.h */

/* One provider. */
struct stt_client_config {
    const struct stt_wire *wire; /* NULL: google_v1 */
    const char *request_params;  /* x-goog-request-params, or NULL */
    const char *target;          /* host:port */
    bool plaintext;              /* loopback targets only, else STATUS_INVALID */
    const char *ca_file;         /* PEM; NULL: the system's roots */
    /* NULL or "": none; "google": application default credentials; else a file: a JSON key of a
     * service account or user, whose tokens renew themselves, or a bearer token. That is read again
     * when the API says UNAUTHENTICATED: if it is another one by then, the call ends with
     * UNAVAILABLE instead, since a new attempt may succeed. */
    const char *credentials;
    const char *api_key;          /* x-goog-api-key metadata, instead of credentials, or NULL */
    const char *quota_project;    /* x-goog-user-project metadata, or NULL */
    unsigned channels_max;        /* bound on channels, ≤ STT_CHANNELS_MAX */
    unsigned streams_per_channel; /* ≤ 80 for Google */
    /* No response headers needed, but the call must have its stream by then, or it ends with
     * DEADLINE_EXCEEDED; 0: no bound. */
    unsigned open_timeout_ms;
    unsigned keepalive_ms; /* 0: STT_KEEPALIVE_MS */
};

/* Audio as it goes on any wire. Shared read-only between the session's ring and the calls it is
 * sent on; freed when the last reference goes. */
struct stt_block {
    _Atomic uint32_t refs;
    uint32_t bytes;        /* PCM bytes, even */
    uint32_t room;         /* PCM bytes there is memory for */
    uint64_t first_sample; /* session's audio position of the first sample */
    uint8_t pcm[];
};
/* An empty block to be filled in place and sealed before anybody else sees it. NULL: out of memory.
 * One reference, the caller's. */
struct stt_block *stt_block_begin(uint32_t room, uint64_t first_sample);
/* Its first `bytes` of PCM are written. */
void stt_block_seal(struct stt_block *block, uint32_t bytes);
/* A copy of `bytes` of PCM; else the same. */
struct stt_block *stt_block_create(const void *pcm, uint32_t bytes, uint64_t first_sample);
struct stt_block *stt_block_ref(struct stt_block *block);
void stt_block_unref(struct stt_block *block);
/* Memory of all blocks there are: audio that may still be asked for. */
uint64_t stt_blocks_held_bytes(void);

enum stt_event_kind {
    STT_EVENT_SENT,     /* a block was handed to gRPC and accepted: credit comes back */
    STT_EVENT_RESPONSE, /* `response` */
    STT_EVENT_CLOSED,   /* the last event of a call; blocks without SENT by then get none */
};

struct stt_event {
    struct msg msg; /* msg.session names the session */
    uint32_t call;
    enum stt_event_kind kind;
    int64_t at_us; /* CLOCK_MONOTONIC on the stt thread: handed to gRPC, or received from it */
    uint64_t end_sample;           /* SENT: position after the block */
    struct stt_response *response; /* RESPONSE: owned by the event */
    /* CLOSED: the numbers of google.rpc.Code; an error that came inside a response counts before
     * the call's own status. */
    int grpc_status;
    char *details;           /* CLOSED: text from the API or ours, valid UTF-8, may be "" */
    uint32_t retry_after_ms; /* CLOSED: the pause the API asks for; 0: nothing said */
};

typedef void stt_event_fn(void *ctx, struct stt_event *event);

#define STT_PROVIDERS_MAX 3

struct stt_providers {
    const struct stt_client_config *list; /* in order of preference */
    unsigned len;                         /* 1 to STT_PROVIDERS_MAX */
};

/* The encoded first request of a call. */
struct stt_request {
    unsigned provider; /* place among stt_providers */
    size_t len;
    char *bytes;
};

/* Starts the thread and opens each provider's first channel ahead of need. STATUS_INVALID: what a
 * provider says cannot be used, the log tells what and why; STATUS_NOMEM. */
int stt_client_create(struct stt_client **out, const struct stt_providers *providers,
                      stt_event_fn *on_event, void *ctx);
/* Cancels every call, delivers their CLOSED events, joins the thread. */
void stt_client_destroy(struct stt_client *client);

/* Takes the request's bytes when 0. STATUS_FULL: mailbox full, no event will come. When the
 * provider has no channel with a free stream: a CLOSED event with RESOURCE_EXHAUSTED. While its
 * breaker is open: CLOSED with the status that opened it, and retry_after_ms. */
int stt_client_open(struct stt_client *client, uint64_t session, uint32_t call,
                    const struct stt_request *request);
/* Takes a reference of its own. Blocks of one call go out in order; at most STT_CALL_BLOCKS_MAX may
 * be unsent, the sender counts SENT events. None after finish. STATUS_FULL: nothing was queued. */
int stt_client_send(struct stt_client *client, uint64_t session, uint32_t call,
                    struct stt_block *block);
/* Half-close after what is queued: the API then sends its last results and CLOSED. */
int stt_client_finish(struct stt_client *client, uint64_t session, uint32_t call);
/* RST_STREAM; CLOSED follows. */
int stt_client_cancel(struct stt_client *client, uint64_t session, uint32_t call);

/* Providers whose breaker lets calls through, as bits: 1 << provider. A hint: it may have changed
 * by the time of the call. */
unsigned stt_client_healthy(struct stt_client *client);

struct stt_provider_stats {
    uint64_t calls, calls_total;
    uint64_t channels;
    uint64_t draining; /* channels that await the end of their calls, beside `channels` */
    uint64_t cap;      /* streams a channel gets: as configured, or as learnt of the peer */
    uint64_t breaker;  /* enum stt_breaker_state */
    uint64_t trips;    /* times it opened */
    uint64_t held_off; /* calls it answered */
};

struct stt_client_stats {
    uint64_t calls_open, calls_total, blocks_sent, bytes_sent, responses;
    uint64_t closed_by_status[17];
    uint64_t queued;             /* commands waiting for the stt thread, an estimate */
    uint64_t waiting;            /* calls waiting for a stream: always visible, never silent */
    uint64_t moved;              /* calls that went to another channel for theirs */
    uint64_t channels, draining; /* over all providers */
    unsigned providers_len;
    struct stt_provider_stats providers[STT_PROVIDERS_MAX];
};
/* A copy, any thread. */
void stt_client_stats(struct stt_client *client, struct stt_client_stats *out);
