#include "server/store_page.h"

#include "base/arena.h"
#include "base/status.h"
#include "server/store_limits.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The columns of STORE_ABOUT_COLUMNS. */
static bool about_add(struct store_page_answer *answer, sqlite3_stmt *row)
{
    struct store_about *about = &answer->page.about[answer->page.about_len];
    const char **texts[] = {&about->class_name, &about->name,  &about->subject,   &about->source,
                            &about->settings,   &about->usage, &about->end_reason};
    *about = (struct store_about){.rate = (uint32_t)sqlite3_column_int64(row, 9),
                                  .started_wall_us = sqlite3_column_int64(row, 10),
                                  .ended_wall_us = sqlite3_column_int64(row, 11),
                                  .seq = (uint64_t)sqlite3_column_int64(row, 12),
                                  .segments = (uint32_t)sqlite3_column_int64(row, 13)};
    snprintf(about->session, sizeof about->session, "%s", store_db_text(row, 1));
    for (int i = 0; i < 7; i++) {
        *texts[i] = store_rows_text(&answer->rows, store_db_text(row, 2 + i));
        if (*texts[i] == NULL)
            return false;
    }
    answer->page.about_len++;
    return true;
}

static bool about_room(struct store_page_answer *answer, size_t sessions)
{
    answer->page.about = arena_alloc(answer->rows.arena, sessions * sizeof *answer->page.about);
    if (answer->page.about == NULL)
        answer->page.status = STATUS_NOMEM;
    return answer->page.about != NULL;
}

/* The session's key; 0 and STATUS_NOT_FOUND when it is not there. */
static int about_one(struct store_db *db, const char *session, struct store_page_answer *answer,
                     int64_t *key)
{
    if (!about_room(answer, 1))
        return SQLITE_OK;
    int rc = STORE_RUN(db, STORE_SQL_ABOUT, STORE_T(session));
    if (rc != SQLITE_ROW) {
        answer->page.status = STATUS_NOT_FOUND;
        return rc;
    }
    sqlite3_stmt *row = store_db_row(db, STORE_SQL_ABOUT);
    *key = sqlite3_column_int64(row, 0);
    if (!about_add(answer, row))
        answer->page.status = STATUS_NOMEM;
    store_db_done(db, STORE_SQL_ABOUT);
    return SQLITE_OK;
}

