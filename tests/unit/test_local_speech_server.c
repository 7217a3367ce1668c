/* The serving half alone, with an engine that only writes down what it is told: order, limits,
 * statuses. */
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "local/limits.h"
#include "local/recognizer.h"
#include "local/speech_server.h"
#include "tests/check.h"
#include "tests/upstream/speech_client.h"
#include <grpc/status.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>

/* What the engine saw. It answers "audio" with the number of bytes so far, as an interim result. */
struct seen {
    _Atomic int opens, finishes, closes, wrong;
    _Atomic size_t bytes;
    _Atomic bool hold;    /* consume nothing */
    _Atomic bool flood;   /* answer audio with many droppable and some lasting responses */
    _Atomic bool refuse;  /* open fails */
    _Atomic bool threads; /* the last words come from another thread */
};

static struct seen seen;
static struct local_speech_server *server;

struct heard {
    struct local_call *call;
    size_t bytes;
};

static void answer(struct local_call *call, const char *text, bool final)
{
    struct local_speech_result result = {
        .transcript = text, .final = final, .stability = final ? 0 : 0.5f, .end_us = 1000};
    local_call_respond(call, &(struct local_speech_response){.results = &result, .results_len = 1},
                       !final);
}

/* Long enough that what gRPC holds on the way is soon full. */
static const char *lasting(void)
{
    static char text[2000];
    memset(text, 'x', sizeof text - 1);
    return text;
}

static int engine_open(void *ctx, struct local_call *call, const struct local_speech_config *config,
                       void **handle, struct local_refusal *refusal)
{
    seen.wrong += ctx != &seen || config->rate != 16000;
    if (seen.refuse) {
        *refusal =
            (struct local_refusal){.code = GRPC_STATUS_RESOURCE_EXHAUSTED, .text = "all taken"};
        return STATUS_LIMIT;
    }
    struct heard *heard = mem_calloc(1, sizeof *heard);
    heard->call = call;
    *handle = heard;
    seen.opens++;
    return 0;
}

static void engine_audio(void *handle, const void *audio, size_t bytes)
{
    struct heard *heard = handle;
    char text[32];
    heard->bytes += bytes;
    seen.bytes += bytes;
    if (seen.hold)
        return;
    for (int i = 0; seen.flood && i < 400; i++)
        answer(heard->call, i % 4 == 0 ? lasting() : "dropped", i % 4 == 0);
    snprintf(text, sizeof text, "%zu", heard->bytes);
    answer(heard->call, text, false);
    local_call_consumed(heard->call, bytes);
}

static void *last_words(void *ctx)
{
    struct heard *heard = ctx;
    answer(heard->call, "last", true);
    local_call_end(heard->call, GRPC_STATUS_OK, "");
    local_call_end(heard->call, GRPC_STATUS_INTERNAL, "the first end counts");
    return NULL;
}

static void engine_finish(void *handle)
{
    pthread_t thread;
    seen.finishes++;
    if (!seen.threads) {
        last_words(handle);
        return;
    }
    pthread_create(&thread, NULL, last_words, handle);
    pthread_join(thread, NULL);
}

static void engine_close(void *handle)
{
    struct heard *heard = handle;
    struct local_call *call = heard->call;
    seen.closes++;
    mem_free(heard);
    local_call_release(call);
}

static const struct local_speech_engine_ops ops = {
    .open = engine_open, .audio = engine_audio, .finish = engine_finish, .close = engine_close};

static unsigned start(int64_t limit_ms, int64_t timeout_ms)
{
    struct local_speech_server_config config = {.host = "127.0.0.1",
                                                .languages = "en-US",
                                                .language_known = local_language_known,
                                                .stream_limit_ms = limit_ms,
                                                .audio_timeout_ms = timeout_ms,
                                                .engine = &ops,
                                                .engine_ctx = &seen};
    memset(&seen, 0, sizeof seen);
    CHECK_EQ(local_speech_server_start(&server, &config), 0);
    return local_speech_server_port(server);
}

static void stop(void)
{
    local_speech_server_stop(server);
    CHECK_EQ(seen.opens, seen.closes);
    CHECK_EQ(seen.wrong, 0);
}

static const struct client_config good = {
    .encoding = 1, .rate = 16000, .language = "en-US", .interim = true};

