#include "stt/wire.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "stt/limits.h"
#include "tests/check.h"
#include <math.h>
#include <stdint.h>

/* Encodings of the official protos by an independent encoder. */
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

static const char *to_hex(const void *bytes, size_t len)
{
    static char hex[4096];
    CHECK(len * 2 < sizeof hex);
    hex[0] = '\0';
    for (size_t i = 0; i < len; i++)
        snprintf(hex + 2 * i, 3, "%02x", ((const uint8_t *)bytes)[i]);
    return hex;
}

static size_t from_hex(const char *hex, uint8_t *bytes)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return len;
}

/* Reads from a block of the exact size, so that a sanitizer sees every read past the end. */
static int read_exact(const uint8_t *bytes, size_t len, struct stt_response **out)
{
    uint8_t *exact = mem_alloc(len > 0 ? len : 1);
    memcpy(exact, bytes, len);
    int status = stt_wire_google_v1.response_read(exact, len, out);
    memset(exact, 0xdd, len);
    mem_free(exact);
    return status;
}

static int read_hex(const char *hex, struct stt_response **out)
{
    uint8_t bytes[4096];
    return read_exact(bytes, from_hex(hex, bytes), out);
}

static void check_config(const struct stt_recognition_config *config, const char *golden)
{
    struct buf out;
    buf_init(&out, STT_CONFIG_BYTES_MAX);
    CHECK_EQ(stt_wire_google_v1.config_write(config, &out), 0);
    CHECK_STR(to_hex(out.data, out.len), golden);
    buf_deinit(&out);
}

static void test_config_golden(void)
{
    struct stt_recognition_config plain = {.rate = 16000,
                                           .language = "en-US",
                                           .model = "latest_long",
                                           .max_alternatives = 1,
                                           .punctuation = true,
                                           .interim_results = true};
    check_config(&plain, GOLDEN_CONFIG_EN);

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
    check_config(&rich, GOLDEN_CONFIG_DE);
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
    CHECK_EQ(stt_wire_google_v1.config_write(&config, &out), 0);
    /* 0a len [0a len [08 01, 10 c0 3e, 1a 02 "en", 32 len [0a 64 …, 0a 64 …]]] */
    const uint8_t head[] = {0x0a, 0xdb, 0x01, 0x0a, 0xd8, 0x01, 0x08, 0x01, 0x10, 0xc0, 0x3e,
                            0x1a, 0x02, 'e',  'n',  0x32, 0xcc, 0x01, 0x0a, 0x64, 'x'};
    CHECK_EQ(out.len, 222);
    CHECK(out.len > sizeof head && memcmp(out.data, head, sizeof head) == 0);
    buf_deinit(&out);
}

static void test_config_invalid(void)
{
    const struct stt_recognition_config good = {.rate = 16000, .language = "en-US"};
    const char *many[STT_CONFIG_LANGUAGES_MAX + 1] = {"a", "b", "c", "d"};
    char phrase[STT_CONFIG_PHRASE_CHARS_MAX + 2];
    memset(phrase, 'x', sizeof phrase - 1);
    phrase[sizeof phrase - 1] = '\0';
    const char *phrases[] = {phrase};
    struct stt_context too_long = {.phrases = phrases, .phrases_len = 1};
    struct stt_context loud = {.boost = -1};
    struct stt_context nan_boost = {.boost = NAN};
    struct stt_recognition_config bad[12];
    size_t n = 0;
    for (size_t i = 0; i < 12; i++)
        bad[i] = good;
    bad[n++].rate = 7999;
    bad[n++].rate = 48001;
    bad[n++].language = NULL;
    bad[n++].language = "";
    bad[n++].language = "\xff";
    bad[n++].model = "\xc0\x80";
    bad[n++].max_alternatives = 31;
    bad[n].alternative_languages = many;
    bad[n++].alternative_languages_len = STT_CONFIG_LANGUAGES_MAX + 1;
    bad[n++].speech_end_timeout_ms = 1000; /* without voice activity events */
    bad[n].contexts = &too_long;
    bad[n++].contexts_len = 1;
    bad[n].contexts = &loud;
    bad[n++].contexts_len = 1;
    bad[n].contexts = &nan_boost;
    bad[n++].contexts_len = 1;
    CHECK_EQ(n, 12);
    for (size_t i = 0; i < n; i++) {
        struct buf out;
        buf_init(&out, STT_CONFIG_BYTES_MAX);
        CHECK_EQ(stt_wire_google_v1.config_write(&bad[i], &out), STATUS_INVALID);
        CHECK_EQ(out.len, 0);
        buf_deinit(&out);
    }
}

static void test_config_buffer_full(void)
{
    struct stt_recognition_config config = {.rate = 16000, .language = "en-US"};
    struct buf whole;
    buf_init(&whole, STT_CONFIG_BYTES_MAX);
    CHECK_EQ(stt_wire_google_v1.config_write(&config, &whole), 0);
    for (size_t max = 1; max < whole.len; max++) {
        struct buf out;
        buf_init(&out, max);
        CHECK(stt_wire_google_v1.config_write(&config, &out) < 0);
        buf_deinit(&out);
    }
    buf_deinit(&whole);
}

