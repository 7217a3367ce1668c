#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "bench/sim_chat.h"
#include "bench/sim_latency.h"
#include "bench/sim_waver.h"
#include <assert.h>
#include <nghttp2/nghttp2.h>
#include <stddef.h>
#include <string.h>

#define WRITE_US 20000 /* between two writes of an event stream */

uint32_t sim_chat_rst_code(const struct sim_chat_strike *strike)
{
    static const uint32_t codes[] = {NGHTTP2_REFUSED_STREAM, NGHTTP2_CANCEL,
                                     NGHTTP2_INTERNAL_ERROR}; /* as SIM_FAULT_MAP names them */
    assert(strike->argument >= 0 && strike->argument < 3);
    return codes[strike->argument];
}

static struct sim_chat_task **task_place(struct sim_chat *chat, uint64_t id)
{
    struct sim_chat_task **place = &chat->tasks[id % SIM_CHAT_TASK_BUCKETS];
    while (*place != NULL && (*place)->id != id)
        place = &(*place)->next;
    return place;
}

static void task_free(struct sim_chat_task *task)
{
    struct sim_chat_task **place = task_place(task->chat, task->id);
    assert(*place == task);
    *place = task->next;
    task->chat->stats->chat.in_flight--;
    loop_timer_stop(&task->timer);
    sim_answer_deinit(&task->answer);
    mem_free(task);
}

/* Before the stream ends, so that its end is not taken for the peer's. */
static void task_reset(struct sim_chat_task *task, uint32_t code)
{
    struct h2_server *server = task->chat->server;
    uint64_t id = task->id;
    task_free(task);
    h2_server_reset(server, id, code);
}

static void task_answered(struct sim_chat_task *task)
{
    task->chat->stats->chat.answered++;
    task->chat->stats->chat.answer_tokens += task->answer.tokens;
    task_free(task);
}

/* What a body becomes. */
static void body_spoil(enum sim_fault fault, struct buf *body)
{
    static const char garbage[] = "\xff\xfe{{]\"choices\":}\0 upstream connect error";
    static const char page[] = "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head>"
                               "<body>Checking your connection</body></html>\n";
    if ((fault == SIM_FAULT_TRUNCATED || fault == SIM_FAULT_STALL) && body->len > 0) {
        body->len /= 2;
        body->data[body->len] = '\0';
    } else if (fault == SIM_FAULT_GARBAGE || fault == SIM_FAULT_HTML) {
        buf_reset(body);
        if (fault == SIM_FAULT_GARBAGE)
            buf_append(body, garbage, sizeof garbage - 1);
        else
            buf_puts(body, page);
    }
}

/* The first bytes of an answer, and all of them unless it is a stream. */
static int task_start(struct sim_chat_task *task, const struct buf *body, bool more)
{
    struct sim_chat *chat = task->chat;
    struct sim_chat_fields fields;
    bool html = task->strike.fault == SIM_FAULT_HTML;
    const char *type = html                           ? "text/html; charset=utf-8"
                       : task->answer.question.stream ? "text/event-stream"
                                                      : "application/json";
    sim_chat_fields_init(&fields, chat, type, task->received_us);
    struct h2_answer answer = {.status = 200,
                               .headers = fields.list,
                               .headers_len = fields.len,
                               .body = body->data,
                               .body_len = body->len,
                               .more = more,
                               .piece_bytes = task->strike.fault == SIM_FAULT_DRIP ? 1 : 0};
    task->started = true;
    return h2_server_answer(chat->server, task->id, &answer);
}

static void task_answer_whole(struct sim_chat_task *task)
{
    struct buf body;
    buf_init(&body, LOCAL_CHAT_REPLY_MAX);
    int status = task->strike.fault == SIM_FAULT_RST ? STATUS_CANCELLED
                                                     : sim_answer_write(&task->answer, &body);
    body_spoil(task->strike.fault, &body);
    bool stall = task->strike.fault == SIM_FAULT_STALL;
    if (status == 0)
        status = task_start(task, &body, stall);
    if (status != 0)
        task_reset(task, task->strike.fault == SIM_FAULT_RST ? sim_chat_rst_code(&task->strike)
                                                             : NGHTTP2_INTERNAL_ERROR);
    else if (!stall)
        task_answered(task);
    buf_deinit(&body);
}

static void task_on_timer(struct loop_timer *timer);

/* Tokens that the clock says are told by now. */
static uint32_t tokens_due(const struct sim_chat_task *task, int64_t now_us)
{
    int64_t rate = task->chat->config->chat_tokens_s;
    int64_t due = (now_us - task->first_us) * rate / SIM_CHAT_SECOND_US + 1;
    return rate == 0 || due > UINT32_MAX ? UINT32_MAX : (uint32_t)due;
}

static void task_wait(struct sim_chat_task *task)
{
    int64_t rate = task->chat->config->chat_tokens_s;
    int64_t next_us = loop_now_us(task->chat->loop) + WRITE_US;
    int64_t due_us =
        rate > 0 ? task->first_us + sim_answer_told(&task->answer) * SIM_CHAT_SECOND_US / rate : 0;
    loop_timer_start(task->chat->loop, &task->timer, due_us > next_us ? due_us : next_us,
                     task_on_timer);
}

