/*
 * One connection to a store, with its prepared statements, and the shape of the file.
 *
 * Threads: one owner at a time. Errors: within the store's files calls give SQLite's result codes;
 * what leaves them is an enum status, from store_db_status().
 */
#pragma once

#include "server/store_statements.h"
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_PROBLEM_BYTES 320 /* one line for whoever runs the server */

enum store_statement {
#define X(name, sql) STORE_SQL_##name,
    STORE_STATEMENTS_MAP(X)
#undef X
        STORE_STATEMENTS
};

enum store_db_use {
    STORE_DB_SERVE, /* makes the file and migrates it */
    STORE_DB_WRITE, /* a file of this version that is there */
    STORE_DB_READ,  /* the same, and never writes */
};

struct store_db {
    sqlite3 *db;
    bool memory;   /* path "" */
    int busy_ms;   /* another connection may hold the file for so long */
    int wal_pages; /* in the write-ahead log, after the last commit */
    sqlite3_stmt *statements[STORE_STATEMENTS];
};

/*
 * Opens `path`; "", for STORE_DB_SERVE only, is a database in memory. STATUS_NOT_FOUND,
 * STATUS_INVALID (no store, damaged, another version), STATUS_IO (may pass: full disk, I/O error),
 * STATUS_AUTH (not allowed), STATUS_UNSUPPORTED, STATUS_NOMEM: `problem` gets a line that names the
 * file and what to do.
 */
int store_db_open(struct store_db **out, const char *path, enum store_db_use use,
                  char problem[STORE_PROBLEM_BYTES]);
/* NULL is allowed. */
void store_db_close(struct store_db *db);
/* `full`: a commit is on the disk when it returns; else a power cut may take the last ones. */
int store_db_sync(struct store_db *db, bool full);

/* An argument of a statement; texts and blobs are borrowed until its next run. */
struct store_arg {
    enum { STORE_ARG_INTEGER, STORE_ARG_TEXT, STORE_ARG_BLOB } kind;
    int64_t integer;
    const void *bytes; /* NULL: the value NULL */
    size_t len;
};
#define STORE_I(value)      ((struct store_arg){STORE_ARG_INTEGER, (int64_t)(value), NULL, 0})
#define STORE_B(blob, len)  ((struct store_arg){STORE_ARG_BLOB, 0, (blob), (len)})
#define STORE_TN(text, len) ((struct store_arg){STORE_ARG_TEXT, 0, (text), (len)})
struct store_arg STORE_T(const char *text);

/*
 * Runs a statement from its beginning. SQLITE_ROW: store_db_row() has its first row, and
 * store_db_next() the others; store_db_done() before its rows are left behind. SQLITE_OK: it is
 * over. Else the error.
 */
int store_db_run(struct store_db *db, enum store_statement which, const struct store_arg *args,
                 size_t args_len);
#define STORE_RUN(db, which, ...)                                                                  \
    store_db_run((db), (which), (const struct store_arg[]){__VA_ARGS__},                           \
                 sizeof((const struct store_arg[]){__VA_ARGS__}) / sizeof(struct store_arg))
sqlite3_stmt *store_db_row(struct store_db *db, enum store_statement which);
int store_db_next(struct store_db *db, enum store_statement which);
void store_db_done(struct store_db *db, enum store_statement which);
/* A column of text, never NULL. */
const char *store_db_text(sqlite3_stmt *row, int column);

/* Takes the write lock now, so that nobody can get between what is read and what is written. */
int store_db_begin(struct store_db *db);
int store_db_commit(struct store_db *db);
/* Undoes the transaction if there still is one. */
void store_db_rollback(struct store_db *db);
/* Copies the log into the file; `cut`: and empties the log, so that nothing deleted stays in it.
 * SQLITE_BUSY: somebody still reads an older state. */
int store_db_checkpoint(struct store_db *db, bool cut);

/* STATUS_INVALID: the file is damaged, trying again is of no use. */
int store_db_status(int rc);
/* What `rc` means for whoever runs the server, and what to do. */
void store_db_explain(const struct store_db *db, const char *path, int rc,
                      char problem[STORE_PROBLEM_BYTES]);
