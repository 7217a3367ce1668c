#include "tests/unit/stt_codec_kit.h"
#include <math.h>

#define WIRE (&stt_wire_google_v2)

/* Encodings of the official protos by another encoder. */
#define GOLDEN_CONFIG                                                                              \
    "1a2970726f6a656374732f702f6c6f636174696f6e732f676c6f62616c2f7265636f676e697a6572732f5f32220a" \
    "1a120220014207080110807d18014a046c6f6e675205656e2d5553120408011001"
#define GOLDEN_CONFIG_RICH                                                                         \
    "1a2570726f6a656374732f702f6c6f636174696f6e732f65752f7265636f676e697a6572732f7232650a4b120710" \
    "012001800102321f0a1d121b1a0c0a0a4b756265726e657465731a060a0467525043250000204142080801108"    \
    "0f70218014a0763686972705f32520564652d44455205656e2d55531216080110011a0e0a02080512080801108"   \
    "0cab5ee014003"
#define GOLDEN_FINAL        "2a07320208014a017532180a090a026869150000003f1001220208013205656e2d7573"
#define GOLDEN_SPEECH_BEGIN "18023a061080c096b102"
/* A final with words, an interim of what comes after it, the metadata of the last message. */
#define GOLDEN_WORDS                                                                               \
    "2a073202080f4a0175324d0a3c0a05746f206265151f856b3f1a1c0a061080c6868f0112061080cab5ee011a02"   \
    "746f256666663f3201311a100a061080cab5ee01120208011a02626510012202080228013205656e2d7573321a0a" \
    "090a07206f72206e6f741d0ad7233c22080802108090bcfd02"

#define RECOGNIZER "projects/p/locations/global/recognizers/_"

static void test_config_golden(void)
{
    const struct stt_recognition_config plain = {.rate = 16000,
                                                 .language = "en-US",
                                                 .model = "long",
                                                 .recognizer = RECOGNIZER,
                                                 .punctuation = true,
                                                 .interim_results = true,
                                                 .voice_activity_events = true};
    check_config(WIRE, &plain, GOLDEN_CONFIG);

    const char *phrases[] = {"Kubernetes", "gRPC"};
    const char *alternatives[] = {"en-US"};
    const struct stt_context context = {.phrases = phrases, .phrases_len = 2, .boost = 10};
    const struct stt_recognition_config rich = {
        .rate = 48000,
        .language = "de-DE",
        .model = "chirp_2",
        .recognizer = "projects/p/locations/eu/recognizers/r",
        .alternative_languages = alternatives,
        .alternative_languages_len = 1,
        .contexts = &context,
        .contexts_len = 1,
        .max_alternatives = 2,
        .punctuation = true,
        .word_offsets = true,
        .interim_results = true,
        .voice_activity_events = true,
        .speech_start_timeout_ms = 5000,
        .speech_end_timeout_ms = 1500,
        .endpointing = STT_ENDPOINTING_SHORT,
    };
    check_config(WIRE, &rich, GOLDEN_CONFIG_RICH);
}

/* The empty recognizer has no model of its own to fall back to; one that exists has. */
static void test_config_model(void)
{
    struct stt_recognition_config config = {.rate = 16000,
                                            .language = "en-US",
                                            .recognizer = RECOGNIZER,
                                            .punctuation = true,
                                            .interim_results = true,
                                            .voice_activity_events = true};
    check_config(WIRE, &config, GOLDEN_CONFIG);
    config.model = "";
    check_config(WIRE, &config, GOLDEN_CONFIG);
    config = (struct stt_recognition_config){.rate = 8000, .language = "en", .recognizer = "x/r_"};
    check_config(WIRE, &config, "1a04782f725f32130a0f12004207080110c03e18015202656e1200");
}

static void test_config_recognizer(void)
{
    static const char *const bad[] = {NULL, "", "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct stt_recognition_config config = {
            .rate = 16000, .language = "en-US", .recognizer = bad[i]};
        struct buf out;
        buf_init(&out, STT_CONFIG_BYTES_MAX);
        CHECK_EQ(WIRE->config_write(&config, &out), STATUS_INVALID);
        buf_deinit(&out);
    }
}

static void test_endpointing(void)
{
    struct stt_recognition_config config = {.rate = 8000, .language = "en", .recognizer = "x/r"};
    config.endpointing = STT_ENDPOINTING_SUPERSHORT;
    check_config(WIRE, &config, "1a03782f7232150a0f12004207080110c03e18015202656e12024002");
}

/* The boost past which this API refuses a request. */
static void test_boost_bound(void)
{
    const char *phrases[] = {"a"};
    struct stt_context context = {.phrases = phrases, .phrases_len = 1, .boost = 20.5f};
    struct stt_recognition_config config = {.rate = 8000,
                                            .language = "en",
                                            .recognizer = "x/r",
                                            .contexts = &context,
                                            .contexts_len = 1};
    check_config(WIRE, &config,
                 "1a03782f7232230a1f1200320e0a0c120a1a030a0161250000a041"
                 "4207080110c03e18015202656e1200");
}

