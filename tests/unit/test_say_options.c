/* The command line: what is accepted, what is refused and with which words. */
#include "say/options.h"

#include "base/status.h"
#include "tests/check.h"

static struct options options;
static char error[256];

static int parse_env(const char *token_env, int argc, char **argv)
{
    error[0] = '\0';
    return options_parse(&options, argc, argv, token_env, error);
}

#define PARSE(...)                                                                                 \
    parse_env(NULL, (int)(sizeof((char *[]){"sotto-say", __VA_ARGS__}) / sizeof(char *)),          \
              (char *[]){"sotto-say", __VA_ARGS__, NULL})

static void test_defaults(void)
{
    CHECK_EQ(PARSE("a.wav"), STATUS_OK);
    CHECK_EQ(options.input, SAY_INPUT_WAV);
    CHECK_STR(options.file, "a.wav");
    CHECK_STR(options.url.host, "127.0.0.1");
    CHECK_EQ(options.url.port, 8080);
    CHECK_STR(options.url.path, "/v1/stream");
    CHECK(!options.url.tls);
    CHECK_STR(options.source, "en-US");
    CHECK_EQ(options.targets_count, 1);
    CHECK_STR(options.targets[0], "es");
    CHECK_EQ(options.rate, 16000);
    CHECK(options.speed == 1);
    CHECK(options.grammar && options.partials);
    CHECK(!options.json && !options.stamp && !options.quiet);
    CHECK(options.token == NULL && options.srt_file == NULL);
}

static void test_everything(void)
{
    CHECK_EQ(PARSE("--url", "wss://example.org/v1/stream", "--ca", "ca.pem", "--source", "de-DE",
                   "--rate", "48000", "--speed", "2.5", "--json", "--stamp", "--srt", "o.srt",
                   "--target", "fr", "--srt-lang=fr", "--no-grammar", "--no-partials", "--token",
                   "T", "--name", "Ana", "--class", "7b", "--stability", "high", "--quiet",
                   "--no-color", "-"),
             STATUS_OK);
    CHECK_EQ(options.input, SAY_INPUT_STDIN);
    CHECK(options.url.tls);
    CHECK_EQ(options.url.port, 443);
    CHECK_STR(options.ca_file, "ca.pem");
    CHECK_STR(options.source, "de-DE");
    CHECK_EQ(options.rate, 48000);
    CHECK(options.speed == 2.5);
    CHECK(options.json && options.stamp && options.quiet && options.no_color);
    CHECK(!options.grammar && !options.partials);
    CHECK_STR(options.srt_file, "o.srt");
    CHECK_STR(options.srt_lang, "fr");
    CHECK_STR(options.token, "T");
    CHECK_STR(options.name, "Ana");
    CHECK_STR(options.class_name, "7b");
    CHECK_STR(options.stability, "high");
}

static void test_targets(void)
{
    CHECK_EQ(PARSE("--target", "es,fr", "--target", "pt-BR", "--target", "es", "a.wav"), STATUS_OK);
    CHECK_EQ(options.targets_count, 3);
    CHECK_STR(options.targets[2], "pt-BR");
    CHECK_EQ(PARSE("--target", "none", "a.wav"), STATUS_OK);
    CHECK_EQ(options.targets_count, 0);
    CHECK_EQ(PARSE("--target", "es,,fr", "a.wav"), STATUS_INVALID);
    CHECK_EQ(PARSE("--target", "e s", "a.wav"), STATUS_INVALID);
    CHECK(strstr(error, "language tag") != NULL);
    CHECK_EQ(PARSE("--target", "aa,ab,ac,ad,ae,af,ag,ah,ai,aj,ak,al,am,an,ao,ap,aq", "a.wav"),
             STATUS_INVALID);
    CHECK(strstr(error, "16") != NULL);
    CHECK_EQ(PARSE("--target", "abcdefgh-abcdefgh-abcdefgh-abcdefgh-x", "a.wav"), STATUS_INVALID);
}

static void test_inputs(void)
{
    CHECK_EQ(PARSE("--mic"), STATUS_OK);
    CHECK_EQ(options.input, SAY_INPUT_MIC);
    CHECK(options.speed == 0);
    CHECK_EQ(PARSE("--quiet"), STATUS_INVALID);
    CHECK(strstr(error, "--help") != NULL);
    CHECK_EQ(PARSE("a.wav", "b.wav"), STATUS_INVALID);
    CHECK_EQ(PARSE("--mic", "b.wav"), STATUS_INVALID);
}

