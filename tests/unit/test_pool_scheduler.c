/* The scheduler: shares, weights, classes, budgets, deadlines, room in a full queue. Time is a
 * number. */
#include "base/status.h"
#include "pool/limits.h"
#include "pool/scheduler.h"
#include "tests/check.h"

#define ITEMS  4096
#define SECOND 1000000
#define MINUTE (60 * (int64_t)SECOND)
#define NO_LIMIT                                                                                   \
    {                                                                                              \
        .queue_max = ITEMS                                                                         \
    }

static struct scheduler_item items[ITEMS];
static unsigned items_len;

static struct scheduler *begin(struct scheduler_config config)
{
    items_len = 0;
    return scheduler_create(&config, 0);
}

static struct scheduler_item *item(uint64_t session, enum pool_class cls, uint32_t cost)
{
    struct scheduler_item *new = &items[items_len++];
    *new = (struct scheduler_item){
        .session = session, .cls = cls, .weight = 1, .cost = cost, .deadline_us = INT64_MAX / 2};
    return new;
}

static struct scheduler_item *add(struct scheduler *scheduler, uint64_t session,
                                  enum pool_class cls, uint32_t cost)
{
    struct scheduler_item *shed = NULL, *new = item(session, cls, cost);
    CHECK_EQ(scheduler_add(scheduler, new, 0, &shed), 0);
    CHECK(shed == NULL);
    return new;
}

static void end(struct scheduler *scheduler)
{
    while (scheduler_drain(scheduler, 0) != NULL)
        ;
    CHECK_EQ(scheduler_len(scheduler), 0);
    scheduler_destroy(scheduler);
}

/* Takes `count` and adds up cost by session (1 … 9). */
static void take_shares(struct scheduler *scheduler, unsigned count, uint64_t shares[10])
{
    for (unsigned i = 0; i < count; i++) {
        struct scheduler_item *taken = scheduler_take(scheduler, 0);
        CHECK(taken != NULL);
        if (taken != NULL)
            shares[taken->session] += taken->cost;
    }
}

static void test_classes_within_a_session(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    struct scheduler_item *pg = add(s, 1, POOL_PARTIAL_GRAMMAR, 10);
    struct scheduler_item *pt = add(s, 1, POOL_PARTIAL_TRANSLATION, 10);
    struct scheduler_item *fg = add(s, 1, POOL_FINAL_GRAMMAR, 10);
    struct scheduler_item *ft = add(s, 1, POOL_FINAL_TRANSLATION, 10);
    struct scheduler_item *ft2 = add(s, 1, POOL_FINAL_TRANSLATION, 10);
    CHECK(scheduler_take(s, 0) == ft);
    CHECK(scheduler_take(s, 0) == ft2);
    CHECK(scheduler_take(s, 0) == fg);
    CHECK(scheduler_take(s, 0) == pt);
    CHECK(scheduler_take(s, 0) == pg);
    CHECK(scheduler_take(s, 0) == NULL);
    end(s);
}

static void test_greedy_session_gets_its_share_only(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    uint64_t shares[10] = {0};
    for (unsigned i = 0; i < 1000; i++)
        add(s, 1, POOL_FINAL_TRANSLATION, 300);
    for (unsigned i = 0; i < 50; i++)
        for (uint64_t session = 2; session <= 5; session++)
            add(s, session, POOL_FINAL_TRANSLATION, 300);
    take_shares(s, 200, shares);
    for (uint64_t session = 1; session <= 5; session++)
        CHECK(shares[session] >= 39 * 300 && shares[session] <= 41 * 300);
    end(s);
}

/* Shares are in tokens: whoever asks for more at a time is asked to wait longer. */
static void test_shares_are_in_tokens(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    uint64_t shares[10] = {0};
    for (unsigned i = 0; i < 1000; i++) {
        add(s, 1, POOL_FINAL_TRANSLATION, 2000);
        add(s, 2, POOL_FINAL_TRANSLATION, 100);
    }
    take_shares(s, 630, shares);
    CHECK(shares[1] > shares[2] * 9 / 10 && shares[1] < shares[2] * 11 / 10);
    end(s);
}

