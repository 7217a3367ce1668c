/* sotto-local: starts both halves, says where they are, waits for a signal, stops them. */
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "local/chat.h"
#include "local/options.h"
#include "local/recognizer.h"
#include "local/speech_engine.h"
#include "local/speech_server.h"
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_OK, EXIT_START, EXIT_OPTIONS };

struct halves {
    struct local_engine *engine;
    struct local_speech_server *speech;
    struct local_chat *chat;
};

static int start_speech(struct halves *halves, const struct options *options)
{
    struct local_engine_config engine = {.model_dir = options->model_dir,
                                         .decoders = options->decoders,
                                         .place_wait_ms = options->decoder_wait_s * 1000};
    int status = local_engine_create(&halves->engine, &engine);
    if (status != 0) {
        LOG_ERROR(LOG_MAIN, 0, "speech recognition cannot start", "reason=%s hint=%s",
                  LOG_Q(status_text(status)), LOG_Q("is pocketsphinx-en-us installed?"));
        return status;
    }
    struct local_speech_server_config config = {
        .host = options->listen,
        .port = options->speech_port,
        .languages = "en-US",
        .language_known = local_language_known,
        .stream_limit_ms = (int64_t)options->stream_limit_s * 1000,
        .audio_timeout_ms = (int64_t)options->audio_timeout_s * 1000,
        .engine = &local_engine_ops,
        .engine_ctx = halves->engine,
    };
    status = local_speech_server_start(&halves->speech, &config);
    if (status != 0)
        LOG_ERROR(LOG_MAIN, 0, "speech API cannot listen", "reason=%s listen=%s port=%u",
                  LOG_Q(status_text(status)), options->listen, (unsigned)options->speech_port);
    return status;
}

static int start_chat(struct halves *halves, const struct options *options)
{
    struct local_chat_config config = {
        .host = options->listen, .port = options->chat_port, .cert_dir = options->cert_dir};
    int status = local_chat_start(&halves->chat, &config);
    if (status != 0)
        LOG_ERROR(LOG_MAIN, 0, "chat API cannot start", "reason=%s listen=%s port=%u cert_dir=%s",
                  LOG_Q(status_text(status)), options->listen, (unsigned)options->chat_port,
                  LOG_Q(options->cert_dir));
    return status;
}

static void stop(struct halves *halves)
{
    if (halves->speech != NULL)
        local_speech_server_stop(halves->speech);
    if (halves->chat != NULL)
        local_chat_stop(halves->chat);
    if (halves->engine != NULL)
        local_engine_destroy(halves->engine);
}

/* Programs that started us read this line. */
static void say_ready(const struct halves *halves, const struct options *options)
{
    bool v6 = strchr(options->listen, ':') != NULL;
    const char *open = v6 ? "[" : "", *close = v6 ? "]" : "";
    printf("ready speech=%s%s%s:%u chat=https://%s%s%s:%u/v1 decoders=%u cert=%s/cert.pem\n", open,
           options->listen, close, (unsigned)local_speech_server_port(halves->speech), open,
           options->listen, close, local_chat_port(halves->chat),
           local_engine_decoders(halves->engine), options->cert_dir);
    fflush(stdout);
}

static int serve(const struct options *options)
{
    struct halves halves = {0};
    sigset_t signals;
    int number;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    /* Blocked before any thread starts, so that only sigwait() sees them. */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    int status = start_speech(&halves, options);
    if (status == 0)
        status = start_chat(&halves, options);
    if (status == 0) {
        say_ready(&halves, options);
        while (sigwait(&signals, &number) != 0)
            ;
        LOG_INFO(LOG_MAIN, 0, "stopping", "signal=%d rss_mb=%zu", number, mem_rss() >> 20);
    }
    stop(&halves);
    return status == 0 ? EXIT_OK : EXIT_START;
}

static int run(const struct options *options)
{
    if (log_configure(options->log) != 0) {
        fprintf(stderr, "sotto-local: --log must be like info or info,local=debug, not \"%s\"\n",
                options->log);
        return EXIT_OPTIONS;
    }
    if (log_init(LOG_LEVEL_INFO, STDERR_FILENO) != 0)
        return EXIT_START;
    log_configure(options->log);
    int status = serve(options);
    log_deinit();
    return status;
}

int main(int argc, char **argv)
{
    struct options options;
    if (options_read(&options, argc, argv, stderr) != 0)
        return EXIT_OPTIONS;
    switch (options.action) {
    case OPTIONS_HELP: options_help(stdout); return EXIT_OK;
    case OPTIONS_VERSION: puts("sotto-local " SOTTO_VERSION); return EXIT_OK;
    case OPTIONS_SERVE: break;
    }
    return run(&options);
}
