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
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#define RATE        16000
#define SAMPLES_MAX (RATE * 40)

static const char *const sentences[] = {
    "can you tell me how to get to the station please",
    "there are many people in the park today",
    "my sister is going to study medicine next year",
    "i have been learning english for three years",
};

/* Whether results are the same is the release build's to tell: it is the same code that runs. */
#ifdef SOTTO_SANITIZED
enum { SENTENCES = 2, COMPARES = 0 };
#else
enum { SENTENCES = 4, COMPARES = 1 };
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
    int64_t event_us[8];
    int finals_before[8]; /* an event */
    float confidence_min, confidence_max;
    size_t words;
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
    said->confidence_min = fminf(said->confidence_min, result->confidence);
    said->confidence_max = fmaxf(said->confidence_max, result->confidence);
    said->words += result->words_len;
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
    if (response->event != LOCAL_EVENT_NONE && said->events_len < 8) {
        said->event_us[said->events_len] = response->event_us;
        said->finals_before[said->events_len] = said->finals;
        said->events[said->events_len++] = (int)response->event;
    }
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
    struct said said = {.ordered = true, .refuse = refuse, .confidence_min = 1};
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

/* Sentences one after the other, by two speakers. */
static void make_many(void)
{
    for (int i = 0; i < SENTENCES && i < 4; i++) {
        const struct audio *one = &spoken[i % 2][i];
        memcpy(many.samples + many.len, one->samples, one->len * sizeof(int16_t));
        many.len += one->len;
    }
}

