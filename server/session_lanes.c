#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "grammar/grammar.h"
#include "server/session_internal.h"
#include "translate/translate.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SEGMENT_TEXT_MAX 16384 /* bytes of committed + tentative given to a lane */

static int on_translate_ask(void *ctx, const struct translate_ask *ask)
{
    struct session_lane *lane = ctx;
    struct session *session = lane->session;
    struct translate_ask with = *ask;
    with.terms = ask->segment < session->settings_from ? lane->terms_before : lane->terms;
    session->usage.requests++;
    return session->ops->translate(session->ctx, lane->id, &with);
}

static void on_translate_cancel(void *ctx, uint32_t ask)
{
    struct session_lane *lane = ctx;
    lane->session->ops->cancel(lane->session->ctx, lane->id, ask);
}

/* One lost request is told by its `failed`; only what the provider does to everyone is worth a
 * warning. */
static void note_health(struct session *session, const char *failed, bool *degraded,
                        const char *what)
{
    bool down =
        failed != NULL && (strcmp(failed, "upstream") == 0 || strcmp(failed, "deadline") == 0 ||
                           strcmp(failed, "budget") == 0);
    if (down && !*degraded) {
        *degraded = true;
        session__health(session, true, what, failed, 0);
    } else if (failed == NULL && *degraded) {
        *degraded = false;
        session__health(session, false, what, "answers come again", 0);
    }
}

static uint64_t replace_key(enum event_kind kind, uint32_t lane, uint32_t segment)
{
    return (uint64_t)(kind + 1) << 56 | (uint64_t)(lane & 0xffffff) << 32 | segment;
}

/* What is still to come for segments from before an update is finals only: whether their partials
 * were wanted is no longer known. */
static bool partial_wanted(const struct session *session, uint32_t segment)
{
    return session->settings.partials && segment >= session->settings_from;
}

static void on_translate_show(void *ctx, const struct translate_show *show)
{
    struct session_lane *lane = ctx;
    struct session *session = lane->session;
    if (!show->final && !partial_wanted(session, show->segment))
        return;
    if (show->final)
        note_health(session, show->failed, &session->translation_degraded, "translation");
    struct event *event = event_create(EVENT_TRANSLATION);
    if (event != NULL) {
        event->segment = show->segment;
        event->rev = show->rev;
        event->source_rev = show->source_rev;
        event->final = show->final;
        event->spliced = show->spliced;
        event->language = event_str(event, show->lang);
        event->committed = event_str(event, show->committed);
        event->tentative = event_str(event, show->tentative);
        event->failed = show->failed;
        event->start_ms = show->start_ms;
        event->end_ms = show->end_ms;
        event->has_lat = true;
        event->lat = show->lat;
        if (!show->final)
            event->replace_key = replace_key(EVENT_TRANSLATION, lane->id, show->segment);
    }
    session__emit_shown(session, event, show->final);
}

static int on_grammar_ask(void *ctx, const struct grammar_ask *ask)
{
    struct session *session = ctx;
    session->usage.requests++;
    return session->ops->grammar(session->ctx, session->grammar_id, ask);
}

static void on_grammar_cancel(void *ctx, uint32_t ask)
{
    struct session *session = ctx;
    session->ops->cancel(session->ctx, session->grammar_id, ask);
}

static void on_grammar_show(void *ctx, const struct grammar_show *show)
{
    struct session *session = ctx;
    if (!show->final && !partial_wanted(session, show->segment))
        return;
    if (show->final)
        note_health(session, show->failed, &session->grammar_degraded, "grammar");
    struct event *event = event_create(EVENT_GRAMMAR);
    if (event != NULL) {
        event->segment = show->segment;
        event->rev = show->rev;
        event->source_rev = show->source_rev;
        event->final = show->final;
        event->failed = show->failed;
        event->corrected = "";
        if (show->result != NULL)
            event_copy_edits(event, show->result);
        event->has_lat = true;
        event->lat = show->lat;
        if (!show->final)
            event->replace_key = replace_key(EVENT_GRAMMAR, 0, show->segment);
    }
    session__emit_shown(session, event, show->final);
}

static const struct translate_ops translate_ops = {on_translate_ask, on_translate_cancel,
                                                   on_translate_show};
