#include "server/store_admin.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/store_apply.h"
#include "server/store_db.h"
#include "server/store_job.h"
#include "server/store_limits.h"
#include "server/store_page.h"
#include "server/store_vfs.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BACKUP_PAGES 256 /* copied between two calls of progress */
#define CHECK_FAULTS 100 /* then it is damaged enough */
#define PART_SUFFIX  ".part"
#define GIVE_WAY_US  2000 /* at least, between two transactions */

struct store_file {
    struct store_db *db;
    char *path;
};

static _Thread_local char problem[STORE_PROBLEM_BYTES];

const char *store_admin_problem(void)
{
    return problem;
}

static int fail(struct store_file *file, int rc)
{
    store_db_explain(file->db, file->path, rc, problem);
    return store_db_status(rc);
}

int store_file_open(struct store_file **out, const char *path, bool writes)
{
    assert(path[0] != '\0');
    struct store_file *file = mem_calloc(1, sizeof *file);
    char *copy = mem_strdup(path);
    int status = STATUS_NOMEM;
    if (file != NULL && copy != NULL)
        status = store_db_open(&file->db, path, writes ? STORE_DB_WRITE : STORE_DB_READ, problem);
    if (status != STATUS_OK) {
        mem_free(file);
        mem_free(copy);
        return status;
    }
    file->path = copy;
    *out = file;
    return STATUS_OK;
}

void store_file_close(struct store_file *file)
{
    store_db_close(file->db);
    mem_free(file->path);
    mem_free(file);
}

int store_file_query(struct store_file *file, const struct store_query *query,
                     struct store_page **page)
{
    struct store_page_answer *answer = store_page_create(0);
    if (answer == NULL)
        return STATUS_NOMEM;
    int rc = store_page_fill(file->db, query, answer);
    int status = rc != SQLITE_OK ? fail(file, rc) : answer->page.status;
    if (status == STATUS_OK)
        *page = &answer->page;
    else
        answer->page.msg.free_fn(&answer->page.msg);
    return status;
}

/* Deletes the first session that `which` finds, in one transaction. STATUS_NOT_FOUND: none. */
static int delete_one(struct store_file *file, enum store_statement which, struct store_arg arg,
                      struct store_deleted *out)
{
    struct store_db *db = file->db;
    int changes = 0;
    int rc = store_db_begin(db);
    if (rc == SQLITE_OK)
        rc = STORE_RUN(db, which, arg);
    if (rc == SQLITE_OK) {
        store_db_rollback(db);
        return STATUS_NOT_FOUND;
    }
    if (rc == SQLITE_ROW) {
        int64_t key = sqlite3_column_int64(store_db_row(db, which), 0);
        store_db_done(db, which);
        changes = sqlite3_total_changes(db->db);
        rc = store_apply_forget(db, key);
        changes = sqlite3_total_changes(db->db) - changes;
    }
    if (rc == SQLITE_OK)
        rc = store_db_commit(db);
    if (rc != SQLITE_OK) {
        int status = fail(file, rc);
        store_db_rollback(db);
        return status;
    }
    out->sessions++;
    out->messages += (uint64_t)changes - 1;
    return STATUS_OK;
}

static void pause_us(int64_t us)
{
    nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}

/* A server that writes into the store has its turn between two sessions: half of the time. */
static void give_way(int64_t took_us)
{
    pause_us(took_us > GIVE_WAY_US ? took_us : GIVE_WAY_US);
}

static int delete_all(struct store_file *file, enum store_statement which, struct store_arg arg,
                      struct store_deleted *out)
{
    *out = (struct store_deleted){0};
    int64_t began_us = clock_mono_us();
    int status = delete_one(file, which, arg, out);
    while (status == STATUS_OK) {
        give_way(clock_mono_us() - began_us);
        began_us = clock_mono_us();
        status = delete_one(file, which, arg, out);
    }
    /* What was deleted before a failure is gone all the same. */
    int scrub = store_admin_scrub(file, &out->scrubbed);
    return status == STATUS_NOT_FOUND ? scrub : status;
}

int store_admin_delete_session(struct store_file *file, const char *session,
                               struct store_deleted *out)
{
    int status = delete_all(file, STORE_SQL_KEY, STORE_T(session), out);
    if (status != STATUS_OK || out->sessions > 0)
        return status;
    snprintf(problem, sizeof problem, "%s: there is no session %.64s; see the list of sessions",
             file->path, session);
    return STATUS_NOT_FOUND;
}

int store_admin_delete_class(struct store_file *file, const char *class_name,
                             struct store_deleted *out)
{
    return delete_all(file, STORE_SQL_OF_CLASS, STORE_T(class_name), out);
}

