#include "base/mem.h"
#include "grammar/grammar.h"
#include "server/event.h"
#include "stt/stream.h"
#include "tests/check.h"

static void test_strings_are_copied(void)
{
    char text[] = "hola";
    struct event *event = event_create(EVENT_TRANSLATION);
    event->committed = event_str(event, text);
    text[0] = 'x';
    CHECK_EQ(event->kind, EVENT_TRANSLATION);
    CHECK_STR(event->committed, "hola");
    CHECK(event_str(event, NULL) == NULL);
    CHECK(!event->incomplete);
    event_free(event);
    event_free(NULL);
}

static void test_words(void)
{
    char one[] = "one";
    const struct stt_word words[] = {{one, 0, 300}, {"two", 310, 600}};
    struct event *event = event_create(EVENT_TRANSCRIPT);
    CHECK(event_copy_words(event, words, 2));
    one[0] = 'x';
    CHECK_EQ(event->words_len, 2);
    CHECK_STR(event->words[0].text, "one");
    CHECK_EQ(event->words[1].start_ms, 310);
    CHECK_EQ(event->words[1].end_ms, 600);
    event_free(event);
    event = event_create(EVENT_TRANSCRIPT);
    CHECK(event_copy_words(event, NULL, 0));
    CHECK_EQ(event->words_len, 0);
    CHECK(!event->incomplete);
    event_free(event);
}

static void test_edits(void)
{
    struct grammar_result result = {0};
    CHECK_EQ(grammar_diff("she have two cats", "she has two cats", &result), 0);
    struct event *event = event_create(EVENT_GRAMMAR);
    CHECK(event_copy_edits(event, &result));
    grammar_result_free(&result);
    CHECK_STR(event->corrected, "she has two cats");
    CHECK_EQ(event->edits_len, 1);
    CHECK_EQ(event->edits[0].start, 4);
    CHECK_EQ(event->edits[0].end, 8);
    CHECK_STR(event->edits[0].from, "have");
    CHECK_STR(event->edits[0].to, "has");
    CHECK_STR(event->edits[0].kind, "other");
    event_free(event);
}

/* The large ones are not echoed. */
static void test_settings(void)
{
    char target[] = "es";
    const char *vocabulary[] = {"cat"};
    struct client_settings settings = {.source = "en-US",
                                       .targets = {target},
                                       .targets_len = 1,
                                       .rate = 16000,
                                       .grammar = true,
                                       .explain_in = "",
                                       .class_name = "7b",
                                       .name = "Ada",
                                       .vocabulary = vocabulary,
                                       .vocabulary_len = 1};
    struct event *event = event_create(EVENT_STARTED);
    CHECK(event_copy_settings(event, &settings));
    target[0] = 'x';
    CHECK_STR(event->settings.source, "en-US");
    CHECK_STR(event->settings.targets[0], "es");
    CHECK_STR(event->settings.class_name, "7b");
    CHECK_EQ(event->settings.rate, 16000);
    CHECK_STR(event->settings.vocabulary[0], "cat");
    CHECK(event->settings.vocabulary[0] != vocabulary[0]);
    event_free(event);
}

static void test_error_codes(void)
{
    static const struct {
        const char *name;
        int close_code;
    } fatal[] = {{"idle", 1008},          {"over_capacity", 1013}, {"internal", 1011},
                 {"frame_too_big", 1009}, {"unauthorized", 1008},  {"resume_refused", 1008}};
    static const char *const others[] = {"bad_message",  "unknown_type",         "audio_too_fast",
                                         "rate_limited", "upstream_unavailable", "upstream_refused",
                                         "storage"};
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) {
        struct event *event = event_error(fatal[i].name, "why", 500);
        CHECK_STR(event->code, fatal[i].name);
        CHECK_STR(event->message, "why");
        CHECK(event->fatal);
        CHECK_EQ(event->close_code, fatal[i].close_code);
        CHECK_EQ(event->retry_after_ms, 500);
        event_free(event);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const struct error_code *code = error_code_find(others[i]);
        CHECK(!code->fatal);
        CHECK_EQ(code->close_code, 0);
    }
}

/* An event without all its parts says so, whatever part could not be copied. */
static void test_without_memory_it_is_incomplete(void)
{
    static char huge[300000];
    const struct stt_word words[] = {{"one", 0, 300}};
    for (unsigned nth = 1; nth <= 2; nth++) {
        mem_fail_nth(nth);
        CHECK(event_create(EVENT_ACK) == NULL);
    }
    mem_fail_nth(0);
    memset(huge, 'x', sizeof huge - 1);
    struct event *event = event_create(EVENT_TRANSCRIPT);
    CHECK_STR(event_str(event, huge), "");
    CHECK(event->incomplete);
    event_free(event);
    event = event_create(EVENT_TRANSCRIPT);
    mem_fail_nth(1);
    CHECK(!event_copy_words(event, words, 1) || event->words_len == 1);
    mem_fail_nth(0);
    CHECK(event->incomplete == (event->words_len == 0));
    event_free(event);
}

int main(void)
{
    RUN(test_strings_are_copied);
    RUN(test_words);
    RUN(test_edits);
    RUN(test_settings);
    RUN(test_error_codes);
    RUN(test_without_memory_it_is_incomplete);
    return check_done();
}
