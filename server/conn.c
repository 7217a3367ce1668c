#include "server/conn.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/worker.h"
#include "server/admission.h"
#include "server/admission_watch.h"
#include "server/auth.h"
#include "server/codec.h"
#include "server/config.h"
#include "server/conn_job.h"
#include "server/directory.h"
#include "server/front.h"
#include "server/host.h"
#include "server/intake.h"
#include "server/metrics.h"
#include "server/peers_gate.h"
#include "server/resume.h"
#include "server/secret.h"
#include "server/server.h"
#include "server/ws.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define MS 1000LL
/* Text messages of one connection at the workers; the next waits in the socket. */
#define CONN_PARSING_MAX 16
static void conn_run(struct conn *conn);
static void conn_watch(struct conn *conn, int64_t due_us);

static const struct intake_limits intake_limits = {
    .bytes_max = FRAME_BYTES_MAX,
    .fragments_max = FRAME_FRAGMENTS_MAX,
    .frames_per_s = FRAMES_PER_S_MAX,
    .frames_burst = FRAMES_BURST,
    .texts_per_s = TEXTS_PER_S_MAX,
    .texts_burst = TEXTS_BURST,
    .control_bytes_per_s = CONTROL_BYTES_PER_S,
    .control_burst_bytes = CONTROL_BYTES_BURST,
};
static void conn_ask(struct conn *conn);

/* --- events out: front → worker → front → socket --- */

static void conn_forget(struct conn *conn)
{
    out_queue_clear(&conn->out);
    out_queue_clear(&conn->later);
    conn->replaying = false;
}

void conn_kill_slow(struct conn *conn)
{
    LOG_WARN(LOG_FRONT, conn->id, "client does not read, closing", "queued_bytes=%zu",
             conn->out.bytes);
    metrics_add(METRIC_SLOW_CLOSED, 1);
    conn->state = CONN_CLOSED;
    conn_forget(conn);
    ws_kill(conn->wsi);
}

/* What waits is closed over; then the socket. */
static void conn_close(struct conn *conn, int code)
{
    if (conn->state == CONN_CLOSING || conn->state == CONN_CLOSED)
        return;
    conn->close_code = code;
    conn->state = CONN_CLOSING;
    ws_want_write(conn->wsi);
}

void conn_abort(struct conn *conn)
{
    LOG_ERROR(LOG_FRONT, conn->id, "closing: out of memory", "host=%d", conn->host != NULL);
    conn_close(conn, 1011);
}

void conn_last(struct conn *conn)
{
    if (conn->state != CONN_CLOSED)
        conn->state = CONN_CLOSING;
}

/* Nothing follows the message that ends a connection. */
static void conn_emit(struct conn *conn, struct event *event)
{
    if (conn->state == CONN_CLOSING || conn->state == CONN_CLOSED) {
        event_free(event);
        return;
    }
    bool last = event != NULL && event->close_code != 0;
    struct conn_job_to where = {.server = conn->front->server,
                                .outbox = &conn->front->outbox,
                                .key = conn->id,
                                .id = conn->id};
    int status = conn_job_encode(&where, event);
    if (status == STATUS_NOMEM) {
        conn_abort(conn);
        return;
    }
    if (status != STATUS_OK || ++conn->encoding > ENCODING_MAX) {
        conn_kill_slow(conn);
        return;
    }
    if (last)
        conn->state = CONN_CLOSING;
}

void conn_error(struct conn *conn, const char *code, const char *message)
{
    conn_emit(conn, event_error(code, message, 0));
}

void conn_refuse_for(struct conn *conn, const char *why, uint32_t retry_after_ms)
{
    metrics_add(METRIC_SESSIONS_REFUSED, 1);
    conn_emit(conn, event_error("over_capacity", why, retry_after_ms));
}

void conn_refuse(struct conn *conn, const char *why)
{
    /* Clients that come back all at once would be refused all at once. */
    uint32_t random;
    rng_secure(&random, sizeof random);
    conn_refuse_for(conn, why, admission_retry_ms(0, 0, 1, random));
}

void conn_refuse_sessions(struct conn *conn)
{
    conn_refuse_for(conn, admission_text(ADMISSION_SESSIONS),
                    admission_refused(conn->front->server->admission, ADMISSION_SESSIONS));
}

void conn_busy(struct conn *conn)
{
    conn_refuse(conn, "what was stored cannot be read now: come back");
}