static const struct grammar_ops grammar_ops = {on_grammar_ask, on_grammar_cancel, on_grammar_show};

static struct session_lane *lane_by_id(struct session *session, uint32_t id)
{
    for (unsigned i = 0; i < SESSION_LANES_MAX; i++)
        if (session->lanes[i].lane != NULL && session->lanes[i].id == id)
            return &session->lanes[i];
    return NULL;
}

static struct session_lane *lane_by_target(struct session *session, const char *target)
{
    for (unsigned i = 0; i < SESSION_LANES_MAX; i++) {
        struct session_lane *lane = &session->lanes[i];
        if (lane->lane != NULL && strcasecmp(translate_lane_target(lane->lane), target) == 0)
            return lane;
    }
    return NULL;
}

static void lane_end(struct session_lane *lane)
{
    translate_lane_destroy(lane->lane);
    translate_terms_unref(lane->terms);
    translate_terms_unref(lane->terms_before);
    lane->lane = NULL;
    lane->terms = lane->terms_before = NULL;
}

/* The lane that has been leaving for longest makes room when a client changes its targets faster
 * than finals come. */
static struct session_lane *lane_slot(struct session *session)
{
    struct session_lane *oldest = NULL;
    for (unsigned i = 0; i < SESSION_LANES_MAX; i++) {
        struct session_lane *lane = &session->lanes[i];
        if (lane->lane == NULL)
            return lane;
        if (lane->removed && (oldest == NULL || lane->id < oldest->id))
            oldest = lane;
    }
    assert(oldest != NULL);
    translate_lane_give_up(oldest->lane, session->now_us);
    lane_end(oldest);
    return oldest;
}

static void lane_add(struct session *session, const char *target)
{
    struct session_lane *slot = lane_slot(session);
    *slot = (struct session_lane){.session = session, .id = ++session->lane_next};
    struct translate_config config = {
        .source = session->settings.source,
        .target = target,
        .partials = true,
        .eager = session->config->eager,
        .whole = session->config->translate_whole,
        .partial_gap_ms = session->config->translate_gap_ms,
        .partial_words = session->config->partial_words,
        .final_deadline_ms = session->config->final_deadline_ms,
        .partial_deadline_ms = session->config->partial_deadline_ms,
    };
    if (translate_lane_create(&slot->lane, &config, &translate_ops, slot) != STATUS_OK) {
        slot->lane = NULL;
        session__error(session, "internal", "out of memory", 0);
    }
}

/* The vocabulary, and of the glossary what is for this language. Without memory the next segments
 * are translated without them. */
static void lane_terms(struct session *session, struct session_lane *lane)
{
    const struct client_settings *settings = &session->settings;
    const char *target = translate_lane_target(lane->lane);
    size_t max = settings->glossary_len + settings->vocabulary_len, len = 0;
    translate_terms_unref(lane->terms_before);
    lane->terms_before = lane->terms;
    lane->terms = NULL;
    struct translate_term *list = max > 0 ? mem_alloc(max * sizeof *list) : NULL;
    for (unsigned i = 0; list != NULL && i < settings->glossary_len; i++) {
        const struct glossary_entry *entry = &settings->glossary[i];
        if (entry->lang[0] == '\0' || language_same_base(entry->lang, target))
            list[len++] = (struct translate_term){entry->from, entry->to};
    }
    for (unsigned i = 0; list != NULL && i < settings->vocabulary_len; i++)
        list[len++] = (struct translate_term){settings->vocabulary[i], NULL};
    if (len > 0 && translate_terms_create(&lane->terms, list, len) != STATUS_OK)
        LOG_WARN(LOG_SESSION, session->id, "no memory for the glossary", "entries=%zu", len);
    mem_free(list);
}

static bool wanted(const struct session *session, const char *target)
{
    for (unsigned i = 0; i < session->settings.targets_len; i++)
        if (strcasecmp(session->settings.targets[i], target) == 0)
            return true;
    return false;
}

