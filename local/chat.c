#include "local/chat.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/thread.h"
#include "base/worker.h"
#include "local/apertium.h"
#include "local/chat_codec.h"
#include "local/grammar.h"
#include "local/h2_server.h"
#include "local/limits.h"
#include "loop/loop.h"
#include <assert.h>
#include <inttypes.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct local_chat {
    struct loop *loop;
    struct h2_server *server;
    struct loop_inbox inbox; /* its messages: quiesce, then stop */
    pthread_t thread;
    struct worker_pool *readers, *translators, *grammarians;
    struct apertium *apertium;
    struct local_grammar *grammar;          /* NULL: its dictionary is not installed */
    _Atomic bool stopping;                  /* relaxed: only saves work */
    char refused[2 * LOCAL_CHAT_TAG_BYTES]; /* reader's: pair refused last */
    bool quiet;                             /* loop's: no job is submitted any more */
    sem_t quiet_told;
    struct msg quiesce, stop;
};

enum { MSG_QUIESCE, MSG_STOP };

/* A request on its way through the workers. */
struct chat_job {
    struct job job;
    struct local_chat *chat;
    uint64_t id;
    int64_t received_us;
    struct local_chat_question question;
    size_t pair;
    size_t body_len;
    char body[];
};

static void job_free(struct msg *msg)
{
    struct chat_job *job = (struct chat_job *)msg;
    local_chat_question_deinit(&job->question);
    mem_free(job);
}

/* -- answers, any thread -- */

static void answer_send(struct local_chat *chat, uint64_t id, const struct h2_answer *answer)
{
    int status = h2_server_answer(chat->server, id, answer);
    if (status != 0)
        LOG_WARN(LOG_LOCAL, id, "answer lost", "status=%s", status_name(status));
}

static void fault_send(struct local_chat *chat, uint64_t id, const struct local_chat_fault *fault)
{
    struct buf body;
    struct h2_header headers[] = {{"content-type", "application/json"}, {"retry-after", "1"}};
    buf_init(&body, LOCAL_CHAT_REPLY_MAX);
    if (local_chat_fault_write(fault, &body) == 0) {
        bool retry = fault->status == 429 || fault->status == 503;
        answer_send(chat, id,
                    &(struct h2_answer){.status = fault->status,
                                        .headers = headers,
                                        .headers_len = retry ? 2 : 1,
                                        .body = body.data,
                                        .body_len = body.len});
    }
    buf_deinit(&body);
}

static void refuse(struct local_chat *chat, uint64_t id, unsigned status, const char *code,
                   const char *text)
{
    struct local_chat_fault fault;
    local_chat_fault_set(&fault, status, code, "%s", text);
    fault_send(chat, id, &fault);
}

static void refuse_full(struct local_chat *chat, uint64_t id)
{
    refuse(chat, id, 429, "rate_limit_exceeded",
           "Too many requests wait already. Try again later.");
}

static void reply_send(struct chat_job *job, const char *text)
{
    char id[32];
    uint64_t random;
    struct buf body;
    rng_secure(&random, sizeof random);
    snprintf(id, sizeof id, "chatcmpl-%016" PRIx64, random);
    struct local_chat_reply reply = {.id = id, .created = clock_wall_us() / 1000000, .text = text};
    struct h2_header type = {"content-type",
                             job->question.stream ? "text/event-stream" : "application/json"};
    buf_init(&body, LOCAL_CHAT_REPLY_MAX);
    int status = local_chat_reply_write(&job->question, &reply, &body);
    if (status == 0)
        answer_send(job->chat, job->id,
                    &(struct h2_answer){.status = 200,
                                        .headers = &type,
                                        .headers_len = 1,
                                        .body = body.data,
                                        .body_len = body.len});
    else
        refuse(job->chat, job->id, 500, NULL, "The answer could not be written.");
    buf_deinit(&body);
}

/* -- workers -- */

/* False: nobody waits for it any more, or it waited too long and was told so. */
static bool job_wanted(struct chat_job *job)
{
    if (atomic_load_explicit(&job->chat->stopping, memory_order_relaxed) ||
        !h2_server_alive(job->chat->server, job->id))
        return false;
    if (clock_mono_us() - job->received_us < (int64_t)LOCAL_CHAT_WAIT_MS * 1000)
        return true;
    refuse(job->chat, job->id, 503, "server_is_overloaded", "The request waited too long.");
    return false;
}

