/*
 * Runs a path of the program again and again, each time with another allocation failing, until it
 * gets by without that one:
 *
 *     for (struct oom oom = {.len = 1}; oom_next(&oom);) {
 *         … what may fail …
 *         bool failed = oom_end(&oom);
 *         … what must be so then; everything is given back …
 *     }
 *
 * What a run leaves behind is seen by the leak sanitizer. Only this thread's allocations fail.
 */
#pragma once

#include "base/mem.h"
#include "tests/check.h"
#include <stdbool.h>

#define OOM_RUNS_MAX 20000

struct oom {
    unsigned len; /* allocations that fail one after the other */
    unsigned nth; /* the first of them, in this run */
    bool running, failed;
};

/* Nothing fails from here on. True: something has. */
static inline bool oom_end(struct oom *oom)
{
    if (oom->running)
        oom->failed = mem_failed() > 0;
    oom->running = false;
    mem_fail_nth(0);
    return oom->failed;
}

/* False: the run that has just ended was not touched any more. */
static inline bool oom_next(struct oom *oom)
{
    bool clean = oom->nth > 0 && !oom_end(oom);
    CHECK(oom->nth < OOM_RUNS_MAX);
    if (clean || oom->nth >= OOM_RUNS_MAX)
        return false;
    oom->running = true;
    mem_fail_from(++oom->nth, oom->len);
    return true;
}
