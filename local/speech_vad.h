/*
 * Where speech begins and ends, from the energy of 10 ms frames against a noise floor that follows
 * the room.
 *
 * Threads: one owner. Pure: samples in, verdict out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LOCAL_VAD_FRAME 160 /* samples at 16 kHz: 10 ms */

enum local_vad_verdict {
    LOCAL_VAD_SILENCE,
    LOCAL_VAD_BEGIN, /* speech began a little before this frame: take a pre-roll */
    LOCAL_VAD_SPEECH,
    LOCAL_VAD_END, /* silence_frames of silence have passed since the last speech */
};

/* Zero-initialised is the start state. */
struct local_vad {
    float floor_db;   /* level of the room; 0: not yet known */
    uint32_t recent;  /* the newest frames, 1 bit each: loud */
    bool speech;      /* between begin and end */
    uint32_t quiet;   /* frames since the last loud one */
    float minimum_db; /* lowest smoothed level of the running window, from which the floor rises */
    float smooth_db;
    uint32_t window;
};

/* One frame. `silence_frames` ends speech. */
enum local_vad_verdict local_vad_frame(struct local_vad *vad, const int16_t pcm[LOCAL_VAD_FRAME],
                                       uint32_t silence_frames);
/* After a cut in the middle of speech: the next loud frame begins anew, the room stays known. */
void local_vad_cut(struct local_vad *vad);
