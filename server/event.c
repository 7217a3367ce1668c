#include "server/event.h"

#include "base/arena.h"
#include "base/mem.h"
#include "grammar/grammar.h"
#include "stt/stream.h"
#include <assert.h>
#include <string.h>

struct event *event_create(enum event_kind kind)
{
    struct event *event = mem_calloc(1, sizeof *event);
    struct arena *arena = arena_create(EVENT_BYTES_MAX);
    if (event == NULL || arena == NULL) {
        mem_free(event);
        if (arena != NULL)
            arena_destroy(arena);
        return NULL;
    }
    event->kind = kind;
    event->arena = arena;
    return event;
}

void event_free(struct event *event)
{
    if (event == NULL)
        return;
    arena_destroy(event->arena);
    mem_free(event);
}

const char *event_str(struct event *event, const char *text)
{
    if (text == NULL)
        return NULL;
    const char *copy = arena_strdup(event->arena, text);
    event->incomplete = event->incomplete || copy == NULL;
    return copy != NULL ? copy : "";
}

bool event_copy_settings(struct event *event, const struct client_settings *settings)
{
    event->settings = *settings;
    struct client_settings *to = &event->settings;
    to->source = event_str(event, settings->source);
    to->explain_in = event_str(event, settings->explain_in);
    to->class_name = event_str(event, settings->class_name);
    to->name = event_str(event, settings->name);
    for (unsigned i = 0; i < settings->targets_len; i++)
        to->targets[i] = event_str(event, settings->targets[i]);
    to->vocabulary = arena_alloc(event->arena, (settings->vocabulary_len + 1) * sizeof(char *));
    to->glossary = arena_alloc(event->arena, (settings->glossary_len + 1) * sizeof *to->glossary);
    if (to->vocabulary == NULL || to->glossary == NULL) {
        event->incomplete = true;
        return false;
    }
    for (unsigned i = 0; i < settings->vocabulary_len; i++)
        to->vocabulary[i] = event_str(event, settings->vocabulary[i]);
    for (unsigned i = 0; i < settings->glossary_len; i++) {
        const struct glossary_entry *entry = &settings->glossary[i];
        to->glossary[i] = (struct glossary_entry){.from = event_str(event, entry->from),
                                                  .to = event_str(event, entry->to),
                                                  .lang = event_str(event, entry->lang)};
    }
    return !event->incomplete;
}

bool event_copy_words(struct event *event, const struct stt_word *words, size_t len)
{
    struct event_word *copy = len > 0 ? arena_alloc(event->arena, len * sizeof *copy) : NULL;
    if (copy == NULL) {
        event->incomplete = event->incomplete || len > 0;
        return len == 0;
    }
    for (size_t i = 0; i < len; i++)
        copy[i] = (struct event_word){.text = event_str(event, words[i].text),
                                      .start_ms = words[i].start_ms,
                                      .end_ms = words[i].end_ms};
    event->words = copy;
    event->words_len = len;
    return true;
}

bool event_copy_edits(struct event *event, const struct grammar_result *result)
{
    event->corrected = event_str(event, result->corrected);
    size_t len = result->edits_len;
    struct event_edit *copy = len > 0 ? arena_alloc(event->arena, len * sizeof *copy) : NULL;
    if (copy == NULL) {
        event->incomplete = event->incomplete || len > 0;
        return len == 0;
    }
    for (size_t i = 0; i < len; i++) {
        const struct grammar_edit *edit = &result->edits[i];
        copy[i] = (struct event_edit){.start = edit->start,
                                      .end = edit->end,
                                      .kind = grammar_kind_name(edit->kind),
                                      .from = event_str(event, edit->from),
                                      .to = event_str(event, edit->to),
                                      .message = event_str(event, edit->message)};
    }
    event->edits = copy;
    event->edits_len = len;
    return true;
}

static const struct error_code error_codes[] = {
    {"bad_message", false, 0, false},
    {"unknown_type", false, 0, false},
    {"not_found", false, 0, false},
    {"audio_too_fast", false, 0, true},
    {"rate_limited", false, 0, true},
    {"upstream_unavailable", false, 0, true},
    {"upstream_refused", false, 0, false},
    {"storage", false, 0, true},
    {"start_required", true, 1008, false},
    {"unsupported_language", true, 1008, false},
    {"unsupported_rate", true, 1008, false},
    {"too_many_targets", true, 1008, false},
    {"idle", true, 1008, true},
    {"session_too_long", true, 1008, true},
    {"resume_refused", true, 1008, false},
    {"replaced", true, 1008, false},
    {"unauthorized", true, 1008, false},
    {"frame_too_big", true, 1009, false},
    {"over_capacity", true, 1013, true},
    {"internal", true, 1011, true},
};

const struct error_code *error_code_find(const char *name)
{
    for (size_t i = 0; i < sizeof error_codes / sizeof error_codes[0]; i++)
        if (strcmp(error_codes[i].name, name) == 0)
            return &error_codes[i];
    assert(!"unknown error code");
    return NULL;
}

struct event *event_error(const char *code, const char *message, uint32_t retry_after_ms)
{
    const struct error_code *error = error_code_find(code);
    struct event *event = event_create(EVENT_ERROR);
    if (event == NULL)
        return NULL;
    event->code = error->name;
    event->message = event_str(event, message);
    event->retryable = error->retryable;
    event->fatal = error->fatal;
    event->close_code = error->close_code;
    event->retry_after_ms = retry_after_ms;
    return event;
}
