#include "bench/load_frame.h"

#include "base/mem.h"
#include <assert.h>

void load_frame_pool_init(struct load_frame_pool *pool, size_t frame_bytes)
{
    *pool = (struct load_frame_pool){.frame_bytes = frame_bytes};
}

void load_frame_pool_deinit(struct load_frame_pool *pool)
{
    while (pool->unused != NULL) {
        struct load_frame *frame = pool->unused;
        pool->unused = frame->next;
        mem_free(frame);
    }
}

static void put_back(struct load_frame_pool *pool, struct load_frame *frame)
{
    frame->next = pool->unused;
    pool->unused = frame;
}

struct load_frame *load_frame_push(struct load_frame_pool *pool, struct load_frame_queue *queue)
{
    struct load_frame *frame = pool->unused;
    if (frame != NULL)
        pool->unused = frame->next;
    else
        frame = mem_alloc(sizeof *frame + pool->frame_bytes);
    if (frame == NULL)
        return NULL;
    frame->next = NULL;
    frame->len = frame->sent = 0;
    frame->audio = false;
    if (queue->tail != NULL)
        queue->tail->next = frame;
    else
        queue->head = frame;
    queue->tail = frame;
    queue->len++;
    return frame;
}

void load_frame_pop(struct load_frame_pool *pool, struct load_frame_queue *queue)
{
    struct load_frame *frame = queue->head;
    assert(frame != NULL && queue->len > 0);
    queue->head = frame->next;
    if (queue->head == NULL)
        queue->tail = NULL;
    queue->len--;
    put_back(pool, frame);
}

void load_frame_cut(struct load_frame_pool *pool, struct load_frame_queue *queue, unsigned keep)
{
    struct load_frame **link = &queue->head, *last = NULL;
    for (unsigned i = 0; i < keep && *link != NULL; i++) {
        last = *link;
        link = &last->next;
    }
    for (struct load_frame *frame = *link, *next; frame != NULL; frame = next) {
        next = frame->next;
        put_back(pool, frame);
        queue->len--;
    }
    *link = NULL;
    queue->tail = last;
}
