#include "base/mem.h"
#include "base/status.h"
#include "grammar/internal.h"
#include "tests/check.h"
#include "tests/unit/grammar_kit.h"

static void test_kind_names(void)
{
    CHECK_STR(grammar_kind_name(GRAMMAR_OTHER), "other");
    CHECK_STR(grammar_kind_name(GRAMMAR_AGREEMENT), "agreement");
    CHECK_STR(grammar_kind_name(GRAMMAR_WORD_ORDER), "word_order");
    CHECK_STR(grammar_kind_name(GRAMMAR_PUNCTUATION), "punctuation");
}

static void test_copy_is_deep(void)
{
    struct grammar_result result = {0}, copy = {0};
    CHECK_EQ(grammar_diff("she have two cat", "she has two cats", &result), 0);
    result.edits[1].kind = GRAMMAR_NUMBER;
    CHECK_EQ(grammar__result_copy(&result, &copy), 0);
    CHECK(copy.corrected != result.corrected && copy.edits != result.edits);
    grammar_result_free(&result);
    CHECK_STR(copy.corrected, "she has two cats");
    CHECK_STR(edits_text(&copy), "4-8:have>has ; 13-16:cat>cats");
    CHECK_EQ(copy.edits[1].kind, GRAMMAR_NUMBER);
    grammar_result_free(&copy);
    CHECK(copy.corrected == NULL && copy.edits == NULL && copy.edits_len == 0);
    grammar_result_free(&copy);
}

static void test_no_memory(void)
{
    struct grammar_result result = {0};
    CHECK_EQ(grammar_diff("she have two cat", "she has two cats", &result), 0);
    unsigned nth = 1;
    for (bool clean = false; !clean; nth++) {
        struct grammar_result copy = {0};
        mem_fail_nth(nth);
        int status = grammar__result_copy(&result, &copy);
        mem_fail_nth(0);
        CHECK(status == 0 || (status == STATUS_NOMEM && copy.corrected == NULL));
        clean = status == 0;
        grammar_result_free(&copy);
    }
    CHECK_EQ(nth, 10);
    grammar_result_free(&result);
}

int main(void)
{
    RUN(test_kind_names);
    RUN(test_copy_is_deep);
    RUN(test_no_memory);
    return check_done();
}
