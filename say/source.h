/*
 * Where the audio comes from: a sound file, raw PCM on a descriptor, or a microphone. All give mono
 * s16 samples.
 *
 * Threads: the loop's own. Memory: source_close() ends it. A file is read where it is needed (it
 * does not block for longer than a disk does); pipes are polled, at most SAY_LIVE_SAMPLES wait
 * here.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct loop;
struct source;

/* A sound file libsndfile can read. STATUS_NOT_FOUND, STATUS_INVALID, STATUS_TRUNCATED (no samples)
 * with `error` saying why. A rate the server does not take is converted to the nearest it does. */
int source_open_file(struct source **out, const char *path, char error[256]);
/* Raw s16le mono at `rate` from `fd`, which stays the caller's. `on_more` runs when there is more
 * to read, or the end. */
int source_open_fd(struct source **out, struct loop *loop, int fd, unsigned rate,
                   void (*on_more)(void *ctx), void *ctx);
/* Starts arecord. STATUS_NOT_FOUND: it is not installed. */
int source_open_mic(struct source **out, struct loop *loop, unsigned rate,
                    void (*on_more)(void *ctx), void *ctx);
unsigned source_rate(const struct source *source);
/*
 * Up to `count` samples. 0: the end. STATUS_AGAIN: a live source has fewer than `count` now and has
 * not ended; on_more follows. STATUS_IO: it broke. A file or ended source gives what is left.
 */
int source_read(struct source *source, int16_t *samples, size_t count);
/* Stops a live source as if it had ended: what was read is still given. */
void source_stop(struct source *source);
/* `on_closed` (may be NULL) when the memory is gone. */
void source_close(struct source *source, void (*on_closed)(void *ctx), void *ctx);
