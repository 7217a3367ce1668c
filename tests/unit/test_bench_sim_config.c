/* A scenario's defaults, its file, its flags' values, and how mistakes are told. */
#include "base/status.h"
#include "bench/sim_config.h"
#include "tests/check.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct sim_config config;
static char error[256];

static int set(const char *section, const char *key, const char *value)
{
    error[0] = '\0';
    return sim_config_set(&config, section, key, value, error, sizeof error);
}

/* What sim_config_file() makes of a file with that text. */
static int read_text(const char *text)
{
    char path[] = "/tmp/test_sim_config_XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    error[0] = '\0';
    int status = sim_config_file(&config, path, error, sizeof error);
    unlink(path);
    return status;
}

static void test_defaults(void)
{
    sim_config_init(&config);
    CHECK(config.seed == 1);
    CHECK(config.speech_port == 8455 && config.chat_port == 8456);
    CHECK_STR(config.speech_server, "h2");
    CHECK_STR(config.speech_faults, "");
    CHECK(config.tail_error > 0.09 && config.tail_error < 0.11);
    CHECK(config.speech_cut_s == 305);
    sim_config_deinit(&config);
}

static void test_values(void)
{
    sim_config_init(&config);
    CHECK(set("speech", "server", "grpc") == 0);
    CHECK_STR(config.speech_server, "grpc");
    CHECK(set("speech", "port", "0") == 0);
    CHECK(config.speech_port == 0);
    CHECK(config.chat_port == 8456);
    CHECK(set("speech", "tail-error", "0.25") == 0);
    CHECK(config.tail_error == 0.25);
    CHECK(set("sim", "seed", "7") == 0);
    CHECK(config.seed == 7);
    sim_config_deinit(&config);
}

static void test_mistakes(void)
{
    sim_config_init(&config);
    CHECK(set("speech", "prot", "1") == STATUS_INVALID);
    CHECK_STR(error, "there is no key \"prot\" in section [speech]; see --help");
    CHECK(set("chat", "tail-error", "0.1") == STATUS_INVALID);
    const char *const not_numbers[] = {"", "-1", "12x", "1e3", "99999999999999999999"};
    for (size_t i = 0; i < sizeof not_numbers / sizeof not_numbers[0]; i++)
        CHECK(set("sim", "seed", not_numbers[i]) == STATUS_INVALID);
    CHECK(set("speech", "port", "65536") == STATUS_INVALID);
    CHECK_STR(error, "[speech] port must be a port, 0 to 65535, not \"65536\"");
    CHECK(set("speech", "tail-error", "1.5") == STATUS_INVALID);
    CHECK(set("speech", "tail-error", "nan") == STATUS_INVALID);
    CHECK_STR(error, "[speech] tail-error must be a number from 0 to 1, not \"nan\"");
    CHECK(config.seed == 1 && config.speech_port == 8455);
    sim_config_deinit(&config);
}

static void test_file(void)
{
    sim_config_init(&config);
    CHECK(read_text("; a comment\n"
                    "[sim]\n"
                    "seed = 42\n"
                    "\n"
                    "[speech]\n"
                    "faults = unavailable:1500@0.05, cut:60\n"
                    "[chat]\n"
                    "first-token = lognormal:150:0.4\n") == 0);
    CHECK(config.seed == 42);
    CHECK_STR(config.speech_faults, "unavailable:1500@0.05, cut:60");
    CHECK_STR(config.chat_first_token, "lognormal:150:0.4");
    CHECK_STR(config.speech_latency, "120");
    sim_config_deinit(&config);
}

static void test_file_mistakes(void)
{
    sim_config_init(&config);
    CHECK(read_text("[sim]\nseed = 3\nseeds = 4\n") == STATUS_INVALID);
    CHECK(strstr(error, ":3: there is no key \"seeds\" in section [sim]") != NULL);
    CHECK(read_text("[chat]\n\nport = many\nport = 70000\n") == STATUS_INVALID);
    CHECK(strstr(error, ":3: [chat] port must be a whole number") != NULL);
    CHECK(read_text("[speech]\nthis is not a setting\n") == STATUS_INVALID);
    CHECK(strstr(error, ":2: ") != NULL);
    CHECK(sim_config_file(&config, "/nowhere/at.ini", error, sizeof error) == STATUS_NOT_FOUND);
    CHECK(strstr(error, "/nowhere/at.ini: No such file") != NULL);
    sim_config_deinit(&config);
}

int main(void)
{
    RUN(test_defaults);
    RUN(test_values);
    RUN(test_mistakes);
    RUN(test_file);
    RUN(test_file_mistakes);
    return check_done();
}
