#include "server/store_backlog.h"

#include "base/mem.h"
#include "base/status.h"
#include "server/store_limits.h"
#include <assert.h>
#include <string.h>

int store_backlog_init(struct store_backlog *backlog)
{
    *backlog = (struct store_backlog){0};
    backlog->lost = mem_calloc(STORE_LOST_SESSIONS, sizeof *backlog->lost);
    return backlog->lost != NULL ? STATUS_OK : STATUS_NOMEM;
}

static struct store_fifo *fifo_of(struct store_backlog *backlog, const struct store_job *job)
{
    return job->kind == STORE_JOB_PUT ? &backlog->messages : &backlog->others;
}

static void remove_oldest(struct store_backlog *backlog, struct store_fifo *fifo)
{
    struct store_job *job = fifo->oldest;
    assert(job != NULL && backlog->bytes >= job->bytes);
    fifo->oldest = job->next;
    if (fifo->oldest == NULL)
        fifo->newest = NULL;
    backlog->bytes -= job->bytes;
    store_job_free(job);
}

void store_backlog_deinit(struct store_backlog *backlog)
{
    while (backlog->messages.oldest != NULL)
        remove_oldest(backlog, &backlog->messages);
    while (backlog->others.oldest != NULL)
        remove_oldest(backlog, &backlog->others);
    mem_free(backlog->lost);
    backlog->lost = NULL;
}

static struct store_lost *lost_find(const struct store_backlog *backlog, const char *session)
{
    for (unsigned i = 0; i < backlog->lost_len; i++)
        if (strcmp(backlog->lost[i].session, session) == 0)
            return &backlog->lost[i];
    return NULL;
}

static void lost_note(struct store_backlog *backlog, const struct store_job *job)
{
    struct store_lost *lost = lost_find(backlog, job->session);
    if (lost == NULL) {
        lost = &backlog->lost[backlog->lost_next];
        backlog->lost_next = (backlog->lost_next + 1) % STORE_LOST_SESSIONS;
        if (backlog->lost_len < STORE_LOST_SESSIONS)
            backlog->lost_len++;
        memcpy(lost->session, job->session, sizeof lost->session);
    }
    lost->seq = job->put.seq;
}

uint64_t store_backlog_lost(const struct store_backlog *backlog, const char *session)
{
    const struct store_lost *lost = lost_find(backlog, session);
    return lost != NULL ? lost->seq : 0;
}

static void drop(struct store_backlog *backlog)
{
    struct store_fifo *fifo = &backlog->messages;
    if (fifo->oldest != NULL)
        lost_note(backlog, fifo->oldest);
    else
        fifo = &backlog->others;
    remove_oldest(backlog, fifo);
    backlog->dropped++;
}

void store_backlog_add(struct store_backlog *backlog, struct store_job *job)
{
    assert(store_job_writes(job));
    struct store_fifo *fifo = fifo_of(backlog, job);
    job->next = NULL;
    job->order = backlog->order++;
    if (fifo->newest != NULL)
        fifo->newest->next = job;
    else
        fifo->oldest = job;
    fifo->newest = job;
    backlog->bytes += job->bytes;
    while (backlog->bytes > STORE_BACKLOG_BYTES)
        drop(backlog);
}

struct store_walk store_backlog_walk(const struct store_backlog *backlog)
{
    return (struct store_walk){backlog->messages.oldest, backlog->others.oldest};
}

struct store_job *store_backlog_next(struct store_walk *walk)
{
    struct store_job **at = &walk->message;
    if (*at == NULL || (walk->other != NULL && walk->other->order < (*at)->order))
        at = &walk->other;
    struct store_job *job = *at;
    if (job != NULL)
        *at = job->next;
    return job;
}

void store_backlog_stored(struct store_backlog *backlog, size_t count)
{
    for (; count > 0; count--) {
        struct store_walk walk = store_backlog_walk(backlog);
        remove_oldest(backlog, fifo_of(backlog, store_backlog_next(&walk)));
    }
}

bool store_backlog_begins(const struct store_backlog *backlog, const char *session)
{
    for (const struct store_job *job = backlog->others.oldest; job != NULL; job = job->next)
        if (job->kind == STORE_JOB_BEGIN && strcmp(job->session, session) == 0)
            return true;
    return false;
}

int store_backlog_read(const struct store_backlog *backlog, const char *session, uint64_t seq,
                       struct store_rows *rows)
{
    int status = STATUS_OK;
    for (const struct store_job *job = backlog->messages.oldest; job != NULL && status == STATUS_OK;
         job = job->next) {
        if (job->put.seq <= seq || strcmp(job->session, session) != 0)
            continue;
        status = store_rows_add(rows, &(struct store_row){.seq = job->put.seq,
                                                          .kind = job->put.kind,
                                                          .segment = job->put.segment,
                                                          .lang = job->put.lang,
                                                          .body = job->put.body,
                                                          .body_len = job->put.body_len,
                                                          .wall_us = job->put.wall_us});
    }
    return status;
}
