#include "bench/load_client.h"

#include "base/mem.h"
#include "base/status.h"
#include "bench/judge.h"
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define SAMPLES_A_MS(rate, ms) ((uint64_t)(rate) * (ms) / 1000)

static const struct load_voice_config *voice_of(const struct load_field *field,
                                                const struct load_client *client)
{
    return client->role == LOAD_GREEDY ? &field->greedy_voice : &field->config->voice;
}

static void schedule(struct load_field *field, const struct load_client *client,
                     enum load_what what, int64_t at_us)
{
    load_schedule_push(&field->schedule, (struct load_due){.at_us = at_us,
                                                           .client = client->index,
                                                           .what = (uint16_t)what,
                                                           .life = client->life});
}

/* A session opened again is a new one: the simulator has heard the old one's audio. */
static uint32_t session_number(const struct load_field *field, const struct load_client *client)
{
    const struct load_config *config = field->config;
    return client->index + (uint32_t)(client->life - 1) * (config->sessions + config->silent);
}

static bool is_over(const struct load_client *client)
{
    return client->state == LOAD_IDLE || client->state == LOAD_CLOSING;
}

/* -- closing: operations are cancelled, joined, then the socket is closed -- */

static void open_socket(struct load_field *field, struct load_client *client);

static void join(struct load_field *field, struct load_client *client)
{
    assert(client->state == LOAD_CLOSING);
    if (client->in_flight > 0)
        return;
    load_frame_cut(&field->pool, &client->out, 0);
    load_ws_reader_deinit(&client->reader);
    if (client->reset) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    close(client->fd);
    client->fd = -1;
    client->state = LOAD_IDLE;
    field->open--;
    if (client->again)
        open_socket(field, client);
}

/* `expected`: this end of the session is not the server's fault. */
static void terminate(struct load_field *field, struct load_client *client, bool expected)
{
    assert(!is_over(client));
    client->state = LOAD_CLOSING;
    if (client->judged != NULL)
        judge_session_closed(client->judged, expected);
    client->judged = NULL;
    if (client->in_flight > 0) {
        client->in_flight++;
        load_ring_cancel(&field->ring, client->index, client->fd);
    }
    join(field, client);
}

