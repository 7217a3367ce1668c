/*
 * The monitor: one thread that keeps what teachers see of all sessions (server/board.h) and tells
 * each watcher what has changed, at most every MONITOR_TICK_MS, one message at a time.
 *
 * Fronts and the monitor speak by messages only. While nobody watches a front sends nothing. With
 * the first watcher every front gets FRONT_WATCH and answers with all its sessions at once; from
 * then on it sends the glances that changed, gathered for MONITOR_TICK_MS, and what has gone. What
 * concerns one session reaches its host by its directory id, wherever it has moved.
 *
 * Threads: monitor_create(), monitor_stop(), monitor_free() on main; monitor_send() any. Memory: a
 * message belongs to whoever has received it; strings of a message live in its arena or block.
 */
#pragma once

#include "base/mailbox.h"
#include "server/limits.h"
#include "server/monitor_limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct board_scope;
struct buf;
struct monitor;
struct monitor_message;
struct out;
struct store_page;
struct store_query;

/* --- what a front tells --- */

enum monitor_kind {
    MONITOR_GLANCES, /* struct monitor_glances */
    MONITOR_WATCH,   /* struct monitor_ask: a `watch`, the first one makes it a watcher */
    MONITOR_ASK,     /* struct monitor_ask: history, flag, or what was none of them */
    MONITOR_TAKEN,   /* struct msg, msg.session the watcher: its message is on the wire */
    MONITOR_LEAVE,   /* struct msg, likewise: the socket is gone */
    MONITOR_DETAIL,  /* struct monitor_detail: the host has heard FRONT_DETAIL */
    MONITOR_FINAL,   /* struct monitor_final */
    MONITOR_FLAGGED, /* struct monitor_flagged */
    MONITOR_PAGE,    /* the store's answer; sent by monitor_page() only */
};

/* The fields of a state that sotto.monitor.v1 knows, in the order in which they are written. */
enum glance_field {
    GLANCE_NAME,
    GLANCE_CLASS,
    GLANCE_SOURCE,
    GLANCE_TARGETS,
    GLANCE_PHASE,
    GLANCE_AUDIO_MS,
    GLANCE_SPEAKING,
    GLANCE_SEGMENT,
    GLANCE_TEXT,
    GLANCE_TRANSLATIONS,
    GLANCE_MISTAKES,
    GLANCE_HEALTH,
    GLANCE_FIELDS,
};
#define GLANCE_BIT(field) (1u << (field))
#define GLANCE_ALL        (GLANCE_BIT(GLANCE_FIELDS) - 1)

struct glance_translation {
    const char *lang, *text;
};

struct glance_health {
    uint32_t lag_ms, p95_ms;
    uint32_t dropped, reconnects;
    const char *degraded[4]; /* as `what` of session.degraded; none: all is well */
    unsigned degraded_len;
};

/*
 * What has changed of a session: the fields named by `has`, whole ones (translations are told
 * together). The first one of a host has GLANCE_ALL, as has each answer to FRONT_WATCH and the
 * first after a host has moved to another front; changes of a session that the monitor does not
 * know are dropped. The class of a host never changes.
 *
 * `serial` is its host's: of two hosts of one session (it was restored while the older one had not
 * gone yet) the one with the greater serial counts, and what the other tells is passed over. A host
 * that moves tells nothing more on its old front, and all of itself on the new one.
 */
struct glance_change {
    char session[SESSION_NAME_BYTES];
    uint64_t id; /* directory id of the host */
    uint32_t serial;
    bool gone;    /* the host has ended: nothing else is told */
    unsigned has; /* GLANCE_BITs */
    const char *name, *class_name, *source;
    const char *targets[TARGETS_MAX];
    unsigned targets_len;
    const char *phase;
    int64_t audio_ms;
    bool speaking;
    uint32_t segment;
    const char *text; /* committed and tentative */
    struct glance_translation translations[TARGETS_MAX];
    unsigned translations_len;
    uint32_t mistakes;
    struct glance_health health;
};

/*
 * From one front, at most one each MONITOR_TICK_MS. A front whose message is not taken
 * (STATUS_FULL) keeps it and sends it again before any other.
 */
struct monitor_glances {
    struct msg msg;
    uint32_t front;
    uint32_t round; /* of the FRONT_WATCH in force: others are passed over */
    bool all;       /* the answer to FRONT_WATCH, or its last part: the front has told all it has */
    struct arena *arena; /* all strings; ended with the message */
    struct glance_change *changes;
    size_t len;
};

