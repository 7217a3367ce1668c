/*
 * What a lane keeps of a segment between its first source and its final, and the list of them. Used
 * by lane.c alone.
 *
 * Threads: the session's front thread. Memory: a list owns its segments; ended ones are kept for
 * the next.
 */
#pragma once

#include "base/lat.h"
#include "grammar/grammar.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What waits to be shown; the newest replaces an older one that had no turn. */
struct grammar__pending {
    bool set, final;
    struct grammar_result result; /* empty when failed */
    const char *failed;
    uint32_t source_rev;
    struct lat lat;
};

struct grammar__segment {
    struct grammar__segment *next;
    uint32_t number;
    uint32_t rev; /* of the last message shown */
    bool closed;  /* its final source has come: a final is owed */
    uint32_t source_rev;
    char *text;     /* of the newest source; NULL when there was no memory for it */
    struct lat lat; /* of the newest source, or of its last final answer */
    bool wanted;    /* the newest source deserves a partial */
    char *asked;    /* source text of the last partial asked, or NULL */
    uint32_t ask;   /* final request in flight, 0 when none */
    unsigned tries;
    int64_t deadline_us;
    struct grammar__pending pending;
};

struct grammar__segments {
    struct grammar__segment *head, *tail; /* ascending numbers */
    struct grammar__segment *spare;
    size_t len;
};

/* Takes memory for one segment, so that there is always one spare or in use. STATUS_NOMEM. */
int grammar__segments_init(struct grammar__segments *segments);
void grammar__segments_deinit(struct grammar__segments *segments);
/* False: no more fit, or no memory; the head must go first. */
bool grammar__segments_room(struct grammar__segments *segments);
/* A new segment at its place; there must be room. */
struct grammar__segment *grammar__segments_add(struct grammar__segments *segments, uint32_t number);
/* Ends the first one. */
void grammar__segments_drop(struct grammar__segments *segments);
struct grammar__segment *grammar__segments_find(const struct grammar__segments *segments,
                                                uint32_t number);
/* The one whose final request is `ask` (not 0), or NULL. */
struct grammar__segment *grammar__segments_asking(const struct grammar__segments *segments,
                                                  uint32_t ask);

void grammar__pending_clear(struct grammar__pending *pending);
/* Replaces what waits; takes what `result` owns. */
struct grammar__pending *grammar__pending_put(struct grammar__segment *segment,
                                              const struct grammar_result *result,
                                              uint32_t source_rev, const struct lat *lat);
