/*
 * A host: one session on a front, with or without a socket. It gives the session its clock, its way
 * to the speech and chat APIs and to the store, and takes its events to the connection that is
 * attached. When the socket dies the session is held here for resume_ms (server/resume.h tells how
 * a client comes back to it).
 *
 * Threads: the front's own. A host moves to another front as a whole (resume.c); what other threads
 * send finds it by its directory id.
 */
#pragma once

#include "loop/loop.h"
#include "server/glance.h"
#include "server/limits.h"
#include "server/peers.h"
#include "server/store.h"
#include <stdbool.h>
#include <stdint.h>

struct conn;
struct conn_body;
struct event;
struct front;
struct glances_owed;
struct out;
struct resume_replayed;
struct session;
struct session_answer;
struct session_restore;
struct client_message;
struct stt_event;

/* What a session begins with; borrowed. */
struct host_start {
    const char *name;    /* NULL: a new one is made */
    const char *subject; /* whose token, "" nobody's */
    struct client_message *message;
    const struct session_restore *restore; /* NULL: it is new */
    int64_t wall_us;                       /* when it began */
    uint32_t owner_epoch;
    /* Among the sessions of its address and of its subject; taken when host_create() succeeds. */
    peers_hold place, subject_place;
};

struct host {
    struct front *front;
    struct conn *conn; /* NULL: held */
    struct session *session;
    uint64_t id;
    uint32_t serial;
    peers_hold place, subject_place;
    char name[SESSION_NAME_BYTES];
    struct loop_timer timer; /* session_tick(), the end of the hold */

    uint32_t owner_epoch;
    uint64_t ticket;   /* newest one given out */
    uint64_t stored;   /* the store has decided everything up to here */
    unsigned encoding; /* events at the workers */
    struct out *last;  /* what ended the session, while its client has not had it */
    bool broken;       /* an event was lost: only the store can tell what comes next */
    bool ended_before; /* the store knows the end: its client hears what it has missed of it */
    bool fenced;       /* another process owns the session */

    /* Coming back. The token it was resumed with stays valid until its client has answered. */
    uint8_t token[STORE_HASH_BYTES], token_next[STORE_HASH_BYTES];
    bool has_next;
    uint32_t attaches;               /* sockets so far */
    bool deaf;                       /* events of before session.started are not for this socket */
    uint64_t replay_next, replay_to; /* seqs the store is asked for */
    bool claimed; /* while session.started is made: its tokens are stored already */
    int64_t held_until_us;

    /* server/glances.h */
    struct glance glance;
    struct glances_owed *owed; /* told to the monitor once it is stored */
    bool detailed;             /* somebody watches closely */

    /* While it moves to another front. */
    struct host_move *move;
};

/* A session that begins or is restored, held until host_attach(). STATUS_LIMIT: as many as there
 * may be; STATUS_NOMEM. */
int host_create(struct host **out, struct front *front, const struct host_start *start);
/* Forgets the session; the store keeps what it has. Nothing may be attached. */
void host_destroy(struct host *host);
/* The host of a directory id on this front, or NULL. */
struct host *host_find(struct front *front, uint64_t id);

/* A socket for it: session.started goes out, and what comes is for this socket. `first`: of a new
 * session; else `seen` is the highest seq its client has. A claimed session's tokens are stored
 * already. */
struct host_socket {
    struct conn *conn;
    bool first, claimed;
    uint64_t seen;
    const char *token;           /* to come back with; NULL: one is made */
    const uint8_t *token_before; /* claimed: hash of the one it came with */
};
void host_attach(struct host *host, const struct host_socket *socket);
/* It had ended already, for that reason: nothing more comes but what its client has missed. */
void host_ended_before(struct host *host, const char *reason);
/* The socket is gone. `ended`: its client has said goodbye. */
void host_detach(struct host *host, bool ended);
/* A message of the session was handed to its socket; a partial was replaced before it was. */
void host_sent(struct host *host, const struct out *out);
void host_dropped(struct host *host, const struct out *out);
/* A frame came from the attached client: it has its token. */
void host_confirmed(struct host *host);

/* Whatever is due; call after anything has happened to the session. */
void host_run(struct host *host);
/* Messages of the front's mailbox; all are taken. */
void host_on_body(struct host *host, struct conn_body *body);
void host_on_stt(struct host *host, struct stt_event *event);
void host_on_answer(struct host *host, const struct session_answer *answer);
void host_on_stored(struct host *host, const struct store_done *done);
void host_on_replay(struct host *host, struct resume_replayed *replayed);
/* The server stops; sockets close after `within_ms`. */
void host_goaway(struct host *host, uint32_t within_ms);