static void test_weights(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    uint64_t shares[10] = {0};
    for (unsigned i = 0; i < 900; i++) {
        struct scheduler_item *shed, *heavy = item(1, POOL_FINAL_TRANSLATION, 300);
        heavy->weight = 3;
        CHECK_EQ(scheduler_add(s, heavy, 0, &shed), 0);
        add(s, 2, POOL_FINAL_TRANSLATION, 300);
    }
    take_shares(s, 800, shares);
    CHECK(shares[1] > shares[2] * 28 / 10 && shares[1] < shares[2] * 32 / 10);
    end(s);
}

static void test_newcomer_is_served_within_a_round(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    for (unsigned i = 0; i < 500; i++)
        for (uint64_t session = 1; session <= 5; session++)
            add(s, session, POOL_FINAL_TRANSLATION, 256);
    uint64_t shares[10] = {0};
    take_shares(s, 100, shares);
    add(s, 9, POOL_FINAL_TRANSLATION, 256);
    take_shares(s, 6, shares);
    CHECK_EQ(shares[9], 256);
    end(s);
}

/* Where others have finals only, a newcomer's partial waits out their lead, and no longer. */
static void test_lead_of_finals_ends(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    for (unsigned i = 0; i < 200; i++)
        for (uint64_t session = 1; session <= 5; session++)
            add(s, session, POOL_FINAL_TRANSLATION, 256);
    uint64_t shares[10] = {0};
    add(s, 9, POOL_PARTIAL_GRAMMAR, 256);
    take_shares(s, 5 * SCHEDULER_LEAD_FINAL_TRANSLATION, shares);
    CHECK_EQ(shares[9], 0);
    take_shares(s, 6, shares);
    CHECK_EQ(shares[9], 256);
    end(s);
}

/* Finals run ahead of the partials of others, and are paid back by the session's own partials. */
static void test_finals_run_ahead_of_partials(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    for (unsigned i = 0; i < 100; i++)
        for (uint64_t session = 1; session <= 5; session++)
            add(s, session, POOL_PARTIAL_TRANSLATION, 256);
    uint64_t shares[10] = {0};
    take_shares(s, 20, shares);
    for (unsigned i = 0; i < 6; i++)
        add(s, 1, POOL_FINAL_TRANSLATION, 256);
    take_shares(s, 6, shares);
    CHECK_EQ(shares[1], 10 * 256);
    take_shares(s, 24, shares);
    for (uint64_t session = 1; session <= 5; session++)
        CHECK_EQ(shares[session], 10 * 256);
    end(s);
}

/* Corrections wait before translations do, of whatever session. */
static void test_partial_grammar_goes_last(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    for (uint64_t session = 1; session <= 5; session++)
        add(s, session, POOL_PARTIAL_GRAMMAR, 256);
    for (uint64_t session = 5; session <= 9; session++)
        add(s, session, POOL_PARTIAL_TRANSLATION, 256);
    for (unsigned i = 0; i < 5; i++)
        CHECK_EQ(scheduler_take(s, 0)->cls, POOL_PARTIAL_TRANSLATION);
    for (unsigned i = 0; i < 5; i++)
        CHECK_EQ(scheduler_take(s, 0)->cls, POOL_PARTIAL_GRAMMAR);
    end(s);
}

/* With both limits set, a request costs of its session's share what it takes of the scarcer one. */
static void test_shares_by_the_scarcer_limit(void)
{
    struct scheduler *s = begin((struct scheduler_config){
        .requests_per_minute = 60000, .tokens_per_minute = 6000000, .queue_max = ITEMS});
    uint64_t shares[10] = {0};
    for (unsigned i = 0; i < 500; i++) {
        add(s, 1, POOL_FINAL_TRANSLATION, 10); /* as much of a request as one of 100 */
        add(s, 2, POOL_FINAL_TRANSLATION, 100);
        add(s, 3, POOL_FINAL_TRANSLATION, 400);
    }
    take_shares(s, 450, shares);
    CHECK(shares[1] / 10 >= 199 && shares[1] / 10 <= 201);
    CHECK(shares[2] / 100 >= 199 && shares[2] / 100 <= 201);
    CHECK(shares[3] / 400 >= 49 && shares[3] / 400 <= 51);
    end(s);
}

static struct scheduler_item *add_lane(struct scheduler *s, enum pool_class cls, uint32_t lane,
                                       int64_t now_us, struct scheduler_item **shed)
{
    struct scheduler_item *new = item(1, cls, 100);
    new->lane = lane;
    new->deadline_us = now_us + 4 * SECOND;
    *shed = NULL;
    CHECK_EQ(scheduler_add(s, new, now_us, shed), 0);
    return new;
}

