#include "tests/unit/stt_codec_kit.h"
#include <math.h>

#define WIRE (&stt_wire_riva)

/* Encodings of the vendor's proto by another encoder. */
#define GOLDEN_CONFIG "0a140a10080110807d1a05656e2d5553200158011001"
#define GOLDEN_CONFIG_RICH                                                                         \
    "0a3c0a38080110807d1a0564652d444532170a0a4b756265726e657465730a0467525043250000204240016a0963" \
    "6f6e666f726d6572ca010318f4031001"
#define GOLDEN_FINAL "0a220a190a026869150000003f1a0e085010c8011a026869250000003f1001350000c03f"
/* Two alternatives, two languages; an interim; the request's id. */
#define GOLDEN_INTERIMS                                                                            \
    "0a2e0a150a05746f2062652205656e2d5553220564652d44450a090a0774776f206265651d6666663f2801350000" \
    "a03f0a210a090a07206f72206e6f741dcdcccc3d350000a03f3a0a0a080000803e0000003fa206030a0178"

static void test_config_golden(void)
{
    const struct stt_recognition_config plain = {.rate = 16000,
                                                 .language = "en-US",
                                                 .max_alternatives = 1,
                                                 .punctuation = true,
                                                 .interim_results = true};
    check_config(WIRE, &plain, GOLDEN_CONFIG);

    const char *phrases[] = {"Kubernetes", "gRPC"};
    const struct stt_context context = {.phrases = phrases, .phrases_len = 2, .boost = 40};
    const struct stt_recognition_config rich = {
        .rate = 16000,
        .language = "de-DE",
        .model = "conformer",
        .contexts = &context,
        .contexts_len = 1,
        .word_offsets = true,
        .interim_results = true,
        .endpointing = STT_ENDPOINTING_SHORT,
    };
    check_config(WIRE, &rich, GOLDEN_CONFIG_RICH);
}

/* What only Google has words for. */
static void test_config_leaves_out(void)
{
    const char *alternatives[] = {"de-DE"};
    const struct stt_recognition_config config = {
        .rate = 16000,
        .language = "en-US",
        .recognizer = "projects/p/locations/l/recognizers/_",
        .alternative_languages = alternatives,
        .alternative_languages_len = 1,
        .max_alternatives = 1,
        .punctuation = true,
        .interim_results = true,
        .single_utterance = true,
        .voice_activity_events = true,
        .speech_start_timeout_ms = 5000,
        .speech_end_timeout_ms = 1500,
    };
    check_config(WIRE, &config, GOLDEN_CONFIG);
}

static void test_response_final(void)
{
    struct stt_response *r = read_good(WIRE, GOLDEN_FINAL);
    CHECK_EQ(r->results_len, 1);
    const struct stt_result *result = &r->results[0];
    CHECK_STR(result->transcript, "hi");
    CHECK(result->is_final);
    CHECK(result->confidence == 0.5f);
    CHECK_EQ(result->result_end_us, 1500000);
    CHECK_EQ(result->words_len, 1);
    check_word(&result->words[0], "hi", 80000, 200000);
    CHECK_STR(result->language, "");
    stt_response_free(r);
}

static void test_response_interims(void)
{
    struct stt_response *r = read_good(WIRE, GOLDEN_INTERIMS);
    CHECK_EQ(r->results_len, 2);
    CHECK_STR(r->results[0].transcript, "to be");
    CHECK_STR(r->results[0].language, "en-US");
    CHECK(!r->results[0].is_final);
    CHECK(fabsf(r->results[0].stability - 0.9f) < 1e-6f);
    CHECK_EQ(r->results[0].result_end_us, 1250000);
    CHECK_STR(r->results[1].transcript, " or not");
    CHECK_STR(r->results[1].language, "");
    CHECK_EQ(r->results[1].result_end_us, 1250000);
    stt_response_free(r);
}

/* A stream has no longest age: times stay right for days, to what single precision holds. */
static void test_audio_processed(void)
{
    const struct {
        float seconds;
        int64_t end_us, off_us;
    } rows[] = {{0, 0, 0},
                {0.08f, 80000, 1},
                {3599.99f, 3599990000, 200},
                {14399.98f, 14399980000, 1000},
                {172800.5f, 172800500000, 8000},
                {-1, -1000000, 0},
                {NAN, 0, 0},
                {INFINITY, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[] = {0x0a, 5, 0x35, 0, 0, 0, 0};
        memcpy(bytes + 3, &rows[i].seconds, 4); /* little endian, as this machine */
        struct stt_response *r = NULL;
        CHECK_EQ(read_exact(WIRE, bytes, sizeof bytes, &r), 0);
        CHECK(llabs(r->results[0].result_end_us - rows[i].end_us) <= rows[i].off_us);
        stt_response_free(r);
    }
}

/* int32: a negative number comes as ten bytes. */
static void test_word_negative(void)
{
    struct stt_response *r = read_good(WIRE, "0a15 0a13 1a11 08ffffffffffffffffff01 10ffffffff07");
    CHECK_EQ(r->results[0].words_len, 1);
    check_word(&r->results[0].words[0], "", -1000, INT64_C(2147483647000));
    stt_response_free(r);
}

/* Where Google has an error, a speech event, an end and a language there is something else. */
static void test_not_google(void)
{
    struct stt_response *r = read_good(WIRE, "12070a050a03616263 2002 42061080c096b102"
                                             "0a0b 22020801 3205656e2d7573");
    CHECK_EQ(r->results_len, 1);
    CHECK_EQ(r->results[0].result_end_us, 0);
    CHECK_STR(r->results[0].language, "");
    CHECK_EQ(r->speech_event, STT_SPEECH_NONE);
    CHECK_EQ(r->speech_event_us, 0);
    stt_response_free(r);
}

static void test_malformed_values(void)
{
    static const char *const bad[] = {
        "0a070a050a0361ff62",  /* not UTF-8 */
        "0a0535ffff7f7f",      /* the largest float of seconds */
        "0a06 0a04 1a02 0880", /* a nested varint cut short */
        "0a0435 0000 00",      /* a float cut short */
    };
    check_malformed(WIRE, bad, sizeof bad / sizeof bad[0]);
}

int main(void)
{
    RUN(test_config_golden);
    RUN(test_config_leaves_out);
    RUN(test_response_final);
    RUN(test_response_interims);
    RUN(test_audio_processed);
    RUN(test_word_negative);
    RUN(test_not_google);
    RUN(test_malformed_values);
    return check_done();
}
