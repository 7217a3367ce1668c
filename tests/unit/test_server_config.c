#include "base/status.h"
#include "server/config.h"
#include "tests/check.h"
#include <sys/stat.h>
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

/* Writes a file that lives on; `path` ends in XXXXXX. */
static void write_file(char *path, const char *text, int mode)
{
    int fd = mkstemp(path);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK_EQ(fchmod(fd, (mode_t)mode), 0);
    close(fd);
}

static void test_secrets_from_files(void)
{
    struct config_set *set = NULL;
    char path[] = "/tmp/sotto-secret-XXXXXX", entry[64];
    write_file(path, "sk-from-a-file\n", 0600);
    snprintf(entry, sizeof entry, "SOTTO_CHAT_KEY=file:%s", path);
    char *environment[] = {entry, NULL};
    CHECK_EQ(load(&set, NULL, environment, NULL), STATUS_OK);
    CHECK_STR(config_get(set)->chat_key, "sk-from-a-file");
    char text[16384] = {0};
    FILE *out = fmemopen(text, sizeof text - 1, "w");
    config_print(set, out);
    fclose(out);
    CHECK(strstr(text, "from-a-file") == NULL);
    CHECK(strstr(text, "key = file:/tmp/sotto-secret-") != NULL);
    config_free(set);
    CHECK_EQ(chmod(path, 0644), 0);
    CHECK_EQ(load(&set, NULL, environment, NULL), STATUS_INVALID);
    CHECK(strstr(message, "SOTTO_CHAT_KEY: key: /tmp/") != NULL);
    CHECK(strstr(message, "chmod o-r") != NULL);
    unlink(path);
    CHECK_EQ(load(&set, NULL, environment, NULL), STATUS_IO);
    CHECK(strstr(message, "No such file") != NULL);
    /* Of what is no secret it is only text. */
    char *flags[] = {"--stt-model", "file:x", NULL};
    CHECK_EQ(load(&set, NULL, NULL, flags), STATUS_OK);
    CHECK_STR(config_get(set)->stt[0].model, "file:x");
    config_free(set);
}

/* What ps and /proc would show is gone; what was read stays. */
static void test_secrets_are_hidden(void)
{
    struct config_set *set;
    char variable[] = "SOTTO_CHAT_KEY=one", other[] = "SOTTO_FRONTS=2", key[] = "--stt-api-key",
         value[] = "two", joined[] = "--grammar-key=three", log[] = "--log=warn";
    char *environment[] = {variable, other, NULL}, *flags[] = {key, value, joined, log, NULL};
    CHECK_EQ(load(&set, NULL, environment, flags), STATUS_OK);
    config_hide(flags, environment);
    CHECK_STR(variable, "SOTTO_CHAT_KEY=");
    CHECK_STR(other, "SOTTO_FRONTS=2");
    CHECK_STR(key, "--stt-api-key");
    CHECK_STR(value, "");
    CHECK_STR(joined, "--grammar-key=");
    CHECK_STR(log, "--log=warn");
    CHECK_STR(config_get(set)->chat_key, "one");
    CHECK_STR(config_get(set)->stt[0].api_key, "two");
    CHECK_STR(config_get(set)->grammar_key, "three");
    config_free(set);
}

static int reload(struct config_set **set, const struct config_set *old)
{
    memset(message, 0, sizeof message);
    FILE *err = fmemopen(message, sizeof message - 1, "w");
    int status = config_reload(set, old, err);
    fclose(err);
    return status;
}

static void rewrite(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void test_reload(void)
{
    struct config_set *old, *set = NULL, *third;
    char path[] = "/tmp/sotto-config-XXXXXX";
    write_file(path, "[server]\nfronts = 2\nlog = info\n[chat]\nkey = one\n", 0600);
    char *argv[] = {"sotto", "--config", path, "--workers", "5", NULL};
    char *environment[] = {"SOTTO_STT_API_KEY=two", NULL};
    CHECK_EQ(config_load(&old, 5, argv, environment, stderr), STATUS_OK);
    size_t at = 0;
    CHECK_EQ(reload(&set, old), STATUS_OK);
    CHECK(config_changed(old, set, &at) == NULL);
    config_free(set);
    rewrite(path, "[server]\nworkers = 1\nlog = debug\n[chat]\nkey = other\n");
    CHECK_EQ(reload(&set, old), STATUS_OK);
    at = 0;
    CHECK_STR(config_changed(old, set, &at), "[server] fronts");
    CHECK_STR(config_changed(old, set, &at), "[server] log");
    CHECK_STR(config_changed(old, set, &at), "[chat] key");
    CHECK(config_changed(old, set, &at) == NULL);
    CHECK_EQ(config_get(set)->fronts, 1);
    CHECK_EQ(config_get(set)->workers, 5); /* a flag is above the file */
    CHECK_STR(config_get(set)->stt[0].api_key, "two");
    /* A mistake leaves nothing but its reason. */
    rewrite(path, "[server]\nlisten = nowhere\n");
    CHECK_EQ(reload(&third, set), STATUS_INVALID);
    CHECK(strstr(message, "listen must be") != NULL);
    unlink(path);
    CHECK_EQ(reload(&third, set), STATUS_INVALID);
    CHECK(strstr(message, "cannot read") != NULL);
    config_free(set);
    config_free(old);
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
    expect_error(NULL, "--store-sync", "off", "[store] sync must be full or normal");
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
    RUN(test_secrets_from_files);
    RUN(test_secrets_are_hidden);
    RUN(test_reload);
    RUN(test_without);
    RUN(test_errors_name_the_place);
    RUN(test_forgotten_values);
    RUN(test_unknown_variables);
    RUN(test_reference_names_everything);
    return check_done();
}
