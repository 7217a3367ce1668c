/*
 * What a lane keeps of a segment between its first source and its final, and the list of them. Used
 * by lane.c alone.
 *
 * Threads: the session's front thread. Memory: a list owns its segments; ended ones are kept for
 * the next.
 */
#pragma once

#include "base/lat.h"
#include "translate/internal.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which source a request or a message speaks of. */
struct translate__revision {
    uint32_t rev;
    int64_t start_ms, end_ms;
};

/* What waits to be shown; the newest replaces an older one that had no turn. */
struct translate__pending {
    bool set, final;
    struct translate__view view;
    const char *failed;
    struct translate__revision source;
    struct lat lat;
};

struct translate__segment {
    struct translate__segment *next;
    uint32_t number;
    uint32_t rev; /* of the last message shown */
    bool closed;  /* its final source has come: a final is owed */
    struct translate__revision source;
    char *text;      /* of the newest source; NULL when there was no memory for it */
    struct lat lat;  /* of the newest source, or of its last final answer */
    bool wanted;     /* the newest source deserves a partial */
    char *asked;     /* source text of the last partial asked, or NULL */
    char *previous;  /* last whole partial answer, or NULL */
    char *committed; /* as shown, or NULL */
    uint32_t ask;    /* final request in flight, 0 when none */
    unsigned tries;
    int64_t deadline_us;
    struct translate__stream stream;
    int64_t piece_us; /* when the last piece was taken, 0 when none */
    struct translate__pending pending;
};

struct translate__segments {
    struct translate__segment *head, *tail; /* ascending numbers */
    struct translate__segment *spare;
    size_t len;
};

/* Takes memory for one segment, so that there is always one spare or in use. STATUS_NOMEM. */
int translate__segments_init(struct translate__segments *segments);
void translate__segments_deinit(struct translate__segments *segments);
/* False: no more fit, or no memory; the head must go first. */
bool translate__segments_room(struct translate__segments *segments);
/* A new segment at its place; there must be room. */
struct translate__segment *translate__segments_add(struct translate__segments *segments,
                                                   uint32_t number);
/* Ends the first one. */
void translate__segments_drop(struct translate__segments *segments);
struct translate__segment *translate__segments_find(const struct translate__segments *segments,
                                                    uint32_t number);
/* The one whose final request is `ask` (not 0), or NULL. */
struct translate__segment *translate__segments_asking(const struct translate__segments *segments,
                                                      uint32_t ask);

const char *translate__segment_committed(const struct translate__segment *segment);
void translate__pending_clear(struct translate__pending *pending);
/* Replaces what waits; takes `view`. */
struct translate__pending *translate__pending_put(struct translate__segment *segment,
                                                  const struct translate__view *view,
                                                  const struct translate__revision *source,
                                                  const struct lat *lat);