static void job_failed(struct chat_job *job, int status)
{
    switch (status) {
    case STATUS_INVALID: refuse(job->chat, job->id, 400, NULL, "The text is not valid."); break;
    case STATUS_LIMIT:
        refuse(job->chat, job->id, 400, "context_length_exceeded", "The text is too long.");
        break;
    case STATUS_UNAVAILABLE:
    case STATUS_TIMEOUT:
        refuse(job->chat, job->id, 503, NULL, "The engine is being started anew. Try again.");
        break;
    default: refuse(job->chat, job->id, 500, NULL, "The engine failed."); break;
    }
}

static void run_translate(struct job *run)
{
    struct chat_job *job = (struct chat_job *)run;
    struct buf text;
    buf_init(&text, APERTIUM_ANSWER_MAX);
    if (job_wanted(job)) {
        int status = apertium_translate(job->chat->apertium, job->pair, job->question.text, &text);
        if (status == 0)
            reply_send(job, text.len > 0 ? text.data : "");
        else
            job_failed(job, status);
    }
    buf_deinit(&text);
    job_free(&job->job.msg);
}

static void run_grammar(struct job *run)
{
    struct chat_job *job = (struct chat_job *)run;
    struct buf json;
    buf_init(&json, LOCAL_CHAT_REPLY_MAX);
    if (job->chat->grammar == NULL) {
        refuse(job->chat, job->id, 503, NULL, "The grammar dictionary is not installed.");
    } else if (job_wanted(job)) {
        struct local_grammar_question question = {.language = job->question.source,
                                                  .explain_in = job->question.target,
                                                  .text = job->question.text};
        int status = local_grammar_check(job->chat->grammar, &question, &json);
        if (status == 0)
            reply_send(job, json.data);
        else
            job_failed(job, status);
    }
    buf_deinit(&json);
    job_free(&job->job.msg);
}

/* A session asks again with every sentence: the same pair is told once. On the reader's thread. */
static void pair_log(struct local_chat *chat, const struct local_chat_question *question,
                     const char *installed)
{
    char pair[sizeof chat->refused];
    snprintf(pair, sizeof pair, "%s-%s", question->source, question->target);
    if (strcmp(pair, chat->refused) == 0)
        return;
    memcpy(chat->refused, pair, sizeof pair);
    LOG_WARN(LOG_LOCAL, 0, "language pair not installed",
             "source=%s target=%s installed=%s hint=%s", question->source, question->target,
             LOG_Q(installed),
             LOG_Q("apt-cache search '^apertium-' lists packages of pairs; restart afterwards"));
}

static void refuse_pair(struct chat_job *job)
{
    const struct apertium *apertium = job->chat->apertium;
    struct local_chat_fault fault;
    struct buf names;
    buf_init(&names, LOCAL_CHAT_FAULT_BYTES);
    for (size_t i = 0; i < apertium_pairs(apertium); i++)
        buf_printf(&names, "%s%s", i > 0 ? ", " : "", apertium_pair_name(apertium, i));
    local_chat_fault_set(&fault, 400, "unsupported_value",
                         "No translation from %s to %s is installed here. Installed: %s.",
                         job->question.source, job->question.target,
                         names.len > 0 ? names.data : "none");
    fault.param = "messages";
    fault_send(job->chat, job->id, &fault);
    pair_log(job->chat, &job->question, names.len > 0 ? names.data : "none");
    buf_deinit(&names);
}

/* Reads the request and passes the job on; a pair's requests go to one thread, which owns its
 * pipeline. */
static void run_read(struct job *run)
{
    struct chat_job *job = (struct chat_job *)run;
    struct local_chat *chat = job->chat;
    struct local_chat_fault fault;
    int status = STATUS_CANCELLED;
    if (job_wanted(job)) {
        status = local_chat_question_read(job->body, job->body_len, &job->question, &fault);
        if (status != 0)
            fault_send(chat, job->id, &fault);
    }
    if (status == 0 && job->question.kind == LOCAL_CHAT_GRAMMAR) {
        job->job.run = run_grammar;
        status = worker_pool_submit(chat->grammarians, 0, &job->job);
        if (status != 0)
            refuse_full(chat, job->id);
    } else if (status == 0) {
        status = apertium_pair_find(chat->apertium, job->question.source, job->question.target,
                                    &job->pair);
        job->job.run = run_translate;
        if (status != 0)
            refuse_pair(job);
        else if ((status = worker_pool_submit(chat->translators, job->pair, &job->job)) != 0)
            refuse_full(chat, job->id);
    }
    if (status != 0)
        job_free(&job->job.msg);
}

