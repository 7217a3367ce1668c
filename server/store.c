#include "server/store.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "server/store_internal.h"
#include "server/store_page.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* A full mailbox is tried again after this. */
#define SEND_RETRY_NS 200000

static int desk_open(struct store_desk *desk, const char *name, void *(*run)(void *),
                     struct store *store)
{
    desk->mailbox = mailbox_create(STORE_QUEUE, NULL, NULL);
    int status =
        desk->mailbox != NULL ? thread_start(&desk->thread, name, run, store) : STATUS_NOMEM;
    desk->running = status == STATUS_OK;
    return status;
}

/* What is queued is served first. */
static void desk_close(struct store_desk *desk)
{
    if (desk->running) {
        atomic_store(&desk->closing, true);
        mailbox_close(desk->mailbox);
        pthread_join(desk->thread, NULL);
    }
    mailbox_destroy(desk->mailbox);
}

struct store_job *store_desk_take(struct store_desk *desk, int timeout_ms)
{
    struct store_job *job = (struct store_job *)mailbox_wait(desk->mailbox, timeout_ms);
    if (job != NULL)
        atomic_fetch_sub_explicit(&desk->bytes, job->bytes, memory_order_relaxed);
    return job;
}

/* Takes `job`, and waits while there is no room for it. */
static int desk_send(struct store_desk *desk, struct store_job *job)
{
    if (job == NULL)
        return STATUS_NOMEM;
    size_t bytes = job->bytes; /* the job is gone once it is sent */
    for (;;) {
        int status = STATUS_FULL;
        if (atomic_load_explicit(&desk->bytes, memory_order_relaxed) < STORE_QUEUE_BYTES) {
            atomic_fetch_add_explicit(&desk->bytes, bytes, memory_order_relaxed);
            status = mailbox_send(desk->mailbox, &job->msg);
            if (status == STATUS_OK)
                return STATUS_OK;
            atomic_fetch_sub_explicit(&desk->bytes, bytes, memory_order_relaxed);
        }
        if (status != STATUS_FULL) {
            store_job_free(job);
            return status;
        }
        mailbox_wake_deferred();
        nanosleep(&(struct timespec){.tv_nsec = SEND_RETRY_NS}, NULL);
    }
}

/* A connection that failed is opened again for the next question. */
static void read_page(struct store *store, struct store_job *job)
{
    struct store_page_answer *answer = job->answer.page;
    char problem[STORE_PROBLEM_BYTES];
    int status = STATUS_OK;
    if (store->reader == NULL)
        status = store_db_open(&store->reader, store->path, STORE_DB_READ, problem);
    if (status == STATUS_OK) {
        int rc = store_page_fill(store->reader, &job->query, answer);
        if (rc == SQLITE_OK)
            return;
        store_db_explain(store->reader, store->path, rc, problem);
        store_db_close(store->reader);
        store->reader = NULL;
    }
    answer->page.status = STATUS_IO;
    LOG_WARN(LOG_STORE, job->to, "cannot read the store", "error=%s", LOG_Q(problem));
}

static void *reading_run(void *ctx)
{
    struct store *store = ctx;
    for (;;) {
        struct store_job *job = store_desk_take(&store->reading, -1);
        if (job == NULL)
            break;
        read_page(store, job);
        struct msg *msg = job->answer.msg;
        job->answer.msg = NULL;
        store_job_free(job);
        store->config.post(store->config.ctx, msg);
        mailbox_wake_deferred();
    }
    store_db_close(store->reader);
    return NULL;
}

static void store_free(struct store *store)
{
    desk_close(&store->reading);
    desk_close(&store->writing);
    store_log_close(store);
    store_disk_close(store);
    pthread_mutex_destroy(&store->lock);
    mem_free(store->path);
    mem_free(store);
}

int store_open(struct store **out, const struct store_config *config)
{
    assert(config->path != NULL && config->post != NULL);
    struct store *store = mem_calloc(1, sizeof *store);
    char *path = mem_strdup(config->path);
    if (store == NULL || path == NULL) {
        mem_free(store);
        mem_free(path);
        return STATUS_NOMEM;
    }
    store->config = *config;
    store->config.path = store->path = path;
    if (!store_durable(store))
        store->config.group_ms = 0; /* no disk to share */
    pthread_mutex_init(&store->lock, NULL);
    int status = store_disk_open(store);
    if (status == STATUS_OK)
        status = desk_open(&store->writing, "store", store_writer_run, store);
    if (status == STATUS_OK && store_durable(store))
        status = desk_open(&store->reading, "store-read", reading_run, store);
    if (status == STATUS_OK && store_durable(store))
        status = store_log_open(store);
    if (status == STATUS_OK)
        *out = store;
    else
        store_free(store);
    return status;
}

