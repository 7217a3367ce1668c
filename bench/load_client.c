#include "bench/load_client.h"

#include "base/mem.h"
#include "base/status.h"
#include "bench/judge.h"
#include "bench/load_audio.h"
#include "bench/load_cut.h"
#include "bench/load_send.h"
#include "bench/load_socket.h"
#include "bench/load_start.h"
#include "bench/load_teacher.h"
#include "bench/load_tls.h"
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CATCH_UP 2 /* frames a frame's time, sotto.v1 §4.8 */

/* A session opened again is a new one: the simulator has heard the old one's audio. */
static uint32_t session_number(const struct load_field *field, const struct load_client *client)
{
    const struct load_config *config = field->config;
    return client->index + (uint32_t)(client->life - 1) * (config->sessions + config->silent);
}

void load_client_schedule(struct load_field *field, const struct load_client *client,
                          enum load_what what, int64_t at_us)
{
    load_schedule_push(&field->schedule, (struct load_due){.at_us = at_us,
                                                           .client = client->index,
                                                           .what = (uint16_t)what,
                                                           .life = client->life});
}

static bool is_over(const struct load_client *client)
{
    return client->state == LOAD_IDLE || client->state == LOAD_CLOSING;
}

/* -- closing: operations are cancelled, joined, then the socket is closed -- */

static void open_socket(struct load_field *field, struct load_client *client);

static void count_open(struct load_field *field, const struct load_client *client, int by)
{
    field->open += (uint32_t)by;
    if (client->role == LOAD_TEACHER)
        field->watching += (uint32_t)by;
}

static void join(struct load_field *field, struct load_client *client)
{
    assert(client->state == LOAD_CLOSING);
    if (client->in_flight > 0)
        return;
    load_frame_cut(&field->pool, &client->out, 0);
    load_ws_reader_deinit(&client->reader);
    load_tls_close(client->tls);
    client->tls = NULL;
    load_socket_close(field, client);
    client->state = LOAD_IDLE;
    if (client->resuming) {
        load_client_schedule(field, client, LOAD_DUE_OPEN, client->open_us);
        return;
    }
    count_open(field, client, -1);
    if (client->again)
        open_socket(field, client);
}

/* Gives the socket up for another one at `open_us`; the session goes on. */
static void suspend(struct load_field *field, struct load_client *client, int64_t open_us)
{
    assert(!is_over(client));
    client->state = LOAD_CLOSING;
    client->resuming = true;
    client->open_us = open_us;
    if (client->judged != NULL && client->begun)
        judge_session_lost(client->judged, field->now_us);
    if (client->in_flight > 0) {
        client->in_flight++;
        load_ring_cancel(&field->ring, client->index, client->fd);
    }
    join(field, client);
}

/* The socket is lost, and another one is worth a try. */
static bool goes_on(struct load_field *field, struct load_client *client)
{
    if (client->role == LOAD_TEACHER) {
        bool returns = load_teacher_lost(field, client);
        if (returns)
            suspend(field, client, field->now_us + LOAD_TEACHER_AGAIN_US);
        return returns;
    }
    if (!field->config->resume || client->ended || client->role == LOAD_VANISHING ||
        (client->begun && client->resume.token[0] == '\0') || !load_resume_code(client->close_code))
        return false;
    int64_t wait_us = load_resume_wait_us(&client->resume, field->now_us, &client->jitter);
    if (wait_us < 0)
        return false;
    suspend(field, client, field->now_us + wait_us);
    return true;
}

/* `expected`: this end of the session is not the server's fault. */
static void terminate(struct load_field *field, struct load_client *client, bool expected)
{
    assert(!is_over(client));
    client->state = LOAD_CLOSING;
    if (client->judged != NULL)
        judge_session_closed(client->judged, expected);
    client->judged = NULL;
    if (client->teacher != NULL)
        judge_watcher_closed(client->teacher->judged, expected, field->now_us);
    if (client->in_flight > 0) {
        client->in_flight++;
        load_ring_cancel(&field->ring, client->index, client->fd);
    }
    join(field, client);
}

