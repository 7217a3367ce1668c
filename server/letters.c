#include "server/letters.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/limits.h"
#include "server/store_vfs.h"
#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

struct letters {
    sqlite3 *db;
};

static int failed(const struct letters *letters, const char *what)
{
    LOG_ERROR(LOG_MAIN, 0, "dead letters of the webhook cannot be stored", "at=%s reason=%s", what,
              LOG_Q(letters->db != NULL ? sqlite3_errmsg(letters->db) : "out of memory"));
    return STATUS_IO;
}

int letters_open(struct letters **out, const char *path)
{
    struct letters *letters = mem_calloc(1, sizeof *letters);
    if (letters == NULL)
        return STATUS_NOMEM;
    int rc = sqlite3_open_v2(path, &letters->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             store_vfs());
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(letters->db, LETTERS_BUSY_MS);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(letters->db,
                          "CREATE TABLE IF NOT EXISTS letters (id TEXT PRIMARY KEY, event TEXT NOT "
                          "NULL, body TEXT NOT NULL, wall_us INTEGER NOT NULL, tries INTEGER NOT "
                          "NULL, why TEXT NOT NULL) STRICT, WITHOUT ROWID",
                          NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        int status = failed(letters, path);
        letters_close(letters);
        return status;
    }
    *out = letters;
    return STATUS_OK;
}

void letters_close(struct letters *letters)
{
    if (letters == NULL)
        return;
    sqlite3_close(letters->db);
    mem_free(letters);
}

static int trim(struct letters *letters)
{
    char sql[160];
    snprintf(sql, sizeof sql,
             "DELETE FROM letters WHERE id IN "
             "(SELECT id FROM letters ORDER BY wall_us DESC, id LIMIT -1 OFFSET %d)",
             LETTERS_MAX);
    return sqlite3_exec(letters->db, sql, NULL, NULL, NULL);
}

int letters_put(struct letters *letters, const struct webhook_dead *dead)
{
    sqlite3_stmt *put = NULL;
    int rc = sqlite3_prepare_v2(letters->db,
                                "INSERT OR REPLACE INTO letters VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                                -1, &put, NULL);
    if (rc != SQLITE_OK)
        return failed(letters, "prepare");
    sqlite3_bind_text(put, 1, dead->letter.id, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 2, dead->event, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 3, dead->letter.body, (int)dead->letter.body_len, SQLITE_STATIC);
    sqlite3_bind_int64(put, 4, dead->wall_us);
    sqlite3_bind_int64(put, 5, dead->tries);
    sqlite3_bind_text(put, 6, dead->why, -1, SQLITE_STATIC);
    rc = sqlite3_step(put);
    sqlite3_finalize(put);
    if (rc != SQLITE_DONE || trim(letters) != SQLITE_OK)
        return failed(letters, "insert");
    return STATUS_OK;
}

static void row_read(sqlite3_stmt *row, struct webhook_dead *out)
{
    *out = (struct webhook_dead){
        .letter = {.body = (const char *)sqlite3_column_text(row, 2),
                   .body_len = (size_t)sqlite3_column_bytes(row, 2)},
        .event = (const char *)sqlite3_column_text(row, 1),
        .wall_us = sqlite3_column_int64(row, 3),
        .tries = (unsigned)sqlite3_column_int64(row, 4),
        .why = (const char *)sqlite3_column_text(row, 5),
    };
    snprintf(out->letter.id, sizeof out->letter.id, "%s",
             (const char *)sqlite3_column_text(row, 0));
}

int letters_each(struct letters *letters, bool (*each)(void *ctx, const struct webhook_dead *dead),
                 void *ctx)
{
    sqlite3_stmt *list = NULL;
    int rc = sqlite3_prepare_v2(letters->db,
                                "SELECT id, event, body, wall_us, tries, why FROM letters "
                                "ORDER BY wall_us, id",
                                -1, &list, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(list)) == SQLITE_ROW) {
        struct webhook_dead dead;
        row_read(list, &dead);
        rc = each(ctx, &dead) ? SQLITE_OK : SQLITE_DONE;
    }
    sqlite3_finalize(list);
    return rc == SQLITE_DONE ? STATUS_OK : failed(letters, "list");
}

int letters_remove(struct letters *letters, const char *id)
{
    sqlite3_stmt *remove = NULL;
    if (sqlite3_prepare_v2(letters->db, "DELETE FROM letters WHERE id = ?1", -1, &remove, NULL) !=
        SQLITE_OK)
        return failed(letters, "prepare");
    sqlite3_bind_text(remove, 1, id, -1, SQLITE_STATIC);
    int rc = sqlite3_step(remove);
    sqlite3_finalize(remove);
    if (rc != SQLITE_DONE)
        return failed(letters, "remove");
    return sqlite3_changes(letters->db) > 0 ? STATUS_OK : STATUS_NOT_FOUND;
}
