#include "server/outbox.h"

#include "base/mem.h"
#include "base/status.h"
#include "base/worker.h"
#include "server/limits.h"

#define OUTBOX_RETRY_US 1000

struct outbox_item {
    struct outbox_item *next;
    uint64_t key;
    struct job *job;
};

static void on_timer(struct loop_timer *timer)
{
    struct outbox *outbox = (struct outbox *)((char *)timer - offsetof(struct outbox, timer));
    while (outbox->head != NULL) {
        struct outbox_item *item = outbox->head;
        if (worker_pool_submit(outbox->workers, item->key, item->job) != STATUS_OK) {
            loop_timer_start(outbox->loop, timer, loop_now_us(outbox->loop) + OUTBOX_RETRY_US,
                             on_timer);
            return;
        }
        outbox->head = item->next;
        outbox->len--;
        mem_free(item);
    }
    outbox->tail = &outbox->head;
}

void outbox_init(struct outbox *outbox, struct loop *loop, struct worker_pool *workers)
{
    *outbox = (struct outbox){.loop = loop, .workers = workers};
    outbox->tail = &outbox->head;
}

void outbox_deinit(struct outbox *outbox)
{
    loop_timer_stop(&outbox->timer);
    while (outbox->head != NULL) {
        struct outbox_item *item = outbox->head;
        outbox->head = item->next;
        item->job->msg.free_fn(&item->job->msg);
        mem_free(item);
    }
}

int outbox_submit(struct outbox *outbox, uint64_t key, struct job *job)
{
    /* Once something waits, everything waits behind it: order is kept for every key. */
    if (outbox->head == NULL && worker_pool_submit(outbox->workers, key, job) == STATUS_OK)
        return STATUS_OK;
    if (outbox->len >= OUTBOX_MAX)
        return STATUS_FULL;
    struct outbox_item *item = mem_alloc(sizeof *item);
    if (item == NULL)
        return STATUS_NOMEM;
    *item = (struct outbox_item){.key = key, .job = job};
    *outbox->tail = item;
    outbox->tail = &item->next;
    outbox->len++;
    if (!loop_timer_armed(&outbox->timer))
        loop_timer_start(outbox->loop, &outbox->timer, loop_now_us(outbox->loop) + OUTBOX_RETRY_US,
                         on_timer);
    return STATUS_OK;
}
