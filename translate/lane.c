#include "base/mem.h"
#include "base/status.h"
#include "base/turns.h"
#include "translate/internal.h"
#include "translate/limits.h"
#include "translate/translate.h"
#include <assert.h>
#include <string.h>

/* What a lane keeps of a segment between its first source and its final. */
struct segment {
    struct turn turn;            /* first: turns know no more */
    struct translate__view view; /* what waits to be shown */
    struct translate__draft draft;
    char *committed, *tentative; /* as shown, or NULL */
    struct turn_revision shown;  /* whose translation that is */
    struct translate__stream stream;
    int64_t piece_us; /* when the last piece was taken, 0 when none */
};

struct translate_lane {
    struct turns turns;
    char *source, *target;
    enum translate_stability stability; /* of the newest source */
    bool naive;                         /* as `eager` of struct translate_config */
    bool whole;
    char *said; /* the last segment, when `whole`; else NULL */
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

static const char *tentative_of(const struct segment *segment)
{
    return segment->tentative != NULL ? segment->tentative : "";
}

static struct segment *segment_find(const struct translate_lane *lane, uint32_t number)
{
    struct turn *turn = lane->turns.head;
    while (turn != NULL && turn->number != number)
        turn = turn->next;
    assert(turn != NULL);
    return segment_of(turn);
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
        .again = asked->tries > 1,
        .source = lane->source,
        .target = lane->target,
        .deadline_us = asked->deadline_us,
        .lat = asked->lat,
    };
    /* What failed is tried another way. */
    translate__draft_ask(&segment_find(lane, asked->segment)->draft, asked->text,
                         ask.again || lane->naive || lane->whole, &ask);
    if (lane->said != NULL) {
        ask.before = lane->said;
        ask.before_target = "";
    }
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
    mem_free(segment->tentative);
    segment->tentative = view->tentative;
    view->tentative = NULL;
    segment->shown = turn->pending.source;
    if (view->committed != NULL) {
        mem_free(segment->committed);
        segment->committed = view->committed;
        view->committed = NULL;
    }
    struct translate_show message = {
        .segment = turn->number,
        .rev = turn->rev,
        .source_rev = segment->shown.rev,
        .lang = lane->target,
        .final = turn->pending.final,
        .spliced = view->spliced,
        .committed = committed_of(segment),
        .tentative = tentative_of(segment),
        .failed = turn->pending.failed,
        .start_ms = segment->shown.start_ms,
        .end_ms = segment->shown.end_ms,
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
    translate__draft_deinit(&segment->draft);
    mem_free(segment->committed);
    mem_free(segment->tentative);
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
    lane->naive = config->eager;
    lane->whole = config->whole;
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
    mem_free(lane->said);
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
        .settled = source->final ? strlen(source->text) : source->committed_len,
        .lat = source->lat,
    };
    lane->stability = source->stability;
    turns_source(&lane->turns, &given, now_us);
    if (lane->whole && source->final) {
        mem_free(lane->said);
        lane->said = mem_strdup(source->text);
    }
}

/* An answer to a segment of a lane. */
struct answer {
    struct segment *segment;
    const char *text;
    const struct lat *lat;
};

static int partial_view(const struct translate_lane *lane, const struct answer *answer,
                        struct translate__view *out)
{
    struct segment *segment = answer->segment;
    const struct turn *turn = &segment->turn;
    if (translate__word_count(answer->text) == 0 || turn->text == NULL || turn->asked == NULL)
        return STATUS_AGAIN;
    if (lane->naive)
        return translate__commit_partial("", NULL, answer->text, out);
    struct translate__partial partial = {
        .committed = committed_of(segment),
        .asked = turn->asked,
        .answer = answer->text,
        .newest = turn->text,
        .settled = turn->settled,
        .stability = lane->stability,
    };
    return translate__draft_partial(&segment->draft, &partial, out);
}

/* False when readers see it already. */
static bool is_news(const struct segment *segment, const struct translate__view *view)
{
    if (strcmp(view->committed, committed_of(segment)) != 0)
        return true;
    return strcmp(view->tentative, tentative_of(segment)) != 0;
}

static void partial_answer(struct translate_lane *lane, const struct answer *answer, int64_t now_us)
{
    struct segment *segment = answer->segment;
    struct turn_revision source = turns_partial_end(&lane->turns);
    struct translate__view view;
    if (partial_view(lane, answer, &view) != STATUS_OK)
        return;
    if (!is_news(segment, &view)) {
        translate__view_free(&view);
        return;
    }
    struct lat lat = turns_lat(answer->lat, &segment->turn.lat, now_us);
    turns_put(&lane->turns, &segment->turn, false, &source, &lat);
    segment->view = view;
}

/* The text that was asked for, of what the final's source says. */
static const char *final_asked(const struct segment *segment)
{
    const struct translate__draft *draft = &segment->draft;
    if (segment->turn.text == NULL)
        return "";
    const char *text = segment->turn.text;
    text += draft->lead != NULL ? strlen(draft->anchor.source) : 0;
    return text + strspn(text, " ");
}

static int piece_view(const struct translate_lane *lane, const struct answer *answer,
                      struct translate__view *out)
{
    struct segment *segment = answer->segment;
    struct translate_prompt prompt = {
        .source = lane->source, .target = lane->target, .text = final_asked(segment)};
    if (translate__doubtful(&prompt, answer->text))
        return STATUS_AGAIN;
    char *whole = translate__draft_whole(&segment->draft, answer->text);
    if (whole == NULL)
        return STATUS_NOMEM;
    int status = translate__commit_piece(&segment->stream, committed_of(segment), whole, out);
    mem_free(whole);
    return status;
}

static void final_piece(struct translate_lane *lane, const struct answer *answer, int64_t now_us)
{
    struct segment *segment = answer->segment;
    struct translate__view view;
    if ((segment->piece_us != 0 && now_us - segment->piece_us < TRANSLATE_PIECE_GAP_US) ||
        piece_view(lane, answer, &view) != STATUS_OK)
        return;
    segment->piece_us = now_us;
    struct lat lat = turns_lat(answer->lat, &segment->turn.lat, now_us);
    turns_put(&lane->turns, &segment->turn, false, &segment->turn.source, &lat);
    segment->view = view;
}

static int final_view(const struct answer *answer, struct translate__view *out)
{
    const struct segment *segment = answer->segment;
    if (answer->text[0] == '\0')
        return STATUS_FILTERED;
    char *whole = translate__draft_whole(&segment->draft, answer->text);
    if (whole == NULL)
        return STATUS_NOMEM;
    int status = translate__commit_final(committed_of(segment), whole, out);
    mem_free(whole);
    return status;
}

static void final_answer(struct translate_lane *lane, const struct answer *answer, int64_t now_us)
{
    struct segment *segment = answer->segment;
    struct turn *turn = &segment->turn;
    struct translate__view view;
    turn->lat = turns_lat(answer->lat, &turn->lat, now_us);
    int status = final_view(answer, &view);
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

void translate_lane_restate(struct translate_lane *lane)
{
    for (struct turn *turn = lane->turns.head; turn != NULL; turn = turn->next) {
        const struct segment *segment = segment_of(turn);
        if (turn->rev == 0)
            continue;
        struct translate_show message = {.segment = turn->number,
                                         .rev = turn->rev,
                                         .source_rev = segment->shown.rev,
                                         .lang = lane->target,
                                         .committed = committed_of(segment),
                                         .tentative = tentative_of(segment),
                                         .start_ms = segment->shown.start_ms,
                                         .end_ms = segment->shown.end_ms};
        lane->ops.show(lane->ctx, &message);
    }
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
