#include "stt/voice.h"

#include <assert.h>

/* Samples that are summed in 32 bits: 32 * 8191 * 8191 < 2^32. */
#define CHUNK 32
/* Bits dropped of a sample, so that the difference of two and the sum above fit. */
#define SHIFT 3
/* Frames that are averaged before they may become the floor: a single one is too uneven. */
#define GROUP 5
/* Frames of a window: 1.5 s. */
#define WINDOW 150

/* No floor is lower. Dithered silence, whose samples differ by one, has 0.5 at most. */
#define FLOOR_MIN 1.0f
/* Nor higher: -30 dB of full scale is not a room to speak in, and is taken for speech. */
#define FLOOR_MAX 16800.0f
/* Times the floor: a loud frame, and one that might be. 7 dB and 4 dB. */
#define LOUD  5.0f
#define FAINT 2.5f
/* Loud frames, less quiet ones between, that are speech; what clicks gather falls away between
 * them. */
#define BEGIN 8
/* A pause of this many frames ends what was long speech. */
#define EVIDENCE_MAX 25
/* Nearly loud frames, less quiet ones, that are worth a second opinion. */
#define FAINT_BEGIN 4

_Static_assert(sizeof(struct stt_voice) <= 64, "one for each session");

struct energy {
    float band[2];
};

/* Energy a sample of both differences. The loop is written so that the compiler vectorises it: 16
 * bits in, products added in 32. */
static struct energy frame_energy(const int16_t *pcm, size_t samples, unsigned lag,
                                  unsigned short_lag)
{
    assert(samples % CHUNK == 0 && samples > 0);
    uint64_t low = 0, high = 0;
    for (size_t at = 0; at < samples; at += CHUNK) {
        const int16_t *now = pcm + at, *before = now - lag, *just = now - short_lag;
        uint32_t low_sum = 0, high_sum = 0;
        for (int i = 0; i < CHUNK; i++) {
            int16_t x = (int16_t)(now[i] >> SHIFT);
            int16_t slow = (int16_t)(x - (before[i] >> SHIFT));
            int16_t fast = (int16_t)(x - (just[i] >> SHIFT));
            low_sum += (uint32_t)((int32_t)slow * slow);
            high_sum += (uint32_t)((int32_t)fast * fast);
        }
        low += low_sum;
        high += high_sum;
    }
    return (struct energy){{(float)low / (float)samples, (float)high / (float)samples}};
}

/* The average of a group. Digital silence is a muted microphone, not the room. */
static void band_group(struct stt_voice_band *band)
{
    float level = band->sum / GROUP;
    band->sum = 0;
    if (level == 0)
        return;
    if (band->lowest[0] == 0 || level < band->lowest[0])
        band->lowest[0] = level;
    if (level < band->floor)
        band->floor = level;
}

static void band_window(struct stt_voice_band *band)
{
    float lowest = band->lowest[0];
    if (band->lowest[1] > 0 && band->lowest[1] < lowest)
        lowest = band->lowest[1];
    /* The window before the first is unknown. */
    if (band->lowest[1] > 0 && lowest > band->floor)
        band->floor = lowest < FLOOR_MAX ? lowest : FLOOR_MAX;
    band->lowest[1] = band->lowest[0];
    band->lowest[0] = 0;
}

/* Floors follow. Falls at once with the level, rises to the least of two windows. */
static void voice_follow(struct stt_voice *voice, struct energy energy)
{
    voice->frames++;
    for (int i = 0; i < 2; i++) {
        struct stt_voice_band *band = &voice->bands[i];
        band->sum += energy.band[i];
        if (voice->frames % GROUP == 0)
            band_group(band);
        if (voice->frames == WINDOW)
            band_window(band);
    }
    if (voice->frames == WINDOW)
        voice->frames = 0;
}

static uint8_t count(uint8_t evidence, bool more)
{
    if (more)
        return evidence < EVIDENCE_MAX ? evidence + 1 : evidence;
    return evidence > 0 ? evidence - 1 : 0;
}

static enum stt_voice_verdict voice_frame(struct stt_voice *voice, struct energy energy)
{
    float above = 0; /* times the floor */
    for (int i = 0; i < 2; i++) {
        float floor = voice->bands[i].floor > FLOOR_MIN ? voice->bands[i].floor : FLOOR_MIN;
        float times = energy.band[i] / floor;
        above = times > above ? times : above;
    }
    voice->evidence = count(voice->evidence, above > LOUD);
    voice->faint = count(voice->faint, above > FAINT);
    if (voice->evidence >= BEGIN)
        voice->speaking = true;
    else if (voice->evidence == 0)
        voice->speaking = false;
    voice_follow(voice, energy);
    if (voice->speaking)
        return STT_VOICE_SPEECH;
    if (voice->faint >= FAINT_BEGIN)
        return STT_VOICE_FAINT;
    return energy.band[0] + energy.band[1] > 0 ? STT_VOICE_NOISE : STT_VOICE_ZERO;
}

enum stt_voice_verdict stt_voice_hear(struct stt_voice *voice, const int16_t *pcm, size_t samples,
                                      uint32_t rate)
{
    assert(pcm != NULL && rate >= 8000 && rate <= 48000);
    unsigned lag = rate / 1000, short_lag = rate / 8000;
    size_t frame = rate / 100, frames = (samples + frame / 2) / frame;
    size_t step = frames > 0 ? (samples - lag) / frames : 0;
    enum stt_voice_verdict most = voice->speaking ? STT_VOICE_SPEECH : STT_VOICE_ZERO;
    if (step < CHUNK)
        return voice->speaking ? STT_VOICE_SPEECH : STT_VOICE_NOISE;
    for (size_t i = 0; i < frames; i++) {
        /* The rest of a step, shorter than a chunk, is not looked at. */
        const int16_t *at = pcm + lag + i * step;
        enum stt_voice_verdict verdict =
            voice_frame(voice, frame_energy(at, step - step % CHUNK, lag, short_lag));
        most = verdict > most ? verdict : most;
    }
    return most;
}