void conn_replaced(struct conn *conn)
{
    /* What still waits is sent to the other socket. */
    conn_forget(conn);
    conn_error(conn, "replaced", "the session goes on over another connection");
}

/* --- life --- */

static void on_timer(struct loop_timer *timer)
{
    struct conn *conn = (struct conn *)((char *)timer - offsetof(struct conn, timer));
    if (conn->pending != NULL)
        conn_ask(conn);
    else if (conn->state == CONN_OPEN || conn->state == CONN_STARTING)
        conn_error(conn, "start_required", "session.start did not come within 5 s");
    else if (conn->state == CONN_RESUMING)
        conn_busy(conn);
    conn_run(conn);
}

struct conn *conn_create(struct front *front, struct lws *wsi)
{
    struct conn *conn = mem_calloc(1, sizeof *conn);
    if (conn == NULL)
        return NULL;
    conn->front = front;
    conn->wsi = wsi;
    out_queue_init(&conn->out);
    out_queue_init(&conn->later);
    conn->parsed_tail = &conn->parsed_head;
    buf_init(&conn->text, FRAME_BYTES_MAX);
    buf_init(&conn->audio, AUDIO_PENDING_BYTES);
    if (directory_add(front->server->directory, DIRECTORY_CONNECTION, front->index, &conn->id) !=
        STATUS_OK) {
        mem_free(conn);
        metrics_add(METRIC_CONNECTIONS_REFUSED, 1);
        return NULL;
    }
    front_bind(front, conn->id, conn);
    front->live++;
    metrics_add(METRIC_CONNECTIONS, 1);
    loop_timer_start(front->loop, &conn->timer, loop_now_us(front->loop) + START_WAIT_MS * MS,
                     on_timer);
    conn->intake.explained = ws_received(conn->wsi); /* the handshake */
    conn_watch(conn, loop_now_us(front->loop) + FLOOD_LOOK_MS * MS);
    return conn;
}

void conn_destroy(struct conn *conn)
{
    struct front *front = conn->front;
    conn->state = CONN_CLOSED;
    loop_timer_stop(&conn->timer);
    loop_timer_stop(&conn->watch);
    if (conn->host != NULL)
        host_detach(conn->host, conn->goodbye);
    front_unbind(front, conn->id);
    directory_remove(front->server->directory, conn->id);
    resume_drop(conn);
    conn_forget(conn);
    if (conn->pending != NULL)
        conn_parsed_free(conn->pending);
    for (struct conn_parsed *parsed = conn->parsed_head, *next; parsed != NULL; parsed = next) {
        next = parsed->next;
        conn_parsed_free(parsed);
    }
    buf_deinit(&conn->text);
    buf_deinit(&conn->audio);
    secret_free(conn->credential);
    mem_free(conn);
    front_conn_gone(front);
}

/* --- bytes in --- */

/* Audio that is still waiting counts as arrived: it came before the message. */
static uint64_t conn_samples(const struct conn *conn)
{
    uint64_t received = conn->host != NULL ? session_received(conn->host->session) : 0;
    return received + conn->audio.len / 2;
}

static void conn_parse(struct conn *conn)
{
    struct conn_job_to to = {.server = conn->front->server,
                             .outbox = &conn->front->outbox,
                             .key = conn->id,
                             .id = conn->id,
                             .asks = conn->host == NULL,
                             .credential = conn->host == NULL ? conn->credential : NULL};
    int status = conn_job_parse(&to, &conn->text, conn_samples(conn));
    if (status != STATUS_OK) {
        conn_abort(conn);
        return;
    }
    metrics_add(METRIC_TEXT_MESSAGES, 1);
    conn->parsing++;
    if (conn->state != CONN_OPEN)
        return;
    conn->state = CONN_STARTING;
    conn->start_us = loop_now_us(conn->front->loop);
}

static void conn_receive_audio(struct conn *conn, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    metrics_add(METRIC_AUDIO_BYTES, len);
    if (conn->state == CONN_OPEN) {
        conn_error(conn, "start_required", "audio came before session.start");
        return;
    }
    size_t used = 0;
    if (conn->host != NULL && conn->audio.len == 0 && conn->parsed_head == NULL) {
        struct session *session = conn->host->session;
        size_t room = session_room(session, loop_now_us(conn->front->loop));
        used = len < room ? len : room;
        session_audio(session, bytes, used, loop_now_us(conn->front->loop));
    }
    if (used < len && buf_append(&conn->audio, (const char *)bytes + used, len - used) != STATUS_OK)
        /* Reading stopped long before; a peer's bytes cannot come here without it. */
        conn_error(conn, "internal", "audio was not taken in time");
}

