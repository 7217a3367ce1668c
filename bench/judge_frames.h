/*
 * When the audio at a position was due to be sent: the newest 90 s of a session's frames, eight
 * bytes each.
 *
 * Threads: one owner. Memory: grows to what 90 s need.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JUDGE_FRAMES_US    (90 * 1000000LL) /* how far back is remembered */
#define JUDGE_FRAMES_MAX   16384            /* 90 s of frames of 10 ms, rounded up */
#define JUDGE_FRAMES_SLACK 480              /* samples a position may lie past the audio */

/* The low halves; the newest frame's full values make them whole again. */
struct judge_frame {
    uint32_t end_samples, due_us;
};

struct judge_frames {
    struct judge_frame *ring; /* of `cap`, a power of two */
    uint32_t cap, len, head;  /* `head`: place of the next one */
    uint64_t end_samples;     /* of the newest */
    int64_t due_us;
};

void judge_frames_deinit(struct judge_frames *frames);
/* Positions only grow. STATUS_NOMEM: the frame is not remembered. */
int judge_frames_add(struct judge_frames *frames, uint64_t end_samples, int64_t due_us);
/* Due time of the frame that holds the sample before `position`; of the oldest known one where it
 * lies further back. False: nothing was sent yet, or less than that. */
bool judge_frames_due(const struct judge_frames *frames, uint64_t position, int64_t *due_us);
