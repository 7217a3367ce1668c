#include "pool/scheduler.h"

#include "base/mem.h"
#include "base/status.h"
#include "pool/bucket.h"
#include "pool/limits.h"
#include <assert.h>
#include <string.h>

struct item_list {
    struct scheduler_item *first, *last;
};

struct scheduler_session {
    uint64_t key;
    int64_t deficit; /* cost tokens it may still spend in this round; ≤ 0: the round is over */
    int64_t idle_us; /* since when it has had no work */
    uint32_t weight, queued;
    struct item_list classes[POOL_CLASSES];
    struct scheduler_session *prev, *next; /* the round, or the list of debtors */
    struct scheduler_session *chain;       /* hash table */
};

struct session_list {
    struct scheduler_session *first, *last;
};

struct scheduler {
    struct bucket requests, tokens;
    int64_t pause_us, floor_us;
    uint32_t queue_max, queued, sessions, debtors_len;
    bool first_come;
    struct session_list round, debtors;
    struct item_list classes[POOL_CLASSES]; /* by age, over all sessions */
    struct scheduler_item **heap;           /* by deadline */
    uint32_t heap_cap;
    struct scheduler_session **table;
    uint32_t table_mask;
};

/* The round and the debtors. */

static void list_push(struct session_list *list, struct scheduler_session *session)
{
    session->prev = list->last;
    session->next = NULL;
    *(list->last != NULL ? &list->last->next : &list->first) = session;
    list->last = session;
}

static void list_remove(struct session_list *list, struct scheduler_session *session)
{
    *(session->prev != NULL ? &session->prev->next : &list->first) = session->next;
    *(session->next != NULL ? &session->next->prev : &list->last) = session->prev;
    session->prev = session->next = NULL;
}

/* Deadlines. */

static void heap_put(struct scheduler *scheduler, uint32_t at, struct scheduler_item *item)
{
    scheduler->heap[at - 1] = item;
    item->heap_index = at;
}

static void heap_up(struct scheduler *scheduler, struct scheduler_item *item)
{
    uint32_t at = item->heap_index;
    for (; at > 1; at /= 2) {
        struct scheduler_item *parent = scheduler->heap[at / 2 - 1];
        if (parent->deadline_us <= item->deadline_us)
            break;
        heap_put(scheduler, at, parent);
    }
    heap_put(scheduler, at, item);
}

static void heap_down(struct scheduler *scheduler, struct scheduler_item *item)
{
    uint32_t at = item->heap_index, count = scheduler->queued;
    for (uint32_t child = at * 2; child <= count; child = at * 2) {
        struct scheduler_item **heap = scheduler->heap;
        if (child < count && heap[child]->deadline_us < heap[child - 1]->deadline_us)
            child++;
        if (heap[child - 1]->deadline_us >= item->deadline_us)
            break;
        heap_put(scheduler, at, heap[child - 1]);
        at = child;
    }
    heap_put(scheduler, at, item);
}

static bool heap_reserve(struct scheduler *scheduler)
{
    if (scheduler->queued < scheduler->heap_cap)
        return true;
    uint32_t cap = scheduler->heap_cap * 2;
    struct scheduler_item **heap = mem_realloc(scheduler->heap, cap * sizeof *heap);
    if (heap == NULL)
        return false;
    scheduler->heap = heap;
    scheduler->heap_cap = cap;
    return true;
}

static void heap_add(struct scheduler *scheduler, struct scheduler_item *item)
{
    item->heap_index = ++scheduler->queued;
    heap_up(scheduler, item);
}

static void heap_remove(struct scheduler *scheduler, struct scheduler_item *item)
{
    struct scheduler_item *last = scheduler->heap[--scheduler->queued];
    if (last != item) {
        heap_put(scheduler, item->heap_index, last);
        heap_up(scheduler, last);
        heap_down(scheduler, last);
    }
    item->heap_index = 0;
}

/* Sessions. */

static struct scheduler_session **table_slot(struct scheduler *scheduler, uint64_t key)
{
    uint64_t hash = key * 0x9E3779B97F4A7C15u;
    struct scheduler_session **slot = &scheduler->table[(hash >> 32) & scheduler->table_mask];
    while (*slot != NULL && (*slot)->key != key)
        slot = &(*slot)->chain;
    return slot;
}

