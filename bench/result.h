/*
 * A run's result: one JSON object, and lines for people.
 *
 * Threads: any, one at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct judge_sum;
struct load_config;
struct load_sum;
struct probe_sum;

struct result {
    const char *label;
    const struct load_config *config;
    const struct load_sum *load;
    const struct judge_sum *judge;
    const struct probe_sum *probe;
};

/*
 * A run is void when the generator was not able to measure; fixed beforehand (docs/benchmark.md):
 * the core of bench and simulator more than 85 % busy; more than 2 % of either core stolen; frames
 * sent more than 10 ms late at p99; own lag more than 5 ms at p99. Returns the reason, or NULL.
 */
const char *result_void(const struct result *result, char *text, unsigned size);
/* Keys in snake case, times in ms; "void": null or the reason. STATUS_IO. */
int result_write_json(const struct result *result, FILE *out);
/* Several lines; colours when `colour`. */
void result_print(const struct result *result, FILE *out, bool colour);
