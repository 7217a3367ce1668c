#include "base/mem.h"
#include "base/status.h"
#include "grammar/grammar.h"
#include "grammar/limits.h"
#include "tests/check.h"
#include "tests/unit/grammar_kit.h"
#include <pthread.h>

static void put(struct grammar_cache *cache, const char *text, const char *corrected)
{
    struct grammar_result result = {0};
    CHECK_EQ(grammar_diff(text, corrected, &result), 0);
    grammar_cache_put(cache, &(struct grammar_key){"en", NULL, text}, &result);
    grammar_result_free(&result);
}

static void holds(struct grammar_cache *cache, const char *text, const char *corrected)
{
    struct grammar_result result = {0};
    int status = grammar_cache_get(cache, &(struct grammar_key){"en", NULL, text}, &result);
    CHECK_EQ(status, corrected != NULL ? 0 : STATUS_NOT_FOUND);
    if (status == 0) {
        CHECK_STR(result.corrected, corrected);
        CHECK(edits_apply(text, &result));
    }
    grammar_result_free(&result);
}

static void test_put_and_get(void)
{
    struct grammar_cache *cache = grammar_cache_create(8);
    holds(cache, "she have", NULL);
    put(cache, "she have", "she has");
    put(cache, "they has", "they have");
    holds(cache, "she have", "she has");
    holds(cache, "they has", "they have");
    put(cache, "she have", "she had");
    holds(cache, "she have", "she had");
    struct grammar_result result = {0};
    CHECK_EQ(grammar_cache_get(cache, &(struct grammar_key){"en-US", NULL, "she have"}, &result),
             STATUS_NOT_FOUND);
    /* What is explained in another language is another answer. */
    CHECK_EQ(grammar_cache_get(cache, &(struct grammar_key){"en", "es", "she have"}, &result),
             STATUS_NOT_FOUND);
    CHECK_EQ(grammar_cache_get(cache, &(struct grammar_key){"en", "en", "she have"}, &result), 0);
    grammar_result_free(&result);
    grammar_cache_destroy(cache);
}

static void test_bounded_and_oldest_goes(void)
{
    struct grammar_cache *cache = grammar_cache_create(50);
    char text[32];
    for (int i = 0; i < 2000; i++) {
        snprintf(text, sizeof text, "text %d", i);
        put(cache, text, "text");
        holds(cache, "text 0", "text");
    }
    for (int i = 1; i < 2000; i++) {
        snprintf(text, sizeof text, "text %d", i);
        holds(cache, text, i >= 1951 ? "text" : NULL);
    }
    grammar_cache_destroy(cache);
}

static void test_long_texts_are_not_kept(void)
{
    static char text[GRAMMAR_CACHE_TEXT_BYTES + 2];
    memset(text, 'x', GRAMMAR_CACHE_TEXT_BYTES);
    struct grammar_cache *cache = grammar_cache_create(4);
    put(cache, text, "y");
    holds(cache, text, "y");
    text[GRAMMAR_CACHE_TEXT_BYTES] = 'x';
    put(cache, text, "y");
    holds(cache, text, NULL);
    grammar_cache_destroy(cache);
}

static void test_no_memory(void)
{
    for (unsigned nth = 1; nth <= 3; nth++) {
        mem_fail_nth(nth);
        CHECK(grammar_cache_create(4) == NULL);
        mem_fail_nth(0);
    }
    struct grammar_cache *cache = grammar_cache_create(4);
    struct grammar_result result = {0}, got = {0};
    CHECK_EQ(grammar_diff("she have", "she has", &result), 0);
    for (unsigned nth = 1; nth <= 6; nth++) {
        mem_fail_nth(nth);
        grammar_cache_put(cache, &(struct grammar_key){"en", NULL, "she have"}, &result);
        mem_fail_nth(0);
        CHECK_EQ(grammar_cache_get(cache, &(struct grammar_key){"en", NULL, "she have"}, &got),
                 STATUS_NOT_FOUND);
    }
    grammar_cache_put(cache, &(struct grammar_key){"en", NULL, "she have"}, &result);
    for (unsigned nth = 1; nth <= 6; nth++) {
        mem_fail_nth(nth);
        CHECK_EQ(grammar_cache_get(cache, &(struct grammar_key){"en", NULL, "she have"}, &got),
                 STATUS_NOT_FOUND);
        mem_fail_nth(0);
    }
    holds(cache, "she have", "she has");
    grammar_result_free(&result);
    grammar_cache_destroy(cache);
}

static void *churn(void *ctx)
{
    struct grammar_cache *cache = ctx;
    size_t wrong = 0;
    for (int i = 0; i < 5000; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i * 7 % 97);
        struct grammar_result result = {0};
        if (grammar_cache_get(cache, &(struct grammar_key){"en", NULL, text}, &result) == 0) {
            wrong += strcmp(result.corrected, text) != 0;
            grammar_result_free(&result);
        }
        if (grammar_diff(text, text, &result) == 0)
            grammar_cache_put(cache, &(struct grammar_key){"en", NULL, text}, &result);
        grammar_result_free(&result);
    }
    return (void *)wrong;
}

static void test_any_thread(void)
{
    struct grammar_cache *cache = grammar_cache_create(50);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, churn, cache), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        CHECK(wrong == NULL);
    }
    grammar_cache_destroy(cache);
}

int main(void)
{
    RUN(test_put_and_get);
    RUN(test_bounded_and_oldest_goes);
    RUN(test_long_texts_are_not_kept);
    RUN(test_no_memory);
    RUN(test_any_thread);
    return check_done();
}
