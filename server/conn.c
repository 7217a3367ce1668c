#include "server/conn.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/worker.h"
#include "server/ask.h"
#include "server/codec.h"
#include "server/config.h"
#include "server/conn_job.h"
#include "server/directory.h"
#include "server/front.h"
#include "server/metrics.h"
#include "server/server.h"
#include "server/speech.h"
#include "stt/client.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define MS 1000LL
/* Text messages of one connection at the workers; the next waits in the socket. */
#define CONN_PARSING_MAX 16
static void conn_run(struct conn *conn);

/* --- events out: front → worker → front → socket --- */

/* A reader that fell behind by more than the bound will not catch up by waiting. */
static void conn_kill_slow(struct conn *conn)
{
    LOG_WARN(LOG_FRONT, conn->id, "client does not read, closing", "queued_bytes=%zu",
             conn->out.bytes);
    metrics_add(METRIC_SLOW_CLOSED, 1);
    conn->state = CONN_CLOSED;
    out_queue_clear(&conn->out);
    ws_kill(conn);
}

/* Something was lost that the client counts on: it is told by the close. */
static void conn_abort(struct conn *conn, const char *what, int status)
{
    LOG_ERROR(LOG_FRONT, conn->id, "closing", "lost=%s status=%s", what, status_name(status));
    conn->close_code = 1011;
    conn->state = CONN_CLOSING;
    ws_want_write(conn);
}

/* Nothing follows the message that ends a connection. */
static void conn_emit(struct conn *conn, uint64_t to, struct event *event)
{
    if (conn->state == CONN_CLOSING || conn->state == CONN_CLOSED) {
        event_free(event);
        return;
    }
    bool last = event != NULL && event->close_code != 0;
    struct conn_job_to where = {
        .server = conn->front->server, .outbox = &conn->front->outbox, .key = conn->id, .id = to};
    int status = conn_job_encode(&where, event);
    if (status == STATUS_NOMEM) {
        conn_abort(conn, "event", status);
        return;
    }
    if (status != STATUS_OK || ++conn->encoding > ENCODING_MAX) {
        conn_kill_slow(conn);
        return;
    }
    if (last)
        conn->state = CONN_CLOSING;
}

static void conn_error(struct conn *conn, const char *code, const char *message)
{
    conn_emit(conn, conn->id, event_error(code, message, 0));
}

/* Refused for capacity: clients that come back all at once would be refused all at once. */
static uint32_t retry_after(void)
{
    uint16_t jitter;
    rng_secure(&jitter, sizeof jitter);
    return 1000 + jitter % 4000;
}

/* --- session ops --- */

static void on_emit(void *ctx, struct event *event)
{
    struct conn *conn = ctx;
    conn_emit(conn, conn->session_id, event);
}

static int on_stt_open(void *ctx, uint32_t call, char *config, size_t len)
{
    struct conn *conn = ctx;
    const struct stt_request request = {
        .provider = session_provider(conn->session), .bytes = config, .len = len};
    return speech_open(conn->front->server, conn->session_id, call, &request);
}

static unsigned on_stt_healthy(void *ctx)
{
    struct conn *conn = ctx;
    return speech_healthy(conn->front->server);
}

static int on_stt_send(void *ctx, uint32_t call, struct stt_block *block)
{
    struct conn *conn = ctx;
    return speech_send(conn->front->server, conn->session_id, call, block);
}

static int on_stt_finish(void *ctx, uint32_t call)
{
    struct conn *conn = ctx;
    return speech_finish(conn->front->server, conn->session_id, call);
}

static int on_stt_cancel(void *ctx, uint32_t call)
{
    struct conn *conn = ctx;
    return speech_cancel(conn->front->server, conn->session_id, call);
}

static struct ask_from ask_from_of(struct conn *conn)
{
    return (struct ask_from){.server = conn->front->server,
                             .session = conn->session_id,
                             .key = conn->id,
                             .serial = conn->serial};
}

static int on_translate(void *ctx, uint32_t lane, const struct translate_ask *ask)
{
    struct conn *conn = ctx;
    struct ask_from from = ask_from_of(conn);
    return ask_translate(&conn->front->outbox, &from, lane, ask);
}

static int on_grammar(void *ctx, uint32_t lane, const struct grammar_ask *ask)
{
    struct conn *conn = ctx;
    struct ask_from from = ask_from_of(conn);
    return ask_grammar(&conn->front->outbox, &from, lane, ask);
}

