/*
 * The writer's connection through a disk's bad times: it opens late, fails, is tried again every
 * second, and gives up only when the file is damaged or gone.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "server/store_apply.h"
#include "server/store_internal.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void set_problem(struct store *store, const char *problem)
{
    pthread_mutex_lock(&store->lock);
    store->stats.failing = problem[0] != '\0';
    if (store->stats.failing)
        store->stats.failed_commits++;
    snprintf(store->stats.problem, sizeof store->stats.problem, "%s", problem);
    pthread_mutex_unlock(&store->lock);
}

static void fail(struct store *store, bool damaged, const char *problem)
{
    struct store_writer *writer = &store->writer;
    bool told = writer->failing && (!damaged || writer->damaged);
    writer->failing = true;
    writer->damaged |= damaged;
    writer->retry_us = clock_mono_us() + STORE_RETRY_MS * 1000;
    set_problem(store, problem);
    if (told)
        return;
    if (damaged)
        LOG_ERROR(LOG_STORE, 0, "from here on nothing is stored, only kept in memory", "error=%s",
                  LOG_Q(problem));
    else
        LOG_ERROR(LOG_STORE, 0, "the store takes no writes, they are kept in memory until it does",
                  "error=%s", LOG_Q(problem));
}

void store_disk_failed(struct store *store, int rc)
{
    char problem[STORE_PROBLEM_BYTES];
    store_db_explain(store->writer.db, store->path, rc, problem);
    fail(store, store_db_status(rc) == STATUS_INVALID, problem);
}

static bool file_id(const char *path, uint64_t id[2])
{
    struct stat file;
    if (stat(path, &file) != 0)
        return false;
    id[0] = (uint64_t)file.st_dev;
    id[1] = (uint64_t)file.st_ino;
    return true;
}

/* SQLite would go on writing into a file that no longer has a name. */
void store_disk_check(struct store *store)
{
    struct store_writer *writer = &store->writer;
    uint64_t id[2];
    if (writer->damaged ||
        (file_id(store->path, id) && memcmp(id, writer->file_id, sizeof id) == 0))
        return;
    char problem[STORE_PROBLEM_BYTES];
    snprintf(problem, sizeof problem,
             "%s: it was removed or replaced while in use; restart the server", store->path);
    fail(store, true, problem);
}

/* One transaction; an empty one still says that this process lives, and so tries the disk. */
static int flush_some(struct store *store, size_t *count)
{
    struct store_writer *writer = &store->writer;
    struct store_walk walk = store_backlog_walk(&writer->backlog);
    struct store_job *job;
    size_t fenced = 0;
    int64_t wall_us = clock_wall_us();
    int rc = store_db_begin(writer->db);
    if (rc == SQLITE_OK)
        rc = store_duty_beat(store, wall_us);
    for (*count = 0; rc == SQLITE_OK && *count < STORE_GROUP_MAX; ++*count) {
        if ((job = store_backlog_next(&walk)) == NULL)
            break;
        rc = store_apply(writer->db, writer->owner, job);
        fenced += job->status == STATUS_FENCED;
    }
    if (rc == SQLITE_OK)
        rc = store_db_commit(writer->db);
    if (rc != SQLITE_OK) {
        store_db_rollback(writer->db);
        return rc;
    }
    writer->beat_wall_us = wall_us;
    store_backlog_stored(&writer->backlog, *count);
    pthread_mutex_lock(&store->lock);
    store->stats.writes += *count - fenced;
    store->stats.fenced += fenced;
    store->stats.commits++;
    store->stats.backlog_bytes = writer->backlog.bytes;
    pthread_mutex_unlock(&store->lock);
    return SQLITE_OK;
}

static void flush(struct store *store)
{
    struct store_writer *writer = &store->writer;
    size_t count, stored = 0;
    do {
        int rc = flush_some(store, &count);
        if (rc != SQLITE_OK) {
            store_disk_failed(store, rc);
            return;
        }
        stored += count;
    } while (count > 0);
    writer->failing = false;
    set_problem(store, "");
    LOG_INFO(LOG_STORE, 0, "the store takes writes again", "stored=%zu dropped=%llu", stored,
             (unsigned long long)writer->backlog.dropped);
}

static int open_file(struct store *store, char problem[STORE_PROBLEM_BYTES])
{
    struct store_writer *writer = &store->writer;
    int status = store_db_open(&writer->db, store->path, STORE_DB_SERVE, problem);
    if (status != STATUS_OK)
        return status;
    (void)store_db_sync(writer->db, store->config.sync_full);
    if (!writer->db->memory)
        (void)file_id(store->path, writer->file_id);
    return STATUS_OK;
}

void store_disk_retry(struct store *store, bool now)
{
    struct store_writer *writer = &store->writer;
    int64_t now_us = clock_mono_us();
    if (!writer->failing || writer->damaged || (!now && now_us < writer->retry_us))
        return;
    char problem[STORE_PROBLEM_BYTES];
    int status = writer->db != NULL ? STATUS_OK : open_file(store, problem);
    if (status != STATUS_OK) {
        fail(store, status == STATUS_INVALID, problem);
        return;
    }
    /* What the log holds may fit into the file, and then the log has room. */
    (void)store_db_checkpoint(writer->db, true);
    flush(store);
}

int store_disk_open(struct store *store)
{
    struct store_writer *writer = &store->writer;
    char problem[STORE_PROBLEM_BYTES];
    writer->owner = (int64_t)(rng_seed() >> 1);
    int status = store_backlog_init(&writer->backlog);
    if (status != STATUS_OK)
        return status;
    status = open_file(store, problem);
    if (status == STATUS_OK) {
        size_t none;
        int rc = writer->db->memory ? SQLITE_OK : flush_some(store, &none);
        if (rc == SQLITE_OK)
            return STATUS_OK;
        status = store_db_status(rc);
        store_db_explain(writer->db, store->path, rc, problem);
    }
    /* A disk that is full or fails must not keep a server from captioning. */
    if (status == STATUS_IO) {
        fail(store, false, problem);
        return STATUS_OK;
    }
    LOG_ERROR(LOG_STORE, 0, "cannot open the store", "error=%s", LOG_Q(problem));
    return status == STATUS_INVALID || status == STATUS_NOMEM ? status : STATUS_IO;
}

void store_disk_close(struct store *store)
{
    struct store_writer *writer = &store->writer;
    if (writer->failing && writer->db != NULL)
        store_disk_retry(store, true);
    if (writer->backlog.bytes > 0)
        LOG_ERROR(LOG_STORE, 0, "what was kept in memory is lost", "bytes=%zu",
                  writer->backlog.bytes);
    if (writer->db != NULL && !writer->failing && !writer->db->memory) {
        size_t none;
        (void)flush_some(store, &none);
        (void)store_db_checkpoint(writer->db, false);
    }
    store_db_close(writer->db);
    store_backlog_deinit(&writer->backlog);
}
