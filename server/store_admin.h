/*
 * What is done to a store's file from outside the server, which may go on using it meanwhile:
 * deleting, backing up, checking. For sotto-admin.
 *
 * A deletion is one transaction a session. The server notices that a session of its own is gone by
 * its next write, which is refused as fenced. SQLite overwrites what it deletes
 * (`secure_delete`); what the write-ahead log still holds goes with store_admin_scrub(), which
 * every deletion here ends with.
 *
 * Threads: a struct store_file belongs to one. Errors: STATUS_IO, STATUS_INVALID (damaged),
 * STATUS_NOT_FOUND, STATUS_NOMEM; store_admin_problem() says more.
 */
#pragma once

#include "server/store_query.h"

/* One line on the last failure of a store_file_*() or store_admin_*() call of this thread: which
 * file, what, and what to do. */
const char *store_admin_problem(void);

struct store_deleted {
    uint64_t sessions, messages;
    bool scrubbed; /* nothing of them is left in the file and its log */
};

/* One session with all that was said, ended or not. STATUS_NOT_FOUND: there is none. */
int store_admin_delete_session(struct store_file *file, const char *session,
                               struct store_deleted *out);
/* All sessions of a class; none is no error. */
int store_admin_delete_class(struct store_file *file, const char *class_name,
                             struct store_deleted *out);
/* All ended sessions that began before. */
int store_admin_delete_before(struct store_file *file, int64_t wall_us, struct store_deleted *out);
/* Copies the log into the file and empties it. False: somebody still reads an older state; try
 * again later. */
int store_admin_scrub(struct store_file *file, bool *scrubbed);

/* `done` of `total` pages; false stops the backup. */
typedef bool store_backup_progress_fn(void *ctx, int done, int total);
/*
 * Copies the store as it is at this moment to `path`, which must not exist: it appears there when
 * it is complete. `progress` may be NULL. STATUS_REFUSED: `path` exists; STATUS_CANCELLED.
 */
int store_admin_backup(struct store_file *file, const char *path,
                       store_backup_progress_fn *progress, void *ctx);

/* Reads the whole file and calls `found` for each fault. STATUS_INVALID: there were some. */
int store_admin_check(struct store_file *file, void (*found)(void *ctx, const char *fault),
                      void *ctx);