static void on_cancel(void *ctx, uint32_t lane, uint32_t ask)
{
    struct conn *conn = ctx;
    struct ask_from from = ask_from_of(conn);
    ask_cancel(&from, lane, ask);
}

static const struct session_ops session_ops = {
    on_emit,      on_stt_open, on_stt_send, on_stt_finish,  on_stt_cancel,
    on_translate, on_grammar,  on_cancel,   on_stt_healthy,
};

/* --- life --- */

static void on_timer(struct loop_timer *timer)
{
    struct conn *conn = (struct conn *)((char *)timer - offsetof(struct conn, timer));
    if (conn->session != NULL) {
        conn_run(conn);
        return;
    }
    if (conn->state == CONN_OPEN || conn->state == CONN_STARTING)
        conn_error(conn, "start_required", "session.start did not come within 5 s");
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
    return conn;
}

static void conn_drop_session(struct conn *conn)
{
    if (conn->session != NULL)
        session_destroy(conn->session);
    conn->session = NULL;
    if (conn->session_id == 0)
        return;
    front_unbind(conn->front, conn->session_id);
    directory_remove(conn->front->server->directory, conn->session_id);
    conn->session_id = 0;
}

void conn_destroy(struct conn *conn)
{
    struct front *front = conn->front;
    conn->state = CONN_CLOSED;
    loop_timer_stop(&conn->timer);
    conn_drop_session(conn);
    front_unbind(front, conn->id);
    directory_remove(front->server->directory, conn->id);
    out_queue_clear(&conn->out);
    for (struct conn_parsed *parsed = conn->parsed_head, *next; parsed != NULL; parsed = next) {
        next = parsed->next;
        conn_parsed_free(parsed);
    }
    buf_deinit(&conn->text);
    buf_deinit(&conn->audio);
    mem_free(conn);
    front_conn_gone(front);
}

/* --- bytes in --- */

/* Audio that is still waiting counts as arrived: it came before the message. */
static uint64_t conn_samples(const struct conn *conn)
{
    uint64_t received = conn->session != NULL ? session_received(conn->session) : 0;
    return received + conn->audio.len / 2;
}

