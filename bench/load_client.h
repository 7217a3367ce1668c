/*
 * One session of the load: connect, upgrade, session.start, audio at its own pace, session.end, and
 * whatever its role demands besides. What falls due is built when it is due; the socket takes it
 * when it can.
 *
 * Threads: one owner. Memory: embedded in load_run()'s table; its audio comes from a shared pool.
 */
#pragma once

#include "base/rng.h"
#include "bench/load.h"
#include "bench/load_frame.h"
#include "bench/load_resume.h"
#include "bench/load_ring.h"
#include "bench/load_schedule.h"
#include "bench/load_ws.h"
#include <netinet/in.h>

#define LOAD_BACKLOG_MS       10000  /* of built audio that waits for one socket */
#define LOAD_TURN_FRAMES      64     /* built before the kernel gets them */
#define LOAD_SLOW_BYTES       1024   /* what a slow reader takes a second */
#define LOAD_SNDBUF           131072 /* else loopback takes a minute of audio before it blocks */
#define LOAD_SLOW_RCVBUF      4096
#define LOAD_ABANDONED_MAX    512  /* sockets that are dead for us and not for the server */
#define LOAD_START_MAX        8192 /* session.start, without name and class */
#define LOAD_START_NAME_BYTES 96   /* of these */
#define LOAD_DUE_A_CLIENT     12   /* entries in the schedule at a time, stale ones included */

struct judge;
struct judge_session;
struct load_teacher;
struct load_tls;
struct ssl_ctx_st;

enum load_state {
    LOAD_IDLE,       /* no socket, not yet or no more, or between two of one session */
    LOAD_CONNECTING, /* the socket's connect is awaited */
    LOAD_UPGRADING,  /* the answer to the upgrade is awaited */
    LOAD_STARTING,   /* session.started is awaited */
    LOAD_LIVE,       /* audio flows */
    LOAD_ENDING,     /* session.end is sent; the rest, session.ended and the close are awaited */
    LOAD_CLOSING     /* operations are being cancelled; then the socket is closed */
};

enum load_role {
    LOAD_SPEAKER,
    LOAD_SILENT,
    LOAD_SLOW,
    LOAD_VANISHING,
    LOAD_GREEDY,
    LOAD_TEACHER /* watches: bench/load_teacher.h */
};

/* What all clients of a run share. */
struct load_field {
    const struct load_config *config;
    struct load_voice_config greedy_voice;
    struct judge *judge;
    struct load_ring ring;
    struct load_schedule schedule;
    struct load_frame_pool pool;
    struct load_sum *sum;
    struct rng masks;
    int abandoned[LOAD_ABANDONED_MAX]; /* a ring; the oldest is closed for the next */
    uint32_t abandoned_len;            /* ever */
    struct ssl_ctx_st *tls;            /* NULL: none */
    struct sockaddr_storage address;
    unsigned address_bytes;
    struct buf request, start, start_greedy; /* the same for all */
    struct buf watch_request;                /* teachers' */
    uint32_t backlog_max;                    /* frames */
    uint32_t open;                           /* clients with a socket, or with a session to go on
                                                with */
    uint32_t watching;                       /* of them, teachers */
    uint32_t connected;                      /* sockets that ever connected */
    int last_error;                          /* of a socket that failed; errno */
    unsigned last_status;                    /* HTTP, of a refused upgrade */
    bool in_window;                          /* what happens counts */
    bool draining;                           /* the window is over */
    int64_t now_us;                          /* when this turn began */
    int64_t dues[LOAD_TURN_FRAMES];          /* of the frames built since the last submit */
    unsigned dues_len;
};

struct load_client {
    uint32_t index;
    uint16_t life; /* how often a session of it was opened */
    uint8_t in_flight;
    enum load_state state : 8;
    enum load_role role : 8;
    bool sending : 1;
    bool receiving : 1;
    bool again : 1;           /* to be opened once more when it is closed */
    bool reset : 1;           /* closed with RST */
    bool abandon : 1;         /* not closed at all: what a client in a tunnel leaves behind */
    bool ended : 1;           /* session.ended was heard */
    bool leaving : 1;         /* the socket is closed once all is sent */
    bool begun : 1;           /* session.started was heard: its audio runs on, socket or not */
    bool resuming : 1;        /* between two sockets of a session */
    bool catching_up : 1;     /* audio that piled up goes out at twice the pace */
    bool end_due : 1;         /* session.end, once all audio is sent */
    bool frame_due : 1;       /* an entry for it is in the schedule */
    bool end_sent : 1;        /* session.end was, on this socket or an earlier one */
    bool leave_due : 1;       /* the server goes away */
    int64_t open_us;          /* when the next socket is opened */
    uint16_t close_code;      /* of the server's close frame; 0: none came */
    uint16_t skip;            /* samples of the next frame that the server has already */
    uint32_t cut_in, cut_out; /* bytes until the socket is cut; 0: it is not */
    struct load_resume resume;
    int fd;
    struct judge_session *judged;
    struct load_frame_queue out;
    uint32_t due_frames;
    int64_t first_due_us; /* of frame 0, before jitter */
    int64_t last_due_us;
    struct load_tls *tls;         /* of the socket; NULL: none */
    struct load_teacher *teacher; /* of LOAD_TEACHER, embedded in its own list; else NULL */
    struct load_voice voice;
    struct load_ws_reader reader;
    struct rng jitter;
};

/* Of LOAD_TEACHER `client->teacher` is set then. */
void load_client_init(struct load_client *client, uint32_t index, enum load_role role);
/* After load_client_stop() and a joined ring. */
void load_client_deinit(struct load_field *field, struct load_client *client);
/* What will be due for it, as long as this session of it lives. */
void load_client_schedule(struct load_field *field, const struct load_client *client,
                          enum load_what what, int64_t at_us);
/* Something that was scheduled is due. */
void load_client_due(struct load_field *field, struct load_client *client,
                     const struct load_due *due);
/* An operation is done. The buffer stays the caller's. */
void load_client_done(struct load_field *field, struct load_client *client,
                      const struct load_done *done);
/* Ends it whatever state it is in, as a fault of the server when a session was still awaited. */
void load_client_stop(struct load_field *field, struct load_client *client);