void store_close(struct store *store)
{
    store_free(store);
}

bool store_durable(const struct store *store)
{
    return store->path[0] != '\0';
}

static struct store_job model(enum store_job_kind kind, const struct store_ref *ref)
{
    struct store_job job = {
        .kind = kind, .owner_epoch = ref->owner_epoch, .to = ref->to, .ticket = ref->ticket};
    assert(strlen(ref->session) < STORE_NAME_BYTES);
    memcpy(job.session, ref->session, strlen(ref->session) + 1);
    return job;
}

static int write_job(struct store *store, const struct store_job *job)
{
    return desk_send(&store->writing, store_job_create(job));
}

int store_begin(struct store *store, const struct store_ref *ref,
                const struct store_session *session)
{
    struct store_job job = model(STORE_JOB_BEGIN, ref);
    job.begin = *session;
    return write_job(store, &job);
}

int store_settings(struct store *store, const struct store_ref *ref, const char *settings)
{
    struct store_job job = model(STORE_JOB_SETTINGS, ref);
    job.settings = settings;
    return write_job(store, &job);
}

int store_put(struct store *store, const struct store_ref *ref, const struct store_message *message)
{
    assert(message->seq > 0);
    struct store_job job = model(STORE_JOB_PUT, ref);
    job.put = *message;
    return write_job(store, &job);
}

int store_tokens(struct store *store, const struct store_ref *ref,
                 const uint8_t current[STORE_HASH_BYTES], const uint8_t *next)
{
    struct store_job job = model(STORE_JOB_TOKENS, ref);
    memcpy(job.tokens.current, current, STORE_HASH_BYTES);
    job.tokens.has_next = next != NULL;
    if (next != NULL)
        memcpy(job.tokens.next, next, STORE_HASH_BYTES);
    return write_job(store, &job);
}

int store_end(struct store *store, const struct store_ref *ref, const char *reason,
              const char *usage, int64_t wall_us)
{
    struct store_job job = model(STORE_JOB_END, ref);
    job.end = (struct store_job_end){.reason = reason, .usage = usage, .wall_us = wall_us};
    return write_job(store, &job);
}

int store_read(struct store *store, const struct store_ref *ref, uint64_t seq)
{
    assert(ref->to != 0);
    struct store_job job = model(STORE_JOB_READ, ref);
    job.seq = seq;
    return write_job(store, &job);
}

int store_claim(struct store *store, uint64_t to, const struct store_claimant *claimant)
{
    assert(to != 0);
    /* The name is the client's word: one that is too long is nobody's. */
    const char *name = strlen(claimant->session) < STORE_NAME_BYTES ? claimant->session : "";
    struct store_job job = model(STORE_JOB_CLAIM, &(struct store_ref){.session = name, .to = to});
    job.claim.subject = claimant->subject;
    memcpy(job.claim.current, claimant->token, STORE_HASH_BYTES);
    memcpy(job.claim.next, claimant->next, STORE_HASH_BYTES);
    job.claim.ended_after_us = clock_wall_us() - (int64_t)store->config.resume_ms * 1000;
    return write_job(store, &job);
}

int store_query(struct store *store, uint64_t to, const struct store_query *query)
{
    assert(to != 0);
    struct store_job job = {.kind = STORE_JOB_QUERY, .to = to, .query = *query};
    return desk_send(store_durable(store) ? &store->reading : &store->writing,
                     store_job_create(&job));
}

static uint64_t file_bytes(const char *path, const char *suffix)
{
    char name[4096];
    struct stat file;
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return stat(name, &file) == 0 ? (uint64_t)file.st_size : 0;
}

void store_stats(struct store *store, struct store_stats *out)
{
    pthread_mutex_lock(&store->lock);
    *out = store->stats;
    pthread_mutex_unlock(&store->lock);
    out->queued = mailbox_len(store->writing.mailbox);
    if (store_durable(store))
        out->file_bytes = file_bytes(store->path, "") + file_bytes(store->path, "-wal");
}