/* The socket cannot be used, or the peer makes no sense. */
static void fail(struct load_field *field, struct load_client *client, int error)
{
    if (goes_on(field, client))
        return;
    if (client->state == LOAD_CONNECTING || client->state == LOAD_UPGRADING) {
        field->sum->sockets_failed++;
        field->last_error = error;
        field->last_status = client->reader.status;
    }
    terminate(field, client, client->ended);
}

static void cut(struct load_field *field, struct load_client *client, bool again)
{
    if (is_over(client))
        return;
    if (client->judged != NULL)
        judge_session_excuse(client->judged);
    client->reset = true;
    client->again = again;
    terminate(field, client, true);
}

/* In a storm of returns: the session goes on, or where that is not wanted a new one begins. */
static void return_again(struct load_field *field, struct load_client *client)
{
    if (!field->config->resume || client->role == LOAD_TEACHER) {
        cut(field, client, true);
    } else if (!is_over(client)) {
        client->reset = true;
        fail(field, client, ECONNRESET);
    }
}

/* The socket breaks at this byte, as sockets do: with a reset, in order, or without a word. */
static void snip(struct load_field *field, struct load_client *client)
{
    field->sum->sockets_cut++;
    uint64_t way = rng_below(&client->jitter, 3);
    client->reset = way == 0;
    client->abandon = way == 1;
    fail(field, client, ECONNRESET);
}

/* -- sending -- */

static void send_message(struct load_field *field, struct load_client *client, enum load_ws_op op,
                         const void *payload, size_t len)
{
    if (load_send_message(field, client, op, payload, len) != STATUS_OK)
        fail(field, client, ENOMEM);
}

/* session.end, behind all audio that was due. */
static void end_when_sent(struct load_field *field, struct load_client *client)
{
    static const char end[] = "{\"type\":\"session.end\"}";
    if (!client->end_due || client->state != LOAD_LIVE || client->leaving ||
        (client->role != LOAD_SILENT && load_audio_owed(client) > 0))
        return;
    client->state = LOAD_ENDING;
    client->end_sent = true;
    send_message(field, client, LOAD_WS_TEXT, end, sizeof end - 1);
}

static void schedule_frame(struct load_field *field, struct load_client *client)
{
    load_client_schedule(field, client, LOAD_DUE_FRAME, load_audio_next_us(field, client));
    client->frame_due = true;
}

static void frame_due(struct load_field *field, struct load_client *client, int64_t due_us)
{
    const struct load_config *config = field->config;
    client->frame_due = false;
    bool said_all = config->audio_s > 0 &&
                    client->due_frames >= config->audio_s * 1000 / config->voice.frame_ms;
    if (!client->end_due && !said_all)
        load_audio_judge(client, client->due_frames++, due_us);
    client->end_due = client->end_due || said_all;
    if (client->state != LOAD_LIVE) {
        /* Time goes on without a socket. */
    } else if (client->sending) {
        field->sum->frames_blocked += field->in_window;
    } else if (field->dues_len < LOAD_TURN_FRAMES && !client->catching_up) {
        field->dues[field->dues_len++] = due_us;
    }
    client->catching_up = client->catching_up && load_audio_owed(client) > CATCH_UP;
    load_audio_build(field, client, client->catching_up ? CATCH_UP : UINT32_MAX);
    if (client->state == LOAD_LIVE)
        load_send_next(field, client);
    end_when_sent(field, client);
    /* A session that is to go on speaks on, whatever its socket does. */
    bool speaks = client->state == LOAD_LIVE || (config->resume && !client->end_due);
    if (speaks && client->judged != NULL)
        schedule_frame(field, client);
}

static void on_sent(struct load_field *field, struct load_client *client, int result)
{
    client->sending = false;
    if (result <= 0) {
        fail(field, client, -result);
        return;
    }
    load_send_done(field, client, (size_t)result);
    if (load_cut_sent(client, (size_t)result)) {
        snip(field, client);
        return;
    }
    if (client->leaving && client->out.len == 0) {
        if (!goes_on(field, client))
            terminate(field, client, client->ended);
        return;
    }
    if (!client->catching_up)
        load_audio_build(field, client, UINT32_MAX);
    load_send_next(field, client);
    end_when_sent(field, client);
}

