#include "bench/load_options.h"

#include "base/status.h"
#include "bench/audio.h"
#include "bench/judge_watch.h"
#include "bench/load_name.h"
#include "bench/script.h"
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS_MAX 100000
#define SECONDS_MAX  86400
#define TEACHERS_MAX 10000

enum option_id {
    OPT_HOST = 256,
    OPT_TOKEN,
    OPT_TOKEN_FILE,
    OPT_TEACHERS_OF_CLASS,
    OPT_TEACHER_TOKEN_FILE,
    OPT_TLS,
    OPT_CA,
    OPT_RESUME,
    OPT_CUT,
    OPT_TRANSCRIPTS,
    OPT_SOURCE,
    OPT_TARGETS,
    OPT_NO_GRAMMAR,
    OPT_NO_PARTIALS,
    OPT_STABILITY,
    OPT_SPEAKING,
    OPT_SEED,
    OPT_STORM,
    OPT_JSON,
    OPT_LABEL,
    OPT_QUIET,
    OPT_HELP,
    OPT_NUMBERS /* and on: the table of numbers */
};

/* Options that are whole numbers: where they go and what they may be. */
struct number_option {
    const char *name;
    size_t offset;
    unsigned min, max;
};

#define CONFIG(field) offsetof(struct load_options, config.field)
static const struct number_option numbers[] = {
    {"port", CONFIG(port), 1, 65535},
    {"sessions", CONFIG(sessions), 0, SESSIONS_MAX},
    {"silent", CONFIG(silent), 0, SESSIONS_MAX},
    {"classes", CONFIG(classes), 1, LOAD_CLASSES_MAX},
    {"seconds", CONFIG(seconds), 1, SECONDS_MAX},
    {"ramp", CONFIG(ramp_s), 0, SECONDS_MAX},
    {"warmup", CONFIG(warmup_s), 0, SECONDS_MAX},
    {"drain", CONFIG(drain_s), 1, SECONDS_MAX},
    {"rate", CONFIG(voice.rate), 8000, 48000},
    {"frame-ms", CONFIG(voice.frame_ms), AUDIO_BLOCK_MS, 500},
    {"cycle-ms", CONFIG(voice.cycle_ms), 1000, 60000},
    {"pause-ms", CONFIG(voice.pause_ms), 0, 59000},
    {"turn-cycles", CONFIG(voice.turn_cycles), 1, 1000},
    {"audio", CONFIG(audio_s), 1, SECONDS_MAX},
    {"jitter-ms", CONFIG(jitter_ms), 0, 1000},
    {"slow-readers", CONFIG(slow_readers), 0, SESSIONS_MAX},
    {"vanishing", CONFIG(vanishing), 0, SESSIONS_MAX},
    {"greedy", CONFIG(greedy), 0, SESSIONS_MAX},
    {"greed", CONFIG(greed), 1, 8},
    {"teachers", CONFIG(teachers), 0, TEACHERS_MAX},
    {"slow-teachers", CONFIG(slow_teachers), 0, TEACHERS_MAX},
    {"teachers-open", CONFIG(teachers_open), 0, JUDGE_WATCH_NAMED_MAX},
    {"server-pid", offsetof(struct load_options, server_pid), 1, 1u << 22},
    {"sim-pid", offsetof(struct load_options, sim_pid), 1, 1u << 22},
    {"server-cpu", offsetof(struct load_options, server_cpu), 0, 4095},
    {"bench-cpu", offsetof(struct load_options, bench_cpu), 0, 4095},
};
#define NUMBERS (sizeof numbers / sizeof numbers[0])

