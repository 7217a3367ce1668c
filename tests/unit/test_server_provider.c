#include "base/status.h"
#include "server/config.h"
#include "server/provider.h"
#include "tests/check.h"

static char message[1024];

static struct config config_of(const char *api, const char *target)
{
    return (struct config){.stt_api = api,
                           .stt_target = target,
                           .stt_project = "",
                           .stt_location = "global",
                           .stt_recognizer = "_",
                           .stt_model = "",
                           .stt_endpointing = "standard"};
}

static int init(struct provider *provider, const struct config *config)
{
    memset(message, 0, sizeof message);
    FILE *err = fmemopen(message, sizeof message - 1, "w");
    int status = provider_init(provider, config, err);
    fclose(err);
    return status;
}

/* Refused with one line that holds `hint`. */
static void check_refused(const struct config *config, const char *hint)
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
    struct config config = config_of("google_v1", "127.0.0.1:50051");
    config.stt_model = "latest_long";
    config.stt_boost = 15;
    CHECK_EQ(init(&provider, &config), STATUS_OK);
    CHECK(provider.stt.wire == &stt_wire_google_v1);
    CHECK_STR(provider.target, "127.0.0.1:50051");
    CHECK_STR(provider.stt.model, "latest_long");
    CHECK(provider.stt.boost == 15);
    CHECK_STR(provider.request_params, "");
    /* The target says where; no request does. */
    config.stt_target = "eu-speech.googleapis.com:443";
    CHECK_EQ(init(&provider, &config), STATUS_OK);
    config.stt_target = "";
    CHECK_EQ(init(&provider, &config), STATUS_OK);
    CHECK_STR(provider.target, "speech.googleapis.com:443");
    config.stt_location = "europe-west4";
    check_refused(&config, "set location to one of: global, us, eu");
    config.stt_location = "global";
    config.stt_endpointing = "short";
    check_refused(&config, "use google_v2");
}

static void test_google_v2(void)
{
    struct provider provider;
    struct config config = config_of("google_v2", "");
    check_refused(&config, "needs a project");
    config.stt_project = "p";
    config.stt_location = "eu";
    config.stt_endpointing = "supershort";
    CHECK_EQ(init(&provider, &config), STATUS_OK);
    CHECK_STR(provider.target, "eu-speech.googleapis.com:443");
    CHECK_STR(provider.stt.recognizer, "projects/p/locations/eu/recognizers/_");
    CHECK_STR(provider.request_params,
              "recognizer=projects%2Fp%2Flocations%2Feu%2Frecognizers%2F_");
    CHECK_EQ(provider.stt.endpointing, STT_ENDPOINTING_SUPERSHORT);
    config.stt_target = "127.0.0.1:50051";
    CHECK_EQ(init(&provider, &config), STATUS_OK);
    CHECK_STR(provider.target, "127.0.0.1:50051");
    config.stt_target = "speech.googleapis.com:443";
    check_refused(&config, "does not serve location eu; leave target empty");
    config.stt_target = "";
    config.stt_project = "p/q";
    check_refused(&config, "must be names");
    config.stt_project = "p";
    config.stt_location = "eu/";
    check_refused(&config, "no host for location \"eu/\"");
}

static void test_riva(void)
{
    struct provider provider;
    struct config config = config_of("riva", "");
    check_refused(&config, "needs a target");
    config.stt_target = "10.0.0.7:50051";
    config.stt_endpointing = "short";
    CHECK_EQ(init(&provider, &config), STATUS_OK);
    CHECK_STR(provider.target, "10.0.0.7:50051");
    CHECK_EQ(provider.stt.endpointing, STT_ENDPOINTING_SHORT);
    CHECK_STR(provider.request_params, "");
}

static void test_words(void)
{
    struct config config = config_of("google", "127.0.0.1:50051");
    check_refused(&config, "google_v1, google_v2 or riva, not \"google\"");
    config = config_of("riva", "127.0.0.1:50051");
    config.stt_endpointing = "fast";
    check_refused(&config, "standard, short or supershort, not \"fast\"");
}

static void test_too_long(void)
{
    char name[2 * PROVIDER_RECOGNIZER_BYTES];
    memset(name, 'p', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    struct config config = config_of("google_v2", "127.0.0.1:50051");
    config.stt_project = name;
    check_refused(&config, "too long");
    config = config_of("google_v1", name);
    check_refused(&config, "too long");
    config = config_of("google_v2", "");
    config.stt_project = "p";
    config.stt_location = name;
    check_refused(&config, "too long");
}

int main(void)
{
    RUN(test_google_v1);
    RUN(test_google_v2);
    RUN(test_riva);
    RUN(test_words);
    RUN(test_too_long);
    return check_done();
}