static int messages(struct store_db *db, const struct store_query *query,
                    struct store_page_answer *answer)
{
    struct store_page *page = &answer->page;
    int64_t key = 0;
    int rc = about_one(db, query->session, answer, &key);
    if (rc != SQLITE_OK || page->status != STATUS_OK)
        return rc;
    /* One more than asked for tells whether there is more. */
    rc = STORE_RUN(db, STORE_SQL_REPLAY, STORE_I(key), STORE_I(query->after_seq),
                   STORE_I((int64_t)query->limit + 1));
    int status = STATUS_OK;
    while (rc == SQLITE_ROW && status == STATUS_OK) {
        struct store_row row = store_rows_read(store_db_row(db, STORE_SQL_REPLAY));
        status =
            answer->rows.len < query->limit ? store_rows_add(&answer->rows, &row) : STATUS_FULL;
        if (status == STATUS_OK)
            rc = store_db_next(db, STORE_SQL_REPLAY);
    }
    if (rc == SQLITE_ROW)
        store_db_done(db, STORE_SQL_REPLAY);
    page->more = status == STATUS_FULL;
    page->status = status == STATUS_NOMEM ? status : STATUS_OK;
    page->rows = answer->rows.rows;
    page->rows_len = answer->rows.len;
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* Rows of a segment that is not whole go, unless there is no other: whoever asks again before the
 * one above has them all. */
static void drop_partial(struct store_rows *rows)
{
    size_t len = rows->len;
    while (len > 0 && rows->rows[len - 1].segment == rows->rows[rows->len - 1].segment)
        len--;
    if (len > 0)
        rows->len = len;
}

static int segments(struct store_db *db, const struct store_query *query,
                    struct store_page_answer *answer)
{
    struct store_page *page = &answer->page;
    struct store_rows *rows = &answer->rows;
    int64_t key = 0, before = query->before_segment > 0 ? query->before_segment : INT64_MAX;
    int rc = about_one(db, query->session, answer, &key), status = STATUS_OK;
    if (rc != SQLITE_OK || page->status != STATUS_OK)
        return rc;
    rc = STORE_RUN(db, STORE_SQL_SEGMENTS, STORE_I(key), STORE_I(before), STORE_I(query->limit));
    while (rc == SQLITE_ROW && status == STATUS_OK) {
        struct store_row row = store_rows_read(store_db_row(db, STORE_SQL_SEGMENTS));
        status = store_rows_add(rows, &row);
        if (status == STATUS_OK)
            rc = store_db_next(db, STORE_SQL_SEGMENTS);
    }
    if (rc == SQLITE_ROW)
        store_db_done(db, STORE_SQL_SEGMENTS);
    if (status == STATUS_FULL)
        drop_partial(rows);
    page->status = status == STATUS_NOMEM ? status : STATUS_OK;
    page->rows = rows->rows;
    page->rows_len = rows->len;
    /* Segments count from 1. */
    page->more = rows->len > 0 && rows->rows[rows->len - 1].segment > 1;
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* Lists go on before this key. */
static int list_start(struct store_db *db, const struct store_query *query, int64_t *before,
                      int *status)
{
    *before = INT64_MAX;
    if (query->before == NULL || query->before[0] == '\0')
        return SQLITE_OK;
    int rc = STORE_RUN(db, STORE_SQL_KEY, STORE_T(query->before));
    if (rc != SQLITE_ROW) {
        *status = STATUS_NOT_FOUND;
        return rc;
    }
    *before = sqlite3_column_int64(store_db_row(db, STORE_SQL_KEY), 0);
    store_db_done(db, STORE_SQL_KEY);
    return SQLITE_OK;
}

static struct store_arg class_arg(const struct store_query *query)
{
    bool all = query->class_name == NULL || query->class_name[0] == '\0';
    return STORE_T(all ? NULL : query->class_name);
}

/* A statement for each index, and how many arguments it has. */
static void list_kind(const struct store_query *query, enum store_statement *which, size_t *args)
{
    if (query->subject != NULL) {
        *which = STORE_SQL_LIST_SUBJECT;
        *args = 4;
    } else if (class_arg(query).bytes != NULL) {
        *which = STORE_SQL_LIST_CLASS;
        *args = 3;
    } else {
        *which = STORE_SQL_LIST;
        *args = 2;
    }
}

static int sessions(struct store_db *db, const struct store_query *query,
                    struct store_page_answer *answer)
{
    struct store_page *page = &answer->page;
    int64_t before;
    int rc = list_start(db, query, &before, &page->status);
    if (rc != SQLITE_OK || page->status != STATUS_OK || !about_room(answer, query->limit))
        return rc;
    enum store_statement which;
    size_t args;
    list_kind(query, &which, &args);
    rc =
        store_db_run(db, which,
                     (const struct store_arg[]){STORE_I(before), STORE_I((int64_t)query->limit + 1),
                                                class_arg(query), STORE_T(query->subject)},
                     args);
    while (rc == SQLITE_ROW) {
        page->more = page->about_len == query->limit;
        if (!page->more && !about_add(answer, store_db_row(db, which)))
            page->status = STATUS_NOMEM;
        if (page->more || page->status != STATUS_OK)
            break;
        rc = store_db_next(db, which);
    }
    if (rc == SQLITE_ROW)
        store_db_done(db, which);
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int store_page_fill(struct store_db *db, const struct store_query *query,
                    struct store_page_answer *answer)
{
    int64_t key;
    int rc = SQLITE_OK;
    answer->page.status = STATUS_OK;
    switch (query->question) {
    case STORE_ABOUT: rc = about_one(db, query->session, answer, &key); break;
    case STORE_MESSAGES:
        assert(query->limit > 0 && query->limit <= STORE_PAGE_MAX);
        rc = messages(db, query, answer);
        break;
    case STORE_SESSIONS:
        assert(query->limit > 0 && query->limit <= STORE_PAGE_MAX);
        rc = sessions(db, query, answer);
        break;
    case STORE_SEGMENTS:
        assert(query->limit > 0 && query->limit <= STORE_PAGE_MAX);
        rc = segments(db, query, answer);
        break;
    }
    if (rc != SQLITE_OK)
        answer->page.status = STATUS_IO;
    return rc;
}
