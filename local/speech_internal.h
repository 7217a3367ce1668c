/* What the files of the speech server share: its calls. Everything here belongs to the server's
 * thread. */
#pragma once

#include "base/mailbox.h"
#include "local/limits.h"
#include "local/speech_server.h"
#include <grpc/grpc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum call_op {
    OP_ACCEPT,
    OP_METADATA,
    OP_RECV,
    OP_SEND,
    OP_STATUS,
    OP_CLOSED,
    OP_WAKE,
    OP_SHUTDOWN
};

/* What a completion queue event belongs to. */
struct call_tag {
    enum call_op op;
    struct local_call *call; /* NULL: the server's own */
};

enum call_state {
    CALL_ACCEPTING, /* asked of gRPC, no peer yet */
    CALL_CONFIG,    /* the first message is awaited */
    CALL_AUDIO,     /* audio goes to the engine */
    CALL_FINISHING, /* half-closed; the engine has the last word */
    CALL_ENDING,    /* a status is decided: queued responses, then the status */
    CALL_OVER       /* nothing more is sent; waits for operations and the engine */
};

struct response {
    struct response *next;
    grpc_byte_buffer *message;
};

enum news_kind { NEWS_RESPONSE, NEWS_CONSUMED, NEWS_END, NEWS_RELEASE };

/* One word of the engine's, from any thread. */
struct news {
    struct msg msg;    /* kind: enum news_kind */
    struct news *next; /* of the server's own list */
    struct local_call *call;
    bool droppable;
    size_t bytes;
    struct response *response;
    int code;
    char text[LOCAL_SPEECH_TEXT_BYTES];
};

struct local_call {
    struct local_speech_server *server;
    struct local_call *next, *prev; /* of the server's open calls */
    uint64_t id;
    enum call_state state;
    const struct local_speech_wire *wire; /* NULL until the method is known */
    grpc_call *call;
    grpc_call_details details;
    grpc_metadata_array metadata;
    struct call_tag accept_tag, metadata_tag, recv_tag, send_tag, status_tag, closed_tag;
    unsigned in_flight; /* batches gRPC still holds */
    grpc_byte_buffer *incoming;
    int cancelled; /* filled by gRPC when the call is over for the transport */
    bool receiving, sending, closed_seen, status_sent;

    struct response *first, *last; /* waiting to be sent */
    unsigned responses;
    int end_code;
    char end_text[LOCAL_SPEECH_TEXT_BYTES];

    void *handle; /* the engine's, while it has the call */
    bool engine_has;
    size_t queued; /* audio bytes the engine has not consumed */
    int64_t started_us, audio_us;

    /* The last words need no memory when they come. */
    struct news end_news, release_news;
    _Atomic bool
        end_posted; /* the first local_call_end() counts; relaxed, the mailbox orders the rest */
};

struct local_speech_server {
    struct local_speech_server_config config;
    grpc_server *server;
    grpc_completion_queue *queue;
    grpc_channel *lame; /* gRPC core has no public alarm: an empty batch on a call of */
    grpc_call *wake;    /* a lame channel puts an event on the queue */
    struct call_tag wake_tag, shutdown_tag;
    struct mailbox *news;
    struct news *own_first, *own_last; /* posted on the server's thread itself */
    _Atomic unsigned
        posting; /* threads inside a post; release on leaving, acquire before freeing */
    uint16_t port;
    pthread_t thread;
    struct local_call *calls;
    struct local_call *accepting;
    uint64_t next_id;
    int64_t next_check_us;
    _Atomic bool stopping; /* relaxed; the wake that follows orders it */
    bool cancelled, shut_down;
    _Atomic unsigned open; /* relaxed: a gauge */
};

/* speech_call.c */
struct local_call *call__create(struct local_speech_server *server);
/* Ends a call that no peer came for. */
void call__abandon(struct local_call *call);
/* Frees when nothing holds it any more; the call may be gone afterwards. */
void call__settle(struct local_call *call);
void call__begin(struct local_call *call, int64_t now_us);
void call__on_op(struct local_call *call, enum call_op op, bool ok);
/* Takes `news`. */
void call__on_news(struct news *news);
void call__end(struct local_call *call, int code, const char *text);
/* Ages and silences. */
void call__check(struct local_call *call, int64_t now_us);

/* speech_server.c */
void server__unlink(struct local_speech_server *server, struct local_call *call);
