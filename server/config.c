#include "server/config.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "loop/loop.h"
#include "server/chats.h"
#include "server/config_internal.h"
#include "server/peers_address.h"
#include "server/provider.h"
#include "server/secret.h"
#include "server/token.h"
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct option config__options[CONFIG_OPTIONS] = {
#define X(section, key, field, kind, value, lowest, highest, help)                                 \
    {section, key, "[" section "] " key, offsetof(struct config, field), kind, value, lowest,      \
     highest, help},
    CONFIG_TABLE(X)
#undef X
};

#define CONFIG_BYTES_MAX 262144

/* A secret that begins so is read from the file that follows. */
static const char secret_file[] = "file:";

void config__name(const struct option *option, bool flag, char out[CONFIG_NAME_BYTES])
{
    bool bare = strcmp(option->section, "server") == 0 || strcmp(option->section, "bench") == 0;
    int len = snprintf(out, CONFIG_NAME_BYTES, "%s%s%s%s", flag ? "--" : "SOTTO_",
                       bare ? "" : option->section, bare ? "" : "_", option->key);
    for (int i = flag ? 2 : 0; i < len; i++) {
        if (out[i] == '_' || out[i] == '.')
            out[i] = flag ? '-' : '_';
        else if (!flag)
            out[i] = (char)toupper((unsigned char)out[i]);
    }
}

static bool parse_bool(const char *text, bool *out)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < 4; i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *out = strcasecmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

static bool parse_number(const char *text, uint64_t lowest, uint64_t highest, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || value < lowest ||
        value > highest)
        return false;
    *out = value;
    return true;
}

/* Keeps a secret outside of the arena, so that it can be zeroed. */
static int set_secret(struct config_set *set, size_t index, const char *text, const char *from)
{
    char why[SECRET_WHY_BYTES], *secret = NULL, *path = NULL;
    size_t len;
    if (strncmp(text, secret_file, sizeof secret_file - 1) != 0) {
        secret = mem_strdup(text);
    } else {
        path = arena_strdup(set->arena, text);
        int status = secret_read(text + sizeof secret_file - 1, true, &secret, &len, why);
        if (status != STATUS_OK) {
            fprintf(set->err, "sotto: %s: %s: %s\n", from, config__options[index].key, why);
            return status;
        }
    }
    if (secret == NULL)
        return STATUS_NOMEM;
    secret_free(set->values[index].secret);
    set->values[index].secret = secret;
    set->values[index].text = path != NULL ? path : secret;
    memcpy((char *)&set->config + config__options[index].offset, &secret, sizeof secret);
    return STATUS_OK;
}

/* Checks a value and keeps it; `from` is what an error names. */
static int set_value(struct config_set *set, size_t index, const char *text, const char *from)
{
    const struct option *option = &config__options[index];
    void *field = (char *)&set->config + option->offset;
    char *place = arena_strdup(set->arena, from);
    if (place == NULL)
        return STATUS_NOMEM;
    set->values[index].from = place;
    set->values[index].source = set->source;
    if (option->kind == SECRET)
        return set_secret(set, index, text, from);
    char *copy = arena_strdup(set->arena, text);
    if (copy == NULL)
        return STATUS_NOMEM;
    if (option->kind == BOOL && !parse_bool(text, field)) {
        fprintf(set->err, "sotto: %s: %s must be true or false, not \"%s\"\n", from, option->key,
                text);
        return STATUS_INVALID;
    }
    if (option->kind == NUMBER && !parse_number(text, option->lowest, option->highest, field)) {
        fprintf(set->err, "sotto: %s: %s must be a number from %llu to %llu, not \"%s\"\n", from,
                option->key, (unsigned long long)option->lowest,
                (unsigned long long)option->highest, text);
        return STATUS_INVALID;
    }
    if (option->kind == TEXT)
        memcpy(field, &copy, sizeof copy);
    set->values[index].text = copy;
    return STATUS_OK;
}

