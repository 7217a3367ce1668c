/* Transcripts of one session, and exports of a class. */
#include "base/status.h"
#include "server/http_internal.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

_Static_assert(HTTP_PAGE <= 500 && HTTP_LIST_MAX <= 500, "the store's pages are no longer");

/* --- one session --- */

static void ask_messages(struct http_work *work, const char *session, uint64_t after,
                         uint32_t limit)
{
    http__ask(work, &(struct store_query){.question = STORE_MESSAGES,
                                          .session = session,
                                          .after_seq = after,
                                          .limit = limit});
}

static bool is_paged(const struct http_work *work)
{
    return work->route.format == TRANSCRIPT_JSON;
}

void http__transcript_begin(struct http_work *work)
{
    ask_messages(work, work->route.session, work->route.after,
                 is_paged(work) ? work->route.limit : HTTP_PAGE);
}

/* What was said does not change, so the newest message names the state of a transcript. */
static bool is_known(struct http_work *work, const struct store_about *about)
{
    snprintf(work->etag, sizeof work->etag, "\"%" PRIu64 "-%d\"", about->seq,
             about->ended_wall_us != 0);
    return strstr(work->known, work->etag) != NULL;
}

static void write_next(struct http_work *work, uint64_t after, struct buf *link)
{
    const struct transcript_langs *langs = &work->route.langs;
    buf_printf(link, "/v1/sessions/%s/transcript.json?after=%" PRIu64 "&limit=%u",
               work->route.session, after, work->route.limit);
    for (unsigned i = 0; i < langs->len; i++)
        buf_printf(link, "%s%s", i == 0 ? "&lang=" : ",", langs->tag[i]);
}

static int write_rows(struct http_work *work, const struct store_page *page)
{
    int status = STATUS_OK;
    for (size_t i = 0; i < page->rows_len && status == STATUS_OK; i++)
        status = transcript_row(work->transcript, &page->rows[i], &work->out);
    return status;
}

static uint64_t last_seq(const struct store_page *page)
{
    return page->rows[page->rows_len - 1].seq;
}

/* The first page: may it be read, has it changed, and what comes before its messages. */
static int open_transcript(struct http_work *work)
{
    const struct store_about *about = work->page->about;
    struct transcript_of of = {.format = work->route.format, .langs = work->route.langs};
    if (work->page->status == STATUS_NOT_FOUND ||
        (work->page->status == STATUS_OK &&
         (work->page->about_len == 0 || !http__may_read(work->claims, about)))) {
        http__not_found(work);
        return STATUS_OK;
    }
    if (work->page->status != STATUS_OK)
        return work->page->status;
    bool known = is_known(work, about);
    http__head(work, known ? 304 : 200, known ? NULL : transcript_format_type(of.format));
    work->head.etag = work->etag;
    if (known) {
        http__done(work);
        return STATUS_OK;
    }
    if (!is_paged(work)) {
        transcript_file_name(&of, about, work->file);
        work->head.file = work->file;
    }
    int status = transcript_create(&work->transcript, &of);
    if (status == STATUS_OK)
        status = transcript_begin(work->transcript, &work->out);
    if (status == STATUS_OK)
        status = transcript_open(work->transcript, about, &work->out);
    work->begun = status == STATUS_OK;
    return status;
}

static int close_transcript(struct http_work *work, bool more)
{
    struct buf link;
    buf_init(&link, HTTP_ARGS_BYTES);
    if (more)
        write_next(work, last_seq(work->page), &link);
    int status = transcript_close(work->transcript, link.data, &work->out);
    buf_deinit(&link);
    return status == STATUS_OK ? transcript_end(work->transcript, &work->out) : status;
}

void http__transcript_page(struct http_work *work)
{
    const struct store_page *page = work->page;
    int status = work->transcript == NULL ? open_transcript(work) : page->status;
    if (work->last)
        return;
    if (status == STATUS_OK)
        status = write_rows(work, page);
    bool more = page->more && page->rows_len > 0;
    if (status == STATUS_OK && more && !is_paged(work)) {
        ask_messages(work, work->route.session, last_seq(page), HTTP_PAGE);
        return;
    }
    if (status == STATUS_OK)
        status = close_transcript(work, more);
    if (status == STATUS_OK)
        http__done(work);
    else
        http__failed(work, status);
}

/* --- a class --- */

static void ask_sessions(struct http_work *work, const char *before)
{
    http__ask(work, &(struct store_query){.question = STORE_SESSIONS,
                                          .class_name = work->route.class_name,
                                          .before = before,
                                          .limit = HTTP_LIST_DEFAULT});
}

void http__export_begin(struct http_work *work)
{
    ask_sessions(work, "");
}

/* Writes the head with the first sessions of the class; a class without any is not there. */
static int open_export(struct http_work *work)
{
    struct transcript_of of = {.format = work->route.format,
                               .langs = work->route.langs,
                               .class_name = work->route.class_name};
    if (work->page->status == STATUS_OK && work->page->about_len == 0) {
        http__not_found(work);
        return STATUS_OK;
    }
    if (work->page->status != STATUS_OK)
        return work->page->status;
    http__head(work, 200, transcript_format_type(of.format));
    transcript_file_name(&of, NULL, work->file);
    work->head.file = work->file;
    int status = transcript_create(&work->transcript, &of);
    if (status == STATUS_OK)
        status = transcript_begin(work->transcript, &work->out);
    work->begun = status == STATUS_OK;
    return status;
}

/* On to the next session, the next page of sessions, or the end. */
static int next_session(struct http_work *work)
{
    const struct store_page *sessions = work->sessions;
    work->opened = false;
    if (work->session < sessions->about_len) {
        ask_messages(work, sessions->about[work->session].session, 0, HTTP_PAGE);
    } else if (sessions->more && sessions->about_len > 0) {
        ask_sessions(work, sessions->about[sessions->about_len - 1].session);
    } else {
        int status = transcript_end(work->transcript, &work->out);
        if (status != STATUS_OK)
            return status;
        http__done(work);
    }
    return STATUS_OK;
}

static int take_sessions(struct http_work *work)
{
    int status = work->transcript == NULL ? open_export(work) : work->page->status;
    if (status != STATUS_OK || work->last)
        return status;
    if (work->sessions != NULL)
        work->sessions->msg.free_fn(&work->sessions->msg);
    work->sessions = work->page;
    work->page = NULL;
    work->session = 0;
    return next_session(work);
}

/* A page of one session's messages. One that was deleted meanwhile is passed over. */
static int take_messages(struct http_work *work)
{
    const struct store_page *page = work->page;
    const struct store_about *about = &work->sessions->about[work->session];
    if (page->status == STATUS_NOT_FOUND && !work->opened) {
        work->session++;
        return next_session(work);
    }
    int status = page->status == STATUS_NOT_FOUND ? STATUS_OK : page->status;
    if (status == STATUS_OK && !work->opened)
        status = transcript_open(work->transcript, about, &work->out);
    work->opened = true;
    if (status == STATUS_OK)
        status = write_rows(work, page);
    if (status != STATUS_OK)
        return status;
    if (page->more && page->rows_len > 0) {
        ask_messages(work, about->session, last_seq(page), HTTP_PAGE);
        return STATUS_OK;
    }
    work->session++;
    status = transcript_close(work->transcript, NULL, &work->out);
    return status == STATUS_OK ? next_session(work) : status;
}

void http__export_page(struct http_work *work)
{
    int status = work->asked == STORE_SESSIONS ? take_sessions(work) : take_messages(work);
    if (status != STATUS_OK)
        http__failed(work, status);
}
