/*
 * The readings of a running server, taken every ADMISSION_SAMPLE_MS on a thread of its own, and the
 * answer of server/admission.h to whoever wants to start a session.
 *
 * How late work is comes from the loops' own books and from probes: a message to every front and as
 * many jobs as there are workers are always on their way, and one that has not arrived is as old as
 * it is. The stt thread's queue is told in time by its length and the pace at which it is worked
 * off. A loop that hangs or a queue that stands still is seen by that, too.
 *
 * Threads: create, stop, free on main; the rest any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct admission;
struct buf;
struct server;

/* Starts the thread. `server` has its fronts, workers and upstreams and keeps them until
 * admission_stop(). STATUS_NOMEM; STATUS_INTERNAL: no thread. */
int admission_create(struct admission **out, struct server *server);
/* Ends the thread; the last answer stays. */
void admission_stop(struct admission *admission);
/* After the fronts and workers are gone, who may still hold probes. */
void admission_free(struct admission *admission);

struct admission_answer {
    int reason;              /* ADMISSION_NONE: taken, or still waiting */
    int64_t at_us;           /* taken: `now_us`; waiting: when to ask again */
    uint32_t retry_after_ms; /* refused: what the client is told, with admission_text(reason) */
};

/*
 * Asks whether a session may start, or come `back` after its socket was lost: first with `*number`
 * 0, then, while it is told to wait, again with the number it got, at the time it was told. Who
 * stops asking owes nothing. Whoever comes back has a session already and only waits for its turn.
 * A refusal is counted.
 */
struct admission_answer admission_ask(struct admission *admission, uint64_t *number, bool back,
                                      int64_t now_us);
/* The same refusal, decided elsewhere: `reason` is a signal that is exact at its own place
 * (ADMISSION_SESSIONS, ADMISSION_CONNECTIONS). Counted; what to tell the client. */
uint32_t admission_refused(struct admission *admission, int reason);
/* Why no session would be taken now, for /readyz; NULL when one would. */
const char *admission_why(struct admission *admission);
/* Appends its metrics. */
void admission_report(struct admission *admission, struct buf *out);
