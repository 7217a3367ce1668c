#include "server/durable.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/worker.h"
#include "server/codec.h"
#include "server/event.h"
#include "server/notices.h"
#include "server/out.h"
#include "server/outbox.h"
#include "server/resume.h"
#include "server/server.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define USAGE_BYTES_MAX 512

/* --- events --- */

static int write_begin(struct store *store, const struct store_ref *ref, const struct event *event)
{
    const struct client_settings *settings = &event->settings;
    struct buf text;
    buf_init(&text, SETTINGS_BYTES_MAX * 2);
    struct store_session session = {.class_name = settings->class_name,
                                    .name = settings->name,
                                    .subject = event->subject,
                                    .source = settings->source,
                                    .rate = settings->rate,
                                    .started_wall_us = event->wall_us};
    if (event->resume_token != NULL)
        resume_token_hash(event->resume_token, session.token);
    int status = codec_settings_write(settings, &text);
    buf_putc(&text, '\0');
    session.settings = text.data;
    if (status == STATUS_OK && (status = buf_status(&text)) == STATUS_OK)
        status = store_begin(store, ref, &session);
    buf_deinit(&text);
    return status;
}

static int write_started(struct store *store, const struct store_ref *ref,
                         const struct event *event)
{
    uint8_t next[STORE_HASH_BYTES];
    if (event->first)
        return write_begin(store, ref, event);
    resume_token_hash(event->resume_token, next);
    return store_tokens(store, ref, event->token_before, next);
}

static int write_settings(struct store *store, const struct store_ref *ref,
                          const struct event *event)
{
    struct buf text;
    buf_init(&text, SETTINGS_BYTES_MAX * 2);
    int status = codec_settings_write(&event->settings, &text);
    buf_putc(&text, '\0');
    if (status == STATUS_OK && (status = buf_status(&text)) == STATUS_OK)
        status = store_settings(store, ref, text.data);
    buf_deinit(&text);
    return status;
}

static enum store_kind kind_of(const struct event *event)
{
    switch (event->kind) {
    case EVENT_TRANSCRIPT: return STORE_TRANSCRIPT;
    case EVENT_TRANSLATION: return STORE_TRANSLATION;
    case EVENT_GRAMMAR: return STORE_GRAMMAR;
    default: return STORE_NOTE;
    }
}

/* NULL where it could not be written; `text` holds it. */
static const char *usage_text(const struct event_usage *usage, struct buf *text)
{
    buf_init(text, USAGE_BYTES_MAX);
    int status = codec_usage_write(usage, text);
    return status == STATUS_OK && buf_putc(text, '\0') == STATUS_OK ? text->data : NULL;
}

static int write_final(struct store *store, const struct store_ref *ref, const struct event *event,
                       const struct out *out)
{
    struct buf usage = {0};
    struct store_message message = {
        .seq = event->seq,
        .kind = kind_of(event),
        .segment = event->segment,
        .lang = event->kind == EVENT_TRANSLATION ? event->language : "",
        .body = out->body,
        .body_len = out->len,
        .wall_us = clock_wall_us(),
        .settled_samples = event->settled_samples,
        .settled_exact = event->settled_exact,
        .mistakes = event->mistakes,
    };
    if (event->kind == EVENT_TRANSCRIPT)
        message.usage = usage_text(&event->usage, &usage);
    int status = store_put(store, ref, &message);
    buf_deinit(&usage);
    return status;
}

static int write_end(struct server *server, const struct store_ref *ref, const struct event *event)
{
    struct buf text = {0};
    bool ended = event->kind == EVENT_ENDED;
    const char *usage = ended ? usage_text(&event->usage, &text) : NULL;
    const char *reason = ended ? event->reason : event->code;
    int status = store_end(server->store, ref, reason, usage, clock_wall_us());
    notices_ended(server->notices, ref->session, reason, usage);
    buf_deinit(&text);
    return status;
}

int durable_event(struct server *server, const struct store_ref *ref, const struct event *event,
                  const struct out *out)
{
    assert(event->kept);
    if (event->close_code != 0)
        return write_end(server, ref, event);
    switch (event->kind) {
    case EVENT_STARTED: return write_started(server->store, ref, event);
    case EVENT_UPDATED: return write_settings(server->store, ref, event);
    default: break;
    }
    assert(event->seq != 0);
    return write_final(server->store, ref, event, out);
}

/* --- jobs --- */

enum what { CONFIRM, END, READ, CLAIM };

struct durable_job {
    struct job job;
    struct server *server;
    enum what what;
    char session[SESSION_NAME_BYTES];
    uint64_t after;
    uint32_t owner_epoch;
    const char *reason;
    uint8_t token[STORE_HASH_BYTES]; /* CONFIRM */
    struct store_claimant claimant;  /* CLAIM: its texts are below */
    char subject[NAME_BYTES_MAX + 1];
};

static void job_free(struct msg *msg)
{
    mem_free(msg);
}

/* The store will not answer: whoever waits is told here. */
static void answer_failure(const struct durable_job *job, int status)
{
    uint64_t id = job->job.msg.session;
    struct msg *msg = job->what == READ    ? (struct msg *)durable_replayed_create(id, status)
                      : job->what == CLAIM ? (struct msg *)durable_claimed_create(id, status)
                                           : NULL;
    if (msg != NULL)
        server_post(job->server, msg);
}

static void run_job(struct job *base)
{
    struct durable_job *job = (struct durable_job *)base;
    struct store *store = job->server->store;
    uint64_t id = base->msg.session;
    struct store_ref ref = {.session = job->session, .owner_epoch = job->owner_epoch};
    int status = STATUS_OK;
    switch (job->what) {
    case CONFIRM: status = store_tokens(store, &ref, job->token, NULL); break;
    case END:
        status = store_end(store, &ref, job->reason, NULL, clock_wall_us());
        notices_ended(job->server->notices, job->session, job->reason, NULL);
        break;
    case READ:
        ref.to = id;
        status = store_read(store, &ref, job->after);
        break;
    case CLAIM:
        job->claimant.session = job->session;
        job->claimant.subject = job->subject;
        status = store_claim(store, id, &job->claimant);
        break;
    }
    if (status != STATUS_OK)
        answer_failure(job, status);
    mem_free(job);
}

static int submit(const struct durable_from *from, const struct durable_job *what)
{
    struct durable_job *job = mem_alloc(sizeof *job);
    if (job == NULL)
        return STATUS_NOMEM;
    *job = *what;
    job->job.msg = (struct msg){.session = from->id, .free_fn = job_free};
    job->job.run = run_job;
    job->server = from->server;
    job->owner_epoch = from->owner_epoch;
    snprintf(job->session, sizeof job->session, "%s", from->session);
    int status = outbox_submit(from->outbox, from->id, &job->job);
    if (status != STATUS_OK)
        mem_free(job);
    return status;
}

int durable_confirm(const struct durable_from *from, const uint8_t token[STORE_HASH_BYTES])
{
    struct durable_job job = {.what = CONFIRM};
    memcpy(job.token, token, sizeof job.token);
    return submit(from, &job);
}

int durable_end(const struct durable_from *from, const char *reason)
{
    return submit(from, &(struct durable_job){.what = END, .reason = reason});
}

int durable_read(const struct durable_from *from, uint64_t after)
{
    return submit(from, &(struct durable_job){.what = READ, .after = after});
}

int durable_claim(const struct durable_from *from, const struct store_claimant *claimant)
{
    struct durable_job job = {.what = CLAIM, .claimant = *claimant};
    snprintf(job.subject, sizeof job.subject, "%s", claimant->subject);
    return submit(from, &job);
}
