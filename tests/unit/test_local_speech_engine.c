/*
 * Real recognition: sentences spoken by flite, through a session and through the served wire.
 * Without flite or the model there is nothing to recognise, which is said and counts as passed.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "local/recognizer_measure.h"
#include "local/speech_engine.h"
#include "local/speech_session.h"
#include "tests/check.h"
#include "tests/upstream/speech_client.h"
#include <ctype.h>
#include <grpc/status.h>
#include <sys/wait.h>
#include <unistd.h>

#define RATE        16000
#define SAMPLES_MAX (RATE * 30)

static const char *const sentences[] = {
    "can you tell me how to get to the station please",
    "there are many people in the park today",
    "my sister is going to study medicine next year",
    "i have been learning english for three years",
};

#ifdef SOTTO_SANITIZED
enum { SENTENCES = 2 };
#else
enum { SENTENCES = 4 };
#endif

static const char *const voices[] = {"slt", "rms"};

struct audio {
    int16_t samples[SAMPLES_MAX];
    size_t len;
};

static struct audio spoken[2][SENTENCES];
static struct local_recognizer *recognizer;

/* Speaks into `out`, half a second of silence around it. */
static bool speak(const char *voice, const char *text, struct audio *out)
{
    char path[64], command[512];
    snprintf(path, sizeof path, "/tmp/speech-engine-%d.wav", (int)getpid());
    snprintf(command, sizeof command, "flite -voice %s -t \"%s\" -o %s 2>/dev/null", voice, text,
             path);
    if (system(command) != 0)
        return false;
    FILE *file = fopen(path, "rb");
    size_t pad = RATE / 2;
    memset(out, 0, sizeof *out);
    bool read = file != NULL && fseek(file, 44, SEEK_SET) == 0;
    size_t len = read ? fread(out->samples + pad, sizeof(int16_t), SAMPLES_MAX - 2 * pad, file) : 0;
    if (file != NULL)
        fclose(file);
    unlink(path);
    out->len = len + 2 * pad;
    return len > RATE / 2;
}

static bool prepare(void)
{
    for (int v = 0; v < 2; v++)
        for (int i = 0; i < SENTENCES; i++)
            if (!speak(voices[v], sentences[i], &spoken[v][i])) {
                fprintf(stderr, "skipped: flite with voice %s is not here\n", voices[v]);
                return false;
            }
    if (local_recognizer_create(&recognizer, NULL) != 0) {
        fprintf(stderr, "skipped: pocketsphinx-en-us is not here\n");
        return false;
    }
    return true;
}

/* What a session said. */
struct said {
    char text[4096]; /* finals joined, lower case, no marks */
    char shown[4096];
    int finals, interims;
    int64_t end_us, word_end_us;
    bool ordered;
    int events[8], events_len;
    int refuse; /* takes that fail with STATUS_AGAIN first */
};

static int said_take(void *ctx, struct local_recognizer **out)
{
    struct said *said = ctx;
    if (said->refuse > 0) {
        said->refuse--;
        return STATUS_AGAIN;
    }
    *out = recognizer;
    return 0;
}

static void said_done(void *ctx)
{
    (void)ctx;
}

static void said_final(struct said *said, const struct local_speech_result *result)
{
    size_t len = strlen(said->text);
    snprintf(said->shown + strlen(said->shown), sizeof said->shown - strlen(said->shown), "%s",
             result->transcript);
    for (const char *c = result->transcript; *c != '\0' && len + 1 < sizeof said->text; c++)
        if (isalpha((unsigned char)*c) || *c == ' ' || *c == '\'')
            said->text[len++] = (char)tolower((unsigned char)*c);
    said->text[len] = '\0';
    said->ordered &= result->end_us > said->end_us;
    for (size_t i = 0; i < result->words_len; i++) {
        const struct local_speech_word *word = &result->words[i];
        said->ordered &= word->start_us >= said->word_end_us && word->end_us > word->start_us;
        said->word_end_us = word->end_us;
    }
    said->ordered &= said->word_end_us <= result->end_us;
    said->end_us = result->end_us;
    said->finals++;
}

