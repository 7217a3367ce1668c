#include "base/status.h"
#include "server/config.h"
#include "server/provider.h"
#include "tests/check.h"

static char message[1024];

static struct config_provider config_of(const char *api, const char *target)
{
    return (struct config_provider){.api = api,
                                    .target = target,
                                    .project = "",
                                    .location = "global",
                                    .recognizer = "_",
                                    .model = "",
                                    .endpointing = "standard"};
}

static struct providers made;

static int init_all(const struct config *config)
{
    memset(message, 0, sizeof message);
    FILE *err = fmemopen(message, sizeof message - 1, "w");
    int status = providers_init(&made, config, err);
    fclose(err);
    return status;
}

/* The provider of section [stt] alone. */
static int init(struct provider *provider, const struct config_provider *config)
{
    struct config all = {.stt = {*config, config_of("", ""), config_of("", "")}};
    int status = init_all(&all);
    *provider = made.list[0];
    return status;
}

/* Refused with one line that holds `hint`. */
static void check_refused(const struct config_provider *config, const char *hint)
{
    struct provider provider;
    CHECK_EQ(init(&provider, config), STATUS_INVALID);
    if (strstr(message, hint) == NULL)
        fprintf(stderr, "\"%s\" is not in \"%s\"\n", hint, message);
    CHECK(strstr(message, hint) != NULL);
    CHECK(strncmp(message, "sotto: [stt] ", 13) == 0);
    CHECK(strchr(message, '\n') == message + strlen(message) - 1);
}

static void test_google_v1(void)
{
    struct provider provider;
    struct config_provider config = config_of("google_v1", "127.0.0.1:50051");
    config.model = "latest_long";
    config.boost = 15;
    CHECK_EQ(init(&provider, &config), STATUS_OK);
    CHECK(provider.stt.wire == &stt_wire_google_v1);
    CHECK_STR(provider.target, "127.0.0.1:50051");
    CHECK_STR(provider.stt.model, "latest_long");
    CHECK(provider.stt.boost == 15);
    CHECK_STR(provider.request_params, "");
    /* The target says where; no request does. */
    config.target = "eu-speech.googleapis.com:443";
    CHECK_EQ(init(&provider, &config), STATUS_OK);
    config.target = "";
    CHECK_EQ(init(&provider, &config), STATUS_OK);
    CHECK_STR(provider.target, "speech.googleapis.com:443");
    config.location = "europe-west4";
    check_refused(&config, "set location to one of: global, us, eu");
    config.location = "global";
    config.endpointing = "short";
    check_refused(&config, "use google_v2");
}

static void test_google_v2(void)
{
    struct provider provider;
    struct config_provider config = config_of("google_v2", "");
    check_refused(&config, "needs a project");
    config.project = "p";
    config.location = "eu";
    config.endpointing = "supershort";
    CHECK_EQ(init(&provider, &config), STATUS_OK);
    CHECK_STR(provider.target, "eu-speech.googleapis.com:443");
    CHECK_STR(provider.stt.recognizer, "projects/p/locations/eu/recognizers/_");
    CHECK_STR(provider.request_params,
              "recognizer=projects%2Fp%2Flocations%2Feu%2Frecognizers%2F_");
    CHECK_EQ(provider.stt.endpointing, STT_ENDPOINTING_SUPERSHORT);
    config.target = "127.0.0.1:50051";
    CHECK_EQ(init(&provider, &config), STATUS_OK);
    CHECK_STR(provider.target, "127.0.0.1:50051");
    config.target = "speech.googleapis.com:443";
    check_refused(&config, "does not serve location eu; leave target empty");
    config.target = "";
    config.project = "p/q";
    check_refused(&config, "must be names");
    config.project = "p";
    config.location = "eu/";
    check_refused(&config, "no host for location \"eu/\"");
}

static void test_riva(void)
{
    struct provider provider;
    struct config_provider config = config_of("riva", "");
    check_refused(&config, "needs a target");
    config.target = "10.0.0.7:50051";
    config.endpointing = "short";
    CHECK_EQ(init(&provider, &config), STATUS_OK);
    CHECK_STR(provider.target, "10.0.0.7:50051");
    CHECK_EQ(provider.stt.endpointing, STT_ENDPOINTING_SHORT);
    CHECK_STR(provider.request_params, "");
}

static void test_words(void)
{
    struct config_provider config = config_of("google", "127.0.0.1:50051");
    check_refused(&config, "google_v1, google_v2 or riva, not \"google\"");
    config = config_of("riva", "127.0.0.1:50051");
    config.endpointing = "fast";
    check_refused(&config, "standard, short or supershort, not \"fast\"");
}

static void test_too_long(void)
{
    char name[2 * PROVIDER_RECOGNIZER_BYTES];
    memset(name, 'p', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    struct config_provider config = config_of("google_v2", "127.0.0.1:50051");
    config.project = name;
    check_refused(&config, "too long");
    config = config_of("google_v1", name);
    check_refused(&config, "too long");
    config = config_of("google_v2", "");
    config.project = "p";
    config.location = name;
    check_refused(&config, "too long");
}

static void test_several(void)
{
    struct config config = {.stt = {config_of("google_v1", "127.0.0.1:1"), config_of("", ""),
                                    config_of("riva", "127.0.0.1:3")}};
    CHECK_EQ(init_all(&config), STATUS_OK);
    CHECK_EQ(made.len, 2);
    CHECK(made.stt[0].wire == &stt_wire_google_v1 && made.stt[1].wire == &stt_wire_riva);
    CHECK_STR(made.list[1].target, "127.0.0.1:3");
    CHECK(made.list[1].config == &config.stt[2]);
    config.stt[1].target = "127.0.0.1:2";
    CHECK_EQ(init_all(&config), STATUS_INVALID);
    CHECK_STR(message,
              "sotto: [stt.2] needs an api beside its target: google_v1, google_v2 or riva\n");
    config.stt[1].api = "google_v2";
    CHECK_EQ(init_all(&config), STATUS_INVALID);
    CHECK(strncmp(message, "sotto: [stt.2] api google_v2 needs a project", 44) == 0);
    config.stt[1].project = "p";
    CHECK_EQ(init_all(&config), STATUS_OK);
    CHECK_EQ(made.len, 3);
    CHECK_STR(made.stt[1].recognizer, "projects/p/locations/global/recognizers/_");
}

/* The least patient decides. */
static void test_limits(void)
{
    struct providers two = {.len = 2,
                            .stt = {{.wire = &stt_wire_riva}, {.wire = &stt_wire_google_v2}}};
    CHECK_EQ(providers_idle_ms(&two, 8000), stt_wire_idle_ms(&stt_wire_google_v2, 8000));
    CHECK_EQ(providers_rotate_ms(&two, 240000), 240000);
    two.len = 1;
    CHECK_EQ(providers_idle_ms(&two, 8000), 8000);
    CHECK_EQ(providers_rotate_ms(&two, 240000), UINT32_MAX);
}

int main(void)
{
    RUN(test_google_v1);
    RUN(test_google_v2);
    RUN(test_riva);
    RUN(test_words);
    RUN(test_too_long);
    RUN(test_several);
    RUN(test_limits);
    return check_done();
}
