/*
 * The write-ahead log's thread. Copying megabytes of the log into the file takes the disk a tenth
 * of a second, and no final should wait for that: a thread of its own copies while commits go on.
 * What they added meanwhile the writer copies itself, a few pages; only a log that is copied to its
 * last page begins anew.
 */
#include "base/status.h"
#include "base/thread.h"
#include "server/store_internal.h"

/* What fails here fails for the writer too, and that tells the operator. */
static void copy(struct store *store)
{
    struct store_log *log = &store->log;
    char problem[STORE_PROBLEM_BYTES];
    if (log->db == NULL &&
        store_db_open(&log->db, store->path, STORE_DB_WRITE, problem) != STATUS_OK)
        return;
    int rc = store_db_checkpoint(log->db, false);
    if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY)
        return;
    store_db_close(log->db);
    log->db = NULL;
}

static void *run(void *ctx)
{
    struct store *store = ctx;
    struct store_log *log = &store->log;
    for (;;) {
        while (sem_wait(&log->asked) != 0) {
        }
        if (atomic_load(&log->closing))
            break;
        copy(store);
        atomic_store(&log->state, STORE_LOG_COPIED);
    }
    store_db_close(log->db);
    return NULL;
}

int store_log_open(struct store *store)
{
    struct store_log *log = &store->log;
    sem_init(&log->asked, 0, 0);
    int status = thread_start(&log->thread, "store-log", run, store);
    log->running = status == STATUS_OK;
    return status;
}

void store_log_close(struct store *store)
{
    struct store_log *log = &store->log;
    if (!log->running)
        return;
    atomic_store(&log->closing, true);
    sem_post(&log->asked);
    pthread_join(log->thread, NULL);
    sem_destroy(&log->asked);
}

/* A copy that fails is tried again later: what is in the log is stored. */
static void finish(struct store *store)
{
    int rc = store_db_checkpoint(store->writer.db, false);
    atomic_store(&store->log.state, STORE_LOG_REST);
    if (store_db_status(rc) == STATUS_INVALID)
        store_disk_failed(store, rc);
}

void store_log_checkpoint(struct store *store)
{
    struct store_log *log = &store->log;
    struct store_writer *writer = &store->writer;
    int state = atomic_load(&log->state);
    if (!log->running || writer->failing)
        return;
    if (state == STORE_LOG_COPIED) {
        finish(store);
    } else if (state == STORE_LOG_REST && writer->db->wal_pages >= STORE_WAL_PAGES) {
        atomic_store(&log->state, STORE_LOG_COPYING);
        sem_post(&log->asked);
    }
}
