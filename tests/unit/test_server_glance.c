#include "server/glance.h"

#include "base/arena.h"
#include "base/lat.h"
#include "base/status.h"
#include "server/event.h"
#include "tests/check.h"

static const struct client_settings settings = {.source = "en-US",
                                                .targets = {"es", "fr"},
                                                .targets_len = 2,
                                                .class_name = "7b",
                                                .name = "Ann"};

static void tell(struct glance *glance, struct event *event)
{
    glance_event(glance, event);
    event_free(event);
}

static void start(struct glance *glance, uint32_t attach)
{
    struct event *event = event_create(EVENT_STARTED);
    event->attach = attach;
    tell(glance, event);
}

static void hear(struct glance *glance, uint32_t segment, const char *committed,
                 const char *tentative)
{
    struct event *event = event_create(EVENT_TRANSCRIPT);
    event->segment = segment;
    event->committed = committed;
    event->tentative = tentative;
    tell(glance, event);
}

static void translate(struct glance *glance, uint32_t segment, const char *lang, const char *text)
{
    struct event *event = event_create(EVENT_TRANSLATION);
    event->segment = segment;
    event->language = lang;
    event->committed = text;
    event->tentative = "";
    tell(glance, event);
}

static void degrade(struct glance *glance, bool degraded, const char *what)
{
    struct event *event = event_create(degraded ? EVENT_DEGRADED : EVENT_RESTORED);
    event->what[0] = what;
    event->what_len = 1;
    tell(glance, event);
}

/* What has changed is told; ended with its arena. */
static struct glance_change told(struct glance *glance, struct arena **arena)
{
    struct glance_change change = {0};
    *arena = arena_create(65536);
    CHECK_EQ(glance_write(glance, &settings, glance->changed, *arena, &change), STATUS_OK);
    glance_told(glance, change.has);
    CHECK_EQ(glance->changed, 0);
    return change;
}

static void begin(struct glance *glance)
{
    struct arena *arena;
    *glance = (struct glance){0};
    start(glance, 1);
    told(glance, &arena);
    arena_destroy(arena);
}

static void test_all_of_it_at_first(void)
{
    struct glance glance = {0};
    struct arena *arena;
    hear(&glance, 1, "before it began ", "");
    start(&glance, 1);
    glance_look(&glance, &(struct glance_look){.phase = "live", .audio_ms = 10});
    struct glance_change change = told(&glance, &arena);
    CHECK_EQ(change.has, GLANCE_ALL);
    CHECK_STR(change.name, "Ann");
    CHECK_STR(change.class_name, "7b");
    CHECK_STR(change.source, "en-US");
    CHECK_EQ(change.targets_len, 2);
    CHECK_STR(change.targets[1], "fr");
    CHECK_STR(change.phase, "live");
    CHECK_STR(change.text, "before it began ");
    CHECK_EQ(change.translations_len, 0);
    CHECK_EQ(change.health.reconnects, 0);
    CHECK_EQ(change.health.degraded_len, 0);
    arena_destroy(arena);
    glance_deinit(&glance);
}

static void test_only_what_changed(void)
{
    struct glance glance;
    struct arena *arena;
    begin(&glance);
    hear(&glance, 1, "she has ", "to cats");
    CHECK_EQ(glance.changed, GLANCE_BIT(GLANCE_TEXT) | GLANCE_BIT(GLANCE_SEGMENT));
    struct glance_change change = told(&glance, &arena);
    CHECK_STR(change.text, "she has to cats");
    CHECK(change.name == NULL);
    arena_destroy(arena);
    /* The same words, one more of them committed. */
    hear(&glance, 1, "she has to ", "cats");
    CHECK_EQ(glance.changed, 0);
    hear(&glance, 1, "she has two cats", "");
    CHECK_EQ(glance.changed, GLANCE_BIT(GLANCE_TEXT));
    glance_told(&glance, GLANCE_ALL);
    hear(&glance, 2, "", "");
    CHECK_EQ(glance.changed, GLANCE_BIT(GLANCE_TEXT) | GLANCE_BIT(GLANCE_SEGMENT));
    hear(&glance, 1, "too late", "");
    CHECK_STR(glance.text, "");
    glance_deinit(&glance);
}

static void test_newest_translation_of_each_language(void)
{
    struct glance glance;
    struct arena *arena;
    begin(&glance);
    translate(&glance, 1, "es", "uno");
    translate(&glance, 1, "fr", "un");
    translate(&glance, 2, "es", "dos");
    translate(&glance, 1, "es", "uno, tarde");
    translate(&glance, 2, "fr", ""); /* it failed */
    CHECK_EQ(glance.changed, GLANCE_BIT(GLANCE_TRANSLATIONS));
    struct glance_change change = told(&glance, &arena);
    CHECK_EQ(change.translations_len, 2);
    CHECK_STR(change.translations[0].lang, "es");
    CHECK_STR(change.translations[0].text, "dos");
    CHECK_STR(change.translations[1].text, "un");
    arena_destroy(arena);
    translate(&glance, 2, "es", "dos");
    CHECK_EQ(glance.changed, 0);
    struct event *event = event_create(EVENT_UPDATED);
    event->settings = (struct client_settings){.targets = {"fr"}, .targets_len = 1};
    tell(&glance, event);
    CHECK_EQ(glance.changed, GLANCE_BIT(GLANCE_TARGETS) | GLANCE_BIT(GLANCE_TRANSLATIONS));
    change = told(&glance, &arena);
    CHECK_EQ(change.translations_len, 1);
    CHECK_STR(change.translations[0].lang, "fr");
    arena_destroy(arena);
    glance_deinit(&glance);
}

