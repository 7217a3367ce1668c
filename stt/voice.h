/*
 * Voice activity: does somebody speak in a block of PCM? Two bands' energy, in frames of about
 * 10 ms, against a noise floor for each that follows the room.
 *
 * The bands are the energies of x[i] - x[i - 1 ms] and of x[i] - x[i - 1/8 ms]: the first holds
 * vowels, the second consonants. Neither sees a DC offset, and hum is weak in both. The floor is
 * the least level of the last 1.5–3 s (minimum statistics, R. Martin, IEEE Trans. Speech Audio
 * Process. 9(5), 2001, much simplified), so steady noise of any level becomes the floor, while
 * speech with its pauses does not.
 *
 * Made to wake a stream: where it is not sure it says that somebody speaks.
 *
 * Threads: one owner. Pure: samples in, verdict out; nothing is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each is more than the one before. */
enum stt_voice_verdict {
    STT_VOICE_ZERO,   /* digital silence: no microphone hears this */
    STT_VOICE_NOISE,  /* the room */
    STT_VOICE_FAINT,  /* more than the room, too short or too weak to be taken for speech */
    STT_VOICE_SPEECH, /* somebody speaks, or has until just now */
};

/* Energies a sample, of samples divided by 8. */
struct stt_voice_band {
    float floor;
    float lowest[2]; /* level in the running window, in the one before */
    float sum;       /* of the group of frames that is being averaged */
};

/* A zeroed struct knows no room yet and takes it for a quiet one. */
struct stt_voice {
    struct stt_voice_band bands[2];
    uint16_t frames;  /* of the running window */
    uint8_t evidence; /* loud frames less quiet ones: what has gathered for speech */
    uint8_t faint;    /* the same of frames that are loud or nearly so */
    bool speaking;
};

/* `samples` of s16 at `rate` (8000–48000), usually 20–400 ms; less than 10 ms tell nothing new. */
enum stt_voice_verdict stt_voice_hear(struct stt_voice *voice, const int16_t *pcm, size_t samples,
                                      uint32_t rate);
