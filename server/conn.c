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
#include "server/directory.h"
#include "server/front.h"
#include "server/metrics.h"
#include "server/server.h"
#include "server/speech.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define MS 1000LL
/* Text messages of one connection at the workers; the next waits in the socket. */
#define CONN_PARSING_MAX 16
/* Kept free before a body: libwebsockets' own head (LWS_PRE is 16), then the splice. */
#define OUT_HEAD (32 + CODEC_HEAD_MAX)

static void conn_run(struct conn *conn);

/* --- events out: front → worker → front → socket --- */

struct encode_job {
    struct job job;
    struct server *server;
    uint64_t to; /* connection or session */
    struct event *event;
};

static void out_free(struct out *out)
{
    mem_free(out->block);
    mem_free(out);
}

static void body_free(struct msg *msg)
{
    struct conn_body *body = (struct conn_body *)msg;
    if (body->out != NULL)
        out_free(body->out);
    mem_free(body);
}

static void encode_free(struct msg *msg)
{
    struct encode_job *job = (struct encode_job *)msg;
    event_free(job->event);
    mem_free(job);
}

static struct out *out_create(const struct event *event, struct buf *bytes)
{
    struct out *out = mem_calloc(1, sizeof *out);
    if (out == NULL)
        return NULL;
    out->len = bytes->len - OUT_HEAD;
    out->block = buf_take(bytes, &(size_t){0});
    out->body = out->block + OUT_HEAD;
    out->seq = event->seq;
    out->has_lat = event->has_lat;
    out->lat = event->lat;
    out->replace_key = event->replace_key;
    out->close_code = event->close_code;
    out->kind = event->kind;
    out->final = event->final;
    out->failed = event->failed != NULL;
    out->spliced = event->spliced;
    return out;
}

static void run_encode(struct job *job)
{
    static const char space[OUT_HEAD];
    struct encode_job *encode = (struct encode_job *)job;
    struct buf bytes;
    buf_init(&bytes, OUT_HEAD + EVENT_BYTES_MAX);
    buf_append(&bytes, space, sizeof space);
    int status = codec_event_write(encode->event, &bytes);
    struct conn_body *body = mem_calloc(1, sizeof *body);
    struct out *out =
        status == STATUS_OK && body != NULL ? out_create(encode->event, &bytes) : NULL;
    if (out != NULL) {
        lat_mark(&out->lat, LAT_SERVER, clock_mono_us());
        body->msg = (struct msg){.kind = FRONT_BODY, .session = encode->to, .free_fn = body_free};
        body->out = out;
        server_post(encode->server, &body->msg);
    } else {
        LOG_ERROR(LOG_SESSION, encode->to, "event lost", "status=%s", status_name(status));
        mem_free(body);
    }
    buf_deinit(&bytes);
    encode_free(&job->msg);
}

/* A reader that fell behind by more than the bound will not catch up by waiting. */
static void conn_kill_slow(struct conn *conn)
{
    LOG_WARN(LOG_FRONT, conn->id, "client does not read, closing", "queued_bytes=%zu",
             conn->out_bytes);
    metrics_add(METRIC_SLOW_CLOSED, 1);
    conn->state = CONN_CLOSED;
    conn->close_code = 1008;
    ws_kill(conn);
}

static void conn_emit(struct conn *conn, uint64_t to, struct event *event)
{
    struct encode_job *job = event != NULL ? mem_calloc(1, sizeof *job) : NULL;
    if (job == NULL) {
        event_free(event);
        return;
    }
    job->job.msg.free_fn = encode_free;
    job->job.run = run_encode;
    job->server = conn->front->server;
    job->to = to;
    job->event = event;
    bool last = event->close_code != 0;
    if (outbox_submit(&conn->front->outbox, conn->id, &job->job) != STATUS_OK) {
        encode_free(&job->job.msg);
        conn_kill_slow(conn);
        return;
    }
    if (last && conn->state != CONN_CLOSED)
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
    return speech_open(conn->front->server, conn->session_id, call, config, len);
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
    on_emit,       on_stt_open,  on_stt_send, on_stt_finish,
    on_stt_cancel, on_translate, on_grammar,  on_cancel,
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
}

