#include "server/host.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "server/ask.h"
#include "server/config.h"
#include "server/conn.h"
#include "server/conn_job.h"
#include "server/directory.h"
#include "server/durable.h"
#include "server/front.h"
#include "server/glances.h"
#include "server/metrics.h"
#include "server/out.h"
#include "server/registry.h"
#include "server/resume.h"
#include "server/server.h"
#include "server/speech.h"
#include "stt/client.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define MS 1000LL

static struct durable_from job_from(const struct host *host)
{
    return (struct durable_from){.server = host->front->server,
                                 .outbox = &host->front->outbox,
                                 .session = host->name,
                                 .id = host->id,
                                 .owner_epoch = host->owner_epoch};
}

/* --- what a session asks for --- */

static void on_timer(struct loop_timer *timer);

/* Only the store can tell what comes next: whoever comes back has the session restored from it. */
static void host_break(struct host *host, int status)
{
    LOG_ERROR(LOG_SESSION, host->id, "an event was lost", "name=%s status=%s", host->name,
              status_name(status));
    host->broken = true;
    if (host->conn != NULL)
        conn_abort(host->conn);
    else /* not from within whatever made it so */
        loop_timer_start(host->front->loop, &host->timer, loop_now_us(host->front->loop), on_timer);
}

/* What the store keeps, or is to know: what is final, and where a session begins and ends. */
static bool is_kept(const struct event *event)
{
    return event->seq != 0 || event->kind == EVENT_STARTED || event->kind == EVENT_UPDATED ||
           event->close_code != 0;
}

static void on_emit(void *ctx, struct event *event)
{
    struct host *host = ctx;
    if (event == NULL || host->broken) {
        event_free(event);
        return;
    }
    bool last = event->close_code != 0, durable = event->seq != 0;
    glances_event(host, event);
    if (event->kind == EVENT_STARTED)
        memcpy(event->token_before, host->token, sizeof host->token);
    event->kept =
        is_kept(event) && !host->ended_before && !(event->kind == EVENT_STARTED && host->claimed);
    /* Settings that are not stored yet are only those of before. */
    if (event->kept && event->kind != EVENT_UPDATED)
        event->ticket = ++host->ticket;
    struct conn_job_to to = {.server = host->front->server,
                             .outbox = &host->front->outbox,
                             .key = host->id,
                             .id = host->id,
                             .session = host->name,
                             .owner_epoch = host->owner_epoch};
    if (host->encoding >= ENCODING_MAX && host->conn == NULL && !durable && !last) {
        event_free(event);
        return;
    }
    int status = conn_job_encode(&to, event);
    if (status != STATUS_OK) {
        host_break(host, status);
        return;
    }
    if (++host->encoding > ENCODING_MAX && host->conn != NULL)
        conn_kill_slow(host->conn);
    if (last && host->conn != NULL)
        conn_last(host->conn);
}

static int on_stt_open(void *ctx, uint32_t call, char *config, size_t len)
{
    struct host *host = ctx;
    const struct stt_request request = {
        .provider = session_provider(host->session), .bytes = config, .len = len};
    return speech_open(host->front->server, host->id, call, &request);
}

static unsigned on_stt_healthy(void *ctx)
{
    return speech_healthy(((struct host *)ctx)->front->server);
}

static int on_stt_send(void *ctx, uint32_t call, struct stt_block *block)
{
    struct host *host = ctx;
    return speech_send(host->front->server, host->id, call, block);
}

static int on_stt_finish(void *ctx, uint32_t call)
{
    struct host *host = ctx;
    return speech_finish(host->front->server, host->id, call);
}

static int on_stt_cancel(void *ctx, uint32_t call)
{
    struct host *host = ctx;
    return speech_cancel(host->front->server, host->id, call);
}

static struct ask_from ask_from_of(const struct host *host)
{
    return (struct ask_from){.server = host->front->server,
                             .session = host->id,
                             .key = host->id,
                             .serial = host->serial};
}

static int on_translate(void *ctx, uint32_t lane, const struct translate_ask *ask)
{
    struct host *host = ctx;
    struct ask_from from = ask_from_of(host);
    return ask_translate(&host->front->outbox, &from, lane, ask);
}

static int on_grammar(void *ctx, uint32_t lane, const struct grammar_ask *ask)
{
    struct host *host = ctx;
    struct ask_from from = ask_from_of(host);
    return ask_grammar(&host->front->outbox, &from, lane, ask);
}

static void on_cancel(void *ctx, uint32_t lane, uint32_t ask)
{
    struct ask_from from = ask_from_of(ctx);
    ask_cancel(&from, lane, ask);
}

