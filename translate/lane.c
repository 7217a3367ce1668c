#include "base/mem.h"
#include "base/status.h"
#include "base/turns.h"
#include "translate/internal.h"
#include "translate/limits.h"
#include "translate/translate.h"
#include <assert.h>

/* What a lane keeps of a segment between its first source and its final. */
struct segment {
    struct turn turn;            /* first: turns know no more */
    struct translate__view view; /* what waits to be shown */
    char *previous;              /* last whole partial answer, or NULL */
    char *committed;             /* as shown, or NULL */
    struct translate__stream stream;
    int64_t piece_us; /* when the last piece was taken, 0 when none */
};

struct translate_lane {
    struct turns turns;
    char *source, *target;
    struct translate_ops ops;
    void *ctx;
};

static struct segment *segment_of(struct turn *turn)
{
    return (struct segment *)turn;
}

static const char *committed_of(const struct segment *segment)
{
    return segment->committed != NULL ? segment->committed : "";
}

/* --- as turns see it --- */

static int lane_ask(void *ctx, const struct turn_ask *asked)
{
    struct translate_lane *lane = ctx;
    struct translate_ask ask = {
        .ask = asked->ask,
        .segment = asked->segment,
        .source_rev = asked->source_rev,
        .final = asked->final,
        .source = lane->source,
        .target = lane->target,
        .text = asked->text,
        .deadline_us = asked->deadline_us,
        .lat = asked->lat,
    };
    return lane->ops.ask(lane->ctx, &ask);
}

static void lane_cancel(void *ctx, uint32_t ask)
{
    struct translate_lane *lane = ctx;
    lane->ops.cancel(lane->ctx, ask);
}

static void lane_show(void *ctx, struct turn *turn)
{
    struct translate_lane *lane = ctx;
    struct segment *segment = segment_of(turn);
    struct translate__view *view = &segment->view;
    if (view->committed != NULL) {
        mem_free(segment->committed);
        segment->committed = view->committed;
        view->committed = NULL;
    }
    struct translate_show message = {
        .segment = turn->number,
        .rev = turn->rev,
        .source_rev = turn->pending.source.rev,
        .lang = lane->target,
        .final = turn->pending.final,
        .spliced = view->spliced,
        .committed = committed_of(segment),
        .tentative = view->tentative != NULL ? view->tentative : "",
        .failed = turn->pending.failed,
        .start_ms = turn->pending.source.start_ms,
        .end_ms = turn->pending.source.end_ms,
        .lat = turn->pending.lat,
    };
    lane->ops.show(lane->ctx, &message);
}

/* Nothing was said in the end: what was committed stays, against it. */
static int segment_blank(struct turn *turn, const char *text)
{
    struct segment *segment = segment_of(turn);
    segment->view.spliced = committed_of(segment)[0] != '\0';
    return STATUS_OK;
}

static void answer_clear(struct turn *turn)
{
    translate__view_free(&segment_of(turn)->view);
}

static void segment_clear(struct turn *turn)
{
    struct segment *segment = segment_of(turn);
    mem_free(segment->previous);
    mem_free(segment->committed);
}

static const struct turns_kind kind = {
    .turn_bytes = sizeof(struct segment),
    .first_words = TRANSLATE_FIRST_WORDS,
    .word_count = translate__word_count,
    .words_changed = translate__words_changed,
    .ask = lane_ask,
    .cancel = lane_cancel,
    .show = lane_show,
    .blank = segment_blank,
    .answer_clear = answer_clear,
    .turn_clear = segment_clear,
};

/* --- as the session sees it --- */

int translate_lane_create(struct translate_lane **out, const struct translate_config *config,
                          const struct translate_ops *ops, void *ctx)
{
    assert(config->source != NULL && config->target != NULL);
    assert(ops->ask != NULL && ops->cancel != NULL && ops->show != NULL);
    struct translate_lane *lane = mem_calloc(1, sizeof *lane);
    if (lane == NULL)
        return STATUS_NOMEM;
    struct turns_config turns = {
        .partials = config->partials,
        .eager = config->eager,
        .partial_gap_ms = config->partial_gap_ms,
        .partial_words = config->partial_words,
        .final_deadline_ms = config->final_deadline_ms,
        .partial_deadline_ms = config->partial_deadline_ms,
    };
    lane->ops = *ops;
    lane->ctx = ctx;
    lane->source = mem_strdup(config->source);
    lane->target = mem_strdup(config->target);
    int status = turns_init(&lane->turns, &kind, &turns, lane);
    if (lane->source == NULL || lane->target == NULL || status != STATUS_OK) {
        translate_lane_destroy(lane);
        return STATUS_NOMEM;
    }
    *out = lane;
    return STATUS_OK;
}

