/*
 * The scheduler under random load in virtual time: sessions come and go, one of them is greedy,
 * answers take their time, some are cancelled, some are throttled, some are sent again. Every
 * request is answered exactly once, no minute's budget is exceeded, nobody waits while whoever had
 * more is served, nothing is sent too late.
 *
 * usage: sim_pool [seed [rounds]]
 */
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "pool/limits.h"
#include "pool/scheduler.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTS_MAX 4096
#define SESSIONS     40
#define GREEDY       7
#define MINUTE       (60 * (int64_t)1000000)
#define LOG_MAX      (1 << 16)

enum state { FREE, QUEUED, SENT };

struct request {
    struct scheduler_item item; /* first */
    enum state state;
    int64_t ends_us, queued_us, sent_us;
    unsigned tries;
};

struct sent {
    int64_t at_us;
    uint32_t cost;
};

static struct {
    uint64_t seed;
    struct rng rng;
    struct scheduler_config config;
    struct scheduler *scheduler;
    struct request requests[REQUESTS_MAX];
    unsigned in_use, streams, streams_max;
    int64_t now_us, pause_us, deadline_min_us;
    bool calm; /* no throttling, no requests sent again */
    struct sent log[LOG_MAX];
    unsigned log_len, log_from;
    uint64_t minute_requests, minute_tokens;
    uint64_t made, answered, done, expired, shed, refused, cancelled, again;
    uint64_t by_session[SESSIONS], asked_by[SESSIONS];
    uint64_t finals_by[SESSIONS], finals_asked[SESSIONS];
    int64_t worst_wait_us;
} sim;

#define NEED(expr)                                                                                 \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            fprintf(stderr, "%s:%d: seed %llu at %lld us: %s\n", __FILE__, __LINE__,               \
                    (unsigned long long)sim.seed, (long long)sim.now_us, #expr);                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static void answer(struct request *request)
{
    NEED(request->state != FREE);
    NEED(request->item.home == NULL);
    request->state = FREE;
    sim.in_use--;
    sim.answered++;
}

static struct request *request_free_slot(void)
{
    for (unsigned i = 0; i < REQUESTS_MAX; i++)
        if (sim.requests[i].state == FREE)
            return &sim.requests[i];
    return NULL;
}

static bool is_final(enum pool_class cls)
{
    return cls == POOL_FINAL_TRANSLATION || cls == POOL_FINAL_GRAMMAR;
}

static void ask(uint64_t session)
{
    struct request *request = request_free_slot();
    struct scheduler_item *shed = NULL;
    if (request == NULL)
        return;
    *request = (struct request){.state = QUEUED, .queued_us = sim.now_us};
    request->item = (struct scheduler_item){
        .session = session,
        .cls = (enum pool_class)rng_below(&sim.rng, POOL_CLASSES),
        .lane = (uint32_t)rng_below(&sim.rng, 4),
        .weight = 1,
        .cost = (uint32_t)rng_range(&sim.rng, 0, 900),
        .deadline_us = sim.now_us + rng_range(&sim.rng, sim.deadline_min_us, 20000000),
    };
    sim.in_use++;
    sim.made++;
    sim.asked_by[session]++;
    sim.finals_asked[session] += is_final(request->item.cls);
    int status = scheduler_add(sim.scheduler, &request->item, sim.now_us, &shed);
    if (status != STATUS_OK) {
        NEED(status == STATUS_FULL || status == STATUS_BUDGET);
        NEED(status != STATUS_FULL || scheduler_len(sim.scheduler) >= sim.config.queue_max);
        NEED(shed == NULL);
        sim.refused++;
        answer(request);
    }
    if (shed != NULL) {
        NEED(shed != &request->item);
        sim.shed++;
        answer((struct request *)shed);
    }
    NEED(scheduler_len(sim.scheduler) <= sim.config.queue_max + sim.streams_max);
}

