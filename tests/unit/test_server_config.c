#include "base/status.h"
#include "server/config.h"
#include "tests/check.h"
#include <unistd.h>

static char message[4096];

/* Loads with the given file text (NULL: none), environment and flags; the error text is left in
 * `message`. */
static int load(struct config_set **set, const char *file, char **environment, char **flags)
{
    char path[] = "/tmp/sotto-config-XXXXXX";
    char *argv[16] = {"sotto"};
    int argc = 1;
    if (file != NULL) {
        int fd = mkstemp(path);
        CHECK(write(fd, file, strlen(file)) == (ssize_t)strlen(file));
        close(fd);
        argv[argc++] = "--config";
        argv[argc++] = path;
    }
    for (; flags != NULL && *flags != NULL; flags++)
        argv[argc++] = *flags;
    memset(message, 0, sizeof message);
    FILE *err = fmemopen(message, sizeof message - 1, "w");
    int status = config_load(set, argc, argv, environment, err);
    fclose(err);
    if (file != NULL)
        unlink(path);
    return status;
}

static void test_defaults(void)
{
    struct config_set *set;
    CHECK_EQ(load(&set, NULL, NULL, NULL), STATUS_OK);
    CHECK_STR(config_get(set)->listen, "127.0.0.1:8080");
    CHECK_EQ(config_get(set)->fronts, 1);
    CHECK(config_get(set)->stt_punctuation);
    CHECK_EQ(config_action(set), CONFIG_SERVE);
    config_free(set);
}

static void test_priority(void)
{
    struct config_set *set;
    const char *file = "[server]\nfronts = 2\nworkers = 3\n[stt]\nblock_ms = 40\n";
    char *environment[] = {"SOTTO_WORKERS=4", "SOTTO_STT_BLOCK_MS=60", "OTHER=1", NULL};
    char *flags[] = {"--stt-block-ms", "80", "--stt-plaintext", "--log=warn", NULL};
    CHECK_EQ(load(&set, file, environment, flags), STATUS_OK);
    CHECK_EQ(config_get(set)->fronts, 2);
    CHECK_EQ(config_get(set)->workers, 4);
    CHECK_EQ(config_get(set)->stt_block_ms, 80);
    CHECK(config_get(set)->stt[0].plaintext);
    CHECK_STR(config_get(set)->log, "warn");
    char text[16384] = {0};
    FILE *out = fmemopen(text, sizeof text - 1, "w");
    config_print(set, out);
    fclose(out);
    CHECK(strstr(text, "workers = 4 ; SOTTO_WORKERS") != NULL);
    CHECK(strstr(text, "block_ms = 80 ; --stt-block-ms") != NULL);
    CHECK(strstr(text, "fronts = 2 ; /tmp/sotto-config-") != NULL);
    CHECK(strstr(text, ":2\n") != NULL);
    config_free(set);
}

static void test_secrets_are_masked(void)
{
    struct config_set *set;
    char *environment[] = {"SOTTO_CHAT_KEY=sk-very-secret", NULL};
    CHECK_EQ(load(&set, NULL, environment, NULL), STATUS_OK);
    CHECK_STR(config_get(set)->chat_key, "sk-very-secret");
    char text[16384] = {0};
    FILE *out = fmemopen(text, sizeof text - 1, "w");
    config_print(set, out);
    fclose(out);
    CHECK(strstr(text, "very-secret") == NULL);
    CHECK(strstr(text, "key = (set) ; SOTTO_CHAT_KEY") != NULL);
    config_free(set);
}

static void expect_error(const char *file, char *flag, char *value, const char *says)
{
    struct config_set *set = NULL;
    char *flags[] = {flag, value, NULL};
    CHECK_EQ(load(&set, file, NULL, flag != NULL ? flags : NULL), STATUS_INVALID);
    CHECK(strstr(message, says) != NULL);
    if (strstr(message, says) == NULL)
        fprintf(stderr, "said: %s", message);
}

