/* The bounds of loop, with units. */
#pragma once

#define LOOP_RING_ENTRIES                                                                          \
    1024 /* submission entries; completions twice that, overflow is counted                        \
          */
#define LOOP_EVENTS_TURN                                                                           \
    1024 /* completions reaped a turn; the rest stays with the kernel until the next */
#define LOOP_ACCEPTS_TURN                                                                          \
    64 /* connections taken from one listening socket a turn when it is polled */
#define LOOP_INBOX_BATCH  256  /* messages received a turn from one inbox */
#define LOOP_DEFER_ROUNDS 8    /* rounds of deferred tasks a turn; the rest runs in the next turn */
#define LOOP_TIMERS_TURN  1024 /* timers fired a turn */
#define LOOP_REASON_BYTES 160  /* text of why io_uring is not used */