static struct chat_job *job_create(struct local_chat *chat, uint64_t id, const char *body,
                                   size_t len)
{
    struct chat_job *job = mem_calloc(1, sizeof *job + len + 1);
    if (job == NULL)
        return NULL;
    job->job.msg.free_fn = job_free;
    job->chat = chat;
    job->id = id;
    job->body_len = len;
    memcpy(job->body, body, len);
    return job;
}

/* -- the loop -- */

static void models_send(struct local_chat *chat, uint64_t id)
{
    struct buf body;
    struct h2_header type = {"content-type", "application/json"};
    buf_init(&body, LOCAL_CHAT_REPLY_MAX);
    if (local_chat_models_write(clock_wall_us() / 1000000, &body) == 0)
        answer_send(chat, id,
                    &(struct h2_answer){.status = 200,
                                        .headers = &type,
                                        .headers_len = 1,
                                        .body = body.data,
                                        .body_len = body.len});
    buf_deinit(&body);
}

static void completions(struct local_chat *chat, const struct h2_request *request)
{
    struct chat_job *job = job_create(chat, request->id, request->body, request->body_len);
    if (job == NULL) {
        refuse(chat, request->id, 503, NULL, "Out of memory.");
        return;
    }
    job->received_us = loop_now_us(chat->loop);
    job->job.run = run_read;
    if (chat->quiet || worker_pool_submit(chat->readers, request->id, &job->job) != 0) {
        refuse_full(chat, request->id);
        job_free(&job->job.msg);
    }
}

static void on_request(void *ctx, const struct h2_request *request)
{
    struct local_chat *chat = ctx;
    size_t path_len = strcspn(request->path, "?");
    bool models = path_len == 10 && strncmp(request->path, "/v1/models", 10) == 0;
    bool chats = path_len == 20 && strncmp(request->path, "/v1/chat/completions", 20) == 0;
    const char *method = models ? "GET" : "POST";
    if (request->refused != 0)
        refuse(chat, request->id, request->refused, NULL, "The request is too large.");
    else if (!models && !chats)
        refuse(chat, request->id, 404, "unknown_url",
               "Unknown path. There are /v1/models and /v1/chat/completions.");
    else if (strcmp(request->method, method) != 0)
        refuse(chat, request->id, 405, "method_not_supported", "This method is not allowed here.");
    else if (models)
        models_send(chat, request->id);
    else
        completions(chat, request);
}

static void server_closed(void *ctx)
{
    struct local_chat *chat = ctx;
    loop_stop(chat->loop);
}

static void on_stop(struct loop_inbox *inbox, struct msg *msg)
{
    struct local_chat *chat =
        (struct local_chat *)((char *)inbox - offsetof(struct local_chat, inbox));
    if (msg->kind == MSG_STOP) {
        h2_server_close(chat->server, server_closed, chat);
        return;
    }
    chat->quiet = true;
    sem_post(&chat->quiet_told);
}

static void *loop_main(void *ctx)
{
    struct local_chat *chat = ctx;
    loop_run(chat->loop);
    return NULL;
}

/* -- start and stop -- */

/* The first pair fit for everyday use is started ahead: its first request would wait for eleven
 * programs. */
static void run_warm_pair(struct job *run)
{
    struct chat_job *job = (struct chat_job *)run;
    struct buf text;
    buf_init(&text, APERTIUM_ANSWER_MAX);
    apertium_translate(job->chat->apertium, job->pair, "Hello.", &text);
    buf_deinit(&text);
    job_free(&job->job.msg);
}

static int warm(struct local_chat *chat)
{
    size_t pair;
    if (apertium_pair_find(chat->apertium, "en", "es", &pair) != 0)
        return 0;
    struct chat_job *job = job_create(chat, 0, "", 0);
    if (job == NULL)
        return STATUS_NOMEM;
    job->pair = pair;
    job->job.run = run_warm_pair;
    worker_pool_submit(chat->translators, pair, &job->job);
    return 0;
}