struct conn *conn_create(struct front *front, struct lws *wsi)
{
    struct conn *conn = mem_calloc(1, sizeof *conn);
    if (conn == NULL)
        return NULL;
    conn->front = front;
    conn->wsi = wsi;
    conn->out_tail = &conn->out_head;
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

static void parsed_free(struct msg *msg)
{
    struct conn_parsed *parsed = (struct conn_parsed *)msg;
    client_message_free(parsed->message);
    mem_free(parsed);
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
    for (struct out *out = conn->out_head, *next; out != NULL; out = next) {
        next = out->next;
        out_free(out);
    }
    for (struct conn_parsed *parsed = conn->parsed_head, *next; parsed != NULL; parsed = next) {
        next = parsed->next;
        parsed_free(&parsed->msg);
    }
    buf_deinit(&conn->text);
    buf_deinit(&conn->audio);
    mem_free(conn);
    front_conn_gone(front);
}

/* --- bytes in --- */

struct parse_job {
    struct job job;
    struct server *server;
    uint64_t conn;
    uint64_t samples;
    char *text;
    size_t len;
};

static void parse_free(struct msg *msg)
{
    struct parse_job *job = (struct parse_job *)msg;
    mem_free(job->text);
    mem_free(job);
}

static void run_parse(struct job *job)
{
    struct parse_job *parse = (struct parse_job *)job;
    struct conn_parsed *parsed = mem_calloc(1, sizeof *parsed);
    struct client_message *message =
        parsed != NULL ? client_message_parse(parse->text != NULL ? parse->text : "", parse->len)
                       : NULL;
    if (message != NULL) {
        parsed->msg =
            (struct msg){.kind = FRONT_PARSED, .session = parse->conn, .free_fn = parsed_free};
        parsed->message = message;
        parsed->samples = parse->samples;
        server_post(parse->server, &parsed->msg);
    } else {
        mem_free(parsed);
    }
    parse_free(&job->msg);
}

/* Audio that is still waiting counts as arrived: it came before the message. */
static uint64_t conn_samples(const struct conn *conn)
{
    uint64_t received = conn->session != NULL ? session_received(conn->session) : 0;
    return received + conn->audio.len / 2;
}

static void conn_parse(struct conn *conn)
{
    struct parse_job *job = mem_calloc(1, sizeof *job);
    if (job == NULL)
        return;
    job->job.msg.free_fn = parse_free;
    job->job.run = run_parse;
    job->server = conn->front->server;
    job->conn = conn->id;
    job->samples = conn_samples(conn);
    job->text = buf_take(&conn->text, &job->len);
    if (outbox_submit(&conn->front->outbox, conn->id, &job->job) != STATUS_OK) {
        parse_free(&job->job.msg);
        conn_kill_slow(conn);
        return;
    }
    metrics_add(METRIC_TEXT_MESSAGES, 1);
    conn->parsing++;
    if (conn->state == CONN_OPEN)
        conn->state = CONN_STARTING;
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
    parsed_free(&parsed->msg);
    return true;
}

/* Room opens by time (audio_speed_max) or by an event of the stream; the former needs a timer. */
#define ROOM_RETRY_US 20000

static void conn_pace(struct conn *conn)
{
    bool waiting = conn->audio.len > 1;
    bool starting = conn->state == CONN_STARTING;
    bool pause = waiting || starting || conn->parsing >= CONN_PARSING_MAX;
    if (pause != conn->rx_paused) {
        conn->rx_paused = pause;
        ws_pause_rx(conn, pause);
    }
}

static void conn_run(struct conn *conn)
{
    struct loop *loop = conn->front->loop;
    if (conn->state == CONN_CLOSED)
        return;
    if (conn->session == NULL) {
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
    if (session_over(conn->session))
        due = INT64_MAX;
    if (due == INT64_MAX)
        loop_timer_stop(&conn->timer);
    else
        loop_timer_start(loop, &conn->timer, due, on_timer);
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
                                  .wall_us = clock_wall_us()};
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
    enum client_kind kind = parsed->message->kind;
    conn->parsing--;
    if (kind == CLIENT_BAD || kind == CLIENT_UNKNOWN)
        metrics_add(METRIC_BAD_MESSAGES, 1);
    if (conn->state == CONN_CLOSING || conn->state == CONN_CLOSED) {
        parsed_free(&parsed->msg);
        return;
    }
    if (kind == CLIENT_NOT_UTF8) {
        conn->close_code = 1007;
        conn->state = CONN_CLOSING;
        parsed_free(&parsed->msg);
        ws_want_write(conn);
        return;
    }
    if (conn->session != NULL) {
        parsed->next = NULL;
        *conn->parsed_tail = parsed;
        conn->parsed_tail = &parsed->next;
    } else {
        conn_first(conn, parsed);
        parsed_free(&parsed->msg);
    }
    conn_run(conn);
}

/* A partial that a newer one has overtaken in the queue is not worth the socket's time. */
static bool replace_queued(struct conn *conn, struct out *out)
{
    for (struct out **link = &conn->out_head; out->replace_key != 0 && *link != NULL;
         link = &(*link)->next) {
        struct out *old = *link;
        if (old->replace_key != out->replace_key)
            continue;
        out->next = old->next;
        *link = out;
        if (conn->out_tail == &old->next)
            conn->out_tail = &out->next;
        conn->out_bytes += out->len;
        conn->out_bytes -= old->len;
        out_free(old);
        metrics_add(METRIC_PARTIALS_REPLACED, 1);
        return true;
    }
    return false;
}

void conn_on_body(struct conn *conn, struct conn_body *body)
{
    struct out *out = body->out;
    body->out = NULL;
    body_free(&body->msg);
    if (conn->state == CONN_CLOSED) {
        out_free(out);
        return;
    }
    if (!replace_queued(conn, out)) {
        *conn->out_tail = out;
        conn->out_tail = &out->next;
        conn->out_bytes += out->len;
    }
    if (conn->out_bytes > OUT_BYTES_MAX)
        conn_kill_slow(conn);
    else
        ws_want_write(conn);
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
        conn_run(conn);
    } else if (conn->state == CONN_OPEN || conn->state == CONN_STARTING) {
        conn->close_code = 1001;
        conn->state = CONN_CLOSING;
        ws_want_write(conn);
    }
}

/* --- to the socket --- */

bool conn_has_output(const struct conn *conn)
{
    return conn->out_head != NULL || (conn->state == CONN_CLOSING && conn->close_code != 0);
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
    struct out *out = conn->out_head;
    if (out == NULL)
        return false;
    int64_t now_us = clock_mono_us();
    int64_t t_ms = conn->session != NULL ? session_t_ms(conn->session, now_us) : 0;
    lat_mark(&out->lat, LAT_SERVER, now_us);
    *data = codec_splice(out->body, out->seq, t_ms, out->has_lat ? &out->lat : NULL);
    *len = (size_t)(out->body - *data) + out->len;
    count_sent(out, *len);
    return true;
}

void conn_sent(struct conn *conn)
{
    struct out *out = conn->out_head;
    assert(out != NULL);
    conn->out_head = out->next;
    if (conn->out_head == NULL)
        conn->out_tail = &conn->out_head;
    conn->out_bytes -= out->len;
    if (out->close_code != 0)
        conn->close_code = out->close_code;
    out_free(out);
}
