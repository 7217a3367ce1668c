/* sotto-sim: reads its configuration, starts both clouds, says where they are, ends with a report.
 */
#include "base/buf.h"
#include "base/log.h"
#include "base/status.h"
#include "bench/sim.h"
#include "bench/sim_config.h"
#include "bench/sim_fault.h"
#include "loop/loop.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };
enum { OPT_HELP = 1000, OPT_FAULTS, OPT_VERSION, OPT_SCENARIO };

#define REPORT_BYTES_MAX 65536
#define FLAG_BYTES       48

struct key {
    const char *section, *key, *value, *help;
};

static const struct key keys[] = {
#define X(section, key, field, kind, value, help) {section, key, value, help},
    SIM_CONFIG_TABLE(X)
#undef X
};
#define KEYS (sizeof keys / sizeof keys[0])

struct sim {
    struct sim_config config;
    struct sim_stats stats;
    struct loop *loop;
    struct sim_speech *speech;
    struct sim_chat *chat;
    struct loop_poll signals;
    struct loop_timer end; /* of --seconds */
    int signal_fd;
    unsigned open;
    bool stopping;
};

/* -- the command line -- */

static void flag_name(const struct key *key, char out[FLAG_BYTES])
{
    bool bare = strcmp(key->section, "sim") == 0;
    snprintf(out, FLAG_BYTES, "%s%s%s", bare ? "" : key->section, bare ? "" : "-", key->key);
}

static void print_help(void)
{
    puts("sotto-sim: a simulated speech API and a simulated chat completions API\n"
         "\n"
         "  sotto-sim [--scenario FILE] [--FLAG VALUE]...\n"
         "\n"
         "A scenario is an INI file whose [section] and key are a flag's name; flags count more.\n"
         "\n"
         "  --scenario FILE            settings to begin with\n"
         "  --faults                   lists the faults and how they are written\n"
         "  --help, --version");
    const char *section = "";
    for (size_t i = 0; i < KEYS; i++) {
        char name[FLAG_BYTES];
        flag_name(&keys[i], name);
        if (strcmp(section, keys[i].section) != 0)
            printf("\n[%s]\n", section = keys[i].section);
        printf("  --%-24s %s%s%s%s\n", name, keys[i].help, keys[i].value[0] != '\0' ? " (" : "",
               keys[i].value, keys[i].value[0] != '\0' ? ")" : "");
    }
    puts("\nWhen both serve, one line on standard output says where:\n"
         "  ready speech=PORT chat=PORT ca=FILE\n"
         "SIGTERM or SIGINT ends it; what was counted is then printed as JSON. While it runs, GET\n"
         "/sim/stats of the chat port tells the same, and POST /sim/control changes the faults.");
}

/* One pass over the flags; only --scenario is heeded in the first, everything else in the second,
 * so that flags count more than the file wherever they stand. */