/* False: the piece is not for us, and the connection is closing. */
static bool conn_take(struct conn *conn, const struct intake_piece *piece)
{
    int64_t now_us = loop_now_us(conn->front->loop);
    char text[96];
    if (piece->first)
        buf_reset(&conn->text);
    switch (intake_take(&conn->intake, &intake_limits, piece, now_us)) {
    case INTAKE_TAKEN: break;
    case INTAKE_TOO_BIG:
        snprintf(text, sizeof text, "a message holds at most %d bytes in at most %d fragments",
                 FRAME_BYTES_MAX, FRAME_FRAGMENTS_MAX);
        conn_error(conn, "frame_too_big", text);
        return false;
    case INTAKE_NOT_UTF8: conn_close(conn, 1007); return false;
    }
    if (intake_tell(&conn->intake, &intake_limits, now_us)) {
        metrics_add(METRIC_TEXTS_HELD, 1);
        snprintf(text, sizeof text, "more than %d messages a second are read more slowly",
                 TEXTS_PER_S_MAX);
        conn_error(conn, "rate_limited", text);
    }
    return true;
}

void conn_receive(struct conn *conn, const struct intake_piece *piece)
{
    if (conn->state == CONN_CLOSING || conn->state == CONN_CLOSED || !conn_take(conn, piece))
        return;
    if (conn->host != NULL && conn->started)
        host_confirmed(conn->host);
    if (conn->intake.text) {
        buf_append(&conn->text, piece->bytes, piece->len);
        if (piece->last)
            conn_parse(conn);
    } else {
        conn_receive_audio(conn, piece->bytes, piece->len);
    }
    conn_run(conn);
}

/* --- the session's turn --- */

/* Gives waiting audio as far as there is room, then the messages that came after it. */
static bool feed_audio(struct conn *conn, int64_t now_us)
{
    if (conn->audio.len == 0)
        return false;
    struct session *session = conn->host->session;
    size_t room = session_room(session, now_us);
    size_t len = conn->audio.len < room ? conn->audio.len : room;
    if (len == 0)
        return false;
    session_audio(session, conn->audio.data, len, now_us);
    buf_consume(&conn->audio, len);
    if (conn->audio.len == 0)
        buf_deinit(&conn->audio); /* a backlog is rare, its memory is not kept for the next */
    return true;
}

static bool feed_message(struct conn *conn, int64_t now_us)
{
    struct conn_parsed *parsed = conn->parsed_head;
    if (parsed == NULL ||
        (conn->audio.len > 1 && session_received(conn->host->session) < parsed->samples))
        return false;
    conn->parsed_head = parsed->next;
    if (conn->parsed_head == NULL)
        conn->parsed_tail = &conn->parsed_head;
    session_message(conn->host->session, parsed->message, parsed->samples, now_us);
    conn_parsed_free(parsed);
    return true;
}

/* Room opens by time (audio_speed_max) or by an event of the stream; the former needs a timer. */
#define ROOM_RETRY_US 20000

/* The library takes a peer that is not read for dead. */
#define ALIVE_US 500000

/* A connection that closes is read to its end, whatever waits: the peer's Close is there, and
 * closing with unread bytes resets the connection under our own last messages. */
static bool must_pause(struct conn *conn)
{
    if (conn->state == CONN_CLOSING || conn->state == CONN_CLOSED)
        return false;
    return conn->audio.len > 1 || conn->state == CONN_STARTING || conn->state == CONN_RESUMING ||
           conn->parsing >= CONN_PARSING_MAX;
}

static void on_watch(struct loop_timer *timer);

static void conn_watch(struct conn *conn, int64_t due_us)
{
    loop_timer_start(conn->front->loop, &conn->watch, due_us, on_watch);
}

/* What came too fast has its pause, and the watch ends it. */
static bool too_fast(struct conn *conn, int64_t now_us)
{
    int64_t due_us = intake_due_us(&conn->intake, &intake_limits);
    if (due_us <= now_us || conn->state == CONN_CLOSING || conn->state == CONN_CLOSED)
        return false;
    conn_watch(conn, due_us);
    return true;
}

