#include "base/mem.h"
#include "base/status.h"
#include "translate/limits.h"
#include "translate/segment.h"
#include "translate/translate.h"
#include <assert.h>
#include <string.h>

/* The one partial request in flight; ask 0 when none. */
struct flight {
    uint32_t ask, segment;
    struct translate__revision source;
    int64_t deadline_us;
};

struct translate_lane {
    struct translate_config config;
    struct translate_ops ops;
    void *ctx;
    struct translate__segments segments;
    uint32_t floor; /* segments up to here are over */
    bool started;
    uint32_t last_ask;
    struct flight partial;
    int64_t partial_at_us; /* earliest time of the next partial request */
    bool settling, again;
};

int translate_lane_create(struct translate_lane **out, const struct translate_config *config,
                          const struct translate_ops *ops, void *ctx)
{
    assert(config->source != NULL && config->target != NULL);
    assert(ops->ask != NULL && ops->cancel != NULL && ops->show != NULL);
    struct translate_lane *lane = mem_calloc(1, sizeof *lane);
    if (lane == NULL)
        return STATUS_NOMEM;
    lane->config = *config;
    lane->ops = *ops;
    lane->ctx = ctx;
    lane->partial_at_us = INT64_MIN;
    lane->config.source = mem_strdup(config->source);
    lane->config.target = mem_strdup(config->target);
    int status = translate__segments_init(&lane->segments);
    if (lane->config.source == NULL || lane->config.target == NULL || status != 0) {
        translate_lane_destroy(lane);
        return STATUS_NOMEM;
    }
    *out = lane;
    return 0;
}

void translate_lane_destroy(struct translate_lane *lane)
{
    if (lane == NULL)
        return;
    assert(!lane->settling);
    if (lane->partial.ask != 0)
        lane->ops.cancel(lane->ctx, lane->partial.ask);
    for (struct translate__segment *segment = lane->segments.head; segment != NULL;
         segment = segment->next) {
        if (segment->ask != 0)
            lane->ops.cancel(lane->ctx, segment->ask);
    }
    translate__segments_deinit(&lane->segments);
    mem_free((char *)lane->config.source);
    mem_free((char *)lane->config.target);
    mem_free(lane);
}

static uint32_t next_ask(struct translate_lane *lane)
{
    if (++lane->last_ask == 0)
        lane->last_ask = 1;
    return lane->last_ask;
}

static void partial_cancel(struct translate_lane *lane)
{
    uint32_t ask = lane->partial.ask;
    lane->partial = (struct flight){0};
    if (ask != 0)
        lane->ops.cancel(lane->ctx, ask);
}

/* The oldest segment ends here, with or without a final. */
static void head_drop(struct translate_lane *lane)
{
    struct translate__segment *segment = lane->segments.head;
    assert(segment != NULL && segment->number > lane->floor);
    if (lane->partial.ask != 0 && lane->partial.segment == segment->number)
        partial_cancel(lane);
    lane->floor = segment->number;
    translate__segments_drop(&lane->segments);
}

static void show(struct translate_lane *lane, struct translate__segment *segment, int64_t now_us)
{
    struct translate__pending *pending = &segment->pending;
    assert(pending->set && segment->rev < UINT32_MAX);
    lat_mark(&pending->lat, LAT_HOLD, now_us);
    if (pending->view.committed != NULL) {
        mem_free(segment->committed);
        segment->committed = pending->view.committed;
        pending->view.committed = NULL;
    }
    struct translate_show message = {
        .segment = segment->number,
        .rev = ++segment->rev,
        .source_rev = pending->source.rev,
        .lang = lane->config.target,
        .final = pending->final,
        .spliced = pending->view.spliced,
        .committed = translate__segment_committed(segment),
        .tentative = pending->view.tentative != NULL ? pending->view.tentative : "",
        .failed = pending->failed,
        .start_ms = pending->source.start_ms,
        .end_ms = pending->source.end_ms,
        .lat = pending->lat,
    };
    lane->ops.show(lane->ctx, &message);
    translate__pending_clear(pending);
}

/* Segments whose final source never came owe nothing: they end when a later one does. */
static void show_final(struct translate_lane *lane, struct translate__segment *segment,
                       int64_t now_us)
{
    show(lane, segment, now_us);
    uint32_t number = segment->number;
    while (lane->segments.head != NULL && lane->segments.head->number <= number)
        head_drop(lane);
}

