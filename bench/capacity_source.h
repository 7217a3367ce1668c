/*
 * Where the costs of a session come from: a file of results, or a live server.
 *
 * Threads: any, one at a time; reading a server takes seconds. Memory: texts live in the structure.
 */
#pragma once

#include "bench/capacity.h"

#define CAPACITY_ERROR_BYTES 256 /* a sentence of what is wrong */

/* Costs, and for each whether it was measured, given, or stands in the program. */
enum capacity_origin { CAPACITY_BUILT_IN, CAPACITY_MEASURED, CAPACITY_GIVEN };

struct capacity_source {
    double cost[CAPACITY_COSTS];
    enum capacity_origin origin[CAPACITY_COSTS];
    double idle_mb;   /* of the server without sessions; 0: unknown */
    double answer_ms; /* of the chat API; 0: unknown */
    char where[256];  /* what was measured, for people */
};

/* What the program knows by itself. */
void capacity_source_init(struct capacity_source *source);

/*
 * The run of a results.json with all parts on, not void, everything delivered within bounds,
 * nearest to `sessions` (0: the largest) at that share of `speaking` (negative: the largest). Costs
 * that it lacks stay. STATUS_IO, STATUS_INVALID, STATUS_NOT_FOUND with a sentence in error.
 */
struct capacity_pick {
    double sessions, speaking;
};
int capacity_source_file(struct capacity_source *source, const char *path,
                         const struct capacity_pick *pick, char error[CAPACITY_ERROR_BYTES]);

/* Two scrapes of URL/metrics that many seconds apart; the costs are of the sessions live meanwhile.
 * STATUS_IO, STATUS_INVALID, STATUS_NOT_FOUND (no session) with a sentence in error. */
int capacity_source_live(struct capacity_source *source, const char *url, unsigned seconds,
                         char error[CAPACITY_ERROR_BYTES]);

/* -- a part with tests of its own -- */

/* Costs out of two texts of /metrics. STATUS_NOT_FOUND: no session is live, or this is no sotto. */
int capacity_source_scrapes(struct capacity_source *source, const char *before, const char *after,
                            double seconds);