void conn_pace(struct conn *conn)
{
    int64_t now_us = loop_now_us(conn->front->loop);
    bool pause = too_fast(conn, now_us) || must_pause(conn);
    if (pause && now_us >= conn->alive_due_us) {
        ws_alive(conn->wsi);
        conn->alive_due_us = now_us + ALIVE_US;
    }
    if (pause != conn->rx_paused) {
        conn->rx_paused = pause;
        ws_pause_rx(conn->wsi, pause);
    }
}

static void on_watch(struct loop_timer *timer)
{
    struct conn *conn = (struct conn *)((char *)timer - offsetof(struct conn, watch));
    int64_t now_us = loop_now_us(conn->front->loop);
    /* What comes to a connection that closes is not looked at, and it ends soon by other clocks. */
    if (conn->state == CONN_CLOSING || conn->state == CONN_CLOSED) {
        conn_pace(conn);
        return;
    }
    conn_watch(conn, now_us + FLOOD_LOOK_MS * MS);
    if (!intake_flooded(&conn->intake, &intake_limits, ws_received(conn->wsi), now_us)) {
        conn_pace(conn);
        return;
    }
    LOG_WARN(LOG_FRONT, conn->id, "client floods, closing", "unexplained_bytes=%llu",
             (unsigned long long)conn->intake.unexplained);
    metrics_add(METRIC_FLOODS_CLOSED, 1);
    conn->state = CONN_CLOSED;
    conn_forget(conn);
    ws_kill(conn->wsi);
}

int64_t conn_feed(struct conn *conn, int64_t now_us)
{
    struct session *session = conn->host->session;
    while (!session_over(session) && (feed_audio(conn, now_us) || feed_message(conn, now_us)))
        ;
    bool waiting = conn->audio.len > 1;
    session_waiting(session, waiting, now_us);
    if (session_over(session))
        buf_deinit(&conn->audio);
    int64_t due = waiting ? now_us + ROOM_RETRY_US : INT64_MAX;
    if (conn->leave_us == 0)
        return due;
    if (now_us >= conn->leave_us)
        conn_close(conn, 1001);
    else if (conn->leave_us < due)
        due = conn->leave_us;
    return due;
}

static void conn_run(struct conn *conn)
{
    if (conn->host != NULL && conn->state != CONN_CLOSED)
        host_run(conn->host);
    else
        conn_pace(conn);
}

/* --- messages of the front's mailbox --- */

/* Whoever is let in holds a place among the sessions of its address. */
static void conn_give_places(struct conn *conn, const struct host_start *start)
{
    peers_leave(conn->front->server->peers, start->place);
    peers_leave(conn->front->server->peers, start->subject_place);
}

/* Among the sessions of its address and of its token's subject; of this machine nobody is counted,
 * unless told. */
static bool conn_take_places(struct conn *conn, struct host_start *start)
{
    struct peers *peers = conn->front->server->peers;
    peers_hold counted = peers_gate_hold(conn->wsi);
    int reason = peers_enter(peers, counted, &start->place);
    if (reason == PEERS_OK && counted != 0 && start->subject[0] != '\0')
        reason = peers_enter_subject(peers, start->subject, &start->subject_place);
    if (reason == PEERS_OK)
        return true;
    conn_give_places(conn, start);
    peers_count(peers, reason);
    conn_refuse_for(conn, peers_text(reason), peers_retry_ms(reason));
    return false;
}

static void conn_start(struct conn *conn, struct client_message *message,
                       const struct token_claims *claims)
{
    struct server *server = conn->front->server;
    secret_free(conn->credential);
    conn->credential = NULL;
    /* Relaxed: a flag that is only ever set. */
    if (atomic_load_explicit(&server->stopping, memory_order_relaxed)) {
        conn_refuse(conn, "the server is stopping");
        return;
    }
    if (message->resume.wanted) {
        resume_begin(conn, &message->resume, claims);
        return;
    }
    struct host *host;
    struct host_start start = {.subject = claims->subject,
                               .message = message,
                               .wall_us = clock_wall_us(),
                               .owner_epoch = 1};
    if (!conn_take_places(conn, &start))
        return;
    int status = host_create(&host, conn->front, &start);
    if (status != STATUS_OK)
        conn_give_places(conn, &start);
    if (status == STATUS_LIMIT) {
        conn_refuse_sessions(conn);
        return;
    }
    if (status != STATUS_OK) {
        conn_error(conn, "internal", "out of memory");
        return;
    }
    LOG_INFO(LOG_SESSION, host->id, "session started", "name=%s source=%s targets=%u rate=%u",
             host->name, message->settings.source, message->settings.targets_len,
             message->settings.rate);
    session_allow(host->session, auth_until_us(claims));
    host_attach(host, &(struct host_socket){.conn = conn, .first = true});
}

