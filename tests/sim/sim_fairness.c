/*
 * One greedy session among 200 in virtual time: 50 times the text of the others, on half the quota
 * that all of them need. The others must not notice, the greedy one gets its share and what is
 * idle, who comes new is served within one round. First come, first served must fail the same
 * judgement. Then the same scheduler under random weights, costs, errors and reorderings: whoever
 * always wants has had as much as the others.
 *
 * usage: sim_fairness [seed]; SOTTO_SIM_SCALE multiplies the rounds.
 */
#include "base/rng.h"
#include "base/status.h"
#include "pool/limits.h"
#include "pool/scheduler.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND   ((int64_t)1000000)
#define MINUTE   (60 * SECOND)
#define SESSIONS 200 /* the last one may be greedy */
#define GREED    50
#define TALKING  60 /* of the others, where most are silent */
#define VOICES   (SESSIONS - 1 + GREED)
#define NEED     60     /* requests a voice and minute, as speak() makes them */
#define WARMUP   MINUTE /* who comes first finds everybody's share idle */
#define RUN      (120 * MINUTE)
#define ROUND    (6 * SECOND) /* an utterance and its pause */
#define FINALS   4096         /* of a session that are looked at */
#define REQUESTS 16384
#define NEWCOMER 1000 /* ids of sessions that come in the middle */

static uint64_t seed;

#define HOLD(expr)                                                                                 \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            fprintf(stderr, "%s:%d: seed %llu: %s\n", __FILE__, __LINE__,                          \
                    (unsigned long long)seed, #expr);                                              \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#define OWNER(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

/* A speaker: sessions have one, the greedy one has many. */
struct voice {
    struct heap_node next;
    struct rng rng;
    unsigned session, step;
    int64_t begun_us;
    struct request *partial[2]; /* translation, grammar: the newest, until it is answered */
};

struct request {
    struct scheduler_item item; /* first */
    struct heap_node ends;
    struct voice *voice; /* NULL: a newcomer's */
    int64_t asked_us;
    bool final;
    struct request *free;
};

struct account {
    unsigned finals, in_time, partials, sent, waits_len;
    int64_t waits_us[FINALS];
};

struct scenario {
    bool greedy, first_come;
    unsigned speaking; /* of the ordinary sessions */
};

static struct world {
    struct scenario scenario;
    struct scheduler *scheduler;
    struct heap voices_next, flight;
    struct voice voices[VOICES];
    struct request requests[REQUESTS], *free;
    struct account accounts[SESSIONS];
    int64_t now_us;
    unsigned sent, measured, newcomers, newcomer_worst, newcomer_sent_at;
} world;

/* Life of a request. */

static struct request *request_new(struct voice *voice, enum pool_class cls)
{
    struct request *request = world.free;
    HOLD(request != NULL);
    world.free = request->free;
    bool final = cls == POOL_FINAL_TRANSLATION || cls == POOL_FINAL_GRAMMAR;
    *request = (struct request){.voice = voice, .asked_us = world.now_us, .final = final};
    bool grammar = cls == POOL_FINAL_GRAMMAR || cls == POOL_PARTIAL_GRAMMAR;
    request->item = (struct scheduler_item){
        .session = voice != NULL ? voice->session + 1 : NEWCOMER + world.newcomers,
        .cls = cls,
        .lane = voice != NULL ? (uint32_t)(voice - world.voices) * 2 + 1 + grammar : 1,
        .cost = grammar ? 550 : 100,
        .deadline_us = world.now_us + (final ? 10 : 4) * SECOND,
    };
    return request;
}

static void request_end(struct request *request)
{
    HOLD(request->item.home == NULL && request->ends.index == 0);
    for (unsigned i = 0; request->voice != NULL && i < 2; i++)
        if (request->voice->partial[i] == request)
            request->voice->partial[i] = NULL;
    request->free = world.free;
    world.free = request;
}

static void request_add(struct request *request)
{
    struct scheduler_item *shed = NULL;
    int status = scheduler_add(world.scheduler, &request->item, world.now_us, &shed);
    if (status != STATUS_OK)
        request_end(request);
    if (shed != NULL)
        request_end((struct request *)shed);
}