/* Everything sent in the last minute stays inside the budget. */
static void budget_check(uint32_t cost)
{
    NEED(sim.log_len < LOG_MAX);
    sim.log[sim.log_len++] = (struct sent){sim.now_us, cost};
    sim.minute_requests++;
    sim.minute_tokens += cost;
    while (sim.log[sim.log_from].at_us <= sim.now_us - MINUTE) {
        sim.minute_requests--;
        sim.minute_tokens -= sim.log[sim.log_from++].cost;
    }
    NEED(sim.config.requests_per_minute == 0 ||
         sim.minute_requests <= sim.config.requests_per_minute);
    /* A twentieth more than the budget, which is nine tenths of the limit. */
    NEED(sim.config.requests_per_minute < 300 ||
         sim.minute_requests * 1000 <= sim.config.requests_per_minute * 945 + 1000);
    NEED(sim.config.tokens_per_minute == 0 || sim.minute_tokens <= sim.config.tokens_per_minute);
}

static void pump(void)
{
    struct scheduler_item *item;
    while ((item = scheduler_expire(sim.scheduler, sim.now_us)) != NULL) {
        NEED(item->late.key <= sim.now_us);
        NEED(item->status == STATUS_TIMEOUT || item->status == STATUS_BUDGET);
        sim.expired++;
        answer((struct request *)item);
    }
    while (sim.streams < sim.streams_max &&
           (item = scheduler_take(sim.scheduler, sim.now_us)) != NULL) {
        struct request *request = (struct request *)item;
        NEED(request->state == QUEUED && item->home == NULL);
        NEED(item->deadline_us > sim.now_us);
        NEED(sim.now_us >= sim.pause_us);
        budget_check(item->cost);
        request->state = SENT;
        request->tries++;
        request->sent_us = sim.now_us;
        request->ends_us = sim.now_us + (int64_t)rng_lognormal(&sim.rng, 300000, 0.7);
        sim.streams++;
        sim.by_session[item->session]++;
        sim.finals_by[item->session] += is_final(item->cls);
        if (sim.now_us - request->queued_us > sim.worst_wait_us)
            sim.worst_wait_us = sim.now_us - request->queued_us;
    }
}

static void finish(struct request *request)
{
    sim.streams--;
    uint64_t dice = sim.calm ? 99 : rng_below(&sim.rng, 100);
    if (dice < 3) {
        sim.pause_us = sim.now_us + rng_range(&sim.rng, 100000, 1000000);
        scheduler_refused(sim.scheduler, sim.pause_us, sim.now_us);
    }
    if (dice < 8 && request->tries < 3 && request->item.deadline_us > sim.now_us) {
        request->state = QUEUED;
        sim.again++;
        NEED(scheduler_add_again(sim.scheduler, &request->item, sim.now_us) == 0);
        return;
    }
    sim.done++;
    scheduler_learn(sim.scheduler, request->item.cls, sim.now_us - request->sent_us);
    answer(request);
}

/* The next thing that happens, at most `until`. */
static int64_t next_event(int64_t until_us)
{
    int64_t due_us = scheduler_due(sim.scheduler, sim.streams < sim.streams_max, sim.now_us);
    until_us = due_us < until_us ? due_us : until_us;
    for (unsigned i = 0; i < REQUESTS_MAX; i++)
        if (sim.requests[i].state == SENT && sim.requests[i].ends_us < until_us)
            until_us = sim.requests[i].ends_us;
    return until_us > sim.now_us ? until_us : sim.now_us;
}

static void advance(int64_t until_us)
{
    unsigned idle_turns = 0;
    while (sim.now_us < until_us) {
        int64_t before_us = sim.now_us;
        sim.now_us = next_event(until_us);
        for (unsigned i = 0; i < REQUESTS_MAX; i++)
            if (sim.requests[i].state == SENT && sim.requests[i].ends_us <= sim.now_us)
                finish(&sim.requests[i]);
        pump();
        /* A due time that is reached must lead to something, or the loop would spin. */
        idle_turns = sim.now_us == before_us ? idle_turns + 1 : 0;
        NEED(idle_turns < 3);
    }
}

static void cancel_one(void)
{
    struct request *request = &sim.requests[rng_below(&sim.rng, REQUESTS_MAX)];
    if (request->state == FREE)
        return;
    if (request->state == QUEUED)
        scheduler_remove(sim.scheduler, &request->item, sim.now_us);
    else
        sim.streams--;
    sim.cancelled++;
    answer(request);
}

