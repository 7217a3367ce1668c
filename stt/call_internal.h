/*
 * Inside stt: what a call is made of, shared by call.c (its life: opening, moving, ending) and
 * call_batch.c (what is given to gRPC, and what comes back).
 *
 * Threads: the stt thread.
 */
#pragma once

#include "stt/call.h"
#include <grpc/slice.h>
#include <stdatomic.h>

struct stt_metadata;

enum stt_call_state {
    STT_CALL_OPENING, /* by open; the first request is with gRPC, which has no stream for it yet */
    STT_CALL_STREAMING,   /* accepted; blocks go out as they come */
    STT_CALL_HALF_CLOSED, /* finish; the last results and the status are awaited */
    STT_CALL_DONE,        /* the status is here; batches in flight are awaited, then CLOSED */
    STT_CALL_STATES
};

struct stt_call {
    uint64_t session;
    uint32_t id;
    enum stt_call_state state;
    bool finishing; /* half-close once the queue is empty */
    bool broken;    /* cancelled, or a send failed: nothing more goes out */
    bool moving;    /* OPENING only: cancelled by us, to be opened anew on another channel */
    bool accepted;  /* the peer has given it a stream */
    bool answered;  /* it has had a result */
    bool excused;   /* its end says nothing against the provider */
    unsigned provider;
    struct stt_call *bucket_next;
    struct stt_call *opening_next, *opening_prev;
    int64_t opened_us;
    int64_t begun_us;    /* on this channel */
    int64_t deadline_us; /* OPENING only */

    grpc_call *grpc;
    struct stt_channel *channel;
    struct stt_metadata *metadata;
    struct stt_tag tags[STT_CALL_TAGS];

    char *bytes; /* the first request, until it is opened */
    size_t bytes_len;
    grpc_slice request; /* holds them then, until it is accepted: they may have to go out again */
    grpc_byte_buffer *sending;
    struct stt_command *sent; /* the block in `sending` */
    struct stt_command *queue_first, *queue_last;
    unsigned queue_len;

    grpc_metadata_array initial;
    grpc_metadata_array trailing;
    grpc_byte_buffer *received;
    grpc_status_code status;
    grpc_slice details;
    int error_code; /* of the last response that held one */
    char *error_message;
    struct stt_command *closed; /* the event it ends with */
};

static inline void stt__count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* call.c */
void stt__event_emit(struct stt_calls *calls, struct stt_command *command,
                     enum stt_event_kind kind);
struct stt_channels *stt__call_provider(const struct stt_calls *calls, const struct stt_call *call);
void stt__call_set_state(struct stt_calls *calls, struct stt_call *call, enum stt_call_state state);
/* Frees the call, which is DONE, once nothing of it is with gRPC. */
void stt__call_join(struct stt_calls *calls, struct stt_call *call);
/* Nothing of a moving call's first attempt is with gRPC any more. The session has not noticed: its
 * blocks are still queued here. */
void stt__call_reopen(struct stt_calls *calls, struct stt_call *call);

/* call_batch.c */
/* The first request goes out, and whatever comes back is awaited. */
void stt__call_start(struct stt_call *call);
/* Sends what may be sent now. */
void stt__call_pump(struct stt_calls *calls, struct stt_call *call);
/* `details` lives for ever. */
void stt__call_cancel(struct stt_call *call, grpc_status_code status, const char *details);
