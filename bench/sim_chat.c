#include "bench/sim_chat.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "bench/sim_latency.h"
#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

#define CONNECTIONS_MAX 1024
#define STREAMS_MAX     16384
#define WINDOW_BYTES    (1024 * 1024)
#define SEED_CHAT       UINT64_C(0x63686174) /* the speech API's chance must not be ours */

/* -- faults -- */

static bool strikes(struct sim_chat *chat, enum sim_fault fault, int64_t *argument)
{
    int64_t elapsed_ms = (loop_now_us(chat->loop) - chat->opened_us) / 1000;
    bool struck = sim_fault_strikes(chat->faults, fault, elapsed_ms, &chat->rng, argument);
    chat->struck[fault] += struck;
    return struck;
}

static void streams_limit(struct sim_chat *chat, unsigned streams)
{
    if (streams == chat->streams)
        return;
    chat->streams = streams;
    h2_server_limit_streams(chat->server, streams);
}

/* One fault a request, the first of this list that strikes. */
static struct sim_chat_strike strike_draw(struct sim_chat *chat)
{
    static const enum sim_fault order[] = {
        SIM_FAULT_GOAWAY,    SIM_FAULT_TCP_RESET, SIM_FAULT_FREEZE, SIM_FAULT_RST,
        SIM_FAULT_ERROR,     SIM_FAULT_THROTTLE,  SIM_FAULT_STALL,  SIM_FAULT_DRIP,
        SIM_FAULT_TRUNCATED, SIM_FAULT_GARBAGE,   SIM_FAULT_HTML,   SIM_FAULT_LENGTH};
    struct sim_chat_strike strike = {.fault = SIM_FAULTS};
    if (strikes(chat, SIM_FAULT_STREAMS, &strike.argument))
        streams_limit(chat, (unsigned)strike.argument);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if (strikes(chat, order[i], &strike.argument)) {
            strike.fault = order[i];
            break;
        }
    }
    return strike;
}

/* -- answers -- */

void sim_chat_fields_init(struct sim_chat_fields *fields, struct sim_chat *chat, const char *type,
                          int64_t received_us)
{
    int64_t now_us = loop_now_us(chat->loop);
    snprintf(fields->request_id, sizeof fields->request_id, "req_sim%016" PRIx64, ++chat->number);
    snprintf(fields->processing_ms, sizeof fields->processing_ms, "%" PRId64,
             (now_us - received_us) / 1000);
    fields->list[0] = (struct h2_header){"content-type", type};
    fields->list[1] = (struct h2_header){"x-request-id", fields->request_id};
    fields->list[2] = (struct h2_header){"openai-processing-ms", fields->processing_ms};
    fields->len = 3 + sim_quota_headers(&chat->quota, now_us, &fields->quota, fields->list + 3);
}

static void body_send(struct sim_chat *chat, uint64_t id, unsigned status, const struct buf *body,
                      const struct sim_chat_fields *fields)
{
    struct h2_answer answer = {.status = status,
                               .headers = fields->list,
                               .headers_len = fields->len,
                               .body = body->data,
                               .body_len = body->len};
    if (buf_status(body) != 0 || h2_server_answer(chat->server, id, &answer) != 0)
        h2_server_reset(chat->server, id, NGHTTP2_INTERNAL_ERROR);
}

static void json_send(struct sim_chat *chat, uint64_t id, const struct buf *body)
{
    struct sim_chat_fields fields;
    sim_chat_fields_init(&fields, chat, "application/json", loop_now_us(chat->loop));
    body_send(chat, id, 200, body, &fields);
}

/* `retry_s` below 0: no Retry-After. */
static void fault_send(struct sim_chat *chat, uint64_t id, const struct local_chat_fault *fault,
                       int64_t retry_s)
{
    struct buf body;
    struct sim_chat_fields fields;
    sim_chat_fields_init(&fields, chat, "application/json", loop_now_us(chat->loop));
    if (retry_s >= 0) {
        snprintf(fields.retry_after, sizeof fields.retry_after, "%" PRId64, retry_s);
        fields.list[fields.len++] = (struct h2_header){"retry-after", fields.retry_after};
    }
    buf_init(&body, LOCAL_CHAT_REPLY_MAX);
    local_chat_fault_write(fault, &body);
    body_send(chat, id, fault->status, &body, &fields);
    buf_deinit(&body);
}