/* A session begins or comes back when it is its turn; session.start waits here until then, and
 * nothing is read meanwhile. */
static void conn_ask(struct conn *conn)
{
    struct front *front = conn->front;
    struct conn_parsed *parsed = conn->pending;
    int64_t now_us = loop_now_us(front->loop);
    struct admission_answer answer = admission_ask(front->server->admission, &conn->number,
                                                   parsed->message->resume.wanted, now_us);
    if (answer.reason == ADMISSION_NONE && answer.at_us > now_us) {
        conn->state = CONN_STARTING;
        loop_timer_start(front->loop, &conn->timer, answer.at_us, on_timer);
        return;
    }
    conn->pending = NULL;
    loop_timer_start(front->loop, &conn->timer, now_us + START_WAIT_MS * MS, on_timer);
    if (answer.reason == ADMISSION_NONE)
        conn_start(conn, parsed->message, parsed->claims);
    else
        conn_refuse_for(conn, admission_text(answer.reason), answer.retry_after_ms);
    conn_parsed_free(parsed);
}

/* Messages before a session exists. */
static void conn_first(struct conn *conn, struct conn_parsed *parsed)
{
    struct client_message *message = parsed->message;
    conn->state = conn->parsing > 0 ? CONN_STARTING : CONN_OPEN;
    if (message->kind == CLIENT_BAD || message->kind == CLIENT_UNKNOWN) {
        conn_error(conn, message->code, message->problem);
        if (strcmp(message->code, "unauthorized") == 0)
            peers_failed(conn->front->server->peers, peers_gate_hold(conn->wsi),
                         loop_now_us(conn->front->loop));
        if (++conn->bad_in_row == BAD_MESSAGES_MAX)
            conn_error(conn, "start_required", "ten messages in a row made no sense");
    } else {
        conn_error(conn, "start_required", "the first message must be session.start");
    }
    if (conn->audio.len > 0 && conn->state == CONN_OPEN)
        conn_error(conn, "start_required", "audio came before session.start");
}

void conn_on_parsed(struct conn *conn, struct conn_parsed *parsed)
{
    conn->parsing--;
    if (conn->state == CONN_CLOSING || conn->state == CONN_CLOSED) {
        conn_parsed_free(parsed);
        return;
    }
    if (parsed->message == NULL) {
        conn_parsed_free(parsed);
        conn_abort(conn);
        return;
    }
    enum client_kind kind = parsed->message->kind;
    if (kind == CLIENT_BAD || kind == CLIENT_UNKNOWN)
        metrics_add(METRIC_BAD_MESSAGES, 1);
    if (conn->host != NULL) {
        *conn->parsed_tail = parsed;
        conn->parsed_tail = &parsed->next;
    } else if (kind == CLIENT_START && conn->pending == NULL) {
        conn->pending = parsed;
        conn_ask(conn);
    } else {
        conn_first(conn, parsed);
        conn_parsed_free(parsed);
    }
    conn_run(conn);
}

void conn_on_body(struct conn *conn, struct conn_body *body)
{
    conn->encoding--;
    if (body->out == NULL)
        conn_abort(conn);
    else
        conn_queue(conn, body->out);
    conn_body_free(body);
}

void conn_queue(struct conn *conn, struct out *out)
{
    bool later = conn->replaying && out->kind != EVENT_STARTED;
    if (conn->state == CONN_CLOSED || conn->ended)
        return;
    conn->ended = out->close_code != 0;
    if (out->has_lat)
        lat_mark(&out->lat, LAT_SERVER, clock_mono_us());
    if (conn->front->server->config->off & CONFIG_OFF_COALESCING)
        out->replace_key = 0;
    if (out_queue_add(later ? &conn->later : &conn->out, out)) {
        metrics_add(METRIC_PARTIALS_REPLACED, 1);
        if (conn->host != NULL)
            host_dropped(conn->host, out);
    }
    if (conn->out.bytes + conn->later.bytes > OUT_BYTES_MAX)
        conn_kill_slow(conn);
    else
        ws_send(conn->wsi);
}