static int set_defaults(struct config_set *set)
{
    set->source = DEFAULTS;
    for (size_t i = 0; i < CONFIG_OPTIONS; i++) {
        int status = set_value(set, i, config__options[i].value, "default");
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static int on_ini(void *ctx, const char *section, const char *name, const char *value)
{
    struct config_set *set = ctx;
    char from[512];
    snprintf(from, sizeof from, "%s:%d", set->file, set->line);
    for (size_t i = 0; i < CONFIG_OPTIONS; i++)
        if (strcmp(config__options[i].section, section) == 0 &&
            strcmp(config__options[i].key, name) == 0)
            return set_value(set, i, value, from) == STATUS_OK;
    fprintf(set->err, "sotto: %s: there is no key \"%s\" in section [%s]; see sotto --help\n", from,
            name, section);
    return 0;
}

struct reader {
    FILE *file;
    struct config_set *set;
};

/* Counts lines, which inih's handler does not tell. */
static char *read_line(char *out, int bytes, void *ctx)
{
    struct reader *reader = ctx;
    reader->set->line++;
    return fgets(out, bytes, reader->file);
}

static int read_file(struct config_set *set, bool required)
{
    struct reader reader = {.file = fopen(set->file, "r"), .set = set};
    if (reader.file == NULL) {
        if (!required)
            return STATUS_OK;
        fprintf(set->err, "sotto: cannot read %s: %s\n", set->file, strerror(errno));
        return STATUS_INVALID;
    }
    set->line = 0;
    set->source = CONFIG_FILE;
    int line = ini_parse_stream(read_line, &reader, on_ini, set);
    fclose(reader.file);
    if (line == 0)
        return STATUS_OK;
    fprintf(set->err, "sotto: %s:%d: this line stops the start\n", set->file, line > 0 ? line : 0);
    return STATUS_INVALID;
}

/* A variable of ours that is no option is most likely a misspelt one. */
static void warn_unknown(struct config_set *set, const char *entry)
{
    size_t len = strcspn(entry, "=");
    for (size_t i = 0; i < CONFIG_OPTIONS; i++) {
        char name[CONFIG_NAME_BYTES];
        config__name(&config__options[i], false, name);
        if (strlen(name) == len && strncmp(entry, name, len) == 0)
            return;
    }
    fprintf(set->err, "sotto: warning: %.*s in the environment is no option; see sotto --help\n",
            (int)len, entry);
}

static int read_environment(struct config_set *set, char **environment)
{
    set->source = ENVIRONMENT;
    for (char **entry = environment; entry != NULL && *entry != NULL; entry++)
        if (strncmp(*entry, "SOTTO_", 6) == 0)
            warn_unknown(set, *entry);
    for (size_t i = 0; i < CONFIG_OPTIONS; i++) {
        char name[CONFIG_NAME_BYTES];
        config__name(&config__options[i], false, name);
        size_t len = strlen(name);
        for (char **entry = environment; entry != NULL && *entry != NULL; entry++) {
            if (strncmp(*entry, name, len) != 0 || (*entry)[len] != '=')
                continue;
            int status = set_value(set, i, *entry + len + 1, name);
            if (status != STATUS_OK)
                return status;
        }
    }
    return STATUS_OK;
}

static const struct {
    const char *flag;
    enum config_action action;
} actions[] = {
    {"--help", CONFIG_HELP},
    {"-h", CONFIG_HELP},
    {"--version", CONFIG_VERSION},
    {"--print-config", CONFIG_PRINT},
    {"--config-reference", CONFIG_REFERENCE},
};

static const char no_value[] = "";

/* The value of flag `name` at argv[*i]: "--name value", "--name=value"; a lone boolean flag is
 * true, any other without a value is `no_value`. NULL: another flag. */
static const char *flag_value(const struct option *option, int argc, char **argv, int *i)
{
    char name[CONFIG_NAME_BYTES];
    config__name(option, true, name);
    size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0)
        return NULL;
    if (argv[*i][len] == '=')
        return argv[*i] + len + 1;
    if (argv[*i][len] != '\0')
        return NULL;
    if (option->kind == BOOL && (*i + 1 == argc || argv[*i + 1][0] == '-'))
        return "true";
    /* Another flag in its place is a forgotten value. */
    if (*i + 1 == argc || strncmp(argv[*i + 1], "--", 2) == 0)
        return no_value;
    return argv[++*i];
}

static int read_flag(struct config_set *set, int argc, char **argv, int *i)
{
    for (size_t a = 0; a < sizeof actions / sizeof actions[0]; a++)
        if (strcmp(argv[*i], actions[a].flag) == 0) {
            set->action = actions[a].action;
            return STATUS_OK;
        }
    if (strncmp(argv[*i], "--config=", 9) == 0)
        return STATUS_OK; /* read before */
    if (strcmp(argv[*i], "--config") == 0 && *i + 1 < argc) {
        ++*i;
        return STATUS_OK;
    }
    if (strcmp(argv[*i], "--config") == 0) {
        fputs("sotto: --config needs a file\n", set->err);
        return STATUS_INVALID;
    }
    for (size_t o = 0; o < CONFIG_OPTIONS; o++) {
        char name[CONFIG_NAME_BYTES];
        config__name(&config__options[o], true, name);
        const char *value = flag_value(&config__options[o], argc, argv, i);
        if (value == no_value) {
            fprintf(set->err, "sotto: %s needs a value\n", name);
            return STATUS_INVALID;
        }
        if (value != NULL)
            return set_value(set, o, value, name);
    }
    fprintf(set->err, "sotto: unknown argument \"%s\"; see sotto --help\n", argv[*i]);
    return STATUS_INVALID;
}

static int read_flags(struct config_set *set, int argc, char **argv)
{
    set->source = FLAGS;
    for (int i = 1; i < argc; i++) {
        int status = read_flag(set, argc, argv, &i);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* The file of --config, NULL without. */
static const char *given_file(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--config=", 9) == 0)
            return argv[i] + 9;
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            return argv[i + 1];
    }
    return NULL;
}

static int find_file(struct config_set *set, const char *given)
{
    if (given != NULL) {
        set->file = arena_strdup(set->arena, given);
        set->file_given = true;
        return set->file != NULL ? read_file(set, true) : STATUS_NOMEM;
    }
    static const char *const places[] = {"sotto.ini", "/etc/sotto/sotto.ini"};
    for (size_t i = 0; i < 2; i++)
        if (access(places[i], R_OK) == 0) {
            set->file = places[i];
            return read_file(set, true);
        }
    return STATUS_OK;
}

/* `len` bytes of `text` name a part: its bit, else 0. */
static unsigned off_bit(const char *text, size_t len)
{
    static const struct {
        const char *name;
        unsigned bit;
    } parts[] = {
#define X(name, bit, text) {text, bit},
        CONFIG_OFF_MAP(X)
#undef X
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strlen(parts[i].name) == len && strncmp(parts[i].name, text, len) == 0)
            return parts[i].bit;
    return 0;
}

static int read_off(struct config_set *set)
{
    static const char space[] = ", ";
    const char *at = set->config.without + strspn(set->config.without, space);
    while (*at != '\0') {
        size_t len = strcspn(at, space);
        unsigned bit = off_bit(at, len);
        if (bit == 0) {
            fprintf(set->err,
                    "sotto: without takes workers, prewarm, fair-share, coalescing and uring, "
                    "not \"%.*s\"\n",
                    (int)len, at);
            return STATUS_INVALID;
        }
        set->config.off |= bit;
        at += len;
        at += strspn(at, space);
    }
    return STATUS_OK;
}

/* What the table's bounds cannot say. */
static int check(struct config_set *set)
{
    const struct config *config = &set->config;
    enum loop_backend backend;
    if (loop_backend_parse(config->loop, &backend) != STATUS_OK) {
        fprintf(set->err, "sotto: loop must be auto, uring or epoll, not \"%s\"\n", config->loop);
        return STATUS_INVALID;
    }
    if (strrchr(config->listen, ':') == NULL) {
        fprintf(set->err, "sotto: listen must be ADDRESS:PORT, not \"%s\"\n", config->listen);
        return STATUS_INVALID;
    }
    if (strlen(config->auth_audience) > TOKEN_NAME_MAX) {
        fprintf(set->err, "sotto: [auth] audience has %d bytes at most\n", TOKEN_NAME_MAX);
        return STATUS_INVALID;
    }
    if (strcmp(config->store_sync, "full") != 0 && strcmp(config->store_sync, "normal") != 0) {
        fprintf(set->err, "sotto: [store] sync must be full or normal, not \"%s\"\n",
                config->store_sync);
        return STATUS_INVALID;
    }
    struct peers_proxies proxies;
    if (peers_proxies_parse(&proxies, config->proxies) != STATUS_OK) {
        fprintf(
            set->err,
            "sotto: proxies must be up to 16 addresses like 127.0.0.1 or 10.0.0.0/8, not \"%s\"\n",
            config->proxies);
        return STATUS_INVALID;
    }
    if (config->stt_soft_ms >= config->stt_hard_ms) {
        fprintf(set->err, "sotto: [stt] soft_ms must be below hard_ms\n");
        return STATUS_INVALID;
    }
    struct providers providers;
    int status = providers_init(&providers, config, set->err);
    struct chats chats;
    if (status == STATUS_OK)
        status = chats_init(&chats, config, set->err);
    return status == STATUS_OK ? read_off(set) : status;
}

static struct config_set *set_create(FILE *err)
{
    struct config_set *set = mem_calloc(1, sizeof *set);
    if (set == NULL || (set->arena = arena_create(CONFIG_BYTES_MAX)) == NULL) {
        mem_free(set);
        return NULL;
    }
    set->err = err;
    return set;
}

/* Gives `set` when all went well so far and what was read makes sense. */
static int finish(struct config_set **out, struct config_set *set, int status)
{
    if (status == STATUS_OK)
        status = check(set);
    if (status != STATUS_OK) {
        config_free(set);
        return status;
    }
    *out = set;
    return STATUS_OK;
}

int config_load(struct config_set **out, int argc, char **argv, char **environment, FILE *err)
{
    struct config_set *set = set_create(err);
    if (set == NULL)
        return STATUS_NOMEM;
    int status = set_defaults(set);
    if (status == STATUS_OK)
        status = find_file(set, given_file(argc, argv));
    if (status == STATUS_OK)
        status = read_environment(set, environment);
    if (status == STATUS_OK)
        status = read_flags(set, argc, argv);
    return finish(out, set, status);
}

int config_reload(struct config_set **out, const struct config_set *old, FILE *err)
{
    struct config_set *set = set_create(err);
    if (set == NULL)
        return STATUS_NOMEM;
    int status = set_defaults(set);
    if (status == STATUS_OK)
        status = find_file(set, old->file_given ? old->file : NULL);
    for (size_t i = 0; i < CONFIG_OPTIONS && status == STATUS_OK; i++) {
        set->source = old->values[i].source;
        if (set->source == ENVIRONMENT || set->source == FLAGS)
            status = set_value(set, i, old->values[i].text, old->values[i].from);
    }
    return finish(out, set, status);
}

const char *config_changed(const struct config_set *old, const struct config_set *set, size_t *at)
{
    while (*at < CONFIG_OPTIONS) {
        size_t i = (*at)++;
        const char *before = old->values[i].secret, *after = set->values[i].secret;
        if (config__options[i].kind != SECRET) {
            before = old->values[i].text;
            after = set->values[i].text;
        }
        if (strcmp(before, after) != 0)
            return config__options[i].name;
    }
    return NULL;
}

/* Where the value of a flag stands in `argv`; NULL: it is no flag of this option. */
static char *flag_text(const struct option *option, char **argv)
{
    char name[CONFIG_NAME_BYTES];
    config__name(option, true, name);
    size_t len = strlen(name);
    if (strncmp(argv[0], name, len) != 0)
        return NULL;
    return argv[0][len] == '=' ? argv[0] + len + 1 : argv[0][len] == '\0' ? argv[1] : NULL;
}

void config_hide(char **argv, char **environment)
{
    for (size_t i = 0; i < CONFIG_OPTIONS; i++) {
        char name[CONFIG_NAME_BYTES], *text;
        if (config__options[i].kind != SECRET)
            continue;
        config__name(&config__options[i], false, name);
        size_t len = strlen(name);
        for (char **entry = environment; *entry != NULL; entry++)
            if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=')
                explicit_bzero(*entry + len + 1, strlen(*entry + len + 1));
        for (char **flag = argv; *flag != NULL; flag++)
            if ((text = flag_text(&config__options[i], flag)) != NULL)
                explicit_bzero(text, strlen(text));
    }
}

void config_free(struct config_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < CONFIG_OPTIONS; i++)
        secret_free(set->values[i].secret);
    arena_destroy(set->arena);
    mem_free(set);
}

const struct config *config_get(const struct config_set *set)
{
    return &set->config;
}

enum config_action config_action(const struct config_set *set)
{
    return set->action;
}