static void request_answered(struct request *request)
{
    struct voice *voice = request->voice;
    heap_remove(&world.flight, &request->ends);
    int64_t took_us = world.now_us - request->asked_us;
    if (voice != NULL && request->final && request->asked_us >= WARMUP) {
        struct account *account = &world.accounts[voice->session];
        if (world.now_us <= request->item.deadline_us) {
            account->in_time++;
            if (account->waits_len < FINALS)
                account->waits_us[account->waits_len++] = took_us;
        }
    }
    request_end(request);
}

/* Partials: the newest wins, one on its way. */
static void ask_partial(struct voice *voice, bool grammar)
{
    struct request *old = voice->partial[grammar];
    if (old != NULL && old->ends.index != 0)
        return;
    voice->partial[grammar] =
        request_new(voice, grammar ? POOL_PARTIAL_GRAMMAR : POOL_PARTIAL_TRANSLATION);
    request_add(voice->partial[grammar]);
}

static void ask_final(struct voice *voice, bool grammar)
{
    struct request *partial = voice->partial[grammar];
    /* The one on its way can no longer be shown; one that waits is the scheduler's to replace. */
    if (partial != NULL && partial->ends.index != 0) {
        heap_remove(&world.flight, &partial->ends);
        request_end(partial);
    }
    world.accounts[voice->session].finals += world.now_us >= WARMUP;
    request_add(request_new(voice, grammar ? POOL_FINAL_GRAMMAR : POOL_FINAL_TRANSLATION));
}

/* Six requests an utterance: three partial translations, a partial correction, two finals. */
static void speak(struct voice *voice)
{
    static const int64_t at_us[] = {SECOND * 3 / 2, 3 * SECOND, SECOND * 9 / 2, SECOND * 51 / 10};
    heap_remove(&world.voices_next, &voice->next);
    if (voice->step < 3)
        ask_partial(voice, false);
    if (voice->step == 1)
        ask_partial(voice, true);
    if (voice->step == 3) {
        ask_final(voice, false);
        ask_final(voice, true);
    }
    voice->step = (voice->step + 1) % 4;
    if (voice->step == 0)
        voice->begun_us += ROUND + rng_range(&voice->rng, -SECOND / 5, SECOND / 5);
    heap_reserve(&world.voices_next);
    heap_add(&world.voices_next, &voice->next, voice->begun_us + at_us[voice->step]);
}

/* Time. */

static void send(struct request *request)
{
    struct voice *voice = request->voice;
    world.sent++;
    world.measured += world.now_us >= WARMUP;
    if (voice != NULL)
        world.accounts[voice->session].sent += world.now_us >= WARMUP;
    else if (world.sent - world.newcomer_sent_at > world.newcomer_worst)
        world.newcomer_worst = world.sent - world.newcomer_sent_at;
    /* Finals draw from their own row of chances: the same with and without the greedy one. */
    struct rng rng;
    rng_init(&rng, seed ^ (request->item.lane * 7919u) ^
                       (voice != NULL ? (uint64_t)voice->begun_us << 8 : 0));
    int64_t takes_us = (int64_t)rng_lognormal(&rng, 400000, 0.4);
    heap_reserve(&world.flight);
    heap_add(&world.flight, &request->ends, world.now_us + takes_us);
    scheduler_learn(world.scheduler, request->item.cls, takes_us);
}

static void pump(void)
{
    struct scheduler_item *item;
    while ((item = scheduler_expire(world.scheduler, world.now_us)) != NULL)
        request_end((struct request *)item);
    while ((item = scheduler_take(world.scheduler, world.now_us)) != NULL)
        send((struct request *)item);
}

/* A session that was never here asks for one final. */
static void newcome(void)
{
    world.newcomers++;
    world.newcomer_sent_at = world.sent;
    request_add(request_new(NULL, POOL_FINAL_TRANSLATION));
}

