#include "say/outcome.h"

#include "say/event.h"
#include <stdio.h>
#include <string.h>

static void on_translation(struct outcome *outcome, const struct options *options,
                           const struct event *event)
{
    if (!event->final || *event->failed != '\0' || *event->committed == '\0')
        return;
    for (unsigned i = 0; i < options->targets_count; i++) {
        if (strcmp(options->targets[i], event->lang) == 0)
            outcome->translations[i]++;
    }
}

void outcome_event(struct outcome *outcome, const struct options *options,
                   const struct event *event)
{
    switch (event->type) {
    case EVENT_STARTED: outcome->started = true; break;
    case EVENT_ENDED: outcome->ended = true; break;
    case EVENT_TRANSCRIPT: outcome->captions += event->final && *event->committed != '\0'; break;
    case EVENT_TRANSLATION: on_translation(outcome, options, event); break;
    case EVENT_GRAMMAR: outcome->edits += event->final ? event->edits_count : 0; break;
    case EVENT_ERROR:
        if (!event->fatal)
            break;
        outcome->refused = true;
        outcome->retry_after_ms = event->retry_after_ms;
        snprintf(outcome->refusal, sizeof outcome->refusal, "%s", event->code);
        break;
    case EVENT_ACK:
    case EVENT_FLUSHED:
    case EVENT_NOTE:
    case EVENT_DEGRADED:
    case EVENT_RESTORED:
    case EVENT_GOAWAY:
    case EVENT_OTHER: break;
    }
}

enum say_exit outcome_exit(const struct outcome *outcome, const struct options *options)
{
    if (outcome->refused)
        return SAY_EXIT_REFUSED;
    if (!outcome->started)
        return SAY_EXIT_CONNECT;
    if (!outcome->ended)
        return SAY_EXIT_LOST;
    if (outcome->broken)
        return SAY_EXIT_BROKEN;
    if (outcome->captions == 0)
        return SAY_EXIT_EMPTY;
    for (unsigned i = 0; i < options->targets_count; i++) {
        if (outcome->translations[i] == 0)
            return SAY_EXIT_EMPTY;
    }
    return SAY_EXIT_OK;
}