void translate_lane_destroy(struct translate_lane *lane)
{
    if (lane == NULL)
        return;
    turns_deinit(&lane->turns);
    mem_free(lane->source);
    mem_free(lane->target);
    mem_free(lane);
}

void translate_lane_source(struct translate_lane *lane, const struct translate_source *source,
                           int64_t now_us)
{
    struct turn_source given = {
        .segment = source->segment,
        .revision = {source->rev, source->start_ms, source->end_ms},
        .final = source->final,
        .text = source->text,
        .lat = source->lat,
    };
    turns_source(&lane->turns, &given, now_us);
}

/* An answer to a segment of a lane. */
struct answer {
    struct segment *segment;
    const char *text;
    const struct lat *lat;
};

static void partial_answer(struct translate_lane *lane, const struct answer *answer, int64_t now_us)
{
    struct segment *segment = answer->segment;
    struct turn_revision source = turns_partial_end(&lane->turns);
    struct translate__view view;
    if (translate__word_count(answer->text) == 0 ||
        translate__commit_partial(committed_of(segment), segment->previous, answer->text, &view) !=
            STATUS_OK)
        return;
    struct lat lat = turns_lat(answer->lat, &segment->turn.lat, now_us);
    turns_put(&lane->turns, &segment->turn, false, &source, &lat);
    segment->view = view;
    mem_free(segment->previous);
    segment->previous = mem_strdup(answer->text);
}

static void final_piece(struct translate_lane *lane, const struct answer *answer, int64_t now_us)
{
    struct segment *segment = answer->segment;
    const char *text = segment->turn.text != NULL ? segment->turn.text : "";
    struct translate_prompt prompt = {.source = lane->source, .target = lane->target, .text = text};
    struct translate__view view;
    if ((segment->piece_us != 0 && now_us - segment->piece_us < TRANSLATE_PIECE_GAP_US) ||
        translate__doubtful(&prompt, answer->text) ||
        translate__commit_piece(&segment->stream, committed_of(segment), answer->text, &view) !=
            STATUS_OK)
        return;
    segment->piece_us = now_us;
    struct lat lat = turns_lat(answer->lat, &segment->turn.lat, now_us);
    turns_put(&lane->turns, &segment->turn, false, &segment->turn.source, &lat);
    segment->view = view;
}

static void final_answer(struct translate_lane *lane, const struct answer *answer, int64_t now_us)
{
    struct segment *segment = answer->segment;
    struct turn *turn = &segment->turn;
    struct translate__view view;
    int status = answer->text[0] != '\0' ? STATUS_OK : STATUS_FILTERED;
    turn->lat = turns_lat(answer->lat, &turn->lat, now_us);
    if (status == STATUS_OK)
        status = translate__commit_final(committed_of(segment), answer->text, &view);
    if (status != STATUS_OK) {
        turns_final_failed(&lane->turns, turn, status, now_us);
        return;
    }
    turns_put(&lane->turns, turn, true, &turn->source, &turn->lat);
    segment->view = view;
}

void translate_lane_answer(struct translate_lane *lane, uint32_t ask, const char *text, bool done,
                           const struct lat *lat, int64_t now_us)
{
    assert(text != NULL);
    bool partial;
    struct turn *turn = turns_asked(&lane->turns, ask, &partial);
    if (turn == NULL || (partial && !done))
        return;
    struct answer answer = {segment_of(turn), text, lat};
    if (partial)
        partial_answer(lane, &answer, now_us);
    else if (!done)
        final_piece(lane, &answer, now_us);
    else
        final_answer(lane, &answer, now_us);
    turns_settle(&lane->turns, now_us);
}

void translate_lane_failed(struct translate_lane *lane, uint32_t ask, int status,
                           const struct lat *lat, int64_t now_us)
{
    turns_failed(&lane->turns, ask, status, lat, now_us);
}

int64_t translate_lane_tick(struct translate_lane *lane, int64_t now_us)
{
    return turns_tick(&lane->turns, now_us);
}

uint32_t translate_lane_owed(const struct translate_lane *lane)
{
    return turns_owed(&lane->turns);
}

void translate_lane_give_up(struct translate_lane *lane, int64_t now_us)
{
    turns_give_up(&lane->turns, now_us);
}

const char *translate_lane_target(const struct translate_lane *lane)
{
    return lane->target;
}
