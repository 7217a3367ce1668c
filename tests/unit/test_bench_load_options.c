/* The command line of sotto-bench run. */
#include "base/status.h"
#include "bench/load_options.h"
#include "tests/check.h"

static struct load_options options;
static char error[256];

static int parse(const char *a, const char *b, const char *c, const char *d)
{
    char *argv[6] = {"run", (char *)a, (char *)b, (char *)c, (char *)d, NULL};
    int argc = 1;
    while (argc < 5 && argv[argc] != NULL)
        argc++;
    argv[argc] = NULL;
    return load_options_parse(&options, argc, argv, error);
}

static void test_defaults(void)
{
    CHECK_EQ(parse(NULL, NULL, NULL, NULL), STATUS_OK);
    CHECK_STR(options.config.host, "127.0.0.1");
    CHECK_EQ(options.config.sessions, 10);
    CHECK_EQ(options.config.voice.rate, 24000);
    CHECK_STR(options.config.targets[0], "es");
    CHECK(options.config.targets[1] == NULL);
    CHECK_EQ(options.server_cpu, -1);
    CHECK(options.json == NULL && !options.help);
}

static void test_values(void)
{
    CHECK_EQ(parse("--sessions=2000", "--targets", "es,de", "--server-cpu=0"), STATUS_OK);
    CHECK_EQ(options.config.sessions, 2000);
    CHECK_STR(options.config.targets[1], "de");
    CHECK(options.config.targets[2] == NULL);
    CHECK_EQ(options.server_cpu, 0);
    CHECK_EQ(
        parse("--targets=none", "--speaking=1", "--storm=reconnect", "--seed=18446744073709551615"),
        STATUS_OK);
    CHECK(options.config.targets[0] == NULL);
    CHECK(options.config.voice.speaking == 1);
    CHECK_EQ(options.config.storm, LOAD_STORM_RECONNECT);
    CHECK(options.config.voice.seed == UINT64_MAX);
    CHECK_EQ(parse("--teachers=50", "--slow-teachers=5", "--classes=20", "--teachers-of-class"),
             STATUS_OK);
    CHECK_EQ(options.config.teachers, 50);
    CHECK_EQ(options.config.slow_teachers, 5);
    CHECK_EQ(options.config.classes, 20);
    CHECK(options.config.teachers_of_class);
    CHECK_EQ(parse("--help", NULL, NULL, NULL), STATUS_OK);
    CHECK(options.help);
}

static void check_refused(const char *argument, const char *reason)
{
    error[0] = '\0';
    CHECK_EQ(parse(argument, NULL, NULL, NULL), STATUS_INVALID);
    CHECK(strstr(error, reason) != NULL);
}

static void test_refused(void)
{
    check_refused("--port=0", "--port takes a whole number from 1 to 65535");
    check_refused("--port=8080x", "--port takes");
    check_refused("--sessions=-1", "--sessions takes");
    check_refused("--sessions=", "--sessions takes");
    check_refused("--sessions=0", "nothing to do");
    check_refused("--speaking=1.1", "from 0 to 1");
    check_refused("--speaking=nan", "from 0 to 1");
    check_refused("--storm=often", "start, end or reconnect");
    check_refused("--frame-ms=15", "multiple of 10");
    check_refused("--pause-ms=5990", "beside --pause-ms");
    check_refused("--targets=es,es", "twice");
    check_refused("--targets=xx", "it has en");
    check_refused("--targets=en-GB", "is the language spoken");
    check_refused("--greedy=11", "of 10 sessions");
    check_refused("--classes=0", "--classes takes");
    check_refused("--teachers-of-class", "needs --classes");
    check_refused("--slow-teachers=1", "of 0 teachers");
    check_refused("--teachers-open=9", "from 0 to 8");
    check_refused("extra", "is not an option");
    check_refused("--nonsense", "--help");
}

int main(void)
{
    RUN(test_defaults);
    RUN(test_values);
    RUN(test_refused);
    return check_done();
}
