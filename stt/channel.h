/*
 * Inside stt: the channels calls are spread over. Each has a connection of its own and is opened
 * ahead of need, at most one more than the calls fill; what is idle beyond that for long is closed.
 * A channel that loses its connection while it has calls, by GOAWAY or worse, gets no new ones and
 * ends with its last; one without calls is told to connect again at once.
 *
 * A peer may grant fewer streams (SETTINGS_MAX_CONCURRENT_STREAMS, RFC 9113, 5.1.2) than we would
 * use. gRPC core does not tell: calls past the bound just wait. A call that waits on a connection
 * where others have their streams shows the bound; the channel remembers it, and the call moves.
 *
 * Threads: the stt thread (created and destroyed on the one that owns the client, before and after
 * it runs).
 */
#pragma once

#include "stt/breaker.h"
#include "stt/call.h"
#include "stt/client.h"
#include "stt/credentials.h"
#include <grpc/grpc.h>

enum stt_channel_state {
    STT_CHANNEL_ACTIVE,   /* takes calls */
    STT_CHANNEL_DRAINING, /* lost its connection; awaits the end of its calls */
    STT_CHANNEL_GONE,     /* destroyed; awaits its watch */
};

struct stt_channel {
    struct stt_tag tag; /* of the watch on its connection */
    enum stt_channel_state state;
    struct stt_channels *channels;
    grpc_channel *grpc;
    void *method;      /* StreamingRecognize, registered */
    unsigned calls;    /* taken by stt_channels_get() and not put back */
    unsigned accepted; /* of them, those that got their stream */
    unsigned cap;      /* streams it may have: ours, or fewer where the peer grants fewer */
    grpc_connectivity_state seen;
    int64_t connect_us; /* when it was last told to connect */
    int64_t moved_us;   /* when its connection was there, or gave a call its stream */
    int64_t suspect_us; /* when calls were first seen to wait too long since then; 0: not yet */
    int64_t idle_us;    /* when its last call ended */
};

struct stt_channels {
    const struct stt_wire *wire;
    struct stt_credentials credentials;
    struct stt_breaker breaker;
    int64_t open_timeout_us; /* 0: none */
    char *target;
    bool plaintext;
    unsigned streams_max; /* a channel */
    unsigned channels_max;
    grpc_completion_queue *queue;
    struct stt_channel **list; /* all that are not freed, in the order they were opened */
    unsigned len;
    unsigned active; /* of them */
    unsigned calls;  /* over all channels */
    unsigned cap;    /* what a new channel starts with */
    int64_t cap_us;  /* when it was learnt */
    unsigned keepalive_ms;
    bool closing;
    struct stt_provider_counters *counters;
};

/* STATUS_INVALID: *why as from stt_credentials_init(); STATUS_NOMEM. Opens the first channel. */
int stt_channels_init(struct stt_channels *channels, const struct stt_client_config *config,
                      grpc_completion_queue *queue, struct stt_provider_counters *counters,
                      const char **why);
/* Every call must have been put back. Watches come out of the queue after it. */
void stt_channels_close(struct stt_channels *channels);
/* After close, with the queue drained. */
void stt_channels_deinit(struct stt_channels *channels);

/* How many channels `calls` need at `cap` streams each: those they fill, and up to one ahead, by as
 * many streams as there are calls. */
unsigned stt__channels_needed(unsigned calls, unsigned cap);
/* A channel with a free stream, connected ones first; NULL when there is none. Before it says so
 * what was learnt of the peer is doubted: one call may try. Not so for a call that has `moved`. */
struct stt_channel *stt_channels_get(struct stt_channels *channels, bool moved);
/* The call on `channel` has got its stream. */
void stt_channel_accept(struct stt_channel *channel);
/* The call is over, or goes elsewhere; `accepted` tells whether it had its stream. */
void stt_channel_put(struct stt_channel *channel, bool accepted);
/* True when a call that waits since `since_us` will not get a stream soon, because the peer grants
 * no more than `channel` has: it should move. Else lowers *due_us to when to ask again. */
bool stt_channel_capped(struct stt_channel *channel, int64_t since_us, int64_t now_us,
                        int64_t *due_us);
/* The watch of `channel` fired; it may be freed. */
void stt_channel_on_watch(struct stt_channel *channel);
/* Closes what is idle beyond need; returns when to look again, INT64_MAX for never. */
int64_t stt_channels_tick(struct stt_channels *channels, int64_t now_us);
