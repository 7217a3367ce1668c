/* What holds for every wire. */
#include "tests/unit/stt_codec_kit.h"
#include <math.h>

/* Of each wire a few good responses, and the tags that lead to its texts and words. */
static const struct {
    const struct stt_wire *wire;
    uint8_t results;
    const char *good[4];
} wires[] = {
    {&stt_wire_google_v1,
     0x12,
     {"12430a340a05746f206265151f856b3f1a140a061080c6868f0112061080cab5ee011a02746f1a100a061080cab5"
      "ee01120208011a0262651001220208023205656e2d75732a02080f50959aef3a",
      "121e0a070a05746f2062651d6666663f22070801108084af5f3205656e2d7573121a0a090a07206f72206e6f741d"
      "0ad7233c22080801108090bcfd02",
      "0a0a080b120645786365656420024206 1080c096b102"}},
    {&stt_wire_google_v2,
     0x32,
     {"2a07320208014a017532180a090a026869150000003f1001220208013205656e2d7573",
      "2a073202080f4a0175324d0a3c0a05746f206265151f856b3f1a1c0a061080c6868f0112061080cab5ee011a0274"
      "6f256666663f3201311a100a061080cab5ee01120208011a02626510012202080228013205656e2d7573321a0a09"
      "0a07206f72206e6f741d0ad7233c22080802108090bcfd02",
      "18023a061080c096b102"}},
    {&stt_wire_riva,
     0x0a,
     {"0a220a190a026869150000003f1a0e085010c8011a026869250000003f1001350000c03f",
      "0a2e0a150a05746f2062652205656e2d5553220564652d44450a090a0774776f206265651d6666663f2801350000"
      "a03f0a210a090a07206f72206e6f741dcdcccc3d350000a03f3a0a0a080000803e0000003fa206030a0178"}},
};
#define WIRES (sizeof wires / sizeof wires[0])

static const struct stt_recognition_config good = {
    .rate = 16000, .language = "en-US", .recognizer = "projects/p/locations/l/recognizers/_"};

static void test_config_invalid(void)
{
    const char *many[STT_CONFIG_LANGUAGES_MAX + 1] = {"a", "b", "c", "d"};
    const char *empty[] = {""};
    char phrase[STT_CONFIG_PHRASE_CHARS_MAX + 2];
    memset(phrase, 'x', sizeof phrase - 1);
    phrase[sizeof phrase - 1] = '\0';
    const char *phrases[] = {phrase};
    struct stt_context too_long = {.phrases = phrases, .phrases_len = 1};
    struct stt_context nothing = {.phrases = empty, .phrases_len = 1};
    struct stt_context negative = {.boost = -1};
    struct stt_context nan_boost = {.boost = NAN};
    struct stt_recognition_config bad[16];
    size_t n = 0;
    for (size_t i = 0; i < 16; i++)
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
    bad[n].alternative_languages = empty;
    bad[n++].alternative_languages_len = 1;
    bad[n++].speech_end_timeout_ms = 1000; /* without voice activity events */
    bad[n].voice_activity_events = true;
    bad[n++].speech_start_timeout_ms = 500;
    bad[n].voice_activity_events = true;
    bad[n++].speech_end_timeout_ms = 60000;
    struct stt_context *contexts[] = {&too_long, &nothing, &negative, &nan_boost};
    for (size_t i = 0; i < 4; i++) {
        bad[n].contexts = contexts[i];
        bad[n++].contexts_len = 1;
    }
    CHECK_EQ(n, 16);
    for (size_t i = 0; i < n * WIRES; i++) {
        struct buf out;
        buf_init(&out, STT_CONFIG_BYTES_MAX);
        CHECK_EQ(wires[i % WIRES].wire->config_write(&bad[i / WIRES], &out), STATUS_INVALID);
        CHECK_EQ(out.len, 0);
        buf_deinit(&out);
    }
}

static void test_config_too_many_phrases(void)
{
    static const char *phrases[STT_CONFIG_PHRASES_MAX];
    for (size_t i = 0; i < STT_CONFIG_PHRASES_MAX; i++)
        phrases[i] = "x";
    struct stt_context contexts[2] = {{.phrases = phrases, .phrases_len = STT_CONFIG_PHRASES_MAX},
                                      {.phrases = phrases, .phrases_len = 1}};
    for (size_t w = 0; w < WIRES; w++)
        for (size_t len = 1; len <= 2; len++) {
            struct stt_recognition_config config = good;
            config.contexts = contexts;
            config.contexts_len = len;
            struct buf out;
            buf_init(&out, STT_CONFIG_BYTES_MAX);
            CHECK_EQ(wires[w].wire->config_write(&config, &out), len == 1 ? 0 : STATUS_INVALID);
            buf_deinit(&out);
        }
}