void sim_chat_refuse(struct sim_chat *chat, uint64_t id, unsigned status, const char *code,
                     const char *text)
{
    struct local_chat_fault fault;
    local_chat_fault_set(&fault, status, code, "%s", text);
    fault_send(chat, id, &fault, -1);
}

/* -- requests -- */

static bool key_ok(const struct sim_chat *chat, const struct h2_request *request)
{
    const char *key = chat->config->chat_key;
    const char *given = h2_request_header(request, "authorization");
    if (key == NULL || key[0] == '\0')
        return true;
    return given != NULL && strncmp(given, "Bearer ", 7) == 0 && strcmp(given + 7, key) == 0;
}

static void throttle(struct sim_chat *chat, uint64_t id, const struct local_chat_question *question,
                     enum sim_quota_verdict verdict, int64_t wait_us)
{
    struct local_chat_fault fault;
    bool tokens = verdict == SIM_QUOTA_NO_TOKENS;
    const struct sim_quota_bucket *bucket = tokens ? &chat->quota.tokens : &chat->quota.requests;
    char wait[SIM_QUOTA_TEXT_BYTES];
    sim_quota_duration(wait_us > 0 ? wait_us : 0, wait);
    if (wait_us < 0)
        local_chat_fault_set(&fault, 429, "rate_limit_exceeded",
                             "Request too large for %s on tokens per min (TPM): limit %" PRId64 ".",
                             question->model, bucket->limit);
    else
        local_chat_fault_set(&fault, 429, "rate_limit_exceeded",
                             "Rate limit reached for %s on %s: limit %" PRId64 ", left %" PRId64
                             ". Please try again in %s.",
                             question->model,
                             tokens ? "tokens per min (TPM)" : "requests per min (RPM)",
                             bucket->limit, sim_quota_left(bucket), wait);
    fault.type = tokens ? "tokens" : "requests";
    chat->stats->chat.throttled++;
    fault_send(chat, id, &fault,
               wait_us < 0 ? -1 : (wait_us + SIM_CHAT_SECOND_US - 1) / SIM_CHAT_SECOND_US);
}

/* Faults that come instead of an answer. True: it has been dealt with. */
static bool strike_at_once(struct sim_chat *chat, uint64_t id, const struct sim_chat_strike *strike)
{
    struct local_chat_fault fault;
    if (strike->fault == SIM_FAULT_GOAWAY) {
        h2_server_goaway(chat->server, id, true, NGHTTP2_NO_ERROR);
    } else if (strike->fault == SIM_FAULT_TCP_RESET) {
        h2_server_cut(chat->server, id, true);
    } else if (strike->fault == SIM_FAULT_FREEZE) {
        h2_server_freeze(chat->server, id);
    } else if (strike->fault == SIM_FAULT_RST &&
               sim_chat_rst_code(strike) == NGHTTP2_REFUSED_STREAM) {
        h2_server_reset(chat->server, id, NGHTTP2_REFUSED_STREAM);
    } else if (strike->fault == SIM_FAULT_ERROR) {
        unsigned status = (unsigned)strike->argument;
        local_chat_fault_set(&fault, status, status == 503 ? "server_is_overloaded" : NULL,
                             "The simulated server answers with status %u.", status);
        fault_send(chat, id, &fault, -1);
    } else if (strike->fault == SIM_FAULT_THROTTLE) {
        local_chat_fault_set(&fault, 429, "rate_limit_exceeded",
                             "Rate limit reached. Please try again in %" PRId64 "s.",
                             strike->argument);
        chat->stats->chat.throttled++;
        fault_send(chat, id, &fault, strike->argument);
    } else {
        return false;
    }
    return true;
}