static const struct session_ops session_ops = {
    on_emit,      on_stt_open, on_stt_send, on_stt_finish,  on_stt_cancel,
    on_translate, on_grammar,  on_cancel,   on_stt_healthy,
};

/* --- life --- */

static void name_make(char out[SESSION_NAME_BYTES])
{
    uint8_t bytes[(SESSION_NAME_BYTES - 1) / 2];
    rng_secure(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void done_free(struct msg *msg)
{
    mem_free(msg);
}

/* An older host of the session, which this process has claimed away from itself, is told so. */
static void fence(struct server *server, uint64_t id)
{
    struct store_done *done = mem_calloc(1, sizeof *done);
    if (done == NULL)
        return; /* its next write is refused */
    done->msg = (struct msg){.kind = FRONT_STORED, .session = id, .free_fn = done_free};
    done->status = STATUS_FENCED;
    if (server_offer(server, &done->msg) != STATUS_OK)
        mem_free(done); /* likewise */
}

static int host_register(struct host *host, const char *name)
{
    struct server *server = host->front->server;
    int status = directory_add(server->directory, DIRECTORY_SESSION, host->front->index, &host->id);
    if (status != STATUS_OK)
        return status;
    if (name != NULL)
        snprintf(host->name, sizeof host->name, "%s", name);
    else
        name_make(host->name);
    front_bind_host(host->front, host->id, host);
    uint64_t before = registry_put(server->registry, host->name, host->id);
    if (before != 0)
        fence(server, before);
    return STATUS_OK;
}

int host_create(struct host **out, struct front *front, const struct host_start *start)
{
    struct server *server = front->server;
    struct host *host = mem_calloc(1, sizeof *host);
    if (host == NULL)
        return STATUS_NOMEM;
    host->front = front;
    host->owner_epoch = start->owner_epoch;
    int status = host_register(host, start->name);
    if (status != STATUS_OK) {
        mem_free(host);
        return status;
    }
    host->serial = atomic_fetch_add_explicit(&server->serial, 1, memory_order_relaxed);
    struct session_start session = {.id = host->id,
                                    .name = host->name,
                                    .subject = start->subject,
                                    .restore = start->restore,
                                    .message = start->message,
                                    .seed = rng_seed(),
                                    .wall_us = start->wall_us,
                                    .handover = &front->handover};
    status = session_create(&host->session, &session, &server->session_config, &session_ops, host,
                            loop_now_us(front->loop));
    if (status != STATUS_OK) {
        host->session = NULL;
        host_destroy(host);
        return status;
    }
    metrics_add(start->restore != NULL ? METRIC_RESTORES : METRIC_SESSIONS, 1);
    host->place = start->place;
    host->subject_place = start->subject_place;
    *out = host;
    return STATUS_OK;
}

void host_destroy(struct host *host)
{
    struct server *server = host->front->server;
    assert(host->conn == NULL && host->move == NULL);
    loop_timer_stop(&host->timer);
    glances_end(host);
    if (host->session != NULL)
        session_destroy(host->session);
    front_unbind_host(host->front, host->id);
    registry_remove(server->registry, host->name, host->id);
    directory_remove(server->directory, host->id);
    out_unref(host->last);
    peers_leave(server->peers, host->place);
    peers_leave(server->peers, host->subject_place);
    mem_free(host);
}

struct host *host_find(struct front *front, uint64_t id)
{
    struct host *host = front_host(front, id);
    return host != NULL && host->id == id ? host : NULL;
}

/* --- its socket --- */

static void replay(struct host *host, uint64_t seen)
{
    uint64_t seq = session_seq(host->session);
    host->replay_to = seq;
    host->replay_next = seen + 1;
    if (host->replay_next > seq)
        return; /* nothing: on_started() says so */
    struct durable_from from = job_from(host);
    if (durable_read(&from, seen) != STATUS_OK)
        conn_busy(host->conn);
}

void host_attach(struct host *host, const struct host_socket *socket)
{
    int64_t now_us = loop_now_us(host->front->loop);
    assert(host->conn == NULL && host->move == NULL && host->session != NULL);
    char made[RESUME_TOKEN_BYTES];
    const char *token = socket->token;
    if (token == NULL) {
        resume_token_make(made);
        token = made;
    }
    host->conn = socket->conn;
    host->deaf = !socket->first;
    host->claimed = socket->claimed;
    host->has_next = !socket->first;
    resume_token_hash(token, socket->first ? host->token : host->token_next);
    if (socket->claimed)
        memcpy(host->token, socket->token_before, sizeof host->token);
    conn_attach(socket->conn, host, !socket->first);
    const struct session_attach attach = {
        .resume_token = host->front->server->config->resume_ms > 0 ? token : NULL,
        .attach = ++host->attaches,
        .first = socket->first,
        .durable = store_durable(host->front->server->store)};
    int status = session_attach(host->session, &attach, now_us);
    host->claimed = false;
    glances_look(host);
    explicit_bzero(made, sizeof made);
    /* Whose session begins with this socket hears of it from the session. */
    if (status != STATUS_OK && !socket->first) {
        host_break(host, status);
        return;
    }
    if (!socket->first && host->conn != NULL) {
        session_restate(host->session, now_us);
        replay(host, socket->seen);
    }
    host_run(host);
}

/* Nobody comes back to it, or nobody needs to. */
static bool host_is_done(const struct host *host, bool delivered)
{
    if (host->fenced || host->broken || host->front->stopping)
        return true;
    if (session_over(host->session))
        return delivered;
    return false;
}

void host_detach(struct host *host, bool ended)
{
    struct conn *conn = host->conn;
    struct server *server = host->front->server;
    int64_t now_us = loop_now_us(host->front->loop);
    assert(conn != NULL && conn->host == host);
    bool delivered = conn->last_sent;
    conn->host = NULL;
    host->conn = NULL;
    if (host_is_done(host, delivered)) {
        host_destroy(host);
        return;
    }
    session_hold(host->session, now_us);
    glances_look(host);
    host->held_until_us = now_us + (int64_t)server->config->resume_ms * MS;
    LOG_INFO(LOG_SESSION, host->id, "session held", "name=%s", host->name);
    if (ended || server->config->resume_ms == 0)
        session_end(host->session, "client", 1000, now_us);
    host_run(host);
}

void host_ended_before(struct host *host, const char *reason)
{
    host->ended_before = true;
    session_end(host->session, reason, 1000, loop_now_us(host->front->loop));
    host_run(host);
}

void host_sent(struct host *host, const struct out *out)
{
    if (out->kind == EVENT_TRANSCRIPT && out->has_lat)
        glance_lag(&host->glance, &out->lat);
}

void host_dropped(struct host *host, const struct out *out)
{
    if (out->kind != EVENT_ACK)
        glance_dropped(&host->glance);
}

void host_confirmed(struct host *host)
{
    if (!host->has_next)
        return;
    host->has_next = false;
    memcpy(host->token, host->token_next, sizeof host->token);
    struct durable_from from = job_from(host);
    (void)durable_confirm(&from, host->token); /* else the old token stays valid there, too */
}

/* --- its clock --- */

static void on_timer(struct loop_timer *timer)
{
    struct host *host = (struct host *)((char *)timer - offsetof(struct host, timer));
    bool gone = loop_now_us(host->front->loop) >= host->held_until_us;
    bool over = session_over(host->session);
    if (host->broken && host->conn == NULL && host->move == NULL) {
        host_destroy(host);
        return;
    }
    if (host->conn != NULL || host->move != NULL || !(gone || (over && !host->last)) ||
        host->encoding > 0) {
        host_run(host);
        return;
    }
    if (!over) {
        struct durable_from from = job_from(host);
        (void)durable_end(&from, "abandoned"); /* else the store ends it by the clock */
        LOG_INFO(LOG_SESSION, host->id, "session abandoned", "name=%s", host->name);
    }
    host_destroy(host);
}

/* Speech puts the next due time off with every frame: the timer is moved only when it would fire
 * before long, or too late. */
#define WAKE_NEAR_US 250000

static void host_wake(struct host *host, int64_t due_us, int64_t now_us)
{
    struct loop_timer *timer = &host->timer;
    if (due_us == INT64_MAX) {
        loop_timer_stop(timer);
        return;
    }
    bool early = loop_timer_armed(timer) && timer->due_us <= due_us;
    if (!early || (timer->due_us != due_us && timer->due_us <= now_us + WAKE_NEAR_US))
        loop_timer_start(host->front->loop, timer, due_us, on_timer);
}

/* While nobody is there: when it is given up. */
static int64_t held_due(const struct host *host, int64_t due_us, int64_t now_us)
{
    bool over = session_over(host->session);
    if (host->move != NULL)
        return due_us;
    if (over && host->last == NULL)
        return host->encoding == 0 ? now_us : INT64_MAX;
    return due_us < host->held_until_us ? due_us : host->held_until_us;
}

void host_run(struct host *host)
{
    int64_t now_us = loop_now_us(host->front->loop);
    int64_t due = INT64_MAX, conn_due = INT64_MAX;
    if (host->broken || host->fenced)
        return;
    if (host->conn != NULL)
        conn_due = conn_feed(host->conn, now_us);
    due = session_tick(host->session, now_us);
    if (session_over(host->session))
        due = conn_due = INT64_MAX;
    due = due < conn_due ? due : conn_due;
    if (host->conn == NULL)
        due = held_due(host, due, now_us);
    host_wake(host, due, now_us);
    if (host->conn != NULL)
        conn_pace(host->conn);
}

/* --- the mailbox --- */

/* It is queued: what is only for this socket may follow. */
static void on_started(struct host *host)
{
    if (host->conn != NULL && host->conn->replaying && host->replay_next > host->replay_to)
        conn_replayed(host->conn, host->last);
}

void host_on_body(struct host *host, struct conn_body *body)
{
    struct out *out = body->out;
    struct conn *conn = host->conn;
    host->encoding--;
    if (out == NULL) {
        host_break(host, body->status);
        conn_body_free(body);
        return;
    }
    bool started = out->kind == EVENT_STARTED && out->attach == host->attaches;
    if (started)
        host->deaf = false;
    if (out->close_code != 0 && host->last == NULL)
        host->last = out_ref(out);
    glances_final(host, out);
    if (conn != NULL && !host->deaf)
        conn_queue(conn, out);
    if (started)
        on_started(host);
    conn_body_free(body);
    if (host->conn == NULL)
        host_run(host);
}

void host_on_stt(struct host *host, struct stt_event *event)
{
    session_stt(host->session, event, loop_now_us(host->front->loop));
    speech_event_free(event);
    host_run(host);
}

void host_on_answer(struct host *host, const struct session_answer *answer)
{
    session_answer(host->session, answer, loop_now_us(host->front->loop));
    host_run(host);
}

/* What this process believes of the session is void: another one goes on with it. */
static void host_fenced(struct host *host)
{
    struct conn *conn = host->conn;
    LOG_INFO(LOG_SESSION, host->id, "session taken over by another process", "name=%s", host->name);
    host->fenced = true;
    if (conn != NULL) {
        conn->host = NULL;
        host->conn = NULL;
        conn_replaced(conn);
    }
    if (host->move == NULL)
        host_destroy(host);
}

void host_on_stored(struct host *host, const struct store_done *done)
{
    int64_t now_us = loop_now_us(host->front->loop);
    if (done->status == STATUS_FENCED) {
        host_fenced(host);
        return;
    }
    if (done->ticket > host->stored)
        host->stored = done->ticket;
    glances_stored(host, done->status);
    session_storage(host->session, done->status == STATUS_OK, "the disk does not take it", now_us);
    if (host->conn != NULL)
        conn_stored(host->conn, done->done_us);
    host_run(host);
}

/* Seqs are contiguous; the store gives up older ones only where it is not durable or was full. */
static bool replay_fits(struct host *host, const struct resume_replayed *replayed)
{
    uint64_t next = host->replay_next;
    if (replayed->lost_to >= next)
        next = replayed->lost_to + 1;
    return replayed->head != NULL ? replayed->head->seq == next
                                  : next > host->replay_to && replayed->lost_to != 0;
}

static void replay_take(struct host *host, struct resume_replayed *replayed)
{
    while (replayed->head != NULL) {
        struct out *out = replayed->head;
        replayed->head = out->next;
        out->next = NULL;
        if (out->seq <= host->replay_to)
            conn_queue_replay(host->conn, out);
        host->replay_next = out->seq + 1;
        out_unref(out);
    }
}

void host_on_replay(struct host *host, struct resume_replayed *replayed)
{
    struct conn *conn = host->conn;
    if (conn == NULL || !conn->replaying) {
        replayed->msg.free_fn(&replayed->msg);
        return;
    }
    if (replayed->status != STATUS_OK) {
        conn_busy(conn);
    } else if (!replay_fits(host, replayed)) {
        conn_error(conn, "resume_refused", "what you have missed is no longer kept");
    } else {
        replay_take(host, replayed);
        struct durable_from from = job_from(host);
        if (host->replay_next > host->replay_to)
            conn_replayed(conn, host->last);
        else if (durable_read(&from, host->replay_next - 1) != STATUS_OK)
            conn_busy(conn);
    }
    replayed->msg.free_fn(&replayed->msg);
    host_run(host);
}

void host_goaway(struct host *host, uint32_t within_ms)
{
    int64_t now_us = loop_now_us(host->front->loop);
    struct server *server = host->front->server;
    if (host->conn == NULL) {
        /* Who comes back finds it in the store. */
        if (host->move == NULL)
            host_destroy(host);
        return;
    }
    if (store_durable(server->store) && server->config->resume_ms > 0) {
        session_goaway(host->session, within_ms, now_us);
        conn_leave(host->conn, now_us + within_ms * MS);
    } else {
        session_shutdown(host->session, within_ms, now_us);
    }
    host_run(host);
}
