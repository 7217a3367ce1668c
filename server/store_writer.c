/*
 * The writing thread. What has queued is one group: applied in order in one transaction, then
 * answered. Commits are at least group_ms apart, so a write after a quiet time waits for nobody,
 * and under load each waits at most that long for company.
 */
#include "base/clock.h"
#include "base/status.h"
#include "server/server.h"
#include "server/store_apply.h"
#include "server/store_internal.h"
#include "server/store_page.h"
#include <string.h>
#include <time.h>

#define SEEN_SLOTS (2 * STORE_GROUP_MAX)
_Static_assert((SEEN_SLOTS & (SEEN_SLOTS - 1)) == 0, "a power of two");

/* Whoever comes while this thread sleeps does not have to wake it. */
static void wait_for_company(struct store *store)
{
    struct store_writer *writer = &store->writer;
    int64_t wait_us = (int64_t)store->config.group_ms * 1000;
    int64_t left_us = writer->committed_us + wait_us - clock_mono_us();
    if (writer->failing || left_us <= 0 || atomic_load(&store->writing.closing))
        return;
    mailbox_wake_deferred();
    nanosleep(&(struct timespec){.tv_nsec = left_us * 1000}, NULL);
}

static void gather(struct store *store, struct store_job *first)
{
    struct store_writer *writer = &store->writer;
    wait_for_company(store);
    writer->group_len = 0;
    for (struct store_job *job = first; job != NULL; job = store_desk_take(&store->writing, 0)) {
        writer->group[writer->group_len++] = job;
        if (writer->group_len == STORE_GROUP_MAX)
            break;
    }
}

/* The answer of a decided job, ready to be given; the job has none any more. */
static void detach(struct store *store, struct store_job *job)
{
    struct msg *msg = job->answer.msg;
    if (msg == NULL)
        return;
    switch (job->kind) {
    case STORE_JOB_READ:
        store_apply_replay(job, store_backlog_lost(&store->writer.backlog, job->session));
        break;
    case STORE_JOB_CLAIM: job->answer.claim->claim.status = job->status; break;
    case STORE_JOB_QUERY: break;
    default:
        job->answer.done->ticket = job->ticket;
        job->answer.done->status = job->status;
        break;
    }
    job->answer.msg = NULL;
    store->writer.answers[store->writer.answers_len++] = msg;
}

static void count(struct store *store, struct store_job *const *jobs, size_t len)
{
    struct store_stats *stats = &store->stats;
    for (size_t i = 0; i < len; i++) {
        if (store_job_writes(jobs[i]))
            *(jobs[i]->status == STATUS_FENCED ? &stats->fenced : &stats->writes) += 1;
        else if (jobs[i]->kind == STORE_JOB_CLAIM)
            *(jobs[i]->status == STATUS_AUTH ? &stats->claims_refused : &stats->claims) += 1;
    }
}

static void committed(struct store *store, struct store_job *const *jobs, size_t len,
                      int64_t began_us)
{
    struct store_writer *writer = &store->writer;
    writer->committed_us = clock_mono_us();
    pthread_mutex_lock(&store->lock);
    struct store_stats *stats = &store->stats;
    count(store, jobs, len);
    stats->commits++;
    stats->commit_last_us = writer->committed_us - began_us;
    if (stats->commit_last_us > stats->commit_max_us)
        stats->commit_max_us = stats->commit_last_us;
    pthread_mutex_unlock(&store->lock);
    for (size_t i = 0; i < len; i++) {
        detach(store, jobs[i]);
        store_job_free(jobs[i]);
    }
}

static int apply(struct store *store, struct store_job *job, size_t *answered)
{
    struct store_writer *writer = &store->writer;
    if (job->kind == STORE_JOB_QUERY)
        return store_page_fill(writer->db, &job->query, job->answer.page);
    int rc = store_apply(writer->db, writer->owner, job);
    if (job->kind == STORE_JOB_READ)
        *answered += job->answer.replay->rows.bytes;
    else if (job->kind == STORE_JOB_CLAIM)
        *answered += job->answer.claim->rows.bytes;
    return rc;
}

/* Stores the first of `jobs`, all if their answers do not grow too large. 0: the disk failed, and
 * nothing has happened. */
static size_t commit(struct store *store, struct store_job *const *jobs, size_t len)
{
    struct store_db *db = store->writer.db;
    int64_t began_us = clock_mono_us();
    size_t taken = 0, answered = 0;
    int rc = store_db_begin(db);
    while (rc == SQLITE_OK && taken < len && answered < STORE_GROUP_ANSWERS)
        rc = apply(store, jobs[taken++], &answered);
    if (rc == SQLITE_OK)
        rc = store_db_commit(db);
    if (rc != SQLITE_OK) {
        store_disk_failed(store, rc);
        store_db_rollback(db);
        return 0;
    }
    committed(store, jobs, taken, began_us);
    return taken;
}

