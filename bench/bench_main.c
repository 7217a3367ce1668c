/* sotto-bench: the load generator and the capacity answer. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "bench/capacity.h"
#include "bench/judge.h"
#include "bench/load.h"
#include "bench/load_options.h"
#include "bench/probe.h"
#include "bench/result.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBE_EVERY_MS 250
#define SECOND_US      1000000
#define TOKEN_BYTES    4096

enum exit_code { EXIT_ALL_RAN = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_VOID = 3 };

/* A run and what watches it. The sums are large, so this is one static object. */
struct bench {
    struct load_options options;
    struct judge *judge;
    struct probe *probe;
    int64_t window_us;
    bool progress;
    struct load_sum load;
    struct judge_sum judged;
    struct probe_sum probed;
};

static void on_window(void *ctx, bool begins)
{
    struct bench *bench = ctx;
    int64_t now_us = clock_mono_us();
    if (begins) {
        bench->window_us = now_us;
        judge_window(bench->judge, now_us,
                     now_us + (int64_t)bench->options.config.seconds * SECOND_US);
        probe_begin(bench->probe);
    } else {
        probe_end(bench->probe);
        if (now_us < bench->window_us + (int64_t)bench->options.config.seconds * SECOND_US)
            judge_window(bench->judge, bench->window_us, now_us);
    }
}

static void on_second(void *ctx, unsigned elapsed_s, unsigned total_s, unsigned started)
{
    const struct bench *bench = ctx;
    const struct load_config *config = &bench->options.config;
    if (!bench->progress)
        return;
    fprintf(stderr, "\r\033[K%u of %u sessions started, %u s", started,
            config->sessions + config->silent, elapsed_s);
    if (elapsed_s < total_s)
        fprintf(stderr, ", %u s left", total_s - elapsed_s);
    else
        fputs(", waiting for what is owed", stderr);
}

