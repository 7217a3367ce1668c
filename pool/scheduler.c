#include "pool/scheduler.h"

#include "base/mem.h"
#include "base/status.h"
#include "pool/limits.h"
#include <assert.h>

/* Accounts count thousandths of an ordinary request a unit of weight, times this. */
#define SCALE SCHEDULER_WEIGHT_MAX
#define ONE   (1000 * (int64_t)SCALE)

struct item_list {
    struct scheduler_item *first, *last;
};

struct scheduler_session {
    uint64_t key;
    int64_t had;     /* its account */
    int64_t idle_us; /* since when it has had no work */
    uint32_t queued;
    bool modest; /* when its work came it had had less than those that waited; until it is served */
    struct item_list classes[POOL_CLASSES];
    struct heap_node turn;                 /* account less the lead of its best class */
    struct heap_node level;                /* account */
    struct scheduler_session *prev, *next; /* debtors */
    struct scheduler_session *chain;       /* hash table */
};

struct scheduler {
    struct budget budget;
    uint32_t queue_max, sessions, debtors_len;
    bool first_come;
    int64_t had_least;            /* account of those that wait and have had least, never falls */
    int64_t short_us;             /* when budget last kept something waiting */
    int64_t final_us, partial_us; /* what answers take: the quicker finals, half of the partials */
    struct heap turns, levels;    /* sessions with work */
    struct heap late;             /* items */
    struct item_list classes[POOL_CLASSES]; /* by age, over all sessions */
    struct scheduler_session *debtors_first, *debtors_last;
    struct scheduler_session **table;
    uint32_t table_mask;
};

#define OWNER(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

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

static void debtors_push(struct scheduler *scheduler, struct scheduler_session *session)
{
    session->prev = scheduler->debtors_last;
    session->next = NULL;
    *(session->prev != NULL ? &session->prev->next : &scheduler->debtors_first) = session;
    scheduler->debtors_last = session;
    scheduler->debtors_len++;
}

static void debtors_remove(struct scheduler *scheduler, struct scheduler_session *session)
{
    *(session->prev != NULL ? &session->prev->next : &scheduler->debtors_first) = session->next;
    *(session->next != NULL ? &session->next->prev : &scheduler->debtors_last) = session->prev;
    scheduler->debtors_len--;
}

static void debtors_trim(struct scheduler *scheduler, int64_t now_us)
{
    struct scheduler_session *oldest;
    while ((oldest = scheduler->debtors_first) != NULL &&
           (scheduler->debtors_len > SCHEDULER_DEBTORS_MAX ||
            now_us - oldest->idle_us > SCHEDULER_DEBT_KEEP_US)) {
        debtors_remove(scheduler, oldest);
        session_forget(scheduler, oldest);
    }
}

static void had_least_update(struct scheduler *scheduler)
{
    const struct heap_node *least = heap_first(&scheduler->levels);
    if (least != NULL && least->key > scheduler->had_least)
        scheduler->had_least = least->key;
}

static struct scheduler_item *session_best(const struct scheduler_session *session)
{
    int cls = 0;
    while (session->classes[cls].first == NULL)
        cls++;
    assert(cls < POOL_CLASSES);
    return session->classes[cls].first;
}

static int64_t session_turn(const struct scheduler_session *session)
{
    static const int64_t lead[POOL_CLASSES] = {
        [POOL_FINAL_TRANSLATION] = SCHEDULER_LEAD_FINAL_TRANSLATION * ONE,
        [POOL_FINAL_GRAMMAR] = SCHEDULER_LEAD_FINAL_GRAMMAR * ONE,
        [POOL_PARTIAL_TRANSLATION] = SCHEDULER_LEAD_PARTIAL_TRANSLATION * ONE,
    };
    return session->had - lead[session_best(session)->cls];
}