static void test_numbers(void)
{
    CHECK_EQ(PARSE("--rate", "8000", "-"), STATUS_OK);
    CHECK_EQ(PARSE("--rate", "7999", "-"), STATUS_INVALID);
    CHECK_EQ(PARSE("--rate", "48001", "-"), STATUS_INVALID);
    CHECK_EQ(PARSE("--rate", "16k", "-"), STATUS_INVALID);
    CHECK_EQ(PARSE("--rate", "", "-"), STATUS_INVALID);
    CHECK_EQ(PARSE("--speed", "0", "-"), STATUS_OK);
    CHECK_EQ(PARSE("--speed", "-1", "-"), STATUS_INVALID);
    CHECK_EQ(PARSE("--speed", "nan", "-"), STATUS_INVALID);
    CHECK_EQ(PARSE("--speed", "inf", "-"), STATUS_INVALID);
    CHECK_EQ(PARSE("--speed", "fast", "-"), STATUS_INVALID);
    CHECK_EQ(PARSE("--stability", "medium", "-"), STATUS_OK);
    CHECK_EQ(PARSE("--stability", "hi", "-"), STATUS_INVALID);
    CHECK_EQ(PARSE("--keep", "60", "-"), STATUS_OK);
    CHECK_EQ(options.keep_s, 60);
    CHECK_EQ(PARSE("--keep", "0", "-"), STATUS_INVALID);
    CHECK_EQ(PARSE("--keep", "1m", "-"), STATUS_INVALID);
}

static void test_combinations(void)
{
    CHECK_EQ(PARSE("--stamp", "a.wav"), STATUS_INVALID);
    CHECK_EQ(PARSE("--srt-lang", "es", "a.wav"), STATUS_INVALID);
    CHECK_EQ(PARSE("--srt", "o", "--srt-lang", "fr", "a.wav"), STATUS_INVALID);
    CHECK(strstr(error, "--target fr") != NULL);
    CHECK_EQ(PARSE("--srt", "o", "--srt-lang", "es", "a.wav"), STATUS_OK);
    CHECK_EQ(PARSE("--token", "a", "--token-file", "b", "a.wav"), STATUS_INVALID);
    CHECK_EQ(PARSE("--no-resume", "a.wav"), STATUS_OK);
    CHECK(!options.resume);
    CHECK_EQ(PARSE("--help"), STATUS_OK);
    CHECK(options.help);
    CHECK_EQ(PARSE("--version", "too", "many"), STATUS_OK);
    CHECK(options.version);
}

static void test_unknown_and_missing(void)
{
    CHECK_EQ(PARSE("--loud", "a.wav"), STATUS_INVALID);
    CHECK(strstr(error, "--loud") != NULL);
    CHECK_EQ(PARSE("a.wav", "--url"), STATUS_INVALID);
    CHECK(strstr(error, "--url") != NULL);
}

static void test_token_from_environment(void)
{
    char *plain[] = {"sotto-say", "a.wav", NULL};
    char *given[] = {"sotto-say", "--token", "mine", "a.wav", NULL};
    CHECK_EQ(parse_env("env", 2, plain), STATUS_OK);
    CHECK_STR(options.token, "env");
    CHECK_EQ(parse_env("env", 4, given), STATUS_OK);
    CHECK_STR(options.token, "mine");
}

static void check_url(const char *text, const char *host, unsigned port, const char *path)
{
    struct say_url url = {0};
    CHECK_EQ(options_parse_url(&url, text), STATUS_OK);
    CHECK_STR(url.host, host);
    CHECK_EQ(url.port, port);
    CHECK_STR(url.path, path);
}

static void test_urls(void)
{
    static const char *const bad[] = {
        "",          "http://a/",     "ws://",        "ws:///x",     "ws://a:0/",
        "ws://a:/",  "ws://a:65536/", "ws://a:1x/",   "ws://[::1/x", "ws://[::1]x/",
        "ws://u@a/", "ws://a/#x",     "ws://a:123456"};
    check_url("ws://a", "a", 80, "/v1/stream");
    check_url("ws://a:81/x", "a", 81, "/x");
    check_url("wss://a.b", "a.b", 443, "/v1/stream");
    check_url("ws://[::1]:9/y", "::1", 9, "/y");
    check_url("ws://[::1]", "::1", 80, "/v1/stream");
    check_url("ws://a?k=v", "a", 80, "/?k=v");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct say_url url = {.port = 7};
        CHECK_EQ(options_parse_url(&url, bad[i]), STATUS_INVALID);
        CHECK_EQ(url.port, 7);
    }
    char host_long[400];
    memset(host_long, 'a', sizeof host_long);
    memcpy(host_long, "ws://", 5);
    host_long[sizeof host_long - 1] = '\0';
    struct say_url url;
    CHECK_EQ(options_parse_url(&url, host_long), STATUS_INVALID);
}

/* The help names every option and every exit code. */
static void test_help(void)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    options_help(out);
    fclose(out);
    static const char *const words[] = {
        "--url",         "--ca",      "--source", "--target",    "--rate",       "--speed",
        "--json",        "--stamp",   "--srt ",   "--srt-lang",  "--no-grammar", "--token",
        "--no-partials", "--name",    "--class",  "--stability", "--quiet",      "--mic",
        "--no-color",    "--version", "  0  ",    "  1  ",       "  2  ",        "  3  ",
        "  4  ",         "  5  ",     "  6  ",    "SOTTO_TOKEN", "--token-file", "--no-resume",
        "--keep"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        CHECK(strstr(text, words[i]) != NULL);
    free(text);
}

int main(void)
{
    RUN(test_defaults);
    RUN(test_everything);
    RUN(test_targets);
    RUN(test_inputs);
    RUN(test_numbers);
    RUN(test_combinations);
    RUN(test_unknown_and_missing);
    RUN(test_token_from_environment);
    RUN(test_urls);
    RUN(test_help);
    return check_done();
}
