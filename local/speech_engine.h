/*
 * The speech server's engine: sessions decoded on threads of its own by a bounded set of decoders.
 * A decoder is taken when speech begins, not by an open stream; its speaker keeps it over a short
 * pause, and over the change to a new stream; when none is to be had, the speech waits in order of
 * arrival, its audio kept, and is refused with RESOURCE_EXHAUSTED only when it has waited for long
 * or many wait.
 *
 * Threads: create and destroy from the owner's thread; the ops are called by the speech server.
 * Locks: one, for the run queue, the decoders and what a speaker has received; never held while
 * decoding.
 */
#pragma once

#include "local/admission.h"
#include "local/speech_server.h"

struct local_engine;

struct local_engine_config {
    const char *model_dir;  /* NULL: Debian's */
    unsigned decoders;      /* 0: as many as the machine carries, measured */
    unsigned place_wait_ms; /* 0: LOCAL_PLACE_WAIT_S */
};

extern const struct local_speech_engine_ops local_engine_ops; /* ctx: the struct local_engine */

/* Loads the first decoder, measures it, logs what is admitted and why, starts the threads.
 * STATUS_NOT_FOUND: no model. */
int local_engine_create(struct local_engine **out, const struct local_engine_config *config);
/* After the server has stopped. */
void local_engine_destroy(struct local_engine *engine);

unsigned local_engine_decoders(const struct local_engine *engine);