static void question_count(struct sim_chat *chat, const struct local_chat_question *question)
{
    chat->stats->chat.prompt_tokens += question->prompt_tokens;
    if (question->kind == LOCAL_CHAT_GRAMMAR) {
        chat->stats->chat.corrections++;
        return;
    }
    /* The server streams the translations of finals only. */
    chat->stats->chat.translations++;
    chat->stats->chat.finals += question->stream;
    chat->stats->chat.partials += !question->stream;
}

static void completions(struct sim_chat *chat, const struct h2_request *request)
{
    struct local_chat_question question;
    struct local_chat_fault fault;
    chat->stats->chat.requests++;
    sim_minute_add(&chat->minute, loop_now_us(chat->loop));
    chat->stats->chat.minute_peak = chat->minute.peak;
    struct sim_chat_strike strike = strike_draw(chat);
    if (strike_at_once(chat, request->id, &strike))
        return;
    if (local_chat_question_read(request->body, request->body_len, &question, &fault) != 0) {
        chat->stats->chat.bad_requests++;
        fault_send(chat, request->id, &fault, -1);
        return;
    }
    int64_t wait_us;
    uint64_t cost = (uint64_t)question.prompt_tokens + question.max_tokens;
    enum sim_quota_verdict verdict =
        sim_quota_take(&chat->quota, cost < UINT32_MAX ? (uint32_t)cost : UINT32_MAX,
                       loop_now_us(chat->loop), &wait_us);
    if (verdict != SIM_QUOTA_TAKEN) {
        throttle(chat, request->id, &question, verdict, wait_us);
        local_chat_question_deinit(&question);
        return;
    }
    question_count(chat, &question);
    sim_chat_task_create(chat, request->id, &question, &strike);
}

static void models(struct sim_chat *chat, const struct h2_request *request)
{
    struct buf body;
    buf_init(&body, LOCAL_CHAT_REPLY_MAX);
    buf_printf(&body,
               "{\"object\":\"list\",\"data\":[{\"id\":\"sotto-sim\",\"object\":\"model\","
               "\"created\":%" PRId64 ",\"owned_by\":\"sotto\"}]}",
               clock_wall_us() / SIM_CHAT_SECOND_US);
    json_send(chat, request->id, &body);
    buf_deinit(&body);
}

/* -- statistics and control -- */

static void stats_send(struct sim_chat *chat, const struct h2_request *request)
{
    struct buf body;
    buf_init(&body, LOCAL_CHAT_REPLY_MAX);
    buf_puts(&body, "{\"stats\": ");
    sim_stats_write(chat->stats, &body);
    if (chat->speech != NULL) {
        buf_puts(&body, ", \"speech\": ");
        sim_speech_report(chat->speech, &body);
    }
    buf_puts(&body, ", \"chat\": ");
    sim_chat_report(chat, &body);
    buf_puts(&body, "}\n");
    json_send(chat, request->id, &body);
    buf_deinit(&body);
}

/* One of the two quotas from now on; a whole minute of it is there. */
static int control_quota(struct sim_chat *chat, const char *key, int64_t limit)
{
    int64_t requests = chat->quota.requests.limit, tokens = chat->quota.tokens.limit;
    if (limit < 0)
        return STATUS_INVALID;
    if (strcmp(key, "requests_minute") == 0)
        requests = limit;
    else if (strcmp(key, "tokens_minute") == 0)
        tokens = limit;
    else
        return STATUS_INVALID;
    sim_quota_init(&chat->quota, requests, tokens, loop_now_us(chat->loop));
    return STATUS_OK;
}

/* Lists of faults for either side, quotas; what is missing stays. */
static int control(struct sim_chat *chat, const json_t *root, char *error, unsigned size)
{
    const char *key;
    json_t *value;
    int status = 0;
    json_object_foreach((json_t *)root, key, value)
    {
        const char *list = json_string_value(value);
        if (status != 0)
            break;
        status = STATUS_INVALID;
        snprintf(error, size,
                 "there are speech_faults and chat_faults (strings), requests_minute and "
                 "tokens_minute (numbers), not %s",
                 key);
        if (json_is_integer(value))
            status = control_quota(chat, key, json_integer_value(value));
        else if (list == NULL)
            continue;
        else if (strcmp(key, "chat_faults") == 0)
            status = sim_chat_faults(chat, list, error, size);
        else if (strcmp(key, "speech_faults") == 0 && chat->speech != NULL)
            status = sim_speech_faults(chat->speech, list, error, size);
    }
    return status;
}

