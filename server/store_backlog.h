/*
 * Writes that wait in memory, in order, while the disk takes none. At most STORE_BACKLOG_BYTES:
 * past that the oldest message gives way, and when there is no message the oldest of the others,
 * because a session whose beginning is lost can never be stored again.
 *
 * Threads: the writer's. Memory: owns its jobs.
 */
#pragma once

#include "server/store_job.h"

struct store_fifo {
    struct store_job *oldest, *newest;
};

/* Messages of a session up to `seq` gave way. */
struct store_lost {
    char session[STORE_NAME_BYTES];
    uint64_t seq;
};

struct store_backlog {
    struct store_fifo messages, others;
    uint64_t order; /* of the next job */
    size_t bytes;
    uint64_t dropped; /* jobs, since the start */
    struct store_lost *lost;
    unsigned lost_len, lost_next; /* the oldest entry is overwritten */
};

/* STATUS_NOMEM. */
int store_backlog_init(struct store_backlog *backlog);
void store_backlog_deinit(struct store_backlog *backlog);
/* Takes `job`, which has been answered. */
void store_backlog_add(struct store_backlog *backlog, struct store_job *job);
/* A walk over the jobs in order of arrival, which ends with any change. */
struct store_walk {
    struct store_job *message, *other;
};
struct store_walk store_backlog_walk(const struct store_backlog *backlog);
/* NULL at the end. */
struct store_job *store_backlog_next(struct store_walk *walk);
/* Frees the oldest `count` jobs: they are stored. */
void store_backlog_stored(struct store_backlog *backlog, size_t count);
/* Messages of `session` up to this seq were dropped; 0: none. */
uint64_t store_backlog_lost(const struct store_backlog *backlog, const char *session);
/* The session's beginning is among what waits. */
bool store_backlog_begins(const struct store_backlog *backlog, const char *session);
/* Adds the kept messages of `session` after `seq`. STATUS_FULL: there are more; STATUS_NOMEM. */
int store_backlog_read(const struct store_backlog *backlog, const char *session, uint64_t seq,
                       struct store_rows *rows);
