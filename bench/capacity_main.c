#include "base/status.h"
#include "bench/capacity_print.h"
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define SCRAPE_SECONDS_MAX 3600
#define USAGE              2

/* Options that are numbers: what they are for, and where getopt counts them. */
enum option_id {
    OPT_FROM = 256,
    OPT_METRICS,
    OPT_JSON,
    OPT_HELP,
    OPT_SECONDS,
    OPT_AT,
    OPT_SPEAKING,
    OPT_ENDING,
    OPT_LIMIT,
    OPT_COST = OPT_LIMIT + CAPACITY_LIMITS
};

static const struct option options[] = {
    {"from", required_argument, NULL, OPT_FROM},
    {"metrics", required_argument, NULL, OPT_METRICS},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"at", required_argument, NULL, OPT_AT},
    {"speaking", required_argument, NULL, OPT_SPEAKING},
    {"ending", required_argument, NULL, OPT_ENDING},
#define X(name, flag, value, help)                                                                 \
    {flag, required_argument, NULL, OPT_LIMIT + CAPACITY_LIMIT_##name},
    CAPACITY_LIMIT_MAP(X)
#undef X
#define X(name, key, value, unit, help)                                                            \
    {"cost-" key, required_argument, NULL, OPT_COST + CAPACITY_COST_##name},
        CAPACITY_COST_MAP(X)
#undef X
            {NULL, 0, NULL, 0},
};

struct arguments {
    const char *from, *metrics;
    bool json, help;
    double seconds,
        ending; /* ending: sessions that end together, 0: as many as live with headroom */
    struct capacity_pick pick;
    double limit[CAPACITY_LIMITS];
    double cost[CAPACITY_COSTS]; /* NAN: not given */
};

static void print_help(void)
{
    fputs("sotto-bench capacity: how many sessions fit, what gives way first, when to add more.\n\n"
          "  sotto-bench capacity [--from results.json | --metrics http://127.0.0.1:8080] "
          "[options]\n\n"
          "What a session costs comes from a file of make bench, from a live server, from flags, "
          "or,\n"
          "without any of these, from built-in figures of docs/benchmark.md.\n\n"
          "  --from FILE         results.json of make bench\n"
          "  --at N              its run nearest to N sessions; default the largest that delivered "
          "all\n"
          "  --speaking SHARE    and to that share of speaking sessions; default the largest\n"
          "  --metrics URL       a server under load: two scrapes of URL/metrics\n"
          "  --seconds N         that far apart (default 10)\n"
          "  --ending N          sessions that end a lesson together; default the answer with "
          "headroom\n"
          "  --json              the answer as JSON\n\n"
          "Limits, with their defaults:\n",
          stdout);
#define X(name, flag, value, help) printf("  --%-18s %10g  %s\n", flag, (double)(value), help);
    CAPACITY_LIMIT_MAP(X)
#undef X
    fputs("\nCosts of a session, over what is measured:\n", stdout);
#define X(name, key, value, unit, help)                                                            \
    printf("  --cost-%-13s %10g  %s%s%s\n", key, (double)(value), unit, *unit ? ", " : "", help);
    CAPACITY_COST_MAP(X)
#undef X
}

static int refuse(const char *text, const char *value)
{
    fprintf(stderr, "sotto-bench capacity: %s%s; see --help\n", text, value);
    return USAGE;
}

static double *number_option(struct arguments *arguments, int id)
{
    if (id >= OPT_COST)
        return &arguments->cost[id - OPT_COST];
    if (id >= OPT_LIMIT)
        return &arguments->limit[id - OPT_LIMIT];
    switch (id) {
    case OPT_SECONDS: return &arguments->seconds;
    case OPT_AT: return &arguments->pick.sessions;
    case OPT_SPEAKING: return &arguments->pick.speaking;
    case OPT_ENDING: return &arguments->ending;
    default: return NULL;
    }
}

static bool read_number(const char *text, double *out)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value) || value < 0)
        return false;
    *out = value;
    return true;
}

/* What the machine has, less what a careful owner would not give to one program. */
static double machine_limit(enum capacity_limit limit)
{
    struct sysinfo info;
    struct rlimit files;
    if (limit == CAPACITY_LIMIT_CORES)
        return (double)sysconf(_SC_NPROCESSORS_ONLN);
    if (limit == CAPACITY_LIMIT_MEMORY && sysinfo(&info) == 0)
        return (double)info.totalram * info.mem_unit / 2e6;
    if (limit == CAPACITY_LIMIT_DESCRIPTORS && getrlimit(RLIMIT_NOFILE, &files) == 0)
        return files.rlim_max == RLIM_INFINITY ? 1 << 20 : (double)files.rlim_max;
    return 0;
}