/* Named like the server's own: no section in the flag. */
static void test_without(void)
{
    struct config_set *set;
    char *flags[] = {"--without", " workers, uring,", NULL};
    CHECK_EQ(load(&set, "[bench]\nwithout = prewarm\n", NULL, flags), STATUS_OK);
    CHECK_EQ(config_get(set)->off, CONFIG_OFF_WORKERS | CONFIG_OFF_URING);
    config_free(set);
    char *environment[] = {"SOTTO_WITHOUT=fair-share,coalescing,prewarm", NULL};
    CHECK_EQ(load(&set, NULL, environment, NULL), STATUS_OK);
    CHECK_EQ(config_get(set)->off,
             CONFIG_OFF_FAIR_SHARE | CONFIG_OFF_COALESCING | CONFIG_OFF_PREWARM);
    config_free(set);
    expect_error(NULL, "--without", "workers,fair", "not \"fair\"");
}

static void test_errors_name_the_place(void)
{
    expect_error("[server]\nfronts = 1\nlisen = x\n", NULL, NULL, ":3: there is no key \"lisen\"");
    expect_error("[server]\n\nfronts = many\n", NULL, NULL,
                 ":3: fronts must be a number from 1 to 64");
    expect_error("[stt]\nplaintext = maybe\n", NULL, NULL, ":2: plaintext must be true or false");
    expect_error("[server]\nwhat is this\n", NULL, NULL, ":2:");
    expect_error(NULL, "--fronts", "65", "--fronts: fronts must be a number");
    expect_error(NULL, "--fronts", "-1", "--fronts: fronts must be a number");
    expect_error(NULL, "--loop", "kqueue", "loop must be auto, uring or epoll");
    expect_error(NULL, "--nonsense", "1", "unknown argument \"--nonsense\"");
    expect_error(NULL, "--config", "/nonexistent/x.ini", "cannot read /nonexistent/x.ini");
    expect_error("[stt]\nsoft_ms = 290000\nhard_ms = 3000\n", NULL, NULL,
                 "soft_ms must be below hard_ms");
}

static void test_forgotten_values(void)
{
    struct config_set *set;
    char *none[] = {"--stt-model", NULL};
    CHECK_EQ(load(&set, NULL, NULL, none), STATUS_INVALID);
    CHECK(strstr(message, "--stt-model needs a value") != NULL);
    char *flag[] = {"--stt-model", "--stt-plaintext", NULL};
    CHECK_EQ(load(&set, NULL, NULL, flag), STATUS_INVALID);
    CHECK(strstr(message, "--stt-model needs a value") != NULL);
    char *file[] = {"--config", NULL};
    CHECK_EQ(load(&set, NULL, NULL, file), STATUS_INVALID);
    CHECK(strstr(message, "--config needs a file") != NULL);
    /* An empty value that is meant is one. */
    char *empty[] = {"--stt-model=", NULL};
    CHECK_EQ(load(&set, NULL, NULL, empty), STATUS_OK);
    CHECK_STR(config_get(set)->stt[0].model, "");
    config_free(set);
}

static void test_unknown_variables(void)
{
    struct config_set *set;
    char *environment[] = {"SOTTO_FRONTZ=3", "SOTTO_FRONTS=2", "SOTTOX=1", "OTHER=1", NULL};
    CHECK_EQ(load(&set, NULL, environment, NULL), STATUS_OK);
    CHECK(strstr(message, "warning: SOTTO_FRONTZ ") != NULL);
    CHECK(strstr(message, "SOTTO_FRONTS") == NULL);
    CHECK(strstr(message, "SOTTOX") == NULL);
    CHECK_EQ(config_get(set)->fronts, 2);
    config_free(set);
}

static void test_reference_names_everything(void)
{
    char text[32768] = {0};
    FILE *out = fmemopen(text, sizeof text - 1, "w");
    config_reference(out);
    fclose(out);
    CHECK(strstr(text, "| stt | `block_ms` | `100` | `--stt-block-ms` | `SOTTO_STT_BLOCK_MS` |") !=
          NULL);
    CHECK(strstr(text, "`SOTTO_LISTEN`") != NULL);
}

int main(void)
{
    RUN(test_defaults);
    RUN(test_priority);
    RUN(test_secrets_are_masked);
    RUN(test_without);
    RUN(test_errors_name_the_place);
    RUN(test_forgotten_values);
    RUN(test_unknown_variables);
    RUN(test_reference_names_everything);
    return check_done();
}