/* The longest vocabulary a session may send, of the longest phrases. */
static void test_config_fits(void)
{
    static char phrase[STT_CONFIG_PHRASE_CHARS_MAX + 1];
    static const char *phrases[500];
    memset(phrase, 'x', sizeof phrase - 1);
    for (size_t i = 0; i < 500; i++)
        phrases[i] = phrase;
    struct stt_context context = {.phrases = phrases, .phrases_len = 500, .boost = 10};
    struct stt_recognition_config config = good;
    config.contexts = &context;
    config.contexts_len = 1;
    for (size_t w = 0; w < WIRES; w++) {
        struct buf out;
        buf_init(&out, STT_CONFIG_BYTES_MAX);
        CHECK_EQ(wires[w].wire->config_write(&config, &out), 0);
        CHECK(out.len > 500 * STT_CONFIG_PHRASE_CHARS_MAX);
        buf_deinit(&out);
    }
}

static void test_config_buffer_full(void)
{
    for (size_t w = 0; w < WIRES; w++) {
        struct buf whole;
        buf_init(&whole, STT_CONFIG_BYTES_MAX);
        CHECK_EQ(wires[w].wire->config_write(&good, &whole), 0);
        for (size_t max = 1; max < whole.len; max++) {
            struct buf out;
            buf_init(&out, max);
            CHECK_EQ(wires[w].wire->config_write(&good, &out), STATUS_LIMIT);
            buf_deinit(&out);
        }
        buf_deinit(&whole);
    }
}

static void test_response_empty(void)
{
    for (size_t w = 0; w < WIRES; w++) {
        struct stt_response *r = NULL;
        CHECK_EQ(wires[w].wire->response_read(NULL, 0, &r), 0);
        CHECK_EQ(r->results_len, 0);
        CHECK_EQ(r->error_code, 0);
        CHECK_STR(r->error_message, "");
        stt_response_free(r);
    }
}

/* What a later version of the API may add: before, within and after what is known. */
static void test_response_unknown_fields(void)
{
    static const char *const kinds[] = {
        "f83e01",       "f93e0102030405060708",        "fa3e03616263",
        "fd3e01020304", "fb3e0801fb3f1201 61fc3ffc3e", /* a group within a group */
    };
    for (size_t i = 0; i < WIRES * sizeof kinds / sizeof kinds[0]; i++) {
        size_t w = i % WIRES;
        char hex[1024];
        snprintf(hex, sizeof hex, "%s%s%s", kinds[i / WIRES], wires[w].good[0], kinds[i / WIRES]);
        struct stt_response *r = read_good(wires[w].wire, hex);
        CHECK_EQ(r->results_len, 1);
        CHECK(r->results[0].is_final);
        stt_response_free(r);

        uint8_t unknown[HEX_BYTES_MAX];
        size_t len = from_hex(kinds[i / WIRES], unknown);
        snprintf(hex, sizeof hex, "%02x%02x%s1001", wires[w].results, (unsigned)len + 2,
                 kinds[i / WIRES]);
        r = read_good(wires[w].wire, hex);
        CHECK_EQ(r->results_len, 1);
        CHECK(r->results[0].is_final);
        stt_response_free(r);
    }
}

static void test_response_malformed(void)
{
    static const char *const bad[] = {
        "f83e",                       /* a tag without its value */
        "f83e80",                     /* a varint cut short */
        "f83effffffffffffffffff02",   /* past 64 bits */
        "f83effffffffffffffffffff01", /* eleven bytes */
        "0001",                       /* field number 0 */
        "8080808010 01",              /* field number 2^29 */
        "1205",                       /* bytes past the end */
        "12ffffffffffffffffff01",     /* a length near 2^64 */
        "26",                         /* wire type 6 */
        "27",                         /* wire type 7 */
        "1c",                         /* a group's end alone */
        "7b08017d",                   /* a group that never ends */
        "7b84017c",                   /* ends another group */
        "5901020304",                 /* fixed 64 cut short */
        "fd3e0102",                   /* fixed 32 cut short */
    };
    for (size_t w = 0; w < WIRES; w++)
        check_malformed(wires[w].wire, bad, sizeof bad / sizeof bad[0]);
}

/* Cut anywhere, a response is either refused or a shorter one; nothing is read past the cut. */
static void test_response_every_cut(void)
{
    for (size_t i = 0; i < 4 * WIRES; i++) {
        const char *hex = wires[i / 4].good[i % 4];
        if (hex == NULL)
            continue;
        uint8_t bytes[HEX_BYTES_MAX];
        size_t len = from_hex(hex, bytes), whole = 0;
        for (size_t cut = 0; cut <= len; cut++) {
            struct stt_response *r = NULL;
            int status = read_exact(wires[i / 4].wire, bytes, cut, &r);
            CHECK(status == 0 || status == STATUS_PROTOCOL);
            CHECK((status == 0) == (r != NULL));
            whole += status == 0;
            stt_response_free(r);
        }
        CHECK(whole >= 2 && whole < len); /* nothing, all, what ends with a field between them */
    }
}