static void control_read(struct sim_chat *chat, const struct h2_request *request)
{
    char error[256];
    json_error_t at;
    json_t *root = json_loadb(request->body, request->body_len, 0, &at);
    snprintf(error, sizeof error, "the body is not a JSON object");
    int status = STATUS_INVALID;
    if (json_is_object(root))
        status = control(chat, root, error, sizeof error);
    json_decref(root);
    if (status == 0)
        stats_send(chat, request);
    else
        sim_chat_refuse(chat, request->id, 400, NULL, error);
}

void sim_chat_report(const struct sim_chat *chat, struct buf *out)
{
    const struct sim_quota *quota = &chat->quota;
    struct h2_server_stats http;
    const char *comma = "";
    h2_server_stats(chat->server, &http);
    buf_printf(out,
               "{\"http\": {\"connections\": %" PRIu64 ", \"connections_open\": %" PRIu64
               ", \"streams_open\": %" PRIu64 ", \"resets\": %" PRIu64 ", \"streams_max\": %u}",
               http.connections, http.connections_open, http.streams_open, http.resets,
               chat->streams);
    if (quota->requests.limit > 0)
        buf_printf(out, ", \"requests_left\": %" PRId64, sim_quota_left(&quota->requests));
    if (quota->tokens.limit > 0)
        buf_printf(out, ", \"tokens_left\": %" PRId64, sim_quota_left(&quota->tokens));
    buf_puts(out, ", \"faults\": {");
    for (int fault = 0; fault < SIM_FAULTS; fault++) {
        if (chat->struck[fault] == 0)
            continue;
        buf_printf(out, "%s\"%s\": %" PRIu64, comma, sim_fault_name((enum sim_fault)fault),
                   chat->struck[fault]);
        comma = ", ";
    }
    buf_puts(out, "}}");
}

/* -- the server -- */

static const struct {
    const char *method, *path;
    bool keyed; /* asks for the bearer token */
    void (*run)(struct sim_chat *chat, const struct h2_request *request);
} routes[] = {
    {"POST", "/v1/chat/completions", true, completions},
    {"GET", "/v1/models", true, models},
    {"GET", "/sim/stats", false, stats_send},
    {"POST", "/sim/control", false, control_read},
};

static void on_request(void *ctx, const struct h2_request *request)
{
    struct sim_chat *chat = ctx;
    struct h2_server_stats http;
    size_t len = strcspn(request->path, "?");
    h2_server_stats(chat->server, &http);
    chat->stats->chat.connections = http.connections;
    if (request->refused != 0) {
        sim_chat_refuse(chat, request->id, request->refused, NULL, "The request is too large.");
        return;
    }
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strlen(routes[i].path) != len || memcmp(routes[i].path, request->path, len) != 0)
            continue;
        if (strcmp(routes[i].method, request->method) != 0)
            sim_chat_refuse(chat, request->id, 405, "method_not_supported",
                            "This method is not allowed here.");
        else if (routes[i].keyed && !key_ok(chat, request))
            sim_chat_refuse(chat, request->id, 401, "invalid_api_key",
                            "Incorrect API key provided.");
        else
            routes[i].run(chat, request);
        return;
    }
    sim_chat_refuse(chat, request->id, 404, "unknown_url",
                    "Unknown path. There are /v1/chat/completions, /v1/models, /sim/stats and "
                    "/sim/control.");
}

static void on_cancel(void *ctx, uint64_t id)
{
    struct sim_chat *chat = ctx;
    if (sim_chat_task_cancel(chat, id) && !chat->closing)
        chat->stats->chat.cancelled++;
}

/* -- start and stop -- */

/* A limit on streams that is always there holds before the first request. */
static void streams_begin(struct sim_chat *chat)
{
    int64_t streams = chat->config->chat_streams_max;
    strikes(chat, SIM_FAULT_STREAMS, &streams);
    streams_limit(chat, (unsigned)streams);
}