static void said_respond(void *ctx, const struct local_speech_response *response, bool droppable)
{
    struct said *said = ctx;
    if (response->event != LOCAL_EVENT_NONE && said->events_len < 8)
        said->events[said->events_len++] = (int)response->event;
    for (size_t i = 0; i < response->results_len; i++) {
        CHECK_EQ(response->results[i].final, !droppable);
        CHECK_STR(response->results[i].language, "en-us");
        if (response->results[i].final)
            said_final(said, &response->results[i]);
        else
            said->interims++;
    }
}

static const struct local_session_ops said_ops = {
    .take = said_take, .done = said_done, .respond = said_respond};

static const struct local_speech_config config_16k = {.has_recognition = true,
                                                      .encoding = LOCAL_ENCODING_LINEAR16,
                                                      .rate = RATE,
                                                      .language = "en-US",
                                                      .word_times = true,
                                                      .interim = true};

static int drain(struct local_session *session)
{
    int status;
    do
        status = local_session_run(session);
    while (status == STATUS_FULL || status == STATUS_AGAIN);
    return status;
}

/* Feeds in messages of up to `piece` bytes. */
static struct said listen(const struct local_speech_config *config, const struct audio *audio,
                          size_t piece, int refuse)
{
    struct said said = {.ordered = true, .refuse = refuse};
    struct local_session *session;
    struct rng rng;
    size_t bytes = audio->len * sizeof(int16_t);
    int status = 0;
    rng_init(&rng, piece);
    CHECK_EQ(local_session_create(&session, config, &said_ops, &said), 0);
    for (size_t at = 0; at < bytes && status == 0;) {
        size_t n = 1 + rng_below(&rng, piece);
        n = n < bytes - at ? n : bytes - at;
        local_session_audio(session, (const char *)audio->samples + at, n);
        at += n;
        status = drain(session);
    }
    if (status == 0) {
        local_session_finish(session);
        status = drain(session);
    }
    CHECK_EQ(status, STATUS_CLOSED);
    CHECK(!local_session_speaking(session));
    local_session_destroy(session);
    return said;
}

static void test_words_of_everyday_sentences(void)
{
    for (int v = 0; v < 2; v++)
        for (int i = 0; i < SENTENCES; i++) {
            struct said said = listen(&config_16k, &spoken[v][i], 3200, 0);
            CHECK_STR(said.text, sentences[i]);
            CHECK_EQ(said.finals, 1);
            CHECK(said.interims >= 3);
            CHECK(said.ordered);
            int64_t total_us = (int64_t)spoken[v][i].len * 1000000 / RATE;
            CHECK(said.end_us <= total_us && said.end_us > total_us - 700000);
        }
}

static void test_message_sizes_change_nothing(void)
{
    struct said whole = listen(&config_16k, &spoken[0][1], 3200, 0);
    struct said odd = listen(&config_16k, &spoken[0][1], 25600, 0);
    CHECK_STR(odd.text, whole.text);
    CHECK_EQ(odd.end_us, whole.end_us);
    CHECK_EQ(odd.word_end_us, whole.word_end_us);
    CHECK_EQ(odd.interims, whole.interims);
}

static void test_waiting_for_a_decoder_changes_nothing(void)
{
    struct said at_once = listen(&config_16k, &spoken[1][1], 3200, 0);
    struct said waited = listen(&config_16k, &spoken[1][1], 3200, 7);
    CHECK_STR(waited.text, at_once.text);
    CHECK_EQ(waited.end_us, at_once.end_us);
}

static struct audio many;

static void test_what_came_before_changes_nothing(void)
{
    char want[4096] = "";
    many.len = 0;
    for (int i = 0; i < SENTENCES && i < 4; i++) {
        const struct audio *one = &spoken[i % 2][i];
        memcpy(many.samples + many.len, one->samples, one->len * sizeof(int16_t));
        many.len += one->len;
        snprintf(want + strlen(want), sizeof want - strlen(want), "%s%s", i > 0 ? " " : "",
                 sentences[i]);
    }
    struct said said = listen(&config_16k, &many, 3200, 0);
    CHECK_STR(said.text, want);
    CHECK_EQ(said.finals, SENTENCES < 4 ? SENTENCES : 4);
    CHECK(said.ordered);
}

