/* The bounds of pool, with units. */
#pragma once

#define CHAT_REQUEST_STRING_MAX (64 * 1024)   /* bytes of one text in a request */
#define CHAT_ANSWER_MAX         (32 * 1024)   /* bytes of an answer's content */
#define CHAT_BODY_MAX           (1024 * 1024) /* bytes of an answer's body, its framing included */
#define CHAT_ERROR_BODY_MAX     (16 * 1024)   /* bytes of an error's body that are read */
#define SSE_LINE_MAX            (64 * 1024)   /* bytes of one line of an event stream */
#define SSE_EVENT_MAX           (64 * 1024)   /* bytes of one event's data */
#define SSE_NAME_MAX            32            /* bytes kept of an event's name */

#define SCHEDULER_QUANTUM         256   /* tokens of an ordinary request, where only tokens count */
#define SCHEDULER_WEIGHT_MAX      64    /* weights beyond count as this */
#define SCHEDULER_SHARE_MAX       64000 /* thousandths of an ordinary request that one may cost */
#define SCHEDULER_DEBT_KEEP_US    300000000 /* how long an idle session's overdraft is remembered */
#define SCHEDULER_DEBTORS_MAX     1024      /* idle sessions remembered */
#define SCHEDULER_PARTIAL_WAIT_US 1500000   /* a partial waits so long, then its lane asks anew */
#define SCHEDULER_SHED_US         500000 /* who waited less did not go unsent for want of budget */

/* Ordinary requests by which a session's work of a class may run ahead of its share before the
 * partial corrections of others go first. */
#define SCHEDULER_LEAD_FINAL_TRANSLATION   80
#define SCHEDULER_LEAD_FINAL_GRAMMAR       72
#define SCHEDULER_LEAD_PARTIAL_TRANSLATION 16

#define SCHEDULER_FLOOD_MIN   16 /* requests of a session that wait; with more of them, and … */
#define SCHEDULER_FLOOD_TIMES 8  /* … so many times what the others have, it floods the queue */
#define SCHEDULER_FLOOD_LOOK  32 /* partials of each class looked at for one to be let by */

#define BUDGET_BURST_REQUESTS                                                                      \
    6 /* a small budget's bucket holds this, at most a tenth of a minute's */
#define BUDGET_BURST_TOKENS                                                                        \
    4096 /* a small budget's bucket holds this, at most half a minute's tokens */
#define BUDGET_TOLD_KEEP_US     5000000 /* a lower limit holds so long after it was told */
#define BUDGET_CUT_EVERY_US     1000000 /* refusals within this are one */
#define BUDGET_CUT_PERMILLE_MIN 500     /* refusals leave at least this of the limits */
#define BUDGET_RECOVER_PERMILLE 5       /* given back a second without refusal */

#define POOL_CONNECTIONS_MAX 64
#define POOL_STREAMS_MAX     1000  /* streams a connection */
#define POOL_QUEUE_MAX       65536 /* requests waiting, the most a configuration may ask for */
#define POOL_RETRIES_MAX     5     /* times a request may be sent again */
#define POOL_REPLY_MAX       (1024 * 1024) /* bytes of one answer's body */
#define POOL_REWARM_MIN_MS                                                                         \
    250 /* a connection is opened again after so long, doubled a failure …                       \
         */
#define POOL_REWARM_MAX_MS    30000 /* … up to this, */
#define POOL_REWARM_WANTED_MS 1000  /* or this while requests wait */
#define POOL_DNS_KEEP_S       10    /* an address is believed so long */
#define POOL_IDLE_READ_MS     1000  /* bytes on an idle connection are read within this */
#define POOL_RESET_WAIT_MS    20    /* a cancelled request's RST_STREAM waits so long for company */
#define POOL_STREAM_WAIT_MS                                                                        \
    250 /* a request without a stream for so long moves to another connection */
#define POOL_MOVES_MAX             4 /* times a request leaves a connection that went, at once */
#define POOL_BREAKER_WINDOW_MS     10000 /* troubles and answers are counted for so long */
#define POOL_BREAKER_TROUBLES      5     /* so many, and more than answers: the breaker opens */
#define POOL_BREAKER_PROBE_MS      1000 /* half open: a request that often, until one is answered */
#define POOL_BREAKER_OUTAGE_MS     500  /* for so long, doubled while probes fail */
#define POOL_BREAKER_OUTAGE_MAX_MS 15000
#define POOL_BREAKER_OWNER_MS      30000 /* the same when only the account's owner can help */
#define POOL_BREAKER_OWNER_MAX_MS  300000
#define POOL_SILENCE_MS                                                                            \
    2000 /* a deadline that passes without a byte after so long is the upstream's */
#define POOL_PAUSE_MS                                                                              \
    1000 /* of an upstream that answered 429 without Retry-After, when another has room */
#define POOL_HEDGE_SAMPLES      256 /* answers of which the 95 % quantile is taken */
#define POOL_HEDGE_SAMPLES_MIN  64  /* fewer tell nothing */
#define POOL_HEDGE_EVERY        16  /* answers between two looks at it */
#define POOL_HEDGE_MIN_MS       20  /* a final is hedged no sooner */
#define POOL_HEDGE_SAVED_MAX    20  /* hedges that finals may have saved for a bad moment */
#define POOL_PIECE_GAP_MS       60  /* least time between two pieces of a streamed answer */
#define POOL_AT_ONCE_ROUNDS     4   /* times libcurl is called again for a timeout of 0 */
#define POOL_BACKOFF_MAX_MS     8000
#define POOL_RETRY_AFTER_MAX_MS 60000 /* a longer Retry-After is ignored in favour of backoff */
#define POST_ANSWER_MAX         65536 /* bytes of the answer to a single POST that are read */
