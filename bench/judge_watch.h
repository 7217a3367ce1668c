/*
 * What teachers saw of the sessions (sotto.monitor.v1), judged against what the learners' own
 * sockets were shown: how much later a teacher sees it, whether anything never came, whether finals
 * have holes, whether anything of another class came.
 *
 * Threads: the judge's. Memory: a judge owns its watchers.
 */
#pragma once

#include "base/hist.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JUDGE_WATCH_ID_BYTES  33 /* a session's public id */
#define JUDGE_WATCH_NAMED_MAX 8  /* sessions named in one `watch`, docs/protocol.md */
#define JUDGE_WATCH_ALL       (-1)

struct judge;
struct judge_watcher;

/* Of all teachers; "slow" ones, which read slowly on purpose, only where it says so. */
struct judge_watch_sum {
    unsigned teachers, slow; /* slow included; slow ones */
    unsigned seeing;         /* of the others, had a snapshot */
    /* In the window. */
    uint64_t deltas, delta_bytes, changes, slow_deltas;
    unsigned second_max; /* deltas that came to one teacher within a second */
    struct hist stale;   /* µs: a text shown to its learner until a teacher sees it or a newer one;
                            0 where the teacher was first. Each text counts for each teacher, so
                            texts that were passed over count with the next one. */
    /* In the whole run. */
    uint64_t snapshots, snapshot_bytes_max;
    uint64_t unseen;    /* texts that a teacher did not see within a second before the end */
    uint64_t unmatched; /* texts that a teacher saw and the learner did not */
    uint64_t missing;   /* sessions that lived for seconds and were not in a snapshot */
    uint64_t foreign;   /* what came of another class */
    uint64_t finals;    /* of the sessions named, slow teachers' too */
    uint64_t finals_missing, finals_repeated; /* by `seq` and against the learner; slow ones' too */
    uint64_t closed, slow_closed;             /* by the server, or for a mistake of its */
    uint64_t errors;
    char first_error[200];
};

/* `class_number` (load_name_class()): all it may see, or JUDGE_WATCH_ALL. NULL: no memory. The
 * judge was created with `watched`. */
struct judge_watcher *judge_watcher_open(struct judge *judge, int class_number, bool slow);
/* A text message of the server. */
enum judge_watch_heard { JUDGE_WATCH_OTHER, JUDGE_WATCH_SNAPSHOT, JUDGE_WATCH_DELTA };
enum judge_watch_heard judge_watcher_heard(struct judge_watcher *watcher, const char *text,
                                           size_t len, int64_t now_us);
/* At most `count` (JUDGE_WATCH_NAMED_MAX) sessions of those it sees now, other ones for each
 * watcher, to be named in its next `watch`: from then on it is owed all their durable messages.
 * Returns how many. */
unsigned judge_watcher_name(struct judge_watcher *watcher, unsigned count,
                            char ids[][JUDGE_WATCH_ID_BYTES]);
/* Its socket is gone; `expected`: not the server's doing. It may come back, and begins anew. */
void judge_watcher_closed(struct judge_watcher *watcher, bool expected, int64_t now_us);