static void test_punctuation_and_events(void)
{
    struct local_speech_config config = config_16k;
    config.punctuation = config.activity_events = true;
    struct said said = listen(&config, &spoken[0][0], 3200, 0);
    CHECK_STR(said.shown, "Can you tell me how to get to the station please?");
    CHECK_EQ(said.events_len, 2);
    CHECK_EQ(said.events[0], LOCAL_EVENT_ACTIVITY_BEGIN);
    CHECK_EQ(said.events[1], LOCAL_EVENT_ACTIVITY_END);
}

static void test_single_utterance_ends_the_stream(void)
{
    struct local_speech_config config = config_16k;
    config.single_utterance = true;
    struct said said = listen(&config, &many, 3200, 0);
    CHECK_STR(said.text, sentences[0]);
    CHECK_EQ(said.finals, 1);
    CHECK_EQ(said.events[0], LOCAL_EVENT_END_OF_SINGLE_UTTERANCE);
}

static void test_silence_says_nothing(void)
{
    static struct audio silence;
    struct local_speech_config config = config_16k;
    silence.len = RATE * 3;
    struct said said = listen(&config, &silence, 3200, 0);
    CHECK_EQ(said.finals + said.interims + said.events_len, 0);
    config.activity_events = true;
    config.start_timeout_us = 2000000;
    said = listen(&config, &silence, 3200, 0);
    CHECK_EQ(said.events_len, 1);
    CHECK_EQ(said.events[0], LOCAL_EVENT_ACTIVITY_TIMEOUT);
}

static void test_cost_is_measured(void)
{
    double share = 0;
    CHECK_EQ(local_recognizer_measure(recognizer, &share), 0);
    CHECK(share > 0.01 && share < 20);
    fprintf(stderr, "  %.3f of a core a speaker\n", share);
}

/* --- through the wire --- */

static struct local_engine *engine;
static struct local_speech_server *server;

static unsigned place_wait_ms; /* 0: the default */

static unsigned serve(unsigned decoders)
{
    struct local_engine_config engine_config = {.decoders = decoders, .place_wait_ms = place_wait_ms};
    CHECK_EQ(local_engine_create(&engine, &engine_config), 0);
    CHECK_EQ(local_engine_decoders(engine), decoders);
    struct local_speech_server_config config = {.host = "127.0.0.1",
                                                .languages = "en-US",
                                                .language_known = local_language_known,
                                                .engine = &local_engine_ops,
                                                .engine_ctx = engine};
    CHECK_EQ(local_speech_server_start(&server, &config), 0);
    return local_speech_server_port(server);
}

static void unserve(void)
{
    local_speech_server_stop(server);
    local_engine_destroy(engine);
}

static const struct client_config asked = {
    .encoding = 1, .rate = RATE, .language = "en-US", .interim = true, .times = true};

static void say(struct speech_client *client, const struct audio *audio, size_t len)
{
    for (size_t at = 0; at < len; at += 1600) {
        size_t n = len - at < 1600 ? len - at : 1600;
        if (!client_send_audio(client, audio->samples + at, n * sizeof(int16_t)))
            return;
    }
}

/* Reads to the end; the finals, and the status. */
static int hear_out(struct speech_client *client, char *text, size_t cap)
{
    struct client_response *response = calloc(1, sizeof *response);
    text[0] = '\0';
    while (client_read(client, response, 60000) == 1)
        for (size_t i = 0; i < response->results_len; i++)
            if (response->results[i].final)
                snprintf(text + strlen(text), cap - strlen(text), "%s", response->results[i].text);
    free(response);
    int status = client_status(client, 5000);
    client_close(client);
    return status;
}

static void test_a_client_is_answered(void)
{
    char text[512];
    struct speech_client *client = client_open(serve(1));
    client_send_config(client, &asked);
    say(client, &spoken[0][1], spoken[0][1].len);
    client_half_close(client);
    CHECK_EQ(hear_out(client, text, sizeof text), GRPC_STATUS_OK);
    CHECK_STR(text, sentences[1]);
    unserve();
}

/* One decoder: who speaks has it, an open silent stream does not, the next speaker is refused in
 * words. */