/* Any byte turned into any other: read or refused, never more than that. */
static void test_response_every_byte(void)
{
    for (size_t i = 0; i < 4 * WIRES; i++) {
        const char *hex = wires[i / 4].good[i % 4];
        if (hex == NULL)
            continue;
        uint8_t bytes[HEX_BYTES_MAX];
        size_t len = from_hex(hex, bytes), refused = 0;
        for (size_t n = 0; n < len * 256; n++) {
            uint8_t was = bytes[n / 256];
            bytes[n / 256] = (uint8_t)n;
            struct stt_response *r = NULL;
            int status = wires[i / 4].wire->response_read(bytes, len, &r);
            CHECK(status == 0 || status == STATUS_PROTOCOL);
            refused += status != 0;
            stt_response_free(r);
            bytes[n / 256] = was;
        }
        CHECK(refused > 0 && refused < len * 256);
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

static void test_results_limit(void)
{
    for (size_t w = 0; w < WIRES; w++) {
        uint8_t bytes[2 * STT_RESPONSE_RESULTS_MAX + 2] = {0};
        for (size_t i = 0; i < sizeof bytes; i += 2)
            bytes[i] = wires[w].results;
        struct stt_response *r = NULL;
        CHECK_EQ(wires[w].wire->response_read(bytes, sizeof bytes, &r), STATUS_LIMIT);
        CHECK(r == NULL);
        CHECK_EQ(wires[w].wire->response_read(bytes, sizeof bytes - 2, &r), 0);
        CHECK_EQ(r->results_len, STT_RESPONSE_RESULTS_MAX);
        stt_response_free(r);
    }
}

static void test_words_limit(void)
{
    static uint8_t bytes[3 * STT_RESPONSE_WORDS_MAX];
    for (size_t i = 0; i < 2 * WIRES; i++) {
        size_t words = STT_RESPONSE_WORDS_MAX + i % 2;
        uint8_t *alternative, *inside;
        size_t len = nested(bytes, wires[i / 2].results, 2 * words + 4, &alternative);
        nested(alternative, 0x0a, 2 * words, &inside);
        for (size_t word = 0; word < words; word++) {
            inside[2 * word] = 0x1a;
            inside[2 * word + 1] = 0;
        }
        struct stt_response *r = NULL;
        int status = wires[i / 2].wire->response_read(bytes, len, &r);
        CHECK_EQ(status, words > STT_RESPONSE_WORDS_MAX ? STATUS_LIMIT : 0);
        if (status != 0)
            continue;
        CHECK_EQ(r->results[0].words_len, STT_RESPONSE_WORDS_MAX);
        CHECK_STR(r->results[0].words[STT_RESPONSE_WORDS_MAX - 1].text, "");
        stt_response_free(r);
    }
}

static void test_bytes_limit(void)
{
    static uint8_t bytes[STT_RESPONSE_BYTES_MAX + 1];
    for (size_t w = 0; w < WIRES; w++) {
        struct stt_response *r = NULL;
        uint8_t *result, *alternative, *text;
        size_t len = nested(bytes, wires[w].results, STT_RESPONSE_TEXT_MAX + 8, &result);
        nested(result, 0x0a, STT_RESPONSE_TEXT_MAX + 4, &alternative);
        nested(alternative, 0x0a, STT_RESPONSE_TEXT_MAX, &text);
        memset(text, 'x', STT_RESPONSE_TEXT_MAX);
        CHECK_EQ(wires[w].wire->response_read(bytes, len, &r), STATUS_LIMIT);
        CHECK_EQ(wires[w].wire->response_read(bytes, sizeof bytes, &r), STATUS_LIMIT);
        CHECK(r == NULL);
    }
}

static void test_response_no_memory(void)
{
    for (size_t w = 0; w < WIRES; w++) {
        struct stt_response *r = NULL;
        uint8_t bytes[HEX_BYTES_MAX];
        size_t len = from_hex(wires[w].good[0], bytes);
        mem_fail_nth(1);
        CHECK_EQ(wires[w].wire->response_read(bytes, len, &r), STATUS_NOMEM);
        mem_fail_nth(0);
        CHECK(r == NULL);
    }
}

static void test_response_not_finite(void)
{
    for (size_t w = 0; w < WIRES; w++) {
        uint8_t bytes[] = {wires[w].results, 5, 0x1d, 0, 0, 0xc0, 0x7f};
        struct stt_response *r = NULL;
        CHECK_EQ(read_exact(wires[w].wire, bytes, sizeof bytes, &r), 0);
        CHECK(r->results[0].stability == 0);
        stt_response_free(r);
    }
}

int main(void)
{
    RUN(test_config_invalid);
    RUN(test_config_too_many_phrases);
    RUN(test_config_fits);
    RUN(test_config_buffer_full);
    RUN(test_response_empty);
    RUN(test_response_unknown_fields);
    RUN(test_response_malformed);
    RUN(test_response_every_cut);
    RUN(test_response_every_byte);
    RUN(test_results_limit);
    RUN(test_words_limit);
    RUN(test_bytes_limit);
    RUN(test_response_no_memory);
    RUN(test_response_not_finite);
    return check_done();
}