int store_admin_delete_before(struct store_file *file, int64_t wall_us, struct store_deleted *out)
{
    return delete_all(file, STORE_SQL_EXPIRED, STORE_I(wall_us), out);
}

int store_admin_scrub(struct store_file *file, bool *scrubbed)
{
    int rc = store_db_checkpoint(file->db, true);
    for (int tries = 1; (rc & 0xff) == SQLITE_BUSY && tries < STORE_CUT_TRIES; tries++) {
        pause_us(STORE_CUT_GAP_MS * 1000);
        rc = store_db_checkpoint(file->db, true);
    }
    *scrubbed = rc == SQLITE_OK;
    return rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY ? STATUS_OK : fail(file, rc);
}

/* The source is read within one transaction, or every commit of a running server would make the
 * copy begin again. */
static int copy_pages(struct store_file *file, sqlite3 *to, store_backup_progress_fn *progress,
                      void *ctx)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", file->db->db, "main");
    if (backup == NULL)
        return sqlite3_errcode(to);
    int rc;
    do {
        rc = sqlite3_backup_step(backup, BACKUP_PAGES);
        int total = sqlite3_backup_pagecount(backup);
        if (progress != NULL && (rc == SQLITE_OK || rc == SQLITE_DONE) &&
            !progress(ctx, total - sqlite3_backup_remaining(backup), total))
            rc = SQLITE_ABORT;
    } while (rc == SQLITE_OK);
    int end = sqlite3_backup_finish(backup);
    return rc == SQLITE_DONE ? end : rc;
}

static int copy_to(struct store_file *file, const char *part, store_backup_progress_fn *progress,
                   void *ctx)
{
    sqlite3 *to = NULL;
    int rc = sqlite3_open_v2(part, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, store_vfs());
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(file->db->db, "BEGIN; SELECT 1 FROM sqlite_schema", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = copy_pages(file, to, progress, ctx);
    store_db_rollback(file->db);
    sqlite3_close(to);
    return rc;
}

static int backup_refused(const char *path, const char *why, int status)
{
    snprintf(problem, sizeof problem, "%.200s: %.100s", path, why);
    return status;
}

/* An empty file of our own mode at `part`. */
static int make_part(const char *path, const char *part)
{
    if (access(path, F_OK) == 0)
        return backup_refused(path, "it exists; name a file that does not", STATUS_REFUSED);
    int fd = open(part, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return backup_refused(part, strerror(errno), STATUS_IO);
    close(fd);
    return STATUS_OK;
}

/* The name is as durable as the bytes. */
static int publish(const char *part, const char *path)
{
    if (rename(part, path) != 0)
        return backup_refused(path, strerror(errno), STATUS_IO);
    char *folder = mem_strdup(path);
    char *slash = folder != NULL ? strrchr(folder, '/') : NULL;
    if (slash != NULL)
        slash[slash == folder] = '\0';
    int fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    mem_free(folder);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return synced ? STATUS_OK : backup_refused(path, "its folder could not be synced", STATUS_IO);
}

int store_admin_backup(struct store_file *file, const char *path,
                       store_backup_progress_fn *progress, void *ctx)
{
    char part[4096];
    if (snprintf(part, sizeof part, "%s" PART_SUFFIX, path) >= (int)sizeof part)
        return backup_refused(path, "its name is too long", STATUS_REFUSED);
    int status = make_part(path, part);
    if (status != STATUS_OK)
        return status;
    int rc = copy_to(file, part, progress, ctx);
    if (rc == SQLITE_OK) {
        status = publish(part, path);
    } else if (rc == SQLITE_ABORT) {
        status = backup_refused(path, "stopped; nothing was written there", STATUS_CANCELLED);
    } else {
        store_db_explain(NULL, path, rc, problem);
        status = store_db_status(rc);
    }
    if (status != STATUS_OK)
        unlink(part);
    return status;
}

int store_admin_check(struct store_file *file, void (*found)(void *ctx, const char *fault),
                      void *ctx)
{
    char sql[64];
    int faults = 0;
    sqlite3_stmt *statement;
    snprintf(sql, sizeof sql, "PRAGMA integrity_check(%d)", CHECK_FAULTS);
    int rc = sqlite3_prepare_v2(file->db->db, sql, -1, &statement, NULL);
    if (rc != SQLITE_OK)
        return fail(file, rc);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *line = store_db_text(statement, 0);
        if (strcmp(line, "ok") == 0)
            continue;
        faults++;
        found(ctx, line);
    }
    sqlite3_finalize(statement);
    if (rc != SQLITE_DONE)
        return fail(file, rc);
    return faults == 0 ? STATUS_OK : fail(file, SQLITE_CORRUPT);
}
