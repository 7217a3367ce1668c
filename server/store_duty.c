/*
 * What the writing thread does by the clock. A process says every STORE_BEAT_MS that it lives;
 * sessions whose owner has been silent for STORE_OWNER_LATE_MS and resume_ms are ended by whoever
 * notices.
 */
#include "base/clock.h"
#include "base/log.h"
#include "server/store_apply.h"
#include "server/store_internal.h"
#include <stdio.h>

#define DAY_US (86400 * (int64_t)1000000)

int store_duty_beat(struct store *store, int64_t wall_us)
{
    struct store_writer *writer = &store->writer;
    writer->beat_us = clock_mono_us() + STORE_BEAT_MS * 1000;
    if (writer->db->memory)
        return SQLITE_OK;
    return STORE_RUN(writer->db, STORE_SQL_BEAT, STORE_I(writer->owner), STORE_I(wall_us));
}

static int end_abandoned(struct store *store, int64_t wall_us, int *ended)
{
    struct store_db *db = store->writer.db;
    int64_t alive_us = wall_us - (STORE_OWNER_LATE_MS + (int64_t)store->config.resume_ms) * 1000;
    int rc = STORE_RUN(db, STORE_SQL_ABANDONED, STORE_I(wall_us), STORE_I(alive_us));
    *ended = rc == SQLITE_OK ? sqlite3_changes(db->db) : 0;
    return rc == SQLITE_OK ? STORE_RUN(db, STORE_SQL_OWNERS, STORE_I(alive_us)) : rc;
}

static void beat(struct store *store)
{
    struct store_writer *writer = &store->writer;
    int64_t wall_us = clock_wall_us(), since_us = wall_us - writer->beat_wall_us;
    int ended = 0;
    int rc = store_db_begin(writer->db);
    if (rc == SQLITE_OK)
        rc = store_duty_beat(store, wall_us);
    /* After a sleep of the machine, or of the disk, others may live whose beat has not come yet. */
    if (rc == SQLITE_OK && since_us > 0 && since_us < 2 * STORE_BEAT_MS * (int64_t)1000)
        rc = end_abandoned(store, wall_us, &ended);
    if (rc == SQLITE_OK)
        rc = store_db_commit(writer->db);
    if (rc != SQLITE_OK) {
        store_disk_failed(store, rc);
        store_db_rollback(writer->db);
        return;
    }
    writer->beat_wall_us = wall_us;
    if (ended > 0)
        LOG_INFO(LOG_STORE, 0, "sessions ended that nobody claimed", "sessions=%d", ended);
}

/* One session at a time, so that what learners say now does not wait for what they said long ago.
 * SQLITE_ROW: one was forgotten, there may be more. */
static int forget_expired(struct store *store)
{
    struct store_db *db = store->writer.db;
    int64_t before_us = clock_wall_us() - store->config.retention_days * DAY_US;
    int rc = store_db_begin(db);
    if (rc == SQLITE_OK)
        rc = STORE_RUN(db, STORE_SQL_EXPIRED, STORE_I(before_us));
    bool found = rc == SQLITE_ROW;
    if (found) {
        int64_t key = sqlite3_column_int64(store_db_row(db, STORE_SQL_EXPIRED), 0);
        store_db_done(db, STORE_SQL_EXPIRED);
        rc = store_apply_forget(db, key);
    }
    if (rc == SQLITE_OK)
        rc = store_db_commit(db);
    if (rc != SQLITE_OK)
        store_db_rollback(db);
    return rc == SQLITE_OK && found ? SQLITE_ROW : rc;
}

static void sweep(struct store *store, int64_t now_us)
{
    struct store_writer *writer = &store->writer;
    int rc = forget_expired(store);
    if (rc == SQLITE_ROW) {
        writer->swept = true;
        writer->sweep_us = now_us + STORE_SWEEP_GAP_MS * 1000;
        return;
    }
    writer->sweep_us = now_us + STORE_SWEEP_MS * (int64_t)1000;
    if (rc == SQLITE_OK && writer->swept)
        rc = store_db_checkpoint(writer->db, true);
    /* Somebody still reads what was: at the next look. */
    if (rc == SQLITE_OK)
        writer->swept = false;
    else if ((rc & 0xff) != SQLITE_BUSY)
        store_disk_failed(store, rc);
}

static bool sweeps(const struct store *store)
{
    return store->config.retention_days > 0 && !store->writer.failing;
}

void store_duty_run(struct store *store)
{
    struct store_writer *writer = &store->writer;
    int64_t now_us = clock_mono_us();
    store_disk_retry(store, false);
    if (store->path[0] == '\0')
        return;
    if (!writer->failing && now_us >= writer->beat_us) {
        store_disk_check(store);
        if (!writer->failing)
            beat(store);
    }
    if (sweeps(store) && now_us >= writer->sweep_us)
        sweep(store, now_us);
}

int store_duty_wait_ms(const struct store *store)
{
    const struct store_writer *writer = &store->writer;
    if (writer->damaged || (store->path[0] == '\0' && !writer->failing))
        return -1;
    int64_t due_us = writer->failing ? writer->retry_us : writer->beat_us;
    if (sweeps(store) && writer->sweep_us < due_us)
        due_us = writer->sweep_us;
    int64_t left_us = due_us - clock_mono_us();
    return left_us > 0 ? (int)((left_us + 999) / 1000) : 0;
}
