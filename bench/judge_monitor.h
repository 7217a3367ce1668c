/*
 * A message of the monitor (sotto.monitor.v1), of which only what the judge looks at is read.
 *
 * Threads: pure. Memory: a structure keeps its lists for the next message; texts point into the
 * message, or into the scratch where they had escapes.
 */
#pragma once

#include "bench/judge_scan.h"

#define JUDGE_MONITOR_LIST_MAX 1000000 /* entries of one message */

enum judge_monitor_type {
    JUDGE_MONITOR_OTHER,
    JUDGE_MONITOR_SNAPSHOT,
    JUDGE_MONITOR_DELTA,
    JUDGE_MONITOR_ERROR
};

/* Whoever reads a message may note here which session each entry is of. */
#define JUDGE_NOWHERE UINT32_MAX

/* A session's state, or what has changed of it. */
struct judge_glance {
    struct judge_text session, class_name; /* class: empty when not told */
    uint32_t place;
    uint32_t segment; /* 0: not told */
    bool has_text;
    uint64_t text; /* judge_monitor_hash() of it */
};

/* A durable message of a session. */
struct judge_durable {
    struct judge_text session;
    uint32_t place;
    uint64_t seq;
};

/* A session that has ended. */
struct judge_gone {
    struct judge_text session;
    uint32_t place;
};

struct judge_monitor {
    enum judge_monitor_type type;
    struct judge_glance *glances;
    struct judge_durable *finals;
    struct judge_gone *gone;
    uint32_t glances_len, glances_cap, finals_len, finals_cap, gone_len, gone_cap;
    struct judge_text code, message; /* of an error */
};

void judge_monitor_deinit(struct judge_monitor *monitor);
/* `scratch` holds at least `len` bytes. STATUS_INVALID: not a JSON object, or what should be a list
 * of the protocol is none; STATUS_LIMIT, STATUS_NOMEM. What is told is undefined then. */
int judge_monitor_parse(struct judge_monitor *monitor, const char *text, size_t len, char *scratch);

/* Of a text and one behind it; the beginning is JUDGE_MONITOR_HASH. */
#define JUDGE_MONITOR_HASH 0xcbf29ce484222325u
uint64_t judge_monitor_hash(uint64_t before, struct judge_text text);
