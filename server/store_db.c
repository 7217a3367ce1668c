#include "server/store_db.h"

#include "base/mem.h"
#include "base/status.h"
#include "server/store_limits.h"
#include "server/store_vfs.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const steps[] = {
#define X(sql) sql,
    STORE_STEPS_MAP(X)
#undef X
};
#define VERSION ((int)(sizeof steps / sizeof steps[0]))

static const char *const statements[STORE_STATEMENTS] = {
#define X(name, sql) [STORE_SQL_##name] = sql,
    STORE_STATEMENTS_MAP(X)
#undef X
};

struct store_arg STORE_T(const char *text) {
    return STORE_TN(text, text != NULL ? strlen(text) : 0);
}

int store_db_status(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK: return STATUS_OK;
    case SQLITE_NOMEM: return STATUS_NOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return STATUS_INVALID;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH: return STATUS_AUTH;
    default: return STATUS_IO;
    }
}

/* What to do, by result code. */
static const char *advice(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_FULL: return "the disk is full: make room, or delete sessions with sotto-admin";
    case SQLITE_READONLY: return "it cannot be written: check its owner, its mode and the mount";
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH: return "check that its folder exists and that this user may write there";
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return "another program holds it for long: look for one with fuser";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return "it is damaged or no store: stop the server, move it away or put a backup in its "
               "place, start again";
    default: return "look for errors of the disk in the kernel's log";
    }
}

void store_db_explain(const struct store_db *db, const char *path, int rc,
                      char problem[STORE_PROBLEM_BYTES])
{
    bool ours = db != NULL && sqlite3_extended_errcode(db->db) == rc;
    const char *text = ours ? sqlite3_errmsg(db->db) : sqlite3_errstr(rc);
    int error = ours && (rc & 0xff) == SQLITE_IOERR ? sqlite3_system_errno(db->db) : 0;
    snprintf(problem, STORE_PROBLEM_BYTES, "%.120s: %.80s (%d%s%s); %s", path, text, rc,
             error != 0 ? ", " : "", error != 0 ? strerror(error) : "", advice(rc));
}

static int exec(struct store_db *db, const char *sql)
{
    return sqlite3_exec(db->db, sql, NULL, NULL, NULL);
}