static void test_a_call_from_config_to_status(void)
{
    struct client_response response;
    struct speech_client *client = client_open(start(0, 0));
    seen.threads = true;
    CHECK(client_send_config(client, &good));
    for (int i = 1; i <= 3; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i * 3200);
        CHECK(client_send_audio(client, (char[3200]){0}, 3200));
        CHECK_EQ(client_read(client, &response, 5000), 1);
        CHECK_STR(response.results[0].text, text);
        CHECK(!response.results[0].final);
    }
    CHECK_EQ(local_speech_server_calls(server), 1);
    client_half_close(client);
    CHECK_EQ(client_read(client, &response, 5000), 1);
    CHECK_STR(response.results[0].text, "last");
    CHECK(response.results[0].final);
    CHECK_EQ(client_read(client, &response, 5000), 0);
    CHECK_EQ(client_status(client, 5000), GRPC_STATUS_OK);
    client_close(client);
    CHECK_EQ(seen.finishes, 1);
    stop();
}

/* A first message that is refused: status and a text that names the fault. */
static void refused(unsigned port, const struct client_config *config, int code, const char *named)
{
    struct client_response response;
    struct speech_client *client = client_open(port);
    client_send_config(client, config);
    CHECK_EQ(client_read(client, &response, 5000), 0);
    CHECK_EQ(client_status(client, 5000), code);
    if (strstr(client->details_text, named) == NULL)
        CHECK_STR(client->details_text, named);
    client_close(client);
}

static void test_configurations_are_checked(void)
{
    unsigned port = start(0, 0);
    struct client_config config = good;
    config.encoding = 0;
    refused(port, &config, GRPC_STATUS_INVALID_ARGUMENT, "encoding");
    config.encoding = 2;
    refused(port, &config, GRPC_STATUS_INVALID_ARGUMENT, "LINEAR16");
    config = good;
    config.rate = 7999;
    refused(port, &config, GRPC_STATUS_INVALID_ARGUMENT, "between 8000 and 48000");
    config.rate = 96000;
    refused(port, &config, GRPC_STATUS_INVALID_ARGUMENT, "sample_rate_hertz 96000");
    config = good;
    config.language = NULL;
    refused(port, &config, GRPC_STATUS_INVALID_ARGUMENT, "language_code is required");
    config.language = "de-DE";
    refused(port, &config, GRPC_STATUS_INVALID_ARGUMENT,
            "\"de-DE\" is not available; languages here: en-US");
    config = good;
    config.end_timeout_ms = 1000;
    refused(port, &config, GRPC_STATUS_INVALID_ARGUMENT, "enable_voice_activity_events");
    config.activity = true;
    config.end_timeout_ms = 499;
    refused(port, &config, GRPC_STATUS_INVALID_ARGUMENT, "between 500 ms and 60 s");
    CHECK_EQ(seen.opens, 0);
    seen.refuse = true;
    refused(port, &good, GRPC_STATUS_RESOURCE_EXHAUSTED, "all taken");
    CHECK_EQ(seen.closes, 0);
    stop();
}

static void ends(struct speech_client *client, int code, const char *text)
{
    struct client_response response;
    while (client_read(client, &response, 5000) == 1)
        ;
    CHECK_EQ(client_status(client, 5000), code);
    if (strstr(client->details_text, text) == NULL)
        CHECK_STR(client->details_text, text);
    client_close(client);
}

static void test_messages_out_of_order(void)
{
    unsigned port = start(0, 0);
    struct speech_client *client = client_open(port);
    client_send_audio(client, "ab", 2);
    ends(client, GRPC_STATUS_INVALID_ARGUMENT, "first message must contain 'streaming_config'");
    client = client_open(port);
    client_send_config(client, &good);
    client_send_config(client, &good);
    ends(client, GRPC_STATUS_INVALID_ARGUMENT, "only once");
    client = client_open(port);
    client_half_close(client);
    ends(client, GRPC_STATUS_INVALID_ARGUMENT, "before 'streaming_config'");
    client = client_open(port);
    client_send(client, "\x12\x7f", 2);
    ends(client, GRPC_STATUS_INVALID_ARGUMENT, "not a StreamingRecognizeRequest");
    client = client_open(port);
    client_send_config(client, &good);
    client_send(client, "", 0);
    ends(client, GRPC_STATUS_INVALID_ARGUMENT, "neither");
    client = client_open_method(port, "/google.cloud.speech.v1.Speech/Recognize");
    ends(client, GRPC_STATUS_UNIMPLEMENTED, "StreamingRecognize");
    stop();
}

