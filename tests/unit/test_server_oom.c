/* What workers do, without memory: each allocation of reading and writing fails in turn, jansson's
 * included. What comes out is right, or a status says that there is nothing. */
#include "base/buf.h"
#include "base/json.h"
#include "base/status.h"
#include "grammar/grammar.h"
#include "pool/chat.h"
#include "pool/chat_provider.h"
#include "server/codec.h"
#include "server/event.h"
#include "stt/wire.h"
#include "tests/oom.h"
#include "translate/translate.h"

static bool is_json(const char *text)
{
    json_t *root;
    int status = json_read(text, strlen(text), 0, &root);
    json_decref(root);
    return status == STATUS_OK;
}

/* --- messages and events --- */

static void test_messages(void)
{
    static const char *const texts[] = {
        "{\"type\":\"session.start\",\"source\":\"en-US\",\"targets\":[\"es\",\"de\"],"
        "\"rate\":16000,\"vocabulary\":[\"cat\",\"dog\"],\"glossary\":[{\"from\":\"a\",\"to\":"
        "\"b\","
        "\"lang\":\"es\"}],\"class\":\"c\",\"name\":\"n\"}",
        "{\"type\":\"session.update\",\"grammar\":false,\"targets\":[]}",
        "{\"type\":\"audio.flush\",\"id\":\"7\"}",
        "{\"type\":\"nonsense\"}",
        "no JSON",
    };
    static const enum client_kind kinds[] = {CLIENT_START, CLIENT_UPDATE, CLIENT_FLUSH,
                                             CLIENT_UNKNOWN, CLIENT_BAD};
    for (unsigned i = 0; i < 5; i++) {
        for (struct oom oom = {.len = 1 + i % 2 * 9}; oom_next(&oom);) {
            struct client_message *message = client_message_parse(texts[i], strlen(texts[i]));
            bool failed = oom_end(&oom);
            CHECK(message != NULL || failed);
            if (message == NULL)
                continue;
            /* Never half of what was said, nor that something was wrong with it. */
            CHECK(!failed && message->kind == kinds[i]);
            if (message->kind == CLIENT_BAD || message->kind == CLIENT_UNKNOWN)
                CHECK(message->code[0] != '\0' && message->problem[0] != '\0');
            else if (i == 0)
                CHECK(message->settings.vocabulary_len == 2 && message->settings.glossary_len == 1);
            client_message_free(message);
        }
    }
}

static struct event *event_make(enum event_kind kind)
{
    struct event *event = event_create(kind);
    if (event == NULL)
        return NULL;
    event->committed = event->corrected = event->reason = event->message = "She has two cats.";
    event->tentative = event->code = event->session = event->id = "\"x\\\n";
    event->language = event->started_at = event_str(event, "es");
    event->settings = (struct client_settings){.source = "en",
                                               .explain_in = "de",
                                               .class_name = "c",
                                               .name = "n",
                                               .stability = STABILITY_LOW};
    return event;
}

static void test_events(void)
{
    for (int kind = EVENT_STARTED; kind <= EVENT_ERROR; kind++) {
        for (struct oom oom = {.len = 1}; oom_next(&oom);) {
            struct event *event = event_make((enum event_kind)kind);
            struct buf out;
            if (event == NULL || event->incomplete) {
                CHECK(oom_end(&oom));
                event_free(event);
                continue;
            }
            buf_init(&out, 65536);
            buf_printf(&out, "%*s", CODEC_HEAD_MAX, "");
            int status = codec_event_write(event, &out);
            CHECK_EQ(status, oom_end(&oom) ? STATUS_NOMEM : STATUS_OK);
            if (status == STATUS_OK)
                CHECK(is_json(codec_splice(out.data + CODEC_HEAD_MAX, 1, 1, NULL)));
            buf_deinit(&out);
            event_free(event);
        }
    }
}

/* --- the chat API --- */

static const struct translate_prompt translation = {.model = "m",
                                                    .source = "en-US",
                                                    .target = "es",
                                                    .text = "She has two cats.",
                                                    .before = "Hello.",
                                                    .before_target = "Hola.",
                                                    .terms = "\ncat = gato"};
static const struct grammar_prompt correction = {
    .model = "m", .language = "en-US", .text = "she have two cat", .json_schema = true};

static void test_requests(void)
{
    for (int grammar = 0; grammar < 2; grammar++) {
        for (struct oom oom = {.len = 1}; oom_next(&oom);) {
            struct buf body;
            uint32_t cost = 0;
            buf_init(&body, 65536);
            int status = grammar ? grammar_request_write(&correction, &body, &cost)
                                 : translate_request_write(&translation, &body, &cost);
            CHECK_EQ(status, oom_end(&oom) ? STATUS_NOMEM : STATUS_OK);
            CHECK(status != STATUS_OK || (cost > 0 && is_json(body.data)));
            buf_deinit(&body);
        }
    }
}

static const char stream[] =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Tiene \"}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"dos gatos.\"},"
    "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
static const char plain[] =
    "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"Tiene dos "
    "gatos.\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9}}";