static void init_arguments(struct arguments *arguments)
{
    *arguments = (struct arguments){.seconds = 10, .pick = {.speaking = -1}};
    for (int i = 0; i < CAPACITY_LIMITS; i++)
        arguments->limit[i] = NAN;
    for (int i = 0; i < CAPACITY_COSTS; i++)
        arguments->cost[i] = NAN;
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
    int id;
    init_arguments(arguments);
    opterr = 0;
    optind = 1;
    while ((id = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        double *number = number_option(arguments, id);
        if (id == '?')
            return refuse("unknown option, or its value is missing: ", argv[optind - 1]);
        if (number != NULL && !read_number(optarg, number))
            return refuse("not a number, 0 or more: ", optarg);
        if (id == OPT_FROM)
            arguments->from = optarg;
        else if (id == OPT_METRICS)
            arguments->metrics = optarg;
        else if (id == OPT_JSON)
            arguments->json = true;
        else if (id == OPT_HELP || id == 'h')
            arguments->help = true;
    }
    if (optind < argc)
        return refuse("this is no option: ", argv[optind]);
    if (arguments->from != NULL && arguments->metrics != NULL)
        return refuse("--from or --metrics, not both", "");
    if (arguments->seconds < 1 || arguments->seconds > SCRAPE_SECONDS_MAX)
        return refuse("--seconds is 1 to 3600", "");
    double headroom = arguments->limit[CAPACITY_LIMIT_HEADROOM];
    if (!isnan(headroom) && !(headroom > 0 && headroom <= 1))
        return refuse("--headroom is above 0 and at most 1", "");
    return 0;
}

static int read_source(const struct arguments *arguments, struct capacity_source *source)
{
    char error[CAPACITY_ERROR_BYTES];
    int status = STATUS_OK;
    capacity_source_init(source);
    /* A live server's memory less what it took before its sessions. */
    if (!isnan(arguments->limit[CAPACITY_LIMIT_IDLE]))
        source->idle_mb = arguments->limit[CAPACITY_LIMIT_IDLE];
    if (arguments->from != NULL)
        status = capacity_source_file(source, arguments->from, &arguments->pick, error);
    else if (arguments->metrics != NULL)
        status =
            capacity_source_live(source, arguments->metrics, (unsigned)arguments->seconds, error);
    if (status != STATUS_OK)
        fprintf(stderr, "sotto-bench capacity: %s\n", error);
    return status;
}

static void fill_input(const struct arguments *arguments, struct capacity_source *source,
                       struct capacity_input *input)
{
    static const double defaults[CAPACITY_LIMITS] = {
#define X(name, flag, value, help) [CAPACITY_LIMIT_##name] = value,
        CAPACITY_LIMIT_MAP(X)
#undef X
    };
    for (int i = 0; i < CAPACITY_COSTS; i++) {
        if (!isnan(arguments->cost[i])) {
            source->cost[i] = arguments->cost[i];
            source->origin[i] = CAPACITY_GIVEN;
        }
        input->cost[i] = source->cost[i];
    }
    for (int i = 0; i < CAPACITY_LIMITS; i++) {
        double value = arguments->limit[i];
        if (isnan(value) && i == CAPACITY_LIMIT_IDLE && source->idle_mb > 0)
            value = source->idle_mb;
        if (isnan(value))
            value = defaults[i] > 0 ? defaults[i] : machine_limit((enum capacity_limit)i);
        input->limit[i] = value;
    }
}

int capacity_main(int argc, char **argv)
{
    struct arguments arguments;
    struct capacity_source source;
    struct capacity_input input;
    struct capacity_answer answer;
    struct capacity_end end;
    int refused = parse(argc, argv, &arguments);
    if (refused != 0)
        return refused;
    if (arguments.help) {
        print_help();
        return EXIT_SUCCESS;
    }
    if (read_source(&arguments, &source) != STATUS_OK)
        return EXIT_FAILURE;
    fill_input(&arguments, &source, &input);
    capacity_compute(&input, &answer);
    double sessions = arguments.ending > 0 ? arguments.ending : answer.rows[0].safe;
    if (!isfinite(sessions))
        sessions = 0;
    capacity_burst(&input, sessions, &end);
    struct capacity_report report = {&source, &input, &answer, &end, sessions};
    if (arguments.json)
        return capacity_print_json(&report, stdout) == STATUS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
    capacity_print(&report, stdout, isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL);
    return EXIT_SUCCESS;
}
