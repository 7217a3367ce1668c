#include "base/status.h"
#include "local/options.h"
#include "tests/check.h"

static struct options options;
static char message[512];

static int read_line(const char *line)
{
    static char copy[256];
    char *argv[32] = {"sotto-local"}, *rest = copy;
    int argc = 1;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word; (word = strsep(&rest, " ")) != NULL;)
        if (word[0] != '\0')
            argv[argc++] = word;
    FILE *err = fmemopen(message, sizeof message, "w");
    int status = options_read(&options, argc, argv, err);
    fclose(err);
    return status;
}

static void test_defaults(void)
{
    CHECK_EQ(read_line(""), 0);
    CHECK_EQ(options.action, OPTIONS_SERVE);
    CHECK_STR(options.listen, "127.0.0.1");
    CHECK_STR(options.cert_dir, ".");
    CHECK_STR(options.log, "info");
    CHECK(options.model_dir == NULL);
    CHECK_EQ(options.speech_port, 0);
    CHECK_EQ(options.chat_port, 0);
    CHECK_EQ(options.decoders, 0);
    CHECK_EQ(options.stream_limit_s, 305);
    CHECK_EQ(options.audio_timeout_s, 10);
    CHECK_EQ(options.decoder_wait_s, 5);
}

static void test_everything_said(void)
{
    CHECK_EQ(
        read_line("--speech-port 9001 --chat-port=9002 --listen ::1 --cert-dir /c --decoders 3 "
                  "--stream-limit-s 20 --audio-timeout-s 3 --decoder-wait-s 30 --log debug "
                  "--model-dir /m"),
        0);
    CHECK_EQ(options.speech_port, 9001);
    CHECK_EQ(options.chat_port, 9002);
    CHECK_STR(options.listen, "::1");
    CHECK_STR(options.cert_dir, "/c");
    CHECK_STR(options.model_dir, "/m");
    CHECK_EQ(options.decoders, 3);
    CHECK_EQ(options.stream_limit_s, 20);
    CHECK_EQ(options.audio_timeout_s, 3);
    CHECK_EQ(options.decoder_wait_s, 30);
    CHECK_STR(options.log, "debug");
}

static void test_help_and_version(void)
{
    CHECK_EQ(read_line("--help"), 0);
    CHECK_EQ(options.action, OPTIONS_HELP);
    CHECK_EQ(read_line("--version"), 0);
    CHECK_EQ(options.action, OPTIONS_VERSION);
    char help[4096] = "";
    FILE *out = fmemopen(help, sizeof help, "w");
    options_help(out);
    fclose(out);
    CHECK(strstr(help, "--stream-limit-s") != NULL);
}

static void refused(const char *line, const char *named)
{
    options.decoders = 77;
    CHECK_EQ(read_line(line), STATUS_INVALID);
    CHECK_EQ(options.decoders, 77);
    CHECK(strstr(message, named) != NULL);
}

static void test_faults_are_named(void)
{
    refused("--speech-port 65536", "--speech-port");
    refused("--speech-port -1", "--speech-port");
    refused("--decoders 0", "--decoders");
    refused("--decoders 65", "--decoders");
    refused("--decoders 2x", "2x");
    refused("--stream-limit-s 306", "--stream-limit-s");
    refused("--audio-timeout-s 0", "--audio-timeout-s");
    refused("--decoder-wait-s 61", "--decoder-wait-s");
    refused("--wrong", "--wrong");
    refused("--decoders", "needs a value");
    refused("extra", "extra");
}

int main(void)
{
    RUN(test_defaults);
    RUN(test_everything_said);
    RUN(test_help_and_version);
    RUN(test_faults_are_named);
    return check_done();
}
