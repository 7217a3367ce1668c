#include "server/ask.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/worker.h"
#include "grammar/grammar.h"
#include "pool/chat.h"
#include "pool/chat_provider.h"
#include "pool/pool.h"
#include "server/config.h"
#include "server/metrics.h"
#include "server/outbox.h"
#include "server/server.h"
#include "server/upstream.h"
#include "translate/translate.h"
#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#define REQUEST_BYTES_MAX 65536

/* Finals are worth a second try by the pool itself; a partial is stale by then. */
#define FINAL_RETRIES 1

struct ask {
    struct job job; /* the build; afterwards unused */
    /* One until the last reply, one for each reply on its way to the worker. Relaxed to take (the
     * taker has one), acquire-release to drop. */
    _Atomic unsigned refs;
    /* Relaxed, set before the last reply is passed on: a reply was lost on the way. */
    _Atomic bool torn;
    struct server *server;
    uint64_t session, key, id;
    uint32_t lane, ask;
    bool grammar, final;
    bool stream; /* the answer comes in pieces; decided by the worker */
    char *source, *text;
    char *target; /* of grammar: the language of its explanations */
    /* Of a translation, as in struct translate_ask; NULL: none. */
    char *before, *before_target;
    struct translate_terms *terms;
    bool again;
    char *terms_found; /* in the text, by the worker */
    int64_t deadline_us;
    struct lat lat;
    uint32_t cost;
    unsigned upstream; /* that has answered */
    size_t shown;      /* bytes of a streamed answer already passed on */
    struct chat_reader *reader;
};

/* A reply as a job for the worker that owns its ask. */
struct reply_job {
    struct job job;
    struct pool_reply *reply;
};

static void ask_unref(struct ask *ask)
{
    if (atomic_fetch_sub_explicit(&ask->refs, 1, memory_order_acq_rel) > 1)
        return;
    mem_free(ask->source);
    mem_free(ask->target);
    mem_free(ask->text);
    mem_free(ask->before);
    mem_free(ask->before_target);
    translate_terms_unref(ask->terms);
    mem_free(ask->terms_found);
    chat_reader_destroy(ask->reader);
    mem_free(ask);
}

static void ask_job_free(struct msg *msg)
{
    ask_unref((struct ask *)msg);
}

static void answer_free(struct msg *msg)
{
    struct ask_answer *answer = (struct ask_answer *)msg;
    if (answer->result != NULL) {
        grammar_result_free(answer->result);
        mem_free(answer->result);
    }
    mem_free(answer->text);
    mem_free(answer);
}

static struct ask_answer *answer_create(const struct ask *ask, int status)
{
    struct ask_answer *answer = mem_calloc(1, sizeof *answer);
    if (answer == NULL)
        return NULL;
    answer->msg =
        (struct msg){.kind = FRONT_ANSWER, .session = ask->session, .free_fn = answer_free};
    answer->answer = (struct session_answer){.lane = ask->lane,
                                             .ask = ask->ask,
                                             .done = true,
                                             .partial = !ask->final,
                                             .status = status,
                                             .lat = ask->lat};
    return answer;
}

static void answer_post(const struct ask *ask, struct ask_answer *answer)
{
    lat_mark(&answer->answer.lat, LAT_SERVER, clock_mono_us());
    answer->answer.text = answer->text;
    answer->answer.result = answer->result;
    server_post(ask->server, &answer->msg);
}

static void post_failure(const struct ask *ask, int status)
{
    struct ask_answer *answer = answer_create(ask, status);
    /* Without memory for the news the lane's deadline tells it. */
    if (answer != NULL)
        answer_post(ask, answer);
}

static uint64_t pool_id(uint32_t serial, uint32_t lane, uint32_t ask)
{
    return (uint64_t)serial << 32 | (uint64_t)(lane & 0xffff) << 16 | (ask & 0xffff);
}

static const struct chat_side *side_of(const struct ask *ask)
{
    return &ask->server->chats.side[ask->grammar ? CHATS_GRAMMAR : CHATS_TRANSLATE];
}

static struct translate_prompt translate_prompt_of(const struct ask *ask)
{
    const struct chat_side *side = side_of(ask);
    return (struct translate_prompt){.api = &side->api,
                                     .model = side->model,
                                     .source = ask->source,
                                     .target = ask->target,
                                     .text = ask->text,
                                     .before = ask->before,
                                     .before_target = ask->before_target,
                                     .terms = ask->terms_found,
                                     .again = ask->again,
                                     .stream = ask->stream};
}

static struct grammar_prompt grammar_prompt_of(const struct ask *ask)
{
    const struct chat_side *side = side_of(ask);
    return (struct grammar_prompt){.api = &side->api,
                                   .model = side->model,
                                   .language = ask->source,
                                   .explain_in = ask->target,
                                   .text = ask->text,
                                   .json_schema = side->json_schema &&
                                                  chat_api_wants(&side->api, CHAT_NO_SCHEMA)};
}

