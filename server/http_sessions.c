/* Sessions: the list, one of them, its end. */
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/config.h"
#include "server/http_internal.h"
#include "server/server.h"
#include "server/store_admin.h"
#include "server/store_path.h"
#include "server/token.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* --- the list --- */

/* Which class is listed: an admin and a learner need not name one (a learner has its own sessions
 * of all classes), a teacher only when there are several. NULL: a problem has been told. */
static const char *class_of(struct http_work *work)
{
    const struct token_claims *claims = work->claims;
    const char *named = work->route.class_name;
    if (claims->role != TOKEN_TEACHER)
        return named;
    if (named[0] == '\0' && claims->classes_len == 1)
        return claims->classes[0];
    if (named[0] == '\0') {
        http_work_refuse(work, 400, "name one of your classes: ?class=CLASS");
        return NULL;
    }
    if (!token_claims_class(claims, named)) {
        http__not_found(work);
        return NULL;
    }
    return named;
}

void http__sessions_begin(struct http_work *work)
{
    const struct token_claims *claims = work->claims;
    const char *class_name = class_of(work);
    if (class_name == NULL)
        return;
    /* The link to the next page names the class, too. */
    if (class_name != work->route.class_name && strlen(class_name) <= NAME_BYTES_MAX)
        memcpy(work->route.class_name, class_name, strlen(class_name) + 1);
    if (claims->role == TOKEN_LEARNER && claims->subject[0] == '\0') {
        http__not_found(work);
        return;
    }
    http__ask(work, &(struct store_query){.question = STORE_SESSIONS,
                                          .class_name = class_name,
                                          .subject = claims->role == TOKEN_LEARNER ? claims->subject
                                                                                   : NULL,
                                          .before = work->route.before,
                                          .limit = work->route.limit});
}

/* A value of a query, RFC 3986 §2. It stands in a JSON text besides, where nothing of it needs an
 * escape. */
static void put_escaped(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x80 && (isalnum(c) || strchr("-._~", c) != NULL))
            buf_putc(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static void put_next(struct http_work *work, const struct store_about *last)
{
    buf_printf(&work->out, ",\"next\":\"/v1/sessions?before=%s&limit=%u", last->session,
               work->route.limit);
    if (work->route.class_name[0] != '\0') {
        buf_puts(&work->out, "&class=");
        put_escaped(&work->out, work->route.class_name);
    }
    buf_putc(&work->out, '"');
}

void http__sessions_page(struct http_work *work)
{
    const struct store_page *page = work->page;
    int status = page->status;
    if (status == STATUS_NOT_FOUND) {
        http__not_found(work); /* `before` names a session that is gone */
        return;
    }
    buf_puts(&work->out, "{\"sessions\":[");
    for (size_t i = 0; i < page->about_len && status == STATUS_OK; i++) {
        buf_puts(&work->out, i == 0 ? "\n" : ",\n");
        status = transcript_write_about(&page->about[i], &work->out);
    }
    buf_puts(&work->out, "]");
    if (status == STATUS_OK && page->more && page->about_len > 0)
        put_next(work, &page->about[page->about_len - 1]);
    buf_puts(&work->out, "}\n");
    if (status != STATUS_OK) {
        http__failed(work, status);
        return;
    }
    http__head(work, 200, "application/json");
    http__done(work);
}

/* --- one session --- */

void http__session_begin(struct http_work *work)
{
    if (work->method == HTTP_DELETE && work->claims->role != TOKEN_ADMIN) {
        http__forbidden(work);
        return;
    }
    http__ask(work, &(struct store_query){.question = STORE_ABOUT, .session = work->route.session});
}

static void show(struct http_work *work)
{
    int status = transcript_write_about(work->page->about, &work->out);
    buf_putc(&work->out, '\n');
    if (status != STATUS_OK) {
        http__failed(work, status);
        return;
    }
    http__head(work, 200, "application/json");
    http__done(work);
}

/* By a connection of its own, which may wait for the store's. A session that is still going on ends
 * with its next message, which the store refuses. */
static int forget(struct http_work *work, struct store_deleted *deleted)
{
    struct store_file *file;
    char *path, why[STORE_PATH_WHY_BYTES];
    int status = store_path_look(work->server->config->store_path, &path, why);
    if (status != STATUS_OK)
        return status;
    status = path[0] != '\0' ? store_file_open(&file, path, true) : STATUS_UNSUPPORTED;
    mem_free(path);
    if (status != STATUS_OK)
        return status;
    status = store_admin_delete_session(file, work->route.session, deleted);
    store_file_close(file);
    return status;
}

void http__session_forget(struct http_work *work)
{
    struct store_deleted deleted = {0};
    int status = forget(work, &deleted);
    if (status == STATUS_NOT_FOUND) {
        http__not_found(work);
    } else if (status == STATUS_UNSUPPORTED) {
        http_work_refuse(work, 409, "nothing is stored here: the session goes with its end");
    } else if (status != STATUS_OK) {
        http__failed(work, status);
    } else {
        LOG_INFO(LOG_HTTP, 0, "session deleted", "session_name=%s by=%s messages=%llu scrubbed=%d",
                 work->route.session, LOG_Q(work->claims->subject),
                 (unsigned long long)deleted.messages, deleted.scrubbed);
        http__head(work, 204, NULL);
        http__done(work);
    }
}

void http__session_page(struct http_work *work)
{
    const struct store_page *page = work->page;
    if (page->status == STATUS_NOT_FOUND ||
        (page->status == STATUS_OK &&
         (page->about_len == 0 || !http__may_read(work->claims, page->about))))
        http__not_found(work);
    else if (page->status != STATUS_OK)
        http__failed(work, page->status);
    else if (work->method == HTTP_DELETE)
        work->errand = true;
    else
        show(work);
}
