/*
 * Where everything is written: standard output (view or JSON lines), standard error, the subtitle
 * file.
 *
 * Threads: one owner. Writing blocks when the reader of a pipe does: that is the back pressure a
 * pipeline expects.
 */
#pragma once

#include "base/buf.h"
#include "say/options.h"
#include "say/view.h"
#include <stddef.h>
#include <stdint.h>

struct event;
struct srt;

struct output {
    const struct options *options;
    struct view view;
    struct srt *srt;
    struct buf buf;
    bool broken; /* nobody reads standard output any more */
};

/* STATUS_IO: the subtitle file cannot be written. */
int output_open(struct output *output, const struct options *options);
void output_close(struct output *output);
/* `text` is the event as it came. */
void output_event(struct output *output, const struct event *event, const char *text, size_t len,
                  int64_t now_us);
/* With --stamp: audio up to this position has been given to the socket. */
void output_sent(struct output *output, uint64_t audio_samples, int64_t now_us);
void output_resize(struct output *output);
/* What is going on with the connection: beside the captions, or on standard error with --json. */
void output_status(struct output *output, const char *text);
/* Text that is not final, of segments from this one on, is void. */
void output_void(struct output *output, uint64_t segment);
/* A message for the person, on standard error, never hidden. */
void output_error(struct output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