static const struct option others[] = {
    {"host", required_argument, NULL, OPT_HOST},
    {"token", required_argument, NULL, OPT_TOKEN},
    {"token-file", required_argument, NULL, OPT_TOKEN_FILE},
    {"teachers-of-class", no_argument, NULL, OPT_TEACHERS_OF_CLASS},
    {"teacher-token-file", required_argument, NULL, OPT_TEACHER_TOKEN_FILE},
    {"tls", no_argument, NULL, OPT_TLS},
    {"ca", required_argument, NULL, OPT_CA},
    {"resume", no_argument, NULL, OPT_RESUME},
    {"cut", required_argument, NULL, OPT_CUT},
    {"transcripts", required_argument, NULL, OPT_TRANSCRIPTS},
    {"source", required_argument, NULL, OPT_SOURCE},
    {"targets", required_argument, NULL, OPT_TARGETS},
    {"no-grammar", no_argument, NULL, OPT_NO_GRAMMAR},
    {"no-partials", no_argument, NULL, OPT_NO_PARTIALS},
    {"stability", required_argument, NULL, OPT_STABILITY},
    {"speaking", required_argument, NULL, OPT_SPEAKING},
    {"seed", required_argument, NULL, OPT_SEED},
    {"storm", required_argument, NULL, OPT_STORM},
    {"json", required_argument, NULL, OPT_JSON},
    {"label", required_argument, NULL, OPT_LABEL},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"help", no_argument, NULL, OPT_HELP},
};
#define OTHERS (sizeof others / sizeof others[0])

static const char help_text[] =
    "usage: sotto-bench run [options]\n"
    "       sotto-bench capacity [options]      (see sotto-bench capacity --help)\n"
    "\n"
    "Puts sessions on a sotto server, speaks in them in real time, and reports what they\n"
    "got and how late: latencies, delivery, words lost, fairness, CPU and memory. The server\n"
    "must use sotto-sim for its clouds, with the same --seed. \"run\" may be left out.\n"
    "\n"
    "server\n"
    "  --host ADDRESS      numeric (127.0.0.1)\n"
    "  --port N            (8080)\n"
    "  --token T           access token; better in a file or in SOTTO_TOKEN\n"
    "  --token-file FILE   reads it from there\n"
    "  --tls               wss:// and https://\n"
    "  --ca FILE           trust this certificate authority (PEM) and no other\n"
    "sessions\n"
    "  --sessions N        that stream audio (10)\n"
    "  --silent N          connected and started besides, sending no audio (0)\n"
    "  --classes N         spread the sessions over so many classes, 1A, 1B and on (they\n"
    "                      name none)\n"
    "  --source TAG        language spoken (en)\n"
    "  --targets LIST      translate into these, separated by commas; \"none\" (es)\n"
    "  --no-grammar        no corrections\n"
    "  --no-partials       finished sentences only\n"
    "  --stability S       low, medium or high, of partial text (medium)\n"
    "teachers\n"
    "  --teachers N        watch the sessions on /v1/monitor, from the ramp's end on (0)\n"
    "  --teachers-of-class each watches one class; without it all\n"
    "  --slow-teachers N   of the teachers read half of what there is\n"
    "  --teachers-open N   sessions of which each wants every final, at most 8 (1)\n"
    "  --teacher-token-file FILE\n"
    "                      their access token\n"
    "speech\n"
    "  --speaking X        share of the sessions that speak at a time, 0 to 1 (0.6)\n"
    "  --rate N            samples a second (24000)\n"
    "  --frame-ms N        audio a frame, a multiple of 10 (100)\n"
    "  --jitter-ms N       a frame is sent up to so much later than the pace says (50)\n"
    "  --cycle-ms N        an utterance and its pause (6000)\n"
    "  --pause-ms N        the least of it that is silent (900)\n"
    "  --turn-cycles N     utterances in a row before a session listens (3)\n"
    "  --seed N            of script and pace, the simulator's too (1)\n"
    "time, in seconds\n"
    "  --audio N           every session says so much and then ends (until the window\n"
    "                      ends)\n"
    "  --ramp N            sessions start evenly over it (5)\n"
    "  --warmup N          from there to the window (10)\n"
    "  --seconds N         the window: only what is sent in it counts (60)\n"
    "  --drain N           after it, at most, for what is owed (15)\n"
    "trouble\n"
    "  --storm start       all sessions start at once\n"
    "  --storm end         all sessions end at once\n"
    "  --storm reconnect   in the middle all sockets are cut and opened again\n"
    "  --resume            a socket that is lost is followed by another one, and the\n"
    "                      session goes on; storms, too, are returns of sessions\n"
    "  --cut RATE          every socket is cut at a random byte, so often a minute; the\n"
    "                      seed decides; needs --resume\n"
    "  --slow-readers N    of the sessions read 1 KB a second\n"
    "  --vanishing N       of the sessions are cut without a word\n"
    "  --greedy N          of the sessions have --greed times as many targets and\n"
    "                      never pause\n"
    "  --greed N           (4)\n"
    "measuring\n"
    "  --server-pid N      process of the server, for its CPU and memory\n"
    "  --sim-pid N         process of the simulator\n"
    "  --server-cpu N      the core the server is pinned to, for stolen time\n"
    "  --bench-cpu N       the core of bench and simulator; the bench pins itself\n"
    "output\n"
    "  --json FILE         the result as one JSON object; - is standard output\n"
    "  --transcripts FILE  what every session got in the end, a JSON object a line\n"
    "  --label TEXT        goes into the result\n"
    "  --quiet             no progress and no table\n"
    "  --help, --version\n"
    "\n"
    "Interrupt (Ctrl-C) ends the run in order and reports what there is; a second one\n"
    "does not wait for what is owed.\n"
    "\n"
    "exit codes\n"
    "  0  all sessions ran\n"
    "  1  sessions could not run, or the run failed\n"
    "  2  wrong usage\n"
    "  3  the run is void: the generator could not measure; the result says why\n"
    "\n"
    "example\n"
    "  sotto-sim --quiet & sotto --config sim.ini & sotto-bench --sessions 100 --seconds 60\n";

