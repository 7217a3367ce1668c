#include "stt/marks.h"

#include "base/mem.h"
#include "base/status.h"
#include <assert.h>

void stt_marks_deinit(struct stt_marks *marks)
{
    mem_free(marks->frames.at);
    mem_free(marks->blocks.at);
    *marks = (struct stt_marks){0};
}

static struct stt_mark *queue_at(const struct stt_mark_queue *queue, size_t index)
{
    assert(index < queue->len);
    return &queue->at[(queue->head + index) & (queue->cap - 1)];
}

static int queue_push(struct stt_mark_queue *queue, uint64_t end, int64_t now_us)
{
    if (queue->len == queue->cap) {
        size_t cap = queue->cap ? queue->cap * 2 : 32;
        struct stt_mark *at = mem_alloc(cap * sizeof(*at));
        if (at == NULL)
            return STATUS_NOMEM;
        for (size_t i = 0; i < queue->len; i++)
            at[i] = *queue_at(queue, i);
        mem_free(queue->at);
        *queue = (struct stt_mark_queue){.at = at, .len = queue->len, .cap = cap};
    }
    queue->len++;
    *queue_at(queue, queue->len - 1) = (struct stt_mark){.end = end, .received_us = now_us};
    return STATUS_OK;
}

/* The mark that holds the sample before `end`, or the newest; NULL when empty. */
static struct stt_mark *queue_find(const struct stt_mark_queue *queue, uint64_t end)
{
    size_t low = 0, high = queue->len;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (queue_at(queue, middle)->end < end)
            low = middle + 1;
        else
            high = middle;
    }
    if (queue->len == 0)
        return NULL;
    return queue_at(queue, low < queue->len ? low : queue->len - 1);
}

static void queue_trim(struct stt_mark_queue *queue, uint64_t sample)
{
    while (queue->len > 1 && queue_at(queue, 0)->end <= sample) {
        queue->head = (queue->head + 1) & (queue->cap - 1);
        queue->len--;
    }
}

void stt_marks_frame(struct stt_marks *marks, uint64_t end, uint64_t samples_min, int64_t now_us)
{
    struct stt_mark_queue *frames = &marks->frames;
    if (frames->len > 1) {
        struct stt_mark *last = queue_at(frames, frames->len - 1);
        if (end - queue_at(frames, frames->len - 2)->end <= samples_min) {
            last->end = end;
            return;
        }
    }
    queue_push(frames, end, now_us);
}

void stt_marks_block(struct stt_marks *marks, uint64_t end, int64_t now_us)
{
    queue_push(&marks->blocks, end, now_us);
}

void stt_marks_passed(struct stt_marks *marks, uint64_t end, int64_t now_us)
{
    struct stt_mark *mark = queue_find(&marks->blocks, end);
    if (mark != NULL && mark->end == end && mark->passed_us == 0)
        mark->passed_us = now_us;
}

int64_t stt_marks_sent(struct stt_marks *marks, uint64_t end, int64_t at_us)
{
    struct stt_mark *mark = queue_find(&marks->blocks, end);
    if (mark == NULL || mark->end != end || mark->sent_us != 0)
        return -1;
    mark->sent_us = at_us;
    return at_us > mark->received_us ? at_us - mark->received_us : 0;
}

void stt_marks_trim(struct stt_marks *marks, uint64_t sample)
{
    queue_trim(&marks->frames, sample);
    queue_trim(&marks->blocks, sample);
}

void stt_marks_stamp(const struct stt_marks *marks, uint64_t end, struct lat *out)
{
    const struct stt_mark *frame = queue_find(&marks->frames, end);
    const struct stt_mark *block = queue_find(&marks->blocks, end);
    *out = (struct lat){0};
    if (frame == NULL)
        return;
    lat_start(out, frame->received_us);
    if (block == NULL)
        return;
    lat_mark(out, LAT_HOLD, block->received_us);
    lat_mark(out, LAT_QUEUE, block->passed_us);
    lat_mark(out, LAT_SERVER, block->sent_us);
}
