/* What config.c and config_text.c share: the options and what was read of them. */
#pragma once

#include "server/config.h"
#include "server/config_table.h"

struct arena;

#define CONFIG_NAME_BYTES 80

enum kind { TEXT, SECRET, BOOL, NUMBER };

struct option {
    const char *section, *key, *name; /* name: "[section] key" */
    size_t offset;
    enum kind kind;
    const char *value;
    uint64_t lowest, highest;
    const char *help;
};

enum {
    CONFIG_OPTIONS = 0
#define X(...) +1
    CONFIG_TABLE(X)
#undef X
};
extern const struct option config__options[CONFIG_OPTIONS];

enum source { DEFAULTS, CONFIG_FILE, ENVIRONMENT, FLAGS };

struct config_set {
    struct config config;
    enum config_action action;
    struct arena *arena;
    const char *file; /* what was read, or NULL */
    bool file_given;  /* by --config */
    struct {
        const char *text; /* as it was written; of a secret that is no file: `secret` */
        const char *from; /* "default", "FILE:12", "SOTTO_LISTEN", "--listen" */
        char *secret;     /* of SECRET options, owned: zeroed at the end */
        enum source source;
    } values[CONFIG_OPTIONS];
    enum source source; /* being read */
    FILE *err;
    int line; /* of the file being read */
};

/* "--stt-block-ms" and "SOTTO_STT_BLOCK_MS", "--stt-2-api" and "SOTTO_STT_2_API"; the sections
 * server and bench are left out. */
void config__name(const struct option *option, bool flag, char out[CONFIG_NAME_BYTES]);
