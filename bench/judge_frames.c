#include "bench/judge_frames.h"

#include "base/mem.h"
#include "base/status.h"
#include <assert.h>

#define CAP_MIN 64

void judge_frames_deinit(struct judge_frames *frames)
{
    mem_free(frames->ring);
    *frames = (struct judge_frames){0};
}

/* The index-th oldest. */
static const struct judge_frame *frame_at(const struct judge_frames *frames, uint32_t index)
{
    return &frames->ring[(frames->head - frames->len + index) & (frames->cap - 1)];
}

static int64_t due_of(const struct judge_frames *frames, const struct judge_frame *frame)
{
    return frames->due_us - (int64_t)((uint32_t)frames->due_us - frame->due_us);
}

static uint64_t end_of(const struct judge_frames *frames, const struct judge_frame *frame)
{
    return frames->end_samples - ((uint32_t)frames->end_samples - frame->end_samples);
}

static int grow(struct judge_frames *frames)
{
    uint32_t cap = frames->cap > 0 ? frames->cap * 2 : CAP_MIN;
    struct judge_frame *ring = mem_alloc(cap * sizeof *ring);
    if (ring == NULL)
        return STATUS_NOMEM;
    for (uint32_t i = 0; i < frames->len; i++)
        ring[i] = *frame_at(frames, i);
    mem_free(frames->ring);
    frames->ring = ring;
    frames->cap = cap;
    frames->head = frames->len;
    return STATUS_OK;
}

int judge_frames_add(struct judge_frames *frames, uint64_t end_samples, int64_t due_us)
{
    assert(frames->len == 0 || end_samples >= frames->end_samples);
    /* Jitter may turn the due times of neighbours round; the search needs them in order. */
    if (frames->len > 0 && due_us < frames->due_us)
        due_us = frames->due_us;
    if (frames->len == frames->cap) {
        bool old =
            frames->len > 0 && due_us - due_of(frames, frame_at(frames, 0)) > JUDGE_FRAMES_US;
        if (old || frames->cap == JUDGE_FRAMES_MAX)
            frames->len--;
        else if (grow(frames) != STATUS_OK)
            return STATUS_NOMEM;
    }
    frames->ring[frames->head & (frames->cap - 1)] =
        (struct judge_frame){(uint32_t)end_samples, (uint32_t)due_us};
    frames->head++;
    frames->len++;
    frames->end_samples = end_samples;
    frames->due_us = due_us;
    return STATUS_OK;
}

bool judge_frames_due(const struct judge_frames *frames, uint64_t position, int64_t *due_us)
{
    if (frames->len == 0 || position > frames->end_samples + JUDGE_FRAMES_SLACK)
        return false;
    uint32_t low = 0, high = frames->len - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (end_of(frames, frame_at(frames, middle)) >= position)
            high = middle;
        else
            low = middle + 1;
    }
    *due_us = due_of(frames, frame_at(frames, low));
    return true;
}