static void round_begin(uint64_t seed)
{
    memset(&sim, 0, sizeof sim);
    sim.seed = seed;
    rng_init(&sim.rng, seed);
    static const uint32_t requests[] = {0, 20, 300, 3000}, tokens[] = {0, 5000, 60000, 600000};
    sim.config = (struct scheduler_config){
        .requests_per_minute = requests[rng_below(&sim.rng, 4)],
        .tokens_per_minute = tokens[rng_below(&sim.rng, 4)],
        .queue_max = (uint32_t)rng_range(&sim.rng, 8, 800),
    };
    sim.streams_max = (unsigned)rng_range(&sim.rng, 1, 100);
    sim.scheduler = scheduler_create(&sim.config, 0);
    sim.pause_us = INT64_MIN;
    sim.deadline_min_us = 100000;
}

static void round_end(void)
{
    struct scheduler_item *item;
    while ((item = scheduler_drain(sim.scheduler, sim.now_us)) != NULL)
        answer((struct request *)item);
    for (unsigned i = 0; i < REQUESTS_MAX; i++)
        if (sim.requests[i].state == SENT)
            answer(&sim.requests[i]);
    NEED(sim.in_use == 0 && sim.made == sim.answered);
    scheduler_destroy(sim.scheduler);
}

/* Any load: once, in budget, in time. */
static void round_random(uint64_t seed)
{
    round_begin(seed);
    int64_t end_us = rng_range(&sim.rng, 60, 200) * 1000000;
    while (sim.now_us < end_us) {
        advance(sim.now_us + rng_range(&sim.rng, 0, 100000));
        unsigned burst = (unsigned)rng_below(&sim.rng, rng_below(&sim.rng, 30) == 0 ? 60 : 4);
        for (unsigned i = 0; i < burst; i++)
            ask(rng_below(&sim.rng, 3) == 0 ? GREEDY : rng_below(&sim.rng, SESSIONS));
        if (rng_below(&sim.rng, 4) == 0)
            cancel_one();
        pump();
    }
    round_end();
}

/* Overload by one: the others get what they ask for, within a round's time of asking. */
static void round_greedy(uint64_t seed)
{
    round_begin(seed);
    scheduler_destroy(sim.scheduler);
    sim.config = (struct scheduler_config){.requests_per_minute = 3000, .queue_max = 500};
    sim.scheduler = scheduler_create(&sim.config, 0);
    sim.streams_max = 50;
    sim.calm = true;
    sim.deadline_min_us = 1500000;
    uint64_t others = 0;
    for (unsigned step = 0; step < 600; step++) {
        advance(sim.now_us + 100000);
        for (unsigned i = 0; i < 60; i++)
            ask(GREEDY);
        /* 20 of the other sessions ask once a second: half the budget. */
        uint64_t session = step % 10 * 2 + 8;
        for (uint64_t i = 0; i < 2; i++)
            ask((session + i) % SESSIONS);
        pump();
    }
    for (uint64_t session = 8; session < 28; session++) {
        others++;
        NEED(sim.asked_by[session] >= 59);
        /* The last ones still wait. */
        NEED(sim.finals_by[session] + 2 >= sim.finals_asked[session] * 95 / 100);
        NEED(sim.by_session[session] >= sim.asked_by[session] * 95 / 100);
    }
    NEED(others == 20 && sim.by_session[GREEDY] > 0);
    round_end();
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : rng_seed() % 1000000;
    unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 24;
    uint64_t made = 0, done = 0, expired = 0, shed = 0, refused = 0, again = 0;
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    for (unsigned i = 0; i < rounds; i++) {
        round_random(seed + i);
        made += sim.made;
        done += sim.done;
        expired += sim.expired;
        shed += sim.shed;
        refused += sim.refused;
        again += sim.again;
    }
    round_greedy(seed);
    printf("%llu requests: %llu done, %llu expired, %llu shed, %llu refused, %llu sent again\n",
           (unsigned long long)made, (unsigned long long)done, (unsigned long long)expired,
           (unsigned long long)shed, (unsigned long long)refused, (unsigned long long)again);
    return 0;
}
