/* What the files of the monitor share; everything here belongs to its thread. */
#pragma once

#include "server/board.h"
#include "server/limits.h"
#include "server/monitor.h"
#include <pthread.h>
#include <stdatomic.h>

#define MS 1000LL

struct monitor_history;
struct monitor_piece;

/* A socket that watches. */
struct monitor_watcher {
    struct monitor_watcher *next;
    uint64_t id;
    unsigned front;
    struct board_scope *scope;
    char sessions[MONITOR_SESSIONS_MAX][SESSION_NAME_BYTES];
    unsigned sessions_len;
    uint64_t seen; /* version; 0: nothing yet, a snapshot comes first */
    bool under_way;
    struct out *answers, **answers_tail; /* by `next`; ahead of what has changed */
    struct monitor_piece *finals, **finals_tail;
    size_t bytes;                 /* of answers and finals */
    unsigned histories;           /* asked for and not answered */
    const char *why;              /* the socket is to be closed; static. Nothing else is sent */
    struct monitor_watcher *same; /* during a tick: gets the same message */
};

/* A session that somebody watches closely. */
struct monitor_detail_of {
    struct monitor_detail_of *next;
    char session[SESSION_NAME_BYTES];
    unsigned watchers;
    uint64_t id;     /* of the host that was asked; 0: none yet */
    uint32_t serial; /* its */
    bool heard;      /* and tells everything from now on */
};

struct monitor_front {
    bool on;
    uint32_t round;
    bool answered;
};

struct monitor {
    struct monitor_config config;
    struct mailbox *mailbox;
    pthread_t thread;
    atomic_bool stopping;     /* release, acquire */
    atomic_uint watchers_len; /* relaxed: written by the thread, read for metrics */
    struct board *board;
    struct monitor_watcher *watchers;
    struct monitor_detail_of *details;
    struct monitor_history *held, *asked, **asked_tail;
    struct monitor_front fronts[FRONTS_MAX];
    uint32_t round;
    bool watching;
    bool behind;       /* something could not be sent: again soon */
    bool due;          /* somebody may have something to hear at the next tick */
    int64_t gather_us; /* until then fronts may tell what they have before anybody is shown it */
    int64_t tick_us;   /* the last one */
};

/* --- monitor_watcher.c --- */

struct monitor_watcher *monitor__watcher(struct monitor *monitor, uint64_t id);
/* A `watch`; takes the scope. */
void monitor__watch(struct monitor *monitor, struct monitor_ask *ask);
void monitor__leave(struct monitor *monitor, uint64_t id);
void monitor__taken(struct monitor *monitor, uint64_t id);
bool monitor__names(const struct monitor_watcher *watcher, const char *session);
/* Takes `out`; NULL: there was no memory for it, which closes the socket. */
void monitor__answer(struct monitor *monitor, struct monitor_watcher *watcher, struct out *out);
void monitor__error(struct monitor *monitor, struct monitor_watcher *watcher, const char *code,
                    const char *text, const char *session);
/* For a connection that watches nothing; takes `out`. */
void monitor__send_to(struct monitor *monitor, uint64_t id, struct out *out);
void monitor__final(struct monitor *monitor, const struct monitor_final *final);
/* Appends what waits as a field of a delta. */
void monitor__finals_write(const struct monitor_watcher *watcher, struct buf *out);
/* The socket is closed: `why` is static. */
void monitor__close(struct monitor *monitor, struct monitor_watcher *watcher, const char *why);
/* Sends what can be sent outside a tick: answers, closes. */
void monitor__flush(struct monitor *monitor);

/* The same for `len` watchers of one front. */
struct monitor_changes {
    struct out *out; /* taken; NULL: no memory, the next tick tries again */
    size_t len;
    uint64_t version;
    bool with_finals; /* all that waited are in it */
};
/* `to` and those behind it by `same` have room. */
void monitor__send_changes(struct monitor *monitor, struct monitor_watcher *to,
                           const struct monitor_changes *changes);
void monitor__watchers_free(struct monitor *monitor);

/* --- monitor_tick.c --- */

/* One message of what has changed to each watcher that has room. */
void monitor__tick(struct monitor *monitor);

/* --- monitor_detail.c --- */

/* One watcher more; false: out of memory. */
bool monitor__detail_add(struct monitor *monitor, const char *session);
void monitor__detail_drop(struct monitor *monitor, const char *session);
/* Asks the session's host, unless it has been asked. */
void monitor__detail_look(struct monitor *monitor, const char *session);
void monitor__detail_heard(struct monitor *monitor, const struct monitor_detail *detail);
/* All of them were asked of hosts that are not known any more. */
void monitor__details_reset(struct monitor *monitor);
/* True: its host has been asked and has not answered yet. */
bool monitor__detail_pending(const struct monitor *monitor, const char *session);
void monitor__details_free(struct monitor *monitor);

/* --- monitor_ask.c --- */

void monitor__ask(struct monitor *monitor, struct monitor_ask *ask);
void monitor__flagged(struct monitor *monitor, const struct monitor_flagged *flagged);
void monitor__on_page(struct monitor *monitor, const struct store_page *page);
/* Asks the store what was held back, where nothing holds it any more; returns when that may be so
 * again, INT64_MAX: no time. */
int64_t monitor__histories_run(struct monitor *monitor, int64_t now_us);
void monitor__histories_free(struct monitor *monitor);