/* The newest partial of a lane takes the place of the one that waits; a final of the lane ends it.
 */
static void test_newest_partial_wins(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    struct scheduler_item *shed;
    struct scheduler_item *first = add_lane(s, POOL_PARTIAL_TRANSLATION, 1, 0, &shed);
    struct scheduler_item *other = add_lane(s, POOL_PARTIAL_TRANSLATION, 2, 0, &shed);
    struct scheduler_item *grammar = add_lane(s, POOL_PARTIAL_GRAMMAR, 3, 0, &shed);
    CHECK(shed == NULL);
    struct scheduler_item *second = add_lane(s, POOL_PARTIAL_TRANSLATION, 1, 0, &shed);
    CHECK(shed == first && shed->status == STATUS_CANCELLED);
    CHECK(scheduler_take(s, 0) == second);
    struct scheduler_item *third = add_lane(s, POOL_PARTIAL_TRANSLATION, 1, 0, &shed);
    CHECK(shed == NULL); /* the second is on its way: that is the lane's to cancel */
    struct scheduler_item *final = add_lane(s, POOL_FINAL_TRANSLATION, 1, 0, &shed);
    CHECK(shed == third);
    CHECK(scheduler_take(s, 0) == final);
    add_lane(s, POOL_FINAL_TRANSLATION, 1, 0, &shed);
    CHECK(shed == NULL); /* finals are never replaced */
    CHECK_EQ(scheduler_len(s), 3);
    scheduler_remove(s, other, 0);
    scheduler_remove(s, grammar, 0);
    end(s);
}

/* What waited for budget says so, what did not says what it died of. */
static void test_status_of_the_unsent(void)
{
    struct scheduler *s =
        begin((struct scheduler_config){.requests_per_minute = 60, .queue_max = ITEMS});
    struct scheduler_item *shed;
    struct scheduler_item *early = add_lane(s, POOL_PARTIAL_TRANSLATION, 1, 0, &shed);
    CHECK(scheduler_expire(s, 4 * SECOND) == early && early->status == STATUS_TIMEOUT);
    while (add(s, 2, POOL_FINAL_TRANSLATION, 1), scheduler_take(s, 4 * SECOND) != NULL)
        ;
    add_lane(s, POOL_PARTIAL_TRANSLATION, 1, 4 * SECOND, &shed);
    CHECK(scheduler_take(s, 4 * SECOND) == NULL);
    add_lane(s, POOL_PARTIAL_TRANSLATION, 1, 4 * SECOND, &shed);
    CHECK(shed != NULL && shed->status == STATUS_CANCELLED); /* it has not waited yet */
    scheduler_refused(s, 60 * SECOND, 4 * SECOND);
    CHECK(scheduler_take(s, 5 * SECOND) == NULL);
    struct scheduler_item *late = add_lane(s, POOL_PARTIAL_TRANSLATION, 1, 5 * SECOND, &shed);
    CHECK(shed != NULL && shed->status == STATUS_BUDGET);
    CHECK(scheduler_take(s, 5 * SECOND) == NULL);
    CHECK(scheduler_expire(s, 9 * SECOND) == late && late->status == STATUS_BUDGET);
    end(s);
}

static void test_idle_share_flows_on(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    uint64_t shares[10] = {0};
    add(s, 2, POOL_FINAL_TRANSLATION, 300);
    for (unsigned i = 0; i < 100; i++)
        add(s, 1, POOL_FINAL_TRANSLATION, 300);
    take_shares(s, 101, shares);
    CHECK_EQ(shares[1], 100 * 300);
    CHECK_EQ(scheduler_len(s), 0);
    end(s);
}

/* Asking one at a time must not hide an overdraft. */
static void test_overdraft_is_remembered(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    uint64_t shares[10] = {0};
    for (unsigned i = 0; i < 1000; i++)
        add(s, 2, POOL_FINAL_TRANSLATION, 250);
    struct scheduler_item *big = add(s, 1, POOL_FINAL_TRANSLATION, 4000);
    for (unsigned taken = 0; taken < 400; taken++) {
        struct scheduler_item *next = scheduler_take(s, 0), *shed;
        shares[next->session] += next->cost;
        if (next == big) {
            *big =
                (struct scheduler_item){.session = 1, .cost = 4000, .deadline_us = INT64_MAX / 2};
            CHECK_EQ(scheduler_add(s, big, 0, &shed), 0);
        }
    }
    CHECK(shares[1] < shares[2] * 12 / 10);
    CHECK(shares[1] > shares[2] * 8 / 10);
    end(s);
}