static struct grammar_key grammar_key_of(const struct ask *ask)
{
    return (struct grammar_key){ask->source, ask->target, ask->text};
}

static bool answer_from_cache(struct ask *ask)
{
    struct ask_answer *answer = answer_create(ask, STATUS_OK);
    if (answer == NULL)
        return false;
    if (ask->grammar) {
        struct grammar_key key = grammar_key_of(ask);
        answer->result = mem_calloc(1, sizeof *answer->result);
        if (answer->result != NULL &&
            grammar_cache_get(ask->server->grammar_cache, &key, answer->result) != STATUS_OK) {
            mem_free(answer->result);
            answer->result = NULL;
        }
    } else {
        struct translate_prompt prompt = translate_prompt_of(ask);
        answer->text = translate_cache_get(ask->server->translate_cache, &prompt);
    }
    if (answer->text == NULL && answer->result == NULL) {
        metrics_add(METRIC_CACHE_MISSES, 1);
        mem_free(answer);
        return false;
    }
    answer->answer.cached = true;
    metrics_add(METRIC_CACHE_HITS, 1);
    answer_post(ask, answer);
    return true;
}

static int write_body(struct ask *ask, struct buf *body)
{
    if (ask->grammar) {
        struct grammar_prompt prompt = grammar_prompt_of(ask);
        return grammar_request_write(&prompt, body, &ask->cost);
    }
    struct translate_prompt prompt = translate_prompt_of(ask);
    return translate_request_write(&prompt, body, &ask->cost);
}

static enum pool_class class_of(const struct ask *ask)
{
    if (ask->grammar)
        return ask->final ? POOL_FINAL_GRAMMAR : POOL_PARTIAL_GRAMMAR;
    return ask->final ? POOL_FINAL_TRANSLATION : POOL_PARTIAL_TRANSLATION;
}

static void ask_fail(struct ask *ask, int status)
{
    post_failure(ask, status);
    ask_unref(ask);
}

static int submit(struct ask *ask, struct buf *body)
{
    size_t len;
    char *bytes = buf_take(body, &len);
    struct pool_request *request = bytes != NULL ? pool_request_create(bytes, len) : NULL;
    if (request == NULL) {
        mem_free(bytes);
        return STATUS_NOMEM;
    }
    request->msg.session = ask->session;
    request->id = ask->id;
    request->cls = class_of(ask);
    request->lane = ask->lane;
    request->weight = 1;
    request->cost_tokens = ask->cost;
    request->deadline_us = ask->deadline_us;
    request->retries = ask->final ? FINAL_RETRIES : 0;
    request->stream = ask->stream;
    request->ctx = ask;
    lat_mark(&ask->lat, LAT_SERVER, clock_mono_us());
    request->lat = ask->lat;
    int status = upstream_submit(ask->server->upstream, request);
    if (status != STATUS_OK)
        request->msg.free_fn(&request->msg);
    return status;
}

static void run_build(struct job *job)
{
    struct ask *ask = (struct ask *)job;
    /* Without memory it is asked without its terms. */
    (void)translate_terms_match(ask->terms, ask->text, &ask->terms_found);
    if (answer_from_cache(ask)) {
        ask_unref(ask);
        return;
    }
    struct buf body;
    buf_init(&body, REQUEST_BYTES_MAX);
    const struct chat_provider *provider = side_of(ask)->api.provider;
    ask->stream = !ask->grammar && ask->final && (provider->can & CHAT_CAN_STREAM) != 0 &&
                  translate_is_streamed(ask->text, ask->server->config->translate_stream_words);
    ask->reader = chat_provider_reader(provider, ask->stream);
    int status = ask->reader != NULL ? write_body(ask, &body) : STATUS_NOMEM;
    if (status == STATUS_OK)
        status = submit(ask, &body);
    /* Once submitted the ask belongs to its replies. */
    if (status != STATUS_OK)
        ask_fail(ask, status == STATUS_FULL ? STATUS_BUDGET : status);
    buf_deinit(&body);
}

/* A streamed final as far as it has come. */
static void post_piece(struct ask *ask)
{
    struct chat_result result;
    chat_reader_result(ask->reader, &result);
    if (result.len == ask->shown || result.len == 0)
        return;
    ask->shown = result.len;
    struct ask_answer *answer = answer_create(ask, STATUS_OK);
    if (answer == NULL)
        return;
    answer->answer.done = false;
    answer->text = mem_strndup(result.text, result.len);
    if (answer->text == NULL) {
        mem_free(answer);
        return;
    }
    answer_post(ask, answer);
}

