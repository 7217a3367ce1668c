/*
 * What a client needs to go on with its session on another socket (sotto.v1 §5): the ticket, which
 * durable messages it has, and how long to wait before it tries again.
 *
 * Threads: one owner. Pure: time and randomness are passed in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct rng;

struct resume {
    char session[64], token[128]; /* "": nothing to resume with */
    uint64_t seq;                 /* the highest that was processed */
    uint32_t epoch;
    int64_t hold_ms; /* how long the server keeps a session without a socket */
    /* Since the socket was lost. */
    int64_t lost_us; /* 0: it was not */
    unsigned attempts;
    /* Of the whole session. */
    unsigned resumed;
    uint64_t gaps, repeats; /* durable messages missing, and received twice */
};

enum resume_verdict {
    RESUME_NEWS,   /* to be processed */
    RESUME_REPEAT, /* it was already */
    RESUME_GAP     /* to be processed, and messages before it are missing: a bug of the server */
};

/* session.started. True: text that is not final, of segments from event->open_segment on, is void
 * (the epoch changed). */
bool resume_started(struct resume *resume, const struct event *event);
/* Any other event. */
enum resume_verdict resume_event(struct resume *resume, const struct event *event);
/* The socket is gone and there is a session to go on with. The first time counts. */
void resume_lost(struct resume *resume, int64_t now_us);
/* Milliseconds until the next try: doubled each time up to a bound, jittered; not before
 * `retry_after_ms` (-1: none). Negative: the server does not hold the session any longer. */
int64_t resume_wait_ms(struct resume *resume, struct rng *rng, int64_t retry_after_ms,
                       int64_t now_us);
/* When to leave a server that goes away within so long: somewhere before, so that not all of its
 * clients come back at once. */
int64_t resume_leave_ms(struct rng *rng, int64_t within_ms);
/* A socket that ended so may be replaced: the session is held. `http_status` 0: it was upgraded. */
bool resume_possible(const struct resume *resume, unsigned close_code, unsigned http_status);
/* An error event that refuses this socket only: another try later may succeed. */
bool resume_passing(const struct event *event);