/* A second try is its session's affair, whether that has other work or not. */
static void test_second_try_is_charged_to_its_session(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    for (unsigned i = 0; i < 20; i++) {
        add(s, 1, POOL_PARTIAL_GRAMMAR, 256);
        add(s, 2, POOL_PARTIAL_GRAMMAR, 256);
    }
    struct scheduler_item *sent = scheduler_take(s, 0);
    uint64_t first = sent->session, shares[10] = {0};
    for (unsigned i = 0; i < 5; i++)
        CHECK(scheduler_spend(s, sent, 0));
    take_shares(s, 10, shares);
    CHECK(shares[3 - first] == 8 * 256 && shares[first] == 2 * 256);
    /* One without work is charged too, and comes back behind by that. */
    struct scheduler_item *idle = item(3, POOL_PARTIAL_GRAMMAR, 256);
    for (unsigned i = 0; i < 4; i++)
        CHECK(scheduler_spend(s, idle, 0));
    add(s, 3, POOL_PARTIAL_GRAMMAR, 256);
    take_shares(s, 6, shares);
    CHECK_EQ(shares[3], 0);
    take_shares(s, 6, shares);
    CHECK_EQ(shares[3], 256);
    end(s);
}

/* Who has a hundred finals waiting does not keep the partials of others waiting for them. */
static void test_a_flood_has_no_lead(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    uint64_t shares[10] = {0};
    for (unsigned i = 0; i < 400; i++)
        add(s, 1, POOL_FINAL_TRANSLATION, 256);
    take_shares(s, 100, shares);
    for (unsigned round = 0; round < 20; round++) {
        shares[1] = shares[2] = shares[3] = 0;
        add(s, 2, POOL_PARTIAL_GRAMMAR, 256);
        add(s, 3, POOL_PARTIAL_TRANSLATION, 256);
        take_shares(s, 5, shares);
        CHECK(shares[2] == 256 && shares[3] == 256);
    }
    end(s);
}

/* Running ahead, falling silent and running ahead again is no way to more than a share. */
static void test_silence_pays_no_debt(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    struct scheduler_item *finals[100], *shed = NULL;
    uint64_t shares[10] = {0};
    for (unsigned i = 0; i < 100; i++)
        for (uint64_t session = 2; session <= 5; session++)
            add(s, session, POOL_PARTIAL_TRANSLATION, 256);
    for (unsigned i = 0; i < 100; i++)
        finals[i] = add(s, 1, POOL_FINAL_TRANSLATION, 256);
    take_shares(s, 60, shares);
    CHECK_EQ(shares[1], 60 * 256); /* within its lead over the partials */
    for (unsigned i = 60; i < 100; i++)
        scheduler_remove(s, finals[i], 0);
    for (unsigned i = 60; i < 100; i++)
        CHECK_EQ(scheduler_add(s, finals[i], MINUTE, &shed), 0);
    take_shares(s, 50, shares);
    CHECK(shares[1] < 80 * 256);
    end(s);
}

static void test_sessions_are_forgotten(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    for (uint64_t session = 1; session <= 2000; session++)
        add(s, session, POOL_FINAL_TRANSLATION, 300);
    CHECK_EQ(scheduler_sessions(s), 2000);
    while (scheduler_take(s, 0) != NULL)
        ;
    CHECK(scheduler_sessions(s) <= SCHEDULER_DEBTORS_MAX);
    struct scheduler_item *shed, *late = item(1, POOL_FINAL_TRANSLATION, 300);
    CHECK_EQ(scheduler_add(s, late, SCHEDULER_DEBT_KEEP_US + 1, &shed), 0);
    CHECK(scheduler_take(s, SCHEDULER_DEBT_KEEP_US + 1) == late);
    CHECK_EQ(scheduler_sessions(s), 1);
    end(s);
}