static void session_forget(struct scheduler *scheduler, struct scheduler_session *session)
{
    struct scheduler_session **slot = table_slot(scheduler, session->key);
    assert(*slot == session && session->queued == 0);
    *slot = session->chain;
    scheduler->sessions--;
    mem_free(session);
}

static void debtors_trim(struct scheduler *scheduler, int64_t now_us)
{
    struct scheduler_session *oldest;
    while ((oldest = scheduler->debtors.first) != NULL &&
           (scheduler->debtors_len > SCHEDULER_DEBTORS_MAX ||
            now_us - oldest->idle_us > SCHEDULER_DEBT_KEEP_US)) {
        list_remove(&scheduler->debtors, oldest);
        scheduler->debtors_len--;
        session_forget(scheduler, oldest);
    }
}

/* The session's record, in the round; NULL: out of memory. */
static struct scheduler_session *session_enter(struct scheduler *scheduler, uint64_t key)
{
    struct scheduler_session **slot = table_slot(scheduler, key), *session = *slot;
    if (session == NULL) {
        session = mem_calloc(1, sizeof *session);
        if (session == NULL)
            return NULL;
        session->key = key;
        session->deficit = SCHEDULER_QUANTUM;
        *slot = session;
        scheduler->sessions++;
    } else if (session->queued > 0) {
        return session;
    } else {
        list_remove(&scheduler->debtors, session);
        scheduler->debtors_len--;
    }
    list_push(&scheduler->round, session);
    return session;
}

/* Out of work: what it did not spend is lost (the others had it), what it overdrew is remembered
 * for a while. */
static void session_leave(struct scheduler *scheduler, struct scheduler_session *session,
                          int64_t now_us)
{
    list_remove(&scheduler->round, session);
    if (session->deficit >= 0) {
        session_forget(scheduler, session);
        return;
    }
    session->idle_us = now_us;
    list_push(&scheduler->debtors, session);
    scheduler->debtors_len++;
    debtors_trim(scheduler, now_us);
}

/* Items. */

static void age_push(struct item_list *list, struct scheduler_item *item)
{
    item->older = list->last;
    item->newer = NULL;
    *(list->last != NULL ? &list->last->newer : &list->first) = item;
    list->last = item;
}

static void age_remove(struct item_list *list, struct scheduler_item *item)
{
    *(item->older != NULL ? &item->older->newer : &list->first) = item->newer;
    *(item->newer != NULL ? &item->newer->older : &list->last) = item->older;
}

static void class_push(struct item_list *list, struct scheduler_item *item, bool first)
{
    item->prev = first ? NULL : list->last;
    item->next = first ? list->first : NULL;
    *(item->prev != NULL ? &item->prev->next : &list->first) = item;
    *(item->next != NULL ? &item->next->prev : &list->last) = item;
}

static void class_remove(struct item_list *list, struct scheduler_item *item)
{
    *(item->prev != NULL ? &item->prev->next : &list->first) = item->next;
    *(item->next != NULL ? &item->next->prev : &list->last) = item->prev;
}

static int item_queue(struct scheduler *scheduler, struct scheduler_item *item, bool first)
{
    assert(item->heap_index == 0 && (unsigned)item->cls < POOL_CLASSES);
    if (!heap_reserve(scheduler))
        return STATUS_NOMEM;
    struct scheduler_session *session = session_enter(scheduler, item->session);
    if (session == NULL)
        return STATUS_NOMEM;
    session->weight = item->weight == 0                     ? 1
                      : item->weight > SCHEDULER_WEIGHT_MAX ? SCHEDULER_WEIGHT_MAX
                                                            : item->weight;
    session->queued++;
    item->home = session;
    class_push(&session->classes[item->cls], item, first);
    age_push(&scheduler->classes[item->cls], item);
    heap_add(scheduler, item);
    return STATUS_OK;
}

static void item_unlink(struct scheduler *scheduler, struct scheduler_item *item)
{
    assert(item->heap_index != 0);
    class_remove(&item->home->classes[item->cls], item);
    age_remove(&scheduler->classes[item->cls], item);
    heap_remove(scheduler, item);
    item->home->queued--;
    item->home = NULL;
}

