/* The bounds of loop, with units. */
#pragma once

#define LOOP_RING_ENTRIES 1024 /* submission entries; completions twice that, overflow is counted */
#define LOOP_INBOX_BATCH  256  /* messages received a turn from one inbox */
#define LOOP_DEFER_ROUNDS 8    /* rounds of deferred tasks a turn; the rest runs in the next turn */
#define LOOP_TIMERS_TURN  1024 /* timers fired a turn */