static void test_requests_a_minute(void)
{
    struct scheduler *s =
        begin((struct scheduler_config){.requests_per_minute = 600, .queue_max = ITEMS});
    for (unsigned i = 0; i < 2000; i++)
        add(s, 1 + i % 3, POOL_FINAL_TRANSLATION, 100);
    unsigned at_once = 0;
    while (scheduler_take(s, 0) != NULL)
        at_once++;
    CHECK_EQ(at_once, 27);
    int64_t due_us = scheduler_due(s, true, 0);
    CHECK(due_us > 0 && due_us <= 111112); /* 9 a second */
    CHECK(scheduler_take(s, due_us - 2) == NULL);
    CHECK(scheduler_take(s, due_us) != NULL);
    unsigned in_minute = at_once + 1;
    for (int64_t now = due_us; now < MINUTE; now += 1000)
        in_minute += scheduler_take(s, now) != NULL;
    CHECK(in_minute <= 567 && in_minute >= 565);
    end(s);
}

static void test_tokens_a_minute(void)
{
    struct scheduler *s =
        begin((struct scheduler_config){.tokens_per_minute = 60000, .queue_max = ITEMS});
    for (unsigned i = 0; i < 1000; i++)
        add(s, 1, POOL_FINAL_TRANSLATION, 500);
    unsigned taken = 0;
    for (int64_t now = 0; now < MINUTE; now += 1000)
        taken += scheduler_take(s, now) != NULL;
    CHECK(taken * 500 <= 58096 && taken * 500 >= 57000);
    struct scheduler_item *shed, *huge = item(2, POOL_FINAL_TRANSLATION, 4097);
    CHECK_EQ(scheduler_add(s, huge, MINUTE, &shed), STATUS_BUDGET);
    end(s);
}

static void test_settlement(void)
{
    struct scheduler *s =
        begin((struct scheduler_config){.tokens_per_minute = 60000, .queue_max = ITEMS});
    struct scheduler_item *first = add(s, 1, POOL_FINAL_TRANSLATION, 4096);
    struct scheduler_item *second = add(s, 1, POOL_FINAL_TRANSLATION, 3000);
    CHECK(scheduler_take(s, 0) == first);
    CHECK(scheduler_take(s, 0) == NULL);
    scheduler_settle(s, 3000);
    CHECK(scheduler_take(s, 0) == second);
    scheduler_settle(s, -900); /* used more than was thought: a second's worth of waiting */
    struct scheduler_item *third = add(s, 1, POOL_FINAL_TRANSLATION, 900);
    CHECK(scheduler_take(s, 1999000) == NULL);
    CHECK(scheduler_take(s, 2001000) == third);
    end(s);
}

static void test_refusal_pauses(void)
{
    struct scheduler *s = begin((struct scheduler_config){
        .requests_per_minute = 6000, .tokens_per_minute = 600000, .queue_max = ITEMS});
    for (unsigned i = 0; i < 20; i++)
        add(s, 1, POOL_FINAL_TRANSLATION, 100);
    scheduler_refused(s, 5 * SECOND, 0);
    scheduler_refused(s, 3 * SECOND, 0); /* never shortens */
    CHECK(scheduler_take(s, 5 * SECOND - 1) == NULL);
    CHECK_EQ(scheduler_due(s, true, SECOND), 5 * SECOND);
    CHECK(scheduler_take(s, 5 * SECOND) != NULL);
    struct budget_told told = {UINT32_MAX, 2, UINT32_MAX, UINT32_MAX};
    scheduler_observe(s, &told, 5 * SECOND);
    CHECK(scheduler_take(s, 5 * SECOND) != NULL);
    CHECK(scheduler_take(s, 5 * SECOND) != NULL);
    CHECK(scheduler_take(s, 5 * SECOND) == NULL);
    told = (struct budget_told){UINT32_MAX, UINT32_MAX, UINT32_MAX, 0};
    scheduler_observe(s, &told, 6 * SECOND);
    CHECK(scheduler_take(s, 6 * SECOND) == NULL);
    end(s);
}

static void test_deadlines(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    struct scheduler_item *shed;
    for (unsigned i = 0; i < 50; i++) {
        struct scheduler_item *new = item(1 + i % 4, POOL_FINAL_TRANSLATION, 100);
        new->deadline_us = (int64_t)((i * 37) % 50 + 1) * SECOND;
        CHECK_EQ(scheduler_add(s, new, 0, &shed), 0);
    }
    CHECK(scheduler_expire(s, SECOND - 1) == NULL);
    CHECK_EQ(scheduler_due(s, false, 0), SECOND);
    for (int64_t second = 1; second <= 20; second++) {
        struct scheduler_item *late = scheduler_expire(s, second * SECOND);
        CHECK(late != NULL && late->deadline_us == second * SECOND);
        CHECK(scheduler_expire(s, second * SECOND) == NULL);
    }
    CHECK_EQ(scheduler_len(s), 30);
    end(s);
}