void load_options_help(FILE *out)
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

static bool whole_number(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    if (*text < '0' || *text > '9')
        return false;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static int take_number(struct load_options *out, const struct number_option *option,
                       const char *text, char error[256])
{
    uint64_t value;
    if (!whole_number(text, &value) || value < option->min || value > option->max)
        return fail(error, "--%s takes a whole number from %u to %u, not \"%.40s\"", option->name,
                    option->min, option->max, text);
    unsigned number = (unsigned)value;
    memcpy((char *)out + option->offset, &number, sizeof number);
    return STATUS_OK;
}

static bool scripted(const char *tag)
{
    return strlen(tag) <= 35 && script_word_text(0, tag) != NULL;
}

static int scripted_only(const char *option, const char *tag, char error[256])
{
    char list[128] = "";
    for (const char *const *known = script_languages(); *known != NULL; known++) {
        size_t len = strlen(list);
        snprintf(list + len, sizeof list - len, " %s", *known);
    }
    return fail(error, "%s: \"%.40s\" is not a language of the script; it has%s", option, tag,
                list);
}

static int take_targets(struct load_options *out, const char *text, char error[256])
{
    unsigned count = 0;
    memset(out->targets, 0, sizeof out->targets);
    if (strcmp(text, "none") == 0)
        return STATUS_OK;
    if (strlen(text) >= sizeof out->targets_text)
        return fail(error, "--targets is too long");
    memcpy(out->targets_text, text, strlen(text) + 1);
    char *rest = out->targets_text;
    for (char *tag = strsep(&rest, ","); tag != NULL; tag = strsep(&rest, ",")) {
        if (count == LOAD_TARGETS_MAX)
            return fail(error, "--targets: more than %d", LOAD_TARGETS_MAX);
        if (!scripted(tag))
            return scripted_only("--targets", tag, error);
        for (unsigned i = 0; i < count; i++) {
            if (strcmp(out->targets[i], tag) == 0)
                return fail(error, "--targets: %s is there twice", tag);
        }
        out->targets[count++] = tag;
    }
    return STATUS_OK;
}

static int take_speaking(struct load_options *out, const char *text, char error[256])
{
    char *end;
    double share = strtod(text, &end);
    if (end == text || *end != '\0' || !(share >= 0 && share <= 1))
        return fail(error, "--speaking takes a number from 0 to 1, not \"%.40s\"", text);
    out->config.voice.speaking = share;
    return STATUS_OK;
}

static int take_cuts(struct load_options *out, const char *text, char error[256])
{
    char *end;
    double rate = strtod(text, &end);
    if (end == text || *end != '\0' || !(rate >= 0 && rate <= 60))
        return fail(error, "--cut takes a number from 0 to 60, not \"%.40s\"", text);
    out->config.cuts_minute = rate;
    return STATUS_OK;
}

static int take_storm(struct load_options *out, const char *text, char error[256])
{
    static const char *const names[] = {[LOAD_STORM_START] = "start",
                                        [LOAD_STORM_END] = "end",
                                        [LOAD_STORM_RECONNECT] = "reconnect"};
    for (int i = LOAD_STORM_START; i <= LOAD_STORM_RECONNECT; i++) {
        if (strcmp(text, names[i]) == 0) {
            out->config.storm = (enum load_storm)i;
            return STATUS_OK;
        }
    }
    return fail(error, "--storm is start, end or reconnect, not \"%.40s\"", text);
}

static int take_other(struct load_options *out, int id, const char *text, char error[256])
{
    struct load_config *config = &out->config;
    switch (id) {
    case OPT_HOST: config->host = text; break;
    case OPT_TOKEN: config->token = text; break;
    case OPT_TOKEN_FILE: out->token_file = text; break;
    case OPT_TLS: config->tls = true; break;
    case OPT_CA: config->ca_file = text; break;
    case OPT_RESUME: config->resume = true; break;
    case OPT_CUT: return take_cuts(out, text, error);
    case OPT_TRANSCRIPTS: out->transcripts = text; break;
    case OPT_TEACHERS_OF_CLASS: config->teachers_of_class = true; break;
    case OPT_TEACHER_TOKEN_FILE: out->teacher_token_file = text; break;
    case OPT_SOURCE:
        if (!scripted(text))
            return scripted_only("--source", text, error);
        config->source = text;
        break;
    case OPT_TARGETS: return take_targets(out, text, error);
    case OPT_NO_GRAMMAR: config->grammar = false; break;
    case OPT_NO_PARTIALS: config->partials = false; break;
    case OPT_STABILITY:
        if (strcmp(text, "low") != 0 && strcmp(text, "medium") != 0 && strcmp(text, "high") != 0)
            return fail(error, "--stability takes low, medium or high, not \"%.40s\"", text);
        config->stability = text;
        break;
    case OPT_SPEAKING: return take_speaking(out, text, error);
    case OPT_SEED:
        if (!whole_number(text, &config->voice.seed))
            return fail(error, "--seed takes a whole number, not \"%.40s\"", text);
        break;
    case OPT_STORM: return take_storm(out, text, error);
    case OPT_JSON: out->json = text; break;
    case OPT_LABEL: out->label = text; break;
    case OPT_QUIET: config->quiet = true; break;
    case OPT_HELP: out->help = true; break;
    default: return fail(error, "try sotto-bench --help");
    }
    return STATUS_OK;
}

static void set_defaults(struct load_options *out)
{
    *out = (struct load_options){.server_cpu = -1, .bench_cpu = -1, .label = ""};
    out->config = (struct load_config){.host = "127.0.0.1",
                                       .port = 8080,
                                       .token = getenv("SOTTO_TOKEN"),
                                       .sessions = 10,
                                       .voice = {.seed = 1,
                                                 .rate = 24000,
                                                 .frame_ms = 100,
                                                 .cycle_ms = 6000,
                                                 .pause_ms = 900,
                                                 .speaking = 0.6,
                                                 .turn_cycles = 3},
                                       .jitter_ms = 50,
                                       .source = "en",
                                       .targets = out->targets,
                                       .grammar = true,
                                       .partials = true,
                                       .ramp_s = 5,
                                       .warmup_s = 10,
                                       .seconds = 60,
                                       .drain_s = 15,
                                       .greed = 4,
                                       .teachers_open = 1};
    out->targets[0] = "es";
}

static int check(const struct load_options *options, char error[256])
{
    const struct load_config *config = &options->config;
    uint64_t special = (uint64_t)config->slow_readers + config->vanishing + config->greedy;
    if (config->sessions + config->silent == 0)
        return fail(error, "nothing to do: give --sessions or --silent");
    if (special > config->sessions)
        return fail(error,
                    "--slow-readers, --vanishing and --greedy are %llu together, of %u sessions",
                    (unsigned long long)special, config->sessions);
    if (config->slow_teachers > config->teachers)
        return fail(error, "--slow-teachers are %u, of %u teachers", config->slow_teachers,
                    config->teachers);
    if (config->teachers_of_class && config->classes == 0)
        return fail(error, "--teachers-of-class needs --classes");
    if (config->cuts_minute > 0 && !config->resume)
        return fail(error, "--cut needs --resume");
    if (config->ca_file != NULL && !config->tls)
        return fail(error, "--ca needs --tls");
    if (config->voice.frame_ms % AUDIO_BLOCK_MS != 0)
        return fail(error, "--frame-ms must be a multiple of %d", AUDIO_BLOCK_MS);
    if (config->voice.rate % (1000 / AUDIO_BLOCK_MS) != 0)
        return fail(error, "--rate must be a multiple of %d", 1000 / AUDIO_BLOCK_MS);
    if (config->voice.cycle_ms % AUDIO_BLOCK_MS != 0 || config->voice.pause_ms % AUDIO_BLOCK_MS)
        return fail(error, "--cycle-ms and --pause-ms must be multiples of %d", AUDIO_BLOCK_MS);
    if (config->voice.cycle_ms < config->voice.pause_ms + SCRIPT_SAID_MAX * AUDIO_BLOCK_MS)
        return fail(error, "--cycle-ms must leave at least %d ms beside --pause-ms",
                    SCRIPT_SAID_MAX * AUDIO_BLOCK_MS);
    for (unsigned i = 0; options->targets[i] != NULL; i++) {
        if (script_word_text(0, options->targets[i]) == script_word_text(0, config->source))
            return fail(error, "--targets: %s is the language spoken", options->targets[i]);
    }
    return STATUS_OK;
}

int load_options_parse(struct load_options *out, int argc, char **argv, char error[256])
{
    struct option table[NUMBERS + OTHERS + 1] = {0};
    memcpy(table, others, sizeof others);
    for (unsigned i = 0; i < NUMBERS; i++)
        table[OTHERS + i] =
            (struct option){numbers[i].name, required_argument, NULL, OPT_NUMBERS + (int)i};
    set_defaults(out);
    optind = opterr = 0;
    for (int id; (id = getopt_long(argc, argv, "h", table, NULL)) != -1;) {
        if (id == '?')
            return fail(error, "%.60s: no such option, or its value is missing; try --help",
                        argv[optind - 1]);
        int status = id == 'h' ? take_other(out, OPT_HELP, NULL, error)
                     : id >= OPT_NUMBERS
                         ? take_number(out, &numbers[id - OPT_NUMBERS], optarg, error)
                         : take_other(out, id, optarg, error);
        if (status != STATUS_OK)
            return status;
    }
    if (optind < argc)
        return fail(error, "\"%.60s\" is not an option; try sotto-bench --help", argv[optind]);
    return out->help ? STATUS_OK : check(out, error);
}