/* The socket cannot be used, or the peer makes no sense. */
static void fail(struct load_field *field, struct load_client *client, int error)
{
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

/* -- sending -- */

static void send_next(struct load_field *field, struct load_client *client)
{
    struct load_frame *frame = client->out.head;
    if (client->sending || frame == NULL)
        return;
    client->sending = true;
    client->in_flight++;
    load_ring_send(&field->ring, client->index, client->fd, frame->bytes + frame->sent,
                   frame->len - frame->sent);
}

static void send_raw(struct load_field *field, struct load_client *client, const struct buf *bytes)
{
    assert(bytes->len <= field->pool.frame_bytes);
    struct load_frame *frame = load_frame_push(&field->pool, &client->out);
    if (frame == NULL) {
        fail(field, client, ENOMEM);
        return;
    }
    memcpy(frame->bytes, bytes->data, bytes->len);
    frame->len = (uint32_t)bytes->len;
    send_next(field, client);
}

static void send_message(struct load_field *field, struct load_client *client, enum load_ws_op op,
                         const void *payload, size_t len)
{
    assert(load_ws_head_bytes(len) + len <= field->pool.frame_bytes);
    struct load_frame *frame = load_frame_push(&field->pool, &client->out);
    if (frame == NULL) {
        fail(field, client, ENOMEM);
        return;
    }
    uint32_t mask = (uint32_t)rng_next(&field->masks);
    frame->len = (uint32_t)load_ws_frame(op, payload, len, mask, frame->bytes);
    send_next(field, client);
}

/* Builds the next frame of audio; false: no memory, tried again with the next one. */
static bool build_audio(struct load_field *field, struct load_client *client)
{
    struct load_frame *frame = load_frame_push(&field->pool, &client->out);
    if (frame == NULL)
        return false;
    size_t len = load_voice_frame_bytes(client->voice.config);
    uint8_t *pcm = frame->bytes + load_ws_head_bytes(len);
    bool speaking;
    load_voice_frame(&client->voice, pcm, &speaking);
    uint32_t mask = (uint32_t)rng_next(&field->masks);
    frame->len = (uint32_t)load_ws_frame(LOAD_WS_BINARY, pcm, len, mask, frame->bytes);
    frame->audio = true;
    return true;
}

static void build_owed(struct load_field *field, struct load_client *client)
{
    while (client->owed > 0 && client->out.len < field->backlog_max && build_audio(field, client))
        client->owed--;
}

/* Frame `number` of the session was due; the judge counts from then, whenever it is sent. */
static void judge_frame(struct load_client *client, uint32_t number, int64_t due_us)
{
    const struct load_voice_config *voice = client->voice.config;
    int64_t from_ms = (int64_t)number * voice->frame_ms, to_ms = from_ms + voice->frame_ms;
    judge_session_audio(client->judged, SAMPLES_A_MS(voice->rate, (uint64_t)to_ms), due_us);
    struct load_utterance utterance;
    if (load_voice_ended(&client->voice, from_ms, to_ms, &utterance))
        judge_session_said(client->judged, &utterance, due_us);
}

static void schedule_frame(struct load_field *field, struct load_client *client)
{
    int64_t pace = (int64_t)voice_of(field, client)->frame_ms * 1000;
    int64_t half = (int64_t)field->config->jitter_ms * 500;
    int64_t due = client->first_due_us + client->due_frames * pace + half +
                  (half > 0 ? rng_range(&client->jitter, -half, half) : 0);
    /* Frames stay in order, however wide the jitter is. */
    client->last_due_us = due > client->last_due_us ? due : client->last_due_us;
    schedule(field, client, LOAD_DUE_FRAME, client->last_due_us);
}

static void frame_due(struct load_field *field, struct load_client *client, int64_t due_us)
{
    judge_frame(client, client->due_frames++, due_us);
    if (client->sending)
        field->sum->frames_blocked += field->in_window;
    else if (field->dues_len < LOAD_TURN_FRAMES)
        field->dues[field->dues_len++] = due_us;
    client->owed++;
    build_owed(field, client);
    send_next(field, client);
    schedule_frame(field, client);
}

static void on_sent(struct load_field *field, struct load_client *client, int result)
{
    client->sending = false;
    if (result <= 0) {
        fail(field, client, -result);
        return;
    }
    struct load_frame *frame = client->out.head;
    frame->sent += (uint32_t)result;
    field->sum->bytes_sent += field->in_window ? (uint64_t)result : 0;
    if (frame->sent == frame->len) {
        field->sum->frames_sent += frame->audio && field->in_window;
        load_frame_pop(&field->pool, &client->out);
    }
    build_owed(field, client);
    if (client->leaving && client->out.len == 0)
        terminate(field, client, client->ended);
    else
        send_next(field, client);
}

/* -- the session -- */

static void start_session(struct load_field *field, struct load_client *client)
{
    client->state = LOAD_STARTING;
    client->judged = judge_session_open(field->judge, session_number(field, client));
    if (client->judged == NULL) {
        fail(field, client, ENOMEM);
        return;
    }
    if (client->role == LOAD_SLOW || client->role == LOAD_VANISHING)
        judge_session_excuse(client->judged);
    const struct buf *start = client->role == LOAD_GREEDY ? &field->start_greedy : &field->start;
    judge_session_asked(client->judged, field->now_us);
    send_message(field, client, LOAD_WS_TEXT, start->data, start->len);
}

static void on_started(struct load_field *field, struct load_client *client)
{
    if (client->state != LOAD_STARTING)
        return;
    client->state = LOAD_LIVE;
    field->sum->started++;
    if (client->role == LOAD_SILENT)
        return;
    load_voice_init(&client->voice, voice_of(field, client), session_number(field, client));
    int64_t pace = (int64_t)voice_of(field, client)->frame_ms * 1000;
    client->first_due_us = field->now_us + rng_range(&client->jitter, 0, pace - 1);
    client->last_due_us = client->first_due_us;
    schedule_frame(field, client);
}

/* session.end, behind all audio that was due. */
static void end_session(struct load_field *field, struct load_client *client)
{
    static const char end[] = "{\"type\":\"session.end\"}";
    if (client->state == LOAD_LIVE) {
        client->state = LOAD_ENDING;
        send_message(field, client, LOAD_WS_TEXT, end, sizeof end - 1);
    } else if (!is_over(client) && client->state != LOAD_ENDING) {
        terminate(field, client, false);
    }
}

/* The server's close frame: what it will not read is dropped, and the close answered. */
static void on_close_frame(struct load_field *field, struct load_client *client,
                           const struct load_ws_message *message)
{
    load_frame_cut(&field->pool, &client->out, client->sending ? 1 : 0);
    client->owed = 0;
    client->leaving = true;
    if (client->state == LOAD_LIVE)
        client->state = LOAD_ENDING;
    send_message(field, client, LOAD_WS_CLOSE, message->data, message->len < 2 ? 0 : 2);
}

static void on_message(struct load_field *field, struct load_client *client,
                       const struct load_ws_message *message)
{
    if (message->op == LOAD_WS_PING) {
        send_message(field, client, LOAD_WS_PONG, message->data, message->len);
    } else if (message->op == LOAD_WS_CLOSE && !client->leaving) {
        on_close_frame(field, client, message);
    } else if (message->op == LOAD_WS_TEXT && client->judged != NULL) {
        enum judge_heard heard =
            judge_session_heard(client->judged, message->data, message->len, field->now_us);
        if (heard == JUDGE_HEARD_STARTED)
            on_started(field, client);
        else if (heard == JUDGE_HEARD_ENDED)
            client->ended = client->state == LOAD_ENDING;
    }
}

/* -- receiving -- */

static void receive(struct load_field *field, struct load_client *client)
{
    assert(!client->receiving);
    client->receiving = true;
    client->in_flight++;
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
        field->sum->bytes_received += field->in_window ? (uint64_t)done->result : 0;
        if (load_ws_reader_feed(&client->reader, done->data, (size_t)done->result) != STATUS_OK) {
            fail(field, client, ENOMEM);
            return;
        }
        read_messages(field, client);
    }
    if (client->receiving || is_over(client))
        return;
    if (client->role == LOAD_SLOW && client->state >= LOAD_LIVE)
        schedule(field, client, LOAD_DUE_READ, field->now_us + 1000000);
    else
        receive(field, client);
}