static int64_t given_up_at(struct scheduler *s, enum pool_class cls, int64_t deadline_us)
{
    struct scheduler_item *shed = NULL, *new = item(1, cls, 100);
    new->deadline_us = deadline_us;
    CHECK_EQ(scheduler_add(s, new, 0, &shed), 0);
    int64_t due_us = scheduler_due(s, false, 0);
    CHECK(scheduler_expire(s, due_us - 1) == NULL);
    CHECK(scheduler_expire(s, due_us) == new);
    return due_us;
}

/* What answers take is known before sending: a partial must arrive in time more likely than not, a
 * final with luck; and no estimate takes more than half of the time there is. */
static void test_what_would_be_stale_is_not_sent(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    CHECK_EQ(given_up_at(s, POOL_FINAL_TRANSLATION, 4 * SECOND), 4 * SECOND);
    CHECK_EQ(given_up_at(s, POOL_PARTIAL_TRANSLATION, SECOND), SECOND);
    for (unsigned i = 0; i < 4000; i++) {
        int64_t took_us = (int64_t)(i * 7 % 11) * 100000; /* 0 … 1 s */
        scheduler_learn(s, POOL_PARTIAL_GRAMMAR, took_us);
        scheduler_learn(s, POOL_FINAL_TRANSLATION, took_us);
    }
    int64_t partial_us = SECOND * 3 / 2 - given_up_at(s, POOL_PARTIAL_TRANSLATION, SECOND * 3 / 2);
    int64_t final_us = 4 * SECOND - given_up_at(s, POOL_FINAL_GRAMMAR, 4 * SECOND);
    CHECK(partial_us > 400000 && partial_us < 600000);
    CHECK(final_us > 20000 && final_us < 220000);
    CHECK_EQ(given_up_at(s, POOL_PARTIAL_TRANSLATION, SECOND / 10), SECOND / 20);
    /* The words of a partial are old before its deadline. */
    CHECK_EQ(given_up_at(s, POOL_PARTIAL_TRANSLATION, 10 * SECOND), SCHEDULER_PARTIAL_WAIT_US);
    end(s);
}

static void test_remove_anywhere(void)
{
    struct scheduler *s = begin((struct scheduler_config)NO_LIMIT);
    struct scheduler_item *made[30];
    for (unsigned i = 0; i < 30; i++) {
        made[i] = add(s, 1 + i % 3, (enum pool_class)(i % 4), 100);
        made[i]->deadline_us = INT64_MAX / 2; /* equal deadlines */
    }
    for (unsigned i = 0; i < 30; i += 2)
        scheduler_remove(s, made[i], 0);
    CHECK_EQ(scheduler_len(s), 15);
    unsigned left = 0;
    for (struct scheduler_item *next; (next = scheduler_take(s, 0)) != NULL; left++)
        CHECK_EQ((next - items) % 2, 1);
    CHECK_EQ(left, 15);
    end(s);
}

static void test_sent_again_comes_first(void)
{
    struct scheduler *s = begin((struct scheduler_config){.queue_max = 2});
    struct scheduler_item *again = item(1, POOL_FINAL_TRANSLATION, 100);
    add(s, 1, POOL_FINAL_TRANSLATION, 100);
    add(s, 1, POOL_FINAL_TRANSLATION, 100);
    CHECK_EQ(scheduler_add_again(s, again, 0), 0); /* full, and yet */
    CHECK_EQ(scheduler_len(s), 3);
    CHECK(scheduler_take(s, 0) == again);
    end(s);
}

/* Nobody holds more than twice its part: the oldest of the lowest class makes room for a higher
 * one. */