void scheduler_remove(struct scheduler *scheduler, struct scheduler_item *item, int64_t now_us)
{
    struct scheduler_session *session = item->home;
    item_unlink(scheduler, item);
    if (session->queued == 0)
        session_leave(scheduler, session, now_us);
}

static struct scheduler_item *class_last(const struct scheduler_session *session, int above)
{
    for (int cls = POOL_CLASSES - 1; cls > above; cls--)
        if (session->classes[cls].last != NULL)
            return session->classes[cls].last;
    return NULL;
}

static struct scheduler_session *longest(const struct scheduler *scheduler)
{
    struct scheduler_session *most = scheduler->round.first;
    for (struct scheduler_session *s = most; s != NULL; s = s->next)
        if (s->queued > most->queued)
            most = s;
    return most;
}

/*
 * Who makes room in a full queue, never a session that holds less than the newcomer's does. A
 * session with half as much again as its part comes first, whatever the classes; then the oldest
 * item of the lowest class below the newcomer's; then the session that holds most.
 */
static struct scheduler_item *shed_choose(struct scheduler *scheduler,
                                          const struct scheduler_item *newcomer)
{
    const struct scheduler_session *own = *table_slot(scheduler, newcomer->session);
    const struct scheduler_session *most = longest(scheduler);
    uint32_t held = own != NULL ? own->queued : 0;
    uint32_t part = scheduler->queued / (scheduler->sessions - scheduler->debtors_len);
    if (most->queued > held + 1 && most->queued > part + part / 2)
        return class_last(most, -1);
    for (int cls = POOL_CLASSES - 1; cls > (int)newcomer->cls; cls--)
        for (struct scheduler_item *item = scheduler->classes[cls].first; item != NULL;
             item = item->newer)
            if (item->home == own || item->home->queued > held)
                return item;
    return most->queued > held + 1 ? class_last(most, -1) : NULL;
}

int scheduler_add(struct scheduler *scheduler, struct scheduler_item *item, int64_t now_us,
                  struct scheduler_item **shed)
{
    assert(scheduler != NULL && item != NULL && shed != NULL);
    if (scheduler->first_come) {
        item->session = 0;
        item->cls = 0;
    }
    if (item->cost > bucket_size(&scheduler->tokens))
        return STATUS_BUDGET;
    struct scheduler_item *victim = NULL;
    if (scheduler->queued >= scheduler->queue_max) {
        victim = shed_choose(scheduler, item);
        if (victim == NULL)
            return STATUS_FULL;
    }
    int status = item_queue(scheduler, item, false);
    if (status != STATUS_OK)
        return status;
    if (victim != NULL)
        scheduler_remove(scheduler, victim, now_us);
    *shed = victim;
    return STATUS_OK;
}

int scheduler_add_again(struct scheduler *scheduler, struct scheduler_item *item, int64_t now_us)
{
    assert(scheduler != NULL && item != NULL);
    return item_queue(scheduler, item, true);
}

struct scheduler_item *scheduler_expire(struct scheduler *scheduler, int64_t now_us)
{
    if (scheduler->queued == 0)
        return NULL;
    struct scheduler_item *item = scheduler->heap[0];
    if (item->deadline_us - scheduler->floor_us > now_us)
        return NULL;
    scheduler_remove(scheduler, item, now_us);
    return item;
}

struct scheduler_item *scheduler_drain(struct scheduler *scheduler, int64_t now_us)
{
    if (scheduler->queued == 0)
        return NULL;
    struct scheduler_item *item = scheduler->heap[0];
    scheduler_remove(scheduler, item, now_us);
    return item;
}

/* Whose turn it is: sessions whose round is over get their next quantum and go to the end. */
static struct scheduler_item *turn_choose(struct scheduler *scheduler)
{
    struct scheduler_session *session = scheduler->round.first;
    if (session == NULL)
        return NULL;
    while (session->deficit <= 0) {
        session->deficit += (int64_t)SCHEDULER_QUANTUM * session->weight;
        list_remove(&scheduler->round, session);
        list_push(&scheduler->round, session);
        session = scheduler->round.first;
    }
    for (int cls = 0; cls < POOL_CLASSES; cls++)
        if (session->classes[cls].first != NULL)
            return session->classes[cls].first;
    assert(!"a session in the round has work");
    return NULL;
}