/* What is stored, as far as it can be read, then what is kept. */
static void read_kept(struct store *store, struct store_job *job)
{
    struct store_writer *writer = &store->writer;
    struct store_replay_answer *answer = job->answer.replay;
    bool begun_here = store_backlog_begins(&writer->backlog, job->session);
    store_rows_reset(&answer->rows);
    answer->replay.more = false;
    job->status = STATUS_OK;
    if (!begun_here) {
        bool readable = writer->db != NULL && !writer->damaged;
        if (!readable || store_apply_read(writer->db, job) != SQLITE_OK)
            job->status = STATUS_IO;
        if (job->status == STATUS_FENCED || job->status == STATUS_NOMEM || answer->replay.more)
            return;
    }
    size_t len = answer->rows.len;
    uint64_t after = len > 0 ? answer->rows.rows[len - 1].seq : job->seq;
    int status = store_backlog_read(&writer->backlog, job->session, after, &answer->rows);
    answer->replay.more = status == STATUS_FULL;
    if (status == STATUS_NOMEM)
        job->status = status;
}

/* While the disk fails: writes are kept, what asks is answered from what there is. */
static void keep(struct store *store, struct store_job *job)
{
    job->status = STATUS_IO;
    if (job->kind == STORE_JOB_READ)
        read_kept(store, job);
    else if (job->kind == STORE_JOB_QUERY)
        job->answer.page->page.status = STATUS_IO;
    detach(store, job);
    if (store_job_writes(job))
        store_backlog_add(&store->writer.backlog, job);
    else
        store_job_free(job);
}

/* One answer a session: the newest, with the worst status. */
static void merge(struct store_writer *writer)
{
    static _Thread_local uint16_t seen[SEEN_SLOTS]; /* 0, or an answer's place and one */
    memset(seen, 0, sizeof seen);
    for (size_t i = writer->answers_len; i-- > 0;) {
        struct store_done *done = (struct store_done *)writer->answers[i];
        if (done->msg.kind != FRONT_STORED)
            continue;
        size_t slot = done->msg.session * 0x9e3779b97f4a7c15u >> 32 & (SEEN_SLOTS - 1);
        while (seen[slot] != 0 && writer->answers[seen[slot] - 1]->session != done->msg.session)
            slot = (slot + 1) & (SEEN_SLOTS - 1);
        if (seen[slot] == 0) {
            seen[slot] = (uint16_t)(i + 1);
            continue;
        }
        struct store_done *newest = (struct store_done *)writer->answers[seen[slot] - 1];
        if (done->status == STATUS_FENCED || newest->status == STATUS_OK)
            newest->status = done->status;
        writer->answers[i] = NULL;
        done->msg.free_fn(&done->msg);
    }
}

static void post(struct store *store)
{
    struct store_writer *writer = &store->writer;
    int64_t now_us = clock_mono_us();
    merge(writer);
    for (size_t i = 0; i < writer->answers_len; i++) {
        struct msg *msg = writer->answers[i];
        if (msg == NULL)
            continue;
        if (msg->kind == FRONT_STORED)
            ((struct store_done *)msg)->done_us = now_us;
        store->config.post(store->config.ctx, msg);
    }
    writer->answers_len = 0;
    mailbox_wake_deferred();
}

static void serve(struct store *store)
{
    struct store_writer *writer = &store->writer;
    size_t served = 0;
    while (served < writer->group_len && !writer->failing) {
        served += commit(store, &writer->group[served], writer->group_len - served);
        post(store);
    }
    while (served < writer->group_len)
        keep(store, writer->group[served++]);
    post(store);
    pthread_mutex_lock(&store->lock);
    store->stats.backlog_bytes = writer->backlog.bytes;
    store->stats.dropped = writer->backlog.dropped;
    pthread_mutex_unlock(&store->lock);
}

void *store_writer_run(void *ctx)
{
    struct store *store = ctx;
    /* Not thread_prompt(): a commit is long, and who asks for short slices may interrupt it. */
    mailbox_defer_wakes(true);
    for (;;) {
        struct store_job *job = store_desk_take(&store->writing, store_duty_wait_ms(store));
        if (job != NULL) {
            gather(store, job);
            serve(store);
            if (!store->writer.failing)
                store_log_checkpoint(store);
        } else if (atomic_load(&store->writing.closing)) {
            return NULL;
        }
        store_duty_run(store);
    }
}
