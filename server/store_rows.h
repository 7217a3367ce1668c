/*
 * Messages of an answer, with all its texts in one arena: a bounded number of bytes, at least one
 * message.
 *
 * Threads: one owner at a time. Memory: whoever ends the answer calls store_rows_deinit().
 */
#pragma once

#include "server/store.h"
#include <sqlite3.h>

struct arena;

struct store_rows {
    struct arena *arena;
    struct store_row *rows;
    size_t len, cap, bytes;
};

/* STATUS_NOMEM. */
int store_rows_init(struct store_rows *rows);
void store_rows_deinit(struct store_rows *rows);
/* Forgets the messages; their texts stay with the arena. */
void store_rows_reset(struct store_rows *rows);
/* STATUS_FULL past STORE_REPLAY_BYTES, when there is one already; STATUS_NOMEM. */
int store_rows_add(struct store_rows *rows, const struct store_row *row);
/* A row of REPLAY or TRANSCRIPTS; its texts are SQLite's until the next step. */
struct store_row store_rows_read(sqlite3_stmt *statement);
/* A copy of `text` that ends with the answer; NULL: out of memory. */
const char *store_rows_text(struct store_rows *rows, const char *text);
