#include "stt/marks.h"

#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <string.h>

#define QUEUE_FIRST 16 /* marks */

#define FRAME sizeof(struct stt_mark)
#define BLOCK sizeof(struct stt_mark_block)

void stt_marks_deinit(struct stt_marks *marks)
{
    mem_free(marks->frames.at);
    mem_free(marks->blocks.at);
    *marks = (struct stt_marks){0};
}

/* Marks of one kind are `bytes` long. */
static void *queue_at(const struct stt_mark_queue *queue, size_t bytes, uint32_t index)
{
    assert(index < queue->len);
    return queue->at + ((queue->head + index) & (queue->cap - 1)) * bytes;
}

static int queue_resize(struct stt_mark_queue *queue, size_t bytes, uint32_t cap)
{
    assert(cap >= queue->len);
    char *at = mem_alloc(cap * bytes);
    if (at == NULL)
        return STATUS_NOMEM;
    for (uint32_t i = 0; i < queue->len; i++)
        memcpy(at + i * bytes, queue_at(queue, bytes, i), bytes);
    mem_free(queue->at);
    *queue = (struct stt_mark_queue){.at = at, .len = queue->len, .cap = cap};
    return STATUS_OK;
}

/* A new mark to fill in; NULL: out of memory. */
static void *queue_push(struct stt_mark_queue *queue, size_t bytes)
{
    uint32_t more = queue->cap > 0 ? queue->cap * 2 : QUEUE_FIRST;
    if (queue->len == queue->cap && queue_resize(queue, bytes, more) != STATUS_OK)
        return NULL;
    return queue_at(queue, bytes, queue->len++);
}

static uint64_t queue_end(const struct stt_mark_queue *queue, size_t bytes, uint32_t index)
{
    const struct stt_mark *mark = queue_at(queue, bytes, index);
    return mark->end;
}

/* The mark that holds the sample before `end`, or the newest; NULL when empty. It is nearly always
 * among the newest, so they are looked at from there. */
static void *queue_find(const struct stt_mark_queue *queue, size_t bytes, uint64_t end)
{
    if (queue->len == 0)
        return NULL;
    uint32_t high = queue->len - 1, step = 1;
    while (high >= step && queue_end(queue, bytes, high - step) >= end) {
        high -= step;
        step *= 2;
    }
    uint32_t low = high >= step ? high - step + 1 : 0;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (queue_end(queue, bytes, middle) < end)
            low = middle + 1;
        else
            high = middle;
    }
    return queue_at(queue, bytes, low);
}

static void queue_trim(struct stt_mark_queue *queue, size_t bytes, uint64_t sample)
{
    while (queue->len > 1 && queue_end(queue, bytes, 0) <= sample) {
        queue->head = (queue->head + 1) & (queue->cap - 1);
        queue->len--;
    }
    /* What an outage or a long segment needed is given back; without memory it is later. */
    if (queue->cap > QUEUE_FIRST && queue->len <= queue->cap / 8)
        queue_resize(queue, bytes, queue->cap / 2);
}

void stt_marks_frame(struct stt_marks *marks, uint64_t end, uint64_t samples_min, int64_t now_us)
{
    struct stt_mark_queue *frames = &marks->frames;
    if (frames->len > 1) {
        struct stt_mark *last = queue_at(frames, FRAME, frames->len - 1);
        if (end - queue_end(frames, FRAME, frames->len - 2) <= samples_min) {
            last->end = end;
            return;
        }
    }
    struct stt_mark *frame = queue_push(frames, FRAME);
    if (frame != NULL)
        *frame = (struct stt_mark){end, now_us};
}

void stt_marks_block(struct stt_marks *marks, uint64_t end, int64_t now_us)
{
    struct stt_mark_block *block = queue_push(&marks->blocks, BLOCK);
    if (block != NULL)
        *block = (struct stt_mark_block){.mark = {end, now_us}};
}

void stt_marks_passed(struct stt_marks *marks, uint64_t end, int64_t now_us)
{
    struct stt_mark_block *block = queue_find(&marks->blocks, BLOCK, end);
    if (block != NULL && block->mark.end == end && block->passed_us == 0)
        block->passed_us = now_us;
}

int64_t stt_marks_sent(struct stt_marks *marks, uint64_t end, int64_t at_us)
{
    struct stt_mark_block *block = queue_find(&marks->blocks, BLOCK, end);
    if (block == NULL || block->mark.end != end || block->sent_us != 0)
        return -1;
    block->sent_us = at_us;
    return at_us > block->mark.received_us ? at_us - block->mark.received_us : 0;
}

void stt_marks_trim(struct stt_marks *marks, uint64_t sample)
{
    queue_trim(&marks->frames, FRAME, sample);
    queue_trim(&marks->blocks, BLOCK, sample);
}

void stt_marks_stamp(const struct stt_marks *marks, uint64_t end, struct lat *out)
{
    const struct stt_mark *frame = queue_find(&marks->frames, FRAME, end);
    const struct stt_mark_block *block = queue_find(&marks->blocks, BLOCK, end);
    *out = (struct lat){0};
    if (frame == NULL)
        return;
    lat_start(out, frame->received_us);
    if (block == NULL)
        return;
    lat_mark(out, LAT_HOLD, block->mark.received_us);
    lat_mark(out, LAT_QUEUE, block->passed_us);
    lat_mark(out, LAT_SERVER, block->sent_us);
}
