/*
 * What a learner was shown last, text by text, and when: what a teacher sees of the session later
 * is found among it.
 *
 * Threads: one owner. Memory: a ring owns its texts, which are hashes.
 */
#pragma once

#include <stdint.h>

#define JUDGE_TOLD_MAX 32 /* about eight seconds of a session that speaks; a power of two */

struct judge_told {
    uint64_t text; /* judge_monitor_hash() */
    int64_t at_us;
    uint32_t segment;
};

struct judge_told_ring {
    struct judge_told *texts;
    uint32_t len; /* ever; the newest has this number */
};

void judge_told_deinit(struct judge_told_ring *ring);
/* Unless it is the newest already. STATUS_NOMEM: it is not remembered. */
int judge_told_add(struct judge_told_ring *ring, const struct judge_told *told);
/* Number of the newest such text, 1 …; 0: it is not known, or not any more. */
uint32_t judge_told_find(const struct judge_told_ring *ring, uint32_t segment, uint64_t text);
/* NULL: it is not known any more. */
const struct judge_told *judge_told_at(const struct judge_told_ring *ring, uint32_t number);
