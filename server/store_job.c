#include "server/store_job.h"

#include "base/mem.h"
#include "server/server.h"
#include <assert.h>
#include <string.h>

#define TEXTS_MAX 6

#define AT(field) offsetof(struct store_job, field)
/* Where jobs of each kind point to texts; what is left is 0, where no text is. */
static const size_t texts[STORE_JOB_KINDS][TEXTS_MAX] = {
    [STORE_JOB_BEGIN] = {AT(begin.class_name), AT(begin.name), AT(begin.subject), AT(begin.source),
                         AT(begin.settings)},
    [STORE_JOB_SETTINGS] = {AT(settings)},
    [STORE_JOB_PUT] = {AT(put.lang), AT(put.usage)},
    [STORE_JOB_END] = {AT(end.reason), AT(end.usage)},
    [STORE_JOB_CLAIM] = {AT(claim.subject)},
    [STORE_JOB_QUERY] = {AT(query.session), AT(query.class_name), AT(query.before),
                         AT(query.subject)},
};

static const char *text_get(const struct store_job *job, size_t at)
{
    const char *text;
    memcpy(&text, (const char *)job + at, sizeof text);
    return text;
}

static char *text_copy(struct store_job *job, size_t at, char *to)
{
    const char *text = text_get(job, at);
    if (text == NULL)
        return to;
    size_t bytes = strlen(text) + 1;
    memcpy(to, text, bytes);
    const char *copy = to;
    memcpy((char *)job + at, &copy, sizeof copy);
    return to + bytes;
}

static size_t texts_bytes(const struct store_job *model)
{
    size_t bytes = model->kind == STORE_JOB_PUT ? model->put.body_len : 0;
    for (size_t i = 0; i < TEXTS_MAX && texts[model->kind][i] != 0; i++) {
        const char *text = text_get(model, texts[model->kind][i]);
        bytes += text != NULL ? strlen(text) + 1 : 0;
    }
    return bytes;
}

static void done_free(struct msg *msg)
{
    mem_free(msg);
}

static void replay_free(struct msg *msg)
{
    struct store_replay_answer *answer = (struct store_replay_answer *)msg;
    store_rows_deinit(&answer->rows);
    mem_free(answer);
}

static void claim_free(struct msg *msg)
{
    struct store_claim_answer *answer = (struct store_claim_answer *)msg;
    store_rows_deinit(&answer->rows);
    mem_free(answer);
}

static void page_free(struct msg *msg)
{
    struct store_page_answer *answer = (struct store_page_answer *)msg;
    store_rows_deinit(&answer->rows);
    mem_free(answer);
}

/* The answers that hold rows; NULL: out of memory. */
static void *answer_create(size_t bytes, size_t rows_at, struct msg msg)
{
    char *answer = mem_calloc(1, bytes);
    if (answer == NULL)
        return NULL;
    if (store_rows_init((struct store_rows *)(answer + rows_at)) != 0) {
        mem_free(answer);
        return NULL;
    }
    memcpy(answer, &msg, sizeof msg);
    return answer;
}

struct store_page_answer *store_page_create(uint64_t to)
{
    return answer_create(
        sizeof(struct store_page_answer), offsetof(struct store_page_answer, rows),
        (struct msg){.kind = FRONT_STORE_PAGE, .session = to, .free_fn = page_free});
}

static struct msg *job_answer(const struct store_job *job)
{
    struct msg msg = {.session = job->to};
    switch (job->kind) {
    case STORE_JOB_READ:
        msg.kind = FRONT_REPLAY;
        msg.free_fn = replay_free;
        return answer_create(sizeof(struct store_replay_answer),
                             offsetof(struct store_replay_answer, rows), msg);
    case STORE_JOB_CLAIM:
        msg.kind = FRONT_CLAIMED;
        msg.free_fn = claim_free;
        return answer_create(sizeof(struct store_claim_answer),
                             offsetof(struct store_claim_answer, rows), msg);
    case STORE_JOB_QUERY: return (struct msg *)store_page_create(job->to);
    default: break;
    }
    struct store_done *done = mem_calloc(1, sizeof *done);
    if (done == NULL)
        return NULL;
    done->msg = (struct msg){.kind = FRONT_STORED, .session = job->to, .free_fn = done_free};
    return &done->msg;
}

static void job_msg_free(struct msg *msg)
{
    store_job_free((struct store_job *)msg);
}

struct store_job *store_job_create(const struct store_job *model)
{
    assert(model->kind < STORE_JOB_KINDS && strlen(model->session) < STORE_NAME_BYTES);
    size_t bytes = sizeof *model + texts_bytes(model);
    struct store_job *job = mem_alloc(bytes);
    if (job == NULL)
        return NULL;
    *job = *model;
    job->msg = (struct msg){.free_fn = job_msg_free};
    job->bytes = bytes;
    job->answer.msg = NULL;
    char *to = job->texts;
    for (size_t i = 0; i < TEXTS_MAX && texts[job->kind][i] != 0; i++)
        to = text_copy(job, texts[job->kind][i], to);
    if (job->kind == STORE_JOB_PUT) {
        memcpy(to, job->put.body, job->put.body_len);
        job->put.body = to;
    }
    if (job->to == 0)
        return job;
    job->answer.msg = job_answer(job);
    if (job->answer.msg == NULL) {
        mem_free(job);
        return NULL;
    }
    return job;
}

void store_job_free(struct store_job *job)
{
    if (job->answer.msg != NULL)
        job->answer.msg->free_fn(job->answer.msg);
    mem_free(job);
}
