#include "tests/unit/stt_codec_kit.h"
#include <math.h>

#define WIRE (&stt_wire_google_v1)

/* Encodings of the official protos by another encoder. */
#define GOLDEN_CONFIG_EN "0a210a1d080110807d1a05656e2d5553200158016a0b6c61746573745f6c6f6e671801"
#define GOLDEN_CONFIG_DE                                                                           \
    "0a450a2f080110807d1a0564652d444532170a0a4b756265726e657465730a0467525043250000204140019201"   \
    "05656e2d555318012801320e0a020805120808011080cab5ee01"
#define GOLDEN_INTERIMS                                                                            \
    "121e0a070a05746f2062651d6666663f22070801108084af5f3205656e2d7573121a0a090a07206f72206e6f741d" \
    "0ad7233c22080801108090bcfd02"
#define GOLDEN_FINAL                                                                               \
    "12430a340a05746f206265151f856b3f1a140a061080c6868f0112061080cab5ee011a02746f1a100a061080cab5" \
    "ee01120208011a0262651001220208023205656e2d75732a02080f50959aef3a"
#define GOLDEN_SPEECH_BEGIN "200242061080c096b102"
#define GOLDEN_ERROR                                                                               \
    "0a3c080b12384578636565646564206d6178696d756d20616c6c6f7765642073747265616d206475726174696f6e" \
    "206f6620333035207365636f6e64732e"

static void test_config_golden(void)
{
    struct stt_recognition_config plain = {.rate = 16000,
                                           .language = "en-US",
                                           .model = "latest_long",
                                           .max_alternatives = 1,
                                           .punctuation = true,
                                           .interim_results = true};
    check_config(WIRE, &plain, GOLDEN_CONFIG_EN);

    const char *phrases[] = {"Kubernetes", "gRPC"};
    const char *alternatives[] = {"en-US"};
    struct stt_context context = {.phrases = phrases, .phrases_len = 2, .boost = 10};
    struct stt_recognition_config rich = {.rate = 16000,
                                          .language = "de-DE",
                                          .contexts = &context,
                                          .contexts_len = 1,
                                          .word_offsets = true,
                                          .alternative_languages = alternatives,
                                          .alternative_languages_len = 1,
                                          .interim_results = true,
                                          .voice_activity_events = true,
                                          .speech_start_timeout_ms = 5000,
                                          .speech_end_timeout_ms = 1500};
    check_config(WIRE, &rich, GOLDEN_CONFIG_DE);
}

/* A message of 128 bytes and more needs a longer length before it, pushed in after the fact. */
static void test_config_long_phrases(void)
{
    char phrase[101];
    memset(phrase, 'x', 100);
    phrase[100] = '\0';
    const char *phrases[] = {phrase, phrase};
    struct stt_context context = {.phrases = phrases, .phrases_len = 2};
    struct stt_recognition_config config = {
        .rate = 8000, .language = "en", .contexts = &context, .contexts_len = 1};
    struct buf out;
    buf_init(&out, STT_CONFIG_BYTES_MAX);
    CHECK_EQ(WIRE->config_write(&config, &out), 0);
    /* 0a len [0a len [08 01, 10 c0 3e, 1a 02 "en", 32 len [0a 64 …, 0a 64 …]]] */
    const uint8_t head[] = {0x0a, 0xdb, 0x01, 0x0a, 0xd8, 0x01, 0x08, 0x01, 0x10, 0xc0, 0x3e,
                            0x1a, 0x02, 'e',  'n',  0x32, 0xcc, 0x01, 0x0a, 0x64, 'x'};
    CHECK_EQ(out.len, 222);
    CHECK(out.len > sizeof head && memcmp(out.data, head, sizeof head) == 0);
    buf_deinit(&out);
}

static void test_response_interims(void)
{
    struct stt_response *r = read_good(WIRE, GOLDEN_INTERIMS);
    CHECK_EQ(r->results_len, 2);
    CHECK_STR(r->results[0].transcript, "to be");
    CHECK(!r->results[0].is_final);
    CHECK(fabsf(r->results[0].stability - 0.9f) < 1e-6f);
    CHECK_EQ(r->results[0].result_end_us, 1200000);
    CHECK_STR(r->results[0].language, "en-us");
    CHECK_STR(r->results[1].transcript, " or not");
    CHECK(fabsf(r->results[1].stability - 0.01f) < 1e-6f);
    CHECK_EQ(r->results[1].result_end_us, 1800000);
    CHECK_STR(r->results[1].language, "");
    CHECK_EQ(r->results[1].words_len, 0);
    CHECK_EQ(r->error_code, 0);
    CHECK_STR(r->error_message, "");
    CHECK_EQ(r->speech_event, STT_SPEECH_NONE);
    stt_response_free(r);
}

