/*
 * A glance: what a teacher sees of one session (sotto.monitor.v1, docs/protocol.md), kept up to
 * date from the events that the session emits, whether somebody watches or not, and which of its
 * fields have changed since they were told.
 *
 * It begins with the host: what a session said before this process restored it is in the store, not
 * here. How many mistakes it had goes on, the session knows it from there.
 *
 * Threads: the front of its host. Memory: texts are its own, one of each language, the newest.
 */
#pragma once

#include "server/monitor.h"
#include <stdbool.h>
#include <stdint.h>

struct arena;
struct client_settings;
struct event;
struct glance_said;
struct lat;

#define GLANCE_LAGS 20 /* transcripts of which p95_ms is told */

/* Zeroed is the glance of a session that has not begun. */
struct glance {
    struct glance *next, **link; /* among those of its front that have changed; NULL: it has not */
    unsigned changed;            /* GLANCE_BITs */
    const char *phase;           /* static */
    char *text;                  /* NULL: "" */
    struct glance_said *said;    /* translations */
    int64_t audio_ms, audio_told_ms;
    uint32_t segment, mistakes;
    uint32_t dropped, dropped_told, reconnects;
    uint16_t lags_ms[GLANCE_LAGS], lag_told_ms;
    uint8_t lags_len, lags_at;
    uint8_t degraded; /* bits, as they are told */
    bool begun, speaking;
};

/* Ends what it holds; it must not be in a list. */
void glance_deinit(struct glance *glance);

/* The session has emitted it; borrowed. */
void glance_event(struct glance *glance, const struct event *event);
/* A transcript has been handed to the learner's socket. */
void glance_lag(struct glance *glance, const struct lat *lat);
/* A partial was replaced by a newer one before the learner's socket took it. */
void glance_dropped(struct glance *glance);

/* What no event tells, looked at a few times a second. The audio counts as changed by the second
 * only, and so do the lag and what was dropped, which are looked at with it. */
struct glance_look {
    const char *phase; /* static */
    int64_t audio_ms;
    bool speaking;
};
void glance_look(struct glance *glance, const struct glance_look *look);

/* Writes the fields `has` of it into `out`, strings into the arena; who the session is, is the
 * caller's. STATUS_NOMEM. */
int glance_write(const struct glance *glance, const struct client_settings *settings, unsigned has,
                 struct arena *arena, struct glance_change *out);
/* They have been told. */
void glance_told(struct glance *glance, unsigned has);
