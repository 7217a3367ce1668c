/*
 * The command line of sotto-admin.
 *
 * Threads: main. Memory: texts are argv's.
 */
#pragma once

#include "server/token.h"
#include "server/transcript.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define ADMIN_ERROR_BYTES 256

enum admin_command {
    ADMIN_HELP,
    ADMIN_VERSION,
    ADMIN_LIST,
    ADMIN_SHOW,
    ADMIN_EXPORT,
    ADMIN_DELETE,
    ADMIN_BACKUP,
    ADMIN_CHECK,
    ADMIN_TOKEN,
    ADMIN_LETTERS,
};

/* Exit codes. */
enum {
    ADMIN_EXIT_OK,
    ADMIN_EXIT_USAGE,
    ADMIN_EXIT_FAILED,
    ADMIN_EXIT_NOT_FOUND,
    ADMIN_EXIT_DAMAGED,
    ADMIN_EXIT_DECLINED
};

struct admin_options {
    enum admin_command command;
    const char *config, *store, *keys; /* NULL: not named */
    const char *argument;              /* a session's or letter's id, the file of a backup; NULL */
    const char *class_name, *subject;  /* "" when not named */
    const char *output;                /* NULL: standard output */
    enum transcript_format format;
    struct transcript_langs langs;
    uint32_t limit;       /* of a list; 0: all */
    int64_t older_than_s; /* 0: not asked */
    bool json, yes, dry_run, no_color;
    bool send, remove; /* letters */

    enum token_role role;
    const char *classes[TOKEN_CLASSES_MAX];
    size_t classes_len;
    const char *kid; /* NULL: the first that can sign */
    int64_t ttl_s;
};

/* STATUS_INVALID: `error` says what is wrong and what to write. */
int admin_options_parse(struct admin_options *options, int argc, char **argv,
                        char error[ADMIN_ERROR_BYTES]);
void admin_options_help(FILE *out);
/* "90s", "15m", "12h", "30d", "2w" as seconds, at least 1. STATUS_INVALID. */
int admin_span_parse(const char *text, int64_t *out_s);
