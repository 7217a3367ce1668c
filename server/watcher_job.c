#include "server/watcher_job.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/auth.h"
#include "server/board.h"
#include "server/front.h"
#include "server/monitor.h"
#include "server/monitor_message.h"
#include "server/out.h"
#include "server/outbox.h"
#include "server/secret.h"
#include "server/server.h"
#include "server/token.h"
#include "server/watcher.h"
#include <stdio.h>
#include <string.h>

static void ask_free(struct msg *msg)
{
    struct monitor_ask *ask = (struct monitor_ask *)msg;
    monitor_message_free(ask->message);
    board_scope_free(ask->scope);
    mem_free(ask);
}

void watcher_heard_free(struct watcher_heard *heard)
{
    if (heard->text != NULL)
        secret_free_bytes(heard->text, heard->len);
    secret_free(heard->credential);
    token_claims_free(heard->claims);
    if (heard->ask != NULL)
        ask_free(&heard->ask->msg);
    out_unref(heard->answer);
    mem_free(heard);
}

static void heard_msg_free(struct msg *msg)
{
    watcher_heard_free((struct watcher_heard *)msg);
}

/* By what it shows: the handshake's credential at first, else the message's token, else whoever it
 * was before. */
static int identify(struct watcher_heard *heard, const struct monitor_message *message)
{
    const char *shown = heard->credential != NULL ? heard->credential : message->token;
    struct token_claims *claims = NULL;
    if (heard->claims != NULL && heard->credential == NULL && shown[0] == '\0')
        return STATUS_OK;
    int status = auth_check(heard->server->auth, shown, strlen(shown), &claims);
    if (status != STATUS_OK)
        return status;
    token_claims_free(heard->claims);
    heard->claims = claims;
    return STATUS_OK;
}

static int watch(struct watcher_heard *heard, struct monitor_ask *ask)
{
    int status = identify(heard, ask->message);
    if (status == STATUS_OK)
        status = monitor_message_scope(ask->message, heard->claims, &ask->scope);
    explicit_bzero((char *)ask->message->token, strlen(ask->message->token));
    if (status != STATUS_OK && status != STATUS_AUTH)
        return status;
    heard->refused = status == STATUS_AUTH;
    if (heard->refused)
        heard->answer = monitor_message_error(
            "unauthorized",
            "a teacher's or an admin's token is needed that is signed, not expired, not used up, "
            "and for this class",
            "");
    return STATUS_OK;
}

/* Unless the monitor knows it by the time this is heard: only a watch makes it known. */
static void answer_stranger(struct watcher_heard *heard, const struct monitor_message *message)
{
    if (message->kind == MONITOR_MESSAGE_BAD)
        heard->answer = monitor_message_error(message->code, message->problem, "");
    else
        heard->answer =
            monitor_message_error("start_required", "the first message must be watch", "");
}

/* STATUS_NOMEM. */
static int understand(struct watcher_heard *heard)
{
    struct monitor_ask *ask = heard->ask = mem_calloc(1, sizeof *ask);
    if (ask == NULL)
        return STATUS_NOMEM;
    ask->msg =
        (struct msg){.kind = MONITOR_ASK, .session = heard->job.msg.session, .free_fn = ask_free};
    ask->message = monitor_message_parse(heard->text != NULL ? heard->text : "", heard->len);
    if (ask->message == NULL)
        return STATUS_NOMEM;
    int status = STATUS_OK;
    if (ask->message->kind == MONITOR_MESSAGE_WATCH) {
        ask->msg.kind = MONITOR_WATCH;
        status = watch(heard, ask);
    } else if (!heard->known) {
        answer_stranger(heard, ask->message);
    }
    if (heard->claims != NULL)
        snprintf(ask->by, sizeof ask->by, "%s", heard->claims->subject);
    return status;
}

static void run_heard(struct job *job)
{
    struct watcher_heard *heard = (struct watcher_heard *)job;
    int status = understand(heard);
    if ((status != STATUS_OK || heard->refused) && heard->ask != NULL) {
        ask_free(&heard->ask->msg);
        heard->ask = NULL;
    }
    /* A token may stand in it. */
    if (heard->text != NULL)
        secret_free_bytes(heard->text, heard->len);
    heard->text = NULL;
    server_post(heard->server, &job->msg);
}

int watcher_job_submit(const struct watcher *watcher, struct buf *text)
{
    struct watcher_heard *heard = mem_calloc(1, sizeof *heard);
    if (heard == NULL)
        return STATUS_NOMEM;
    heard->job.msg =
        (struct msg){.kind = FRONT_HEARD, .session = watcher->id, .free_fn = heard_msg_free};
    heard->job.run = run_heard;
    heard->server = watcher->front->server;
    heard->known = watcher->known;
    if (watcher->credential != NULL)
        heard->credential = mem_strdup(watcher->credential);
    if (watcher->claims != NULL)
        heard->claims = token_claims_copy(watcher->claims);
    heard->text = buf_take(text, &heard->len);
    bool whole = (watcher->credential == NULL || heard->credential != NULL) &&
                 (watcher->claims == NULL || heard->claims != NULL);
    int status =
        whole ? outbox_submit(&watcher->front->outbox, watcher->id, &heard->job) : STATUS_NOMEM;
    if (status != STATUS_OK)
        watcher_heard_free(heard);
    return status;
}
