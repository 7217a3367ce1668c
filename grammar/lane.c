#include "base/mem.h"
#include "base/status.h"
#include "base/turns.h"
#include "grammar/grammar.h"
#include "grammar/internal.h"
#include "grammar/limits.h"
#include <assert.h>

/* What a lane keeps of a segment between its first source and its final. */
struct segment {
    struct turn turn;             /* first: turns know no more */
    struct grammar_result result; /* what waits to be shown; empty when it failed */
};

struct grammar_lane {
    struct turns turns;
    char *language, *explain_in;
    struct grammar_ops ops;
    void *ctx;
};

static struct segment *segment_of(struct turn *turn)
{
    return (struct segment *)turn;
}

/* --- as turns see it --- */

static int lane_ask(void *ctx, const struct turn_ask *asked)
{
    struct grammar_lane *lane = ctx;
    struct grammar_ask ask = {
        .ask = asked->ask,
        .segment = asked->segment,
        .source_rev = asked->source_rev,
        .final = asked->final,
        .language = lane->language,
        .explain_in = lane->explain_in,
        .text = asked->text,
        .deadline_us = asked->deadline_us,
        .lat = asked->lat,
    };
    return lane->ops.ask(lane->ctx, &ask);
}

static void lane_cancel(void *ctx, uint32_t ask)
{
    struct grammar_lane *lane = ctx;
    lane->ops.cancel(lane->ctx, ask);
}

static void lane_show(void *ctx, struct turn *turn)
{
    struct grammar_lane *lane = ctx;
    const struct turn_pending *pending = &turn->pending;
    struct grammar_show message = {
        .segment = turn->number,
        .rev = turn->rev,
        .source_rev = pending->source.rev,
        .final = pending->final,
        .result = pending->failed == NULL ? &segment_of(turn)->result : NULL,
        .failed = pending->failed,
        .lat = pending->lat,
    };
    lane->ops.show(lane->ctx, &message);
}

/* Nothing to correct: the text is its own correction. */
static int segment_blank(struct turn *turn, const char *text)
{
    char *corrected = mem_strdup(text);
    if (corrected == NULL)
        return STATUS_NOMEM;
    segment_of(turn)->result = (struct grammar_result){.corrected = corrected};
    return STATUS_OK;
}

static void answer_clear(struct turn *turn)
{
    grammar_result_free(&segment_of(turn)->result);
}

static const struct turns_kind kind = {
    .turn_bytes = sizeof(struct segment),
    .first_words = GRAMMAR_FIRST_WORDS,
    .word_count = grammar__word_count,
    .words_changed = grammar__words_changed,
    .ask = lane_ask,
    .cancel = lane_cancel,
    .show = lane_show,
    .blank = segment_blank,
    .answer_clear = answer_clear,
};

/* --- as the session sees it --- */

int grammar_lane_create(struct grammar_lane **out, const struct grammar_config *config,
                        const struct grammar_ops *ops, void *ctx)
{
    assert(config->language != NULL);
    assert(ops->ask != NULL && ops->cancel != NULL && ops->show != NULL);
    struct grammar_lane *lane = mem_calloc(1, sizeof *lane);
    if (lane == NULL)
        return STATUS_NOMEM;
    struct turns_config turns = {
        .partials = config->partials,
        .eager = config->eager,
        .partial_gap_ms = config->partial_gap_ms,
        .partial_words = config->partial_words,
        .first_words = config->first_words,
        .final_deadline_ms = config->final_deadline_ms,
        .partial_deadline_ms = config->partial_deadline_ms,
    };
    lane->ops = *ops;
    lane->ctx = ctx;
    lane->language = mem_strdup(config->language);
    if (config->explain_in != NULL && config->explain_in[0] != '\0')
        lane->explain_in = mem_strdup(config->explain_in);
    else
        lane->explain_in = mem_strdup(config->language);
    int status = turns_init(&lane->turns, &kind, &turns, lane);
    if (lane->language == NULL || lane->explain_in == NULL || status != STATUS_OK) {
        grammar_lane_destroy(lane);
        return STATUS_NOMEM;
    }
    *out = lane;
    return STATUS_OK;
}

void grammar_lane_destroy(struct grammar_lane *lane)
{
    if (lane == NULL)
        return;
    turns_deinit(&lane->turns);
    mem_free(lane->explain_in);
    mem_free(lane->language);
    mem_free(lane);
}

void grammar_lane_explain(struct grammar_lane *lane, const char *explain_in)
{
    bool named = explain_in != NULL && explain_in[0] != '\0';
    char *copy = mem_strdup(named ? explain_in : lane->language);
    if (copy == NULL)
        return;
    mem_free(lane->explain_in);
    lane->explain_in = copy;
}

void grammar_lane_source(struct grammar_lane *lane, const struct grammar_source *source,
                         int64_t now_us)
{
    struct turn_source given = {
        .segment = source->segment,
        .revision = {.rev = source->rev},
        .final = source->final,
        .text = source->text,
        .lat = source->lat,
    };
    turns_source(&lane->turns, &given, now_us);
}

static void partial_answer(struct grammar_lane *lane, struct turn *turn,
                           const struct grammar_result *result, const struct lat *lat,
                           int64_t now_us)
{
    struct turn_revision source = turns_partial_end(&lane->turns);
    struct grammar_result copy;
    if (grammar__result_copy(result, &copy) != STATUS_OK)
        return;
    struct lat now = turns_lat(lat, &turn->lat, now_us);
    turns_put(&lane->turns, turn, false, &source, &now);
    segment_of(turn)->result = copy;
}

static void final_answer(struct grammar_lane *lane, struct turn *turn,
                         const struct grammar_result *result, const struct lat *lat, int64_t now_us)
{
    struct grammar_result copy;
    turn->lat = turns_lat(lat, &turn->lat, now_us);
    int status = grammar__result_copy(result, &copy);
    if (status != STATUS_OK) {
        turns_final_failed(&lane->turns, turn, status, now_us);
        return;
    }
    turns_put(&lane->turns, turn, true, &turn->source, &turn->lat);
    segment_of(turn)->result = copy;
}

void grammar_lane_answer(struct grammar_lane *lane, uint32_t ask,
                         const struct grammar_result *result, const struct lat *lat, int64_t now_us)
{
    assert(result != NULL && result->corrected != NULL);
    bool partial;
    struct turn *turn = turns_asked(&lane->turns, ask, &partial);
    if (turn == NULL)
        return;
    if (partial)
        partial_answer(lane, turn, result, lat, now_us);
    else
        final_answer(lane, turn, result, lat, now_us);
    turns_settle(&lane->turns, now_us);
}

void grammar_lane_failed(struct grammar_lane *lane, uint32_t ask, int status, const struct lat *lat,
                         int64_t now_us)
{
    turns_failed(&lane->turns, ask, status, lat, now_us);
}

int64_t grammar_lane_tick(struct grammar_lane *lane, int64_t now_us)
{
    return turns_tick(&lane->turns, now_us);
}

uint32_t grammar_lane_owed(const struct grammar_lane *lane)
{
    return turns_owed(&lane->turns);
}