static void test_audio_of_one_message_is_bounded(void)
{
    static char audio[25602];
    unsigned port = start(0, 0);
    struct speech_client *client = client_open(port);
    client_send_config(client, &good);
    client_send_audio(client, audio, 25600);
    client_send_audio(client, audio, 25602);
    ends(client, GRPC_STATUS_INVALID_ARGUMENT,
         "Audio chunk can be of a maximum of 25600 bytes. Received audio of 25602 bytes instead.");
    CHECK_EQ(seen.bytes, 25600);
    stop();
}

static void test_old_streams_are_cut(void)
{
    struct speech_client *client = client_open(start(1000, 0));
    client_send_config(client, &good);
    ends(client, GRPC_STATUS_OUT_OF_RANGE,
         "Exceeded maximum allowed stream duration of 1 seconds.");
    stop();
}

static void test_silent_streams_are_ended(void)
{
    struct speech_client *client = client_open(start(0, 300));
    client_send_config(client, &good);
    client_send_audio(client, "abcd", 4);
    ends(client, GRPC_STATUS_OUT_OF_RANGE, "Audio Timeout Error");
    stop();
}

/* An engine that does not keep up: the server stops reading, the client's messages pile up on its
 * own side. */
static void test_flow_control(void)
{
    static char audio[25600];
    struct client_bytes *message = calloc(1, sizeof *message);
    unsigned port = start(0, 60);
    struct speech_client *client = client_open(port);
    seen.hold = true;
    client_send_config(client, &good);
    client_put(message, 2, audio, sizeof audio);
    int sent = 0;
    while (sent < 200 && client_send_within(client, message->data, message->len, 300))
        sent++;
    CHECK(sent < 200);
    CHECK(seen.bytes >= LOCAL_SPEECH_QUEUE_BYTES);
    CHECK(seen.bytes < LOCAL_SPEECH_QUEUE_BYTES + sizeof audio);
    /* It is not silent, it is not being read: no timeout, although three have passed. */
    CHECK_EQ(client_status(client, 0), -1);
    client_close(client);
    free(message);
    stop();
}

static void test_a_slow_reader_loses_interim_results_first(void)
{
    struct client_response response;
    int kept = 0, dropped = 0;
    struct speech_client *client = client_open(start(0, 0));
    seen.flood = true;
    client_send_config(client, &good);
    client_send_audio(client, "abcd", 4);
    while (kept < 100 && client_read(client, &response, 5000) == 1) {
        kept += response.results[0].text[0] == 'x';
        dropped += strcmp(response.results[0].text, "dropped") == 0;
    }
    CHECK_EQ(kept, 100);
    CHECK(dropped < 100);
    client_close(client);
    stop();
}

static void test_a_reader_that_never_reads_is_ended(void)
{
    struct speech_client *client = client_open(start(0, 0));
    seen.flood = true;
    client_send_config(client, &good);
    for (int i = 0; i < 400 && client_status(client, 0) == -1; i++)
        if (!client_send_audio(client, "abcd", 4))
            break;
    struct client_response response;
    while (client_read(client, &response, 5000) == 1)
        ;
    int code = client_status(client, 5000);
    CHECK(code == GRPC_STATUS_RESOURCE_EXHAUSTED);
    client_close(client);
    stop();
}

static void test_cancelled_and_stopped_calls_are_closed(void)
{
    unsigned port = start(0, 0);
    struct speech_client *cancelled = client_open(port), *open = client_open(port);
    struct client_response response;
    client_send_config(cancelled, &good);
    client_send_audio(cancelled, "abcd", 4);
    CHECK_EQ(client_read(cancelled, &response, 5000), 1);
    client_send_config(open, &good);
    client_send_audio(open, "abcd", 4);
    CHECK_EQ(client_read(open, &response, 5000), 1);
    client_close(cancelled);
    stop();
    CHECK_EQ(seen.opens, 2);
    CHECK(client_status(open, 5000) > 0);
    client_close(open);
}