/* -- opening -- */

static int make_socket(const struct load_field *field, const struct load_client *client)
{
    /* Blocking: io_uring then waits for the socket instead of answering EAGAIN. */
    int fd = socket(field->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1, send = LOAD_SNDBUF, small = LOAD_SLOW_RCVBUF;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send, sizeof send);
    if (client->role == LOAD_SLOW)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    return fd;
}

static void open_socket(struct load_field *field, struct load_client *client)
{
    assert(client->state == LOAD_IDLE && client->in_flight == 0);
    client->life++;
    client->sending = client->receiving = false;
    client->again = client->reset = client->ended = client->leaving = false;
    client->owed = client->due_frames = 0;
    client->fd = make_socket(field, client);
    if (client->fd < 0) {
        field->sum->sockets_failed++;
        field->last_error = -client->fd;
        return;
    }
    rng_init(&client->jitter, field->config->voice.seed ^ (uint64_t)session_number(field, client)
                                                              << 20);
    load_ws_reader_init(&client->reader);
    client->state = LOAD_CONNECTING;
    field->open++;
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
    send_raw(field, client, &field->request);
    if (client->state == LOAD_UPGRADING)
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
        if (client->state == LOAD_LIVE)
            frame_due(field, client, due->at_us);
        break;
    case LOAD_DUE_READ:
        if (!is_over(client))
            receive(field, client);
        break;
    case LOAD_DUE_CUT: cut(field, client, false); break;
    case LOAD_DUE_AGAIN: cut(field, client, true); break;
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
    if (is_over(client))
        return;
    client->reset = true;
    terminate(field, client, client->ended);
}
