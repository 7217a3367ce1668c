#include "server/conn_job.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/bearer.h"
#include "server/chats.h"
#include "server/durable.h"
#include "server/event.h"
#include "server/message.h"
#include "server/out.h"
#include "server/outbox.h"
#include "server/secret.h"
#include "server/server.h"
#include "server/token.h"
#include <stdio.h>

void conn_parsed_free(struct conn_parsed *parsed)
{
    client_message_free(parsed->message);
    secret_free(parsed->credential);
    token_claims_free(parsed->claims);
    mem_free(parsed->text);
    mem_free(parsed);
}

static void parsed_msg_free(struct msg *msg)
{
    conn_parsed_free((struct conn_parsed *)msg);
}

static void run_parse(struct job *job)
{
    struct conn_parsed *parsed = (struct conn_parsed *)job;
    parsed->message = client_message_parse(parsed->text != NULL ? parsed->text : "", parsed->len);
    if (parsed->message != NULL)
        chats_check(&parsed->server->chats, parsed->message);
    if (parsed->message != NULL && parsed->asks && parsed->message->kind == CLIENT_START)
        bearer_admit(parsed->server->auth, parsed->message, parsed->credential, &parsed->claims);
    /* A token may stand in it. */
    if (parsed->asks)
        secret_free_bytes(parsed->text, parsed->len);
    else
        mem_free(parsed->text);
    parsed->text = NULL;
    server_post(parsed->server, &job->msg);
}

int conn_job_parse(const struct conn_job_to *to, struct buf *text, uint64_t samples)
{
    struct conn_parsed *parsed = mem_calloc(1, sizeof *parsed);
    if (parsed == NULL)
        return STATUS_NOMEM;
    parsed->job.msg =
        (struct msg){.kind = FRONT_PARSED, .session = to->id, .free_fn = parsed_msg_free};
    parsed->job.run = run_parse;
    parsed->server = to->server;
    parsed->samples = samples;
    parsed->asks = to->asks;
    if (to->credential != NULL && (parsed->credential = mem_strdup(to->credential)) == NULL) {
        mem_free(parsed);
        return STATUS_NOMEM;
    }
    parsed->text = buf_take(text, &parsed->len);
    int status = outbox_submit(to->outbox, to->key, &parsed->job);
    if (status != STATUS_OK)
        conn_parsed_free(parsed);
    return status;
}

void conn_body_free(struct conn_body *body)
{
    event_free(body->event);
    out_unref(body->out);
    mem_free(body);
}

static void body_msg_free(struct msg *msg)
{
    conn_body_free((struct conn_body *)msg);
}

/* Before the body goes to the front: then what the front asks the store later knows of it. */
static void store_write(struct conn_body *body)
{
    const struct store_ref ref = {.session = body->session,
                                  .owner_epoch = body->owner_epoch,
                                  .to = body->event->ticket != 0 ? body->job.msg.session : 0,
                                  .ticket = body->event->ticket};
    int status = durable_event(body->server, &ref, body->event, body->out);
    if (status == STATUS_OK)
        return;
    out_unref(body->out);
    body->out = NULL;
    body->status = status;
}

static void run_encode(struct job *job)
{
    struct conn_body *body = (struct conn_body *)job;
    body->status = out_create(&body->out, body->event);
    if (body->out != NULL && body->event->kept)
        store_write(body);
    event_free(body->event);
    body->event = NULL;
    if (body->out != NULL && body->out->has_lat)
        lat_mark(&body->out->lat, LAT_SERVER, clock_mono_us());
    server_post(body->server, &job->msg);
}

int conn_job_encode(const struct conn_job_to *to, struct event *event)
{
    struct conn_body *body = event != NULL ? mem_calloc(1, sizeof *body) : NULL;
    if (body == NULL) {
        event_free(event);
        return STATUS_NOMEM;
    }
    body->job.msg = (struct msg){.kind = FRONT_BODY, .session = to->id, .free_fn = body_msg_free};
    body->job.run = run_encode;
    body->server = to->server;
    body->event = event;
    body->owner_epoch = to->owner_epoch;
    snprintf(body->session, sizeof body->session, "%s", to->session != NULL ? to->session : "");
    int status = outbox_submit(to->outbox, to->key, &body->job);
    if (status != STATUS_OK)
        conn_body_free(body);
    return status;
}