/* A client's message, parsed and checked on a worker. */
struct monitor_ask {
    struct msg msg;                  /* msg.session: the connection's directory id */
    struct monitor_message *message; /* server/monitor_message.h; owned */
    struct board_scope *scope;       /* WATCH: what it may see and wants to see; owned */
    char by[NAME_BYTES_MAX + 1];     /* subject of the token, for notes; "": nobody's */
};

struct monitor_detail {
    struct msg msg;
    char session[SESSION_NAME_BYTES];
    uint32_t serial;
};

/* A durable message of a session that somebody watches closely, once the store has it. All of a
 * host's come before the change that tells of its end. */
struct monitor_final {
    struct msg msg;
    char session[SESSION_NAME_BYTES];
    uint64_t seq;
    size_t len;
    char body[]; /* as struct out: from `"type":` to the closing brace */
};

/* The answer to FRONT_FLAG: exactly one, once the note is stored or is known not to be. */
struct monitor_flagged {
    struct msg msg; /* msg.session: the watcher */
    char session[SESSION_NAME_BYTES];
    uint32_t segment;
    int status; /* 0; STATUS_NOT_FOUND: no such session or segment; others: not stored */
};

/* --- what a front is told --- */

/* FRONT_WATCH, to every front: somebody watches from now on, or nobody does. */
struct front_watch {
    struct msg msg;
    bool on;
    uint32_t round;
};

/* FRONT_DETAIL, to a host (msg.session): somebody wants each of its durable messages, or nobody
 * does. Once it is on, and each time it is told so, the host answers MONITOR_DETAIL. */
struct front_detail {
    struct msg msg;
    bool on;
};

/* FRONT_FLAG, to a host (msg.session): a note for its learner. */
struct front_flag {
    struct msg msg;
    uint64_t watcher;
    uint32_t segment;
    char by[NAME_BYTES_MAX + 1];
    char note[MONITOR_NOTE_BYTES_MAX + 1];
};

/*
 * FRONT_MONITOR: one message for several watchers of one front. Each gets it as its only message
 * under way and answers MONITOR_TAKEN when it is on the wire whole, or MONITOR_LEAVE when it never
 * will be. `out` is one reference, the message's; its body is a whole JSON text that needs no
 * splice. out->close_code not 0: nothing follows, the socket is closed with it afterwards; such a
 * one may come while another is under way, behind which it waits or which it cuts short.
 */
struct front_monitor {
    struct msg msg; /* msg.session 0 */
    struct out *out;
    size_t len;
    uint64_t watchers[]; /* connections' directory ids */
};

/* --- the thread --- */

/* Who asks the store: no directory id. */
#define MONITOR_ASKER UINT64_MAX

/* Its ways out; each may be called on the monitor's thread only. */
struct monitor_config {
    unsigned fronts;
    uint32_t sessions_max;
    uint32_t tick_ms; /* between two messages of what has changed, at least */
    /* Each takes `msg` when 0; STATUS_FULL: it is tried again. */
    int (*to_front)(void *ctx, unsigned front, struct msg *msg);
    int (*to_host)(void *ctx, struct msg *msg); /* by msg.session; STATUS_NOT_FOUND: it has gone */
    /* The front that holds a connection, or -1. */
    int (*front_of)(void *ctx, uint64_t watcher);
    /* monitor_page() follows, in the order of the questions. */
    int (*query)(void *ctx, const struct store_query *query);
    void *ctx;
};

/* Starts the thread. STATUS_NOMEM. */
int monitor_create(struct monitor **out, const struct monitor_config *config);
/* Ends the thread. Messages are refused from here on. */
void monitor_stop(struct monitor *monitor);
/* After every sender has stopped. NULL is nothing. */
void monitor_free(struct monitor *monitor);

/* Takes `msg` when 0. STATUS_FULL: later; STATUS_CLOSED: it stops. */
int monitor_send(struct monitor *monitor, struct msg *msg);
/* The store's answer to a question of the monitor's; taken. Waits while the mailbox is full. */
void monitor_page(struct monitor *monitor, struct store_page *page);
/* Appends its metrics. Any thread. */
void monitor_report(const struct monitor *monitor, struct buf *out);