static int read_flags(struct sim_config *config, int argc, char **argv, bool first)
{
    static char names[KEYS][FLAG_BYTES];
    struct option known[KEYS + 5] = {{"help", no_argument, NULL, OPT_HELP},
                                     {"faults", no_argument, NULL, OPT_FAULTS},
                                     {"version", no_argument, NULL, OPT_VERSION},
                                     {"scenario", required_argument, NULL, OPT_SCENARIO}};
    for (size_t i = 0; i < KEYS; i++) {
        flag_name(&keys[i], names[i]);
        known[4 + i] = (struct option){names[i], required_argument, NULL, (int)i};
    }
    char error[512];
    int flag, status = 0;
    optind = 0; /* glibc: begin anew */
    opterr = 0;
    while (status == 0 && (flag = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        if (flag == OPT_HELP || flag == OPT_FAULTS || flag == OPT_VERSION)
            return flag;
        if (flag == ':' || flag == '?') {
            fprintf(stderr, "sotto-sim: %s %s\n", argv[optind - 1],
                    flag == ':' ? "needs a value" : "is not an option (see --help)");
            return STATUS_INVALID;
        }
        if (first && flag == OPT_SCENARIO)
            status = sim_config_file(config, optarg, error, sizeof error);
        else if (!first && flag != OPT_SCENARIO)
            status = sim_config_set(config, keys[flag].section, keys[flag].key, optarg, error,
                                    sizeof error);
    }
    if (status != 0)
        fprintf(stderr, "sotto-sim: %s\n", error);
    else if (optind < argc) {
        fprintf(stderr, "sotto-sim: \"%s\" is not an option (see --help)\n", argv[optind]);
        status = STATUS_INVALID;
    }
    return status;
}

/* -- the end -- */

static void print_report(struct sim *sim)
{
    struct buf out;
    buf_init(&out, REPORT_BYTES_MAX);
    buf_puts(&out, "{\"stats\": ");
    sim_stats_write(&sim->stats, &out);
    buf_puts(&out, ", \"speech\": ");
    sim_speech_report(sim->speech, &out);
    buf_puts(&out, ", \"chat\": ");
    sim_chat_report(sim->chat, &out);
    buf_puts(&out, "}\n");
    if (buf_status(&out) == 0)
        fwrite(out.data, 1, out.len, stdout);
    fflush(stdout);
    buf_deinit(&out);
}

static void on_half_closed(void *ctx)
{
    struct sim *sim = ctx;
    if (--sim->open == 0)
        loop_stop(sim->loop);
}

static void stop(struct sim *sim)
{
    if (sim->stopping)
        return;
    sim->stopping = true;
    print_report(sim);
    loop_timer_stop(&sim->end);
    loop_poll_close(&sim->signals, NULL);
    sim_chat_close(sim->chat, on_half_closed, sim);
    sim_speech_close(sim->speech, on_half_closed, sim);
}

static void on_signal(struct loop_poll *poll, unsigned events)
{
    stop((struct sim *)((char *)poll - offsetof(struct sim, signals)));
}

static void on_end(struct loop_timer *timer)
{
    stop((struct sim *)((char *)timer - offsetof(struct sim, end)));
}

/* -- the start -- */

static int watch_signals(struct sim *sim)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    /* Blocked before any thread starts, so that only the descriptor tells of them. */
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    sim->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (sim->signal_fd < 0)
        return STATUS_IO;
    return loop_poll_start(sim->loop, &sim->signals, sim->signal_fd, LOOP_IN, on_signal);
}

static int start(struct sim *sim)
{
    const char *dir = sim->config.dir;
    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        fprintf(stderr, "sotto-sim: cannot make the folder %s: %s (see --dir)\n", dir,
                strerror(errno));
        return STATUS_IO;
    }
    int status = sim_speech_open(&sim->speech, sim->loop, &sim->config, &sim->stats);
    if (status != 0)
        return status;
    sim->open = 1;
    status = sim_chat_open(&sim->chat, sim->loop, &sim->config, &sim->stats);
    if (status != 0)
        return status;
    sim->open = 2;
    sim_chat_control(sim->chat, sim->speech);
    if (sim->config.seconds > 0)
        loop_timer_start(sim->loop, &sim->end,
                         loop_now_us(sim->loop) + sim->config.seconds * 1000000, on_end);
    printf("ready speech=%u chat=%u ca=%s/cert.pem\n", sim_speech_port(sim->speech),
           sim_chat_port(sim->chat), dir);
    fflush(stdout);
    return 0;
}

static int serve(struct sim *sim)
{
    int status = loop_create(&sim->loop, LOOP_AUTO);
    if (status == 0 && (status = watch_signals(sim)) != 0)
        fprintf(stderr, "sotto-sim: signals cannot be watched: %s\n", status_text(status));
    if (status == 0)
        status = start(sim);
    if (status != 0 && sim->open == 1)
        sim_speech_close(sim->speech, on_half_closed, sim);
    if (sim->open > 0)
        loop_run(sim->loop);
    if (sim->loop != NULL)
        loop_destroy(sim->loop);
    if (sim->signal_fd > 0)
        close(sim->signal_fd);
    if (status == STATUS_INVALID)
        return EXIT_USAGE;
    return status == 0 ? EXIT_OK : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    struct sim sim = {0};
    sim_config_init(&sim.config);
    int status = read_flags(&sim.config, argc, argv, true);
    if (status == 0)
        status = read_flags(&sim.config, argc, argv, false);
    int code = EXIT_OK;
    switch (status) {
    case OPT_HELP: print_help(); break;
    case OPT_FAULTS: sim_fault_help(stdout); break;
    case OPT_VERSION: puts("sotto-sim " SOTTO_VERSION); break;
    case 0:
        log_init(LOG_LEVEL_WARN, STDERR_FILENO);
        code = serve(&sim);
        log_deinit();
        break;
    default: code = EXIT_USAGE;
    }
    sim_config_deinit(&sim.config);
    return code;
}
