/* Reading the command line. */
#include "say/options.h"

#include "base/status.h"
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum option_id {
    OPT_URL = 256,
    OPT_CA,
    OPT_SOURCE,
    OPT_TARGET,
    OPT_RATE,
    OPT_SPEED,
    OPT_JSON,
    OPT_STAMP,
    OPT_SRT,
    OPT_SRT_LANG,
    OPT_NO_GRAMMAR,
    OPT_NO_PARTIALS,
    OPT_TOKEN,
    OPT_TOKEN_FILE,
    OPT_NO_RESUME,
    OPT_KEEP,
    OPT_NAME,
    OPT_CLASS,
    OPT_STABILITY,
    OPT_QUIET,
    OPT_NO_COLOR,
    OPT_MIC,
    OPT_HELP,
    OPT_VERSION
};

static const struct option long_options[] = {
    {"url", required_argument, NULL, OPT_URL},
    {"ca", required_argument, NULL, OPT_CA},
    {"source", required_argument, NULL, OPT_SOURCE},
    {"target", required_argument, NULL, OPT_TARGET},
    {"rate", required_argument, NULL, OPT_RATE},
    {"speed", required_argument, NULL, OPT_SPEED},
    {"json", no_argument, NULL, OPT_JSON},
    {"stamp", no_argument, NULL, OPT_STAMP},
    {"srt", required_argument, NULL, OPT_SRT},
    {"srt-lang", required_argument, NULL, OPT_SRT_LANG},
    {"no-grammar", no_argument, NULL, OPT_NO_GRAMMAR},
    {"no-partials", no_argument, NULL, OPT_NO_PARTIALS},
    {"token", required_argument, NULL, OPT_TOKEN},
    {"token-file", required_argument, NULL, OPT_TOKEN_FILE},
    {"no-resume", no_argument, NULL, OPT_NO_RESUME},
    {"keep", required_argument, NULL, OPT_KEEP},
    {"name", required_argument, NULL, OPT_NAME},
    {"class", required_argument, NULL, OPT_CLASS},
    {"stability", required_argument, NULL, OPT_STABILITY},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"no-color", no_argument, NULL, OPT_NO_COLOR},
    {"mic", no_argument, NULL, OPT_MIC},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static const char help_text[] =
    "usage: sotto-say [options] FILE.wav | - | --mic\n"
    "\n"
    "Speaks to a sotto server and shows captions, translations and corrections.\n"
    "\n"
    "input\n"
    "  FILE.wav            a sound file; other rates and stereo are converted\n"
    "  -                   raw PCM on standard input: 16 bit, little endian, mono\n"
    "  --mic               the microphone, recorded by arecord (package alsa-utils)\n"
    "  --rate N            rate of raw input and microphone in Hz (16000)\n"
    "  --speed X           1 is real time, 2 twice as fast, 0 as fast as the server\n"
    "                      reads (1)\n"
    "server\n"
    "  --url URL           ws:// or wss:// (ws://127.0.0.1:8080/v1/stream)\n"
    "  --ca FILE           trust this certificate authority (PEM) for wss://\n"
    "  --token T           access token; better in a file or the environment\n"
    "  --token-file FILE   reads it from there\n"
    "  --no-resume         a lost connection ends the session\n"
    "  --keep SECONDS      audio kept until the server acknowledges it (180)\n"
    "  --name NAME         the learner's name, for the teacher's page\n"
    "  --class CLASS       the class the session belongs to\n"
    "languages\n"
    "  --source TAG        language spoken (en-US)\n"
    "  --target TAG        translate into it; repeat, or separate by commas; \"none\"\n"
    "                      for captions only (es)\n"
    "  --stability S       low, medium or high: how long words wait until they stay\n"
    "  --no-grammar        no corrections\n"
    "  --no-partials       finished sentences only\n"
    "output\n"
    "  --json              every server event as one line on standard output\n"
    "  --stamp             with --json: adds client_us and writes what was sent\n"
    "  --srt FILE          subtitles of what was spoken\n"
    "  --srt-lang TAG      subtitles of this translation instead\n"
    "  --quiet             nothing but errors\n"
    "  --no-color          no colour (so does NO_COLOR in the environment)\n"
    "  --help, --version\n"
    "\n"
    "Interrupt (Ctrl-C) ends the session and waits for what is owed; a second one\n"
    "leaves at once.\n"
    "\n"
    "exit codes\n"
    "  0  captions came, and translations when asked for, and the session ended\n"
    "  1  wrong usage or input\n"
    "  2  cannot connect\n"
    "  3  the server refused (over capacity, unauthorised, ...)\n"
    "  4  the connection was lost\n"
    "  5  the session ended without captions or without a translation asked for\n"
    "  6  the server left out, or repeated, something final: a bug of the server\n"
    "\n"
    "A connection that is lost is made again, and the session goes on where it was:\n"
    "what is said meanwhile is kept and sent then, at twice the pace. When the server\n"
    "has not come back before it gives the session up, the exit code is 4.\n"
    "\n"
    "environment\n"
    "  SOTTO_TOKEN         the access token, when neither option names one\n"
    "  NO_COLOR            as --no-color\n";

