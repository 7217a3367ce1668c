/* The wire of StreamingRecognize as the official encoder writes it. */
#include "base/buf.h"
#include "base/status.h"
#include "local/speech_wire.h"
#include "tests/check.h"

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return len;
}

static int read_hex(const char *hex, struct local_speech_request *request)
{
    static uint8_t bytes[1024];
    return local_speech_request_read(bytes, unhex(hex, bytes), request);
}

static void check_written(const struct local_speech_response *response, const char *hex)
{
    struct buf buf;
    char text[1024] = "";
    buf_init(&buf, 1024);
    CHECK_EQ(local_speech_response_write(response, &buf), 0);
    for (size_t i = 0; i < buf.len && 2 * i + 2 < sizeof text; i++)
        snprintf(text + 2 * i, 3, "%02x", (uint8_t)buf.data[i]);
    CHECK_STR(text, hex);
    buf_deinit(&buf);
}

static void test_reads_a_config(void)
{
    struct local_speech_request request;
    CHECK_EQ(read_hex("0a210a1d080110807d1a05656e2d5553200158016a0b6c61746573745f6c6f6e671801",
                      &request),
             0);
    CHECK_EQ(request.kind, LOCAL_REQUEST_CONFIG);
    CHECK(request.config.has_recognition);
    CHECK_EQ(request.config.encoding, LOCAL_ENCODING_LINEAR16);
    CHECK_EQ(request.config.rate, 16000);
    CHECK_STR(request.config.language, "en-US");
    CHECK_STR(request.config.model, "latest_long");
    CHECK_EQ(request.config.alternatives_max, 1);
    CHECK(request.config.punctuation && request.config.interim);
    CHECK(!request.config.word_times && !request.config.single_utterance);
}

static void test_reads_a_rich_config(void)
{
    struct local_speech_request request;
    CHECK_EQ(
        read_hex(
            "0a450a2f080110807d1a0564652d444532170a0a4b756265726e657465730a04675250432500002041"
            "4001920105656e2d555318012801320e0a020805120808011080cab5ee01",
            &request),
        0);
    CHECK_STR(request.config.language, "de-DE");
    CHECK(request.config.word_times && request.config.interim && request.config.activity_events);
    CHECK_EQ(request.config.start_timeout_us, 5000000);
    CHECK_EQ(request.config.end_timeout_us, 1500000);
}

static void test_reads_audio(void)
{
    struct local_speech_request request;
    CHECK_EQ(read_hex("12040100ff7f", &request), 0);
    CHECK_EQ(request.kind, LOCAL_REQUEST_AUDIO);
    CHECK_EQ(request.audio_len, 4);
    CHECK(memcmp(request.audio, "\x01\x00\xff\x7f", 4) == 0);
}

static void test_empty_message_is_neither(void)
{
    struct local_speech_request request;
    CHECK_EQ(local_speech_request_read(NULL, 0, &request), 0);
    CHECK_EQ(request.kind, LOCAL_REQUEST_NONE);
}

static void test_empty_audio_and_empty_config_are_told_apart(void)
{
    struct local_speech_request request;
    CHECK_EQ(read_hex("1200", &request), 0);
    CHECK_EQ(request.kind, LOCAL_REQUEST_AUDIO);
    CHECK_EQ(request.audio_len, 0);
    CHECK_EQ(read_hex("0a00", &request), 0);
    CHECK_EQ(request.kind, LOCAL_REQUEST_CONFIG);
    CHECK(!request.config.has_recognition);
}

static void test_last_of_the_oneof_wins(void)
{
    struct local_speech_request request;
    CHECK_EQ(read_hex("0a0218011202aabb", &request), 0);
    CHECK_EQ(request.kind, LOCAL_REQUEST_AUDIO);
    CHECK_EQ(read_hex("1202aabb0a021801", &request), 0);
    CHECK_EQ(request.kind, LOCAL_REQUEST_CONFIG);
    CHECK(request.config.interim);
}

