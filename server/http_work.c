#include "server/http_work.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/auth.h"
#include "server/http_internal.h"
#include "server/secret.h"
#include "server/server.h"
#include <assert.h>
#include <stdatomic.h>
#include <string.h>

/* Exports of classes under way, all fronts. Relaxed: a cap, nothing is ordered by it. */
static _Atomic unsigned exports;

static void on_free(struct msg *msg)
{
    http_work_free((struct http_work *)msg);
}

static void page_free(struct store_page **page)
{
    if (*page != NULL)
        (*page)->msg.free_fn(&(*page)->msg);
    *page = NULL;
}

void http_work_free(struct http_work *work)
{
    if (work->counted)
        atomic_fetch_sub_explicit(&exports, 1, memory_order_relaxed);
    page_free(&work->page);
    page_free(&work->sessions);
    transcript_destroy(work->transcript);
    token_claims_free(work->claims);
    secret_free(work->credential);
    buf_deinit(&work->out);
    mem_free(work->body);
    mem_free(work);
}

/* --- answers --- */

void http_work_refuse(struct http_work *work, int status, const char *detail)
{
    buf_reset(&work->out);
    http_problem_write(&work->out, status, detail);
    work->head =
        (struct http_head){.status = status,
                           .type = "application/problem+json",
                           .len = (int64_t)work->out.len,
                           .challenge = status == 401,
                           .retry_after_s = status == 429 || status == 503 ? HTTP_RETRY_S : 0};
    work->has_head = true;
    work->last = true;
}

void http__not_found(struct http_work *work)
{
    http_work_refuse(work, 404, "there is no such thing, or it is not yours to see");
}

void http__forbidden(struct http_work *work)
{
    http_work_refuse(work, 403, "only an admin may do this");
}

void http__failed(struct http_work *work, int status)
{
    LOG_WARN(LOG_HTTP, work->job.msg.session, "request cannot be answered", "status=%s",
             status_name(status));
    if (work->begun && !work->has_head)
        work->broken = work->last = true;
    else
        http_work_refuse(work, status == STATUS_IO || status == STATUS_NOMEM ? 503 : 500,
                         "the server cannot answer this now; try again");
}

void http__head(struct http_work *work, int status, const char *type)
{
    work->head = (struct http_head){.status = status, .type = type, .len = HTTP_LENGTH_UNKNOWN};
    work->has_head = true;
}

void http__done(struct http_work *work)
{
    int status = buf_status(&work->out);
    if (status != STATUS_OK) {
        http__failed(work, status);
        return;
    }
    work->last = true;
    /* Whole in one piece: its length is known. */
    if (work->has_head)
        work->head.len = (int64_t)work->out.len;
}

void http__ask(struct http_work *work, const struct store_query *query)
{
    work->asked = query->question;
    int status = buf_status(&work->out);
    if (status == STATUS_OK)
        status = store_query(work->server->store, work->job.msg.session, query);
    if (status != STATUS_OK)
        http__failed(work, status);
}

/* --- who may see what --- */

bool http__may_read(const struct token_claims *claims, const struct store_about *about)
{
    bool own = claims->subject != NULL && claims->subject[0] != '\0' &&
               strcmp(claims->subject, about->subject) == 0;
    switch (claims->role) {
    case TOKEN_ADMIN: return true;
    case TOKEN_TEACHER: return own || token_claims_class(claims, about->class_name);
    case TOKEN_LEARNER: break;
    }
    return own;
}

/* --- the endpoints --- */

static void begin_export(struct http_work *work)
{
    if (work->claims->role == TOKEN_LEARNER ||
        !token_claims_class(work->claims, work->route.class_name)) {
        http__not_found(work);
        return;
    }
    unsigned before = atomic_fetch_add_explicit(&exports, 1, memory_order_relaxed);
    work->counted = true;
    if (before >= HTTP_EXPORTS_MAX)
        http_work_refuse(work, 429, "as many exports as may be are under way; try again later");
    else
        http__export_begin(work);
}

static void begin(struct http_work *work)
{
    switch (work->route.endpoint) {
    case HTTP_TRANSCRIPT: http__transcript_begin(work); return;
    case HTTP_EXPORT: begin_export(work); return;
    case HTTP_SESSIONS: http__sessions_begin(work); return;
    case HTTP_SESSION: http__session_begin(work); return;
    case HTTP_TOKENS: http__tokens(work); return;
    case HTTP_ENDPOINTS: break;
    }
    assert(false);
}

static void go_on(struct http_work *work)
{
    switch (work->route.endpoint) {
    case HTTP_TRANSCRIPT: http__transcript_page(work); return;
    case HTTP_EXPORT: http__export_page(work); return;
    case HTTP_SESSIONS: http__sessions_page(work); return;
    case HTTP_SESSION: http__session_page(work); return;
    case HTTP_TOKENS:
    case HTTP_ENDPOINTS: break;
    }
    assert(false);
}

static void authorise(struct http_work *work)
{
    const char *credential = work->credential != NULL ? work->credential : "";
    if (work->credential == NULL && !auth_open(work->server->auth)) {
        http_work_refuse(work, 401, "send a token: Authorization: Bearer TOKEN");
        return;
    }
    int status = auth_check(work->server->auth, credential, strlen(credential), &work->claims);
    secret_free(work->credential);
    work->credential = NULL;
    work->stranger = status == STATUS_AUTH;
    if (status == STATUS_AUTH)
        http_work_refuse(work, 401, "this token is not accepted: it is not ours, or it has ended");
    else if (status != STATUS_OK)
        http__failed(work, status);
    else
        begin(work);
}

/* Sessions wait for workers, so what takes long is not done there. */
static bool send_errand(struct http_work *work)
{
    if (!work->errand || work->last)
        return false;
    if (worker_pool_submit(work->server->errands, 0, &work->job) == STATUS_OK)
        return true;
    http_work_refuse(work, 503, "the server is busy; try again");
    return false;
}

static void run(struct job *job)
{
    struct http_work *work = (struct http_work *)job;
    work->has_head = false;
    if (work->errand)
        http__session_forget(work);
    else if (work->claims == NULL)
        authorise(work);
    else
        go_on(work);
    page_free(&work->page);
    if (!send_errand(work))
        server_post(work->server, &job->msg);
}

struct http_work *http_work_create(struct server *server)
{
    struct http_work *work = mem_calloc(1, sizeof *work);
    if (work == NULL)
        return NULL;
    work->job = (struct job){.msg = {.kind = FRONT_HTTP, .free_fn = on_free}, .run = run};
    work->server = server;
    buf_init(&work->out, HTTP_PAGE_BYTES_MAX);
    return work;
}