/* -- the session -- */

static bool open_judged(struct load_field *field, struct load_client *client)
{
    if (client->judged != NULL)
        return true;
    client->judged = judge_session_open(field->judge, session_number(field, client));
    if (client->judged == NULL)
        return false;
    if (client->role == LOAD_SLOW || client->role == LOAD_VANISHING)
        judge_session_excuse(client->judged);
    judge_session_asked(client->judged, field->now_us);
    return true;
}

static void start_session(struct load_field *field, struct load_client *client)
{
    if (client->teacher != NULL) {
        client->state = LOAD_LIVE;
        if (load_teacher_start(field, client) != STATUS_OK)
            fail(field, client, ENOMEM);
        return;
    }
    client->state = LOAD_STARTING;
    if (!open_judged(field, client)) {
        fail(field, client, ENOMEM);
        return;
    }
    char message[LOAD_START_BYTES];
    size_t len = load_start_message(field, client, session_number(field, client), message);
    send_message(field, client, LOAD_WS_TEXT, message, len);
}

/* The session goes on: audio from the sample that the server names, at the pace it allows. */
static void on_resumed(struct load_field *field, struct load_client *client)
{
    load_audio_seek(field, client, client->resume.position);
    client->catching_up = load_audio_owed(client) > CATCH_UP;
    end_when_sent(field, client);
    if (!client->frame_due && client->state == LOAD_LIVE)
        schedule_frame(field, client);
}

static void on_started(struct load_field *field, struct load_client *client,
                       const struct load_ws_message *message)
{
    if (client->state != LOAD_STARTING)
        return;
    client->state = LOAD_LIVE;
    load_resume_started(&client->resume, message->data, message->len);
    bool goes_on = client->begun;
    client->begun = true;
    field->sum->started += !goes_on;
    if (client->role == LOAD_SILENT) {
        end_when_sent(field, client);
        return;
    }
    if (goes_on) {
        on_resumed(field, client);
        return;
    }
    load_voice_init(&client->voice, load_audio_voice(field, client), session_number(field, client));
    int64_t pace = (int64_t)load_audio_voice(field, client)->frame_ms * 1000;
    client->first_due_us = field->now_us + rng_range(&client->jitter, 0, pace - 1);
    client->last_due_us = client->first_due_us;
    schedule_frame(field, client);
}

static void end_session(struct load_field *field, struct load_client *client)
{
    if (client->role == LOAD_TEACHER)
        return;
    client->end_due = true;
    if (client->state == LOAD_LIVE)
        end_when_sent(field, client);
    else if (!is_over(client) && client->state != LOAD_ENDING && !client->begun)
        terminate(field, client, false);
}

/* The server's close frame: what it will not read is dropped, and the close answered. */
static void on_close_frame(struct load_field *field, struct load_client *client,
                           const struct load_ws_message *message)
{
    load_frame_cut(&field->pool, &client->out, client->sending ? 1 : 0);
    client->leaving = true;
    client->close_code = (uint16_t)message->close_code;
    if (client->state == LOAD_LIVE)
        client->state = LOAD_ENDING;
    send_message(field, client, LOAD_WS_CLOSE, message->data, message->len < 2 ? 0 : 2);
}

/* The server goes away: on to the next one, somewhere in the time it leaves. */
static void on_goaway(struct load_field *field, struct load_client *client,
                      const struct load_ws_message *message)
{
    if (!field->config->resume || client->leave_due)
        return;
    client->leave_due = true;
    load_client_schedule(field, client, LOAD_DUE_LEAVE,
                         field->now_us +
                             load_resume_leave_us(message->data, message->len, &client->jitter));
}

static void on_heard(struct load_field *field, struct load_client *client, enum judge_heard heard,
                     const struct load_ws_message *message)
{
    switch (heard) {
    case JUDGE_HEARD_STARTED: on_started(field, client, message); break;
    case JUDGE_HEARD_ENDED: client->ended = client->end_sent; break;
    case JUDGE_HEARD_FATAL:
        load_resume_refused(&client->resume, message->data, message->len);
        client->ended = client->end_sent && client->resume.refused;
        field->sum->ends_unheard += client->ended;
        break;
    case JUDGE_HEARD_GOAWAY: on_goaway(field, client, message); break;
    case JUDGE_OTHER: client->resume.attempts = 0; break;
    }
}

