/*
 * The latency ledger that travels with a message across threads: every hand-over stamps
 * CLOCK_MONOTONIC and books the interval since the previous stamp under one part. Nothing is
 * computed as a remainder; the parts sum to the whole.
 *
 * Threads: whoever owns the message that holds it.
 */
#pragma once

#include <stdint.h>

enum lat_part {
    LAT_UPSTREAM, /* waiting for a provider */
    LAT_QUEUE,    /* waiting for budget or a stream */
    LAT_HOLD,     /* deliberate: coalescing, pacing, ordering, commit policy */
    LAT_STORE,    /* becoming durable */
    LAT_SERVER,   /* our own work and thread hand-overs */
    LAT_PARTS
};

struct lat {
    int64_t start_us; /* the span's last audio was received; 0: nothing to measure from */
    int64_t last_us;  /* newest stamp */
    int64_t part_us[LAT_PARTS];
};

static inline void lat_start(struct lat *lat, int64_t now_us)
{
    *lat = (struct lat){.start_us = now_us, .last_us = now_us};
}

/* Books the time since the last stamp under `part`. An older stamp books nothing. */
static inline void lat_mark(struct lat *lat, enum lat_part part, int64_t now_us)
{
    if (now_us > lat->last_us) {
        lat->part_us[part] += now_us - lat->last_us;
        lat->last_us = now_us;
    }
}
