/*
 * The most that happened in any minute, to a tenth of a second.
 *
 * Threads: one owner. Time is passed in.
 */
#pragma once

#include <stdint.h>

#define SIM_MINUTE_SLOTS 600

struct sim_minute {
    uint32_t slots[SIM_MINUTE_SLOTS]; /* by tenth of a second, the last minute's */
    int64_t tenth;                    /* the newest */
    uint64_t last, peak;              /* in the minute up to now; the most so far */
};

/* Zero-initialised before its first use; once for each that happens. */
void sim_minute_add(struct sim_minute *minute, int64_t now_us);