static void test_places(void)
{
    char text[512];
    static struct audio silence = {.len = RATE / 2};
    unsigned port = serve(1);
    struct client_response *response = calloc(1, sizeof *response);
    struct speech_client *idle = client_open(port), *speaker = client_open(port);
    client_send_config(idle, &asked);
    say(idle, &silence, silence.len);
    client_send_config(speaker, &asked);
    say(speaker, &spoken[0][0], spoken[0][0].len / 2);
    CHECK_EQ(client_read(speaker, response, 60000), 1); /* it has the decoder */
    struct speech_client *late = client_open(port);
    client_send_config(late, &asked);
    say(late, &spoken[1][0], spoken[1][0].len);
    CHECK_EQ(hear_out(late, text, sizeof text), GRPC_STATUS_RESOURCE_EXHAUSTED);
    client_half_close(speaker);
    CHECK_EQ(hear_out(speaker, text, sizeof text), GRPC_STATUS_OK);
    CHECK(text[0] != '\0');
    /* The decoder is free again, for the stream that was silent. */
    say(idle, &spoken[0][1], spoken[0][1].len);
    client_half_close(idle);
    CHECK_EQ(hear_out(idle, text, sizeof text), GRPC_STATUS_OK);
    CHECK_STR(text, sentences[1]);
    free(response);
    unserve();
}

/* A stream that goes on where another ended: its speech waits for the decoder that is just
 * finishing, however long this machine takes to. */
static void test_rotation_at_full_load(void)
{
    char text[512];
    place_wait_ms = 60000;
    unsigned port = serve(1);
    struct speech_client *before = client_open(port), *after = client_open(port);
    client_send_config(before, &asked);
    client_send_config(after, &asked);
    say(before, &spoken[0][0], spoken[0][0].len);
    say(after, &spoken[1][1], spoken[1][1].len);
    client_half_close(before);
    client_half_close(after);
    CHECK_EQ(hear_out(before, text, sizeof text), GRPC_STATUS_OK);
    CHECK_STR(text, sentences[0]);
    CHECK_EQ(hear_out(after, text, sizeof text), GRPC_STATUS_OK);
    CHECK_STR(text, sentences[1]);
    unserve();
    place_wait_ms = 0;
}

static void test_two_at_a_time_do_not_mix(void)
{
    char text[2][512];
    struct speech_client *clients[2];
    unsigned port = serve(2);
    for (int i = 0; i < 2; i++) {
        clients[i] = client_open(port);
        client_send_config(clients[i], &asked);
    }
    for (size_t at = 0; at < spoken[0][0].len || at < spoken[1][1].len; at += 1600)
        for (int i = 0; i < 2; i++) {
            const struct audio *audio = &spoken[i][i];
            size_t n = at < audio->len ? audio->len - at : 0;
            if (n > 0)
                client_send_audio(clients[i], audio->samples + at, (n < 1600 ? n : 1600) * 2);
        }
    for (int i = 0; i < 2; i++)
        client_half_close(clients[i]);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(hear_out(clients[i], text[i], sizeof text[i]), GRPC_STATUS_OK);
        CHECK_STR(text[i], sentences[i]);
    }
    unserve();
}

static void test_stop_in_the_middle_of_speech(void)
{
    struct speech_client *client = client_open(serve(1));
    struct client_response *response = calloc(1, sizeof *response);
    client_send_config(client, &asked);
    say(client, &many, many.len / 3);
    CHECK_EQ(client_read(client, response, 60000), 1);
    int64_t before = clock_mono_us();
    unserve();
    CHECK(clock_mono_us() - before < 10 * 1000000);
    client_close(client);
    free(response);
}

static void test_without_a_model(void)
{
    struct local_engine *none = NULL;
    struct local_engine_config config = {.model_dir = "/nonexistent"};
    CHECK_EQ(local_engine_create(&none, &config), STATUS_NOT_FOUND);
    CHECK(none == NULL);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    RUN(test_without_a_model);
    if (!prepare())
        return check_done();
    grpc_init();
    RUN(test_words_of_everyday_sentences);
    RUN(test_message_sizes_change_nothing);
    RUN(test_waiting_for_a_decoder_changes_nothing);
    RUN(test_what_came_before_changes_nothing);
    RUN(test_punctuation_and_events);
    RUN(test_single_utterance_ends_the_stream);
    RUN(test_silence_says_nothing);
    RUN(test_cost_is_measured);
    local_recognizer_destroy(recognizer);
    RUN(test_a_client_is_answered);
    RUN(test_places);
    RUN(test_rotation_at_full_load);
    RUN(test_two_at_a_time_do_not_mix);
    RUN(test_stop_in_the_middle_of_speech);
    grpc_shutdown_blocking();
    return check_done();
}
