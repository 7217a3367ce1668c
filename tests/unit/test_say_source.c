/* Audio in: sound files good and bad, conversions, pipes. */
#include "say/source.h"

#include "base/status.h"
#include "loop/loop.h"
#include "say/limits.h"
#include "tests/check.h"
#include <fcntl.h>
#include <math.h>
#include <sndfile.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/sotto-say-XXXXXX";
static char path[128];
static char error[256];
static int16_t samples[96000 * 2];

static const char *in_dir(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

/* A 440 Hz tone; in stereo the right channel is silent. */
static void write_tone(const char *name, int rate, int channels, int format, int frames)
{
    SF_INFO info = {.samplerate = rate, .channels = channels, .format = SF_FORMAT_WAV | format};
    SNDFILE *file = sf_open(in_dir(name), SFM_WRITE, &info);
    CHECK(file != NULL);
    for (int i = 0; i < frames; i++) {
        float frame[8] = {(float)(0.5 * sin(2 * M_PI * 440 * i / rate))};
        sf_writef_float(file, frame, 1);
    }
    sf_close(file);
}

static void write_bytes(const char *name, const char *bytes, size_t len)
{
    FILE *file = fopen(in_dir(name), "w");
    CHECK_EQ(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static int read_all(struct source *source)
{
    int total = 0, got;
    while ((got = source_read(source, samples + total, 1600)) > 0)
        total += got;
    CHECK_EQ(got, 0);
    return total;
}

static double rms_of(int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (double)samples[i] * samples[i];
    return sqrt(sum / count) / 32768;
}

/* Rises through zero: of one second of a 440 Hz tone, 440. */
static int rises(int count)
{
    int found = 0;
    for (int i = 1; i < count; i++)
        found += samples[i - 1] < 0 && samples[i] >= 0;
    return found;
}

static void check_tone(const char *name, unsigned rate, int frames, double rms)
{
    struct source *source = NULL;
    CHECK_EQ(source_open_file(&source, in_dir(name), error), STATUS_OK);
    if (source == NULL)
        return;
    CHECK_EQ(source_rate(source), rate);
    int total = read_all(source);
    CHECK(abs(total - frames) <= 32);
    CHECK(fabs(rms_of(total) - rms) < 0.01);
    CHECK(abs(rises(total) - 440) <= 2);
    source_close(source, NULL, NULL);
}

static void test_formats(void)
{
    write_tone("s16.wav", 16000, 1, SF_FORMAT_PCM_16, 16000);
    check_tone("s16.wav", 16000, 16000, 0.354);
    write_tone("u8.wav", 16000, 1, SF_FORMAT_PCM_U8, 16000);
    check_tone("u8.wav", 16000, 16000, 0.354);
    write_tone("float.wav", 44100, 1, SF_FORMAT_FLOAT, 44100);
    check_tone("float.wav", 44100, 44100, 0.354);
}

/* Half of the tone remains when a silent channel is averaged in. */
static void test_stereo(void)
{
    write_tone("stereo.wav", 44100, 2, SF_FORMAT_PCM_16, 44100);
    check_tone("stereo.wav", 44100, 44100, 0.177);
}

static void test_rates_converted(void)
{
    write_tone("96k.wav", 96000, 1, SF_FORMAT_PCM_16, 96000);
    check_tone("96k.wav", 48000, 48000, 0.354);
    write_tone("6k.wav", 6000, 1, SF_FORMAT_PCM_16, 6000);
    check_tone("6k.wav", 8000, 8000, 0.354);
}

/* 16-bit samples arrive as they are in the file. */
static void test_exact(void)
{
    SF_INFO info = {.samplerate = 16000, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
    int16_t values[] = {0, 1, -1, 32767, -32768, 12345, -23456};
    SNDFILE *file = sf_open(in_dir("exact.wav"), SFM_WRITE, &info);
    sf_writef_short(file, values, 7);
    sf_close(file);
    struct source *source = NULL;
    CHECK_EQ(source_open_file(&source, in_dir("exact.wav"), error), STATUS_OK);
    CHECK_EQ(source_read(source, samples, 100), 7);
    CHECK(memcmp(samples, values, sizeof values) == 0);
    CHECK_EQ(source_read(source, samples, 100), 0);
    source_close(source, NULL, NULL);
}

static void check_refused(const char *name, int status, const char *word)
{
    struct source *source = NULL;
    CHECK_EQ(source_open_file(&source, in_dir(name), error), status);
    CHECK(source == NULL);
    CHECK(strstr(error, word) != NULL);
    CHECK(strstr(error, name) != NULL);
}

static void test_bad_files(void)
{
    static const char text[] = "This is a text, and not a sound at all, however long it goes on.";
    check_refused("absent.wav", STATUS_NOT_FOUND, "No such file");
    write_bytes("text.wav", text, sizeof text);
    check_refused("text.wav", STATUS_INVALID, "not a sound file");
    write_bytes("empty.wav", "", 0);
    check_refused("empty.wav", STATUS_INVALID, "not a sound file");
    write_tone("none.wav", 16000, 1, SF_FORMAT_PCM_16, 0);
    check_refused("none.wav", STATUS_TRUNCATED, "no sound");
}

/* A file cut in the middle gives what is there; one cut in its header is refused. */
static void test_truncated(void)
{
    struct source *source = NULL;
    write_tone("cut.wav", 16000, 1, SF_FORMAT_PCM_16, 16000);
    CHECK_EQ(truncate(in_dir("cut.wav"), 44 + 2 * 5000), 0);
    CHECK_EQ(source_open_file(&source, in_dir("cut.wav"), error), STATUS_OK);
    CHECK_EQ(read_all(source), 5000);
    source_close(source, NULL, NULL);
    CHECK_EQ(truncate(in_dir("cut.wav"), 20), 0);
    source = NULL;
    CHECK(source_open_file(&source, in_dir("cut.wav"), error) != STATUS_OK);
    CHECK(source == NULL);
}

static void test_stop(void)
{
    struct source *source = NULL;
    CHECK_EQ(source_open_file(&source, in_dir("s16.wav"), error), STATUS_OK);
    CHECK_EQ(source_read(source, samples, 100), 100);
    source_stop(source);
    CHECK_EQ(source_read(source, samples, 100), 0);
    source_close(source, NULL, NULL);
}

static struct loop *loop;
static struct source *live;
static int pipe_fds[2];
static int more_count, taken;
static size_t written;
static bool blocked;

static void on_live_closed(void *ctx)
{
    loop_stop(loop);
}

static void on_more(void *ctx)
{
    more_count++;
    int got;
    while ((got = source_read(live, samples, 1600)) > 0) {
        CHECK(got <= 1600);
        for (int i = 0; i < got; i++)
            CHECK_EQ(samples[i], (int16_t)(taken + i));
        taken += got;
    }
    if (got == 0)
        source_close(live, on_live_closed, NULL);
    else
        CHECK_EQ(got, STATUS_AGAIN);
}

/* Pieces of odd length: samples are put together across them, the tail shorter than a frame comes
 * at the end. */
static void test_pipe(void)
{
    enum { COUNT = 5000 };
    pid_t pid;
    more_count = taken = 0;
    CHECK_EQ(loop_create(&loop, LOOP_AUTO), STATUS_OK);
    CHECK_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
    CHECK_EQ(source_open_fd(&live, loop, pipe_fds[0], 16000, on_more, NULL), STATUS_OK);
    CHECK_EQ(source_read(live, samples, 1600), STATUS_AGAIN);
    pid = fork();
    if (pid == 0) {
        uint8_t bytes[COUNT * 2];
        for (int i = 0; i < COUNT; i++) {
            bytes[2 * i] = (uint8_t)(i & 0xff);
            bytes[2 * i + 1] = (uint8_t)(i >> 8);
        }
        for (size_t at = 0; at < sizeof bytes; at += 777) {
            size_t len = sizeof bytes - at < 777 ? sizeof bytes - at : 777;
            if (write(pipe_fds[1], bytes + at, len) != (ssize_t)len)
                _exit(1);
        }
        _exit(0);
    }
    close(pipe_fds[1]);
    loop_run(loop);
    CHECK_EQ(taken, COUNT);
    CHECK(more_count >= 2);
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    close(pipe_fds[0]);
    loop_destroy(loop);
}

static struct loop_timer timer;

static void on_more_ignored(void *ctx)
{
    more_count++;
}

/* Writes all the pipe takes; once nothing went in for a while, its reader has stopped. */
static void fill(struct loop_timer *t)
{
    static const uint8_t zeros[4096];
    ssize_t got = 0;
    size_t before = written;
    while ((got = write(pipe_fds[1], zeros, sizeof zeros)) > 0)
        written += (size_t)got;
    blocked = written == before;
    if (blocked)
        source_close(live, on_live_closed, NULL);
    else
        loop_timer_start(loop, t, loop_now_us(loop) + 20000, fill);
}

/* Nobody takes the samples: at most our bound and the pipe's own fill up. */
static void test_pipe_back_pressure(void)
{
    memset(&timer, 0, sizeof timer);
    written = 0;
    more_count = 0;
    CHECK_EQ(loop_create(&loop, LOOP_AUTO), STATUS_OK);
    CHECK_EQ(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
    CHECK_EQ(source_open_fd(&live, loop, pipe_fds[0], 16000, on_more_ignored, NULL), STATUS_OK);
    loop_timer_start(loop, &timer, 0, fill);
    loop_run(loop);
    CHECK(blocked);
    CHECK(written >= SAY_LIVE_SAMPLES * 2);
    CHECK(written <= SAY_LIVE_SAMPLES * 2 + 65536);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    loop_destroy(loop);
}

/* Standard input redirected from a file: epoll cannot watch that, so it is simply read. */
static void test_regular_file_as_fd(void)
{
    write_bytes("raw", "\x01\x00\x02\x00\x03\x00\x04", 7);
    CHECK_EQ(loop_create(&loop, LOOP_AUTO), STATUS_OK);
    int fd = open(in_dir("raw"), O_RDONLY | O_CLOEXEC);
    CHECK_EQ(source_open_fd(&live, loop, fd, 16000, on_more_ignored, NULL), STATUS_OK);
    CHECK_EQ(source_read(live, samples, 2), 2);
    CHECK_EQ(samples[1], 2);
    CHECK_EQ(source_read(live, samples, 2), 1); /* the odd byte at the end is no sample */
    CHECK_EQ(source_read(live, samples, 2), 0);
    source_close(live, NULL, NULL);
    close(fd);
    loop_destroy(loop);
}

/* A recorder that is not there says so; one that is there gives what it writes. */
static void test_recorder(void)
{
    char script[160];
    CHECK_EQ(loop_create(&loop, LOOP_AUTO), STATUS_OK);
    setenv("PATH", dir, 1);
    CHECK_EQ(source_open_mic(&live, loop, 16000, on_more_ignored, NULL), STATUS_NOT_FOUND);
    snprintf(script, sizeof script, "#!/bin/sh\nprintf '\\000\\000\\001\\000'\n");
    write_bytes("arecord", script, strlen(script));
    CHECK_EQ(chmod(in_dir("arecord"), 0755), 0);
    taken = 0;
    CHECK_EQ(source_open_mic(&live, loop, 16000, on_more, NULL), STATUS_OK);
    loop_run(loop);
    CHECK_EQ(taken, 2);
    loop_destroy(loop);
}

int main(void)
{
    CHECK(mkdtemp(dir) != NULL);
    RUN(test_formats);
    RUN(test_stereo);
    RUN(test_rates_converted);
    RUN(test_exact);
    RUN(test_bad_files);
    RUN(test_truncated);
    RUN(test_stop);
    RUN(test_pipe);
    RUN(test_pipe_back_pressure);
    RUN(test_regular_file_as_fd);
    RUN(test_recorder);
    static const char *const names[] = {
        "s16.wav",  "u8.wav",    "float.wav", "stereo.wav", "96k.wav", "6k.wav", "exact.wav",
        "text.wav", "empty.wav", "none.wav",  "cut.wav",    "raw",     "arecord"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(in_dir(names[i]));
    CHECK_EQ(rmdir(dir), 0);
    return check_done();
}