static int events_send(struct sim_chat_task *task, const struct buf *events, bool end)
{
    if (buf_status(events) != 0)
        return buf_status(events);
    if (!task->started)
        return task_start(task, events, !end);
    return h2_server_write(task->chat->server, task->id, events->data, events->len, end);
}

/* Faults in the middle of a stream strike at half of its tokens. */
static bool stream_breaks(const struct sim_chat_task *task)
{
    enum sim_fault fault = task->strike.fault;
    return fault == SIM_FAULT_STALL || fault == SIM_FAULT_RST || fault == SIM_FAULT_TRUNCATED;
}

static void stream_broken(struct sim_chat_task *task)
{
    static const char half[] = "data: {\"id\":\"chatcmpl-sim\",\"choices\":[{\"index\":0,\"del";
    enum sim_fault fault = task->strike.fault;
    if (fault == SIM_FAULT_RST) {
        task_reset(task, sim_chat_rst_code(&task->strike));
    } else if (fault == SIM_FAULT_TRUNCATED) {
        h2_server_write(task->chat->server, task->id, half, sizeof half - 1, true);
        task_answered(task);
    }
    /* A stalled task is kept without a timer until the peer gives up. */
}

static void task_stream(struct sim_chat_task *task)
{
    struct buf events;
    struct sim_answer *answer = &task->answer;
    uint32_t half = answer->tokens / 2 > 0 ? answer->tokens / 2 : 1;
    uint32_t due = tokens_due(task, loop_now_us(task->chat->loop));
    bool breaks = stream_breaks(task);
    if (breaks && sim_answer_told(answer) >= half) {
        stream_broken(task);
        return;
    }
    buf_init(&events, LOCAL_CHAT_REPLY_MAX);
    int status = sim_answer_stream(answer, breaks && due > half ? half : due, &events);
    body_spoil(breaks ? SIM_FAULTS : task->strike.fault, &events);
    bool spoiled = task->strike.fault == SIM_FAULT_GARBAGE || task->strike.fault == SIM_FAULT_HTML;
    bool end = answer->done || spoiled;
    if (status == 0)
        status = events_send(task, &events, end);
    buf_deinit(&events);
    if (status != 0)
        task_reset(task, NGHTTP2_INTERNAL_ERROR);
    else if (end)
        task_answered(task);
    else
        task_wait(task);
}

static void task_on_timer(struct loop_timer *timer)
{
    struct sim_chat_task *task =
        (struct sim_chat_task *)((char *)timer - offsetof(struct sim_chat_task, timer));
    if (task->answer.question.stream)
        task_stream(task);
    else
        task_answer_whole(task);
}

static void task_schedule(struct sim_chat_task *task)
{
    struct sim_chat *chat = task->chat;
    int64_t rate = chat->config->chat_tokens_s;
    task->first_us = task->received_us + sim_latency_draw_us(chat->first_token, &chat->rng);
    int64_t due_us = task->first_us;
    if (!task->answer.question.stream && rate > 0)
        due_us += task->answer.tokens * SIM_CHAT_SECOND_US / rate;
    if (loop_timer_start(chat->loop, &task->timer, due_us, task_on_timer) != 0)
        task_reset(task, NGHTTP2_INTERNAL_ERROR);
}

/* Takes the question. */
void sim_chat_task_create(struct sim_chat *chat, uint64_t id, struct local_chat_question *question,
                          const struct sim_chat_strike *strike)
{
    struct sim_chat_task *task = mem_calloc(1, sizeof *task);
    int status = STATUS_NOMEM;
    if (task != NULL)
        status = sim_answer_init(&task->answer, question, ++chat->number,
                                 clock_wall_us() / SIM_CHAT_SECOND_US);
    if (status == 0)
        (void)sim_answer_waver(&task->answer, chat->config->chat_waver);
    local_chat_question_deinit(question);
    if (status != 0) {
        mem_free(task);
        sim_chat_refuse(chat, id, 500, NULL, "The answer could not be made.");
        return;
    }
    task->chat = chat;
    task->id = id;
    task->strike = *strike;
    task->received_us = loop_now_us(chat->loop);
    struct sim_chat_task **place = task_place(chat, id);
    assert(*place == NULL);
    *place = task;
    if (++chat->stats->chat.in_flight > chat->stats->chat.in_flight_peak)
        chat->stats->chat.in_flight_peak = chat->stats->chat.in_flight;
    if (strike->fault == SIM_FAULT_LENGTH)
        sim_answer_limit(&task->answer, (task->answer.tokens + 1) / 2);
    task_schedule(task);
}

bool sim_chat_task_cancel(struct sim_chat *chat, uint64_t id)
{
    struct sim_chat_task *task = *task_place(chat, id);
    if (task == NULL)
        return false;
    task_free(task);
    return true;
}
