#include "local/speech_vad.h"

#include <assert.h>
#include <math.h>

#define FLOOR_START_DB -50.0f /* what a room is taken for before it is known (dB of full scale) */
#define FLOOR_MIN_DB   -62.0f /* digital silence counts as this: below, everything would be loud */
#define FLOOR_MAX_DB   -30.0f
#define BEGIN_DB       10.0f /* above the floor: loud while silent */
#define STAY_DB        7.0f  /* above the floor: loud while speaking */
#define BEGIN_FRAMES   6     /* loud ones among the newest BEGIN_WINDOW begin speech */
#define BEGIN_WINDOW   10
#define FLOOR_WINDOW   300  /* frames after which the lowest level heard becomes the floor */
#define FALL           0.3f /* share of the way down to a lower level a frame */

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

/* Falls at once with the level; rises only to the lowest level of a whole window, which speech with
 * its pauses never lifts far. */
static void vad_follow(struct local_vad *vad, float db)
{
    if (vad->floor_db == 0) {
        vad->floor_db = FLOOR_START_DB;
        vad->smooth_db = db;
        vad->minimum_db = 0;
    }
    vad->smooth_db += 0.25f * (db - vad->smooth_db);
    if (vad->smooth_db < vad->minimum_db)
        vad->minimum_db = vad->smooth_db;
    if (vad->smooth_db < vad->floor_db)
        vad->floor_db += FALL * (vad->smooth_db - vad->floor_db);
    if (++vad->window >= FLOOR_WINDOW) {
        if (vad->minimum_db > vad->floor_db)
            vad->floor_db = vad->minimum_db;
        vad->window = 0;
        vad->minimum_db = 0;
    }
    vad->floor_db = fminf(fmaxf(vad->floor_db, FLOOR_MIN_DB), FLOOR_MAX_DB);
}

enum local_vad_verdict local_vad_frame(struct local_vad *vad, const int16_t pcm[LOCAL_VAD_FRAME],
                                       uint32_t silence_frames)
{
    assert(silence_frames > 0);
    float db = frame_db(pcm);
    vad_follow(vad, db);
    bool loud = db > vad->floor_db + (vad->speech ? STAY_DB : BEGIN_DB);
    vad->recent = vad->recent << 1 | loud;
    uint32_t newest = vad->recent & ((1u << BEGIN_WINDOW) - 1);
    if (!vad->speech) {
        if (!loud || __builtin_popcount(newest) < BEGIN_FRAMES)
            return LOCAL_VAD_SILENCE;
        vad->speech = true;
        vad->quiet = 0;
        return LOCAL_VAD_BEGIN;
    }
    /* A single loud frame in a pause is a click; two among three are speech. */
    if (loud && __builtin_popcount(newest & 7) >= 2)
        vad->quiet = 0;
    else if (++vad->quiet >= silence_frames) {
        local_vad_cut(vad);
        return LOCAL_VAD_END;
    }
    return LOCAL_VAD_SPEECH;
}

void local_vad_cut(struct local_vad *vad)
{
    vad->speech = false;
    vad->recent = 0;
    vad->quiet = 0;
}
