#include "server/glance.h"

#include "base/arena.h"
#include "base/lat.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/event.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_MS 1000

/* The newest translation into a language: its tag, then its text. */
struct glance_said {
    struct glance_said *next;
    uint32_t segment;
    uint32_t lang_bytes; /* with its end */
    char lang_text[];
};

/* What may be degraded, the worst first: only so many are told. */
static const char *const degraded_names[] = {
    "speech", "storage", "translation", "grammar", "partial_translation", "partial_grammar"};

/* --- texts --- */

static bool same(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

/* Keeps the older text where there is no memory for the newer one. */
static void set_text(struct glance *glance, const char *committed, const char *tentative)
{
    size_t before = strlen(committed), after = strlen(tentative);
    if (glance->text != NULL ? strncmp(glance->text, committed, before) == 0 &&
                                   strcmp(glance->text + before, tentative) == 0
                             : before + after == 0)
        return;
    char *text = mem_alloc(before + after + 1);
    if (text == NULL)
        return;
    memcpy(text, committed, before);
    memcpy(text + before, tentative, after + 1);
    mem_free(glance->text);
    glance->text = text;
    glance->changed |= GLANCE_BIT(GLANCE_TEXT);
}

static const char *text_of(const struct glance_said *said)
{
    return said->lang_text + said->lang_bytes;
}

static struct glance_said **find_said(struct glance *glance, const char *lang)
{
    struct glance_said **link = &glance->said;
    while (*link != NULL && strcmp((*link)->lang_text, lang) != 0)
        link = &(*link)->next;
    return link;
}

static void drop_said(struct glance_said **link)
{
    struct glance_said *said = *link;
    *link = said->next;
    mem_free(said);
}

static void set_said(struct glance *glance, const struct event *event)
{
    const char *parts[] = {event->committed != NULL ? event->committed : "",
                           event->tentative != NULL ? event->tentative : ""};
    struct glance_said **link = find_said(glance, event->language), *before = *link;
    size_t lang = strlen(event->language) + 1, one = strlen(parts[0]), two = strlen(parts[1]);
    /* A segment that is through may still owe a final behind one that has begun. */
    if (one + two == 0 || (before != NULL && event->segment < before->segment))
        return;
    struct glance_said *said = mem_alloc(sizeof *said + lang + one + two + 1);
    if (said == NULL)
        return;
    said->segment = event->segment;
    said->lang_bytes = (uint32_t)lang;
    memcpy(said->lang_text, event->language, lang);
    memcpy(said->lang_text + lang, parts[0], one);
    memcpy(said->lang_text + lang + one, parts[1], two + 1);
    if (before == NULL || !same(text_of(before), text_of(said)))
        glance->changed |= GLANCE_BIT(GLANCE_TRANSLATIONS);
    said->next = before != NULL ? before->next : NULL;
    *link = said;
    mem_free(before);
}

static bool is_target(const struct client_settings *settings, const char *lang)
{
    for (unsigned i = 0; i < settings->targets_len; i++)
        if (strcmp(settings->targets[i], lang) == 0)
            return true;
    return false;
}

void glance_deinit(struct glance *glance)
{
    assert(glance->link == NULL);
    mem_free(glance->text);
    while (glance->said != NULL)
        drop_said(&glance->said);
}

/* --- events --- */

static void on_started(struct glance *glance, const struct event *event)
{
    if (!glance->begun)
        glance->changed = GLANCE_ALL;
    glance->begun = true;
    glance->mistakes = event->mistakes;
    glance->reconnects = event->attach > 0 ? event->attach - 1 : 0;
    glance->changed |= GLANCE_BIT(GLANCE_HEALTH);
}

static void on_updated(struct glance *glance, const struct event *event)
{
    glance->changed |= GLANCE_BIT(GLANCE_TARGETS);
    for (struct glance_said **link = &glance->said; *link != NULL;) {
        if (is_target(&event->settings, (*link)->lang_text)) {
            link = &(*link)->next;
            continue;
        }
        drop_said(link);
        glance->changed |= GLANCE_BIT(GLANCE_TRANSLATIONS);
    }
}

static void on_transcript(struct glance *glance, const struct event *event)
{
    if (event->segment < glance->segment)
        return;
    if (event->segment > glance->segment)
        glance->changed |= GLANCE_BIT(GLANCE_SEGMENT);
    glance->segment = event->segment;
    set_text(glance, event->committed, event->tentative);
}

static void on_health(struct glance *glance, const struct event *event, bool degraded)
{
    uint8_t bits = 0;
    for (unsigned i = 0; i < event->what_len; i++)
        for (unsigned j = 0; j < sizeof degraded_names / sizeof degraded_names[0]; j++)
            if (strcmp(event->what[i], degraded_names[j]) == 0)
                bits |= (uint8_t)(1u << j);
    glance->degraded =
        degraded ? (uint8_t)(glance->degraded | bits) : (uint8_t)(glance->degraded & ~bits);
    glance->changed |= GLANCE_BIT(GLANCE_HEALTH);
}

void glance_event(struct glance *glance, const struct event *event)
{
    switch (event->kind) {
    case EVENT_STARTED: on_started(glance, event); break;
    case EVENT_UPDATED: on_updated(glance, event); break;
    case EVENT_TRANSCRIPT: on_transcript(glance, event); break;
    case EVENT_TRANSLATION: set_said(glance, event); break;
    case EVENT_GRAMMAR:
        if (!event->final || event->edits_len == 0)
            break;
        glance->mistakes = event->mistakes;
        glance->changed |= GLANCE_BIT(GLANCE_MISTAKES);
        break;
    case EVENT_DEGRADED: on_health(glance, event, true); break;
    case EVENT_RESTORED: on_health(glance, event, false); break;
    case EVENT_ACK:
    case EVENT_NOTE:
    case EVENT_FLUSHED:
    case EVENT_GOAWAY:
    case EVENT_ENDED:
    case EVENT_ERROR: break;
    }
}

/* --- health --- */

void glance_lag(struct glance *glance, const struct lat *lat)
{
    if (lat->start_us == 0)
        return;
    int64_t ms = (lat->last_us - lat->start_us + 500) / 1000;
    glance->lags_ms[glance->lags_at] = ms > UINT16_MAX ? UINT16_MAX : (uint16_t)(ms > 0 ? ms : 0);
    glance->lags_at = (uint8_t)((glance->lags_at + 1) % GLANCE_LAGS);
    if (glance->lags_len < GLANCE_LAGS)
        glance->lags_len++;
}

void glance_dropped(struct glance *glance)
{
    glance->dropped++;
}

static uint16_t newest_lag(const struct glance *glance)
{
    return glance->lags_len == 0
               ? 0
               : glance->lags_ms[(glance->lags_at + GLANCE_LAGS - 1) % GLANCE_LAGS];
}

static int by_size(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

static uint16_t p95_lag(const struct glance *glance)
{
    uint16_t sorted[GLANCE_LAGS];
    unsigned len = glance->lags_len;
    if (len == 0)
        return 0;
    memcpy(sorted, glance->lags_ms, len * sizeof sorted[0]);
    qsort(sorted, len, sizeof sorted[0], by_size);
    return sorted[(len * 95 + 99) / 100 - 1]; /* nearest rank */
}

void glance_look(struct glance *glance, const struct glance_look *look)
{
    if (glance->phase == NULL || !same(glance->phase, look->phase))
        glance->changed |= GLANCE_BIT(GLANCE_PHASE);
    if (glance->speaking != look->speaking)
        glance->changed |= GLANCE_BIT(GLANCE_SPEAKING);
    glance->phase = look->phase;
    glance->speaking = look->speaking;
    glance->audio_ms = look->audio_ms;
    if (look->audio_ms - glance->audio_told_ms < SECOND_MS)
        return;
    glance->changed |= GLANCE_BIT(GLANCE_AUDIO_MS);
    if (newest_lag(glance) != glance->lag_told_ms || glance->dropped != glance->dropped_told)
        glance->changed |= GLANCE_BIT(GLANCE_HEALTH);
}

/* --- what is told --- */

static int write_targets(const struct client_settings *settings, struct arena *arena,
                         struct glance_change *out)
{
    for (unsigned i = 0; i < settings->targets_len; i++)
        if ((out->targets[i] = arena_strdup(arena, settings->targets[i])) == NULL)
            return STATUS_NOMEM;
    out->targets_len = settings->targets_len;
    return STATUS_OK;
}

static int write_translations(const struct glance *glance, struct arena *arena,
                              struct glance_change *out)
{
    out->translations_len = 0;
    for (const struct glance_said *said = glance->said;
         said != NULL && out->translations_len < TARGETS_MAX; said = said->next) {
        struct glance_translation *to = &out->translations[out->translations_len++];
        *to = (struct glance_translation){.lang = arena_strdup(arena, said->lang_text),
                                          .text = arena_strdup(arena, text_of(said))};
        if (to->lang == NULL || to->text == NULL)
            return STATUS_NOMEM;
    }
    return STATUS_OK;
}

static void write_health(const struct glance *glance, struct glance_health *out)
{
    *out = (struct glance_health){.lag_ms = newest_lag(glance),
                                  .p95_ms = p95_lag(glance),
                                  .dropped = glance->dropped,
                                  .reconnects = glance->reconnects};
    unsigned room = sizeof out->degraded / sizeof out->degraded[0];
    for (unsigned i = 0; i < sizeof degraded_names / sizeof degraded_names[0]; i++)
        if ((glance->degraded >> i & 1) != 0 && out->degraded_len < room)
            out->degraded[out->degraded_len++] = degraded_names[i];
}

static int write_name(const struct client_settings *settings, struct arena *arena,
                      struct glance_change *out)
{
    out->name = arena_strdup(arena, settings->name);
    out->class_name = arena_strdup(arena, settings->class_name);
    out->source = arena_strdup(arena, settings->source);
    return out->name != NULL && out->class_name != NULL && out->source != NULL ? STATUS_OK
                                                                               : STATUS_NOMEM;
}

int glance_write(const struct glance *glance, const struct client_settings *settings, unsigned has,
                 struct arena *arena, struct glance_change *out)
{
    int status = STATUS_OK;
    out->has = has;
    out->phase = glance->phase != NULL ? glance->phase : "live";
    out->audio_ms = glance->audio_ms;
    out->speaking = glance->speaking;
    out->segment = glance->segment;
    out->mistakes = glance->mistakes;
    if ((has & (GLANCE_BIT(GLANCE_NAME) | GLANCE_BIT(GLANCE_CLASS) | GLANCE_BIT(GLANCE_SOURCE))))
        status = write_name(settings, arena, out);
    if (status == STATUS_OK && (has & GLANCE_BIT(GLANCE_TARGETS)))
        status = write_targets(settings, arena, out);
    if (status == STATUS_OK && (has & GLANCE_BIT(GLANCE_TRANSLATIONS)))
        status = write_translations(glance, arena, out);
    if (status == STATUS_OK && (has & GLANCE_BIT(GLANCE_TEXT))) {
        out->text = arena_strdup(arena, glance->text != NULL ? glance->text : "");
        status = out->text != NULL ? STATUS_OK : STATUS_NOMEM;
    }
    if (has & GLANCE_BIT(GLANCE_HEALTH))
        write_health(glance, &out->health);
    return status;
}

void glance_told(struct glance *glance, unsigned has)
{
    glance->changed &= ~has;
    if (has & GLANCE_BIT(GLANCE_AUDIO_MS))
        glance->audio_told_ms = glance->audio_ms;
    if (has & GLANCE_BIT(GLANCE_HEALTH)) {
        glance->lag_told_ms = newest_lag(glance);
        glance->dropped_told = glance->dropped;
    }
}
