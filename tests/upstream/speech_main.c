/* sotto-test-speech: the scripted speech server as a program. It prints its port and runs until it
 * is told to stop. */
#include "tests/upstream/speech_server.h"
#include "tests/upstream/test_cert.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: sotto-test-speech [--port N] [--latency-ms N] [--script FILE] [--ms-per-word N]\n"
    "    [--final-every-ms N] [--late-final-ms N] [--fail-open CODE] [--fail-after-ms MS CODE]\n"
    "    [--fail-in-response] [--drop] [--stream-limit-s S] [--streams-max N] [--mute] [--deaf]\n"
    "    [--malformed] [--token TEXT] [--tls FILE]\n"
    "--tls makes a certificate for localhost and writes it to FILE.\n";

enum {
    OPT_PORT = 1,
    OPT_LATENCY,
    OPT_SCRIPT,
    OPT_WORD,
    OPT_FINAL,
    OPT_LATE,
    OPT_FAIL_OPEN,
    OPT_FAIL_AFTER,
    OPT_FAIL_RESPONSE,
    OPT_DROP,
    OPT_LIMIT,
    OPT_STREAMS,
    OPT_MUTE,
    OPT_DEAF,
    OPT_MALFORMED,
    OPT_TOKEN,
    OPT_TLS
};

static const struct option options[] = {
    {"port", 1, NULL, OPT_PORT},
    {"latency-ms", 1, NULL, OPT_LATENCY},
    {"script", 1, NULL, OPT_SCRIPT},
    {"ms-per-word", 1, NULL, OPT_WORD},
    {"final-every-ms", 1, NULL, OPT_FINAL},
    {"late-final-ms", 1, NULL, OPT_LATE},
    {"fail-open", 1, NULL, OPT_FAIL_OPEN},
    {"fail-after-ms", 1, NULL, OPT_FAIL_AFTER},
    {"fail-in-response", 0, NULL, OPT_FAIL_RESPONSE},
    {"drop", 0, NULL, OPT_DROP},
    {"stream-limit-s", 1, NULL, OPT_LIMIT},
    {"streams-max", 1, NULL, OPT_STREAMS},
    {"mute", 0, NULL, OPT_MUTE},
    {"deaf", 0, NULL, OPT_DEAF},
    {"malformed", 0, NULL, OPT_MALFORMED},
    {"token", 1, NULL, OPT_TOKEN},
    {"tls", 1, NULL, OPT_TLS},
    {NULL, 0, NULL, 0},
};

static char script_text[1 << 20];

/* A script is words, however they are spaced. */
static const char *script_read(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    size_t len = 0;
    bool space = true;
    for (int c; (c = fgetc(file)) != EOF && len + 1 < sizeof script_text;) {
        bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
        if (!blank)
            script_text[len++] = (char)c;
        else if (!space)
            script_text[len++] = ' ';
        space = blank;
    }
    fclose(file);
    while (len > 0 && script_text[len - 1] == ' ')
        len--;
    script_text[len] = '\0';
    return len > 0 ? script_text : NULL;
}

static void tls_start(struct speech_server_config *config, const char *path)
{
    static struct test_cert cert;
    test_cert_make(&cert);
    config->cert_pem = cert.cert_pem;
    config->key_pem = cert.key_pem;
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(cert.cert_pem, file) < 0 || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static uint32_t number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || value > UINT32_MAX) {
        fprintf(stderr, "not a number: %s\n%s", text, usage);
        exit(2);
    }
    return (uint32_t)value;
}

static void fail_after(struct speech_server_config *config, int argc, char **argv)
{
    config->fail_after_ms = number(optarg);
    if (optind < argc)
        config->fail_status = (int)number(argv[optind++]);
}

static void option_take(struct speech_server_config *config, int option)
{
    switch (option) {
    case OPT_PORT: config->port = (uint16_t)number(optarg); break;
    case OPT_LATENCY: config->latency_ms = number(optarg); break;
    case OPT_SCRIPT: config->words = script_read(optarg); break;
    case OPT_WORD: config->ms_per_word = number(optarg); break;
    case OPT_FINAL: config->final_every_ms = number(optarg); break;
    case OPT_LATE: config->late_final_ms = number(optarg); break;
    case OPT_FAIL_OPEN: config->fail_open = (int)number(optarg); break;
    case OPT_FAIL_RESPONSE: config->fail_in_response = true; break;
    case OPT_DROP: config->drop_connection = true; break;
    case OPT_LIMIT: config->stream_limit_ms = (uint32_t)(strtod(optarg, NULL) * 1000); break;
    case OPT_STREAMS: config->streams_max = number(optarg); break;
    case OPT_MUTE: config->mute = true; break;
    case OPT_DEAF: config->deaf = true; break;
    case OPT_MALFORMED: config->malformed = true; break;
    case OPT_TOKEN: config->token = optarg; break;
    case OPT_TLS: tls_start(config, optarg); break;
    default: fputs(usage, stderr); exit(2);
    }
}

int main(int argc, char **argv)
{
    struct speech_server_config config = {0};
    int option;
    /* "+": the status of --fail-after-ms is a word of its own. */
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        if (option == OPT_FAIL_AFTER)
            fail_after(&config, argc, argv);
        else
            option_take(&config, option);
    }
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    sigprocmask(SIG_BLOCK, &stops, NULL);
    struct speech_server *server;
    if (speech_server_create(&server, &config) != 0) {
        fputs("cannot listen\n", stderr);
        return 1;
    }
    printf("%u\n", speech_server_port(server));
    fflush(stdout);
    int caught;
    sigwait(&stops, &caught);
    struct speech_server_stats stats;
    speech_server_stats(server, &stats);
    fprintf(stderr, "calls=%llu messages=%llu audio_bytes=%llu half_closes=%llu cancelled=%llu\n",
            (unsigned long long)stats.calls, (unsigned long long)stats.messages,
            (unsigned long long)stats.audio_bytes, (unsigned long long)stats.half_closes,
            (unsigned long long)stats.cancelled);
    speech_server_destroy(server);
    return 0;
}