void options_help(FILE *out)
{
    fputs(help_text, out);
}

__attribute__((format(printf, 2, 3))) static int fail(char error[256], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, 256, format, args);
    va_end(args);
    return STATUS_INVALID;
}

static int parse_port(struct say_url *url, const char *text, size_t len)
{
    unsigned long port = 0;
    if (len == 0 || len > 5)
        return STATUS_INVALID;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return STATUS_INVALID;
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    if (port == 0 || port > 65535)
        return STATUS_INVALID;
    url->port = (uint16_t)port;
    return STATUS_OK;
}

int options_parse_url(struct say_url *url, const char *text)
{
    struct say_url parsed = {.port = 80};
    if (strncmp(text, "wss://", 6) == 0) {
        parsed.tls = true;
        parsed.port = 443;
    } else if (strncmp(text, "ws://", 5) != 0) {
        return STATUS_INVALID;
    }
    const char *host = text + (parsed.tls ? 6 : 5);
    size_t authority_len = strcspn(host, "/?#");
    const char *path = host + authority_len;
    bool bracket = *host == '[';
    const char *host_end =
        bracket ? memchr(host, ']', authority_len) : memchr(host, ':', authority_len);
    if (bracket && host_end == NULL)
        return STATUS_INVALID;
    const char *rest = host_end == NULL ? host + authority_len : host_end + (bracket ? 1 : 0);
    size_t host_len = bracket ? (size_t)(host_end - host - 1) : (size_t)(rest - host);
    if (host_len == 0 || host_len >= sizeof parsed.host || strlen(path) >= sizeof parsed.path - 1)
        return STATUS_INVALID;
    memcpy(parsed.host, host + (bracket ? 1 : 0), host_len);
    if (memchr(parsed.host, '@', host_len) != NULL || strchr(path, '#') != NULL)
        return STATUS_INVALID;
    if (rest < path &&
        (*rest != ':' || parse_port(&parsed, rest + 1, (size_t)(path - rest - 1)) != STATUS_OK))
        return STATUS_INVALID;
    snprintf(parsed.path, sizeof parsed.path, "%s%s", *path == '/' ? "" : "/",
             *path == '\0' ? "v1/stream" : path);
    *url = parsed;
    return STATUS_OK;
}

static bool tag_valid(const char *tag, size_t len)
{
    if (len < 2 || len > 35)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = tag[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-')
            return false;
    }
    return true;
}

static int add_target(struct options *options, const char *tag, size_t len, char error[256])
{
    if (!tag_valid(tag, len))
        return fail(error, "--target %.*s is not a language tag; write for instance es or pt-BR",
                    (int)(len < 40 ? len : 40), tag);
    for (unsigned i = 0; i < options->targets_count; i++) {
        if (strlen(options->targets[i]) == len && memcmp(options->targets[i], tag, len) == 0)
            return STATUS_OK;
    }
    if (options->targets_count == SAY_TARGETS_MAX)
        return fail(error, "more than %d targets", SAY_TARGETS_MAX);
    memcpy(options->targets[options->targets_count], tag, len);
    options->targets[options->targets_count][len] = '\0';
    options->targets_count++;
    return STATUS_OK;
}

static int add_targets(struct options *options, const char *list, char error[256])
{
    if (strcmp(list, "none") == 0)
        return STATUS_OK;
    for (;;) {
        size_t len = strcspn(list, ",");
        int status = add_target(options, list, len, error);
        if (status != STATUS_OK || list[len] == '\0')
            return status;
        list += len + 1;
    }
}

static int parse_rate(struct options *options, const char *text, char error[256])
{
    char *end;
    errno = 0;
    long rate = strtol(text, &end, 10);
    if (errno != 0 || *end != '\0' || rate < SAY_RATE_MIN || rate > SAY_RATE_MAX)
        return fail(error, "--rate %s is not a number from %d to %d", text, SAY_RATE_MIN,
                    SAY_RATE_MAX);
    options->rate = (unsigned)rate;
    return STATUS_OK;
}

static int parse_speed(struct options *options, const char *text, char error[256])
{
    char *end;
    double speed = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(speed) || speed < 0 || speed > SAY_SPEED_MAX)
        return fail(error, "--speed %s is not a number from 0 to %d", text, SAY_SPEED_MAX);
    options->speed = speed;
    return STATUS_OK;
}

static int parse_keep(struct options *options, const char *text, char error[256])
{
    char *end;
    errno = 0;
    long seconds = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || seconds < 1 || seconds > SAY_KEEP_MAX_S)
        return fail(error, "--keep %s is not a number from 1 to %d", text, SAY_KEEP_MAX_S);
    options->keep_s = (unsigned)seconds;
    return STATUS_OK;
}

