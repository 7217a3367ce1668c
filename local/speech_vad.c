#include "local/speech_vad.h"

#include <assert.h>
#include <math.h>

#define FLOOR_MIN_DB -62.0f /* digital silence counts as this: below, everything would be loud */
/* What a room is taken for at most (dB of full scale): as long as its level moves it may be speech,
 * the window having begun in the middle of it. */
#define FLOOR_MAX_DB  -45.0f
#define STEADY_MAX_DB -35.0f
#define STEADY_DB     6.0f  /* a room's level stays within so much */
#define BEGIN_DB      10.0f /* above the floor: loud while silent */
#define STAY_DB       7.0f  /* above the floor: loud while speaking */
#define BEGIN_FRAMES  6     /* loud ones among the newest BEGIN_NEWEST begin speech */
#define BEGIN_NEWEST  10
#define SMOOTH_FRAMES 4
#define RISE_SPAN     300  /* frames of speech after which the lowest level heard is the floor */
#define FALL          0.3f /* share of the way down to a lower level a frame */

static float frame_db(const int16_t pcm[LOCAL_VAD_FRAME])
{
    double sum = 0, mean = 0;
    for (int i = 0; i < LOCAL_VAD_FRAME; i++)
        mean += pcm[i];
    mean /= LOCAL_VAD_FRAME;
    for (int i = 0; i < LOCAL_VAD_FRAME; i++)
        sum += (pcm[i] - mean) * (pcm[i] - mean);
    double level = 10 * log10(sum / LOCAL_VAD_FRAME / (32768.0 * 32768.0) + 1e-10);
    return (float)level;
}

/* Level of the frame `age` frames before the newest. */
static float vad_level(const struct local_vad *vad, uint32_t age)
{
    return vad->level_db[(vad->next + LOCAL_VAD_WINDOW - 1 - age) % LOCAL_VAD_WINDOW];
}

static void vad_hear(struct local_vad *vad, float db)
{
    vad->level_db[vad->next] = db;
    vad->next = (vad->next + 1) % LOCAL_VAD_WINDOW;
    if (vad->heard < LOCAL_VAD_WINDOW)
        vad->heard++;
}

static float vad_smooth(const struct local_vad *vad, uint32_t age)
{
    float sum = 0;
    for (uint32_t i = 0; i < SMOOTH_FRAMES; i++)
        sum += vad_level(vad, age + i);
    return sum / SMOOTH_FRAMES;
}

/* The room is the quietest of a full window. */
static float vad_floor(const struct local_vad *vad)
{
    float lowest = 0, highest = -200;
    for (uint32_t age = 0; age + SMOOTH_FRAMES <= LOCAL_VAD_WINDOW; age++) {
        float level = vad_smooth(vad, age);
        lowest = fminf(lowest, level);
        highest = fmaxf(highest, level);
    }
    bool steady = highest - lowest < STEADY_DB;
    return fminf(fmaxf(lowest, FLOOR_MIN_DB), steady ? STEADY_MAX_DB : FLOOR_MAX_DB);
}

/* Loud frames among the newest; none when the newest is not. */
static int vad_loud(const struct local_vad *vad, float threshold_db)
{
    int loud = 0;
    if (vad_level(vad, 0) <= threshold_db)
        return 0;
    for (uint32_t age = 0; age < BEGIN_NEWEST; age++)
        loud += vad_level(vad, age) > threshold_db;
    return loud;
}

static enum local_vad_verdict vad_wait(struct local_vad *vad)
{
    if (vad->heard < LOCAL_VAD_WINDOW)
        return LOCAL_VAD_SILENCE;
    float floor_db = vad_floor(vad);
    if (vad_loud(vad, floor_db + BEGIN_DB) < BEGIN_FRAMES)
        return LOCAL_VAD_SILENCE;
    vad->speech = true;
    vad->quiet = 0;
    vad->recent = 1;
    vad->floor_db = floor_db;
    vad->smooth_db = vad_smooth(vad, 0);
    vad->minimum_db = 0;
    vad->span = 0;
    return LOCAL_VAD_BEGIN;
}

/* Falls at once with the level; rises only to the lowest level of a whole span, which speech with
 * its pauses never lifts far. */
static void vad_follow(struct local_vad *vad, float db)
{
    vad->smooth_db += (db - vad->smooth_db) / SMOOTH_FRAMES;
    vad->minimum_db = fminf(vad->minimum_db, vad->smooth_db);
    if (vad->smooth_db < vad->floor_db)
        vad->floor_db += FALL * (vad->smooth_db - vad->floor_db);
    if (++vad->span >= RISE_SPAN) {
        vad->floor_db = fmaxf(vad->floor_db, vad->minimum_db);
        vad->span = 0;
        vad->minimum_db = 0;
    }
    vad->floor_db = fminf(fmaxf(vad->floor_db, FLOOR_MIN_DB), STEADY_MAX_DB);
}

enum local_vad_verdict local_vad_frame(struct local_vad *vad, const int16_t pcm[LOCAL_VAD_FRAME],
                                       uint32_t silence_frames)
{
    assert(silence_frames > 0);
    float db = frame_db(pcm);
    vad_hear(vad, db);
    if (!vad->speech)
        return vad_wait(vad);
    vad_follow(vad, db);
    bool loud = db > vad->floor_db + STAY_DB;
    vad->recent = vad->recent << 1 | loud;
    /* A single loud frame in a pause is a click; two among three are speech. */
    if (loud && __builtin_popcount(vad->recent & 7) >= 2)
        vad->quiet = 0;
    else if (++vad->quiet >= silence_frames)
        return LOCAL_VAD_END;
    return LOCAL_VAD_SPEECH;
}

void local_vad_cut(struct local_vad *vad, uint32_t ago)
{
    vad->speech = false;
    if (ago < vad->heard)
        vad->heard = ago;
}