static void test_response_final(void)
{
    struct stt_response *r = read_good(WIRE, GOLDEN_FINAL);
    CHECK_EQ(r->results_len, 1);
    const struct stt_result *result = &r->results[0];
    CHECK_STR(result->transcript, "to be");
    CHECK(result->is_final);
    CHECK(fabsf(result->confidence - 0.92f) < 1e-6f);
    CHECK_EQ(result->result_end_us, 2000000);
    CHECK_EQ(result->words_len, 2);
    check_word(&result->words[0], "to", 300000, 500000);
    check_word(&result->words[1], "be", 500000, 1000000);
    CHECK_EQ(r->total_billed_us, 15000000);
    stt_response_free(r);
}

static void test_response_speech_and_error(void)
{
    struct stt_response *r = read_good(WIRE, GOLDEN_SPEECH_BEGIN);
    CHECK_EQ(r->speech_event, STT_SPEECH_BEGIN);
    CHECK_EQ(r->speech_event_us, 640000);
    CHECK_EQ(r->results_len, 0);
    stt_response_free(r);
    r = read_good(WIRE, GOLDEN_ERROR);
    CHECK_EQ(r->error_code, 11);
    CHECK_STR(r->error_message, "Exceeded maximum allowed stream duration of 305 seconds.");
    stt_response_free(r);
    CHECK_EQ(WIRE->response_read(NULL, 0, &r), 0);
    CHECK_EQ(r->results_len, 0);
    stt_response_free(r);
}

static void test_response_any_order(void)
{
    /* words, then the transcript; is_final before the alternatives; the error's message before its
     * code. */
    struct stt_response *r = read_good(WIRE, "0a0512017808055007"
                                             "1214220208013202656e10010a081a031a01610a0161");
    CHECK_EQ(r->error_code, 5);
    CHECK_STR(r->error_message, "x");
    CHECK_EQ(r->results_len, 1);
    CHECK(r->results[0].is_final);
    CHECK_STR(r->results[0].transcript, "a");
    CHECK_STR(r->results[0].words[0].text, "a");
    CHECK_STR(r->results[0].language, "en");
    stt_response_free(r);
}

static void test_response_first_alternative(void)
{
    struct stt_response *r = read_good(WIRE, "120e0a050a036162630a050a03646566");
    CHECK_STR(r->results[0].transcript, "abc");
    stt_response_free(r);
}

/* The API would do the same with more. */
static void test_boost_bound(void)
{
    const char *phrases[] = {"a"};
    struct stt_context context = {.phrases = phrases, .phrases_len = 1, .boost = 100};
    struct stt_recognition_config config = {
        .rate = 8000, .language = "en", .contexts = &context, .contexts_len = 1};
    check_config(WIRE, &config, "0a150a13080110c03e1a02656e32080a0161250000a041");
}

/* What only other wires have words for. */
static void test_config_leaves_out(void)
{
    struct stt_recognition_config config = {.rate = 8000,
                                            .language = "en",
                                            .recognizer = "projects/p/locations/l/recognizers/_",
                                            .endpointing = STT_ENDPOINTING_SHORT,
                                            .single_utterance = true};
    check_config(WIRE, &config, "0a0d0a09080110c03e1a02656e1001");
}

static void test_malformed_values(void)
{
    static const char *const bad[] = {
        "12070a050a0361ff62",       /* not UTF-8 */
        "12070a050a03610062",       /* U+0000 */
        "2a0a08ffffffffffffffff7f", /* a duration of 2^63 s */
        "2a06108094ebdc03",         /* 10^9 ns */
        "120422030880",             /* a nested varint cut short */
        "0a02 0880",                /* the same in the error */
    };
    check_malformed(WIRE, bad, sizeof bad / sizeof bad[0]);
}

/* Known numbers with other wire types are other fields. */
static void test_other_types(void)
{
    struct stt_response *r = read_good(WIRE, "10019201001d0000000020024206 1080c096b102");
    CHECK_EQ(r->speech_event, STT_SPEECH_BEGIN);
    CHECK_EQ(r->speech_event_us, 640000);
    CHECK_EQ(r->results_len, 0);
    stt_response_free(r);
}

int main(void)
{
    RUN(test_config_golden);
    RUN(test_config_long_phrases);
    RUN(test_boost_bound);
    RUN(test_config_leaves_out);
    RUN(test_response_interims);
    RUN(test_response_final);
    RUN(test_response_speech_and_error);
    RUN(test_response_any_order);
    RUN(test_response_first_alternative);
    RUN(test_malformed_values);
    RUN(test_other_types);
    return check_done();
}
