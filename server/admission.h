/*
 * Whether one more session is taken: decided by what is measured beside the configured maxima.
 * Pure: readings and time come in, an answer goes out; server/admission_watch.h takes the readings
 * of a running server.
 *
 * Every reading has a limit, and their quotient is its load. Measured ones (not counts) are over
 * from a load of 1 and stay so until they have been below ADMISSION_LOW for ADMISSION_CALM samples
 * in a row, so that the answer does not flap.
 *
 * Starts are spread over time besides: each gets its turn, in the order of asking, at most so many
 * a second. A thousand clients that return at once are served one after the other instead of making
 * each other wait in every queue; who would wait for longer than ADMISSION_WAIT_MS is sent away for
 * about as long as the others take.
 *
 * Threads: the owner of what is passed.
 */
#pragma once

#include "base/durations.h"
#include <stdbool.h>
#include <stdint.h>

/* X(NAME, "label", measured, "what the client and /readyz are told") */
#define ADMISSION_MAP(X)                                                                           \
    X(SESSIONS, "sessions", false, "the server holds as many sessions as it may")                  \
    X(CONNECTIONS, "connections", false, "the server holds as many connections as it may")         \
    X(LAG, "lag", true, "the server is late with its work")                                        \
    X(QUEUE, "queue", true, "work waits too long for its turn in the server")                      \
    X(MEMORY, "memory", true, "the server's memory is nearly used up")                             \
    X(DESCRIPTORS, "descriptors", true, "the server's file descriptors are nearly used up")        \
    X(BUDGET, "budget", true, "the budget of the translation API is shared by too many")

enum admission_signal {
#define X(name, label, measured, text) ADMISSION_##name,
    ADMISSION_MAP(X)
#undef X
        ADMISSION_SIGNALS
};

/* Why a session was refused: a signal, or its turn would come too late. */
enum { ADMISSION_TURN = ADMISSION_SIGNALS, ADMISSION_REASONS };
#define ADMISSION_NONE (-1)

/* In one unit: sessions, seconds, bytes … A limit of 0: there is none, or it is not known. */
struct admission_reading {
    double value, limit;
};

struct admission_signals {
    struct admission_reading of[ADMISSION_SIGNALS];
};

/* Zeroed: nothing is over. */
struct admission_state {
    double load; /* the highest, of the last judgement */
    bool over[ADMISSION_SIGNALS];
    uint8_t calm[ADMISSION_SIGNALS]; /* samples in a row below ADMISSION_LOW while over */
};

/* value / limit; 0 without a limit. */
double admission_load(const struct admission_reading *reading);
/* Books one sample. */
void admission_judge(struct admission_state *state, const struct admission_signals *signals);
/* The first measured signal that is over, or ADMISSION_NONE. Counts are exact at their own place
 * (server/directory.h) and not asked here. */
int admission_over(const struct admission_state *state);
/* "lag", "turn" …; what a client is told. `reason` below ADMISSION_REASONS. */
const char *admission_label(int reason);
const char *admission_text(int reason);

/*
 * Turns to start: numbers are given out in the order of asking and served one a gap. How long a
 * number waits follows the pace of the moment, not that of when it was given out. One owner, or a
 * lock.
 */
struct admission_pace {
    int64_t at_us;   /* when `served` was */
    int64_t gap_us;  /* between two starts */
    double served;   /* numbers up to this may start; ahead of `issued` by what nobody used */
    uint64_t issued; /* less those that became void */
};

/* `most`: starts a second. */
void admission_pace_init(struct admission_pace *pace, uint32_t most, int64_t now_us);
/* A number, from 1 on; 0 when its turn would come after ADMISSION_WAIT_MS. */
uint64_t admission_number(struct admission_pace *pace, int64_t now_us);
/*
 * When it is the number's turn: `now_us` when it is, or a later time at which to ask again, a
 * sample from now at most, as the pace may have changed by then. INT64_MAX: it has become so slow
 * that the turn would come after ADMISSION_WAIT_MS; the number is void.
 */
int64_t admission_turn(struct admission_pace *pace, uint64_t number, int64_t now_us);
/* How long a number of now would wait. */
int64_t admission_wait_us(struct admission_pace *pace, int64_t now_us);
/* Fewer starts a second while loops are late, more when they are not; between ADMISSION_STARTS_MIN
 * and `most`. `lag_us`: of the last sample alone. */
void admission_adjust(struct admission_pace *pace, int64_t lag_us, uint32_t most, int64_t now_us);

/*
 * What a refused client is told to wait, in milliseconds: longer the higher the load and the more
 * others were refused in the last second, and spread by `random`, so that they do not come back
 * together.
 */
uint32_t admission_retry_ms(double load, uint32_t refused, uint32_t starts_per_second,
                            uint32_t random);

/* How late work was: the longest of the counts in `now` and not in `before`, but for the slowest
 * hundredth, and at least two, so that one hiccup of an idle server says nothing. Microseconds, as
 * the upper bound of a bucket. */
int64_t admission_p99_us(const struct durations_sum *now, const struct durations_sum *before);
/* Of ADMISSION_WINDOW samples: late for half of the time is too much to do, a moment is none. */
int64_t admission_median(const int64_t *samples);