/* The session's record; NULL: out of memory. Without work it is in no heap yet. */
static struct scheduler_session *session_find(struct scheduler *scheduler, uint64_t key)
{
    struct scheduler_session **slot = table_slot(scheduler, key), *session = *slot;
    if (session != NULL || (session = mem_calloc(1, sizeof *session)) == NULL)
        return session;
    session->key = key;
    session->had = INT64_MIN;
    *slot = session;
    scheduler->sessions++;
    debtors_push(scheduler, session);
    return session;
}

/* After its first item has come. */
static void session_enter(struct scheduler *scheduler, struct scheduler_session *session)
{
    debtors_remove(scheduler, session);
    had_least_update(scheduler);
    /* What it left to others while it was idle is theirs. */
    session->modest = session->had < scheduler->had_least;
    if (session->modest)
        session->had = scheduler->had_least;
    heap_add(&scheduler->turns, &session->turn, session_turn(session));
    heap_add(&scheduler->levels, &session->level, session->had);
}

/* Its best class may be another, or its account. */
static void session_update(struct scheduler *scheduler, struct scheduler_session *session)
{
    int64_t turn = session_turn(session);
    if (turn != session->turn.key)
        heap_move(&scheduler->turns, &session->turn, turn);
    if (session->had != session->level.key)
        heap_move(&scheduler->levels, &session->level, session->had);
}