static void test_unknown_fields_and_any_order(void)
{
    struct local_speech_request request;
    /* Fields 9 (varint), 10 (fixed64), 11 (fixed32), 12 (bytes) around a config whose parts are
     * turned round. */
    CHECK_EQ(read_hex("4805510102030405060708"
                      "5d01020304"
                      "6203616263"
                      "0a09"
                      "1801"
                      "0a05"
                      "10c03e0801",
                      &request),
             0);
    CHECK_EQ(request.config.rate, 8000);
    CHECK_EQ(request.config.encoding, 1);
    CHECK(request.config.interim);
}

static void test_broken_bytes_are_refused(void)
{
    struct local_speech_request request = {.kind = LOCAL_REQUEST_AUDIO};
    CHECK_EQ(read_hex("12050100ff7f", &request), STATUS_PROTOCOL); /* longer than the message */
    CHECK_EQ(read_hex("0a", &request), STATUS_PROTOCOL);           /* no length */
    CHECK_EQ(read_hex("0b", &request), STATUS_PROTOCOL);           /* a group */
    CHECK_EQ(read_hex("0200", &request), STATUS_PROTOCOL);         /* field number 0 */
    CHECK_EQ(read_hex("0a040a0508", &request), STATUS_PROTOCOL);   /* inner length */
    CHECK_EQ(read_hex("ffffffffffffffffffff01", &request), STATUS_PROTOCOL); /* endless varint */
    CHECK_EQ(read_hex("12ffffffffffffffffff01", &request), STATUS_PROTOCOL); /* huge length */
    CHECK_EQ(request.kind, LOCAL_REQUEST_AUDIO);                             /* untouched */
}

static void test_long_language_is_cut(void)
{
    struct local_speech_request request;
    char hex[256] = "0a420a401a3e";
    for (int i = 0; i < 62; i++)
        memcpy(hex + strlen(hex), "61", 3);
    CHECK_EQ(read_hex(hex, &request), 0);
    CHECK_EQ(strlen(request.config.language), sizeof request.config.language - 1);
}

static void test_absurd_timeouts_are_bounded(void)
{
    struct local_speech_request request;
    /* start 2^62 s, end -1 s. */
    CHECK_EQ(read_hex("0a1c321a"
                      "0a0a08"
                      "808080808080808040"
                      "120b08"
                      "ffffffffffffffffff01"
                      "0000",
                      &request),
             STATUS_PROTOCOL);
    CHECK_EQ(read_hex("0a1a3218"
                      "0a0a08"
                      "808080808080808040"
                      "120a08"
                      "ffffffffffffffff7f",
                      &request),
             0);
    CHECK_EQ(request.config.start_timeout_us, (int64_t)3600 * 1000000);
}

static void test_writes_interims(void)
{
    struct local_speech_result results[] = {
        {.transcript = "to be", .stability = 0.9f, .end_us = 1200000, .language = "en-us"},
        {.transcript = " or not", .stability = 0.01f, .end_us = 1800000},
    };
    check_written(&(struct local_speech_response){.results = results, .results_len = 2},
                  "121e0a070a05746f2062651d6666663f22070801108084af5f3205656e2d7573"
                  "121a0a090a07206f72206e6f741d0ad7233c22080801108090bcfd02");
}

static void test_writes_a_final(void)
{
    struct local_speech_word words[] = {
        {.text = "to", .start_us = 300000, .end_us = 500000},
        {.text = "be", .start_us = 500000, .end_us = 1000000},
    };
    struct local_speech_result result = {.transcript = "to be",
                                         .confidence = 0.92f,
                                         .final = true,
                                         .end_us = 2000000,
                                         .language = "en-us",
                                         .words = words,
                                         .words_len = 2};
    check_written(
        &(struct local_speech_response){
            .results = &result, .results_len = 1, .billed_us = 15000000, .request_id = 123456789},
        "12430a340a05746f206265151f856b3f1a140a061080c6868f0112061080cab5ee011a02746f1a100a06"
        "1080cab5ee01120208011a0262651001220208023205656e2d75732a02080f50959aef3a");
}