static int64_t earlier(int64_t at_us, const struct heap *heap)
{
    const struct heap_node *node = heap_first(heap);
    return node != NULL && node->key < at_us ? node->key : at_us;
}

static void advance(int64_t until_us)
{
    while (world.now_us < until_us) {
        int64_t at_us = scheduler_due(world.scheduler, true, world.now_us);
        at_us = earlier(earlier(at_us < until_us ? at_us : until_us, &world.flight),
                        &world.voices_next);
        world.now_us = at_us > world.now_us ? at_us : world.now_us;
        while (earlier(INT64_MAX, &world.flight) <= world.now_us)
            request_answered(OWNER(heap_first(&world.flight), struct request, ends));
        while (earlier(INT64_MAX, &world.voices_next) <= world.now_us)
            speak(OWNER(heap_first(&world.voices_next), struct voice, next));
        pump();
    }
}

static void world_begin(const struct scenario *scenario)
{
    memset(&world, 0, sizeof world);
    world.scenario = *scenario;
    HOLD(heap_init(&world.voices_next, VOICES) && heap_init(&world.flight, 256));
    for (unsigned i = 0; i < REQUESTS; i++) {
        world.requests[i].free = world.free;
        world.free = &world.requests[i];
    }
    world.scheduler =
        scheduler_create(&(struct scheduler_config){.requests_per_minute = SESSIONS * NEED / 2,
                                                    .queue_max = 10000,
                                                    .first_come = scenario->first_come},
                         0);
    for (unsigned i = 0; i < VOICES; i++) {
        struct voice *voice = &world.voices[i];
        voice->session = i < SESSIONS - 1 ? i : SESSIONS - 1;
        bool speaks = voice->session < SESSIONS - 1 ? i < scenario->speaking : scenario->greedy;
        rng_init(&voice->rng, seed * 1000 + i);
        voice->begun_us = rng_range(&voice->rng, 0, ROUND);
        if (speaks)
            heap_add(&world.voices_next, &voice->next, voice->begun_us);
    }
}

static void world_end(void)
{
    while (scheduler_drain(world.scheduler, world.now_us) != NULL)
        ;
    scheduler_destroy(world.scheduler);
    heap_deinit(&world.voices_next);
    heap_deinit(&world.flight);
}

static void world_run(const struct scenario *scenario)
{
    world_begin(scenario);
    for (int64_t second = 1; second <= (WARMUP + RUN) / SECOND; second++) {
        advance(second * SECOND);
        if (second % 10 == 7) {
            newcome();
            pump();
        }
    }
    world_end();
}

/* Judgement. */

struct outcome {
    unsigned in_time[SESSIONS], sent[SESSIONS], all_sent;
    unsigned newcomer_worst; /* requests that were sent while it waited */
    int64_t p95_us[SESSIONS];
};

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void outcome_take(struct outcome *out)
{
    out->all_sent = world.measured;
    out->newcomer_worst = world.newcomer_worst;
    for (unsigned i = 0; i < SESSIONS; i++) {
        struct account *account = &world.accounts[i];
        qsort(account->waits_us, account->waits_len, sizeof account->waits_us[0], compare);
        out->in_time[i] = account->in_time;
        out->sent[i] = account->sent;
        out->p95_us[i] =
            account->waits_len > 0 ? account->waits_us[account->waits_len * 95 / 100] : INT64_MAX;
    }
}

/* The budget is nine tenths of the quota. */
#define BUDGET (SESSIONS * NEED / 2 * 0.9 * (double)RUN / MINUTE)
#define SHARE  (BUDGET / SESSIONS)

struct verdict {
    unsigned fewer, later; /* sessions with under 95 % of their finals, over 110 % of their p95 */
    double least, latest;  /* the worst of each, as a share */
    bool greedy_exceeds, newcomers_wait;
};

