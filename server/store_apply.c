#include "server/store_apply.h"

#include "base/arena.h"
#include "base/status.h"
#include "server/store_limits.h"
#include <assert.h>
#include <string.h>

/* What was not told is the empty text. */
static struct store_arg text(const char *value)
{
    return STORE_T(value != NULL ? value : "");
}

/* The session's key if the job's process still owns it; else the job is fenced. */
static int fence(struct store_db *db, struct store_job *job, int64_t *key)
{
    int rc = STORE_RUN(db, STORE_SQL_FENCE, STORE_T(job->session), STORE_I(job->owner_epoch));
    job->status = rc == SQLITE_ROW ? STATUS_OK : STATUS_FENCED;
    if (rc != SQLITE_ROW)
        return rc;
    *key = sqlite3_column_int64(store_db_row(db, STORE_SQL_FENCE), 0);
    store_db_done(db, STORE_SQL_FENCE);
    return SQLITE_OK;
}

/* Beginning again what is there already changes nothing: its commit may have come through although
 * the disk reported an error. */
static int apply_begin(struct store_db *db, int64_t owner, struct store_job *job)
{
    const struct store_session *begin = &job->begin;
    return STORE_RUN(db, STORE_SQL_START, STORE_T(job->session), STORE_I(job->owner_epoch),
                     STORE_I(owner), text(begin->class_name), text(begin->name),
                     text(begin->subject), text(begin->source), STORE_I(begin->rate),
                     text(begin->settings), STORE_I(begin->started_wall_us),
                     STORE_B(begin->token, STORE_HASH_BYTES));
}

static int apply_put(struct store_db *db, struct store_job *job, int64_t key)
{
    const struct store_message *put = &job->put;
    int rc = STORE_RUN(db, STORE_SQL_PUT, STORE_I(key), STORE_I(put->seq), STORE_I(put->kind),
                       STORE_I(put->segment), text(put->lang), STORE_TN(put->body, put->body_len),
                       STORE_I(put->wall_us), STORE_I(put->settled_samples),
                       STORE_I(put->settled_exact), STORE_T(put->usage), STORE_I(put->mistakes));
    if (rc == SQLITE_OK && db->memory && put->seq > STORE_MEMORY_MESSAGES)
        rc = STORE_RUN(db, STORE_SQL_TRIM, STORE_I(key), STORE_I(put->seq - STORE_MEMORY_MESSAGES));
    return rc;
}

static int apply_tokens(struct store_db *db, struct store_job *job, int64_t key)
{
    const struct store_job_tokens *tokens = &job->tokens;
    return STORE_RUN(db, STORE_SQL_TOKENS, STORE_I(key), STORE_B(tokens->current, STORE_HASH_BYTES),
                     STORE_B(tokens->has_next ? tokens->next : NULL, STORE_HASH_BYTES));
}

int store_apply_forget(struct store_db *db, int64_t key)
{
    int rc = STORE_RUN(db, STORE_SQL_FORGET_MESSAGES, STORE_I(key));
    return rc == SQLITE_OK ? STORE_RUN(db, STORE_SQL_FORGET_SESSION, STORE_I(key)) : rc;
}

/* In memory a session goes with its end: nobody could ask for it after the process. */
static int apply_end(struct store_db *db, struct store_job *job, int64_t key)
{
    if (db->memory)
        return store_apply_forget(db, key);
    return STORE_RUN(db, STORE_SQL_END, STORE_I(key), STORE_I(job->end.wall_us),
                     text(job->end.reason), STORE_T(job->end.usage));
}

static int apply_write(struct store_db *db, struct store_job *job)
{
    int64_t key = 0;
    int rc = fence(db, job, &key);
    if (rc != SQLITE_OK || job->status != STATUS_OK)
        return rc;
    switch (job->kind) {
    case STORE_JOB_SETTINGS:
        return STORE_RUN(db, STORE_SQL_SETTINGS, STORE_I(key), text(job->settings));
    case STORE_JOB_PUT: return apply_put(db, job, key);
    case STORE_JOB_TOKENS: return apply_tokens(db, job, key);
    case STORE_JOB_END: return apply_end(db, job, key);
    default: assert(!"a write"); return SQLITE_MISUSE;
    }
}

/* The statement's rows go to the answer; `more` when they did not all fit. */
static int take_rows(struct store_db *db, enum store_statement which, int rc,
                     struct store_rows *rows, int *status)
{
    *status = STATUS_OK;
    while (rc == SQLITE_ROW) {
        struct store_row row = store_rows_read(store_db_row(db, which));
        *status = store_rows_add(rows, &row);
        if (*status != STATUS_OK) {
            store_db_done(db, which);
            return SQLITE_OK;
        }
        rc = store_db_next(db, which);
    }
    return rc;
}

