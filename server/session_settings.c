#include "base/arena.h"
#include "base/status.h"
#include "server/session_internal.h"
#include <string.h>
#include <strings.h>

/* Deep copy: the message it came in is freed, and an update must not depend on the start. */
static bool copy_settings(struct client_settings *to, const struct client_settings *from,
                          struct arena *arena)
{
    *to = *from;
    to->source = arena_strdup(arena, from->source);
    to->explain_in = arena_strdup(arena, from->explain_in);
    to->class_name = arena_strdup(arena, from->class_name);
    to->name = arena_strdup(arena, from->name);
    bool ok =
        to->source != NULL && to->explain_in != NULL && to->class_name != NULL && to->name != NULL;
    for (unsigned i = 0; i < from->targets_len; i++)
        ok = (to->targets[i] = arena_strdup(arena, from->targets[i])) != NULL && ok;
    to->vocabulary = arena_alloc(arena, (from->vocabulary_len + 1) * sizeof(char *));
    to->glossary = arena_alloc(arena, (from->glossary_len + 1) * sizeof *to->glossary);
    if (!ok || to->vocabulary == NULL || to->glossary == NULL)
        return false;
    for (unsigned i = 0; i < from->vocabulary_len; i++)
        ok = (to->vocabulary[i] = arena_strdup(arena, from->vocabulary[i])) != NULL && ok;
    for (unsigned i = 0; i < from->glossary_len; i++) {
        to->glossary[i].from = arena_strdup(arena, from->glossary[i].from);
        to->glossary[i].to = arena_strdup(arena, from->glossary[i].to);
        to->glossary[i].lang = arena_strdup(arena, from->glossary[i].lang);
        ok = to->glossary[i].from != NULL && to->glossary[i].to != NULL &&
             to->glossary[i].lang != NULL && ok;
    }
    return ok;
}

/* Where translations come from an API that takes no terms, the client is told of none. */
static void drop_glossary(const struct session *session, struct client_settings *settings)
{
    if (session->config->translate_whole)
        settings->glossary_len = 0;
}

/* Each target keeps the segment it began with; new ones begin with `from`. */
static void settings_since(struct client_settings *next, const struct client_settings *before,
                           uint32_t from)
{
    uint32_t since[TARGETS_MAX];
    for (unsigned i = 0; i < next->targets_len; i++) {
        since[i] = from;
        for (unsigned j = 0; j < before->targets_len; j++)
            if (strcasecmp(next->targets[i], before->targets[j]) == 0)
                since[i] = before->targets_since[j];
    }
    memcpy(next->targets_since, since, sizeof since);
    next->grammar_since = before->grammar ? before->grammar_since : from;
}

int session__settings_start(struct session *session, const struct client_settings *settings,
                            bool restored)
{
    session->arena = arena_create(SETTINGS_BYTES_MAX);
    if (session->arena == NULL || !copy_settings(&session->settings, settings, session->arena))
        return STATUS_NOMEM;
    drop_glossary(session, &session->settings);
    /* A client says nothing of this: it is the store's, of a session that is restored. */
    for (unsigned i = 0; i < settings->targets_len && !restored; i++)
        session->settings.targets_since[i] = 1;
    session->settings.grammar_since = restored ? settings->grammar_since : 1;
    return STATUS_OK;
}

/* Fields of the update over those in force, or over those of an update that still waits. */
static struct client_settings merge(const struct session *session,
                                    const struct client_settings *update)
{
    struct client_settings merged = session->next_arena != NULL ? session->next : session->settings;
    if (update->has & HAS_TARGETS) {
        memcpy(merged.targets, update->targets, sizeof merged.targets);
        merged.targets_len = update->targets_len;
    }
    if (update->has & HAS_GRAMMAR)
        merged.grammar = update->grammar;
    if (update->has & HAS_PARTIALS)
        merged.partials = update->partials;
    if (update->has & HAS_STABILITY)
        merged.stability = update->stability;
    if (update->has & HAS_EXPLAIN)
        merged.explain_in = update->explain_in;
    if (update->has & HAS_VOCABULARY) {
        merged.vocabulary = update->vocabulary;
        merged.vocabulary_len = update->vocabulary_len;
    }
    if (update->has & HAS_GLOSSARY) {
        merged.glossary = update->glossary;
        merged.glossary_len = update->glossary_len;
    }
    return merged;
}

static bool targets_hold_source(const struct session *session, const struct client_settings *update)
{
    for (unsigned i = 0; i < update->targets_len; i++)
        if (strcasecmp(update->targets[i], session->settings.source) == 0)
            return true;
    return false;
}

static void take_next(struct session *session)
{
    arena_destroy(session->arena);
    session->settings = session->next;
    session->arena = session->next_arena;
    session->next_arena = NULL;
    session->settings_from = session->next_from;
    session__lanes_apply(session);
}

void session__settings_update(struct session *session, const struct client_settings *update)
{
    if ((update->has & HAS_TARGETS) && targets_hold_source(session, update)) {
        session__error(session, "bad_message", "a target is the source language itself", 0);
        return;
    }
    struct client_settings merged = merge(session, update), next;
    struct arena *arena = arena_create(SETTINGS_BYTES_MAX);
    if (arena == NULL || !copy_settings(&next, &merged, arena)) {
        if (arena != NULL)
            arena_destroy(arena);
        session__error(session, "bad_message", "the settings are too large", 0);
        return;
    }
    if (session->next_arena != NULL)
        arena_destroy(session->next_arena);
    drop_glossary(session, &next);
    session->next = next;
    session->next_arena = arena;
    /* A segment whose words were taken back may go on under its number: what was shown of it
     * counts, open or not. */
    uint32_t segment = stt_stream_segment(session->speech);
    session__speech_update(session, update);
    bool open = stt_stream_segment_open(session->speech) || session->begun == segment;
    session->next_from = segment + (open ? 1 : 0);
    settings_since(&session->next, &session->settings, session->next_from);
    struct event *event = event_create(EVENT_UPDATED);
    if (event != NULL)
        event_copy_settings(event, &session->next);
    session__emit(session, event);
    if (!open)
        take_next(session);
}

void session__settings_segment(struct session *session, uint32_t segment)
{
    if (session->next_arena != NULL && segment >= session->next_from)
        take_next(session);
}

void session__settings_free(struct session *session)
{
    if (session->arena != NULL)
        arena_destroy(session->arena);
    if (session->next_arena != NULL)
        arena_destroy(session->next_arena);
}