static void test_writes_events_and_errors(void)
{
    check_written(
        &(struct local_speech_response){.event = LOCAL_EVENT_ACTIVITY_BEGIN, .event_us = 640000},
        "200242061080c096b102");
    check_written(
        &(struct local_speech_response){
            .error_code = 11,
            .error_text = "Exceeded maximum allowed stream duration of 305 seconds."},
        "0a3c080b12384578636565646564206d6178696d756d20616c6c6f7765642073747265616d206475726174"
        "696f6e206f6620333035207365636f6e64732e");
}

static int read_v2(const char *hex, struct local_speech_request *request)
{
    static uint8_t bytes[1024];
    return local_speech_v2.read(bytes, unhex(hex, bytes), request);
}

static void test_reads_v2(void)
{
    struct local_speech_request request;
    CHECK_EQ(read_v2("1a2970726f6a656374732f702f6c6f636174696f6e732f676c6f62616c2f7265636f676e697a"
                     "6572732f5f32220a1a120220014207080110807d18014a046c6f6e675205656e2d55531204080"
                     "11001",
                     &request),
             0);
    CHECK_EQ(request.kind, LOCAL_REQUEST_CONFIG);
    CHECK(request.config.v2 && request.config.has_recognition);
    CHECK_EQ(request.config.recognizer_len, 41);
    CHECK(memcmp(request.config.recognizer, "projects/p/locations/global/recognizers/_", 41) == 0);
    CHECK_EQ(request.config.encoding, LOCAL_ENCODING_LINEAR16);
    CHECK_EQ(request.config.rate, 16000);
    CHECK_EQ(request.config.channels, 1);
    CHECK_STR(request.config.language, "en-US");
    CHECK_STR(request.config.model, "long");
    CHECK(request.config.punctuation && request.config.interim && request.config.activity_events);
    CHECK(!request.config.word_times);
    CHECK_EQ(request.config.endpointing, LOCAL_ENDPOINTING_STANDARD);
    CHECK_EQ(read_v2("2a040100ff7f", &request), 0);
    CHECK_EQ(request.kind, LOCAL_REQUEST_AUDIO);
    CHECK(request.audio_len == 4 && memcmp(request.audio, "\x01\x00\xff\x7f", 4) == 0);
    /* Endpointing 2, timeouts of 5 and 1.5 s, MULAW; the recognizer last. */
    CHECK_EQ(read_v2("321c0a064204080210401210"
                     "1a0c0a0208051206080110"
                     "80cab5ee014002"
                     "1a015f",
                     &request),
             STATUS_PROTOCOL);
    CHECK_EQ(read_v2("32190a0642040802104012"
                     "0f1a0b0a02080512050801"
                     "10c0784002"
                     "1a015f",
                     &request),
             0);
    CHECK_EQ(request.config.encoding, LOCAL_ENCODING_MULAW);
    CHECK_EQ(request.config.endpointing, LOCAL_ENDPOINTING_SUPERSHORT);
    CHECK_EQ(request.config.start_timeout_us, 5000000);
    CHECK_EQ(request.config.end_timeout_us, 1000015);
    CHECK_EQ(request.config.recognizer_len, 1);
}

static void check_written_v2(const struct local_speech_response *response, const char *hex)
{
    struct buf buf;
    char text[1024] = "";
    buf_init(&buf, 1024);
    CHECK_EQ(local_speech_v2.write(response, &buf), 0);
    for (size_t i = 0; i < buf.len && 2 * i + 2 < sizeof text; i++)
        snprintf(text + 2 * i, 3, "%02x", (uint8_t)buf.data[i]);
    CHECK_STR(text, hex);
    buf_deinit(&buf);
}