/* The one number that `sql` gives. */
static int ask_number(struct store_db *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement;
    int rc = sqlite3_prepare_v2(db->db, sql, -1, &statement, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    int end = sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? SQLITE_OK : end;
}

struct shape {
    int64_t version, application, tables;
};

static int read_shape(struct store_db *db, struct shape *shape)
{
    int rc = ask_number(db, "PRAGMA user_version", &shape->version);
    if (rc == SQLITE_OK)
        rc = ask_number(db, "PRAGMA application_id", &shape->application);
    if (rc == SQLITE_OK)
        rc = ask_number(db, "SELECT count(*) FROM sqlite_schema", &shape->tables);
    return rc;
}

static int judge_shape(const struct shape *shape, enum store_db_use use, const char *path,
                       char problem[STORE_PROBLEM_BYTES])
{
    bool fresh = shape->tables == 0 && shape->application == 0 && shape->version == 0;
    if (fresh && use == STORE_DB_SERVE)
        return STATUS_OK;
    if (shape->application != STORE_APPLICATION_ID) {
        snprintf(problem, STORE_PROBLEM_BYTES,
                 "%s: it is a database of another program; name another file", path);
        return STATUS_INVALID;
    }
    if (shape->version > VERSION) {
        snprintf(problem, STORE_PROBLEM_BYTES,
                 "%s: it is a store of version %lld, and this program knows versions up to %d; use "
                 "the newer program, or a backup from before the upgrade",
                 path, (long long)shape->version, VERSION);
        return STATUS_INVALID;
    }
    if (shape->version < VERSION && use != STORE_DB_SERVE) {
        snprintf(problem, STORE_PROBLEM_BYTES,
                 "%s: it is a store of version %lld, and this program wants version %d; start this "
                 "version of sotto on it once",
                 path, (long long)shape->version, VERSION);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* Under the write lock: two servers that start together migrate once. */
static int migrate(struct store_db *db)
{
    int64_t version = 0;
    int rc = store_db_begin(db);
    if (rc == SQLITE_OK)
        rc = ask_number(db, "PRAGMA user_version", &version);
    for (int64_t step = version; rc == SQLITE_OK && step < VERSION; step++)
        rc = exec(db, steps[step]);
    if (rc == SQLITE_OK && version < VERSION) {
        char sql[96];
        snprintf(sql, sizeof sql, "PRAGMA user_version = %d; PRAGMA application_id = %d", VERSION,
                 STORE_APPLICATION_ID);
        rc = exec(db, sql);
    }
    if (rc == SQLITE_OK)
        rc = store_db_commit(db);
    if (rc != SQLITE_OK)
        store_db_rollback(db);
    return rc;
}

static int on_commit(void *ctx, sqlite3 *handle, const char *name, int pages)
{
    struct store_db *db = ctx;
    db->wal_pages = pages;
    return SQLITE_OK;
}

/* SQLite reports a file system without shared memory by leaving the mode as it was. */
static int enter_wal(struct store_db *db, bool *entered)
{
    sqlite3_stmt *statement;
    int rc = sqlite3_prepare_v2(db->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(statement);
    *entered = rc == SQLITE_ROW && strcmp(store_db_text(statement, 0), "wal") == 0;
    int end = sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? SQLITE_OK : end;
}

/* mmap_size 0: an I/O error of the disk must be an answer, not a SIGBUS. */
static int configure(struct store_db *db, enum store_db_use use)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "PRAGMA secure_delete = ON; PRAGMA mmap_size = 0; PRAGMA cache_size = -%d;"
             "PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = %d",
             STORE_CACHE_KB, STORE_WAL_BYTES);
    db->busy_ms = use == STORE_DB_SERVE ? STORE_BUSY_MS : STORE_BUSY_LONG_MS;
    sqlite3_busy_timeout(db->db, db->busy_ms);
    sqlite3_wal_hook(db->db, on_commit, db);
    return exec(db, sql);
}

/* 0600 from the beginning: what learners say is nobody else's. An existing file is not opened here,
 * because closing it again would drop the locks that SQLite has on it in this process. */
static int make_file(const char *path, char problem[STORE_PROBLEM_BYTES])
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        return STATUS_OK;
    }
    if (errno == EEXIST)
        return STATUS_OK;
    int error = errno;
    snprintf(problem, STORE_PROBLEM_BYTES, "%s: cannot make it: %s; %s", path, strerror(error),
             error == ENOSPC ? advice(SQLITE_FULL) : advice(SQLITE_CANTOPEN));
    return error == ENOSPC || error == EIO || error == EDQUOT ? STATUS_IO : STATUS_AUTH;
}

static int prepare_file(const char *path, enum store_db_use use, char problem[STORE_PROBLEM_BYTES])
{
    if (path[0] == '\0')
        return STATUS_OK;
    if (use == STORE_DB_SERVE)
        return make_file(path, problem);
    if (access(path, F_OK) == 0)
        return STATUS_OK;
    snprintf(problem, STORE_PROBLEM_BYTES, "%s: %s; name the store's file", path, strerror(errno));
    return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_AUTH;
}

static int open_handle(struct store_db *db, const char *path, enum store_db_use use)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |= use == STORE_DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    const char *vfs = store_vfs();
    if (vfs == NULL)
        return SQLITE_NOMEM;
    int rc = sqlite3_open_v2(db->memory ? ":memory:" : path, &db->db, flags, vfs);
    if (rc == SQLITE_OK)
        rc = configure(db, use);
    /* A file that may only be read is opened so without a word. */
    if (rc == SQLITE_OK && use != STORE_DB_READ && sqlite3_db_readonly(db->db, "main") == 1)
        rc = SQLITE_READONLY;
    return rc;
}

/* The file is open: is it ours, and of this version, or can it be made so? */
static int shape_file(struct store_db *db, const char *path, enum store_db_use use,
                      char problem[STORE_PROBLEM_BYTES])
{
    struct shape shape = {0};
    int rc = read_shape(db, &shape);
    if (rc == SQLITE_OK) {
        int status = judge_shape(&shape, use, path, problem);
        if (status != STATUS_OK)
            return status;
    }
    bool wal = true;
    if (rc == SQLITE_OK && use == STORE_DB_SERVE && !db->memory)
        rc = enter_wal(db, &wal);
    if (rc == SQLITE_OK && !wal) {
        snprintf(problem, STORE_PROBLEM_BYTES,
                 "%s: its file system cannot hold a write-ahead log; put it on a local disk", path);
        return STATUS_UNSUPPORTED;
    }
    if (rc == SQLITE_OK && use == STORE_DB_SERVE && shape.version < VERSION)
        rc = migrate(db);
    if (rc != SQLITE_OK)
        store_db_explain(db, path, rc, problem);
    return store_db_status(rc);
}