static struct verdict judge(const struct outcome *without, const struct outcome *with)
{
    struct verdict verdict = {.least = 1e9};
    for (unsigned i = 0; i < SESSIONS - 1; i++) {
        double got = with->in_time[i] / (double)without->in_time[i];
        double late = (double)with->p95_us[i] / (double)without->p95_us[i];
        verdict.fewer += got < 0.95;
        verdict.later += late > 1.10;
        verdict.least = got < verdict.least ? got : verdict.least;
        verdict.latest = late > verdict.latest ? late : verdict.latest;
    }
    verdict.newcomers_wait = with->newcomer_worst > SESSIONS + 1; /* a round, at most */
    verdict.greedy_exceeds =
        with->sent[SESSIONS - 1] > SHARE * 1.05 + SCHEDULER_LEAD_FINAL_TRANSLATION;
    return verdict;
}

static void tell(const char *name, const struct verdict *verdict, const struct outcome *with)
{
    printf("%s: the others get at least %.1f %% of their finals (%u under 95 %%), p95 at most "
           "%.0f %% (%u over 110 %%);\n"
           "    the greedy one sends %u, the others %u on average, a share is %.0f; newcomers wait "
           "for %u requests at most\n",
           name, verdict->least * 100, verdict->fewer, verdict->latest * 100, verdict->later,
           with->sent[SESSIONS - 1], (with->all_sent - with->sent[SESSIONS - 1]) / (SESSIONS - 1),
           SHARE, with->newcomer_worst);
}

static void round_greedy(void)
{
    static struct outcome without, with;
    world_run(&(struct scenario){.speaking = SESSIONS - 1});
    outcome_take(&without);
    world_run(&(struct scenario){.speaking = SESSIONS - 1, .greedy = true});
    outcome_take(&with);
    struct verdict fair = judge(&without, &with);
    tell("fair share", &fair, &with);
    HOLD(fair.fewer == 0 && fair.later == 0 && !fair.newcomers_wait && !fair.greedy_exceeds);
    HOLD(with.sent[SESSIONS - 1] >= SHARE * 0.95);
    for (unsigned i = 0; i < SESSIONS; i++) /* what is shed is shed evenly */
        HOLD(with.sent[i] >= SHARE * 0.9 && with.sent[i] <= SHARE * 1.1);
    HOLD(with.all_sent >= BUDGET * 0.99 && with.all_sent <= BUDGET * 1.01);

    /* The same judgement of the scheduler's absence: nothing of it holds. */
    world_run(&(struct scenario){.speaking = SESSIONS - 1, .greedy = true, .first_come = true});
    outcome_take(&with);
    struct verdict first_come = judge(&without, &with);
    tell("first come", &first_come, &with);
    HOLD(first_come.fewer + first_come.later >= (SESSIONS - 1) * 9 / 10);
    HOLD(first_come.greedy_exceeds && first_come.newcomers_wait);
}

/* Most of the others are silent for a while: theirs is the greedy one's, until they speak. */
static void round_idle(void)
{
    world_begin(&(struct scenario){.speaking = TALKING, .greedy = true});
    advance(2 * MINUTE);
    unsigned sent = world.measured, greedy = world.accounts[SESSIONS - 1].sent;
    printf("%u of 200 speak: the greedy one sends %u of %u\n", TALKING, greedy, sent);
    HOLD(sent >= SESSIONS * NEED / 2 * 0.9 * 0.99);
    HOLD(greedy >= sent * 3 / 10); /* 1,800 of 5,400 a minute, the others want no more */
    for (unsigned i = 0; i < TALKING; i++)
        HOLD(world.accounts[i].in_time >= world.accounts[i].finals - 4); /* under way */
    /* All come back at once: from their first final on nobody waits for the greedy one. */
    for (unsigned i = TALKING; i < SESSIONS - 1; i++) {
        struct voice *voice = &world.voices[i];
        voice->begun_us = world.now_us + rng_range(&voice->rng, 0, ROUND);
        heap_reserve(&world.voices_next);
        heap_add(&world.voices_next, &voice->next, voice->begun_us);
    }
    advance(2 * MINUTE + 2 * ROUND); /* while they begin, a part is idle still */
    greedy = world.accounts[SESSIONS - 1].sent;
    advance(3 * MINUTE + 2 * ROUND);
    unsigned late = 0;
    for (unsigned i = TALKING; i < SESSIONS - 1; i++) {
        struct account *account = &world.accounts[i];
        HOLD(account->in_time + 4 >= account->finals);
        for (unsigned k = 0; k < account->waits_len; k++)
            late += account->waits_us[k] > 3 * SECOND;
    }
    unsigned share = SESSIONS * NEED / 2 * 9 / 10 / SESSIONS;
    unsigned more = world.accounts[SESSIONS - 1].sent - greedy;
    printf("all speak again: %u finals late, the greedy one sends %u, its share is %u\n", late,
           more, share);
    HOLD(late < 10);
    HOLD(more <= share + share / 10 + SCHEDULER_LEAD_FINAL_TRANSLATION + 2);
    world_end();
}

