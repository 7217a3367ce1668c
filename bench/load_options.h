/*
 * The command line of `sotto-bench run`.
 *
 * Threads: any, one at a time. Memory: what is parsed borrows from argv.
 */
#pragma once

#include "bench/load.h"
#include <stdbool.h>
#include <stdio.h>

#define LOAD_TARGETS_MAX 8

struct load_options {
    struct load_config config;
    const char *targets[LOAD_TARGETS_MAX + 1];
    char targets_text[256];
    int server_pid, sim_pid;        /* 0: unknown */
    int server_cpu, bench_cpu;      /* -1: not pinned */
    const char *json;               /* NULL: none; "-": standard output */
    const char *transcripts;        /* NULL: none */
    const char *token_file;         /* NULL: none */
    const char *teacher_token_file; /* NULL: none */
    const char *label;
    bool help;
};

void load_options_help(FILE *out);
/* STATUS_INVALID with one line in `error` that says what to do. `out` points into itself and must
 * stay where it is. */
int load_options_parse(struct load_options *out, int argc, char **argv, char error[256]);