static int plan_set(struct sim_chat *chat, const char *list, char *error, unsigned size)
{
    struct sim_fault_plan *faults;
    int status = sim_fault_plan_create(&faults, list, SIM_SIDE_CHAT, error, size);
    if (status != 0)
        return status;
    sim_fault_plan_destroy(chat->faults);
    chat->faults = faults;
    return 0;
}

int sim_chat_faults(struct sim_chat *chat, const char *list, char *error, unsigned size)
{
    int status = plan_set(chat, list, error, size);
    if (status == 0)
        streams_begin(chat);
    return status;
}

void sim_chat_control(struct sim_chat *chat, struct sim_speech *speech)
{
    chat->speech = speech;
}

static void chat_free(struct sim_chat *chat)
{
    assert(chat->stats->chat.in_flight == 0);
    sim_fault_plan_destroy(chat->faults);
    sim_latency_destroy(chat->first_token);
    mem_free(chat);
}

static int chat_prepare(struct sim_chat *chat)
{
    char error[256] = "";
    const struct sim_config *config = chat->config;
    int status = STATUS_INVALID;
    if (config->requests_minute < 0 || config->tokens_minute < 0 || config->chat_tokens_s < 0 ||
        config->chat_streams_max < 1)
        snprintf(error, sizeof error, "a number of [chat] is too small (see --help)");
    else
        status =
            sim_latency_parse(config->chat_first_token, &chat->first_token, error, sizeof error);
    if (status == 0)
        status = plan_set(chat, config->chat_faults, error, sizeof error);
    if (status != 0)
        fprintf(stderr, "sotto-sim: chat: %s\n", error[0] != '\0' ? error : status_text(status));
    else
        sim_quota_init(&chat->quota, config->requests_minute, config->tokens_minute,
                       chat->opened_us);
    return status;
}

int sim_chat_open(struct sim_chat **out, struct loop *loop, const struct sim_config *config,
                  struct sim_stats *stats)
{
    struct sim_chat *chat = mem_calloc(1, sizeof *chat);
    if (chat == NULL)
        return STATUS_NOMEM;
    chat->loop = loop;
    chat->config = config;
    chat->stats = stats;
    chat->opened_us = loop_now_us(loop);
    chat->streams = (unsigned)config->chat_streams_max;
    rng_init(&chat->rng, (uint64_t)config->seed ^ SEED_CHAT);
    int status = chat_prepare(chat);
    struct h2_server_config h2 = {.host = "127.0.0.1",
                                  .port = (unsigned)config->chat_port,
                                  .cert_dir = config->dir,
                                  .conn_streams = chat->streams,
                                  .window_bytes = WINDOW_BYTES,
                                  .connections_max = CONNECTIONS_MAX,
                                  .streams_max = STREAMS_MAX,
                                  .ops = {.on_request = on_request, .on_cancel = on_cancel},
                                  .ctx = chat};
    if (status == 0 && (status = h2_server_open(&chat->server, loop, &h2)) != 0)
        fprintf(stderr, "sotto-sim: chat: port %u cannot be had, or %s/cert.pem not written: %s\n",
                h2.port, h2.cert_dir, status_text(status));
    if (status != 0) {
        chat_free(chat);
        return status;
    }
    streams_begin(chat);
    *out = chat;
    return 0;
}

unsigned sim_chat_port(const struct sim_chat *chat)
{
    return h2_server_port(chat->server);
}

static void server_closed(void *ctx)
{
    struct sim_chat *chat = ctx;
    void (*on_closed)(void *ctx) = chat->on_closed;
    void *closed_ctx = chat->closed_ctx;
    chat_free(chat);
    on_closed(closed_ctx);
}

void sim_chat_close(struct sim_chat *chat, void (*on_closed)(void *ctx), void *ctx)
{
    assert(on_closed != NULL && !chat->closing);
    chat->closing = true;
    chat->on_closed = on_closed;
    chat->closed_ctx = ctx;
    h2_server_close(chat->server, server_closed, chat);
}