/* Random weights, costs, errors, cancellations, reorderings: all sessions always want something. */

#define HUNGRY 24
#define EACH   6
#define FLYING 512

struct hungry {
    uint32_t weight;
    double had; /* ordinary requests a unit of weight */
    struct scheduler_item items[EACH];
};

static struct {
    struct rng rng;
    struct scheduler *scheduler;
    struct scheduler_config config;
    struct hungry sessions[HUNGRY];
    struct scheduler_item flying[FLYING]; /* sent; some come back as errors, in any order */
    bool in_use[FLYING];
    int64_t now_us;
    unsigned sent, again, dropped;
} chaos;

static void hunger(unsigned index, struct scheduler_item *item)
{
    struct scheduler_item *shed = NULL;
    *item = (struct scheduler_item){
        .session = index + 1,
        .cls = (enum pool_class)rng_below(&chaos.rng, POOL_CLASSES),
        .weight = chaos.sessions[index].weight,
        .cost = (uint32_t)rng_range(&chaos.rng, 1, 1500),
        .deadline_us = chaos.now_us + rng_range(&chaos.rng, 1, 300) * SECOND,
    };
    HOLD(scheduler_add(chaos.scheduler, item, chaos.now_us, &shed) == 0 && shed == NULL);
}

/* What a request counts for, in the test's own words. */
static double share_of(uint32_t cost)
{
    double requests = chaos.config.requests_per_minute, tokens = chaos.config.tokens_per_minute;
    if (requests == 0)
        return cost / (double)SCHEDULER_QUANTUM;
    double part = tokens == 0 ? 0 : cost * requests / tokens;
    return part > 1 ? part : 1;
}

static struct scheduler_item *flying_slot(void)
{
    unsigned first = (unsigned)rng_below(&chaos.rng, FLYING);
    for (unsigned i = 0; i < FLYING; i++) {
        unsigned at = (first + i) % FLYING;
        if (!chaos.in_use[at]) {
            chaos.in_use[at] = true;
            return &chaos.flying[at];
        }
    }
    return NULL;
}

static bool is_flying(const struct scheduler_item *item)
{
    return item >= chaos.flying && item < chaos.flying + FLYING;
}

/* One that was sent before flies again in its place; another moves out of its session's. */
static void chaos_sent(struct scheduler_item *item)
{
    unsigned index = (unsigned)item->session - 1;
    struct hungry *session = &chaos.sessions[index];
    session->had += share_of(item->cost) / session->weight;
    chaos.sent++;
    if (is_flying(item))
        return;
    struct scheduler_item *slot = flying_slot();
    if (slot != NULL)
        *slot = *item;
    hunger(index, item);
}

static void chaos_dropped(struct scheduler_item *item)
{
    chaos.dropped++;
    if (is_flying(item))
        chaos.in_use[item - chaos.flying] = false;
    else
        hunger((unsigned)item->session - 1, item);
}