/* Out of work: an overdraft is remembered for a while. */
static void session_leave(struct scheduler *scheduler, struct scheduler_session *session,
                          int64_t now_us)
{
    had_least_update(scheduler);
    heap_remove(&scheduler->turns, &session->turn);
    heap_remove(&scheduler->levels, &session->level);
    session->idle_us = now_us;
    debtors_push(scheduler, session);
    if (session->had > scheduler->had_least) {
        debtors_trim(scheduler, now_us);
        return;
    }
    debtors_remove(scheduler, session);
    session_forget(scheduler, session);
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

/* `item`, which is the last of its class, goes where `at` is. */
static void class_take_place(struct item_list *list, struct scheduler_item *item,
                             struct scheduler_item *at)
{
    class_remove(list, item);
    item->prev = at->prev;
    item->next = at;
    *(item->prev != NULL ? &item->prev->next : &list->first) = item;
    at->prev = item;
}

static bool is_partial(const struct scheduler_item *item)
{
    return item->cls == POOL_PARTIAL_TRANSLATION || item->cls == POOL_PARTIAL_GRAMMAR;
}

/*
 * When to give it up. Never less than half of its time is left for waiting: what took long may not
 * do so again, and nobody would find out. A partial's words are old sooner than that: its lane asks
 * anew, and nothing of its session's turn is lost.
 */
static int64_t late_at_us(const struct scheduler *scheduler, const struct scheduler_item *item,
                          int64_t now_us)
{
    int64_t takes_us = is_partial(item) ? scheduler->partial_us : scheduler->final_us;
    int64_t half_us = (item->deadline_us - now_us) / 2;
    if (takes_us > half_us)
        takes_us = half_us > 0 ? half_us : 0;
    int64_t late_us = item->deadline_us - takes_us;
    if (is_partial(item) && late_us > now_us + SCHEDULER_PARTIAL_WAIT_US)
        late_us = now_us + SCHEDULER_PARTIAL_WAIT_US;
    return late_us;
}

static uint32_t weight_of(const struct scheduler_item *item)
{
    if (item->weight == 0)
        return 1;
    return item->weight < SCHEDULER_WEIGHT_MAX ? item->weight : SCHEDULER_WEIGHT_MAX;
}

static bool reserve(struct scheduler *scheduler)
{
    return heap_reserve(&scheduler->late) && heap_reserve(&scheduler->turns) &&
           heap_reserve(&scheduler->levels);
}

static int item_queue(struct scheduler *scheduler, struct scheduler_item *item, int64_t now_us,
                      bool first)
{
    assert(item->home == NULL && (unsigned)item->cls < POOL_CLASSES);
    struct scheduler_session *session =
        reserve(scheduler) ? session_find(scheduler, item->session) : NULL;
    if (session == NULL)
        return STATUS_NOMEM;
    item->home = session;
    item->queued_us = now_us;
    item->status = STATUS_OK;
    class_push(&session->classes[item->cls], item, first);
    age_push(&scheduler->classes[item->cls], item);
    heap_add(&scheduler->late, &item->late, late_at_us(scheduler, item, now_us));
    if (session->queued++ == 0)
        session_enter(scheduler, session);
    else
        session_update(scheduler, session);
    return STATUS_OK;
}

void scheduler_remove(struct scheduler *scheduler, struct scheduler_item *item, int64_t now_us)
{
    struct scheduler_session *session = item->home;
    assert(session != NULL);
    class_remove(&session->classes[item->cls], item);
    age_remove(&scheduler->classes[item->cls], item);
    heap_remove(&scheduler->late, &item->late);
    item->home = NULL;
    if (--session->queued == 0)
        session_leave(scheduler, session, now_us);
    else
        session_update(scheduler, session);
}

int scheduler_unsent(const struct scheduler *scheduler, const struct scheduler_item *item,
                     int otherwise, int64_t now_us)
{
    bool waited = now_us - item->queued_us >= SCHEDULER_SHED_US;
    return waited && scheduler->short_us >= item->queued_us ? STATUS_BUDGET : otherwise;
}

/* The partial of the item's lane that waits, or NULL. */
static struct scheduler_item *replaced_by(struct scheduler *scheduler,
                                          const struct scheduler_item *item)
{
    struct scheduler_session *session = *table_slot(scheduler, item->session);
    if (session == NULL || item->lane == 0 || scheduler->first_come)
        return NULL;
    for (int cls = POOL_PARTIAL_TRANSLATION; cls < POOL_CLASSES; cls++)
        for (struct scheduler_item *old = session->classes[cls].first; old != NULL; old = old->next)
            if (old->lane == item->lane)
                return old;
    return NULL;
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
    struct scheduler_session *most = NULL;
    for (uint32_t i = 0; i < scheduler->turns.len; i++) {
        struct scheduler_session *session =
            OWNER(scheduler->turns.nodes[i], struct scheduler_session, turn);
        if (most == NULL || session->queued > most->queued)
            most = session;
    }
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
    uint32_t part = scheduler->late.len / scheduler->turns.len;
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
    if (item->cost > bucket_size(&scheduler->budget.tokens.bucket))
        return STATUS_BUDGET;
    int otherwise = STATUS_CANCELLED;
    struct scheduler_item *victim = replaced_by(scheduler, item);
    if (victim == NULL && scheduler->late.len >= scheduler->queue_max) {
        otherwise = STATUS_BUDGET;
        victim = shed_choose(scheduler, item);
        if (victim == NULL)
            return STATUS_FULL;
    }
    int status = item_queue(scheduler, item, now_us, false);
    if (status != STATUS_OK)
        return status;
    if (victim != NULL) {
        if (otherwise == STATUS_CANCELLED && victim->cls == item->cls)
            class_take_place(&item->home->classes[item->cls], item, victim);
        victim->status = scheduler_unsent(scheduler, victim, otherwise, now_us);
        scheduler_remove(scheduler, victim, now_us);
    }
    *shed = victim;
    return STATUS_OK;
}

int scheduler_add_again(struct scheduler *scheduler, struct scheduler_item *item, int64_t now_us)
{
    assert(scheduler != NULL && item != NULL);
    return item_queue(scheduler, item, now_us, true);
}

struct scheduler_item *scheduler_expire(struct scheduler *scheduler, int64_t now_us)
{
    struct heap_node *node = heap_first(&scheduler->late);
    if (node == NULL || node->key > now_us)
        return NULL;
    struct scheduler_item *item = OWNER(node, struct scheduler_item, late);
    item->status = scheduler_unsent(scheduler, item, STATUS_TIMEOUT, now_us);
    scheduler_remove(scheduler, item, now_us);
    return item;
}

struct scheduler_item *scheduler_drain(struct scheduler *scheduler, int64_t now_us)
{
    struct heap_node *node = heap_first(&scheduler->late);
    if (node == NULL)
        return NULL;
    struct scheduler_item *item = OWNER(node, struct scheduler_item, late);
    item->status = STATUS_CLOSED;
    scheduler_remove(scheduler, item, now_us);
    return item;
}

/* It has far more waiting than the others. */
static bool session_floods(const struct scheduler *scheduler,
                           const struct scheduler_session *session)
{
    if (session->queued <= SCHEDULER_FLOOD_MIN)
        return false;
    uint64_t others = scheduler->turns.len - 1, theirs = scheduler->late.len - session->queued;
    return session->queued * others > SCHEDULER_FLOOD_TIMES * theirs;
}

/* Who floods the queue with finals would always run ahead of the partials of those who want less
 * than their share: whenever these have work they start level with it. It lets them by. */
static struct scheduler_item *let_by(const struct scheduler *scheduler, struct scheduler_item *item)
{
    if (is_partial(item) || !session_floods(scheduler, item->home))
        return item;
    for (int cls = POOL_PARTIAL_TRANSLATION; cls < POOL_CLASSES; cls++) {
        struct scheduler_item *other = scheduler->classes[cls].first;
        for (unsigned i = 0; i < SCHEDULER_FLOOD_LOOK && other != NULL; i++, other = other->newer) {
            const struct scheduler_session *home = other->home;
            if (home != item->home && home->modest && home->had <= item->home->had)
                return session_best(home);
        }
    }
    return item;
}

/* Whose turn it is; NULL: nobody waits. */
static struct scheduler_item *turn_item(const struct scheduler *scheduler)
{
    struct heap_node *node = heap_first(&scheduler->turns);
    if (node == NULL)
        return NULL;
    return let_by(scheduler, session_best(OWNER(node, struct scheduler_session, turn)));
}

static int64_t price_of(const struct scheduler *scheduler, const struct scheduler_item *item)
{
    return (int64_t)budget_share(&scheduler->budget, item->cost) * SCALE / weight_of(item);
}

struct scheduler_item *scheduler_take(struct scheduler *scheduler, int64_t now_us)
{
    struct scheduler_item *item = turn_item(scheduler);
    if (item == NULL)
        return NULL;
    if (budget_due(&scheduler->budget, item->cost, now_us) > now_us) {
        scheduler->short_us = now_us;
        return NULL;
    }
    budget_take(&scheduler->budget, item->cost);
    had_least_update(scheduler);
    struct scheduler_session *session = item->home;
    session->had += price_of(scheduler, item);
    session->modest = false;
    scheduler_remove(scheduler, item, now_us);
    return item;
}

int64_t scheduler_due(struct scheduler *scheduler, bool can_send, int64_t now_us)
{
    if (scheduler->late.len == 0)
        return INT64_MAX;
    int64_t due_us = heap_first(&scheduler->late)->key;
    if (can_send) {
        int64_t send_us = budget_due(&scheduler->budget, turn_item(scheduler)->cost, now_us);
        due_us = send_us < due_us ? send_us : due_us;
    }
    return due_us;
}

/* Of a session that may have no work now: then it is an overdraft. */
static void session_charge(struct scheduler *scheduler, struct scheduler_session *session,
                           int64_t price, int64_t now_us)
{
    had_least_update(scheduler);
    if (session->had < scheduler->had_least)
        session->had = scheduler->had_least;
    session->had += price;
    if (session->queued > 0) {
        session_update(scheduler, session);
        return;
    }
    debtors_remove(scheduler, session);
    session->idle_us = now_us;
    debtors_push(scheduler, session);
    debtors_trim(scheduler, now_us);
}

bool scheduler_spend(struct scheduler *scheduler, const struct scheduler_item *item, int64_t now_us)
{
    assert(item->home == NULL);
    if (budget_due(&scheduler->budget, item->cost, now_us) > now_us)
        return false;
    budget_take(&scheduler->budget, item->cost);
    /* Without memory for its account it has this one for nothing. */
    struct scheduler_session *session = session_find(scheduler, item->session);
    if (session != NULL)
        session_charge(scheduler, session, price_of(scheduler, item), now_us);
    return true;
}

void scheduler_short(struct scheduler *scheduler, int64_t now_us)
{
    scheduler->short_us = now_us;
}

void scheduler_settle(struct scheduler *scheduler, int64_t delta)
{
    budget_settle(&scheduler->budget, delta);
}

void scheduler_refused(struct scheduler *scheduler, int64_t until_us, int64_t now_us)
{
    budget_refused(&scheduler->budget, until_us, now_us);
}

void scheduler_observe(struct scheduler *scheduler, const struct budget_told *told, int64_t now_us)
{
    budget_observe(&scheduler->budget, told, now_us);
}

/* Moves an estimate of a quantile towards what was seen, by more the further it is from settled. */
static void estimate(int64_t *quantile_us, unsigned percent, int64_t took_us)
{
    int64_t step_us = *quantile_us / 16 + 1000;
    if (*quantile_us == 0)
        *quantile_us = took_us;
    else if (took_us > *quantile_us)
        *quantile_us += step_us * percent / 100;
    else
        *quantile_us -= step_us * (100 - percent) / 100;
    if (*quantile_us < 0)
        *quantile_us = 0;
}

void scheduler_learn(struct scheduler *scheduler, enum pool_class cls, int64_t took_us)
{
    assert(took_us >= 0);
    if (cls == POOL_FINAL_TRANSLATION || cls == POOL_FINAL_GRAMMAR)
        estimate(&scheduler->final_us, 10, took_us);
    else
        estimate(&scheduler->partial_us, 50, took_us);
}

uint32_t scheduler_len(const struct scheduler *scheduler)
{
    return scheduler->late.len;
}

uint32_t scheduler_sessions(const struct scheduler *scheduler)
{
    return scheduler->sessions;
}

uint32_t scheduler_requests_per_minute(const struct scheduler *scheduler)
{
    return scheduler->budget.requests.bucket.limit;
}

uint32_t scheduler_tokens_per_minute(const struct scheduler *scheduler)
{
    return scheduler->budget.tokens.bucket.limit;
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
    scheduler->table_mask = slots - 1;
    scheduler->queue_max = config->queue_max;
    scheduler->first_come = config->first_come;
    scheduler->short_us = INT64_MIN;
    scheduler->table = mem_calloc(slots, sizeof(struct scheduler_session *));
    if (scheduler->table == NULL || !heap_init(&scheduler->late, config->queue_max) ||
        !heap_init(&scheduler->turns, 64) || !heap_init(&scheduler->levels, 64)) {
        scheduler_destroy(scheduler);
        return NULL;
    }
    budget_init(&scheduler->budget, config->requests_per_minute, config->tokens_per_minute, now_us);
    return scheduler;
}

void scheduler_destroy(struct scheduler *scheduler)
{
    if (scheduler == NULL)
        return;
    assert(scheduler->late.len == 0);
    while (scheduler->debtors_first != NULL) {
        struct scheduler_session *session = scheduler->debtors_first;
        debtors_remove(scheduler, session);
        session_forget(scheduler, session);
    }
    heap_deinit(&scheduler->late);
    heap_deinit(&scheduler->turns);
    heap_deinit(&scheduler->levels);
    mem_free(scheduler->table);
    mem_free(scheduler);
}