static void on_message(struct load_field *field, struct load_client *client,
                       const struct load_ws_message *message)
{
    if (message->op == LOAD_WS_PING) {
        send_message(field, client, LOAD_WS_PONG, message->data, message->len);
    } else if (message->op == LOAD_WS_CLOSE && !client->leaving) {
        on_close_frame(field, client, message);
    } else if (message->op == LOAD_WS_TEXT && client->teacher != NULL) {
        if (load_teacher_heard(field, client, message->data, message->len) != STATUS_OK)
            fail(field, client, ENOMEM);
    } else if (message->op == LOAD_WS_TEXT && client->judged != NULL) {
        enum judge_heard heard =
            judge_session_heard(client->judged, message->data, message->len, field->now_us);
        on_heard(field, client, heard, message);
    }
}

/* -- receiving -- */

static void receive(struct load_field *field, struct load_client *client)
{
    assert(!client->receiving);
    client->receiving = true;
    client->in_flight++;
    if (client->teacher != NULL)
        load_teacher_receive(field, client);
    else
        load_ring_recv(&field->ring, client->index, client->fd,
                       client->role == LOAD_SLOW ? LOAD_SLOW_BYTES : 0);
}

static void read_messages(struct load_field *field, struct load_client *client)
{
    struct load_ws_message message;
    int status = 0;
    while (!is_over(client) && (status = load_ws_reader_next(&client->reader, &message)) == 1)
        on_message(field, client, &message);
    if (is_over(client))
        return;
    if (status < 0)
        fail(field, client, EPROTO);
    else if (client->reader.upgraded && client->state == LOAD_UPGRADING)
        start_session(field, client);
    else if (client->role == LOAD_SILENT)
        load_ws_reader_trim(&client->reader);
}

static void on_received(struct load_field *field, struct load_client *client,
                        const struct load_done *done)
{
    if (done->result == 0 || (done->result < 0 && done->result != -ENOBUFS)) {
        fail(field, client, done->result == 0 ? ECONNRESET : -done->result);
        return;
    }
    if (done->result > 0) {
        size_t len = (size_t)done->result;
        bool cut_here = load_cut_received(client, &len);
        field->sum->bytes_received += field->in_window && client->teacher == NULL ? len : 0;
        const void *data = client->teacher != NULL ? client->teacher->bytes : done->data;
        if (load_send_feed(client, data, len) != STATUS_OK) {
            fail(field, client, EPROTO);
            return;
        }
        if (client->tls != NULL)
            load_send_next(field, client);
        read_messages(field, client);
        if (cut_here && !is_over(client)) {
            snip(field, client);
            return;
        }
    }
    if (client->receiving || is_over(client))
        return;
    int64_t pause_us = load_socket_pause_us(client);
    if (pause_us > 0 && client->state >= LOAD_LIVE)
        load_client_schedule(field, client, LOAD_DUE_READ, field->now_us + pause_us);
    else
        receive(field, client);
}

/* -- opening -- */

/* A new session. */
static void begin_life(struct load_field *field, struct load_client *client)
{
    client->life++;
    client->ended = client->begun = client->end_due = client->catching_up = false;
    client->frame_due = client->end_sent = false;
    client->due_frames = 0;
    client->skip = 0;
    client->resume = (struct load_resume){0};
    rng_init(&client->jitter, field->config->voice.seed ^ (uint64_t)session_number(field, client)
                                                              << 20);
    count_open(field, client, 1);
    if (client->role != LOAD_TEACHER)
        load_cut_plan(field, client);
}