static int read_grammar(struct ask *ask, const struct chat_result *result,
                        struct ask_answer *answer)
{
    struct grammar_prompt prompt = grammar_prompt_of(ask);
    answer->result = mem_calloc(1, sizeof *answer->result);
    if (answer->result == NULL)
        return STATUS_NOMEM;
    int status = grammar_answer_read(&prompt, result->text, result->len, answer->result);
    struct grammar_key key = grammar_key_of(ask);
    if (status == STATUS_OK)
        grammar_cache_put(ask->server->grammar_cache, &key, answer->result);
    return status;
}

static int read_translation(struct ask *ask, const struct chat_result *result,
                            struct ask_answer *answer)
{
    struct translate_prompt prompt = translate_prompt_of(ask);
    int status = translate_answer_read(&prompt, result->text, result->len, &answer->text);
    if (status == STATUS_OK)
        translate_cache_put(ask->server->translate_cache, &prompt, answer->text);
    return status;
}

/* Thousand-millionths of the currency: prices are thousandths for a million tokens. */
static uint64_t cost_of(const struct ask *ask, uint32_t in, uint32_t cached, uint32_t out)
{
    const struct config *config = ask->server->config;
    cached = cached < in ? cached : in;
    if (ask->grammar)
        return (in - cached) * config->price_grammar_in + cached * config->price_grammar_cached +
               out * config->price_grammar_out;
    return (in - cached) * config->price_translate_in + cached * config->price_translate_cached +
           out * config->price_translate_out;
}

/* An answer that does not tell its usage stays charged with the estimate. */
static void count_tokens(const struct ask *ask, const struct chat_result *result,
                         struct session_answer *answer)
{
    uint32_t in = result->prompt_tokens, out = result->completion_tokens;
    if (in + out > 0) {
        upstream_settle(ask->server->upstream, class_of(ask), ask->upstream, ask->cost, in + out);
    } else {
        /* Where characters are billed, they are those that were sent. */
        bool tokens = chat_api_follows(&side_of(ask)->api);
        out = tokens ? chat_tokens_estimate(result->text, result->len) : 0;
        in = ask->cost > out ? ask->cost - out : 0;
    }
    answer->tokens_in = in;
    answer->tokens_out = out;
    answer->cost_nanos = cost_of(ask, in, result->cached_tokens, out);
    metrics_add(METRIC_TOKENS_IN, in);
    metrics_add(METRIC_TOKENS_OUT, out);
    metrics_add(METRIC_COST, answer->cost_nanos);
}

static void post_done(struct ask *ask)
{
    bool torn = atomic_load_explicit(&ask->torn, memory_order_relaxed);
    int status = torn ? STATUS_TRUNCATED : chat_reader_end(ask->reader);
    struct chat_result result;
    chat_reader_result(ask->reader, &result);
    struct session_answer told = {0};
    count_tokens(ask, &result, &told);
    struct ask_answer *answer = answer_create(ask, STATUS_OK);
    if (answer == NULL)
        return;
    answer->answer.tokens_in = told.tokens_in;
    answer->answer.tokens_out = told.tokens_out;
    answer->answer.cost_nanos = told.cost_nanos;
    if (status == STATUS_OK)
        status = ask->grammar ? read_grammar(ask, &result, answer)
                              : read_translation(ask, &result, answer);
    if (status != STATUS_OK) {
        metrics_add(METRIC_ANSWERS_UNUSABLE, 1);
        LOG_WARN(LOG_POOL, ask->session, "unusable answer", "kind=%s status=%s code=%s",
                 ask->grammar ? "grammar" : "translation", status_name(status),
                 LOG_Q(result.error_code));
        if (answer->result != NULL)
            mem_free(answer->result);
        answer->result = NULL;
    }
    answer->answer.status = status;
    answer_post(ask, answer);
}

/* Ends a reply, and with the last of them the ask. A later one of the same ask may wait at the
 * worker while an earlier one is dropped here, or the other way round. */
static void reply_drop(struct pool_reply *reply)
{
    struct ask *ask = reply->ctx;
    if (reply->kind == POOL_DONE || reply->kind == POOL_FAILED)
        ask_unref(ask);
    reply->msg.free_fn(&reply->msg);
    ask_unref(ask);
}

/* What a refused request means to its lane. A field that the API does not want is left out from now
 * on: then asking again helps. Azure's filter refuses the request where others' cut the answer. */
static int refusal_of(const struct ask *ask, const struct pool_reply *reply)
{
    const struct chat_api *api = &side_of(ask)->api;
    struct chat_error error;
    bool news;
    if (reply->status != STATUS_REFUSED)
        return reply->status;
    chat_provider_error(api->provider, reply->http_status, reply->data, reply->len, &error);
    if (strcmp(error.code, "content_filter") == 0)
        return STATUS_FILTERED;
    if (!chat_api_learn(api, reply->http_status, &error, &news))
        return reply->status;
    if (news)
        LOG_WARN(LOG_POOL, ask->session, "the API refuses a field, which is left out from now on",
                 "field=%s message=%s", LOG_Q(error.param), LOG_Q(error.message));
    return STATUS_PROTOCOL;
}

