/*
 * What the files of sim_resume share: one session of the production core, its process, the socket
 * to its client, and the store that survives the process.
 *
 *   sim_resume.c     virtual time, chance, the runs
 *   resume_client.c  speaks, loses its socket, comes back, holds what it hears against the script
 *   resume_server.c  the process: session, speech and chat APIs, the socket's queue, the store
 */
#pragma once

#include "server/session_internal.h"
#include "tests/sim/promise.h"
#include "tests/sim/stream_wire.h"

#define MS         1000LL
#define FINALS_MAX 32   /* transcripts that the store tells who claims a session */
#define ROWS_MAX   8192 /* durable messages of a session */
#define QUEUE_MAX  4096
#define ASKS_MAX   256
#define LANGS      3
#define LATE_US    (20 * MS)

/* A durable message, in the store or on its way there. */
struct row {
    struct event *event;
    bool stored;
    int64_t due_us;
};

/* On its way to a client: a row, or an event of its own. */
struct down {
    struct event *event;
    uint32_t row;    /* + 1; 0: the event is this message's own */
    uint32_t socket; /* gone with this one */
    int64_t at_us;   /* INT64_MAX: waits for the store */
};

/* On its way to the server. */
struct up {
    uint64_t bytes; /* of audio; 0: session.end */
    uint32_t socket;
    int64_t at_us;
};

struct resume_ask {
    bool used, grammar, final;
    uint32_t lane, ask;
    int64_t due_us;
    char *text, lang[8];
    struct lat lat;
};

struct totals {
    uint64_t sessions, virtual_s, words, finals, cuts, restarts, replayed, replaced, lost_rows,
        refused;
};

struct sim {
    uint64_t seed;
    unsigned index;
    struct rng rng;
    int64_t now_us, began_us;
    char tag[2]; /* marks every word of this session */
    struct totals *totals;
    bool done;

    /* The client. */
    struct promise promise;
    uint64_t length, spoken, given; /* bytes */
    int64_t frame_us, retry_us;     /* retry: when it tries again; INT64_MAX: it has a socket */
    int64_t cut_us;                 /* when the socket is cut */
    uint32_t socket;                /* the one it has, or has had */
    bool connected, started, end_sent, ended, refused;
    size_t next_word;
    uint32_t finals[2 + LANGS]; /* a thread: transcripts, corrections, one a language */
    struct up up[QUEUE_MAX];
    size_t up_first, up_len;
    int64_t up_us;

    /* The process. */
    struct session *session; /* NULL: it has been killed */
    struct session_config config;
    struct sim_provider provider;
    int64_t due_us, kill_us, detach_us; /* detach: it notices that the socket is gone */
    uint64_t arrived;                   /* bytes of audio that reached it on this socket */
    bool end_asked;
    uint32_t attached; /* the socket it believes in; 0: none */
    uint32_t attaches, epoch;
    struct event *last; /* what ended the session */
    uint32_t last_told; /* to this socket */
    struct down down[QUEUE_MAX];
    size_t down_first, down_len;
    int64_t down_us;
    struct resume_ask asks[ASKS_MAX];
    double answer_ms;

    /* The store. */
    struct row rows[ROWS_MAX];
    size_t rows_len, stored;
    bool begun;
};

extern bool sim_trace;
extern const char *const resume_langs[LANGS];

_Noreturn void sim_failed(const struct sim *s, const char *what, const char *file, int line);

#define HOLD(s, expr)                                                                              \
    do {                                                                                           \
        if (!(expr))                                                                               \
            sim_failed(s, #expr, __FILE__, __LINE__);                                              \
    } while (0)

#define TRACE(s, format, ...)                                                                      \
    do {                                                                                           \
        if (sim_trace)                                                                             \
            fprintf(stderr, "%s %.3f " format "\n", (s)->tag,                                      \
                    (double)((s)->now_us - (s)->began_us) / 1e6, __VA_ARGS__);                     \
    } while (0)

static inline bool chance(struct sim *s, int percent)
{
    return percent > 0 && rng_below(&s->rng, 100) < (uint64_t)percent;
}

static inline int64_t soon(struct sim *s, int64_t low_ms, int64_t high_ms)
{
    return s->now_us + rng_range(&s->rng, low_ms * MS, high_ms * MS);
}

/* resume_server.c */
void server_init(struct sim *s);
void server_deinit(struct sim *s);
/* A client with this socket asks for the session; `seen` is the highest seq it has. */
void server_connect(struct sim *s, uint32_t socket, uint64_t seen);
void server_kill(struct sim *s);
/* The socket is gone, as the server sees it. */
void server_detach(struct sim *s);
void server_take(struct sim *s, const struct up *up);
/* Whatever is due of session, store, speech and chat. */
int64_t server_due(const struct sim *s);
void server_step(struct sim *s);
/* After every step. */
void server_turn(struct sim *s);
/* The next message that has reached the client, or NULL. */
const struct event *server_next(struct sim *s);
void server_pop(struct sim *s);
/* What was on its way to the client is lost. */
void server_forget(struct sim *s);

/* resume_client.c */
void client_init(struct sim *s);
void client_deinit(struct sim *s);
int64_t client_due(const struct sim *s);
void client_step(struct sim *s);
void client_hear(struct sim *s, const struct event *event);
/* The socket is cut: what was on its way is lost. */
void client_lose(struct sim *s);