static void test_answers(void)
{
    for (int streamed = 0; streamed < 2; streamed++) {
        const char *body = streamed ? stream : plain;
        for (struct oom oom = {.len = 1 + (unsigned)streamed * 3}; oom_next(&oom);) {
            struct chat_reader *reader = chat_reader_create(streamed);
            struct chat_result result;
            if (reader == NULL)
                continue;
            for (const char *at = body; *at != '\0'; at++)
                chat_reader_feed(reader, at, 1);
            int status = chat_reader_end(reader);
            CHECK_EQ(status, oom_end(&oom) ? STATUS_NOMEM : STATUS_OK);
            chat_reader_result(reader, &result);
            if (status == STATUS_OK)
                CHECK_STR(result.text, "Tiene dos gatos.");
            chat_reader_destroy(reader);
        }
    }
}

static const char corrected[] =
    "{\"corrected\":\"She has two cats\",\"edits\":[{\"from\":\"have\",\"to\":\"has\","
    "\"kind\":\"agreement\",\"message\":\"she has\"}]}";

static void test_corrections(void)
{
    for (struct oom oom = {.len = 1}; oom_next(&oom);) {
        struct grammar_result result = {0};
        int status = grammar_answer_read(&correction, corrected, sizeof corrected - 1, &result);
        CHECK_EQ(status, oom_end(&oom) ? STATUS_NOMEM : STATUS_OK);
        if (status == STATUS_OK)
            CHECK_STR(result.corrected, "She has two cats");
        grammar_result_free(&result);
    }
}

static void test_errors(void)
{
    static const char body[] = "{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"no\"}}";
    for (struct oom oom = {.len = 1}; oom_next(&oom);) {
        struct chat_error error;
        chat_provider_error(&chat_openai, 429, body, sizeof body - 1, &error);
        CHECK(oom_end(&oom) || error.quota);
    }
}

/* --- caches --- */

static void test_caches(void)
{
    struct grammar_key key = {"en-US", NULL, correction.text};
    struct grammar_edit edit = {0, 3, GRAMMAR_AGREEMENT, "she", "She", "m"};
    struct grammar_result put = {.corrected = "She has", .edits = &edit, .edits_len = 1};
    for (struct oom oom = {.len = 1}; oom_next(&oom);) {
        struct translate_cache *texts = translate_cache_create(8);
        struct grammar_cache *corrections = grammar_cache_create(8);
        struct grammar_result got = {0};
        char *text = NULL;
        if (texts != NULL) {
            translate_cache_put(texts, &translation, "Tiene");
            text = translate_cache_get(texts, &translation);
        }
        int status = STATUS_NOMEM;
        if (corrections != NULL) {
            grammar_cache_put(corrections, &key, &put);
            status = grammar_cache_get(corrections, &key, &got);
        }
        CHECK(oom_end(&oom) || (text != NULL && status == STATUS_OK));
        CHECK(text == NULL || strcmp(text, "Tiene") == 0);
        CHECK(status != STATUS_OK || strcmp(got.corrected, "She has") == 0);
        mem_free(text);
        grammar_result_free(&got);
        translate_cache_destroy(texts);
        grammar_cache_destroy(corrections);
    }
}

/* --- the speech API --- */

static void test_speech(void)
{
    /* StreamingRecognizeResponse of v1: results {alternatives {transcript, words {…}}, is_final}.
     */
    static const char response[] = "\x12\x1f\x0a\x1b\x0a\x07she has\x1a\x09\x0a\x00\x12\x00\x1a\x03"
                                   "she\x1a\x05\x1a\x03has\x10\x01";
    static const char *const phrases[] = {"cat", "dog"};
    struct stt_context context = {.phrases = phrases, .phrases_len = 2};
    struct stt_recognition_config config = {.rate = 16000,
                                            .language = "en-US",
                                            .recognizer = "projects/p/locations/l/recognizers/_",
                                            .contexts = &context,
                                            .contexts_len = 1,
                                            .interim_results = true};
    static const struct stt_wire *const wires[] = {&stt_wire_google_v1, &stt_wire_google_v2,
                                                   &stt_wire_riva};
    for (int i = 0; i < 3; i++) {
        for (struct oom oom = {.len = 1}; oom_next(&oom);) {
            struct stt_response *heard = NULL;
            struct buf out;
            buf_init(&out, 65536);
            int written = wires[i]->config_write(&config, &out);
            bool failed = mem_failed() > 0;
            CHECK_EQ(written, failed ? STATUS_NOMEM : STATUS_OK);
            int read = wires[i]->response_read(response, sizeof response - 1, &heard);
            CHECK(i > 0 || failed || read == (mem_failed() > 0 ? STATUS_NOMEM : STATUS_OK));
            if (i == 0 && read == STATUS_OK)
                CHECK_STR(heard->results[0].transcript, "she has");
            stt_response_free(heard);
            buf_deinit(&out);
        }
    }
}

int main(void)
{
    is_json("{}"); /* jansson's memory is ours from now on */
    RUN(test_messages);
    RUN(test_events);
    RUN(test_requests);
    RUN(test_answers);
    RUN(test_corrections);
    RUN(test_errors);
    RUN(test_caches);
    RUN(test_speech);
    return check_done();
}