static void test_audio_head(void)
{
    const struct {
        uint32_t bytes;
        const char *hex;
    } rows[] = {
        {4, "1204"},       {127, "127f"},       {128, "128001"}, {4800, "12c025"},
        {15360, "128078"}, {16384, "12808001"}, {0, "1200"},     {UINT32_MAX, "12ffffffff0f"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t head[STT_AUDIO_HEAD_MAX];
        size_t len = stt_wire_audio_head(&stt_wire_google_v1, rows[i].bytes, head);
        CHECK_STR(to_hex(head, len), rows[i].hex);
    }
}

static void test_response_interims(void)
{
    struct stt_response *r = NULL;
    CHECK_EQ(read_hex(GOLDEN_INTERIMS, &r), 0);
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
    struct stt_response *r = NULL;
    CHECK_EQ(read_hex(GOLDEN_FINAL, &r), 0);
    CHECK_EQ(r->results_len, 1);
    const struct stt_result *result = &r->results[0];
    CHECK_STR(result->transcript, "to be");
    CHECK(result->is_final);
    CHECK(fabsf(result->confidence - 0.92f) < 1e-6f);
    CHECK_EQ(result->result_end_us, 2000000);
    CHECK_EQ(result->words_len, 2);
    CHECK_STR(result->words[0].text, "to");
    CHECK_EQ(result->words[0].start_us, 300000);
    CHECK_EQ(result->words[0].end_us, 500000);
    CHECK_STR(result->words[1].text, "be");
    CHECK_EQ(result->words[1].start_us, 500000);
    CHECK_EQ(result->words[1].end_us, 1000000);
    CHECK_EQ(r->total_billed_us, 15000000);
    stt_response_free(r);
}

static void test_response_speech_and_error(void)
{
    struct stt_response *r = NULL;
    CHECK_EQ(read_hex(GOLDEN_SPEECH_BEGIN, &r), 0);
    CHECK_EQ(r->speech_event, STT_SPEECH_BEGIN);
    CHECK_EQ(r->speech_event_us, 640000);
    CHECK_EQ(r->results_len, 0);
    stt_response_free(r);
    CHECK_EQ(read_hex(GOLDEN_ERROR, &r), 0);
    CHECK_EQ(r->error_code, 11);
    CHECK_STR(r->error_message, "Exceeded maximum allowed stream duration of 305 seconds.");
    stt_response_free(r);
    CHECK_EQ(stt_wire_google_v1.response_read(NULL, 0, &r), 0);
    CHECK_EQ(r->results_len, 0);
    stt_response_free(r);
}

static void test_response_any_order(void)
{
    /* words, then the transcript; is_final before the alternatives; the error's message before its
     * code. */
    struct stt_response *r = NULL;
    CHECK_EQ(read_hex("0a0512017808055007"
                      "1214220208013202656e10010a081a031a01610a0161",
                      &r),
             0);
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
    struct stt_response *r = NULL;
    CHECK_EQ(read_hex("120e0a050a036162630a050a03646566", &r), 0);
    CHECK_STR(r->results[0].transcript, "abc");
    stt_response_free(r);
}

static void test_response_unknown_fields(void)
{
    static const char *const kinds[] = {
        "5001",
        "590102030405060708",
        "fa3e03616263",
        "fd3e01020304",
        "fb3e0801fb3f1201 61fc3ffc3e", /* a group within a group */
        "10019201001d00000000",        /* known numbers, other wire types */
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char hex[256];
        size_t n = 0;
        for (const char *c = kinds[i]; *c != '\0'; c++)
            if (*c != ' ')
                hex[n++] = *c;
        snprintf(hex + n, sizeof hex - n, "%s", GOLDEN_SPEECH_BEGIN);
        struct stt_response *r = NULL;
        CHECK_EQ(read_hex(hex, &r), 0);
        CHECK(r != NULL && r->speech_event == STT_SPEECH_BEGIN);
        stt_response_free(r);
    }
}

static void test_response_malformed(void)
{
    static const char *const bad[] = {
        "20",                       /* a tag without its value */
        "2080",                     /* a varint cut short */
        "20ffffffffffffffffff02",   /* past 64 bits */
        "20ffffffffffffffffffff01", /* eleven bytes */
        "0001",                     /* field number 0 */
        "8080808010"
        "01",                       /* field number 2^29 */
        "1205",                     /* bytes past the end */
        "12ffffffffffffffffff01",   /* a length near 2^64 */
        "26",                       /* wire type 6 */
        "27",                       /* wire type 7 */
        "1c",                       /* a group's end alone */
        "7b08017d",                 /* a group that never ends */
        "7b84017c",                 /* ends another group */
        "5901020304",               /* fixed 64 cut short */
        "fd3e0102",                 /* fixed 32 cut short */
        "12070a050a0361ff62",       /* not UTF-8 */
        "12070a050a03610062",       /* U+0000 */
        "2a0a08ffffffffffffffff7f", /* a duration of 2^63 s */
        "2a06108094ebdc03",       /* 10^9 ns */
        "1204220308"
        "80", /* a nested varint cut short */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct stt_response *r = NULL;
        int status = read_hex(bad[i], &r);
        if (status != STATUS_PROTOCOL)
            fprintf(stderr, "accepted: %s\n", bad[i]);
        CHECK_EQ(status, STATUS_PROTOCOL);
        CHECK(r == NULL);
    }
}

/* Cut anywhere, a response is either refused or a shorter one; nothing is read past the cut. */
static void test_response_every_cut(void)
{
    static const char *const golden[] = {GOLDEN_INTERIMS, GOLDEN_FINAL, GOLDEN_SPEECH_BEGIN,
                                         GOLDEN_ERROR};
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        uint8_t bytes[256];
        size_t len = from_hex(golden[i], bytes);
        unsigned whole = 0;
        for (size_t cut = 0; cut <= len; cut++) {
            struct stt_response *r = NULL;
            int status = read_exact(bytes, cut, &r);
            CHECK(status == 0 || status == STATUS_PROTOCOL);
            whole += status == 0;
            stt_response_free(r);
        }
        CHECK(whole >= 2 && whole < len);
    }
}