static bool show_next(struct translate_lane *lane, int64_t now_us)
{
    for (struct translate__segment *segment = lane->segments.head; segment != NULL;
         segment = segment->next) {
        if (segment->pending.set && segment->pending.final) {
            show_final(lane, segment, now_us);
            return true;
        }
        if (segment->pending.set)
            show(lane, segment, now_us);
        /* What is later waits for this one's final. */
        if (segment->closed)
            break;
    }
    return false;
}

static const char *failure_name(int status)
{
    switch (status) {
    case STATUS_TIMEOUT: return "deadline";
    case STATUS_BUDGET:
    case STATUS_FULL: return "budget";
    case STATUS_REFUSED: return "refused";
    case STATUS_TRUNCATED: return "truncated";
    case STATUS_FILTERED: return "filtered";
    default: return "upstream";
    }
}

/* The final that cannot be had: what was committed stays, nothing is added. */
static void final_give_up(struct translate__segment *segment, int status)
{
    struct translate__pending *pending = translate__pending_put(
        segment, &(struct translate__view){0}, &segment->source, &segment->lat);
    pending->final = true;
    pending->failed = failure_name(status);
}

static void final_cancel(struct translate_lane *lane, struct translate__segment *segment)
{
    uint32_t ask = segment->ask;
    segment->ask = 0;
    if (ask != 0)
        lane->ops.cancel(lane->ctx, ask);
}

static bool final_may_retry(const struct translate_lane *lane,
                            const struct translate__segment *segment, int status, int64_t now_us)
{
    if (status != STATUS_UNAVAILABLE && status != STATUS_PROTOCOL && status != STATUS_TRUNCATED &&
        status != STATUS_FILTERED)
        return false;
    int64_t least_us = (int64_t)lane->config.final_deadline_ms * 10 * TRANSLATE_RETRY_PERCENT;
    return segment->tries < TRANSLATE_TRIES_MAX && segment->text != NULL &&
           segment->deadline_us - now_us >= least_us;
}

/* One request; 0, or why none is in flight. The segment may be gone when 0 comes back: an answer at
 * hand is given at once. */
static int final_ask(struct translate_lane *lane, struct translate__segment *segment,
                     const char *text)
{
    assert(segment->closed && segment->ask == 0 && segment->tries < TRANSLATE_TRIES_MAX);
    segment->tries++;
    segment->ask = next_ask(lane);
    struct translate_ask ask = {
        .ask = segment->ask,
        .segment = segment->number,
        .source_rev = segment->source.rev,
        .final = true,
        .source = lane->config.source,
        .target = lane->config.target,
        .text = text,
        .deadline_us = segment->deadline_us,
        .lat = segment->lat,
    };
    int status = lane->ops.ask(lane->ctx, &ask);
    if (status != 0)
        segment->ask = 0;
    return status;
}

static void final_failed(struct translate_lane *lane, struct translate__segment *segment,
                         int status, int64_t now_us)
{
    segment->ask = 0;
    while (final_may_retry(lane, segment, status, now_us)) {
        status = final_ask(lane, segment, segment->text);
        if (status == 0)
            return;
    }
    final_give_up(segment, status);
}

/* Makes room: the oldest segment's final fails, or it ends unheard if its source never became
 * final. */
static void head_evict(struct translate_lane *lane, int64_t now_us)
{
    struct translate__segment *segment = lane->segments.head;
    if (!segment->closed) {
        head_drop(lane);
        return;
    }
    assert(!segment->pending.final);
    final_cancel(lane, segment);
    lat_mark(&segment->lat, LAT_UPSTREAM, now_us);
    final_give_up(segment, STATUS_BUDGET);
    show_final(lane, segment, now_us);
}

/* NULL: no room for a partial source, which gives way to finals that are owed. */
static struct translate__segment *segment_new(struct translate_lane *lane,
                                              const struct translate_source *source, int64_t now_us)
{
    while (!translate__segments_room(&lane->segments)) {
        if (!source->final && lane->segments.head->closed)
            return NULL;
        head_evict(lane, now_us);
    }
    return translate__segments_add(&lane->segments, source->segment);
}

static bool partial_due(const struct translate_lane *lane, const struct translate__segment *segment)
{
    return segment != NULL && !segment->closed && segment->wanted && lane->partial.ask == 0;
}