static void test_full_queue_sheds_lower_classes(void)
{
    struct scheduler *s = begin((struct scheduler_config){.queue_max = 4});
    struct scheduler_item *shed = NULL;
    struct scheduler_item *old = add(s, 1, POOL_PARTIAL_GRAMMAR, 100);
    struct scheduler_item *young = add(s, 2, POOL_PARTIAL_GRAMMAR, 100);
    add(s, 1, POOL_FINAL_TRANSLATION, 100);
    add(s, 2, POOL_FINAL_TRANSLATION, 100);
    struct scheduler_item *partial = item(3, POOL_PARTIAL_TRANSLATION, 100);
    CHECK_EQ(scheduler_add(s, partial, 0, &shed), 0);
    CHECK(shed == old);
    CHECK_EQ(scheduler_add(s, item(3, POOL_FINAL_GRAMMAR, 100), 0, &shed), 0);
    CHECK(shed == young);
    CHECK_EQ(scheduler_add(s, item(4, POOL_FINAL_GRAMMAR, 100), 0, &shed), 0);
    CHECK(shed == partial);
    shed = NULL;
    CHECK_EQ(scheduler_add(s, item(4, POOL_PARTIAL_GRAMMAR, 100), 0, &shed), STATUS_FULL);
    CHECK(shed == NULL);
    CHECK_EQ(scheduler_len(s), 4);
    end(s);
}

/* A session that fills the queue pays for it itself, whatever the classes. */
static void test_full_queue_sheds_the_greedy(void)
{
    struct scheduler *s = begin((struct scheduler_config){.queue_max = 12});
    struct scheduler_item *shed = NULL;
    for (unsigned i = 0; i < 9; i++)
        add(s, 1, POOL_FINAL_TRANSLATION, 100);
    struct scheduler_item *newest = add(s, 1, POOL_FINAL_TRANSLATION, 100);
    add(s, 2, POOL_PARTIAL_GRAMMAR, 100);
    add(s, 3, POOL_PARTIAL_GRAMMAR, 100);
    CHECK_EQ(scheduler_add(s, item(1, POOL_FINAL_TRANSLATION, 100), 0, &shed), STATUS_FULL);
    CHECK(shed == NULL);
    CHECK_EQ(scheduler_add(s, item(2, POOL_PARTIAL_GRAMMAR, 100), 0, &shed), 0);
    CHECK(shed == newest);
    struct scheduler_item *own = item(1, POOL_PARTIAL_GRAMMAR, 100);
    scheduler_remove(s, &items[0], 0);
    CHECK_EQ(scheduler_add(s, own, 0, &shed), 0);
    CHECK_EQ(scheduler_add(s, item(1, POOL_FINAL_GRAMMAR, 100), 0, &shed), 0);
    CHECK(shed == own); /* its own partial for its own final */
    end(s);
}

/* Neither sessions nor classes count, and a full queue refuses the newcomer. */
static void test_first_come(void)
{
    struct scheduler *s = begin((struct scheduler_config){.queue_max = 4, .first_come = true});
    struct scheduler_item *order[4] = {
        add(s, 1, POOL_PARTIAL_GRAMMAR, 5000),
        add(s, 1, POOL_PARTIAL_TRANSLATION, 5000),
        add(s, 1, POOL_PARTIAL_TRANSLATION, 5000),
        add(s, 2, POOL_FINAL_TRANSLATION, 1),
    };
    struct scheduler_item *shed = NULL;
    CHECK_EQ(scheduler_add(s, item(3, POOL_FINAL_TRANSLATION, 1), 0, &shed), STATUS_FULL);
    for (int i = 0; i < 4; i++)
        CHECK(scheduler_take(s, 0) == order[i]);
    end(s);
}

int main(void)
{
    RUN(test_first_come);
    RUN(test_classes_within_a_session);
    RUN(test_greedy_session_gets_its_share_only);
    RUN(test_shares_are_in_tokens);
    RUN(test_weights);
    RUN(test_newcomer_is_served_within_a_round);
    RUN(test_lead_of_finals_ends);
    RUN(test_finals_run_ahead_of_partials);
    RUN(test_partial_grammar_goes_last);
    RUN(test_shares_by_the_scarcer_limit);
    RUN(test_idle_share_flows_on);
    RUN(test_overdraft_is_remembered);
    RUN(test_second_try_is_charged_to_its_session);
    RUN(test_a_flood_has_no_lead);
    RUN(test_silence_pays_no_debt);
    RUN(test_sessions_are_forgotten);
    RUN(test_requests_a_minute);
    RUN(test_tokens_a_minute);
    RUN(test_settlement);
    RUN(test_refusal_pauses);
    RUN(test_deadlines);
    RUN(test_what_would_be_stale_is_not_sent);
    RUN(test_newest_partial_wins);
    RUN(test_status_of_the_unsent);
    RUN(test_remove_anywhere);
    RUN(test_sent_again_comes_first);
    RUN(test_full_queue_sheds_lower_classes);
    RUN(test_full_queue_sheds_the_greedy);
    return check_done();
}