int store_db_open(struct store_db **out, const char *path, enum store_db_use use,
                  char problem[STORE_PROBLEM_BYTES])
{
    assert(path[0] != '\0' || use == STORE_DB_SERVE);
    int status = prepare_file(path, use, problem);
    if (status != STATUS_OK)
        return status;
    struct store_db *db = mem_calloc(1, sizeof *db);
    if (db == NULL) {
        store_db_explain(NULL, path, SQLITE_NOMEM, problem);
        return STATUS_NOMEM;
    }
    db->memory = path[0] == '\0';
    int rc = open_handle(db, path, use);
    if (rc != SQLITE_OK) {
        store_db_explain(db, path, rc, problem);
        status = store_db_status(rc);
    } else {
        status = shape_file(db, path, use, problem);
    }
    if (status == STATUS_OK)
        *out = db;
    else
        store_db_close(db);
    return status;
}

void store_db_close(struct store_db *db)
{
    if (db == NULL)
        return;
    for (int i = 0; i < STORE_STATEMENTS; i++)
        sqlite3_finalize(db->statements[i]);
    int rc = sqlite3_close(db->db);
    assert(rc == SQLITE_OK);
    mem_free(db);
}

int store_db_sync(struct store_db *db, bool full)
{
    return exec(db, full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
}

static int bind(sqlite3_stmt *statement, int at, const struct store_arg *arg)
{
    if (arg->kind == STORE_ARG_INTEGER)
        return sqlite3_bind_int64(statement, at, arg->integer);
    if (arg->kind == STORE_ARG_TEXT)
        return sqlite3_bind_text64(statement, at, arg->bytes, arg->len, SQLITE_STATIC, SQLITE_UTF8);
    return sqlite3_bind_blob64(statement, at, arg->bytes, arg->len, SQLITE_STATIC);
}

int store_db_run(struct store_db *db, enum store_statement which, const struct store_arg *args,
                 size_t args_len)
{
    sqlite3_stmt **statement = &db->statements[which];
    int rc = SQLITE_OK;
    if (*statement == NULL)
        rc = sqlite3_prepare_v3(db->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT, statement,
                                NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < args_len; i++)
        rc = bind(*statement, (int)i + 1, &args[i]);
    if (rc != SQLITE_OK)
        return rc;
    return store_db_next(db, which);
}

sqlite3_stmt *store_db_row(struct store_db *db, enum store_statement which)
{
    return db->statements[which];
}

int store_db_next(struct store_db *db, enum store_statement which)
{
    int rc = sqlite3_step(db->statements[which]);
    return rc == SQLITE_ROW ? rc : sqlite3_reset(db->statements[which]);
}

void store_db_done(struct store_db *db, enum store_statement which)
{
    sqlite3_reset(db->statements[which]);
}

const char *store_db_text(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text != NULL ? text : "";
}

int store_db_begin(struct store_db *db)
{
    return store_db_run(db, STORE_SQL_BEGIN, NULL, 0);
}

int store_db_commit(struct store_db *db)
{
    return store_db_run(db, STORE_SQL_COMMIT, NULL, 0);
}

void store_db_rollback(struct store_db *db)
{
    if (sqlite3_get_autocommit(db->db) == 0)
        (void)exec(db, "ROLLBACK");
}

int store_db_checkpoint(struct store_db *db, bool cut)
{
    if (db->memory)
        return SQLITE_OK;
    int mode = cut ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    db->wal_pages = 0;
    /* While it waits for readers nobody can write. */
    sqlite3_busy_timeout(db->db, STORE_CUT_MS);
    int rc = sqlite3_wal_checkpoint_v2(db->db, "main", mode, NULL, NULL);
    sqlite3_busy_timeout(db->db, db->busy_ms);
    return rc;
}
