#include "say/pace.h"

#include <assert.h>

void pace_start(struct pace *pace, int64_t now_us, uint64_t samples, unsigned rate, double speed)
{
    assert(rate > 0 && speed >= 0);
    *pace =
        (struct pace){.start_us = now_us, .start_samples = samples, .rate = rate, .speed = speed};
}

int64_t pace_due_us(const struct pace *pace, uint64_t samples)
{
    assert(samples >= pace->start_samples);
    if (pace->speed == 0)
        return pace->start_us;
    double seconds = (double)(samples - pace->start_samples) / pace->rate / pace->speed;
    return pace->start_us + (int64_t)(seconds * 1e6);
}
