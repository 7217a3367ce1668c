#include "local/options.h"

#include "base/status.h"
#include "local/limits.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

enum {
    OPT_SPEECH_PORT = 1,
    OPT_CHAT_PORT,
    OPT_LISTEN,
    OPT_CERT_DIR,
    OPT_MODEL_DIR,
    OPT_DECODERS,
    OPT_STREAM_LIMIT,
    OPT_AUDIO_TIMEOUT,
    OPT_DECODER_WAIT,
    OPT_LOG,
    OPT_HELP,
    OPT_VERSION
};

static const struct option known[] = {
    {"speech-port", required_argument, NULL, OPT_SPEECH_PORT},
    {"chat-port", required_argument, NULL, OPT_CHAT_PORT},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"cert-dir", required_argument, NULL, OPT_CERT_DIR},
    {"model-dir", required_argument, NULL, OPT_MODEL_DIR},
    {"decoders", required_argument, NULL, OPT_DECODERS},
    {"stream-limit-s", required_argument, NULL, OPT_STREAM_LIMIT},
    {"audio-timeout-s", required_argument, NULL, OPT_AUDIO_TIMEOUT},
    {"decoder-wait-s", required_argument, NULL, OPT_DECODER_WAIT},
    {"log", required_argument, NULL, OPT_LOG},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

void options_help(FILE *out)
{
    fprintf(
        out,
        "sotto-local: an offline speech API and an offline chat completions API on loopback\n"
        "\n"
        "  --speech-port N      gRPC, google.cloud.speech v1 and v2 (default 0: any free port)\n"
        "  --chat-port N        HTTPS, /v1/chat/completions (default 0: any free port)\n"
        "  --listen ADDRESS     numeric address both listen on (default 127.0.0.1)\n"
        "  --cert-dir DIR       where the chat API's certificate is written, as cert.pem\n"
        "                       (default the current folder)\n"
        "  --model-dir DIR      acoustic and language model (default that of pocketsphinx-en-us)\n"
        "  --decoders N         people who may speak at a time, 1-%d (default: as many as cores\n"
        "                       and memory carry, measured at start)\n"
        "  --stream-limit-s N   age at which a speech stream is cut, 1-%d (default %d)\n"
        "  --audio-timeout-s N  a speech stream without audio for so long is ended, 1-%d\n"
        "                       (default %d)\n"
        "  --decoder-wait-s N   speech waits so long for a decoder before its stream is refused,\n"
        "                       1-%d (default %d)\n"
        "  --log LEVEL          error, warn, info, debug or trace (default info)\n"
        "  --help, --version\n"
        "\n"
        "When both serve, one line on standard output says where:\n"
        "  ready speech=HOST:PORT chat=https://HOST:PORT/v1 decoders=N cert=DIR/cert.pem\n",
        LOCAL_DECODERS_MAX, LOCAL_SPEECH_STREAM_S, LOCAL_SPEECH_STREAM_S, LOCAL_SPEECH_STREAM_S,
        LOCAL_SPEECH_AUDIO_TIMEOUT_MS / 1000, LOCAL_PLACE_WAIT_S_MAX, LOCAL_PLACE_WAIT_S);
}

static int read_number(const char *name, const char *text, unsigned bounds[2], FILE *err)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < bounds[0] ||
        value > bounds[1]) {
        fprintf(err, "sotto-local: --%s must be a number from %u to %u, not \"%s\"\n", name,
                bounds[0], bounds[1], text);
        return -1;
    }
    return (int)value;
}

/* The numbers, each with its bounds. */
static int read_numeric(struct options *options, int option, const char *name, FILE *err)
{
    unsigned bounds[2] = {option > OPT_CHAT_PORT, 65535};
    switch (option) {
    case OPT_DECODERS: bounds[1] = LOCAL_DECODERS_MAX; break;
    case OPT_STREAM_LIMIT:
    case OPT_AUDIO_TIMEOUT: bounds[1] = LOCAL_SPEECH_STREAM_S; break;
    case OPT_DECODER_WAIT: bounds[1] = LOCAL_PLACE_WAIT_S_MAX; break;
    default: break;
    }
    int value = read_number(name, optarg, bounds, err);
    if (value < 0)
        return STATUS_INVALID;
    switch (option) {
    case OPT_SPEECH_PORT: options->speech_port = (uint16_t)value; break;
    case OPT_CHAT_PORT: options->chat_port = (uint16_t)value; break;
    case OPT_DECODERS: options->decoders = (unsigned)value; break;
    case OPT_STREAM_LIMIT: options->stream_limit_s = (unsigned)value; break;
    case OPT_AUDIO_TIMEOUT: options->audio_timeout_s = (unsigned)value; break;
    default: options->decoder_wait_s = (unsigned)value; break;
    }
    return 0;
}

int options_read(struct options *out, int argc, char *const *argv, FILE *err)
{
    struct options options = {.listen = "127.0.0.1",
                              .cert_dir = ".",
                              .stream_limit_s = LOCAL_SPEECH_STREAM_S,
                              .audio_timeout_s = LOCAL_SPEECH_AUDIO_TIMEOUT_MS / 1000,
                              .decoder_wait_s = LOCAL_PLACE_WAIT_S,
                              .log = "info"};
    int option, index = 0, status = 0;
    optind = 0; /* glibc: begin anew */
    opterr = 0;
    while (status == 0 && (option = getopt_long(argc, argv, ":", known, &index)) != -1) {
        switch (option) {
        case OPT_LISTEN: options.listen = optarg; break;
        case OPT_CERT_DIR: options.cert_dir = optarg; break;
        case OPT_MODEL_DIR: options.model_dir = optarg; break;
        case OPT_LOG: options.log = optarg; break;
        case OPT_HELP: options.action = OPTIONS_HELP; break;
        case OPT_VERSION: options.action = OPTIONS_VERSION; break;
        case ':':
        case '?':
            fprintf(err, "sotto-local: %s %s\n", argv[optind - 1],
                    option == ':' ? "needs a value" : "is not an option (see --help)");
            return STATUS_INVALID;
        default: status = read_numeric(&options, option, known[index].name, err);
        }
    }
    if (status == 0 && optind < argc) {
        fprintf(err, "sotto-local: \"%s\" is not an option (see --help)\n", argv[optind]);
        status = STATUS_INVALID;
    }
    if (status == 0)
        *out = options;
    return status;
}
