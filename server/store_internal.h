/*
 * The store with its threads, for the store's own files.
 */
#pragma once

#include "base/mailbox.h"
#include "server/store_backlog.h"
#include "server/store_db.h"
#include "server/store_limits.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

/* The writer's own. */
struct store_writer {
    struct store_db *db; /* NULL: the file could not be opened yet */
    struct store_backlog backlog;
    struct store_job *group[STORE_GROUP_MAX];
    struct msg *answers[STORE_GROUP_MAX];
    size_t group_len, answers_len;
    bool failing; /* writes wait in the backlog */
    bool damaged; /* the file is not tried again */
    bool swept;   /* something was deleted that may still be in the log */
    int64_t owner;
    int64_t committed_us; /* CLOCK_MONOTONIC, as are those below: when what is next due */
    int64_t retry_us, beat_us, sweep_us;
    int64_t beat_wall_us; /* when it last said that it lives, and that was stored */
    uint64_t file_id[2];  /* device and inode of the file in use */
};

/* A thread and what it is asked. */
struct store_desk {
    struct mailbox *mailbox;
    pthread_t thread;
    bool running;
    _Atomic size_t bytes; /* relaxed: of what waits, bounded by STORE_QUEUE_BYTES */
    _Atomic bool closing; /* set before the mailbox is closed, so that its end is told from a
                             pause */
};

/* The thread that empties the log. The state goes round: the writer asks, the thread copies, the
 * writer copies what little came meanwhile. */
enum store_log_state { STORE_LOG_REST, STORE_LOG_COPYING, STORE_LOG_COPIED };

struct store_log {
    struct store_db *db; /* the thread's; NULL until it is first asked */
    pthread_t thread;
    sem_t asked;
    _Atomic int state; /* enum store_log_state */
    _Atomic bool closing;
    bool running;
};

struct store {
    struct store_config config; /* `path` is a copy */
    char *path;
    struct store_desk writing, reading; /* reading: only where there is a file */
    struct store_writer writer;
    struct store_log log;    /* only where there is a file */
    struct store_db *reader; /* the reading thread's; NULL until its first question */
    pthread_mutex_t lock;    /* for `stats` */
    struct store_stats stats;
};

/* The next job, or NULL after `timeout_ms` and at the desk's end. */
struct store_job *store_desk_take(struct store_desk *desk, int timeout_ms);

/* store_writer.c: the writing thread. */
void *store_writer_run(void *ctx);

/* store_disk.c: the writer's connection, when the disk fails and when it works again. */

/* Opens the file and says that this process lives; one whose disk fails is tried again later. As
 * store_open(). */
int store_disk_open(struct store *store);
void store_disk_close(struct store *store);
/* A call failed: from here on writes wait in the backlog. */
void store_disk_failed(struct store *store, int rc);
/* The file is no longer the one that was opened: likewise, and for good. */
void store_disk_check(struct store *store);
/* Writes the backlog, at most once in STORE_RETRY_MS unless `now`. */
void store_disk_retry(struct store *store, bool now);

/* store_log.c: the log is copied into the file when it has grown. */

/* STATUS_NOMEM. */
int store_log_open(struct store *store);
void store_log_close(struct store *store);
/* The writer's, after a commit. */
void store_log_checkpoint(struct store *store);

/* store_duty.c: what is due by the clock: signs of life, abandoned sessions, retention. */
void store_duty_run(struct store *store);
/* Milliseconds until something is due; -1: never. */
int store_duty_wait_ms(const struct store *store);
/* Within the caller's transaction: this process lives. SQLite's result code. */
int store_duty_beat(struct store *store, int64_t wall_us);
