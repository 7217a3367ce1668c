/*
 * Inside stt: the channels calls are spread over. Each has a connection of its own and is opened a
 * little ahead of need; a channel that lost its connection is told to connect again at once, not
 * when the next call asks for it.
 *
 * Threads: the stt thread (created and destroyed on the one that owns the client, before and after
 * it runs).
 */
#pragma once

#include "stt/call.h"
#include "stt/client.h"
#include "stt/credentials.h"
#include <grpc/grpc.h>

struct stt_channel {
    struct stt_tag tag; /* of the watch on its connection */
    grpc_channel *grpc;
    void *method;   /* StreamingRecognize, registered */
    unsigned calls; /* taken by stt_channels_get() and not put back */
    grpc_connectivity_state seen;
    int64_t connect_us; /* when it was last told to connect */
};

struct stt_channels {
    const struct stt_wire *wire;
    struct stt_credentials credentials;
    char *target;
    bool plaintext;
    unsigned streams_max; /* a channel */
    unsigned channels_max;
    grpc_completion_queue *queue;
    struct stt_channel **list;
    unsigned len;
    unsigned calls; /* over all channels */
    bool closing;
    struct stt_counters *counters;
};

/* STATUS_INVALID: target, credentials or certificates cannot be used; STATUS_NOMEM. Opens the first
 * channel. */
int stt_channels_init(struct stt_channels *channels, const struct stt_client_config *config,
                      grpc_completion_queue *queue, struct stt_counters *counters);
/* Every call must have been put back. Watches come out of the queue after it. */
void stt_channels_close(struct stt_channels *channels);
/* After close, with the queue drained. */
void stt_channels_deinit(struct stt_channels *channels);

/* A channel with a free stream, connected ones first; NULL when there is none. */
struct stt_channel *stt_channels_get(struct stt_channels *channels);
void stt_channels_put(struct stt_channels *channels, struct stt_channel *channel);
/* The watch of `channel` fired. */
void stt_channels_on_watch(struct stt_channels *channels, struct stt_channel *channel);
