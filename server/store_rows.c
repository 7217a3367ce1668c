#include "server/store_rows.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/store_db.h"
#include "server/store_limits.h"
#include <assert.h>
#include <string.h>

int store_rows_init(struct store_rows *rows)
{
    *rows = (struct store_rows){.arena = arena_create(STORE_ANSWER_BYTES)};
    return rows->arena != NULL ? STATUS_OK : STATUS_NOMEM;
}

void store_rows_deinit(struct store_rows *rows)
{
    if (rows->arena != NULL)
        arena_destroy(rows->arena);
    mem_free(rows->rows);
    *rows = (struct store_rows){0};
}

void store_rows_reset(struct store_rows *rows)
{
    rows->len = rows->bytes = 0;
}

static int grow(struct store_rows *rows)
{
    if (rows->len < rows->cap)
        return STATUS_OK;
    size_t cap = rows->cap == 0 ? 16 : rows->cap * 2;
    struct store_row *more = mem_realloc(rows->rows, cap * sizeof *more);
    if (more == NULL)
        return STATUS_NOMEM;
    rows->rows = more;
    rows->cap = cap;
    return STATUS_OK;
}

int store_rows_add(struct store_rows *rows, const struct store_row *row)
{
    size_t bytes = row->body_len + strlen(row->lang);
    if (rows->len > 0 && rows->bytes + bytes > STORE_REPLAY_BYTES)
        return STATUS_FULL;
    if (grow(rows) != STATUS_OK)
        return STATUS_NOMEM;
    struct store_row copy = *row;
    copy.lang = arena_strdup(rows->arena, row->lang);
    copy.body = arena_strndup(rows->arena, row->body, row->body_len);
    if (copy.lang == NULL || copy.body == NULL)
        return STATUS_NOMEM;
    rows->rows[rows->len++] = copy;
    rows->bytes += bytes;
    return STATUS_OK;
}

struct store_row store_rows_read(sqlite3_stmt *statement)
{
    return (struct store_row){
        .seq = (uint64_t)sqlite3_column_int64(statement, 0),
        .kind = (enum store_kind)sqlite3_column_int(statement, 1),
        .segment = (uint32_t)sqlite3_column_int64(statement, 2),
        .lang = store_db_text(statement, 3),
        .body = store_db_text(statement, 4),
        .body_len = (size_t)sqlite3_column_bytes(statement, 4),
        .wall_us = sqlite3_column_int64(statement, 5),
    };
}

const char *store_rows_text(struct store_rows *rows, const char *text)
{
    return arena_strdup(rows->arena, text);
}