static size_t nested(uint8_t *out, uint8_t tag, size_t len, uint8_t **inside)
{
    size_t n = 0;
    out[n++] = tag;
    size_t rest = len;
    while (rest > 0x7f) {
        out[n++] = (uint8_t)(rest | 0x80);
        rest >>= 7;
    }
    out[n++] = (uint8_t)rest;
    *inside = out + n;
    return n + len;
}

static void test_response_limits(void)
{
    static uint8_t bytes[STT_RESPONSE_BYTES_MAX + 1];
    struct stt_response *r = NULL;
    for (size_t i = 0; i <= STT_RESPONSE_RESULTS_MAX; i++)
        bytes[2 * i] = 0x12;
    CHECK_EQ(stt_wire_google_v1.response_read(bytes, 2 * STT_RESPONSE_RESULTS_MAX, &r), 0);
    CHECK_EQ(r->results_len, STT_RESPONSE_RESULTS_MAX);
    stt_response_free(r);
    r = NULL;
    CHECK_EQ(stt_wire_google_v1.response_read(bytes, 2 * STT_RESPONSE_RESULTS_MAX + 2, &r), STATUS_LIMIT);

    for (size_t words = STT_RESPONSE_WORDS_MAX; words <= STT_RESPONSE_WORDS_MAX + 1; words++) {
        uint8_t *alternative, *inside;
        size_t len = nested(bytes, 0x12, 2 * words + 4, &alternative);
        nested(alternative, 0x0a, 2 * words, &inside);
        for (size_t i = 0; i < words; i++) {
            inside[2 * i] = 0x1a;
            inside[2 * i + 1] = 0;
        }
        CHECK_EQ(stt_wire_google_v1.response_read(bytes, len, &r),
                 words > STT_RESPONSE_WORDS_MAX ? STATUS_LIMIT : 0);
    }
    CHECK_EQ(r->results[0].words_len, STT_RESPONSE_WORDS_MAX);
    CHECK_STR(r->results[0].words[STT_RESPONSE_WORDS_MAX - 1].text, "");
    stt_response_free(r);
    r = NULL;

    uint8_t *status, *text;
    size_t len = nested(bytes, 0x0a, STT_RESPONSE_TEXT_MAX + 4, &status);
    nested(status, 0x12, STT_RESPONSE_TEXT_MAX, &text);
    memset(text, 'x', STT_RESPONSE_TEXT_MAX);
    CHECK_EQ(stt_wire_google_v1.response_read(bytes, len, &r), STATUS_LIMIT);
    CHECK_EQ(stt_wire_google_v1.response_read(bytes, STT_RESPONSE_BYTES_MAX + 1, &r), STATUS_LIMIT);
    CHECK(r == NULL);
}

static void test_response_no_memory(void)
{
    struct stt_response *r = NULL;
    uint8_t bytes[256];
    size_t len = from_hex(GOLDEN_FINAL, bytes);
    mem_fail_nth(1);
    CHECK_EQ(stt_wire_google_v1.response_read(bytes, len, &r), STATUS_NOMEM);
    mem_fail_nth(0);
    CHECK(r == NULL);
}

static void test_response_not_finite(void)
{
    struct stt_response *r = NULL;
    CHECK_EQ(read_hex("12051d0000c07f", &r), 0);
    CHECK(r->results[0].stability == 0);
    stt_response_free(r);
}

int main(void)
{
    RUN(test_config_golden);
    RUN(test_config_long_phrases);
    RUN(test_config_invalid);
    RUN(test_config_buffer_full);
    RUN(test_audio_head);
    RUN(test_response_interims);
    RUN(test_response_final);
    RUN(test_response_speech_and_error);
    RUN(test_response_any_order);
    RUN(test_response_first_alternative);
    RUN(test_response_unknown_fields);
    RUN(test_response_malformed);
    RUN(test_response_every_cut);
    RUN(test_response_limits);
    RUN(test_response_no_memory);
    RUN(test_response_not_finite);
    return check_done();
}
