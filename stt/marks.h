/*
 * When audio passed which point, by sample position: what the latency ledger of a transcript is
 * made from. Kept a while longer than the audio itself.
 *
 * Threads: one owner at a time. Memory: stt_marks_deinit() ends it; a zeroed struct is empty.
 */
#pragma once

#include "base/lat.h"
#include <stddef.h>
#include <stdint.h>

/* A frame: what every mark begins with. */
struct stt_mark {
    uint64_t end;        /* position after the last sample */
    int64_t received_us; /* a block: complete */
};

struct stt_mark_block {
    struct stt_mark mark;
    int64_t passed_us; /* given to the client the first time; 0: not yet */
    int64_t sent_us;   /* accepted by the transport the first time; 0: not yet */
};

struct stt_mark_queue {
    char *at;                /* marks of one kind */
    uint32_t head, len, cap; /* cap is a power of two */
};

struct stt_marks {
    struct stt_mark_queue frames, blocks;
};

void stt_marks_deinit(struct stt_marks *marks);
/* Frames shorter than `samples_min` share the stamp of their first. A mark that finds no memory is
 * left out. */
void stt_marks_frame(struct stt_marks *marks, uint64_t end, uint64_t samples_min, int64_t now_us);
void stt_marks_block(struct stt_marks *marks, uint64_t end, int64_t now_us);
/* The block that ends at `end` was given to the client, was accepted; only the first time counts.
 */
void stt_marks_passed(struct stt_marks *marks, uint64_t end, int64_t now_us);
/* Returns how long the block took since it was complete; negative when this was not its first time
 * or there is no such block. */
int64_t stt_marks_sent(struct stt_marks *marks, uint64_t end, int64_t at_us);
/* Forgets what ends at or before `sample`. */
void stt_marks_trim(struct stt_marks *marks, uint64_t sample);
/* The ledger of a span that ends at `end`, up to the transport; of the newest audio when `end` is
 * past it. */
void stt_marks_stamp(const struct stt_marks *marks, uint64_t end, struct lat *out);
