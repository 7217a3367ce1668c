/*
 * What a session has brought, and the exit code that follows from it.
 *
 * Threads: one owner. Pure.
 */
#pragma once

#include "say/options.h"

struct event;

struct outcome {
    uint64_t captions;
    uint64_t translations[SAY_TARGETS_MAX];
    uint64_t edits;
    bool started, ended;
    bool refused; /* a fatal error came */
    bool broken;  /* something final is missing or came twice */
    char refusal[64];
    int64_t retry_after_ms;
};

void outcome_event(struct outcome *outcome, const struct options *options,
                   const struct event *event);
/* The code when the connection is over. */
enum say_exit outcome_exit(const struct outcome *outcome, const struct options *options);