static void grammar_add(struct session *session)
{
    struct grammar_config config = {
        .language = session->settings.source,
        .partials = true,
        .eager = session->config->eager,
        .partial_gap_ms = session->config->grammar_gap_ms,
        .partial_words = session->config->grammar_partial_words,
        .first_words = session->config->grammar_partial_words,
        .final_deadline_ms = session->config->final_deadline_ms,
        .partial_deadline_ms = session->config->partial_deadline_ms,
        .explain_in = session->settings.explain_in,
    };
    session->grammar_id = ++session->lane_next;
    if (grammar_lane_create(&session->grammar, &config, &grammar_ops, session) != STATUS_OK) {
        session->grammar = NULL;
        session__error(session, "internal", "out of memory", 0);
    }
}

void session__lanes_apply(struct session *session)
{
    session->lanes_changed = true;
    for (unsigned i = 0; i < SESSION_LANES_MAX; i++) {
        struct session_lane *lane = &session->lanes[i];
        if (lane->lane != NULL && !wanted(session, translate_lane_target(lane->lane)))
            lane->removed = true;
    }
    for (unsigned i = 0; i < session->settings.targets_len; i++) {
        /* One that is leaving stays instead: a second lane of a language would not know what the
         * first still owes, and finals come in order. */
        struct session_lane *lane = lane_by_target(session, session->settings.targets[i]);
        if (lane != NULL)
            lane->removed = false;
        else
            lane_add(session, session->settings.targets[i]);
    }
    for (unsigned i = 0; i < SESSION_LANES_MAX; i++)
        if (session->lanes[i].lane != NULL)
            lane_terms(session, &session->lanes[i]);
    session->grammar_removed = !session->settings.grammar;
    if (session->grammar != NULL)
        grammar_lane_explain(session->grammar, session->settings.explain_in);
    else if (session->settings.grammar)
        grammar_add(session);
}

void session__lanes_destroy(struct session *session)
{
    for (unsigned i = 0; i < SESSION_LANES_MAX; i++)
        if (session->lanes[i].lane != NULL)
            lane_end(&session->lanes[i]);
    if (session->grammar != NULL)
        grammar_lane_destroy(session->grammar);
}

static enum translate_stability stability_of(const struct session *session)
{
    switch (session->settings.stability) {
    case STABILITY_LOW: return TRANSLATE_STABILITY_LOW;
    case STABILITY_HIGH: return TRANSLATE_STABILITY_HIGH;
    case STABILITY_MEDIUM: break;
    }
    return TRANSLATE_STABILITY_MEDIUM;
}

void session__lanes_source(struct session *session, const struct stt_transcript *transcript)
{
    struct buf text;
    session->lanes_changed = true;
    buf_init(&text, SEGMENT_TEXT_MAX);
    bool ask = transcript->final;
    if (!ask && session->settings.partials) {
        buf_puts(&text, transcript->committed);
        buf_puts(&text, transcript->tentative);
        ask = buf_status(&text) == STATUS_OK && text.len > 0;
    }
    /* A final needs no copy, so that none is lost for want of memory or for its length. */
    struct translate_source source = {.segment = transcript->segment,
                                      .rev = transcript->rev,
                                      .final = transcript->final,
                                      .text = transcript->final ? transcript->committed : text.data,
                                      .committed_len = strlen(transcript->committed),
                                      .stability = stability_of(session),
                                      .start_ms = transcript->start_ms,
                                      .end_ms = transcript->end_ms,
                                      .lat = transcript->lat};
    for (unsigned i = 0; ask && i < SESSION_LANES_MAX; i++)
        if (session->lanes[i].lane != NULL && !session->lanes[i].removed)
            translate_lane_source(session->lanes[i].lane, &source, session->now_us);
    if (ask && session->grammar != NULL && !session->grammar_removed) {
        struct grammar_source words = {.segment = source.segment,
                                       .rev = source.rev,
                                       .final = source.final,
                                       .text = source.text,
                                       .lat = source.lat};
        grammar_lane_source(session->grammar, &words, session->now_us);
    }
    buf_deinit(&text);
}

