/*
 * What is due when: a binary heap of small entries.
 *
 * Threads: one owner. Memory: all of it is taken by load_schedule_init().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What falls due for a client. */
enum load_what {
    LOAD_DUE_OPEN,  /* connect */
    LOAD_DUE_FRAME, /* the next frame of audio */
    LOAD_DUE_READ,  /* a slow reader reads */
    LOAD_DUE_CUT,   /* the socket is cut without a word */
    LOAD_DUE_AGAIN, /* cut, and opened again */
    LOAD_DUE_END,   /* session.end */
    LOAD_DUE_SNIP,  /* the socket is to be cut at a random byte of what comes next */
    LOAD_DUE_LEAVE  /* the server goes away: on to the next */
};

struct load_due {
    int64_t at_us;
    uint32_t client;
    uint16_t what;
    uint16_t life; /* of the client: entries of an earlier one are stale */
};

struct load_schedule {
    struct load_due *heap;
    uint32_t len, cap;
};

/* STATUS_NOMEM. */
int load_schedule_init(struct load_schedule *schedule, uint32_t entries_max);
void load_schedule_deinit(struct load_schedule *schedule);
/* There must be room: the owner knows how many entries each client can have. */
void load_schedule_push(struct load_schedule *schedule, struct load_due due);
/* The earliest, left in place; NULL: nothing is due ever. */
const struct load_due *load_schedule_first(const struct load_schedule *schedule);
/* Takes the earliest when it is due by `now_us`. */
bool load_schedule_pop(struct load_schedule *schedule, int64_t now_us, struct load_due *out);