static void test_mistakes_are_edits_of_finals(void)
{
    struct glance glance;
    struct event_edit edits[3] = {{0}};
    begin(&glance);
    for (int i = 0; i < 3; i++) {
        struct event *event = event_create(EVENT_GRAMMAR);
        event->final = i > 0;
        event->edits = edits;
        event->edits_len = (size_t)(i < 2 ? 2 : 0);
        event->mistakes = i > 0 ? 2 : 0;
        tell(&glance, event);
        CHECK_EQ(glance.mistakes, i > 0 ? 2 : 0);
        CHECK_EQ(glance.changed, i > 0 ? GLANCE_BIT(GLANCE_MISTAKES) : 0);
    }
    glance_deinit(&glance);
}

/* Those of before this process had the session count. */
static void test_mistakes_go_on(void)
{
    struct glance glance = {0};
    struct event *event = event_create(EVENT_STARTED);
    event->mistakes = 7;
    tell(&glance, event);
    CHECK_EQ(glance.mistakes, 7);
    glance_deinit(&glance);
}

static void test_health(void)
{
    struct glance glance;
    struct arena *arena;
    begin(&glance);
    degrade(&glance, true, "partial_grammar");
    degrade(&glance, true, "speech");
    start(&glance, 3);
    struct glance_change change = told(&glance, &arena);
    CHECK_EQ(change.has, GLANCE_BIT(GLANCE_HEALTH));
    CHECK_EQ(change.health.degraded_len, 2);
    CHECK_STR(change.health.degraded[0], "speech");
    CHECK_STR(change.health.degraded[1], "partial_grammar");
    CHECK_EQ(change.health.reconnects, 2);
    arena_destroy(arena);
    degrade(&glance, false, "speech");
    change = told(&glance, &arena);
    CHECK_EQ(change.health.degraded_len, 1);
    CHECK_STR(change.health.degraded[0], "partial_grammar");
    arena_destroy(arena);
    glance_deinit(&glance);
}

static void test_audio_and_lag_by_the_second(void)
{
    struct glance glance;
    struct arena *arena;
    struct glance_look look = {.phase = "live", .audio_ms = 400};
    begin(&glance);
    glance_look(&glance, &look);
    CHECK_EQ(glance.changed, GLANCE_BIT(GLANCE_PHASE));
    glance_told(&glance, GLANCE_ALL);
    for (int i = 1; i <= 100; i++) /* the last 20 count: 81 … 100 */
        glance_lag(&glance, &(struct lat){.start_us = 1, .last_us = 1 + i * 1000});
    glance_dropped(&glance);
    look.audio_ms = 1300;
    glance_look(&glance, &look);
    CHECK_EQ(glance.changed, 0);
    look.audio_ms = 1400;
    look.speaking = true;
    glance_look(&glance, &look);
    struct glance_change change = told(&glance, &arena);
    CHECK_EQ(change.has,
             GLANCE_BIT(GLANCE_AUDIO_MS) | GLANCE_BIT(GLANCE_SPEAKING) | GLANCE_BIT(GLANCE_HEALTH));
    CHECK_EQ(change.audio_ms, 1400);
    CHECK(change.speaking);
    CHECK_EQ(change.health.lag_ms, 100);
    CHECK_EQ(change.health.p95_ms, 99);
    CHECK_EQ(change.health.dropped, 1);
    arena_destroy(arena);
    look.audio_ms = 2400;
    glance_look(&glance, &look);
    CHECK_EQ(glance.changed, GLANCE_BIT(GLANCE_AUDIO_MS));
    glance_deinit(&glance);
}

static void test_without_memory_for_it(void)
{
    struct glance glance;
    struct glance_change change = {0};
    begin(&glance);
    hear(&glance, 1, "some words that are longer than the arena", "");
    struct arena *arena = arena_create(16);
    CHECK_EQ(glance_write(&glance, &settings, glance.changed, arena, &change), STATUS_NOMEM);
    arena_destroy(arena);
    CHECK(glance.changed != 0);
    glance_deinit(&glance);
}

int main(void)
{
    RUN(test_all_of_it_at_first);
    RUN(test_only_what_changed);
    RUN(test_newest_translation_of_each_language);
    RUN(test_mistakes_are_edits_of_finals);
    RUN(test_mistakes_go_on);
    RUN(test_health);
    RUN(test_audio_and_lag_by_the_second);
    RUN(test_without_memory_for_it);
    return check_done();
}