/* Asks for the newest segment's newest revision. */
static void partial_ask(struct translate_lane *lane, int64_t now_us)
{
    struct translate__segment *segment = lane->segments.tail;
    if (!partial_due(lane, segment) || now_us < lane->partial_at_us)
        return;
    mem_free(segment->asked);
    segment->asked = mem_strdup(segment->text);
    segment->wanted = false;
    lane->partial_at_us = now_us + (int64_t)lane->config.partial_gap_ms * 1000;
    lane->partial = (struct flight){
        .ask = next_ask(lane),
        .segment = segment->number,
        .source = segment->source,
        .deadline_us = now_us + (int64_t)lane->config.partial_deadline_ms * 1000,
    };
    struct translate_ask ask = {
        .ask = lane->partial.ask,
        .segment = segment->number,
        .source_rev = segment->source.rev,
        .source = lane->config.source,
        .target = lane->config.target,
        .text = segment->text,
        .deadline_us = lane->partial.deadline_us,
        .lat = segment->lat,
    };
    lat_mark(&ask.lat, LAT_HOLD, now_us);
    if (lane->ops.ask(lane->ctx, &ask) != 0)
        lane->partial = (struct flight){0};
}

/* Shows what has its turn and asks what is due, until nothing changes. Calls back may answer at
 * once. */
static void settle(struct translate_lane *lane, int64_t now_us)
{
    lane->again = true;
    if (lane->settling)
        return;
    lane->settling = true;
    while (lane->again) {
        lane->again = false;
        while (show_next(lane, now_us)) {
        }
        partial_ask(lane, now_us);
    }
    lane->settling = false;
}

static void source_partial(struct translate_lane *lane, struct translate__segment *segment,
                           int64_t now_us)
{
    segment->wanted = false;
    if (segment->text == NULL)
        return;
    size_t words = translate__word_count(segment->text);
    if (segment->asked == NULL)
        segment->wanted = words >= TRANSLATE_FIRST_WORDS;
    else
        segment->wanted = words > 0 && translate__words_changed(segment->asked, segment->text) >=
                                           lane->config.partial_words;
}

static void source_final(struct translate_lane *lane, struct translate__segment *segment,
                         const char *text, int64_t now_us)
{
    segment->closed = true;
    segment->wanted = false;
    translate__pending_clear(&segment->pending);
    if (lane->partial.ask != 0 && lane->partial.segment == segment->number)
        partial_cancel(lane);
    segment->deadline_us = now_us + (int64_t)lane->config.final_deadline_ms * 1000;
    if (translate__word_count(text) == 0) {
        struct translate__pending *pending = translate__pending_put(
            segment, &(struct translate__view){0}, &segment->source, &segment->lat);
        pending->final = true;
        pending->view.spliced = segment->committed != NULL && segment->committed[0] != '\0';
        return;
    }
    int status = final_ask(lane, segment, text);
    if (status != 0)
        final_failed(lane, segment, status, now_us);
}

void translate_lane_source(struct translate_lane *lane, const struct translate_source *source,
                           int64_t now_us)
{
    assert(source->segment > 0 && source->text != NULL && !lane->settling);
    if (!source->final && !lane->config.partials)
        return;
    if (!lane->started) {
        lane->started = true;
        lane->floor = source->segment - 1;
    }
    if (source->segment <= lane->floor)
        return;
    struct translate__segment *segment = translate__segments_find(&lane->segments, source->segment);
    if (segment == NULL)
        segment = segment_new(lane, source, now_us);
    else if (segment->closed || (source->rev <= segment->source.rev && !source->final))
        return;
    if (segment == NULL)
        return;
    segment->source = (struct translate__revision){source->rev, source->start_ms, source->end_ms};
    segment->lat = source->lat;
    lat_mark(&segment->lat, LAT_SERVER, now_us);
    mem_free(segment->text);
    segment->text = mem_strdup(source->text);
    if (source->final)
        source_final(lane, segment, source->text, now_us);
    else
        source_partial(lane, segment, now_us);
    settle(lane, now_us);
}

/* The answer's ledger, its hand-over to this thread booked. */
static struct lat lat_of(const struct lat *lat, const struct lat *otherwise, int64_t now_us)
{
    struct lat out = lat != NULL ? *lat : *otherwise;
    lat_mark(&out, lat != NULL ? LAT_SERVER : LAT_UPSTREAM, now_us);
    return out;
}

static void partial_answer(struct translate_lane *lane, const char *text, const struct lat *lat,
                           int64_t now_us)
{
    struct flight flight = lane->partial;
    lane->partial = (struct flight){0};
    struct translate__segment *segment = translate__segments_find(&lane->segments, flight.segment);
    /* It is cancelled when its segment closes or ends. */
    assert(segment != NULL && !segment->closed);
    if (translate__word_count(text) == 0)
        return;
    const char *committed = translate__segment_committed(segment);
    struct translate__view view;
    if (translate__commit_partial(committed, segment->previous, text, &view) != 0)
        return;
    struct lat now = lat_of(lat, &segment->lat, now_us);
    translate__pending_put(segment, &view, &flight.source, &now);
    mem_free(segment->previous);
    segment->previous = mem_strdup(text);
}