static int64_t budget_due(struct scheduler *scheduler, const struct scheduler_item *item,
                          int64_t now_us)
{
    int64_t requests_us = bucket_due(&scheduler->requests, 1, now_us);
    int64_t tokens_us = bucket_due(&scheduler->tokens, item->cost, now_us);
    int64_t due_us = requests_us > tokens_us ? requests_us : tokens_us;
    return due_us > scheduler->pause_us ? due_us : scheduler->pause_us;
}

struct scheduler_item *scheduler_take(struct scheduler *scheduler, int64_t now_us)
{
    struct scheduler_item *item = turn_choose(scheduler);
    if (item == NULL || budget_due(scheduler, item, now_us) > now_us)
        return NULL;
    bucket_take(&scheduler->requests, 1);
    bucket_take(&scheduler->tokens, item->cost);
    uint32_t cost = item->cost == 0                   ? 1
                    : item->cost > SCHEDULER_COST_MAX ? SCHEDULER_COST_MAX
                                                      : item->cost;
    item->home->deficit -= cost;
    scheduler_remove(scheduler, item, now_us);
    return item;
}

int64_t scheduler_due(struct scheduler *scheduler, bool can_send, int64_t now_us)
{
    if (scheduler->queued == 0)
        return INT64_MAX;
    int64_t due_us = scheduler->heap[0]->deadline_us - scheduler->floor_us;
    if (can_send) {
        int64_t send_us = budget_due(scheduler, turn_choose(scheduler), now_us);
        due_us = send_us < due_us ? send_us : due_us;
    }
    return due_us;
}

void scheduler_settle(struct scheduler *scheduler, int64_t delta)
{
    bucket_give(&scheduler->tokens, delta);
}

void scheduler_pause(struct scheduler *scheduler, int64_t until_us)
{
    if (until_us > scheduler->pause_us)
        scheduler->pause_us = until_us;
}

void scheduler_observe(struct scheduler *scheduler, uint32_t requests_left, uint32_t tokens_left,
                       int64_t now_us)
{
    bucket_cap(&scheduler->requests, requests_left, now_us);
    bucket_cap(&scheduler->tokens, tokens_left, now_us);
}

void scheduler_set_floor(struct scheduler *scheduler, int64_t floor_us)
{
    assert(floor_us >= 0);
    scheduler->floor_us = floor_us;
}

uint32_t scheduler_len(const struct scheduler *scheduler)
{
    return scheduler->queued;
}

uint32_t scheduler_sessions(const struct scheduler *scheduler)
{
    return scheduler->sessions;
}

struct scheduler *scheduler_create(const struct scheduler_config *config, int64_t now_us)
{
    assert(config != NULL && config->queue_max > 0);
    struct scheduler *scheduler = mem_calloc(1, sizeof *scheduler);
    if (scheduler == NULL)
        return NULL;
    uint32_t slots = 64;
    while (slots < config->queue_max && slots < 1u << 16)
        slots *= 2;
    scheduler->heap_cap = config->queue_max;
    scheduler->heap = mem_calloc(scheduler->heap_cap, sizeof(struct scheduler_item *));
    scheduler->table = mem_calloc(slots, sizeof(struct scheduler_session *));
    if (scheduler->heap == NULL || scheduler->table == NULL) {
        scheduler_destroy(scheduler);
        return NULL;
    }
    scheduler->table_mask = slots - 1;
    scheduler->queue_max = config->queue_max;
    scheduler->first_come = config->first_come;
    scheduler->pause_us = INT64_MIN;
    bucket_init(&scheduler->requests, config->requests_per_minute, 1, now_us);
    bucket_init(&scheduler->tokens, config->tokens_per_minute, SCHEDULER_BURST_TOKENS, now_us);
    return scheduler;
}

void scheduler_destroy(struct scheduler *scheduler)
{
    if (scheduler == NULL)
        return;
    assert(scheduler->queued == 0);
    while (scheduler->debtors.first != NULL) {
        struct scheduler_session *session = scheduler->debtors.first;
        list_remove(&scheduler->debtors, session);
        session_forget(scheduler, session);
    }
    mem_free(scheduler->heap);
    mem_free(scheduler->table);
    mem_free(scheduler);
}