static void run_reply(struct job *job)
{
    struct reply_job *reply_job = (struct reply_job *)job;
    struct pool_reply *reply = reply_job->reply;
    struct ask *ask = reply->ctx;
    ask->lat = reply->lat;
    ask->upstream = reply->upstream;
    switch (reply->kind) {
    case POOL_DATA:
        /* An error sticks in the reader and is judged at the end. */
        (void)chat_reader_feed(ask->reader, reply->data, reply->len);
        if (ask->stream)
            post_piece(ask);
        break;
    case POOL_RESTART:
        chat_reader_reset(ask->reader);
        ask->shown = 0;
        break;
    case POOL_DONE:
        (void)chat_reader_feed(ask->reader, reply->data, reply->len);
        post_done(ask);
        break;
    case POOL_FAILED: post_failure(ask, refusal_of(ask, reply)); break;
    }
    reply_drop(reply);
    mem_free(reply_job);
}

static void reply_job_free(struct msg *msg)
{
    struct reply_job *job = (struct reply_job *)msg;
    reply_drop(job->reply);
    mem_free(job);
}

void ask_on_reply(struct outbox *outbox, struct pool_reply *reply)
{
    struct ask *ask = reply->ctx;
    atomic_fetch_add_explicit(&ask->refs, 1, memory_order_relaxed);
    struct reply_job *job = mem_calloc(1, sizeof *job);
    if (job == NULL) {
        atomic_store_explicit(&ask->torn, true, memory_order_relaxed);
        reply_drop(reply);
        return;
    }
    job->job.msg.free_fn = reply_job_free;
    job->job.run = run_reply;
    job->reply = reply;
    if (outbox_submit(outbox, ask->key, &job->job) == STATUS_OK)
        return;
    atomic_store_explicit(&ask->torn, true, memory_order_relaxed);
    reply_job_free(&job->job.msg);
}

static struct ask *ask_create(const struct ask_from *from, uint32_t lane, uint32_t number)
{
    struct ask *ask = mem_calloc(1, sizeof *ask);
    if (ask == NULL)
        return NULL;
    atomic_init(&ask->refs, 1);
    ask->job.msg.free_fn = ask_job_free;
    ask->job.run = run_build;
    ask->server = from->server;
    ask->session = from->session;
    ask->key = from->key;
    ask->lane = lane;
    ask->ask = number;
    ask->id = pool_id(from->serial, lane, number);
    return ask;
}

static int ask_submit(struct outbox *outbox, struct ask *ask)
{
    bool whole = ask->source != NULL && ask->text != NULL && ask->target != NULL;
    int status = whole ? outbox_submit(outbox, ask->key, &ask->job) : STATUS_NOMEM;
    if (status != STATUS_OK)
        ask_unref(ask);
    return status;
}

int ask_translate(struct outbox *outbox, const struct ask_from *from, uint32_t lane,
                  const struct translate_ask *question)
{
    struct ask *ask = ask_create(from, lane, question->ask);
    if (ask == NULL)
        return STATUS_NOMEM;
    ask->final = question->final;
    ask->deadline_us = question->deadline_us;
    ask->lat = question->lat;
    ask->source = mem_strdup(question->source);
    ask->target = mem_strdup(question->target);
    ask->text = mem_strdup(question->text);
    ask->again = question->again;
    ask->terms = translate_terms_ref(question->terms);
    if (question->before != NULL && question->before_target != NULL) {
        /* Without memory for it the text is asked for without its context. */
        ask->before = mem_strdup(question->before);
        ask->before_target = mem_strdup(question->before_target);
    }
    return ask_submit(outbox, ask);
}

int ask_grammar(struct outbox *outbox, const struct ask_from *from, uint32_t lane,
                const struct grammar_ask *question)
{
    struct ask *ask = ask_create(from, lane, question->ask);
    if (ask == NULL)
        return STATUS_NOMEM;
    ask->grammar = true;
    ask->final = question->final;
    ask->deadline_us = question->deadline_us;
    ask->lat = question->lat;
    ask->source = mem_strdup(question->language);
    ask->target = mem_strdup(question->explain_in);
    ask->text = mem_strdup(question->text);
    return ask_submit(outbox, ask);
}

void ask_cancel(const struct ask_from *from, uint32_t lane, uint32_t ask)
{
    upstream_cancel(from->server->upstream, from->session, pool_id(from->serial, lane, ask));
}