static void test_writes_v2(void)
{
    struct local_speech_result result = {.transcript = "hi",
                                         .confidence = 0.5f,
                                         .final = true,
                                         .end_us = 1000000,
                                         .language = "en-us"};
    /* As the official encoder, but for the request's id, which nobody has here. */
    check_written_v2(
        &(struct local_speech_response){.results = &result, .results_len = 1, .billed_us = 1000000},
        "2a0432020801"
        "32180a090a026869150000003f1001220208013205656e2d7573");
    check_written_v2(
        &(struct local_speech_response){.event = LOCAL_EVENT_ACTIVITY_BEGIN, .event_us = 640000},
        "18023a061080c096b102");
    check_written_v2(
        &(struct local_speech_response){.event = LOCAL_EVENT_ACTIVITY_TIMEOUT, .event_us = 1}, "");
}

static int phrases_of(const struct local_speech_wire *wire, const char *hex,
                      struct local_speech_phrase *out)
{
    static uint8_t bytes[1024];
    struct local_speech_request request;
    CHECK_EQ(wire->read(bytes, unhex(hex, bytes), &request), 0);
    return local_speech_phrases_read(&request.config, out, 4);
}

static void check_phrase(const struct local_speech_phrase *phrase, const char *text, float boost)
{
    CHECK_EQ(phrase->len, strlen(text));
    CHECK(memcmp(phrase->text, text, phrase->len) == 0);
    CHECK(phrase->boost == boost);
}

static void test_reads_phrases(void)
{
    struct local_speech_phrase phrases[4];
    CHECK_EQ(
        phrases_of(&local_speech_v1,
                   "0a450a2f080110807d1a0564652d444532170a0a4b756265726e657465730a0467525043250"
                   "000204140"
                   "01920105656e2d555318012801320e0a020805120808011080cab5ee01",
                   phrases),
        2);
    check_phrase(&phrases[0], "Kubernetes", 10);
    check_phrase(&phrases[1], "gRPC", 10);
    /* Phrase sets: boosts of a phrase and of its set, in v1 and in v2. */
    CHECK_EQ(
        phrases_of(&local_speech_v1,
                   "0a330a31080110807d1a05656e2d5553a201220a2012110a0a4b756265726e65746573150000"
                   "204112060a0467525043250000a040",
                   phrases),
        2);
    check_phrase(&phrases[0], "Kubernetes", 10);
    check_phrase(&phrases[1], "gRPC", 5);
    CHECK_EQ(
        phrases_of(&local_speech_v2,
                   "1a2970726f6a656374732f702f6c6f636174696f6e732f676c6f62616c2f7265636f676e697a"
                   "6572732f5f322e0a2c321c0a1a12181a110a0a4b756265726e6574657315000020412500"
                   "00a0404205080110807d5205656e2d5553",
                   phrases),
        1);
    check_phrase(&phrases[0], "Kubernetes", 10);
    CHECK_EQ(phrases_of(&local_speech_v2, "2a00", phrases), 0);
}

static void test_too_long_a_response_fails(void)
{
    static char text[2000];
    memset(text, 'a', sizeof text - 1);
    struct local_speech_result result = {.transcript = text};
    struct buf buf;
    buf_init(&buf, 1000);
    CHECK(local_speech_response_write(
              &(struct local_speech_response){.results = &result, .results_len = 1}, &buf) != 0);
    buf_deinit(&buf);
}

int main(void)
{
    RUN(test_reads_a_config);
    RUN(test_reads_a_rich_config);
    RUN(test_reads_audio);
    RUN(test_empty_message_is_neither);
    RUN(test_empty_audio_and_empty_config_are_told_apart);
    RUN(test_last_of_the_oneof_wins);
    RUN(test_unknown_fields_and_any_order);
    RUN(test_broken_bytes_are_refused);
    RUN(test_long_language_is_cut);
    RUN(test_absurd_timeouts_are_bounded);
    RUN(test_writes_interims);
    RUN(test_writes_a_final);
    RUN(test_writes_events_and_errors);
    RUN(test_too_long_a_response_fails);
    RUN(test_reads_v2);
    RUN(test_writes_v2);
    RUN(test_reads_phrases);
    return check_done();
}
