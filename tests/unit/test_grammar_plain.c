/* A correction by an API that says the corrected text and nothing else. */
#include "base/mem.h"
#include "base/status.h"
#include "grammar/grammar.h"
#include "pool/chat_provider.h"
#include "tests/check.h"

static const struct chat_api api = {.provider = &chat_deepl_write};

static int answer_read(const char *said, const char *answer, struct grammar_result *out)
{
    struct grammar_prompt prompt = {.api = &api, .model = "", .language = "en", .text = said};
    return grammar_answer_read(&prompt, answer, strlen(answer), out);
}

static void test_edits_are_found(void)
{
    struct grammar_result result;
    CHECK_EQ(answer_read("\u00e9l: she go home and he have a dog",
                         "\u00e9l: she goes home and he has a dog", &result),
             STATUS_OK);
    CHECK_STR(result.corrected, "\u00e9l: she goes home and he has a dog");
    CHECK_EQ(result.edits_len, 2);
    CHECK_STR(result.edits[0].from, "go");
    CHECK_STR(result.edits[0].to, "goes");
    /* Code points, not bytes. */
    CHECK_EQ(result.edits[0].start, 8);
    CHECK_EQ(result.edits[0].end, 10);
    CHECK_STR(result.edits[1].to, "has");
    CHECK_STR(result.edits[1].message, "");
    grammar_result_free(&result);
}

static void test_nothing_to_correct(void)
{
    struct grammar_result result;
    CHECK_EQ(answer_read("She goes home.", "She goes home.", &result), STATUS_OK);
    CHECK_EQ(result.edits_len, 0);
    grammar_result_free(&result);
}

/* What looks like a model's answer is text like any other here, and no correction of this one. */
static void test_other_texts_are_refused(void)
{
    struct grammar_result result = {0};
    CHECK_EQ(answer_read("she go home", "", &result), STATUS_FILTERED);
    CHECK_EQ(answer_read("she go home", "{\"corrected\":\"she goes home\",\"edits\":[]}", &result),
             STATUS_FILTERED);
    CHECK_EQ(answer_read("she go home again", "what a nice day it is in the park", &result),
             STATUS_FILTERED);
    CHECK(result.corrected == NULL);
}

static void test_models_are_still_read_as_json(void)
{
    static const struct chat_api model = {.provider = &chat_ollama};
    struct grammar_prompt prompt = {
        .api = &model, .model = "m", .language = "en", .text = "she go home"};
    struct grammar_result result;
    CHECK_EQ(grammar_answer_read(&prompt, "she goes home", 13, &result), STATUS_PROTOCOL);
}

static void test_no_memory(void)
{
    unsigned nth = 1;
    for (bool clean = false; !clean; nth++) {
        struct grammar_result result = {0};
        mem_fail_nth(nth);
        int status = answer_read("she have cat", "she has cats", &result);
        mem_fail_nth(0);
        CHECK(status == STATUS_OK || (status == STATUS_NOMEM && result.corrected == NULL));
        clean = status == STATUS_OK;
        grammar_result_free(&result);
    }
    CHECK(nth > 8);
}

int main(void)
{
    RUN(test_edits_are_found);
    RUN(test_nothing_to_correct);
    RUN(test_other_texts_are_refused);
    RUN(test_models_are_still_read_as_json);
    RUN(test_no_memory);
    return 0;
}
