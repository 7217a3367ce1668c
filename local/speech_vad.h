/*
 * Where speech begins and ends, from the energy of 10 ms frames against the level of the room.
 *
 * While nobody speaks, the verdict is a function of the newest LOCAL_VAD_WINDOW frames and of
 * nothing before them; while somebody does, of what came since the window that began it. So two
 * listeners who started at different places agree as soon as both have heard one window of the same
 * silence, and one who starts where speech ended agrees with the one who heard it end.
 *
 * Threads: one owner. Pure: samples in, verdict out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LOCAL_VAD_FRAME  160 /* samples at 16 kHz: 10 ms */
#define LOCAL_VAD_WINDOW 31  /* frames; before so many are heard nothing begins */

enum local_vad_verdict {
    LOCAL_VAD_SILENCE,
    LOCAL_VAD_BEGIN, /* speech began within the window that ends with this frame */
    LOCAL_VAD_SPEECH,
    LOCAL_VAD_END, /* silence_frames of silence have passed since the last speech */
};

/* Zero-initialised is the start state. */
struct local_vad {
    float level_db[LOCAL_VAD_WINDOW]; /* of the newest frames, a ring */
    uint32_t next;                    /* its place for the next frame */
    uint32_t heard;                   /* frames of it that count */
    bool speech;                      /* between begin and end; the rest is only valid then */
    uint32_t quiet;                   /* frames since the last loud one */
    uint32_t recent;                  /* the newest frames, 1 bit each: loud */
    float floor_db;                   /* level of the room */
    float smooth_db;
    float minimum_db; /* lowest smoothed level of the running span, to which the floor rises */
    uint32_t span;
};

/* One frame. `silence_frames` ends speech. */
enum local_vad_verdict local_vad_frame(struct local_vad *vad, const int16_t pcm[LOCAL_VAD_FRAME],
                                       uint32_t silence_frames);
/* Speech counts as ended `ago` frames before this one: what was heard before that is forgotten. */
void local_vad_cut(struct local_vad *vad, uint32_t ago);
