/* sotto: reads its configuration, starts the server, waits for a signal, stops it. */
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/config.h"
#include "server/notify.h"
#include "server/reload.h"
#include "server/server.h"
#include "server/stop.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_OK, EXIT_START, EXIT_CONFIG };

/* Every connection is a descriptor: as many as the system lets us have. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Returns the signal that ends the process. */
static int wait_signal(const sigset_t *signals, struct reload *reload)
{
    for (;;) {
        int number = 0;
        if (sigwait(signals, &number) != 0)
            continue;
        if (number != SIGHUP)
            return number;
        reload_now(reload);
    }
}

static int serve(const struct config_set *set)
{
    const struct config *config = config_get(set);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    /* Blocked before any thread starts, so that only sigwait() sees them. */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    struct server *server;
    if (server_start(&server, config) != STATUS_OK)
        return EXIT_START;
    struct reload *reload;
    if (reload_create(&reload, server, set) != STATUS_OK) {
        server_stop(server);
        return EXIT_START;
    }
    LOG_INFO(LOG_MAIN, 0, "ready", "version=%s port=%u fronts=%u allocator=%s", SOTTO_VERSION,
             server_port(server), (unsigned)config->fronts, LOG_Q(mem_allocator()));
    notify_systemd("READY=1");
    int number = wait_signal(&signals, reload);
    LOG_INFO(LOG_MAIN, 0, "stopping", "signal=%d", number);
    notify_systemd("STOPPING=1");
    stop_run(server, &signals);
    server_stop(server);
    reload_destroy(reload);
    LOG_INFO(LOG_MAIN, 0, "stopped", "rss_bytes=%zu", mem_rss());
    return EXIT_OK;
}

static int run(struct config_set *set)
{
    const struct config *config = config_get(set);
    if (log_configure(config->log) != STATUS_OK) {
        fprintf(stderr, "sotto: log must be like info or info,stt=debug, not \"%s\"\n",
                config->log);
        return EXIT_CONFIG;
    }
    if (log_init(LOG_LEVEL_INFO, STDERR_FILENO) != STATUS_OK)
        return EXIT_START;
    log_configure(config->log);
    int status = serve(set);
    log_deinit();
    return status;
}

int main(int argc, char **argv)
{
    struct config_set *set;
    if (config_load(&set, argc, argv, environ, stderr) != STATUS_OK)
        return EXIT_CONFIG;
    config_hide(argv, environ);
    int status = EXIT_OK;
    switch (config_action(set)) {
    case CONFIG_HELP: config_help(stdout); break;
    case CONFIG_VERSION: puts("sotto " SOTTO_VERSION); break;
    case CONFIG_PRINT: config_print(set, stdout); break;
    case CONFIG_REFERENCE: config_reference(stdout); break;
    case CONFIG_SERVE: status = run(set); break;
    }
    config_free(set);
    return status;
}