/* A set holds at most 1,200 phrases; all of them arrive, in order. */
static void test_phrase_sets(void)
{
    static char names[STT_CONFIG_PHRASES_MAX][24];
    static const char *phrases[STT_CONFIG_PHRASES_MAX];
    for (size_t i = 0; i < STT_CONFIG_PHRASES_MAX; i++) {
        snprintf(names[i], sizeof names[i], "p%04zu", i);
        phrases[i] = names[i];
    }
    struct stt_context context = {.phrases = phrases, .phrases_len = STT_CONFIG_PHRASES_MAX};
    struct stt_recognition_config config = {.rate = 8000,
                                            .language = "en",
                                            .recognizer = "x/r",
                                            .contexts = &context,
                                            .contexts_len = 1};
    struct buf out;
    buf_init(&out, STT_CONFIG_BYTES_MAX);
    CHECK_EQ(WIRE->config_write(&config, &out), 0);
    size_t next = 0, sets = 0;
    for (size_t at = 0; at + 9 <= out.len; at++) {
        /* A phrase: field 3 of seven bytes, in it field 1 of five. */
        if (memcmp(out.data + at, "\x1a\x07\x0a\x05p", 5) == 0) {
            CHECK(next < STT_CONFIG_PHRASES_MAX);
            CHECK(memcmp(out.data + at + 4, names[next++], 5) == 0);
        }
        /* A set of 1,200 times nine bytes, or of the 200 that are left over, inline. */
        sets += memcmp(out.data + at, "\x12\xb0\x54", 3) == 0 ||
                memcmp(out.data + at, "\x12\x88\x0e", 3) == 0;
    }
    CHECK_EQ(next, STT_CONFIG_PHRASES_MAX);
    CHECK_EQ(sets, 5);
    buf_deinit(&out);
}

static void test_response_final(void)
{
    struct stt_response *r = read_good(WIRE, GOLDEN_FINAL);
    CHECK_EQ(r->results_len, 1);
    CHECK_STR(r->results[0].transcript, "hi");
    CHECK(r->results[0].is_final);
    CHECK(r->results[0].confidence == 0.5f);
    CHECK_EQ(r->results[0].result_end_us, 1000000);
    CHECK_STR(r->results[0].language, "en-us");
    CHECK_EQ(r->total_billed_us, 1000000);
    CHECK_EQ(r->error_code, 0);
    stt_response_free(r);
}

static void test_response_words(void)
{
    struct stt_response *r = read_good(WIRE, GOLDEN_WORDS);
    CHECK_EQ(r->results_len, 2);
    CHECK_EQ(r->results[0].words_len, 2);
    check_word(&r->results[0].words[0], "to", 300000, 500000);
    check_word(&r->results[0].words[1], "be", 500000, 1000000);
    CHECK_STR(r->results[1].transcript, " or not");
    CHECK(!r->results[1].is_final);
    CHECK(fabsf(r->results[1].stability - 0.01f) < 1e-6f);
    CHECK_EQ(r->results[1].result_end_us, 2800000);
    CHECK_EQ(r->total_billed_us, 15000000);
    stt_response_free(r);
}

static void test_response_speech(void)
{
    struct stt_response *r = read_good(WIRE, GOLDEN_SPEECH_BEGIN);
    CHECK_EQ(r->speech_event, STT_SPEECH_BEGIN);
    CHECK_EQ(r->speech_event_us, 640000);
    CHECK_EQ(r->results_len, 0);
    stt_response_free(r);
}

/* Where v1 has its results, its error and its speech event there is something else, or nothing. */
static void test_not_v1(void)
{
    struct stt_response *r =
        read_good(WIRE, "0a04080b1200 12070a050a03616263 2002 42061080c096b102");
    CHECK_EQ(r->error_code, 0);
    CHECK_EQ(r->results_len, 0);
    CHECK_EQ(r->speech_event, STT_SPEECH_NONE);
    CHECK_EQ(r->speech_event_us, 0);
    stt_response_free(r);
}

static void test_malformed_values(void)
{
    static const char *const bad[] = {
        "32070a050a0361ff62",           /* not UTF-8 */
        "2a0c320a08ffffffffffffffff7f", /* billed 2^63 s */
        "3a06108094ebdc03",             /* 10^9 ns */
        "320422030880",                 /* a nested varint cut short */
        "2a023205",                     /* bytes past the end of the metadata */
    };
    check_malformed(WIRE, bad, sizeof bad / sizeof bad[0]);
}

int main(void)
{
    RUN(test_config_golden);
    RUN(test_config_model);
    RUN(test_config_recognizer);
    RUN(test_endpointing);
    RUN(test_boost_bound);
    RUN(test_phrase_sets);
    RUN(test_response_final);
    RUN(test_response_words);
    RUN(test_response_speech);
    RUN(test_not_v1);
    RUN(test_malformed_values);
    return check_done();
}
