/*
 * When audio may be sent: sample positions against time. A frame is due when its last sample would
 * have been spoken.
 *
 * Threads: one owner. Pure: time is passed in.
 */
#pragma once

#include <stdint.h>

struct pace {
    int64_t start_us;
    uint64_t start_samples;
    unsigned rate;
    double speed; /* 0: everything is due at once */
};

/* `samples`: the position the first sample after now has. */
void pace_start(struct pace *pace, int64_t now_us, uint64_t samples, unsigned rate, double speed);
/* When the sample before `samples` has been spoken. */
int64_t pace_due_us(const struct pace *pace, uint64_t samples);
