#include "local/speech_audio.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "local/limits.h"
#include "local/recognizer.h"
#include <assert.h>
#include <samplerate.h>
#include <stdbool.h>
#include <string.h>

#define BLOCK_MAX   (LOCAL_SPEECH_RATE_MAX / 100) /* samples fed to the converter at a time */
#define WAITING_MAX (4 * LOCAL_SPEECH_QUEUE_BYTES)
/* Converted samples of one block: upwards by two at most, and what the converter held back. */
#define OUT_MAX 1024

struct local_audio {
    enum local_speech_encoding encoding;
    uint32_t rate;
    SRC_STATE *converter; /* NULL: the rate is the recogniser's already */
    float block[BLOCK_MAX];
    size_t block_len, block_size;
    uint8_t half; /* first byte of a sample cut by a message's end */
    bool has_half;
    uint64_t samples_in;
    struct buf waiting; /* int16_t */
};

int local_audio_create(struct local_audio **out, enum local_speech_encoding encoding, uint32_t rate)
{
    bool known = encoding == LOCAL_ENCODING_LINEAR16 || encoding == LOCAL_ENCODING_MULAW;
    if (!known || rate < LOCAL_SPEECH_RATE_MIN || rate > LOCAL_SPEECH_RATE_MAX)
        return STATUS_INVALID;
    struct local_audio *audio = mem_calloc(1, sizeof *audio);
    if (audio == NULL)
        return STATUS_NOMEM;
    audio->encoding = encoding;
    audio->rate = rate;
    audio->block_size = rate / 100;
    buf_init(&audio->waiting, WAITING_MAX);
    int error = 0;
    if (rate != LOCAL_RECOGNIZER_RATE)
        audio->converter = src_new(SRC_SINC_FASTEST, 1, &error);
    if (error != 0) {
        mem_free(audio);
        return STATUS_NOMEM;
    }
    *out = audio;
    return 0;
}

void local_audio_destroy(struct local_audio *audio)
{
    if (audio == NULL)
        return;
    if (audio->converter != NULL)
        src_delete(audio->converter);
    buf_deinit(&audio->waiting);
    mem_free(audio);
}

/* G.711 µ-law. */
static int16_t mulaw_sample(uint8_t code)
{
    code = (uint8_t)~code;
    int magnitude = (((code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4);
    return (int16_t)(code & 0x80 ? 0x84 - magnitude : magnitude - 0x84);
}

static int16_t sample_of(float value)
{
    float scaled = value * 32768.0f;
    if (scaled >= 32767.0f)
        return 32767;
    if (scaled <= -32768.0f)
        return -32768;
    return (int16_t)(scaled + (scaled < 0 ? -0.5f : 0.5f));
}

/* Converts the block; at the end it asks for everything that is left. */
static int audio_convert(struct local_audio *audio, bool end)
{
    float out[OUT_MAX];
    int16_t samples[OUT_MAX];
    SRC_DATA data = {.data_in = audio->block,
                     .input_frames = (long)audio->block_len,
                     .end_of_input = end,
                     .src_ratio = (double)LOCAL_RECOGNIZER_RATE / audio->rate};
    audio->block_len = 0;
    do {
        data.data_out = out;
        data.output_frames = OUT_MAX;
        if (src_process(audio->converter, &data) != 0)
            return STATUS_INTERNAL;
        data.data_in += data.input_frames_used;
        data.input_frames -= data.input_frames_used;
        for (long i = 0; i < data.output_frames_gen; i++)
            samples[i] = sample_of(out[i]);
        buf_append(&audio->waiting, samples, (size_t)data.output_frames_gen * sizeof samples[0]);
    } while (data.input_frames > 0 || data.output_frames_gen == OUT_MAX);
    return buf_status(&audio->waiting);
}

static int audio_sample(struct local_audio *audio, int16_t sample)
{
    audio->samples_in++;
    if (audio->converter == NULL)
        return buf_append(&audio->waiting, &sample, sizeof sample);
    audio->block[audio->block_len++] = (float)sample / 32768.0f;
    /* Blocks of one size, so that the converter's rounding does not follow the peer's message
     * sizes. */
    return audio->block_len == audio->block_size ? audio_convert(audio, false) : 0;
}

int local_audio_put(struct local_audio *audio, const void *bytes, size_t len)
{
    const uint8_t *in = bytes;
    int status = 0;
    for (size_t i = 0; i < len && status == 0; i++) {
        if (audio->encoding == LOCAL_ENCODING_MULAW) {
            status = audio_sample(audio, mulaw_sample(in[i]));
        } else if (audio->has_half) {
            status = audio_sample(audio, (int16_t)(audio->half | in[i] << 8));
            audio->has_half = false;
        } else {
            audio->half = in[i];
            audio->has_half = true;
        }
    }
    return status;
}

int local_audio_flush(struct local_audio *audio)
{
    return audio->converter != NULL ? audio_convert(audio, true) : 0;
}

const int16_t *local_audio_samples(const struct local_audio *audio, size_t *len)
{
    *len = audio->waiting.len / sizeof(int16_t);
    return (const int16_t *)(const void *)audio->waiting.data;
}

void local_audio_consume(struct local_audio *audio, size_t len)
{
    assert(len * sizeof(int16_t) <= audio->waiting.len);
    buf_consume(&audio->waiting, len * sizeof(int16_t));
}

int64_t local_audio_total_us(const struct local_audio *audio)
{
    return (int64_t)(audio->samples_in * 1000000 / audio->rate);
}
