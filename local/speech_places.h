/*
 * Who has a decoder, who waits for one, who comes after whom. A decoder is taken when speech begins
 * and kept over a short pause; speech that finds none waits in order of arrival.
 *
 * The wire knows streams, not sessions, and a client replaces its stream every few minutes. A new
 * stream is taken for an older one's heir when it begins with audio that the older one heard a
 * moment ago: that is how a client goes on without a gap, and nobody else sends it. An heir gets
 * the decoder that the older stream gives, before everybody who waits.
 *
 * Threads: none of its own; the engine calls under its lock. Memory: places are embedded in their
 * owners, decoders are borrowed.
 */
#pragma once

#include "local/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct local_recognizer;

/* A stream's. Zero-initialised before local_place_open(). */
struct local_place {
    struct local_place *next, *prev;           /* all places */
    struct local_place *wait_next, *wait_prev; /* those that wait */
    struct local_place *heir, *elder;
    struct local_recognizer *held;
    bool busy;                            /* its decoder may not be taken away now */
    bool waiting;                         /* in the queue */
    bool told;                            /* the message that tells its elder has come */
    int64_t spoke_us;                     /* end of the newest utterance */
    int64_t wait_us;                      /* since when it waits */
    uint64_t heard[LOCAL_PLACE_MESSAGES]; /* marks of the newest audio messages, a ring */
    unsigned heard_next;
};

struct local_places {
    struct local_place *all;
    struct local_place *wait_first, *wait_last;
    unsigned waiting, waiting_max;
    int64_t wait_max_us;
    struct local_recognizer *free[LOCAL_DECODERS_MAX];
    unsigned free_len;
    unsigned created, decoders;                  /* made so far, and to be made at most */
    void (*on_given)(struct local_place *place); /* one that waited has a decoder */
};

void local_place_open(struct local_places *places, struct local_place *place);
/* It gives what it holds. */
void local_place_close(struct local_places *places, struct local_place *place, int64_t now_us);

/*
 * A decoder for speech that begins: 0 and place->held; or 0 with *create, then one is to be made
 * and given with local_place_created(). STATUS_AGAIN: it waits, on_given() tells. STATUS_LIMIT: too
 * many wait already, or it has waited for too long.
 */
int local_place_take(struct local_places *places, struct local_place *place, int64_t now_us,
                     bool *create);
/* NULL: it could not be made. */
void local_place_created(struct local_places *places, struct local_place *place,
                         struct local_recognizer *recognizer, int64_t now_us);
/* The stream needs its decoder no more: to the heir, or to the first that waits. */
void local_place_give(struct local_places *places, struct local_place *place, int64_t now_us);
/* Takes decoders from those who have been silent for long, for those who wait. */
void local_places_look(struct local_places *places, int64_t now_us);
/* A message of audio came. */
void local_place_hear(struct local_places *places, struct local_place *place, const void *audio,
                      size_t bytes);