int store_apply_read(struct store_db *db, struct store_job *job)
{
    struct store_replay_answer *answer = job->answer.replay;
    int64_t key = 0;
    int rc = fence(db, job, &key);
    if (rc != SQLITE_OK || job->status != STATUS_OK)
        return rc;
    uint64_t after = job->seq;
    rc = STORE_RUN(db, STORE_SQL_REPLAY, STORE_I(key), STORE_I(after), STORE_I(-1));
    int status;
    rc = take_rows(db, STORE_SQL_REPLAY, rc, &answer->rows, &status);
    answer->replay.more = status == STATUS_FULL;
    if (status == STATUS_NOMEM)
        job->status = STATUS_NOMEM;
    return rc;
}

void store_apply_replay(struct store_job *job, uint64_t lost)
{
    struct store_replay_answer *answer = job->answer.replay;
    struct store_replay *replay = &answer->replay;
    replay->ticket = job->ticket;
    replay->status = job->status;
    replay->rows = answer->rows.rows;
    replay->rows_len = answer->rows.len;
    replay->lost_to = lost > job->seq ? lost : 0;
    /* Numbers are contiguous, so what is missing between two was lost. */
    uint64_t last = job->seq;
    for (size_t i = 0; i < replay->rows_len; i++) {
        if (replay->rows[i].seq > last + 1 && replay->rows[i].seq - 1 > replay->lost_to)
            replay->lost_to = replay->rows[i].seq - 1;
        last = replay->rows[i].seq;
    }
}

/* Hashes of tokens: how long their comparison takes tells nothing about a token. */
static bool same_hash(sqlite3_stmt *row, int column, const uint8_t hash[STORE_HASH_BYTES])
{
    return sqlite3_column_bytes(row, column) == STORE_HASH_BYTES &&
           memcmp(sqlite3_column_blob(row, column), hash, STORE_HASH_BYTES) == 0;
}

static bool claim_texts(struct store_claim_answer *answer, sqlite3_stmt *row)
{
    struct store_claim *claim = &answer->claim;
    const char **texts[] = {&claim->class_name, &claim->name,     &claim->subject,
                            &claim->source,     &claim->settings, &claim->usage};
    for (int i = 0; i < 6; i++) {
        *texts[i] = store_rows_text(&answer->rows, store_db_text(row, 5 + i));
        if (*texts[i] == NULL)
            return false;
    }
    claim->end_reason = store_rows_text(&answer->rows, store_db_text(row, 13));
    return claim->end_reason != NULL;
}

/* Is there such a session, not ended long ago, of this subject, and is the token one of its two?
 * Fills what its row holds. */
static int claim_find(struct store_db *db, struct store_job *job, int64_t *key)
{
    struct store_claim *claim = &job->answer.claim->claim;
    job->status = STATUS_AUTH;
    int rc = STORE_RUN(db, STORE_SQL_CLAIMABLE, STORE_T(job->session),
                       STORE_I(job->claim.ended_after_us));
    if (rc != SQLITE_ROW)
        return rc;
    sqlite3_stmt *row = store_db_row(db, STORE_SQL_CLAIMABLE);
    const char *subject = store_db_text(row, 7);
    bool known = same_hash(row, 1, job->claim.current) || same_hash(row, 2, job->claim.current);
    if (known && subject == NULL) {
        job->status = STATUS_NOMEM;
    } else if (known && strcmp(subject, job->claim.subject) == 0) {
        *key = sqlite3_column_int64(row, 0);
        claim->owner_epoch = (uint32_t)sqlite3_column_int64(row, 3) + 1;
        claim->epoch = (uint32_t)sqlite3_column_int64(row, 4) + 1;
        claim->rate = (uint32_t)sqlite3_column_int64(row, 11);
        claim->started_wall_us = sqlite3_column_int64(row, 12);
        job->status = claim_texts(job->answer.claim, row) ? STATUS_OK : STATUS_NOMEM;
    }
    store_db_done(db, STORE_SQL_CLAIMABLE);
    return SQLITE_OK;
}

static int claim_position(struct store_db *db, struct store_claim *claim, int64_t key)
{
    int rc = STORE_RUN(db, STORE_SQL_SEQ, STORE_I(key));
    claim->seq = claim->settled_samples = 0;
    claim->mistakes = 0;
    claim->settled_exact = false;
    if (rc != SQLITE_ROW)
        return rc; /* nothing was said yet */
    sqlite3_stmt *row = store_db_row(db, STORE_SQL_SEQ);
    claim->seq = (uint64_t)sqlite3_column_int64(row, 0);
    claim->mistakes = (uint32_t)sqlite3_column_int64(row, 1);
    store_db_done(db, STORE_SQL_SEQ);
    rc = STORE_RUN(db, STORE_SQL_SETTLED, STORE_I(key));
    if (rc != SQLITE_ROW)
        return rc;
    row = store_db_row(db, STORE_SQL_SETTLED);
    claim->settled_samples = (uint64_t)sqlite3_column_int64(row, 0);
    claim->settled_exact = sqlite3_column_int(row, 1) != 0;
    store_db_done(db, STORE_SQL_SETTLED);
    return SQLITE_OK;
}