static void conn_parse(struct conn *conn)
{
    struct conn_job_to to = {.server = conn->front->server,
                             .outbox = &conn->front->outbox,
                             .key = conn->id,
                             .id = conn->id};
    int status = conn_job_parse(&to, &conn->text, conn_samples(conn));
    if (status != STATUS_OK) {
        conn_abort(conn, "message", status);
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
    if (conn->session != NULL && conn->audio.len == 0 && conn->parsed_head == NULL) {
        size_t room = session_room(conn->session, loop_now_us(conn->front->loop));
        used = len < room ? len : room;
        session_audio(conn->session, bytes, used, loop_now_us(conn->front->loop));
    }
    if (used < len && buf_append(&conn->audio, (const char *)bytes + used, len - used) != STATUS_OK)
        /* Reading stopped long before; a peer's bytes cannot come here without it. */
        conn_error(conn, "internal", "audio was not taken in time");
}

/* False: the message is too large or in too many pieces, and the connection is closing. */
static bool conn_count(struct conn *conn, const struct conn_piece *piece)
{
    if (piece->first) {
        conn->message_bytes = 0;
        conn->fragments = 0;
        conn->in_text = piece->text;
        buf_reset(&conn->text);
    }
    conn->message_bytes += piece->len;
    conn->fragments += piece->left == 0 ? 1 : 0;
    if (conn->message_bytes + piece->left <= FRAME_BYTES_MAX &&
        conn->fragments <= FRAME_FRAGMENTS_MAX)
        return true;
    char text[96];
    snprintf(text, sizeof text, "a message holds at most %d bytes in at most %d fragments",
             FRAME_BYTES_MAX, FRAME_FRAGMENTS_MAX);
    conn_error(conn, "frame_too_big", text);
    return false;
}

void conn_receive(struct conn *conn, const struct conn_piece *piece)
{
    if (conn->state == CONN_CLOSING || conn->state == CONN_CLOSED || !conn_count(conn, piece))
        return;
    if (conn->in_text) {
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
    size_t room = session_room(conn->session, now_us);
    size_t len = conn->audio.len < room ? conn->audio.len : room;
    if (len == 0)
        return false;
    session_audio(conn->session, conn->audio.data, len, now_us);
    buf_consume(&conn->audio, len);
    if (conn->audio.len == 0)
        buf_deinit(&conn->audio); /* a backlog is rare, its memory is not kept for the next */
    return true;
}

static bool feed_message(struct conn *conn, int64_t now_us)
{
    struct conn_parsed *parsed = conn->parsed_head;
    if (parsed == NULL ||
        (conn->audio.len > 1 && session_received(conn->session) < parsed->samples))
        return false;
    conn->parsed_head = parsed->next;
    if (conn->parsed_head == NULL)
        conn->parsed_tail = &conn->parsed_head;
    session_message(conn->session, parsed->message, parsed->samples, now_us);
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
    return conn->audio.len > 1 || conn->state == CONN_STARTING || conn->parsing >= CONN_PARSING_MAX;
}

static void conn_pace(struct conn *conn)
{
    bool pause = must_pause(conn);
    int64_t now_us = loop_now_us(conn->front->loop);
    if (pause && now_us >= conn->alive_due_us) {
        ws_alive(conn);
        conn->alive_due_us = now_us + ALIVE_US;
    }
    if (pause != conn->rx_paused) {
        conn->rx_paused = pause;
        ws_pause_rx(conn, pause);
    }
}

/* Speech puts the next due time off with every frame: the timer is moved only when it would fire
 * before long, or too late. */
#define WAKE_NEAR_US 250000

static void conn_wake(struct conn *conn, int64_t due_us, int64_t now_us)
{
    struct loop_timer *timer = &conn->timer;
    if (due_us == INT64_MAX) {
        loop_timer_stop(timer);
        return;
    }
    bool early = loop_timer_armed(timer) && timer->due_us <= due_us;
    if (!early || (timer->due_us != due_us && timer->due_us <= now_us + WAKE_NEAR_US))
        loop_timer_start(conn->front->loop, timer, due_us, on_timer);
}

static void conn_run(struct conn *conn)
{
    struct loop *loop = conn->front->loop;
    if (conn->session == NULL || conn->state == CONN_CLOSED) {
        conn_pace(conn);
        return;
    }
    int64_t now_us = loop_now_us(loop);
    while (!session_over(conn->session) && (feed_audio(conn, now_us) || feed_message(conn, now_us)))
        ;
    bool waiting = conn->audio.len > 1;
    session_waiting(conn->session, waiting, now_us);
    int64_t due = session_tick(conn->session, now_us);
    if (waiting && now_us + ROOM_RETRY_US < due)
        due = now_us + ROOM_RETRY_US;
    if (session_over(conn->session)) {
        due = INT64_MAX;
        buf_deinit(&conn->audio);
    }
    conn_wake(conn, due, now_us);
    conn_pace(conn);
}

/* --- messages of the front's mailbox --- */

static void session_name(char out[33])
{
    uint8_t bytes[16];
    rng_secure(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void refuse_capacity(struct conn *conn, const char *why)
{
    metrics_add(METRIC_SESSIONS_REFUSED, 1);
    conn_emit(conn, conn->id, event_error("over_capacity", why, retry_after()));
}

static void conn_start(struct conn *conn, struct client_message *message)
{
    struct server *server = conn->front->server;
    if (message->settings.resume) {
        conn_error(conn, "resume_refused",
                   "this server does not hold sessions yet: start a new one");
        return;
    }
    /* Relaxed: a flag that is only ever set. */
    if (atomic_load_explicit(&server->stopping, memory_order_relaxed)) {
        refuse_capacity(conn, "the server is stopping");
        return;
    }
    if (directory_add(server->directory, DIRECTORY_SESSION, conn->front->index,
                      &conn->session_id) != STATUS_OK) {
        refuse_capacity(conn, "the server holds as many sessions as it may");
        return;
    }
    front_bind(conn->front, conn->session_id, conn);
    char name[33];
    session_name(name);
    struct session_start start = {.id = conn->session_id,
                                  .name = name,
                                  .message = message,
                                  .seed = rng_seed(),
                                  .wall_us = clock_wall_us(),
                                  .handover = &conn->front->handover};
    conn->serial = atomic_fetch_add_explicit(&server->serial, 1, memory_order_relaxed);
    conn->state = CONN_LIVE;
    if (session_create(&conn->session, &start, &server->session_config, &session_ops, conn,
                       loop_now_us(conn->front->loop)) != STATUS_OK) {
        conn->session = NULL;
        conn_drop_session(conn);
        conn_error(conn, "internal", "out of memory");
        return;
    }
    metrics_add(METRIC_SESSIONS, 1);
    LOG_INFO(LOG_SESSION, conn->session_id, "session started",
             "name=%s source=%s targets=%u rate=%u", name, message->settings.source,
             message->settings.targets_len, message->settings.rate);
}

/* Messages before a session exists. */
static void conn_first(struct conn *conn, struct conn_parsed *parsed)
{
    struct client_message *message = parsed->message;
    if (message->kind == CLIENT_START) {
        conn_start(conn, message);
        return;
    }
    conn->state = conn->parsing > 0 ? CONN_STARTING : CONN_OPEN;
    if (message->kind == CLIENT_BAD || message->kind == CLIENT_UNKNOWN) {
        conn_error(conn, message->code, message->problem);
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
        conn_abort(conn, "message", STATUS_NOMEM);
        return;
    }
    enum client_kind kind = parsed->message->kind;
    if (kind == CLIENT_BAD || kind == CLIENT_UNKNOWN)
        metrics_add(METRIC_BAD_MESSAGES, 1);
    if (kind == CLIENT_NOT_UTF8) {
        conn->close_code = 1007;
        conn->state = CONN_CLOSING;
        conn_parsed_free(parsed);
        ws_want_write(conn);
    } else if (conn->session != NULL) {
        *conn->parsed_tail = parsed;
        conn->parsed_tail = &parsed->next;
    } else {
        conn_first(conn, parsed);
        conn_parsed_free(parsed);
    }
    conn_run(conn);
}

void conn_on_body(struct conn *conn, struct conn_body *body)
{
    struct out *out = body->out;
    conn->encoding--;
    if (conn->state == CONN_CLOSED) {
        conn_body_free(body);
        return;
    }
    if (out == NULL) {
        conn_abort(conn, "event", body->status);
        conn_body_free(body);
        conn_run(conn);
        return;
    }
    if (out->has_lat)
        lat_mark(&out->lat, LAT_SERVER, clock_mono_us());
    if (conn->front->server->config->off & CONFIG_OFF_COALESCING)
        out->replace_key = 0;
    if (out_queue_add(&conn->out, out))
        metrics_add(METRIC_PARTIALS_REPLACED, 1);
    conn_body_free(body);
    if (conn->out.bytes > OUT_BYTES_MAX)
        conn_kill_slow(conn);
    else
        ws_send(conn);
}

void conn_on_stt(struct conn *conn, struct stt_event *event)
{
    if (conn->session != NULL)
        session_stt(conn->session, event, loop_now_us(conn->front->loop));
    speech_event_free(event);
    conn_run(conn);
}

void conn_on_answer(struct conn *conn, const struct session_answer *answer)
{
    if (conn->session != NULL)
        session_answer(conn->session, answer, loop_now_us(conn->front->loop));
    conn_run(conn);
}

void conn_goaway(struct conn *conn, uint32_t within_ms)
{
    if (conn->session != NULL) {
        session_goaway(conn->session, within_ms, loop_now_us(conn->front->loop));
    } else if (conn->state == CONN_OPEN || conn->state == CONN_STARTING) {
        conn->close_code = 1001;
        conn->state = CONN_CLOSING;
        ws_want_write(conn);
    }
    conn_run(conn);
}

/* --- to the socket --- */

void conn_abandon(struct conn *conn)
{
    conn->state = CONN_CLOSED;
    out_queue_clear(&conn->out);
}

bool conn_has_output(const struct conn *conn)
{
    return conn->out.head != NULL || conn_may_close(conn);
}

bool conn_may_close(const struct conn *conn)
{
    return conn->state == CONN_CLOSING && conn->close_code != 0 && conn->out.head == NULL &&
           conn->encoding == 0;
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
    if (out == NULL)
        return false;
    int64_t now_us = clock_mono_us();
    int64_t t_ms = conn->session != NULL ? session_t_ms(conn->session, now_us) : 0;
    lat_mark(&out->lat, LAT_SERVER, now_us);
    *data = codec_splice(out->body, out->seq, t_ms, out->has_lat ? &out->lat : NULL);
    *len = (size_t)(out->body - *data) + out->len;
    count_sent(out, *len);
    if (out->kind == EVENT_STARTED)
        durations_add(&conn->front->starting, now_us - conn->start_us);
    return true;
}

void conn_sent(struct conn *conn)
{
    assert(conn->out.head != NULL);
    if (conn->out.head->close_code != 0)
        conn->close_code = conn->out.head->close_code;
    out_queue_pop(&conn->out);
}
