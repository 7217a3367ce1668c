/*
 * Audio that was spoken and may be asked for again: the newest samples up to a bound, until the
 * server says that nothing more is owed for them.
 *
 * Threads: one owner. Memory: a ring of the bound's size, taken by keep_init().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct keep {
    int16_t *ring;
    size_t cap;     /* samples */
    uint64_t from;  /* position of the oldest kept */
    uint64_t to;    /* of the next to come */
    uint64_t acked; /* nothing is owed for what is before */
};

/* STATUS_NOMEM. */
int keep_init(struct keep *keep, size_t samples_max);
void keep_deinit(struct keep *keep);
/* Appends; the oldest are given up for it when the ring is full. `count` is at most the bound. */
void keep_put(struct keep *keep, const int16_t *samples, size_t count);
/* Nothing more is owed for the audio before `position`. */
void keep_forget(struct keep *keep, uint64_t position);
/* Samples that can come before something that may be asked for is given up. */
size_t keep_room(const struct keep *keep);
/* Copies from `position` on, at most up to the newest; returns how many. Zeros stand for what is
 * not kept any more. */
size_t keep_get(const struct keep *keep, uint64_t position, int16_t *out, size_t count);
/* Of the audio from `position` on: samples that are owed and not kept any more. */
uint64_t keep_missing(const struct keep *keep, uint64_t position);