/* The same calls on the other wire, its own codes and texts. */
static void test_v2(void)
{
    struct client_response response;
    struct client_config config = good;
    config.v2 = true;
    unsigned port = start(0, 0);
    struct speech_client *client = client_open_v2(port);
    client_send_config(client, &config);
    client_send_audio(client, "abcd", 4);
    CHECK_EQ(client_read(client, &response, 5000), 1);
    CHECK_STR(response.results[0].text, "4");
    client_half_close(client);
    ends(client, GRPC_STATUS_OK, "");
    client = client_open_v2(port);
    client_send_config(client, &config);
    client_send(client, "", 0);
    ends(client, GRPC_STATUS_INVALID_ARGUMENT, "nor 'audio' is set");
    static const char *const wrong[] = {"",
                                        "_",
                                        "projects//locations/global/recognizers/_",
                                        "projects/p/locations/global/recognizers/",
                                        "projects/p/locations/global/recognizers/_/x",
                                        "projects/p/places/global/recognizers/_"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        client = client_open_v2(port);
        config.recognizer = wrong[i];
        client_send_config(client, &config);
        ends(client, GRPC_STATUS_INVALID_ARGUMENT, "recognizer must be projects/PROJECT/");
    }
    config.recognizer = NULL;
    config.encoding = 3; /* ALAW there, MULAW in v1 */
    client = client_open_v2(port);
    client_send_config(client, &config);
    ends(client, GRPC_STATUS_INVALID_ARGUMENT, "encoding");
    stop();
}

static void test_v2_ends_old_and_silent_streams(void)
{
    struct client_config config = good;
    config.v2 = true;
    struct speech_client *client = client_open_v2(start(1000, 0));
    client_send_config(client, &config);
    ends(client, GRPC_STATUS_ABORTED, "Max duration of 5 minutes reached for stream.");
    stop();
    client = client_open_v2(start(0, 300));
    client_send_config(client, &config);
    client_send_audio(client, "abcd", 4);
    ends(client, GRPC_STATUS_ABORTED, "Stream timed out after receiving no more client requests.");
    stop();
}

static void test_many_calls_at_a_time(void)
{
    enum { CALLS = 40 };
    struct speech_client *clients[CALLS];
    struct client_response response;
    unsigned port = start(0, 0);
    for (int i = 0; i < CALLS; i++)
        clients[i] = client_open(port);
    for (int i = 0; i < CALLS; i++)
        client_send_config(clients[i], &good);
    for (int round = 0; round < 5; round++)
        for (int i = 0; i < CALLS; i++)
            client_send_audio(clients[i], (char[640]){0}, (size_t)(2 * (i + 1)));
    for (int i = 0; i < CALLS; i++) {
        char text[16] = "", want[16];
        client_half_close(clients[i]);
        while (client_read(clients[i], &response, 5000) == 1)
            if (!response.results[0].final)
                memcpy(text, response.results[0].text, sizeof text);
        snprintf(want, sizeof want, "%d", 10 * (i + 1));
        CHECK_STR(text, want);
        CHECK_EQ(client_status(clients[i], 5000), GRPC_STATUS_OK);
        client_close(clients[i]);
    }
    stop();
}

static void test_a_taken_port_is_refused(void)
{
    unsigned port = start(0, 0);
    struct local_speech_server *second = NULL;
    struct local_speech_server_config config = {.host = "127.0.0.1",
                                                .port = (uint16_t)port,
                                                .languages = "en-US",
                                                .language_known = local_language_known,
                                                .engine = &ops};
    CHECK_EQ(local_speech_server_start(&second, &config), STATUS_IO);
    CHECK(second == NULL);
    stop();
}

static void test_languages(void)
{
    CHECK(local_language_known("en-US") && local_language_known("EN-gb") &&
          local_language_known("en"));
    CHECK(!local_language_known("de-DE") && !local_language_known("eng") &&
          !local_language_known(""));
}

int main(void)
{
    grpc_init();
    log_set_level(LOG_LEVEL_ERROR);
    RUN(test_a_call_from_config_to_status);
    RUN(test_configurations_are_checked);
    RUN(test_messages_out_of_order);
    RUN(test_audio_of_one_message_is_bounded);
    RUN(test_old_streams_are_cut);
    RUN(test_silent_streams_are_ended);
    RUN(test_flow_control);
    RUN(test_a_slow_reader_loses_interim_results_first);
    RUN(test_a_reader_that_never_reads_is_ended);
    RUN(test_cancelled_and_stopped_calls_are_closed);
    RUN(test_v2);
    RUN(test_v2_ends_old_and_silent_streams);
    RUN(test_many_calls_at_a_time);
    RUN(test_a_taken_port_is_refused);
    RUN(test_languages);
    grpc_shutdown_blocking();
    return check_done();
}