static int parse_stability(struct options *options, const char *text, char error[256])
{
    if (strcmp(text, "low") != 0 && strcmp(text, "medium") != 0 && strcmp(text, "high") != 0)
        return fail(error, "--stability %s: write low, medium or high", text);
    options->stability = text;
    return STATUS_OK;
}

static int apply(struct options *options, int id, const char *value, char error[256])
{
    switch ((enum option_id)id) {
    case OPT_URL:
        if (options_parse_url(&options->url, value) != STATUS_OK)
            return fail(error, "--url %s: write ws://HOST:PORT/v1/stream or wss://...", value);
        break;
    case OPT_SOURCE:
        if (!tag_valid(value, strlen(value)))
            return fail(error, "--source %s is not a language tag; write for instance en-US",
                        value);
        options->source = value;
        break;
    case OPT_TARGET: return add_targets(options, value, error);
    case OPT_RATE: return parse_rate(options, value, error);
    case OPT_SPEED: return parse_speed(options, value, error);
    case OPT_STABILITY: return parse_stability(options, value, error);
    case OPT_CA: options->ca_file = value; break;
    case OPT_SRT: options->srt_file = value; break;
    case OPT_SRT_LANG: options->srt_lang = value; break;
    case OPT_TOKEN: options->token = value; break;
    case OPT_TOKEN_FILE: options->token_file = value; break;
    case OPT_NO_RESUME: options->resume = false; break;
    case OPT_KEEP: return parse_keep(options, value, error);
    case OPT_NAME: options->name = value; break;
    case OPT_CLASS: options->class_name = value; break;
    case OPT_NO_GRAMMAR: options->grammar = false; break;
    case OPT_NO_PARTIALS: options->partials = false; break;
    case OPT_JSON: options->json = true; break;
    case OPT_STAMP: options->stamp = true; break;
    case OPT_QUIET: options->quiet = true; break;
    case OPT_NO_COLOR: options->no_color = true; break;
    case OPT_MIC: options->input = SAY_INPUT_MIC; break;
    case OPT_HELP: options->help = true; break;
    case OPT_VERSION: options->version = true; break;
    }
    return STATUS_OK;
}

static int check_input(struct options *options, int rest, char **files, char error[256])
{
    bool mic = options->input == SAY_INPUT_MIC;
    if (rest > 1 || (mic && rest > 0))
        return fail(error, "one input at a time: a WAV file, - or --mic");
    if (rest == 0 && !mic)
        return fail(error, "no input: name a WAV file, - or --mic; sotto-say --help tells more");
    if (mic) {
        options->speed = 0; /* a microphone paces itself */
    } else if (strcmp(files[0], "-") == 0) {
        options->input = SAY_INPUT_STDIN;
    } else {
        options->input = SAY_INPUT_WAV;
        options->file = files[0];
    }
    return STATUS_OK;
}

static int check_srt(const struct options *options, char error[256])
{
    if (options->srt_lang == NULL)
        return STATUS_OK;
    if (options->srt_file == NULL)
        return fail(error, "--srt-lang needs --srt FILE");
    for (unsigned i = 0; i < options->targets_count; i++) {
        if (strcmp(options->targets[i], options->srt_lang) == 0)
            return STATUS_OK;
    }
    return fail(error, "--srt-lang %s is not among the targets; add --target %s", options->srt_lang,
                options->srt_lang);
}

static int check(struct options *options, int rest, char **files, const char *token_env,
                 char error[256])
{
    if (options->stamp && !options->json)
        return fail(error, "--stamp needs --json");
    if (options->token_file != NULL && options->token != token_env)
        return fail(error, "give --token or --token-file, not both");
    int status = check_input(options, rest, files, error);
    return status != STATUS_OK ? status : check_srt(options, error);
}

int options_parse(struct options *options, int argc, char **argv, const char *token_env,
                  char error[256])
{
    assert(argc >= 1);
    *options = (struct options){.source = "en-US",
                                .rate = 16000,
                                .speed = 1,
                                .token = token_env,
                                .stability = "medium",
                                .grammar = true,
                                .partials = true,
                                .resume = true,
                                .keep_s = SAY_KEEP_S};
    int id, status = options_parse_url(&options->url, "ws://127.0.0.1:8080/v1/stream");
    assert(status == STATUS_OK);
    bool targets_given = false;
    optind = 0; /* GNU: forget an earlier parse */
    while ((id = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (id == '?' || id == ':')
            return fail(error, "%s %s; sotto-say --help tells more",
                        id == '?' ? "unknown option" : "a value is missing after",
                        argv[optind - 1]);
        targets_given = targets_given || id == OPT_TARGET;
        status = apply(options, id, optarg, error);
        if (status != STATUS_OK)
            return status;
    }
    if (options->help || options->version)
        return STATUS_OK;
    if (!targets_given)
        add_targets(options, "es", error);
    return check(options, argc - optind, argv + optind, token_env, error);
}