void session__lanes_restore(struct session *session, const struct session_restore *restore,
                            const struct session_final *final)
{
    const struct client_settings *settings = &session->settings;
    struct translate_source source = {.segment = final->segment,
                                      .rev = final->rev,
                                      .final = true,
                                      .text = final->text,
                                      .stability = stability_of(session),
                                      .start_ms = final->start_ms,
                                      .end_ms = final->end_ms};
    for (unsigned i = 0; i < settings->targets_len; i++) {
        struct session_lane *lane = lane_by_target(session, settings->targets[i]);
        if (lane != NULL && final->segment > restore->targets_done[i] &&
            final->segment >= settings->targets_since[i])
            translate_lane_source(lane->lane, &source, session->now_us);
    }
    struct grammar_source words = {
        .segment = final->segment, .rev = final->rev, .final = true, .text = final->text};
    if (session->grammar != NULL && final->segment > restore->grammar_done &&
        final->segment >= settings->grammar_since)
        grammar_lane_source(session->grammar, &words, session->now_us);
    session->lanes_changed = true;
}

void session__lanes_restate(struct session *session)
{
    for (unsigned i = 0; i < SESSION_LANES_MAX; i++)
        if (session->lanes[i].lane != NULL && !session->lanes[i].removed)
            translate_lane_restate(session->lanes[i].lane);
}

static uint32_t lanes_owed(const struct session *session)
{
    uint32_t oldest = session->grammar != NULL ? grammar_lane_owed(session->grammar) : 0;
    for (unsigned i = 0; i < SESSION_LANES_MAX; i++) {
        if (session->lanes[i].lane == NULL)
            continue;
        uint32_t owed = translate_lane_owed(session->lanes[i].lane);
        if (owed != 0 && (oldest == 0 || owed < oldest))
            oldest = owed;
    }
    return oldest;
}

static int64_t lanes_run(struct session *session)
{
    int64_t due = INT64_MAX, next;
    for (unsigned i = 0; i < SESSION_LANES_MAX; i++) {
        struct session_lane *lane = &session->lanes[i];
        if (lane->lane == NULL)
            continue;
        next = translate_lane_tick(lane->lane, session->now_us);
        due = next < due ? next : due;
        if (lane->removed && translate_lane_owed(lane->lane) == 0) {
            lane_end(lane);
        }
    }
    if (session->grammar == NULL)
        return due;
    next = grammar_lane_tick(session->grammar, session->now_us);
    if (session->grammar_removed && grammar_lane_owed(session->grammar) == 0) {
        grammar_lane_destroy(session->grammar);
        session->grammar = NULL;
        return due;
    }
    return next < due ? next : due;
}

int64_t session__lanes_tick(struct session *session)
{
    if (!session->lanes_changed && session->now_us < session->lanes_due_us)
        return session->lanes_due_us;
    session->lanes_changed = false; /* an ask that is answered at once sets it again */
    session->lanes_due_us = lanes_run(session);
    session->lanes_owed = lanes_owed(session);
    return session->lanes_due_us;
}

uint32_t session__lanes_owed(const struct session *session)
{
    return session->lanes_changed ? lanes_owed(session) : session->lanes_owed;
}

bool session__lanes_settled(const struct session *session, uint32_t segment)
{
    uint32_t owed = session__lanes_owed(session);
    return owed == 0 || owed > segment;
}

void session_answer(struct session *session, const struct session_answer *answer, int64_t now_us)
{
    session->now_us = now_us;
    if (session->over)
        return;
    session->lanes_changed = true;
    session->usage.tokens_in += answer->tokens_in;
    session->usage.tokens_out += answer->tokens_out;
    session->usage.cost_nanos += answer->cost_nanos;
    session->usage.cached += answer->cached ? 1 : 0;
    session__shed_note(session, answer);
    struct session_lane *lane = lane_by_id(session, answer->lane);
    if (lane != NULL && answer->status != STATUS_OK)
        translate_lane_failed(lane->lane, answer->ask, answer->status, &answer->lat, now_us);
    else if (lane != NULL)
        translate_lane_answer(lane->lane, answer->ask, answer->text, answer->done, &answer->lat,
                              now_us);
    if (session->grammar == NULL || answer->lane != session->grammar_id)
        return;
    if (answer->status != STATUS_OK)
        grammar_lane_failed(session->grammar, answer->ask, answer->status, &answer->lat, now_us);
    else if (answer->result != NULL)
        grammar_lane_answer(session->grammar, answer->ask, answer->result, &answer->lat, now_us);
}
