#include "pool/budget.h"

#include "pool/limits.h"
#include <assert.h>

static uint32_t side_limit(const struct budget *budget, const struct budget_side *side)
{
    uint32_t limit = side->configured;
    if (side->told > 0 && (limit == 0 || side->told < limit))
        limit = side->told;
    uint64_t left = (uint64_t)limit * budget->cut_permille / 1000;
    return limit > 0 && left == 0 ? 1 : (uint32_t)left;
}

/* The burst of a small limit of requests is a tenth of it, where that is few. */
static uint32_t side_burst(const struct budget *budget, const struct budget_side *side,
                           uint32_t limit)
{
    if (side == &budget->tokens)
        return BUDGET_BURST_TOKENS;
    return limit / 10 < BUDGET_BURST_REQUESTS ? limit / 10 : BUDGET_BURST_REQUESTS;
}

static void side_apply(const struct budget *budget, struct budget_side *side, int64_t now_us)
{
    uint32_t limit = side_limit(budget, side);
    if (limit != side->bucket.limit)
        bucket_resize(&side->bucket, limit, side_burst(budget, side, limit), now_us);
}

void budget_init(struct budget *budget, uint32_t requests, uint32_t tokens, int64_t now_us)
{
    *budget = (struct budget){
        .requests = {.configured = requests},
        .tokens = {.configured = tokens},
        .cut_permille = 1000,
        .cut_us = now_us - BUDGET_CUT_EVERY_US,
        .pause_us = INT64_MIN,
    };
    bucket_init(&budget->requests.bucket, requests, side_burst(budget, &budget->requests, requests),
                now_us);
    bucket_init(&budget->tokens.bucket, tokens, side_burst(budget, &budget->tokens, tokens),
                now_us);
}

/* Gives back what refusals have cost, a step each second. */
static void recover(struct budget *budget, int64_t now_us)
{
    int64_t seconds = (now_us - budget->recovered_us) / BUDGET_CUT_EVERY_US;
    if (budget->cut_permille == 1000 || seconds == 0)
        return;
    budget->recovered_us += seconds * BUDGET_CUT_EVERY_US;
    int64_t permille = budget->cut_permille + seconds * BUDGET_RECOVER_PERMILLE;
    budget->cut_permille = permille < 1000 ? (uint32_t)permille : 1000;
    side_apply(budget, &budget->requests, now_us);
    side_apply(budget, &budget->tokens, now_us);
}

int64_t budget_due(struct budget *budget, uint32_t tokens, int64_t now_us)
{
    recover(budget, now_us);
    int64_t due_us = bucket_due(&budget->requests.bucket, 1, now_us);
    int64_t tokens_us = bucket_due(&budget->tokens.bucket, tokens, now_us);
    if (tokens_us > due_us)
        due_us = tokens_us;
    return due_us > budget->pause_us ? due_us : budget->pause_us;
}

void budget_take(struct budget *budget, uint32_t tokens)
{
    bucket_take(&budget->requests.bucket, 1);
    bucket_take(&budget->tokens.bucket, tokens);
}

void budget_charge(struct budget *budget, uint32_t tokens)
{
    bucket_give(&budget->requests.bucket, -1);
    bucket_give(&budget->tokens.bucket, -(int64_t)tokens);
}

void budget_refund(struct budget *budget, uint32_t tokens)
{
    bucket_give(&budget->requests.bucket, 1);
    bucket_give(&budget->tokens.bucket, tokens);
}

void budget_settle(struct budget *budget, int64_t delta)
{
    bucket_give(&budget->tokens.bucket, delta);
}

void budget_refused(struct budget *budget, int64_t until_us, int64_t now_us)
{
    if (until_us > budget->pause_us)
        budget->pause_us = until_us;
    /* Those that were under way together are one refusal. */
    if (now_us - budget->cut_us < BUDGET_CUT_EVERY_US)
        return;
    uint32_t permille = budget->cut_permille * 7 / 8;
    budget->cut_permille = permille > BUDGET_CUT_PERMILLE_MIN ? permille : BUDGET_CUT_PERMILLE_MIN;
    budget->cut_us = budget->recovered_us = now_us;
    side_apply(budget, &budget->requests, now_us);
    side_apply(budget, &budget->tokens, now_us);
}

/* The lower one of two limits that are told in turn (each model may have its own) holds. */
static void side_told(struct budget_side *side, uint32_t limit, int64_t now_us)
{
    if (limit == 0 || limit == UINT32_MAX)
        return;
    if (side->told != 0 && limit > side->told && now_us - side->told_us < BUDGET_TOLD_KEEP_US)
        return;
    side->told = limit;
    side->told_us = now_us;
}

void budget_observe(struct budget *budget, const struct budget_told *told, int64_t now_us)
{
    side_told(&budget->requests, told->requests_limit, now_us);
    side_told(&budget->tokens, told->tokens_limit, now_us);
    side_apply(budget, &budget->requests, now_us);
    side_apply(budget, &budget->tokens, now_us);
    if (told->requests_left != UINT32_MAX)
        bucket_correct(&budget->requests.bucket, told->requests_left, now_us);
    if (told->tokens_left != UINT32_MAX)
        bucket_correct(&budget->tokens.bucket, told->tokens_left, now_us);
}

uint32_t budget_share(const struct budget *budget, uint32_t tokens)
{
    uint64_t requests = budget->requests.bucket.limit, all = budget->tokens.bucket.limit;
    uint64_t share = requests > 0 ? 1000 : 1;
    uint64_t by_tokens = 0;
    if (requests == 0)
        by_tokens = (uint64_t)tokens * 1000 / SCHEDULER_QUANTUM;
    else if (all > 0)
        by_tokens = (uint64_t)tokens * 1000 * requests / all;
    if (by_tokens > share)
        share = by_tokens;
    return share < SCHEDULER_SHARE_MAX ? (uint32_t)share : SCHEDULER_SHARE_MAX;
}