/* Threads made later, the probe's, stay there too. */
static void pin(int cpu)
{
    cpu_set_t set;
    if (cpu < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        fprintf(stderr, "sotto-bench: cannot pin itself to CPU %d: %s\n", cpu, strerror(errno));
}

static int open_watchers(struct bench *bench)
{
    const struct load_options *options = &bench->options;
    const struct load_config *config = &options->config;
    struct probe_config probe = {.host = config->host,
                                 .tls = config->tls,
                                 .ca_file = config->ca_file,
                                 .port = config->port,
                                 .server_pid = options->server_pid,
                                 .sim_pid = options->sim_pid,
                                 .server_cpu = options->server_cpu,
                                 .bench_cpu = options->bench_cpu,
                                 .every_ms = PROBE_EVERY_MS};
    /* The window is set when it begins; until then nothing counts. */
    struct judge_config judge = {.seed = config->voice.seed,
                                 .rate = config->voice.rate,
                                 .source = config->source,
                                 .targets = config->targets,
                                 .grammar = config->grammar,
                                 .keep_text = options->transcripts != NULL,
                                 .watched = config->teachers > 0,
                                 .classes = config->classes,
                                 .from_us = INT64_MAX,
                                 .to_us = INT64_MAX};
    int status = judge_create(&bench->judge, &judge);
    if (status != STATUS_OK)
        return status;
    status = probe_open(&bench->probe, &probe);
    if (status == STATUS_IO)
        fprintf(stderr,
                "sotto-bench: cannot read http%s://%s:%u/metrics; is sotto running there?\n",
                config->tls ? "s" : "", config->host, config->port);
    return status;
}

static int write_json(const struct result *result, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdout : fopen(path, "we");
    if (file == NULL) {
        fprintf(stderr, "sotto-bench: cannot write %s: %s\n", path, strerror(errno));
        return STATUS_IO;
    }
    int status = result_write_json(result, file);
    if (status == STATUS_OK && fflush(file) != 0)
        status = STATUS_IO;
    if (!standard && fclose(file) != 0)
        status = STATUS_IO;
    if (status != STATUS_OK)
        fprintf(stderr, "sotto-bench: cannot write %s: %s\n", path, status_text(status));
    return status;
}

static int write_transcripts(const struct judge *judge, const char *path)
{
    FILE *file = fopen(path, "we");
    int status = file == NULL ? STATUS_IO : judge_write_text(judge, file);
    if (file != NULL && fclose(file) != 0)
        status = STATUS_IO;
    if (status != STATUS_OK)
        fprintf(stderr, "sotto-bench: cannot write %s: %s\n", path, strerror(errno));
    return status;
}

/* Without a file the token stays what it is. */
static int read_token(const char *option, const char *path, char token[TOKEN_BYTES],
                      const char **out)
{
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    if (path == NULL)
        return STATUS_OK;
    bool read = file != NULL && fgets(token, TOKEN_BYTES, file) != NULL;
    if (file != NULL)
        fclose(file);
    token[strcspn(token, "\r\n")] = '\0';
    if (!read || *token == '\0') {
        fprintf(stderr, "sotto-bench: %s %s: no token can be read there\n", option, path);
        return STATUS_IO;
    }
    *out = token;
    return STATUS_OK;
}

/* Kept to the end: sessions come and go all the time. */
static int read_tokens(struct load_options *options)
{
    static char learners[TOKEN_BYTES], teachers[TOKEN_BYTES];
    int status = read_token("--token-file", options->token_file, learners, &options->config.token);
    if (status != STATUS_OK)
        return status;
    return read_token("--teacher-token-file", options->teacher_token_file, teachers,
                      &options->config.teacher_token);
}

static enum exit_code report(struct bench *bench)
{
    const struct load_options *options = &bench->options;
    const struct load_config *config = &options->config;
    struct result result = {.label = options->label,
                            .config = config,
                            .load = &bench->load,
                            .judge = &bench->judged,
                            .probe = &bench->probed};
    /* A table on the standard output would spoil JSON there. */
    FILE *out = options->json != NULL && strcmp(options->json, "-") == 0 ? stderr : stdout;
    if (!config->quiet)
        result_print(&result, out, isatty(fileno(out)) && getenv("NO_COLOR") == NULL);
    fflush(out); /* what goes to stderr below comes behind it */
    if (options->json != NULL && write_json(&result, options->json) != STATUS_OK)
        return EXIT_FAILED;
    if (options->transcripts != NULL &&
        write_transcripts(bench->judge, options->transcripts) != STATUS_OK)
        return EXIT_FAILED;
    unsigned asked = config->sessions + config->silent;
    if (bench->load.started < asked) {
        fprintf(stderr, "sotto-bench: %u of %u sessions did not start%s%s\n",
                asked - bench->load.started, asked, bench->judged.first_error[0] ? ": " : "",
                bench->judged.first_error);
        return EXIT_FAILED;
    }
    unsigned reading = config->teachers - config->slow_teachers;
    if (bench->judged.watch.seeing < reading) {
        fprintf(stderr, "sotto-bench: %u of %u teachers saw nothing",
                reading - bench->judged.watch.seeing, reading);
        if (bench->load.teachers_status > 0)
            fprintf(stderr, ": the upgrade was answered with HTTP %u", bench->load.teachers_status);
        fprintf(stderr, "%s%s\n", bench->judged.watch.first_error[0] ? ": " : "",
                bench->judged.watch.first_error);
        return EXIT_FAILED;
    }
    char text[256];
    const char *reason = result_void(&result, text, sizeof text);
    if (reason != NULL)
        fprintf(stderr, "sotto-bench: the run is void: %s\n", reason);
    return reason != NULL ? EXIT_VOID : EXIT_ALL_RAN;
}

static enum exit_code run(struct bench *bench)
{
    struct load_hooks hooks = {.on_window = on_window, .on_second = on_second, .ctx = bench};
    pin(bench->options.bench_cpu);
    bench->progress = !bench->options.config.quiet && isatty(STDERR_FILENO);
    int status = open_watchers(bench);
    if (status == STATUS_OK)
        status = load_run(&bench->options.config, bench->judge, &hooks, &bench->load);
    if (bench->progress)
        fputs("\r\033[K", stderr);
    if (bench->probe != NULL)
        probe_close(bench->probe, &bench->probed);
    if (status == STATUS_OK)
        judge_sum(bench->judge, &bench->judged);
    else
        fprintf(stderr, "sotto-bench: no result: %s\n", status_text(status));
    enum exit_code code = status == STATUS_OK ? report(bench) : EXIT_FAILED;
    if (bench->judge != NULL)
        judge_destroy(bench->judge);
    return code;
}

static int run_main(int argc, char **argv)
{
    static struct bench bench;
    char error[256] = "";
    if (load_options_parse(&bench.options, argc, argv, error) != STATUS_OK) {
        fprintf(stderr, "sotto-bench: %s\n", error);
        return EXIT_USAGE;
    }
    if (bench.options.help) {
        load_options_help(stdout);
        return EXIT_ALL_RAN;
    }
    return read_tokens(&bench.options) == STATUS_OK ? run(&bench) : EXIT_USAGE;
}

int main(int argc, char **argv)
{
    const char *first = argc > 1 ? argv[1] : "--help";
    if (strcmp(first, "--version") == 0) {
        puts("sotto-bench " SOTTO_VERSION);
        return EXIT_ALL_RAN;
    }
    if (strcmp(first, "help") == 0 || argc < 2) {
        load_options_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_ALL_RAN;
    }
    if (strcmp(first, "capacity") == 0)
        return capacity_main(argc - 1, argv + 1);
    if (strcmp(first, "run") == 0)
        return run_main(argc - 1, argv + 1);
    if (first[0] == '-')
        return run_main(argc, argv);
    fprintf(stderr, "sotto-bench: \"%s\" is neither run nor capacity; try sotto-bench --help\n",
            first);
    return EXIT_USAGE;
}
