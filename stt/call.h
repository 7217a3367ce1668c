/*
 * Inside stt: one call of StreamingRecognize as a state machine over gRPC's completion queue.
 *
 *   OPENING ──accepted──▶ STREAMING ──finish, queue empty──▶ HALF_CLOSED ──status──▶ DONE ──nothing
 * in flight──▶ freed └───────status───────▶ DONE ◀──────status──┘
 *
 * One batch of each kind is in flight at most. The status is asked for after the last message was
 * read, so CLOSED cannot overtake a response.
 *
 * Threads: the stt thread; stt__command_*() and stt__call_create() any.
 */
#pragma once

#include "base/rng.h"
#include "stt/client.h"
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>

struct stt_channel;
struct stt_channels;
struct stt_call;

/* What comes out of the completion queue. */
enum stt_tag_kind {
    STT_TAG_WAKE,
    STT_TAG_WATCH,
    STT_TAG_OPEN,
    STT_TAG_SEND,
    STT_TAG_RECV,
    STT_TAG_STATUS
};
#define STT_CALL_TAG_FIRST STT_TAG_OPEN
#define STT_CALL_TAGS      4

struct stt_tag {
    enum stt_tag_kind kind;
    bool in_flight;
    void *owner; /* struct stt_channel, struct stt_call */
};

enum stt_command_kind {
    STT_COMMAND_OPEN,
    STT_COMMAND_SEND,
    STT_COMMAND_FINISH,
    STT_COMMAND_CANCEL
};

/*
 * What a session asks for, and the event it gets for it: a SEND becomes SENT, an OPEN becomes
 * CLOSED, so the stt thread never needs memory to say so. event.msg.kind holds the command's kind
 * until then.
 */
struct stt_command {
    struct stt_event event; /* first: it is sent as a message */
    struct stt_block *block;
    struct stt_call *opened;
    struct stt_command *next;
};

/* NULL: out of memory. */
struct stt_command *stt__command_create(enum stt_command_kind kind, uint64_t session,
                                        uint32_t call);
/* Sets the event's details, cut at STT_DETAILS_MAX bytes; they stay empty without memory. */
void stt__command_details(struct stt_command *command, const char *text);
/* Ends a command or an event, with what it holds. */
void stt__command_free(struct msg *msg);

/* Counters, written by the stt thread (commands by any), read by any: relaxed, they order nothing.
 */
struct stt_provider_counters {
    _Atomic uint64_t calls, calls_total, channels, draining, cap, breaker, trips, held_off;
    _Atomic int64_t healthy_us; /* its breaker lets nobody through before */
};
struct stt_counters {
    _Atomic uint64_t calls_open, calls_total, blocks_sent, bytes_sent, responses, waiting, moved;
    _Atomic uint64_t closed_by_status[17];
    struct stt_provider_counters providers[STT_PROVIDERS_MAX];
};

/* What calls share; owned by the client. */
struct stt_calls {
    struct stt_channels *providers; /* one set of channels each */
    unsigned providers_len;
    grpc_completion_queue *queue;
    struct rng rng;
    struct stt_call **table; /* by session and call */
    size_t table_len;        /* a power of two */
    size_t len;
    struct stt_call *opening_first, *opening_last; /* not accepted yet, oldest first */
    stt_event_fn *on_event;
    void *ctx;
    struct stt_counters *counters;
};

int stt_calls_init(struct stt_calls *calls, size_t calls_max);
void stt_calls_deinit(struct stt_calls *calls);

/* Takes the request's bytes when not NULL is returned. */
struct stt_call *stt__call_create(const struct stt_request *request);
/* Of a call that was never opened: its request is the caller's again. */
void stt__call_disown(struct stt_call *call);
void stt__call_free(struct stt_call *call);

/* Answers an OPEN with CLOSED. Takes the command. */
void stt_call_refuse(struct stt_calls *calls, struct stt_command *command, int grpc_status,
                     const char *details);
/* Each takes the command. */
void stt_call_on_open(struct stt_calls *calls, struct stt_command *command);
void stt_call_on_send(struct stt_calls *calls, struct stt_command *command);
void stt_call_on_finish(struct stt_calls *calls, struct stt_command *command);
void stt_call_on_cancel(struct stt_calls *calls, struct stt_command *command);
/* A batch of a call completed. */
void stt_call_on_batch(struct stt_calls *calls, struct stt_tag *tag, bool ok);

/* Moves calls that wait behind what their channel's peer grants, ends those that were not accepted
 * in time; returns when to look again, INT64_MAX for never. */
int64_t stt_calls_expire(struct stt_calls *calls, int64_t now_us);
void stt_calls_cancel_all(struct stt_calls *calls);
