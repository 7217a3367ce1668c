/*
 * sotto-admin's commands. Each prints what it did, or on standard error why not, and gives the exit
 * code (server/admin_options.h).
 *
 * Threads: main.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct admin_options;
struct config;
struct store_file;

struct admin {
    const struct admin_options *options;
    const struct config *config;
    FILE *in, *out, *err;
    bool color;       /* `out` is a terminal that wants it */
    bool interactive; /* there is somebody to ask */
};

int admin_run(struct admin *admin);

/* The commands. Those of the store get it opened. */
int admin_list(struct admin *admin, struct store_file *file);
int admin_show(struct admin *admin, struct store_file *file);
int admin_export(struct admin *admin, struct store_file *file);
int admin_delete(struct admin *admin, struct store_file *file);
int admin_backup(struct admin *admin, struct store_file *file);
int admin_check(struct admin *admin, struct store_file *file);
int admin_token(struct admin *admin);
/* `path`: the store. */
int admin_letters(struct admin *admin, const char *path);

/* "sotto-admin: …" on standard error; gives `code`. */
int admin_fail(const struct admin *admin, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* There is no session of the id that was named. */
int admin_fail_session(const struct admin *admin);
/* What the store says of its last failure. */
int admin_fail_store(const struct admin *admin, int status);
/* Text of anybody's, on a terminal: no control characters, at most `columns` code points (0: all).
 * Returns how many were written. */
unsigned admin_print_text(FILE *out, const char *text, unsigned columns);