static int grammar_load(struct local_chat *chat)
{
    int status = local_grammar_create(&chat->grammar);
    if (status != STATUS_UNAVAILABLE)
        return status;
    LOG_WARN(LOG_LOCAL, 0, "no grammar", "missing=%s", "link-grammar-dictionaries-en");
    return 0;
}

static int workers_start(struct local_chat *chat)
{
    chat->readers = worker_pool_create(1, LOCAL_CHAT_READ_QUEUE);
    chat->translators = worker_pool_create(LOCAL_CHAT_TRANSLATORS, LOCAL_CHAT_TRANSLATE_QUEUE);
    chat->grammarians = worker_pool_create(1, LOCAL_CHAT_GRAMMAR_QUEUE);
    if (chat->readers == NULL || chat->translators == NULL || chat->grammarians == NULL)
        return STATUS_NOMEM;
    return warm(chat);
}

static void workers_stop(struct local_chat *chat)
{
    worker_pool_destroy(chat->readers);
    worker_pool_destroy(chat->translators);
    worker_pool_destroy(chat->grammarians);
    chat->readers = chat->translators = chat->grammarians = NULL;
}

static int server_start(struct local_chat *chat, const struct local_chat_config *config)
{
    struct h2_server_config h2 = {.host = config->host,
                                  .port = config->port,
                                  .cert_dir = config->cert_dir,
                                  .ops.on_request = on_request,
                                  .ctx = chat};
    int status = loop_create(&chat->loop, LOOP_AUTO);
    if (status == 0)
        status = loop_inbox_open(chat->loop, &chat->inbox, 2, on_stop);
    if (status == 0)
        status = h2_server_open(&chat->server, chat->loop, &h2);
    return status;
}

static void chat_free(struct local_chat *chat)
{
    /* Only now: whoever asked for the stop may still have been inside mailbox_send() when it was
     * read. */
    if (chat->inbox.mailbox != NULL)
        loop_inbox_close(&chat->inbox);
    if (chat->loop != NULL)
        loop_destroy(chat->loop);
    local_grammar_destroy(chat->grammar);
    apertium_destroy(chat->apertium);
    sem_destroy(&chat->quiet_told);
    mem_free(chat);
}

int local_chat_start(struct local_chat **out, const struct local_chat_config *config)
{
    assert(out != NULL && config->host != NULL && config->cert_dir != NULL);
    struct local_chat *chat = mem_calloc(1, sizeof *chat);
    if (chat == NULL)
        return STATUS_NOMEM;
    signal(SIGPIPE, SIG_IGN);
    sem_init(&chat->quiet_told, 0, 0);
    chat->quiesce.kind = MSG_QUIESCE;
    chat->stop.kind = MSG_STOP;
    int status = apertium_create(&chat->apertium, &(struct apertium_config){0});
    if (status == 0)
        status = grammar_load(chat);
    if (status == 0)
        status = server_start(chat, config);
    if (status == 0)
        status = workers_start(chat);
    if (status == 0)
        status = thread_start(&chat->thread, "chat", loop_main, chat);
    if (status == 0) {
        *out = chat;
        return 0;
    }
    chat->stopping = true;
    workers_stop(chat);
    if (chat->server != NULL) {
        /* The loop has no thread: it runs here until the server is closed. */
        mailbox_send(chat->inbox.mailbox, &chat->stop);
        loop_run(chat->loop);
    }
    chat_free(chat);
    return status;
}

unsigned local_chat_port(const struct local_chat *chat)
{
    return h2_server_port(chat->server);
}

void local_chat_stop(struct local_chat *chat)
{
    atomic_store_explicit(&chat->stopping, true, memory_order_relaxed);
    /* The workers end first, for they answer through the server; before that the loop stops giving
     * them jobs. */
    int status = mailbox_send(chat->inbox.mailbox, &chat->quiesce);
    assert(status == 0);
    while (sem_wait(&chat->quiet_told) != 0)
        continue;
    workers_stop(chat);
    status = mailbox_send(chat->inbox.mailbox, &chat->stop);
    assert(status == 0);
    pthread_join(chat->thread, NULL);
    chat_free(chat);
}
