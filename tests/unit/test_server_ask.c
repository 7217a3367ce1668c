/* The way of a question with the pool and the front played by the test: upstream_*() and
 * server_post() are its own. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/worker.h"
#include "grammar/grammar.h"
#include "pool/pool.h"
#include "server/ask.h"
#include "server/config.h"
#include "server/outbox.h"
#include "server/server.h"
#include "server/upstream.h"
#include "tests/check.h"
#include "translate/translate.h"
#include <pthread.h>

static struct pool_request *submitted; /* under `lock`, like what follows */
static int submit_status;
static struct ask_answer *answers[8];
static unsigned answers_len;
static bool gate_open;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

int upstream_submit(struct upstream *upstream, struct pool_request *request)
{
    pthread_mutex_lock(&lock);
    int status = submit_status;
    if (status == STATUS_OK)
        submitted = request;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return status;
}

void upstream_cancel(struct upstream *upstream, uint64_t session, uint64_t id)
{
}

void upstream_settle(struct upstream *upstream, enum pool_class cls, unsigned which,
                     uint32_t estimate, uint32_t used)
{
}

void server_post(struct server *server, struct msg *msg)
{
    pthread_mutex_lock(&lock);
    CHECK(answers_len < 8);
    answers[answers_len++] = (struct ask_answer *)msg;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static struct config config;
static struct server server = {
    .config = &config,
    .chats = {.side = {{{.provider = &chat_openai}, "m", true}, {{.provider = &chat_openai}, "m"}}},
};
static struct outbox outbox;

static void begin(void)
{
    submitted = NULL;
    submit_status = STATUS_OK;
    answers_len = 0;
    gate_open = false;
    server.workers = worker_pool_create(1, 64);
    server.translate_cache = translate_cache_create(16);
    server.grammar_cache = grammar_cache_create(16);
    outbox_init(&outbox, NULL, server.workers);
}

/* Runs what the worker still has, then frees everything: a leak or a use after free is the
 * sanitizer's to find. */
static void end(void)
{
    worker_pool_destroy(server.workers);
    outbox_deinit(&outbox);
    if (submitted != NULL)
        submitted->msg.free_fn(&submitted->msg);
    for (unsigned i = 0; i < answers_len; i++)
        answers[i]->msg.free_fn(&answers[i]->msg);
    translate_cache_destroy(server.translate_cache);
    grammar_cache_destroy(server.grammar_cache);
}

static void ask_text(const char *text, bool final)
{
    struct ask_from from = {.server = &server, .session = 7, .key = 7, .serial = 1};
    struct translate_ask question = {
        .ask = 3, .source = "en-US", .target = "es", .text = text, .segment = 1, .final = final};
    CHECK_EQ(ask_translate(&outbox, &from, 5, &question), STATUS_OK);
}

static void ask(void)
{
    ask_text("good morning", false);
}

static void wait_submitted(void)
{
    pthread_mutex_lock(&lock);
    while (submitted == NULL)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void wait_answers(unsigned len)
{
    pthread_mutex_lock(&lock);
    while (answers_len < len)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void reply_free(struct msg *msg)
{
    struct pool_reply *reply = (struct pool_reply *)msg;
    mem_free(reply->data);
    mem_free(reply);
}

static struct pool_reply *reply_make(enum pool_reply_kind kind, const char *data)
{
    struct pool_reply *reply = mem_calloc(1, sizeof *reply);
    reply->msg = (struct msg){.session = 7, .free_fn = reply_free};
    reply->kind = kind;
    reply->ctx = submitted->ctx;
    reply->data = data != NULL ? mem_strdup(data) : NULL;
    reply->len = data != NULL ? strlen(data) : 0;
    return reply;
}

static const char good[] =
    "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"buenos "
    "dias\"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}";

/* A job that holds the worker until the gate opens. */
static void run_gate(struct job *job)
{
    pthread_mutex_lock(&lock);
    while (!gate_open)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void close_gate(struct job *job)
{
    *job = (struct job){.run = run_gate};
    CHECK_EQ(worker_pool_submit(server.workers, 7, job), STATUS_OK);
}

static void open_gate(void)
{
    pthread_mutex_lock(&lock);
    gate_open = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void test_answer(void)
{
    begin();
    ask();
    wait_submitted();
    CHECK_EQ(submitted->msg.session, 7);
    ask_on_reply(&outbox, reply_make(POOL_DONE, good));
    wait_answers(1);
    const struct session_answer *answer = &answers[0]->answer;
    CHECK_EQ(answer->lane, 5);
    CHECK_EQ(answer->ask, 3);
    CHECK_EQ(answer->status, STATUS_OK);
    CHECK(answer->done);
    CHECK_STR(answer->text, "buenos dias");
    CHECK_EQ(answer->tokens_in, 9);
    end();
    CHECK_EQ(answers_len, 1);
}

/* A final of `stream_words` words comes in pieces, and each is passed on. */
static void test_long_final_is_streamed(void)
{
    begin();
    config.translate_stream_words = 2;
    ask_text("good morning", true);
    wait_submitted();
    CHECK(submitted->stream);
    ask_on_reply(&outbox, reply_make(POOL_DATA, "data: {\"choices\":[{\"delta\":{\"content\":"
                                                "\"buenos\"}}]}\n\n"));
    wait_answers(1);
    CHECK(!answers[0]->answer.done);
    CHECK_STR(answers[0]->answer.text, "buenos");
    ask_on_reply(&outbox, reply_make(POOL_DATA, "data: {\"choices\":[{\"delta\":{\"content\":"
                                                "\" dias\"},\"finish_reason\":\"stop\"}]}\n\n"
                                                "data: [DONE]\n\n"));
    ask_on_reply(&outbox, reply_make(POOL_DONE, NULL));
    wait_answers(3);
    CHECK(answers[2]->answer.done);
    CHECK_EQ(answers[2]->answer.status, STATUS_OK);
    CHECK_STR(answers[2]->answer.text, "buenos dias");
    end();
}

static void test_short_final_is_whole(void)
{
    begin();
    config.translate_stream_words = 3;
    ask_text("good morning", true);
    wait_submitted();
    CHECK(!submitted->stream);
    ask_on_reply(&outbox, reply_make(POOL_DATA, good));
    ask_on_reply(&outbox, reply_make(POOL_DONE, NULL));
    wait_answers(1);
    CHECK(answers[0]->answer.done);
    CHECK_STR(answers[0]->answer.text, "buenos dias");
    end();
}

/* The last reply is lost while an earlier one waits at the worker, which then reads the ask. */
static void test_last_reply_lost_while_another_waits(void)
{
    struct job gate;
    begin();
    ask();
    wait_submitted();
    close_gate(&gate);
    ask_on_reply(&outbox, reply_make(POOL_DATA, good));
    struct pool_reply *done = reply_make(POOL_DONE, NULL);
    mem_fail_nth(1);
    ask_on_reply(&outbox, done);
    mem_fail_nth(0);
    open_gate();
    end();
    CHECK_EQ(answers_len, 0); /* the lane's deadline tells it */
}

/* A piece in the middle is lost: what is left must not pass for an answer. */
static void test_lost_piece_is_no_answer(void)
{
    begin();
    ask();
    wait_submitted();
    struct pool_reply *piece = reply_make(POOL_DATA, "lost");
    mem_fail_nth(1);
    ask_on_reply(&outbox, piece);
    mem_fail_nth(0);
    ask_on_reply(&outbox, reply_make(POOL_DATA, good));
    ask_on_reply(&outbox, reply_make(POOL_DONE, NULL));
    wait_answers(1);
    CHECK_EQ(answers[0]->answer.status, STATUS_TRUNCATED);
    CHECK(answers[0]->answer.text == NULL);
    end();
}

/* The pool has gone away before the worker came to the question: it fails, at once and once. */
static void test_pool_gone(void)
{
    begin();
    submit_status = STATUS_CLOSED;
    ask();
    wait_answers(1);
    CHECK_EQ(answers[0]->answer.status, STATUS_CLOSED);
    CHECK(answers[0]->answer.done);
    end();
    CHECK_EQ(answers_len, 1);
}

static void test_pool_full_is_out_of_budget(void)
{
    begin();
    submit_status = STATUS_FULL;
    ask();
    wait_answers(1);
    CHECK_EQ(answers[0]->answer.status, STATUS_BUDGET);
    end();
}

static void ask_correction(const char *explain_in)
{
    struct ask_from from = {.server = &server, .session = 7, .key = 7, .serial = 1};
    struct grammar_ask question = {.ask = 3,
                                   .segment = 1,
                                   .final = true,
                                   .language = "en-US",
                                   .explain_in = explain_in,
                                   .text = "she have"};
    CHECK_EQ(ask_grammar(&outbox, &from, 5, &question), STATUS_OK);
}

/* What is explained in one language is asked for in it, and no answer for a reader of another. */
static void test_correction_is_explained(void)
{
    static const char correction[] =
        "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":"
        "\"{\\\"corrected\\\":\\\"she has\\\",\\\"edits\\\":[]}\"},"
        "\"finish_reason\":\"stop\"}]}";
    begin();
    ask_correction("es");
    wait_submitted();
    CHECK_EQ(submitted->cls, POOL_FINAL_GRAMMAR);
    CHECK(memmem(submitted->body, submitted->body_len, " explain=es]", 12) != NULL);
    ask_on_reply(&outbox, reply_make(POOL_DONE, correction));
    wait_answers(1);
    CHECK_STR(answers[0]->result->corrected, "she has");
    submitted->msg.free_fn(&submitted->msg);
    submitted = NULL;
    ask_correction("es");
    wait_answers(2);
    CHECK(answers[1]->answer.cached);
    CHECK(submitted == NULL);
    ask_correction("en-US");
    wait_submitted();
    CHECK(memmem(submitted->body, submitted->body_len, " explain=", 9) == NULL);
    ask_on_reply(&outbox, reply_make(POOL_DONE, correction));
    wait_answers(3);
    CHECK(!answers[2]->answer.cached);
    end();
}

int main(void)
{
    RUN(test_correction_is_explained);
    RUN(test_answer);
    RUN(test_long_final_is_streamed);
    RUN(test_short_final_is_whole);
    RUN(test_last_reply_lost_while_another_waits);
    RUN(test_lost_piece_is_no_answer);
    RUN(test_pool_gone);
    RUN(test_pool_full_is_out_of_budget);
    return check_done();
}
