/* Sound files: libsndfile reads, channels are averaged, libsamplerate converts rates the server
 * does not take. */
#include "base/mem.h"
#include "base/status.h"
#include "say/limits.h"
#include "say/source_internal.h"
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <samplerate.h>
#include <sndfile.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_FRAMES 4096
#define CHANNELS_MAX 32

struct source_file {
    struct source base;
    SNDFILE *file;
    SRC_STATE *converter; /* NULL: the file's own rate */
    double ratio;
    int channels;
    bool file_ended, ended;
    size_t mono_used, mono_len;
    float mono[BLOCK_FRAMES];
    float interleaved[BLOCK_FRAMES * CHANNELS_MAX];
};

static struct source_file *file_of(struct source *source)
{
    return (struct source_file *)source;
}

/* Averages the next block of the file into `mono`. */
static void next_block(struct source_file *file)
{
    sf_count_t frames = sf_readf_float(file->file, file->interleaved, BLOCK_FRAMES);
    file->mono_used = 0;
    file->mono_len = frames > 0 ? (size_t)frames : 0;
    file->file_ended = frames < BLOCK_FRAMES;
    for (size_t i = 0; i < file->mono_len; i++) {
        float sum = 0;
        for (int c = 0; c < file->channels; c++)
            sum += file->interleaved[i * (size_t)file->channels + (size_t)c];
        file->mono[i] = sum / (float)file->channels;
    }
}

static int16_t to_s16(float value)
{
    float scaled = value * 32768.0f;
    if (scaled > 32767.0f)
        return 32767;
    return scaled < -32768.0f ? -32768 : (int16_t)lrintf(scaled);
}

static size_t take_plain(struct source_file *file, float *out, size_t count)
{
    size_t available = file->mono_len - file->mono_used;
    size_t taken = available < count ? available : count;
    memcpy(out, file->mono + file->mono_used, taken * sizeof *out);
    file->mono_used += taken;
    file->ended = file->file_ended && file->mono_used == file->mono_len;
    return taken;
}

static size_t take_converted(struct source_file *file, float *out, size_t count)
{
    SRC_DATA data = {.data_in = file->mono + file->mono_used,
                     .data_out = out,
                     .input_frames = (long)(file->mono_len - file->mono_used),
                     .output_frames = (long)count,
                     .end_of_input = file->file_ended,
                     .src_ratio = file->ratio};
    int error = src_process(file->converter, &data);
    assert(error == 0);
    file->mono_used += (size_t)data.input_frames_used;
    file->ended =
        file->file_ended && data.output_frames_gen == 0 && file->mono_used == file->mono_len;
    return (size_t)data.output_frames_gen;
}

static int file_read(struct source *source, int16_t *samples, size_t count)
{
    struct source_file *file = file_of(source);
    float out[BLOCK_FRAMES];
    size_t done = 0;
    while (done < count && !file->ended) {
        size_t want = count - done < BLOCK_FRAMES ? count - done : BLOCK_FRAMES;
        if (file->mono_used == file->mono_len && !file->file_ended)
            next_block(file);
        size_t got =
            file->converter != NULL ? take_converted(file, out, want) : take_plain(file, out, want);
        for (size_t i = 0; i < got; i++)
            samples[done + i] = to_s16(out[i]);
        done += got;
    }
    return (int)done;
}

static void file_close(struct source *source, void (*on_closed)(void *ctx), void *ctx)
{
    struct source_file *file = file_of(source);
    sf_close(file->file);
    if (file->converter != NULL)
        src_delete(file->converter);
    mem_free(file);
    if (on_closed != NULL)
        on_closed(ctx);
}

static void file_stop(struct source *source)
{
    struct source_file *file = file_of(source);
    file->file_ended = file->ended = true;
}

static const struct source_ops file_ops = {
    .read = file_read, .stop = file_stop, .close = file_close};

static int check(const SF_INFO *info, const char *path, char error[256])
{
    if (info->channels < 1 || info->channels > CHANNELS_MAX) {
        snprintf(error, 256, "%.150s has %d channels; at most %d are read", path, info->channels,
                 CHANNELS_MAX);
        return STATUS_INVALID;
    }
    if (info->samplerate < 1000 || info->samplerate > 768000) {
        snprintf(error, 256, "%.150s: a rate of %d Hz is not usable", path, info->samplerate);
        return STATUS_INVALID;
    }
    if (info->frames == 0) {
        snprintf(error, 256, "%.150s has no sound in it; is it complete?", path);
        return STATUS_TRUNCATED;
    }
    return STATUS_OK;
}

static int set_rate(struct source_file *file, int rate)
{
    int taken = rate < SAY_RATE_MIN ? SAY_RATE_MIN : rate > SAY_RATE_MAX ? SAY_RATE_MAX : rate;
    int error = 0;
    file->base.rate = (unsigned)taken;
    if (taken == rate)
        return STATUS_OK;
    file->ratio = (double)taken / rate;
    file->converter = src_new(SRC_SINC_FASTEST, 1, &error);
    return file->converter != NULL ? STATUS_OK : STATUS_NOMEM;
}

static int open_checked(struct source_file *file, const char *path, char error[256])
{
    SF_INFO info = {0};
    if (access(path, R_OK) != 0) {
        snprintf(error, 256, "%.150s: %s", path, strerror(errno));
        return STATUS_NOT_FOUND;
    }
    file->file = sf_open(path, SFM_READ, &info);
    if (file->file == NULL) {
        snprintf(error, 256, "%.150s is not a sound file I can read: %.60s", path,
                 sf_strerror(NULL));
        return STATUS_INVALID;
    }
    file->channels = info.channels;
    int status = check(&info, path, error);
    return status != STATUS_OK ? status : set_rate(file, info.samplerate);
}

int source_open_file(struct source **out, const char *path, char error[256])
{
    struct source_file *file = mem_calloc(1, sizeof *file);
    snprintf(error, 256, "out of memory");
    if (file == NULL)
        return STATUS_NOMEM;
    file->base.ops = &file_ops;
    int status = open_checked(file, path, error);
    if (status != STATUS_OK) {
        if (file->file != NULL)
            sf_close(file->file);
        mem_free(file);
        return status;
    }
    *out = &file->base;
    return STATUS_OK;
}