static void test_what_came_before_changes_nothing(void)
{
    char want[4096] = "";
    for (int i = 0; i < SENTENCES && i < 4; i++) {
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
    /* Half a second of silence is on either side; begin and end take a little of it along. */
    CHECK(said.event_us[0] > 200000 && said.event_us[0] <= 500000);
    CHECK_EQ(said.event_us[1], said.end_us);
    CHECK_EQ(said.finals_before[1], 0);
}

static void test_only_what_was_asked_for(void)
{
    struct local_speech_config config = config_16k;
    struct said rich = listen(&config, &spoken[0][1], 3200, 0);
    CHECK_EQ(rich.words, 8);
    CHECK(rich.confidence_min > 0.3f && rich.confidence_max <= 1);
    CHECK_EQ(rich.events_len, 0);
    config.word_times = config.interim = false;
    struct said plain = listen(&config, &spoken[0][1], 3200, 0);
    CHECK_STR(plain.text, rich.text);
    CHECK_EQ(plain.interims, 0);
    CHECK_EQ(plain.words, 0);
}

/* Unclear speech is told to be so. */
static void test_confidence_tells_clear_from_unclear(void)
{
    static struct audio noisy;
    struct rng rng;
    rng_init(&rng, 3);
    noisy = spoken[0][1];
    for (size_t i = RATE / 2; i < noisy.len - RATE / 2; i++)
        noisy.samples[i] = (int16_t)(noisy.samples[i] / 4 + (rng_unit(&rng) - 0.5) * 1200);
    struct said clear = listen(&config_16k, &spoken[0][1], 3200, 0);
    struct said unclear = listen(&config_16k, &noisy, 3200, 0);
    CHECK(unclear.finals == 0 || unclear.confidence_max < clear.confidence_min);
}

static void test_endpointing(void)
{
    struct local_speech_config config = config_16k;
    struct said standard = listen(&config, &spoken[0][0], 3200, 0);
    config.endpointing = LOCAL_ENDPOINTING_SUPERSHORT;
    struct said early = listen(&config, &spoken[0][0], 3200, 0);
    CHECK_STR(early.text, standard.text);
    CHECK_EQ(early.end_us, standard.end_us);
}

static void test_single_utterance_ends_the_stream(void)
{
    struct local_speech_config config = config_16k;
    config.single_utterance = true;
    struct said said = listen(&config, &many, 3200, 0);
    CHECK_STR(said.text, sentences[0]);
    CHECK_EQ(said.finals, 1);
    CHECK_EQ(said.events_len, 1);
    CHECK_EQ(said.events[0], LOCAL_EVENT_END_OF_SINGLE_UTTERANCE);
    CHECK_EQ(said.finals_before[0], 0);
    CHECK_EQ(said.event_us[0], said.end_us);
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
    CHECK_EQ(said.event_us[0], 2000000);
}

static void test_silence_after_speech_ends_the_stream(void)
{
    static struct audio then_silence;
    struct local_speech_config config = config_16k;
    config.activity_events = true;
    config.start_timeout_us = 1000000;
    config.end_timeout_us = 1500000;
    then_silence = spoken[0][1];
    then_silence.len += RATE * 3;
    struct said said = listen(&config, &then_silence, 3200, 0);
    CHECK_STR(said.text, sentences[1]);
    CHECK_EQ(said.events_len, 3);
    CHECK_EQ(said.events[2], LOCAL_EVENT_ACTIVITY_TIMEOUT);
    CHECK_EQ(said.finals_before[2], 1);
    CHECK_EQ(said.event_us[2] - said.event_us[1], 1500000);
}

/* -- cuts -- */

static const char *const story[] = {
    "My name is Peter.",
    "I live in a small house near the river.",
    "In the morning I drink a cup of tea, and then I go to work by bus.",
    "Yes.",
    "My brother is twelve years old.",
    "One.",
    "Two.",
    "After dinner we like to read a book.",
};

/* The sentences with pauses of different length in a room with so much noise. */
static bool tell(const char *voice, double room, struct audio *out)
{
    static struct audio one;
    struct rng rng;
    rng_init(&rng, 5);
    out->len = 0;
    for (size_t i = 0; i < sizeof story / sizeof story[0]; i++) {
        if (!speak(voice, story[i], &one) || out->len + one.len > SAMPLES_MAX)
            return false;
        memcpy(out->samples + out->len, one.samples, one.len * sizeof(int16_t));
        out->len += one.len - rng_below(&rng, 3 * RATE / 4);
    }
    for (size_t i = 0; i < out->len; i++)
        out->samples[i] += (int16_t)(room * (2 * rng_unit(&rng) - 1));
    return true;
}

/* What was said, word by word, in the recording's time. */
struct heard {
    struct heard_word {
        char text[LOCAL_WORD_BYTES];
        int64_t start_us, end_us;
    } words[200];
    int words_len, finals, streams;
    int64_t base_us, final_end_us; /* of the stream; of the newest final, in the recording's time */
};

static int heard_take(void *ctx, struct local_recognizer **out)
{
    (void)ctx;
    *out = recognizer;
    return 0;
}

static void heard_respond(void *ctx, const struct local_speech_response *response, bool droppable)
{
    struct heard *heard = ctx;
    (void)droppable;
    for (size_t i = 0; i < response->results_len; i++) {
        const struct local_speech_result *result = &response->results[i];
        if (!result->final)
            continue;
        heard->finals++;
        heard->final_end_us = heard->base_us + result->end_us;
        for (size_t k = 0; k < result->words_len && heard->words_len < 200; k++) {
            struct heard_word *word = &heard->words[heard->words_len++];
            snprintf(word->text, sizeof word->text, "%s", result->words[k].text);
            word->start_us = heard->base_us + result->words[k].start_us;
            word->end_us = heard->base_us + result->words[k].end_us;
        }
    }
}

static const struct local_session_ops heard_ops = {
    .take = heard_take, .done = said_done, .respond = heard_respond};

/* One stream from sample `from`, cut without a word at `to`, or brought to its end there. */
static void hear_part(struct heard *heard, const struct audio *audio, size_t from, size_t to)
{
    struct local_session *session;
    heard->base_us = (int64_t)from * 1000000 / RATE;
    heard->streams++;
    CHECK_EQ(local_session_create(&session, &config_16k, &heard_ops, heard), 0);
    for (size_t at = from; at < to; at += 1600) {
        size_t n = to - at < 1600 ? to - at : 1600;
        local_session_audio(session, audio->samples + at, n * sizeof(int16_t));
        CHECK_EQ(drain(session), 0);
    }
    if (to == audio->len) {
        local_session_finish(session);
        CHECK_EQ(drain(session), STATUS_CLOSED);
    }
    local_session_destroy(session);
}

/* The recording in streams of `limit_ms` and a little more or less, each from the newest final's
 * end: what a client does whose streams are cut. */
static void hear_cut(struct heard *heard, const struct audio *audio, uint32_t limit_ms)
{
    struct rng rng;
    rng_init(&rng, limit_ms);
    memset(heard, 0, sizeof *heard);
    for (size_t from = 0, to = 0; to < audio->len && heard->streams < 20;) {
        from = (size_t)(heard->final_end_us * RATE / 1000000);
        to = from + (size_t)(limit_ms + rng_below(&rng, 1000)) * RATE / 1000;
        if (limit_ms == 0 || to > audio->len)
            to = audio->len;
        hear_part(heard, audio, from, to);
    }
}

static void test_cuts_change_nothing(void)
{
    static struct audio audio;
    static struct heard whole, cut;
    CHECK(tell("slt", 80, &audio));
    hear_cut(&whole, &audio, 0);
    CHECK(whole.finals >= 5 && whole.words_len >= 40);
    hear_cut(&cut, &audio, 6200);
    CHECK(cut.streams >= 4);
    CHECK_EQ(cut.finals, whole.finals);
    CHECK_EQ(cut.words_len, whole.words_len);
    for (int i = 0; i < cut.words_len && i < whole.words_len; i++) {
        CHECK_STR(cut.words[i].text, whole.words[i].text);
        CHECK_EQ(cut.words[i].start_us, whole.words[i].start_us);
        CHECK_EQ(cut.words[i].end_us, whole.words[i].end_us);
    }
    fprintf(stderr, "  %d words in %d finals, cut into %d streams\n", whole.words_len, whole.finals,
            cut.streams);
}

/* A name that no dictionary has is heard once it is expected, and no longer when another speaks. */
static void test_expected_words(void)
{
    static struct audio audio;
    struct local_speech_config config = config_16k;
    /* speech_contexts: {phrases: "Tambolo", "Peter"}. */
    static const uint8_t contexts[] = "\x32\x10\x0a\x07Tambolo\x0a\x05Peter";
    CHECK(speak("slt", "my name is peter and my friend is tambolo", &audio));
    struct said before = listen(&config, &audio, 3200, 0);
    CHECK(strstr(before.text, "tambolo") == NULL);
    config.recognition = contexts;
    config.recognition_len = sizeof contexts - 1;
    struct said expected = listen(&config, &audio, 3200, 0);
    CHECK(strstr(expected.shown, "my name is Peter and my friend is Tambolo") != NULL);
    config.recognition_len = 0;
    struct said after = listen(&config, &audio, 3200, 0);
    CHECK_STR(after.text, before.text);
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
    struct local_engine_config engine_config = {.decoders = decoders,
                                                .place_wait_ms = place_wait_ms};
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

static void test_a_client_of_v2_is_answered(void)
{
    static const struct client_config v2 = {.v2 = true,
                                            .encoding = 1,
                                            .rate = RATE,
                                            .language = "en-US",
                                            .interim = true,
                                            .times = true,
                                            .activity = true};
    struct client_response *response = calloc(1, sizeof *response);
    struct speech_client *client = client_open_v2(serve(1));
    client_send_config(client, &v2);
    say(client, &spoken[0][1], spoken[0][1].len);
    client_half_close(client);
    int interims = 0, finals = 0, events[2] = {0}, events_len = 0;
    while (client_read(client, response, 60000) == 1) {
        if (response->event != 0)
            events[events_len++ % 2] = response->event;
        for (size_t i = 0; i < response->results_len; i++) {
            const struct client_result *result = &response->results[i];
            interims += !result->final;
            if (!result->final)
                continue;
            finals++;
            CHECK_STR(result->text, sentences[1]);
            CHECK_EQ(result->words_len, 8);
            CHECK_STR(result->words[7].text, "today");
            CHECK(result->words[7].end_us > result->words[7].start_us);
            CHECK(result->confidence > 0 && result->end_us > 1000000);
        }
    }
    CHECK_EQ(client_status(client, 5000), GRPC_STATUS_OK);
    CHECK(interims >= 1);
    CHECK_EQ(finals, 1);
    CHECK_EQ(events_len, 2);
    CHECK(events[0] == 2 && events[1] == 3);
    client_close(client);
    free(response);
    unserve();
}

/* One decoder: who speaks has it, an open silent stream does not, the next speaker waits,
 * and is refused in words when that takes too long. */
static void test_places(void)
{
    char text[512];
    static struct audio silence = {.len = RATE / 2};
    place_wait_ms = 500;
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
    place_wait_ms = 0;
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

/* One decoder, somebody waits for it, and its speaker changes to a new stream, replaying a little:
 * the new stream has it next. Nobody finishes speaking, so who gets it first keeps it. */
static void test_a_session_keeps_its_decoder_over_a_rotation(void)
{
    place_wait_ms = 60000;
    unsigned port = serve(1);
    struct client_response *response = calloc(1, sizeof *response);
    struct speech_client *before = client_open(port), *other = client_open(port),
                         *after = client_open(port);
    const struct audio *audio = &spoken[0][0];
    static struct audio rest;
    size_t half = audio->len / 2 / 1600 * 1600, from = RATE * 8 / 10;
    rest.len = audio->len * 3 / 4 - from;
    memcpy(rest.samples, audio->samples + from, rest.len * sizeof(int16_t));
    client_send_config(before, &asked);
    say(before, audio, half);
    CHECK_EQ(client_read(before, response, 60000), 1); /* it has the decoder */
    client_send_config(other, &asked);
    say(other, &spoken[1][1], spoken[1][1].len * 3 / 4);
    CHECK_EQ(client_read(other, response, 1000), -1); /* waits */
    client_send_config(after, &asked);
    say(after, &rest, rest.len);
    client_half_close(before);
    CHECK_EQ(client_read(after, response, 60000), 1);
    CHECK(response->results_len > 0);
    CHECK_EQ(client_read(other, response, 300), -1);
    client_close(before);
    client_close(after);
    CHECK_EQ(client_read(other, response, 60000), 1); /* its turn */
    client_close(other);
    free(response);
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
    make_many();
    if (COMPARES) {
        RUN(test_waiting_for_a_decoder_changes_nothing);
        RUN(test_what_came_before_changes_nothing);
        RUN(test_cuts_change_nothing);
    }
    RUN(test_punctuation_and_events);
    RUN(test_single_utterance_ends_the_stream);
    RUN(test_silence_says_nothing);
    RUN(test_silence_after_speech_ends_the_stream);
    RUN(test_only_what_was_asked_for);
    RUN(test_confidence_tells_clear_from_unclear);
    RUN(test_endpointing);
    RUN(test_expected_words);
    RUN(test_cost_is_measured);
    local_recognizer_destroy(recognizer);
    RUN(test_a_client_is_answered);
    RUN(test_a_client_of_v2_is_answered);
    RUN(test_places);
    RUN(test_rotation_at_full_load);
    RUN(test_a_session_keeps_its_decoder_over_a_rotation);
    RUN(test_two_at_a_time_do_not_mix);
    RUN(test_stop_in_the_middle_of_speech);
    grpc_shutdown_blocking();
    return check_done();
}
