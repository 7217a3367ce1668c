/*
 * The capacity answer for people and for programs.
 *
 * Threads: any, one at a time. Memory: nothing is kept.
 */
#pragma once

#include "bench/capacity_source.h"
#include <stdbool.h>
#include <stdio.h>

struct capacity_report {
    const struct capacity_source *source;
    const struct capacity_input *input;
    const struct capacity_answer *answer;
    const struct capacity_end *end;
    double sessions; /* that end together */
};

void capacity_print(const struct capacity_report *report, FILE *out, bool colour);
/* One object; what has no bound is null. STATUS_NOMEM, STATUS_IO. */
int capacity_print_json(const struct capacity_report *report, FILE *out);