/* An answer or an error of whatever is under way. */
static void chaos_land(void)
{
    unsigned at = (unsigned)rng_below(&chaos.rng, FLYING);
    struct scheduler_item *item = &chaos.flying[at];
    if (!chaos.in_use[at] || item->home != NULL)
        return;
    if (rng_below(&chaos.rng, 5) == 0 && item->deadline_us > chaos.now_us) {
        chaos.again++;
        HOLD(scheduler_add_again(chaos.scheduler, item, chaos.now_us) == 0);
        return;
    }
    chaos.in_use[at] = false;
    scheduler_learn(chaos.scheduler, item->cls, rng_range(&chaos.rng, 0, 3 * SECOND));
    scheduler_settle(chaos.scheduler, rng_range(&chaos.rng, -50, 50));
    if (rng_below(&chaos.rng, 500) == 0)
        scheduler_refused(chaos.scheduler, chaos.now_us + rng_range(&chaos.rng, 0, SECOND),
                          chaos.now_us);
}

static void chaos_cancel(void)
{
    unsigned index = (unsigned)rng_below(&chaos.rng, HUNGRY);
    struct scheduler_item *item = &chaos.sessions[index].items[rng_below(&chaos.rng, EACH)];
    scheduler_remove(chaos.scheduler, item, chaos.now_us);
    hunger(index, item);
}

static void chaos_step(void)
{
    struct scheduler_item *item;
    chaos.now_us += rng_range(&chaos.rng, 0, 60000);
    for (unsigned i = 0; i < 40; i++)
        chaos_land();
    if (rng_below(&chaos.rng, 20) == 0)
        chaos_cancel();
    while ((item = scheduler_expire(chaos.scheduler, chaos.now_us)) != NULL)
        chaos_dropped(item);
    for (unsigned i = 0; i < 200; i++) {
        item = scheduler_take(chaos.scheduler, chaos.now_us);
        if (item == NULL)
            break;
        HOLD(item->deadline_us > chaos.now_us);
        chaos_sent(item);
    }
}

static void round_chaos(uint64_t chaos_seed)
{
    static const uint32_t requests[] = {0, 1000, 6000}, tokens[] = {0, 1000000, 6000000};
    memset(&chaos, 0, sizeof chaos);
    rng_init(&chaos.rng, chaos_seed);
    unsigned kind = 1 + (unsigned)rng_below(&chaos.rng, 8); /* at least one limit */
    chaos.config = (struct scheduler_config){.requests_per_minute = requests[kind % 3],
                                             .tokens_per_minute = tokens[kind / 3],
                                             .queue_max = 10000};
    chaos.scheduler = scheduler_create(&chaos.config, 0);
    double largest = share_of(1500);
    for (unsigned i = 0; i < HUNGRY; i++) {
        chaos.sessions[i].weight = (uint32_t)rng_range(&chaos.rng, 1, 5);
        for (unsigned k = 0; k < EACH; k++)
            hunger(i, &chaos.sessions[i].items[k]);
    }
    for (unsigned step = 0; step < 3000; step++) {
        chaos_step();
        double least = 1e18, most = 0;
        for (unsigned i = 0; i < HUNGRY; i++) {
            double had = chaos.sessions[i].had;
            least = had < least ? had : least;
            most = had > most ? had : most;
        }
        /* Nobody has had more than a lead and one request beyond anybody else. */
        HOLD(most - least <= SCHEDULER_LEAD_FINAL_TRANSLATION + largest + 0.5);
    }
    HOLD(chaos.sent > 500 && chaos.again > 0 && chaos.dropped > 0);
    while (scheduler_drain(chaos.scheduler, chaos.now_us) != NULL)
        ;
    scheduler_destroy(chaos.scheduler);
}

int main(int argc, char **argv)
{
    const char *text = getenv("SOTTO_SIM_SCALE");
    double scale = text != NULL && strtod(text, NULL) > 0 ? strtod(text, NULL) : 1;
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : rng_seed() % 1000000;
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    uint64_t first = seed;
    for (unsigned i = 0; i < scale; i++, seed++) {
        round_greedy();
        round_idle();
        for (unsigned k = 0; k < 10; k++)
            round_chaos(seed * 100 + k);
    }
    printf("seeds %llu to %llu hold\n", (unsigned long long)first, (unsigned long long)seed - 1);
    return 0;
}