static bool newest_add(struct store_claim_answer *answer, sqlite3_stmt *row)
{
    struct store_claim *claim = &answer->claim;
    const char *lang = store_rows_text(&answer->rows, store_db_text(row, 1));
    if (lang == NULL)
        return false;
    claim->newest[claim->newest_len++] =
        (struct store_newest){.kind = (enum store_kind)sqlite3_column_int(row, 0),
                              .lang = lang,
                              .segment = (uint32_t)sqlite3_column_int64(row, 2)};
    return true;
}

static int claim_newest(struct store_db *db, struct store_job *job, int64_t key)
{
    struct store_claim_answer *answer = job->answer.claim;
    answer->claim.newest_len = 0;
    answer->claim.newest =
        arena_alloc(answer->rows.arena, STORE_CLAIM_NEWEST * sizeof *answer->claim.newest);
    if (answer->claim.newest == NULL) {
        job->status = STATUS_NOMEM;
        return SQLITE_OK;
    }
    int rc = STORE_RUN(db, STORE_SQL_NEWEST, STORE_I(key), STORE_I(STORE_CLAIM_MESSAGES),
                       STORE_I(STORE_CLAIM_NEWEST));
    while (rc == SQLITE_ROW) {
        if (!newest_add(answer, store_db_row(db, STORE_SQL_NEWEST)))
            job->status = STATUS_NOMEM;
        rc = store_db_next(db, STORE_SQL_NEWEST);
    }
    return rc;
}

static void reverse(struct store_row *rows, size_t len)
{
    for (size_t i = 0; i < len / 2; i++) {
        struct store_row row = rows[i];
        rows[i] = rows[len - 1 - i];
        rows[len - 1 - i] = row;
    }
}

/* From the newest back, so that it is the oldest for which there may be no room. */
static int claim_transcripts(struct store_db *db, struct store_job *job, int64_t key)
{
    struct store_claim_answer *answer = job->answer.claim;
    int status;
    store_rows_reset(&answer->rows);
    int rc = STORE_RUN(db, STORE_SQL_TRANSCRIPTS, STORE_I(key), STORE_I(STORE_CLAIM_TRANSCRIPTS));
    rc = take_rows(db, STORE_SQL_TRANSCRIPTS, rc, &answer->rows, &status);
    if (status == STATUS_NOMEM)
        job->status = status;
    reverse(answer->rows.rows, answer->rows.len);
    answer->claim.transcripts = answer->rows.rows;
    answer->claim.transcripts_len = answer->rows.len;
    return rc;
}

/* All that is told is read before anything is changed: a claim that fails takes nothing. */
static int apply_claim(struct store_db *db, int64_t owner, struct store_job *job)
{
    struct store_claim *claim = &job->answer.claim->claim;
    int64_t key = 0;
    memcpy(claim->session, job->session, sizeof claim->session);
    int rc = claim_find(db, job, &key);
    if (rc == SQLITE_OK && job->status == STATUS_OK)
        rc = claim_position(db, claim, key);
    if (rc == SQLITE_OK && job->status == STATUS_OK)
        rc = claim_newest(db, job, key);
    if (rc == SQLITE_OK && job->status == STATUS_OK)
        rc = claim_transcripts(db, job, key);
    if (rc != SQLITE_OK || job->status != STATUS_OK)
        return rc;
    return STORE_RUN(db, STORE_SQL_CLAIM, STORE_I(key), STORE_I(claim->owner_epoch),
                     STORE_I(claim->epoch), STORE_I(owner),
                     STORE_B(job->claim.current, STORE_HASH_BYTES),
                     STORE_B(job->claim.next, STORE_HASH_BYTES));
}

int store_apply(struct store_db *db, int64_t owner, struct store_job *job)
{
    job->status = STATUS_OK;
    switch (job->kind) {
    case STORE_JOB_BEGIN: return apply_begin(db, owner, job);
    case STORE_JOB_READ:
        store_rows_reset(&job->answer.replay->rows);
        return store_apply_read(db, job);
    case STORE_JOB_CLAIM: return apply_claim(db, owner, job);
    default: return apply_write(db, job);
    }
}