static void final_piece(const struct translate_lane *lane, struct translate__segment *segment,
                        const char *text, const struct lat *lat, int64_t now_us)
{
    if (segment->piece_us != 0 && now_us - segment->piece_us < TRANSLATE_PIECE_GAP_US)
        return;
    struct translate_prompt prompt = {.source = lane->config.source,
                                      .target = lane->config.target,
                                      .text = segment->text != NULL ? segment->text : ""};
    if (translate__doubtful(&prompt, text))
        return;
    const char *committed = translate__segment_committed(segment);
    struct translate__view view;
    if (translate__commit_piece(&segment->stream, committed, text, &view) != 0)
        return;
    segment->piece_us = now_us;
    struct lat now = lat_of(lat, &segment->lat, now_us);
    translate__pending_put(segment, &view, &segment->source, &now);
}

static void final_answer(struct translate_lane *lane, struct translate__segment *segment,
                         const char *text, const struct lat *lat, int64_t now_us)
{
    const char *committed = translate__segment_committed(segment);
    struct translate__view view;
    int status = text[0] != '\0' ? 0 : STATUS_FILTERED;
    segment->lat = lat_of(lat, &segment->lat, now_us);
    if (status == 0)
        status = translate__commit_final(committed, text, &view);
    if (status != 0) {
        final_failed(lane, segment, status, now_us);
        return;
    }
    segment->ask = 0;
    translate__pending_put(segment, &view, &segment->source, &segment->lat)->final = true;
}

void translate_lane_answer(struct translate_lane *lane, uint32_t ask, const char *text, bool done,
                           const struct lat *lat, int64_t now_us)
{
    assert(ask != 0 && text != NULL);
    struct translate__segment *segment = translate__segments_asking(&lane->segments, ask);
    if (ask == lane->partial.ask && done)
        partial_answer(lane, text, lat, now_us);
    else if (segment != NULL && !done)
        final_piece(lane, segment, text, lat, now_us);
    else if (segment != NULL)
        final_answer(lane, segment, text, lat, now_us);
    else
        return;
    settle(lane, now_us);
}

void translate_lane_failed(struct translate_lane *lane, uint32_t ask, int status,
                           const struct lat *lat, int64_t now_us)
{
    assert(ask != 0 && status < 0);
    struct translate__segment *segment = translate__segments_asking(&lane->segments, ask);
    if (ask == lane->partial.ask) {
        lane->partial = (struct flight){0};
    } else if (segment != NULL) {
        segment->lat = lat_of(lat, &segment->lat, now_us);
        final_failed(lane, segment, status, now_us);
    } else {
        return;
    }
    settle(lane, now_us);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t translate_lane_tick(struct translate_lane *lane, int64_t now_us)
{
    assert(!lane->settling);
    if (lane->partial.ask != 0 && now_us >= lane->partial.deadline_us)
        partial_cancel(lane);
    for (struct translate__segment *segment = lane->segments.head; segment != NULL;
         segment = segment->next) {
        if (segment->ask == 0 || now_us < segment->deadline_us)
            continue;
        final_cancel(lane, segment);
        lat_mark(&segment->lat, LAT_UPSTREAM, now_us);
        final_give_up(segment, STATUS_TIMEOUT);
    }
    settle(lane, now_us);
    int64_t next_us = INT64_MAX;
    if (lane->partial.ask != 0)
        next_us = lane->partial.deadline_us;
    if (partial_due(lane, lane->segments.tail))
        next_us = earlier(next_us, lane->partial_at_us);
    for (struct translate__segment *segment = lane->segments.head; segment != NULL;
         segment = segment->next) {
        if (segment->ask != 0)
            next_us = earlier(next_us, segment->deadline_us);
    }
    return next_us;
}

uint32_t translate_lane_owed(const struct translate_lane *lane)
{
    const struct translate__segment *segment = lane->segments.head;
    while (segment != NULL && !segment->closed)
        segment = segment->next;
    return segment != NULL ? segment->number : 0;
}

void translate_lane_give_up(struct translate_lane *lane, int64_t now_us)
{
    assert(!lane->settling);
    partial_cancel(lane);
    while (translate_lane_owed(lane) != 0) {
        head_evict(lane, now_us);
        /* What waited behind it may be there already. */
        while (show_next(lane, now_us)) {
        }
    }
}

const char *translate_lane_target(const struct translate_lane *lane)
{
    return lane->config.target;
}
