#include "bench/sim_config.h"

#include "base/mem.h"
#include "base/status.h"
#include <errno.h>
#include <ini.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, NUMBER, REAL, BOOL };

struct option {
    const char *section, *key;
    size_t offset;
    enum kind kind;
    const char *value;
};

static const struct option options[] = {
#define X(section, key, field, kind, value, help)                                                  \
    {section, key, offsetof(struct sim_config, field), kind, value},
    SIM_CONFIG_TABLE(X)
#undef X
};
#define OPTIONS (sizeof options / sizeof options[0])

static int set_text(char **field, const char *value)
{
    char *copy = mem_strdup(value);
    if (copy == NULL)
        return STATUS_NOMEM;
    mem_free(*field);
    *field = copy;
    return 0;
}

/* Nothing here can be negative, and a port ends at 65535. */
static const char *set_number(int64_t *field, const struct option *option, const char *value)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || number < 0)
        return "a whole number, 0 or more";
    if (strcmp(option->key, "port") == 0 && number > UINT16_MAX)
        return "a port, 0 to 65535";
    *field = number;
    return NULL;
}

/* What is real is a share. */
static const char *set_real(double *field, const char *value)
{
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end != '\0' || !isfinite(number) || number < 0 || number > 1)
        return "a number from 0 to 1";
    *field = number;
    return NULL;
}

static const char *set_bool(bool *field, const char *value)
{
    bool yes = strcmp(value, "true") == 0;
    if (!yes && strcmp(value, "false") != 0)
        return "true or false";
    *field = yes;
    return NULL;
}

static int set_option(struct sim_config *config, const struct option *option, const char *value,
                      const char **wanted)
{
    void *field = (char *)config + option->offset;
    switch (option->kind) {
    case TEXT: return set_text(field, value);
    case NUMBER: *wanted = set_number(field, option, value); break;
    case REAL: *wanted = set_real(field, value); break;
    case BOOL: *wanted = set_bool(field, value); break;
    }
    return *wanted == NULL ? 0 : STATUS_INVALID;
}

void sim_config_init(struct sim_config *config)
{
    *config = (struct sim_config){0};
    for (size_t i = 0; i < OPTIONS; i++) {
        const char *wanted = NULL;
        int status = set_option(config, &options[i], options[i].value, &wanted);
        if (status != 0)
            abort(); /* a default that is not valid, or no memory at start */
    }
}

void sim_config_deinit(struct sim_config *config)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (options[i].kind == TEXT)
            mem_free(*(char **)((char *)config + options[i].offset));
    *config = (struct sim_config){0};
}

int sim_config_set(struct sim_config *config, const char *section, const char *key,
                   const char *value, char *error, unsigned size)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct option *option = &options[i];
        if (strcmp(option->section, section) != 0 || strcmp(option->key, key) != 0)
            continue;
        const char *wanted = NULL;
        int status = set_option(config, option, value, &wanted);
        if (wanted != NULL)
            snprintf(error, size, "[%s] %s must be %s, not \"%s\"", section, key, wanted, value);
        else if (status != 0)
            snprintf(error, size, "%s", status_text(status));
        return status;
    }
    snprintf(error, size, "there is no key \"%s\" in section [%s]; see --help", key, section);
    return STATUS_INVALID;
}

struct reader {
    struct sim_config *config;
    FILE *file;
    int line;
    char sentence[256];
};

/* Counts lines, which inih's handler does not tell. */
static char *read_line(char *out, int bytes, void *ctx)
{
    struct reader *reader = ctx;
    reader->line++;
    return fgets(out, bytes, reader->file);
}

static int on_value(void *ctx, const char *section, const char *key, const char *value)
{
    struct reader *reader = ctx;
    if (reader->sentence[0] != '\0')
        return 0; /* the first mistake is the one to tell */
    char sentence[sizeof reader->sentence - 16];
    if (sim_config_set(reader->config, section, key, value, sentence, sizeof sentence) == 0)
        return 1;
    snprintf(reader->sentence, sizeof reader->sentence, "%d: %s", reader->line, sentence);
    return 0;
}

int sim_config_file(struct sim_config *config, const char *path, char *error, unsigned size)
{
    struct reader reader = {.config = config, .file = fopen(path, "r")};
    if (reader.file == NULL) {
        snprintf(error, size, "%s: %s", path, strerror(errno));
        return STATUS_NOT_FOUND;
    }
    int line = ini_parse_stream(read_line, &reader, on_value, &reader);
    fclose(reader.file);
    if (line == 0)
        return 0;
    if (reader.sentence[0] != '\0')
        snprintf(error, size, "%s:%s", path, reader.sentence);
    else
        snprintf(error, size, "%s:%d: neither [section] nor key = value", path, line);
    return STATUS_INVALID;
}