void conn_queue_replay(struct conn *conn, struct out *out)
{
    if (conn->state == CONN_CLOSED)
        return;
    out_queue_add(&conn->out, out);
    ws_send(conn->wsi);
}

void conn_replayed(struct conn *conn, struct out *last)
{
    conn->replaying = false;
    out_queue_move(&conn->out, &conn->later);
    /* It ended while nobody was there. */
    if (last != NULL && !last->queued) {
        conn_last(conn);
        conn_queue(conn, last);
    }
    ws_send(conn->wsi);
}

/* The ones behind a message that was not stored yet have waited for it, too. */
void conn_stored(struct conn *conn, int64_t done_us)
{
    for (struct out *out = conn->out.head; out != NULL && out->ticket <= conn->host->stored;
         out = out->next)
        if (out->has_lat)
            lat_mark(&out->lat, LAT_STORE, done_us);
    ws_send(conn->wsi);
}

void conn_attach(struct conn *conn, struct host *host, bool replaying)
{
    loop_timer_stop(&conn->timer);
    conn->host = host;
    conn->state = CONN_LIVE;
    conn->replaying = replaying;
}

void conn_wait(struct conn *conn, int64_t until_us)
{
    loop_timer_start(conn->front->loop, &conn->timer, until_us, on_timer);
}

void conn_leave(struct conn *conn, int64_t at_us)
{
    conn->leave_us = at_us;
}

void conn_goaway(struct conn *conn, uint32_t within_ms)
{
    if (conn->host != NULL)
        host_goaway(conn->host, within_ms);
    else
        conn_close(conn, 1001);
    conn_run(conn);
}

/* --- to the socket --- */

void conn_abandon(struct conn *conn)
{
    conn->state = CONN_CLOSED;
    conn_forget(conn);
}

/* What has to be stored first holds back what was said after it. */
static bool is_ready(const struct conn *conn, const struct out *out)
{
    return out != NULL &&
           (out->ticket == 0 || (conn->host != NULL && out->ticket <= conn->host->stored));
}

bool conn_has_output(const struct conn *conn)
{
    return is_ready(conn, conn->out.head) || conn_may_close(conn);
}

bool conn_may_close(const struct conn *conn)
{
    return conn->state == CONN_CLOSING && conn->close_code != 0 && conn->out.head == NULL &&
           conn->later.head == NULL && conn->encoding == 0;
}

static void count_sent(const struct out *out, size_t bytes)
{
    metrics_add(METRIC_EVENTS, 1);
    metrics_add(METRIC_EVENT_BYTES, bytes);
    metrics_add(METRIC_SPLICED, out->spliced ? 1 : 0);
    if (out->has_lat && out->lat.start_us != 0)
        metrics_latency(out->kind == EVENT_TRANSCRIPT    ? LATENCY_TRANSCRIPT
                        : out->kind == EVENT_TRANSLATION ? LATENCY_TRANSLATION
                                                         : LATENCY_GRAMMAR,
                        &out->lat);
    if (!out->final)
        return;
    metrics_add(METRIC_FINALS_FAILED, out->failed ? 1 : 0);
    metrics_add(METRIC_FINAL_TRANSCRIPTS, out->kind == EVENT_TRANSCRIPT ? 1 : 0);
    metrics_add(METRIC_FINAL_TRANSLATIONS, out->kind == EVENT_TRANSLATION ? 1 : 0);
}

bool conn_next(struct conn *conn, char **data, size_t *len)
{
    struct out *out = conn->out.head;
    if (!is_ready(conn, out))
        return false;
    int64_t now_us = clock_mono_us();
    int64_t t_ms = conn->host != NULL ? session_t_ms(conn->host->session, now_us) : 0;
    lat_mark(&out->lat, LAT_SERVER, now_us);
    *data = codec_splice(out->body, out->seq, t_ms, out->has_lat ? &out->lat : NULL);
    *len = (size_t)(out->body - *data) + out->len;
    count_sent(out, *len);
    if (conn->host != NULL)
        host_sent(conn->host, out);
    if (out->kind == EVENT_STARTED)
        durations_add(&conn->front->starting, now_us - conn->start_us);
    return true;
}

void conn_sent(struct conn *conn)
{
    assert(conn->out.head != NULL);
    const struct out *out = conn->out.head;
    if (out->kind == EVENT_STARTED)
        conn->started = true;
    if (out->close_code != 0) {
        conn->close_code = out->close_code;
        conn->last_sent = true;
    }
    out_queue_pop(&conn->out);
}
