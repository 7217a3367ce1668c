/* sotto-test-chat: the misbehaving chat completions upstream as a program. Prints "ready port=N"
 * and runs until it is told to stop; then its counts on stderr. */
#include "tests/upstream/chat_server.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct chat_server *server;

static void on_signal(int number)
{
    chat_server_stop(server); /* an atomic store and a write(2): both allowed here */
}

static void usage(void)
{
    fputs("usage: sotto-test-chat [--port N] [--cert FILE] [--key KEY] [--latency-ms N] "
          "[--token-ms N]\n"
          "                       [--streams N] [--seed N] [--fault SPEC]\n"
          "  SPEC: name[:argument][@probability][#count] (tests/upstream/chat_server.h)\n",
          stderr);
    exit(2);
}

static void options_read(int argc, char **argv, struct chat_server_config *config)
{
    static const struct option options[] = {
        {"port", 1, NULL, 'p'},       {"cert", 1, NULL, 'c'},     {"key", 1, NULL, 'k'},
        {"latency-ms", 1, NULL, 'l'}, {"token-ms", 1, NULL, 't'}, {"streams", 1, NULL, 's'},
        {"seed", 1, NULL, 'r'},       {"fault", 1, NULL, 'f'},    {0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'p': config->port = (uint16_t)strtoul(optarg, NULL, 10); break;
        case 'c': config->cert_file = optarg; break;
        case 'k': config->key = optarg; break;
        case 'l': config->latency_ms = (unsigned)strtoul(optarg, NULL, 10); break;
        case 't': config->token_ms = (unsigned)strtoul(optarg, NULL, 10); break;
        case 's': config->streams_max = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'r': config->seed = strtoull(optarg, NULL, 10); break;
        case 'f': config->fault = optarg; break;
        default: usage();
        }
    }
}

int main(int argc, char **argv)
{
    struct chat_server_config config = {.seed = 1};
    options_read(argc, argv, &config);
    signal(SIGPIPE, SIG_IGN);
    if (chat_server_create(&server, &config) != 0)
        return 1;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    printf("ready port=%u\n", chat_server_port(server));
    fflush(stdout);
    chat_server_run(server);
    struct chat_server_stats stats;
    chat_server_stats(server, &stats);
    fprintf(stderr, "connections=%llu handshakes=%llu requests=%llu answered=%llu resets=%llu\n",
            (unsigned long long)stats.connections, (unsigned long long)stats.handshakes,
            (unsigned long long)stats.requests, (unsigned long long)stats.answered,
            (unsigned long long)stats.resets);
    chat_server_destroy(server);
    return 0;
}
