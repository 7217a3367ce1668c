/*
 * SubRip subtitles, one cue a final.
 *
 * Threads: one owner. Memory: srt_close() ends it. Each cue is on disk when srt_add() returns, so
 * an interrupted lesson keeps what it had.
 */
#pragma once

#include <stdint.h>

struct srt;

/* STATUS_IO: the file cannot be written. */
int srt_open(struct srt **out, const char *path);
/* Empty text makes no cue. A cue lasts at least a millisecond and never begins before the one
 * before it. STATUS_IO. */
int srt_add(struct srt *srt, int64_t start_ms, int64_t end_ms, const char *text);
void srt_close(struct srt *srt);