static void open_socket(struct load_field *field, struct load_client *client)
{
    assert(client->state == LOAD_IDLE && client->in_flight == 0);
    if (!client->resuming)
        begin_life(field, client);
    client->sending = client->receiving = client->resuming = false;
    client->again = client->reset = client->abandon = false;
    client->leaving = client->leave_due = false;
    client->close_code = 0;
    client->cut_in = client->cut_out = 0;
    client->fd = load_socket_make(field, client);
    if (client->fd < 0) {
        field->sum->sockets_failed++;
        field->last_error = -client->fd;
        count_open(field, client, -1);
        if (client->judged != NULL)
            judge_session_closed(client->judged, false);
        client->judged = NULL;
        return;
    }
    load_ws_reader_init(&client->reader);
    if (client->teacher != NULL)
        load_ws_reader_allow(&client->reader, LOAD_TEACHER_MESSAGE_BYTES);
    client->state = LOAD_CONNECTING;
    client->in_flight++;
    load_ring_connect(&field->ring, client->index, client->fd,
                      (const struct sockaddr *)&field->address, field->address_bytes);
}

static void on_connected(struct load_field *field, struct load_client *client, int result)
{
    if (result < 0) {
        fail(field, client, -result);
        return;
    }
    field->connected++;
    client->state = LOAD_UPGRADING;
    const struct buf *request = client->teacher != NULL ? &field->watch_request : &field->request;
    if (field->tls != NULL)
        client->tls = load_tls_open(field->tls, field->config->host);
    if ((field->tls != NULL && client->tls == NULL) ||
        load_send_raw(field, client, request) != STATUS_OK)
        fail(field, client, ENOMEM);
    else
        receive(field, client);
}

/* -- from outside -- */

void load_client_init(struct load_client *client, uint32_t index, enum load_role role)
{
    *client = (struct load_client){.index = index, .role = role, .fd = -1};
}

void load_client_deinit(struct load_field *field, struct load_client *client)
{
    if (client->state == LOAD_IDLE)
        return;
    close(client->fd);
    load_frame_cut(&field->pool, &client->out, 0);
    load_ws_reader_deinit(&client->reader);
    load_tls_close(client->tls);
    client->state = LOAD_IDLE;
}

void load_client_due(struct load_field *field, struct load_client *client,
                     const struct load_due *due)
{
    if (due->life != client->life)
        return;
    switch ((enum load_what)due->what) {
    case LOAD_DUE_OPEN: open_socket(field, client); break;
    case LOAD_DUE_FRAME:
        if (client->state == LOAD_LIVE || (client->begun && client->judged != NULL))
            frame_due(field, client, due->at_us);
        break;
    case LOAD_DUE_SNIP:
        load_cut_plan(field, client);
        if (!is_over(client))
            load_cut_arm(field, client);
        break;
    case LOAD_DUE_LEAVE:
        if (client->leave_due && client->state == LOAD_LIVE)
            suspend(field, client, field->now_us);
        break;
    case LOAD_DUE_READ:
        if (!is_over(client) && !client->receiving)
            receive(field, client);
        break;
    case LOAD_DUE_CUT: cut(field, client, false); break;
    case LOAD_DUE_AGAIN: return_again(field, client); break;
    case LOAD_DUE_END: end_session(field, client); break;
    }
}

void load_client_done(struct load_field *field, struct load_client *client,
                      const struct load_done *done)
{
    if (!done->more) {
        assert(client->in_flight > 0);
        client->in_flight--;
    }
    if (done->op == LOAD_OP_RECV && !done->more)
        client->receiving = false;
    if (client->state == LOAD_CLOSING) {
        join(field, client);
        return;
    }
    switch (done->op) {
    case LOAD_OP_CONNECT: on_connected(field, client, done->result); break;
    case LOAD_OP_SEND: on_sent(field, client, done->result); break;
    case LOAD_OP_RECV: on_received(field, client, done); break;
    case LOAD_OP_CANCEL: break;
    }
}

void load_client_stop(struct load_field *field, struct load_client *client)
{
    client->again = false;
    client->ended = client->ended || client->role == LOAD_TEACHER;
    if (client->resuming) {
        if (client->judged != NULL)
            judge_session_closed(client->judged, client->ended);
        client->judged = NULL;
        if (client->state == LOAD_IDLE)
            count_open(field, client, -1);
    }
    client->resuming = false;
    if (is_over(client))
        return;
    client->reset = true;
    terminate(field, client, client->ended);
}
